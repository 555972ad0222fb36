"""The recorder in a training loop: the run's own gradients, and no trace left behind."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from bnverify.numerics.audit.auditor import Auditor
from bnverify.numerics.audit.run import audit
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from bnverify.base.errors import InputError


def train(item: Any, auditor: Auditor | None, steps: int) -> list[float]:
    optimizer = torch.optim.SGD(item.model.parameters(), lr=0.05)
    losses = []
    for _ in range(steps):
        loss = item.loss_fn(item.model(item.inputs), item.targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if auditor is not None:
            auditor.step(loss)
        losses.append(loss.item())
    return losses


def test_the_first_record_is_the_audit_of_the_first_step(architecture: Any) -> None:
    torch.manual_seed(7)
    want = audit(*architecture.args)
    torch.manual_seed(7)
    with Auditor(architecture.model) as auditor:
        train(architecture, auditor, 1)
    (record,) = auditor.records
    assert record.loss == want.environment["loss"]["train"]
    assert [layer.title for layer in record.report.layers] == [layer.title for layer in want.layers]
    for got, expected in zip(record.report.layers, want.layers, strict=True):
        for column in expected.columns:
            assert got.columns[column] == pytest.approx(expected.columns[column], rel=1e-12, abs=1e-300)
    assert record.report.failures == ()


def test_recording_changes_no_bit_of_the_training(architecture: Any, case: Any) -> None:
    start = {name: value.clone() for name, value in architecture.model.state_dict().items()}
    torch.manual_seed(3)
    plain = train(architecture, None, 4)
    end = {name: value.clone() for name, value in architecture.model.state_dict().items()}
    architecture.model.load_state_dict(start)
    torch.manual_seed(3)
    with Auditor(architecture.model, every=2) as auditor:
        recorded = train(architecture, auditor, 4)
    assert recorded == plain
    assert all(torch.equal(value, end[name]) for name, value in architecture.model.state_dict().items())


def test_it_records_every_so_many_steps_and_hooks_only_those(case: Any) -> None:
    item = case("vgg")
    hooked = []
    with Auditor(item.model, every=3) as auditor:
        for _ in range(7):
            hooked.append(len(item.model[1]._forward_hooks))
            train(item, auditor, 1)
    assert hooked == [1, 0, 0, 1, 0, 0, 1]
    assert [record.step for record in auditor.records] == [0, 3, 6]
    assert not item.model[1]._forward_hooks
    assert auditor.series("1", "grad_in_sq")[0] == [0, 3, 6]


def test_an_error_in_the_loop_takes_the_hooks_off(case: Any) -> None:
    item = case("vgg")
    with pytest.raises(KeyError), Auditor(item.model):
        raise KeyError("boom")
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in item.model.modules())


def test_a_validation_pass_in_between_is_not_recorded(case: Any) -> None:
    item = case("vgg")
    with Auditor(item.model) as auditor:
        loss = item.loss_fn(item.model(item.inputs), item.targets)
        item.model.eval()
        with torch.no_grad():
            item.model(item.inputs)
        item.model.train()
        loss.backward()
        record = auditor.step(loss)
    assert record is not None
    assert [layer.title for layer in record.report.layers] == ["1", "5"]


def test_accumulated_micro_batches_are_separate_calls(case: Any) -> None:
    item = case("vgg")
    with Auditor(item.model) as auditor:
        for half in (slice(0, 3), slice(3, 6)):
            loss = item.loss_fn(item.model(item.inputs[half]), item.targets[half]) / 2
            loss.backward()
        record = auditor.step(loss)
    assert record is not None
    assert [layer.title for layer in record.report.layers] == ["1", "5", "1 (call 2)", "5 (call 2)"]


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointed_training_is_recorded_in_forward_order(case: Any, reentrant: bool) -> None:
    class Model(nn.Module):
        def __init__(self, reentrant: bool) -> None:
            super().__init__()
            self.stem, self.norm, self.head = nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.Linear(6, 5)
            self.reentrant = reentrant

        def forward(self, x: Tensor) -> Tensor:
            h = self.stem(x)
            for _ in range(3):
                h = h + torch.tanh(checkpoint(self.norm, h, use_reentrant=self.reentrant))
            return self.head(h.mean((2, 3)))

    item, plain = case(Model(reentrant)), case(Model(False))
    plain.model.load_state_dict(item.model.state_dict())
    want = audit(*plain.args)
    with Auditor(item.model) as auditor:
        train(item, auditor, 1)
    assert len(auditor.records[0].report.layers) == 3
    for got, expected in zip(auditor.records[0].report.layers, want.layers, strict=True):
        assert got.columns["grad_in_sq"] == pytest.approx(expected.columns["grad_in_sq"], rel=1e-11)


def test_a_loss_scale_is_divided_out(case: Any) -> None:
    item = case("vgg")
    want = audit(*item.args)
    torch.manual_seed(0)
    with Auditor(item.model, scale=lambda: 1024.0) as auditor:
        loss = F.cross_entropy(item.model(item.inputs), item.targets)
        (loss * 1024).backward()
        auditor.step(loss)
    torch.manual_seed(0)
    want = audit(*item.args)
    for got, expected in zip(auditor.records[0].report.layers, want.layers, strict=True):
        for rows in expected.statements:
            twin = got.statement(rows.key)
            assert twin is not None
            assert twin.finding == rows.finding


@pytest.mark.parametrize(
    ("misuse", "message"),
    [
        (lambda item: Auditor(item.model, every=0), "every = 0"),
        (lambda item: Auditor(item.model, layers=["head"]), "did you mean"),
        (lambda item: Auditor(nn.Linear(2, 2)), "no normalisation layer"),
        (lambda item: Auditor(item.model).step(1.0), "outside of"),
    ],
)
def test_misuse_is_answered_with_the_way_out(case: Any, misuse: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        misuse(case("vgg"))


def test_a_step_without_a_backward_pass_is_answered_with_the_way_out(case: Any) -> None:
    item = case("vgg")
    with pytest.raises(InputError, match=r"loss\.backward"), Auditor(item.model) as auditor:
        auditor.step(item.loss_fn(item.model(item.inputs), item.targets))
