"""The sections of the benchmark measure what they name, on models small enough for a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from bnverify.experiments.bench import audit_cost as bench
from bnverify.experiments.bench import channels
from bnverify.experiments.bench.race import Conditions
from bnverify.experiments.bench.resnet import resnet
from bnverify.experiments.bench.section import run, sections
from bnverify.experiments.networks.models import vgg
from bnverify.experiments.run.recipes import VggRecipe
from rich.console import Console
from torch import nn


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Conditions:
    def narrow_resnet() -> nn.Module:
        return resnet((1, 1), 4)

    def narrow_vgg() -> nn.Module:
        return vgg(VggRecipe(norm="batchnorm", depth=9, width=1 / 16), 3, 10)

    monkeypatch.setattr(bench, "MODELS", {"ResNet-18": narrow_resnet, "VGG-16": narrow_vgg})
    monkeypatch.setattr(bench, "ROUNDS", 2)
    monkeypatch.setattr(bench, "EVERY", 3)
    monkeypatch.setattr(bench, "peak", lambda *_: 1)
    monkeypatch.setattr(bench, "GROWTH", {"depth": (1, 2, 3), "width": (4, 6, 8), "batch": (4, 6, 8)})
    return Conditions(torch.device("cpu"), 0.1, 0)


def printed(name: str, data: dict[str, Any]) -> str:
    console = Console(record=True, width=200)
    sections()[name].show(data, console)
    return console.export_text()


def test_first_order_is_measured_against_a_plain_pass(small: Conditions) -> None:
    found = bench.first_order(small, batch=4)
    assert [(race["model"], race["layers"]) for race in found["races"]] == [("ResNet-18", 6), ("VGG-16", 8)]
    assert all(
        race["ratio"][which]["median"] > 0 for race in found["races"] for which in ("recorder", "audit")
    )
    assert "its memory (asked: 1.15x)" in printed("audit-first-order", found)


def test_second_order_is_measured_at_every_layer(small: Conditions) -> None:
    found = bench.second_order(small, batch=4)
    assert [len(model["layers"]) for model in found["models"]] == [6, 8]
    assert "(asked: 5)" in printed("audit-second-order", found)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*")
def test_single_channels_agree_with_the_other_libraries(small: Conditions) -> None:
    found = channels.per_channel(small, batch=4, count=2)
    assert len(found["places"]) == 2
    for place in found["places"]:
        assert all(gap < 1e-3 for gap in place["largest_disagreement"].values())
    shown = printed("audit-per-channel", found)
    assert "faster than torch.func (asked: 1.5x" in shown
    assert "faster than torch.func (asked: 10x" in shown


def test_the_recorders_share_of_a_run_is_measured(small: Conditions) -> None:
    found = bench.recorder(small, batch=4)
    assert 0 < found["share_in_hooks_and_tables"] < 1
    shown = printed("audit-recorder", found)
    assert "every 3 steps" in shown
    assert "(asked: 2 %)" in shown


def test_growth_has_a_slope_and_a_picture(small: Conditions, tmp_path: Path) -> None:
    found = run(["audit-growth"], small, tmp_path)["sections"]["audit-growth"]
    assert {(line["work"], line["against"]) for line in found["series"]} == {
        (work, against)
        for work in ("plain", "first order", "second order")
        for against in ("depth", "width", "batch")
    }
    assert "slope" in printed("audit-growth", found)
    assert "<svg" in (tmp_path / "audit.svg").read_text(encoding="utf-8")
