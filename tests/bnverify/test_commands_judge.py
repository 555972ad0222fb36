"""`bnverify judge` judges stored runs again by anyone's rules, and never from a partial read."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from bnverify.experiments.run import record
from bnverify.experiments.run.recipes import DlnRecipe
from bnverify.experiments.run.train import run


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> Path:
    """Six seeds of small linear networks, with and without BatchNorm, really trained."""
    folder = tmp_path_factory.mktemp("judge") / "small"
    for norm in ("none", "batchnorm"):
        recipe = DlnRecipe(
            norm=norm, layers=4, dim=3, samples=20, steps=30, seeds=6, checkpoints=5, probes=3, lanczos=0
        )
        assert run(recipe, folder / "dln" / norm).status == "finished"
    return folder


@pytest.fixture
def copy(runs: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(runs, tmp_path / "copy"))


def test_every_claim_that_was_run_has_its_badge_and_the_others_are_named(bnverify, runs):
    done = bnverify("judge", runs)
    assert done.exit_code == 0
    line = next(line for line in done.stdout.splitlines() if line.startswith("fig-10a"))
    assert "underpowered" in line or "at S0" in line
    assert "not run: " in done.stdout
    assert "fig-4a" in done.stdout.partition("not run: ")[2]
    assert "95 % interval over the seeds" in " ".join(done.stdout.split())


def test_own_rules_change_a_badge_without_training(bnverify, runs, tmp_path):
    found = {claim["id"]: claim for claim in json.loads(bnverify("judge", runs, "--json").stdout)["claims"]}
    logs = [float(x) for x in found["prose-2.2-dln-loss"]["cells"][0]["log_ratios"].values()]
    assert len(logs) == 6
    own = tmp_path / "own.toml"
    own.write_text('[[claim]]\nid = "fig-3.dln-standard"\n[claim.primary]\nagainst = 1e-6\n')
    out = tmp_path / "own.json"
    assert bnverify("judge", runs, "--rules", own, "--out", out).exit_code == 0
    changed = {claim["id"]: claim for claim in json.loads(out.read_text())["claims"]}
    assert changed["fig-3.dln-standard"]["cells"][0]["word"] == "reproduced"
    same = {name for name in found if found[name] == changed[name]}
    assert same == set(found) - {"fig-3.dln-standard"}
    assert json.loads(out.read_text())["rules"]["own"] == str(own)


def test_a_note_without_a_record_is_refused(bnverify, runs):
    done = bnverify("judge", runs, "--note", "24 seeds")
    assert done.exit_code == 2
    assert "--out FILE.json or --json" in done.stderr + str(done.exception)


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("name", ["metrics.jsonl", "result.json", "recipe.json", "environment.json"])
def test_a_flipped_byte_is_found_and_named(bnverify, copy, name):
    path = copy / "dln" / "none" / name
    flip(path, path.stat().st_size // 2)
    done = bnverify("judge", copy)
    assert done.exit_code == 2
    assert done.stdout == ""
    assert name in done.stderr or "recipe.json" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_run_that_has_not_ended_is_no_verdict(bnverify, copy):
    (copy / "dln" / "none" / "result.json").unlink()
    done = bnverify("judge", copy)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "has not ended, 1 of 2 runs; finish them with bnverify reproduce --resume" in done.stderr


def test_a_missing_seed_and_another_recipe_are_named(bnverify, copy):
    shutil.rmtree(copy / "dln" / "batchnorm")
    recipe = DlnRecipe(
        norm="batchnorm", layers=4, dim=3, samples=20, steps=30, seeds=5, checkpoints=5, probes=3
    )
    run(recipe, copy / "dln" / "batchnorm")
    done = bnverify("judge", copy)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "seed 5 of dln batchnorm at learning rate 1e-06 is missing, 5 of 6" in done.stderr
    assert bnverify("judge", copy, "--common").exit_code == 0
    shutil.rmtree(copy / "dln" / "batchnorm")
    run(
        DlnRecipe(norm="batchnorm", layers=5, dim=3, samples=20, steps=30, seeds=6, checkpoints=5, probes=3),
        copy / "dln" / "bn",
    )
    done = bnverify("judge", copy)
    assert done.exit_code == 2
    assert "has another recipe than" in done.stderr
    assert "layers = " in done.stderr


def test_an_older_format_says_how_to_convert_it(bnverify, copy):
    metrics = copy / "dln" / "none" / "metrics.jsonl"
    rows = [json.loads(line) for line in metrics.read_text().splitlines()]
    metrics.write_text(
        "".join(json.dumps({k: v for k, v in row.items() if k != "hash"}) + "\n" for row in rows)
    )
    result = copy / "dln" / "none" / "result.json"
    values = {k: v for k, v in json.loads(result.read_text()).items() if k not in ("sha256", "metrics_hash")}
    values["metrics_bytes"] = metrics.stat().st_size
    result.write_text(json.dumps(values))
    done = bnverify("judge", copy)
    assert done.exit_code == 2
    assert "python -m bnverify.experiments.run.seal" in done.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[[claim]]\nid = "fig-99"\n', "claim 'fig-99' is unknown"),
        ('[[claim]]\nid = "fig-4a"\n[claim.primary]\nsize = 2.0\n', "on the wrong side"),
        ('[[claim]]\nid = "fig-4a"\n[claim.primary]\ntest = "t"\n', "unknown test 't'"),
    ],
)
def test_bad_rules_are_one_line_and_exit_code_2(bnverify, runs, tmp_path, text, words):
    own = tmp_path / "own.toml"
    own.write_text(text)
    done = bnverify("judge", runs, "--rules", own)
    assert (done.exit_code, done.stdout) == (2, "")
    assert words in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_folder_without_runs_or_without_a_claim_is_named(bnverify, tmp_path):
    assert "holds no runs" in bnverify("judge", tmp_path).stderr
    run(
        DlnRecipe(layers=2, dim=2, samples=9, steps=3, seeds=1, checkpoints=2, lr=3e-3),
        tmp_path / "own" / "run",
    )
    done = bnverify("judge", tmp_path)
    assert done.exit_code == 2
    assert "no claim rests on the 1 runs" in done.stderr
    assert record.read(tmp_path / "own" / "run").result is not None


def test_a_summary_is_judged_by_other_margins_and_refuses_what_only_the_runs_know(bnverify, runs, tmp_path):
    stored = tmp_path / "runs-x.json"
    assert bnverify("judge", runs, "--out", stored).exit_code == 0
    assert bnverify("judge", stored).stdout == bnverify("judge", runs).stdout
    own = tmp_path / "own.toml"
    own.write_text('[[claim]]\nid = "prose-2.2-dln-loss"\n[claim.primary]\nsize = 1e-9\n')
    before, after = (bnverify("judge", path, "--rules", own).stdout for path in (stored, runs))
    assert before == after != bnverify("judge", runs).stdout
    own.write_text('[[claim]]\nid = "fig-10a"\n[claim.primary]\nwindow = [0.0, 0.5]\n')
    done = bnverify("judge", stored, "--rules", own)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "fig-10a: the rules have window = [0.0, 0.5], the summary [0.0, 1.0]" in done.stderr
    flip(stored, stored.read_bytes().index(b'"log_ratios": {"0"'))
    assert bnverify("judge", stored).exit_code == 2
