"""Findings over the steps of real trainings: a fault is one finding with its layers and steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from bnverify.numerics.audit.findings.audit import audit
from bnverify.numerics.audit.loop.auditor import Auditor
from torch import nn


def net(**norm: Any) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(8, 16, bias=False),
        nn.BatchNorm1d(16, **norm),
        nn.ReLU(),
        nn.Linear(16, 16, bias=False),
        nn.BatchNorm1d(16),
        nn.ReLU(),
        nn.Linear(16, 3),
    )


def batch(n: int = 48) -> tuple[torch.Tensor, torch.Tensor]:
    x = torch.randn(n, 8)
    return x, (x[:, :3] * 2).argmax(1)


def train(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    steps: int = 60,
    every: int = 5,
    each: Callable[[int], tuple[torch.Tensor, torch.Tensor]] = lambda step: batch(),
) -> Auditor:
    with Auditor(model, every, optimizer=optimizer) as auditor:
        for step in range(steps):
            x, t = each(step)
            loss = F.cross_entropy(model(x), t)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            auditor.step(loss)
    return auditor


def test_a_healthy_training_is_ok() -> None:
    model = net()
    auditor = train(model, torch.optim.Adam(model.parameters(), 3e-3))
    assert auditor.ok
    assert auditor.findings == ()


@pytest.mark.parametrize("optimizer", [torch.optim.SGD, torch.optim.AdamW])
def test_the_usual_optimizers_are_no_finding(optimizer: Any) -> None:
    model = net()
    rate = 0.1 if optimizer is torch.optim.SGD else 1e-2
    assert train(model, optimizer(model.parameters(), lr=rate)).ok


def test_a_dead_scale_is_named_and_not_the_layer_behind_it_which_sees_a_constant() -> None:
    model = net()
    with torch.no_grad():
        model[1].weight.zero_()
    model[1].weight.requires_grad_(False)
    auditor = train(model, torch.optim.SGD(model.parameters(), 0.1), 12, 3)
    (found,) = auditor.findings
    whole = audit(model, F.cross_entropy, *batch())
    assert (found.kind, found.layer, found.severity) == ("dead-scale", "1", "warning")
    assert [(one.kind, one.layer) for one in whole.findings if one.alarming] == [("dead-scale", "1")]
    assert found.steps == (0, 9)


def test_a_residual_branch_that_starts_at_scale_0_is_no_finding() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            torch.manual_seed(0)
            self.first, self.norm = nn.Linear(8, 16), nn.BatchNorm1d(16)
            self.branch = nn.Sequential(nn.Linear(16, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 16))
            self.last = nn.BatchNorm1d(16)
            nn.init.zeros_(self.last.weight)
            self.next, self.head = nn.BatchNorm1d(16), nn.Linear(16, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.norm(self.first(x)).relu()
            return self.head(self.next(x + self.last(self.branch(x))))

    model = Block()
    model.last.weight.requires_grad_(False)
    auditor = train(model, torch.optim.SGD(model.parameters(), 0.1), 12, 3)
    assert auditor.findings == ()


def test_weights_that_shrink_before_a_layer_are_named_with_the_steps() -> None:
    model = net()
    shrinking = torch.optim.SGD(model.parameters(), 0.05, weight_decay=2.0)
    (told,) = [item for item in train(model, shrinking, 80).findings if item.kind == "effective-step-growth"]
    assert set(told.layers) <= {"1", "4"}
    assert told.value > 10
    assert told.steps is not None
    assert told.steps[1] == 75


def test_eps_that_comes_to_dominate_is_one_finding_over_all_steps() -> None:
    model = net(eps=5.0)
    (told,) = [
        item for item in train(model, torch.optim.SGD(model.parameters(), 0.01)).findings if item.alarming
    ]
    assert (told.kind, told.layer, told.steps) == ("eps-dominates", "1", (0, 55))


@pytest.mark.parametrize("rate", [4.0, 20.0])
def test_a_loss_that_rises_is_a_step_too_large(rate: float) -> None:
    model = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 3))
    auditor = train(model, torch.optim.SGD(model.parameters(), rate))
    assert "step-too-large" in [item.kind for item in auditor.findings]
    assert not auditor.ok


def test_statistics_that_lag_are_stale() -> None:
    model = net(momentum=0.05)

    def moving(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        x, t = batch()
        return x * 1.08**step, t

    kinds = [
        item.kind
        for item in train(model, torch.optim.SGD(model.parameters(), 1e-3), 120, each=moving).findings
    ]
    assert "stale-statistics" in kinds


def test_a_small_last_batch_is_uneven() -> None:
    model = net()
    sizes = train(
        model,
        torch.optim.SGD(model.parameters(), 0.01),
        each=lambda step: batch(9 if step % 30 == 25 else 48),
    )
    (told,) = [item for item in sizes.findings if item.kind == "uneven-batch"]
    assert told.steps == (25, 55)


def test_batches_of_four_are_tiny() -> None:
    model = net()
    (told,) = [
        item
        for item in train(
            model, torch.optim.SGD(model.parameters(), 0.01), each=lambda step: batch(4)
        ).findings
        if item.kind == "tiny-batch"
    ]
    assert set(told.layers) == {"1", "4"}


def test_one_overflow_with_a_scaler_is_a_note_and_without_one_an_error() -> None:
    from bnverify.numerics.audit.loop.record import Recorded
    from bnverify.numerics.audit.loop.trend import findings

    fine = [Recorded(step, 1.0, (), scale=2.0) for step in range(3)]
    bad = Recorded(3, 1.0, (), overflow=True, scale=2.0)
    assert [item.severity for item in findings([*fine, bad])] == ["note"]
    assert [item.severity for item in findings([Recorded(0, float("nan"), ())])] == ["error"]
    assert findings([Recorded(0, None, ())]) == ()
