"""The document says what the summaries say, and the committed one is not stale."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bnverify.experiments.judge import rules, summary
from bnverify.experiments.judge.badges import answer
from bnverify.experiments.judge.verdicts import Cell, Judged
from bnverify.experiments.report import reproduction_notes

from bnverify.base.errors import InputError

NOTES = Path(__file__).parents[2] / "notes"
REGISTERED = rules.registered()


def made_up(name: str = "fig-4c", centre: float = -1.5) -> dict[str, Any]:
    """A summary of one claim that was run and one that was not."""
    rule = REGISTERED.claims[name]
    logs = {seed: centre + 0.1 * (seed - 5) for seed in range(11)}
    cell = Cell("none", rule.primary, "batchnorm", "none", logs, answer(list(logs.values()), rule.primary))
    judged = [
        Judged(rule, cell.word, "S1", (cell,), p=cell.answer.p if cell.answer else 1.0, p_holm=0.01),
        Judged(
            REGISTERED.claims["fig-9"], "not-run", "S0", (Cell("1", rule.primary, "none", 1.0, {}, None),)
        ),
    ]
    machine = dict.fromkeys(("processor", "cores", "device", "python", "torch"), "x") | {
        "commit": "0123456789abcdef"
    }
    changes = {
        "date": "2026-12-01",
        "note": "busy",
        "data": ["cifar10"],
        "machine": machine,
        "diverged": ["dln/none-lr1", "vgg/none-lr3-seed0", "vgg/none-lr3-seed1"],
    }
    return summary.summarise(REGISTERED, [], judged, "bnverify reproduce") | changes


def test_summaries_keep_everything_through_their_text(tmp_path: Path) -> None:
    (tmp_path / "runs-x.json").write_text(summary.text(made_up()))
    assert summary.read(tmp_path / "runs-x.json") == json.loads(json.dumps(made_up()))


def test_badge_argument_change_machine_and_divergence_are_in_the_document(tmp_path: Path) -> None:
    (tmp_path / "runs-desk.json").write_text(summary.text(made_up()))
    text = reproduction_notes.render(tmp_path)
    for words in (
        "## runs-desk",
        "`bnverify reproduce`, 2026-12-01, data: CIFAR-10",
        "### `fig-4c`: reproduced ×4.48 [",
        "Throughout the training, so the whole of it",
        "What would change it: An interval",
        ", spread of the log ratio 0.",
        "| **primary** | `beta_max` | batchnorm / none |",
        "Diverged, as results: dln/none-lr1, vgg/none-lr3 (2 seeds).",
        "Note: busy.",
        "Not run: `fig-9`.",
    ):
        assert words in text


def test_reproductions_stand_side_by_side_with_what_the_first_rules_said(tmp_path: Path) -> None:
    (tmp_path / "runs-desk.json").write_text(summary.text(made_up()))
    (tmp_path / "runs-again.json").write_text(summary.text(made_up(centre=1.5)))
    old = {"claims": [{"id": "fig-4c", "verdict": "partly"}]}
    (tmp_path / "reproduce-quick.json").write_text(json.dumps(old))
    text = reproduction_notes.render(tmp_path)
    row = next(line for line in text.splitlines() if line.startswith("| `fig-4c`"))
    assert "reproduced ×4.48" in row
    assert "opposite ×0.223" in row
    assert "partly (quick)" in row
    assert sum(line.startswith("| `") for line in text.splitlines()) == len(REGISTERED.claims)


def test_missing_and_foreign_summaries_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no summaries"):
        reproduction_notes.render(tmp_path)
    (tmp_path / "runs-x.json").write_text("[1]")
    with pytest.raises(InputError, match="is no summary"):
        reproduction_notes.render(tmp_path)
    (tmp_path / "runs-x.json").write_text('{"claims": [], "command": ""}')
    with pytest.raises(InputError, match="version 1, expected 2; judge its runs again with bnverify judge"):
        reproduction_notes.render(tmp_path)


def test_the_committed_document_is_what_the_committed_summaries_give() -> None:
    assert (NOTES / "reproduction.md").read_text() == reproduction_notes.render(NOTES / "results")


@pytest.mark.parametrize("path", sorted((NOTES / "results").glob("runs-*.json")), ids=lambda path: path.stem)
def test_the_one_judge_says_of_the_stored_seeds_what_is_stored(path: Path) -> None:
    for claim in summary.read(path)["claims"]:
        rule = REGISTERED.claims[claim["id"]]
        for cell in claim["cells"]:
            logs = [float(value) for value in cell["log_ratios"].values() if value is not None]
            if logs and not cell["missing"]:
                assert answer(logs, rule.primary).word == cell["word"], claim["id"]
