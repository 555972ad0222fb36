"""Every section of the benchmark runs and compares what it names."""

from __future__ import annotations

import json

import pytest
import torch
from bnverify.experiments import bench
from bnverify.numerics.bench import Conditions

ASKED = Conditions(torch.device("cpu"), 0.1, 0)


@pytest.fixture(autouse=True)
def _two_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "ROUNDS", 2)


def test_the_training_loop_is_compared_with_a_bare_one() -> None:
    found = bench.training_loop(ASKED, steps=2)
    json.dumps(found)
    assert {row["norm"] for row in found["races"]} == {"none", "batchnorm"}
    # Far below the promise, which a machine shared with others cannot be asked to show.
    assert all(row["share_of_bare"] > 0.4 for row in found["races"])


def test_a_landscape_costs_about_a_pass_for_every_probe() -> None:
    found = bench.probes(ASKED, count=3)
    assert all(1 < row["passes"] < 12 for row in found["races"])


@pytest.mark.slow
def test_the_linear_half_is_extrapolated_for_one_and_ten_seeds() -> None:
    found = bench.deep_linear(ASKED, steps=2)
    json.dumps(found)
    assert set(found["seeds"]) == {1, 10}
    assert found["seeds"][10]["core_seconds"] > 0
    assert set(found["plain"]) == {"none", "batchnorm", "l1", "l2", "linf"}
