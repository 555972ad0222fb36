"""The document says what the summaries say, and the committed one is not stale."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bnverify.experiments.judge import summary
from bnverify.experiments.report import reproduction_notes

from bnverify.base.errors import InputError

NOTES = Path(__file__).parents[2] / "notes"


def made_up(verdict: str = "partly") -> dict[str, Any]:
    comparison = {"n": 5, "ratio": 0.2, "low": 0.1, "high": None, "p": 0.01, "fails": False}
    cell = {
        "model": "vgg",
        "statistic": "beta_max",
        "of": "batchnorm",
        "against": "none",
        "claim": "below",
        "bound": 1.0,
        "phase": "early",
        "lr": 0.1,
        "log_ratios": {"0": -1.6},
        "comparison": comparison,
        "decision": "holds",
        "missing": "",
    }
    unmeasured = cell | {
        "phase": "late",
        "comparison": None,
        "decision": "undecided",
        "missing": "1 of 1 seeds",
    }
    claim = {
        "id": "fig-4c",
        "place": "Section 3.2",
        "quotation": "words",
        "paper": "two orders",
        "verdict": verdict,
        "p": 1.0,
        "p_holm": 1.0,
        "cells": [cell, unmeasured],
    }
    machine = {
        "processor": "x",
        "cores": 2,
        "device": "cpu",
        "python": "3",
        "torch": "2",
        "commit": "0123456789abcdef",
    }
    return {
        "command": "bnverify reproduce",
        "date": "2026-01-01",
        "note": "busy",
        "machine": machine,
        "data": ["digits"],
        "runs": 3,
        "finished": 3,
        "diverged": ["none-lr3"],
        "training_seconds": 7,
        "claims": [claim],
    }


def test_summaries_keep_everything_through_their_text() -> None:
    assert json.loads(summary.text(made_up())) == made_up()


def test_verdict_ratio_interval_machine_and_divergence_are_in_the_document(tmp_path: Path) -> None:
    (tmp_path / "reproduce-quick.json").write_text(summary.text(made_up()))
    text = reproduction_notes.render(tmp_path)
    for words in (
        "## reproduce-quick",
        "`bnverify reproduce`, 2026-01-01, data: scikit-learn's digits",
        "| `fig-4c` | Section 3.2 | two orders | partly (1 / 0 / 1) |",
        "### `fig-4c`: partly (1 / 0 / 1)",
        "early: 0.2 [0.1, inf] **holds**; late: not measured",
        "Diverged, as results: none-lr3.",
        "Note: busy.",
    ):
        assert words in text


def test_data_sets_stand_side_by_side_and_the_copy_is_named_as_such(tmp_path: Path) -> None:
    found = {
        "digits": ["digits"],
        "copy": ["cifar10 (JPEG copy)"],
        "original": ["cifar10"],
        "again": ["cifar10"],
    }
    for name, data in found.items():
        summary_of = made_up() | {"data": data}
        if name == "copy":
            other = summary_of["claims"][0] | {"id": "fig-11", "verdict": "open", "cells": []}
            summary_of["claims"] = [other]
        (tmp_path / f"reproduce-{name}.json").write_text(summary.text(summary_of))
    text = reproduction_notes.render(tmp_path)
    head = next(line for line in text.splitlines() if line.startswith("| claim |"))
    assert "[CIFAR-10, JPEG copy](#reproduce-copy)" in head
    assert "[CIFAR-10 (reproduce-again)](#reproduce-again)" in head
    rows = [line for line in text.splitlines() if line.startswith("| `fig-")]
    assert [row[: row.index("` ")] for row in rows] == ["| `fig-4c", "| `fig-11"]
    assert [row.count("not trained") for row in rows] == [1, 3]
    assert text.count("\n## reproduce-") == 4


def test_missing_and_foreign_summaries_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no summaries"):
        reproduction_notes.render(tmp_path)
    (tmp_path / "reproduce-x.json").write_text("{}")
    with pytest.raises(InputError, match="is no summary"):
        reproduction_notes.render(tmp_path)


def test_the_committed_document_is_what_the_committed_summaries_give() -> None:
    assert (NOTES / "reproduction.md").read_text() == reproduction_notes.render(NOTES / "results")
