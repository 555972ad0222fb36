"""The presets that need a GPU, from end to end on a CPU: an eighth of the width, few steps, a stop and a resume.

``make dry-run`` is the same by hand, with more steps.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from bnverify.experiments.run import record
from bnverify.experiments.run.plans import plan
from typer.testing import CliRunner

from bnverify.commands.cli import application

SMALL = ("width=0.125", "size=8", "batch_size=16", "layers=4", "samples=40", "probes=2", "lanczos=1", "dim=4")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preset", "few"), [("h100", ("steps=4", "checkpoints=2")), ("paper", ("steps=2", "checkpoints=1"))]
)
def test_a_preset_of_a_gpu_runs_from_end_to_end_on_a_cpu_and_goes_on_after_a_stop(
    preset: str, few: tuple[str, ...], tmp_path: Path
) -> None:
    pytest.importorskip("joblib")
    fields = [word for text in (*SMALL, *few) for word in ("--set", text)]
    command = [
        "reproduce",
        "--preset",
        preset,
        "--device",
        "cpu",
        "--data",
        "digits",
        "--workers",
        "1",
        *fields,
    ]

    def call(*more: str) -> str:
        with contextlib.chdir(tmp_path):
            done = CliRunner().invoke(application(), [*command, "--out", "out", *more])
        assert done.exit_code == 0, done.stderr
        return done.stdout

    said = call("--budget", "0.25")
    while "--resume" in said:
        screened = (
            json.loads(path.read_text()) if (path := tmp_path / "out" / "screen.json").exists() else None
        )
        if screened is not None:
            _whole_seeds(preset, tmp_path / "out", screened)
        said = call("--resume", "--budget", "1")
    assert "fig-4a" in said
    assert "ext-bound-predicts-smoothness" in said
    assert {row["statistic"] for row in json.loads((tmp_path / "out" / "rounding.json").read_text())} > {
        "sigma"
    }
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["note"].startswith("screen: no standard network leaves ln 10")
    drawn = {path.stem for path in (tmp_path / "out" / "figures").iterdir()}
    assert {"fig-1", "fig-3", "fig-4", "fig-10", "fig-11"} <= drawn


def _whole_seeds(preset: str, out: Path, screened: dict[str, object]) -> None:
    """What has ended is the beginning of the plan, none left out."""
    runs = plan(preset, depth=screened["depth"], init=screened["init"])  # type: ignore[arg-type]
    ended = [(out / run.path / "result.json").exists() for run in runs]
    assert ended == sorted(ended, reverse=True)
    for run in runs[: sum(ended)]:
        assert record.read(out / run.path).result is not None
