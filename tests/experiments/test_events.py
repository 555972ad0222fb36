"""TensorBoard sees what the record says."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from bnverify.experiments.run import events, record, train
from bnverify.experiments.run.recipes import DlnRecipe

from bnverify.base.errors import InputError

DLN = DlnRecipe(layers=4, dim=3, samples=20, seeds=2, steps=60, checkpoints=3, probes=2, lanczos=1)


@pytest.fixture
def run(tmp_path: Path) -> record.Run:
    train.run(DLN, tmp_path / "run")
    return record.read(tmp_path / "run")


@pytest.mark.filterwarnings("ignore")
def test_event_files_hold_every_loss_of_every_seed(run: record.Run) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for _ in range(2):
        folder = events.write(run)
    for s in range(2):
        seen = EventAccumulator(str(folder / f"seed{s}"), size_guidance={"scalars": 0}).Reload()
        losses = [event.value for event in seen.Scalars("loss")]
        assert losses == pytest.approx([row[s] for row in run.losses()], rel=1e-6)
        assert {"landscape/beta_max", "ics_cosine/layer3", "landscape/lambda_max"} <= set(
            seen.Tags()["scalars"]
        )


def test_a_diverged_run_has_its_finite_values(tmp_path: Path) -> None:
    train.run(replace(DLN, lr=1e3), tmp_path / "run")
    for view in events.views.views(record.read(tmp_path / "run")):
        assert events.scalars(view)


def test_without_tensorboard_the_way_out_is_named(run: record.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(InputError, match=r"bnverify\[tensorboard\]"):
        events.write(run)
