"""The commands as a user types them: what they print, write and answer to bad input."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bnverify.commands.cli import application

SMALL = [f"--set={text}" for text in ("steps=6", "checkpoints=2", "width=0.03125", "size=8", "batch_size=16")]
SMALL += [f"--set={text}" for text in ("probes=2", "lanczos=1")]


def bnverify(*arguments: object, cwd: Path) -> Result:
    """The command line in this process: an import of torch less for each call."""
    with contextlib.chdir(cwd):
        return CliRunner().invoke(application(), [str(argument) for argument in arguments])


def test_train_writes_a_run_and_says_where(tmp_path: Path) -> None:
    done = bnverify("train", "vgg-quick", *SMALL, "--out", "run", cwd=tmp_path)
    assert done.exit_code == 0, done.stderr
    assert "finished at step 6 of 6: run" in done.stdout
    assert json.loads((tmp_path / "run" / "result.json").read_text())["status"] == "finished"
    again = bnverify("train", "vgg-quick", *SMALL, "--out", "run", cwd=tmp_path)
    assert again.exit_code == 2
    assert (
        again.stderr.strip()
        == "bnverify: run holds a run already; add --resume to go on with it or name another folder"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train", "resnet"], "recipe 'resnet' is unknown; expected one of vgg-paper"),
        (["train", "vgg-quick", "--set", "colour=red"], "its fields are norm"),
        (["train", "vgg-quick", "--set", "lr=-1"], "expected a value from 0"),
        (["train", "vgg-quick", "--data", "nowhere"], "neither digits, cifar10, a parquet file nor a folder"),
        (["train", "dln-quick", "--data", "digits"], "field 'data' is not in DlnRecipe"),
        (["train", "vgg-quick", "--set", "device=toaster"], "device 'toaster' cannot be used"),
        (["train", "vgg-quick", "--budget", "0"], "expected a positive number of minutes"),
        (["insert", "dln-quick"], "inserts nothing"),
        (["reproduce", "--preset", "slow"], "expected one of quick, linear, beyond, desk, h100, paper"),
        (["reproduce", "--backend", "mpi"], "expected loky, dask or ray"),
        (["reproduce", "--figure", "14"], "figure '14' is unknown"),
        (["figures", "nowhere"], "holds no runs"),
        (["figures", "nowhere", "--figure", "14"], "figure '14' is unknown"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = bnverify(*arguments, cwd=tmp_path)
    assert done.exit_code == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_a_reproduction_whose_data_are_damaged_leaves_its_folder_to_the_next_try(tmp_path: Path) -> None:
    (tmp_path / "junk.parquet").write_bytes(b"PAR1 junk PAR1")
    for _ in range(2):
        done = bnverify("reproduce", "--data", "junk.parquet", "--out", "run", cwd=tmp_path)
        assert done.exit_code == 2
        assert "junk.parquet is truncated or no CIFAR-10" in done.stderr
        assert not (tmp_path / "run").exists()


def test_an_interrupted_run_says_how_to_go_on(tmp_path: Path) -> None:
    arguments = [
        "train",
        "dln-quick",
        "--set=layers=3",
        "--set=save_every=50",
        "--set=lanczos=0",
        "--out=run",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "bnverify", *arguments], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    while not list(tmp_path.glob("run/checkpoint-*.pt")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert process.returncode == 130
    assert said == "bnverify: interrupted; run keeps what is done, go on with the same command and --resume\n"


@pytest.mark.parametrize(
    ("recipe", "settings", "layers"),
    [("insert-quick", (), 8), ("insert-dln-quick", ("layers=4", "dim=3", "samples=20", "seeds=2"), 3)],
)
def test_insert_prints_the_ratio_at_every_layer(
    recipe: str, settings: tuple[str, ...], layers: int, tmp_path: Path
) -> None:
    fields = [word for text in settings for word in ("--set", text)] or SMALL
    steps = ["--set", "steps=3", "--set", "checkpoints=2", "--out", "run"]
    done = bnverify("insert", recipe, *fields, *steps, cwd=tmp_path)
    assert done.exit_code == 0, done.stderr
    assert "with the BatchNorm / without it" in done.stdout
    assert sum(line.startswith("│") for line in done.stdout.splitlines()) == layers


def test_reproduce_trains_judges_and_draws_and_figures_draws_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("joblib")
    monkeypatch.setattr("bnverify.base.terminal.PAUSE", 0.0)
    arguments = ["reproduce", "--figure", "10", "--seeds", "2", "--out", "out", "--set=layers=4", *SMALL]
    paused = bnverify(*arguments, "--budget", "1e-9", cwd=tmp_path)
    assert paused.exit_code == 0, paused.stderr
    assert "go on with the same command and --resume" in paused.stdout
    done = bnverify(*arguments, "--resume", cwd=tmp_path)
    assert done.exit_code == 0, done.stderr
    progress = [line for line in done.stderr.splitlines() if line.startswith("runs, steps: ")]
    assert "; 0 of 4 runs" in progress[0]
    assert re.search(r"left; 2 of 4 runs, dln/.* finished", progress[2])
    assert "; 4 of 4 runs, dln/" in progress[-1]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["command"].startswith("bnverify ")
    assert summary["runs"] == summary["finished"] == 4
    assert {c["id"] for c in summary["claims"]} >= {"fig-10a", "fig-10b", "fig-10c"}
    assert (tmp_path / "out" / "figures" / "fig-10.pdf").exists()
    refused = bnverify(*arguments, cwd=tmp_path)
    assert refused.exit_code == 2
    assert "add --resume" in refused.stderr
    assert {path.stem for path in (tmp_path / "out" / "figures").iterdir()} == {"fig-10"}
    drawn = bnverify("figures", "out", "--figure", "10", cwd=tmp_path)
    assert drawn.exit_code == 0, drawn.stderr
    assert "fig-10.svg" in drawn.stdout
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["command"] == summary["command"]


def test_reproduction_notes_writes_the_document_of_a_folder_of_summaries(tmp_path: Path) -> None:
    empty = bnverify("reproduction-notes", "results", cwd=tmp_path)
    assert empty.exit_code == 2
    assert "holds no summaries" in empty.stderr
    results = Path(__file__).parents[2] / "notes" / "results"
    if not list(results.glob("reproduce-*.json")):
        pytest.skip("no summary has been committed")
    done = bnverify("reproduction-notes", results, "--out", "x.md", cwd=tmp_path)
    assert done.exit_code == 0, done.stderr
    assert (tmp_path / "x.md").read_text().startswith("# What reproduces, and what does not")
