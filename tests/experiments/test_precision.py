"""Measurements are rounded as float32, whatever training does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from bnverify.experiments.measure import precision
from bnverify.experiments.measure.precision import rounded
from bnverify.experiments.run import train
from bnverify.experiments.run.network_task import NetworkTask
from bnverify.experiments.run.recipes import VggRecipe

SMALL = VggRecipe(
    depth=9, width=1 / 16, size=8, batch_size=8, steps=2, checkpoints=2, probes=2, directions=0, lanczos=0
)


def state() -> list[object]:
    return [getattr(place, name) for place, name, _ in precision._switches()]


def test_rounding_is_set_and_put_back_though_what_is_inside_fails() -> None:
    before = state()

    def fail() -> None:
        with rounded("ieee"):
            assert set(state()) <= {"ieee", False}
            with rounded("tf32"):
                assert {"tf32", True} & set(state())
            assert set(state()) <= {"ieee", False}
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert state() == before


def test_training_may_use_tf32_and_measuring_never_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, list[object]] = {}
    for name in ("_advance", "measure", "final"):
        own = getattr(NetworkTask, name)

        def watched(task: NetworkTask, *args: object, own=own, name: str = name) -> object:  # type: ignore[no-untyped-def]
            seen[name] = state()
            return own(task, *args)

        monkeypatch.setattr(NetworkTask, name, watched)
    train.run(VggRecipe(**{**SMALL.__dict__, "tf32": True}), tmp_path / "run")
    assert {"tf32", True} & set(seen["_advance"])
    assert set(seen["measure"]) | set(seen["final"]) <= {"ieee", False}


def test_channels_last_changes_the_order_in_memory_and_no_more_than_rounding() -> None:
    plain, last = NetworkTask(SMALL), NetworkTask(VggRecipe(**{**SMALL.__dict__, "channels_last": True}))
    assert next(last.model.parameters()).is_contiguous(memory_format=torch.channels_last)
    assert last.advance(2) == pytest.approx(plain.advance(2), rel=1e-5)
    assert last.measure()["ray"]["losses"] == pytest.approx(plain.measure()["ray"]["losses"], rel=1e-4)
