"""The recorder in a training loop: the run's own gradients, and no trace left behind."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from bnverify.numerics.audit.loop.auditor import Auditor
from bnverify.numerics.audit.loop.hooks import SafeCapture
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
    with Auditor(architecture.model, rows=True) as auditor:
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
    assert [layer.title for layer in record.layers] == ["1", "5"]


def test_accumulated_micro_batches_are_one_record_that_names_them(case: Any) -> None:
    item = case("vgg")
    with Auditor(item.model) as auditor:
        for half in (slice(0, 3), slice(3, 6)):
            loss = item.loss_fn(item.model(item.inputs[half]), item.targets[half]) / 2
            loss.backward()
        record = auditor.step(loss)
    assert record is not None
    assert record.micro == 2
    assert [layer.title for layer in record.layers] == ["1", "5", "1 (micro batch 2)", "5 (micro batch 2)"]


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
    with Auditor(item.model, rows=True) as auditor:
        train(item, auditor, 1)
    assert len(auditor.records[0].report.layers) == 3
    for got, expected in zip(auditor.records[0].report.layers, want.layers, strict=True):
        assert got.columns["grad_in_sq"] == pytest.approx(expected.columns["grad_in_sq"], rel=1e-11)


def test_a_loss_scale_is_divided_out(case: Any) -> None:
    item = case("vgg")
    want = audit(*item.args)
    torch.manual_seed(0)
    with Auditor(item.model, scale=lambda: 1024.0, rows=True) as auditor:
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
        (lambda item: Auditor(item.model, every=2.5), "every = 2.5; expected a whole number"),
        (lambda item: Auditor(item.model, every="often"), "every = 'often'; expected a whole number"),
        (lambda item: Auditor(item.model, layers=["head"]), "did you mean"),
        (lambda item: Auditor(nn.Linear(2, 2)), "no normalisation layer"),
        (lambda item: Auditor(item.model, record=["v @ B @ v >= 0"]), "cannot be recorded"),
        (lambda item: Auditor(item.model, sink="nowhere/at/all.jsonl"), "cannot be written"),
        (lambda item: Auditor(item.model, sink="records.xls"), "is unknown"),
    ],
)
def test_misuse_is_answered_with_the_way_out(case: Any, misuse: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        misuse(case("vgg"))


def test_a_step_without_a_backward_pass_is_told_once_and_the_training_goes_on(case: Any) -> None:
    item = case("vgg")
    with Auditor(item.model, every=1) as auditor:
        with pytest.warns(UserWarning, match=r"call loss\.backward"):
            assert auditor.step(item.loss_fn(item.model(item.inputs), item.targets)) is None
        train(item, auditor, 2)
    assert not auditor.records
    assert not any(module._forward_hooks for module in item.model.modules())


def test_a_training_that_never_calls_step_is_told_how(case: Any) -> None:
    item = case("vgg")
    with pytest.warns(UserWarning, match=r"call auditor\.step\(loss\)"), Auditor(item.model):
        item.loss_fn(item.model(item.inputs), item.targets).backward()


def test_a_step_outside_of_with_is_told_and_no_more(case: Any) -> None:
    auditor = Auditor(case("vgg").model)
    with pytest.warns(UserWarning, match="outside of"):
        assert auditor.step(1.0) is None
    assert auditor.step(1.0) is None


def test_a_failure_ends_no_training_even_where_warnings_are_errors(
    case: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **options: Any) -> None:
        raise ZeroDivisionError("somewhere in here")

    monkeypatch.setattr("bnverify.numerics.audit.loop.auditor.measure", broken)
    item, twin = case("resnet-post"), case("resnet-post")
    plain = train(twin, None, 3)
    with Auditor(item.model, every=1) as auditor:
        assert train(item, auditor, 3) == plain
    assert "ZeroDivisionError: somewhere in here" in caplog.text
    assert len(caplog.records) == 1
    assert not auditor.records


@pytest.mark.parametrize("place", ["_before", "_after", "_enter"])
@pytest.mark.filterwarnings("ignore:the audit of this training stopped")
def test_a_hook_that_fails_leaves_the_model_alone(
    case: Any, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("hook")

    item, twin = case("resnet-post"), case("resnet-post")
    plain = train(twin, None, 2)
    if place == "_before":
        monkeypatch.setattr(SafeCapture, place, lambda *_: broken)
    else:
        monkeypatch.setattr(SafeCapture, place, broken)
    with Auditor(item.model, every=1) as auditor:
        assert train(item, auditor, 2) == plain
    assert "hook" in auditor.trouble


def test_copies_of_an_armed_model_have_no_hooks_that_record(case: Any, tmp_path: Path) -> None:
    item = case("vgg")
    with Auditor(item.model, every=1) as auditor:
        loss = item.loss_fn(item.model(item.inputs), item.targets)
        twin = copy.deepcopy(item.model)
        average = torch.optim.swa_utils.AveragedModel(item.model)
        torch.save(item.model, tmp_path / "model.pt")
        pickled = pickle.loads(pickle.dumps(item.model))
        loaded = torch.load(tmp_path / "model.pt", weights_only=False)
        for other in (twin, average, pickled, loaded):
            item.loss_fn(other(item.inputs), item.targets).backward()
        loss.backward()
        record = auditor.step(loss)
    assert record is not None
    assert record.micro == 1
    assert [layer.title for layer in record.layers] == ["1", "5"]


def test_an_auditor_goes_to_workers_with_its_records_alone(case: Any) -> None:
    item = case("vgg")
    with Auditor(item.model, every=1) as auditor:
        train(item, auditor, 2)
        twin = pickle.loads(pickle.dumps(auditor))
    assert [record.step for record in twin.records] == [0, 1]
    assert twin.model is None


def test_validation_without_gradients_keeps_nothing_and_counts_nothing(case: Any) -> None:
    item = case("resnet-post")
    with Auditor(item.model, every=1) as auditor:
        assert auditor._capture is not None
        with torch.no_grad():
            for _ in range(3):
                item.model(item.inputs)
        assert auditor._capture.calls == []
        assert auditor._capture.unseen == []
        train(item, auditor, 1)
    assert auditor.records[0].micro == 1


def test_the_scale_of_a_gradient_scaler_is_the_one_that_was_used() -> None:
    def run(scaler: Any) -> Auditor:
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Linear(4, 6, bias=False), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 2)
        ).double()
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        with Auditor(model, every=1, optimizer=optimizer, scale=1.0 if scaler is None else scaler) as auditor:
            for _ in range(5):
                loss = F.cross_entropy(model(torch.randn(16, 4).double()), torch.randint(0, 2, (16,)))
                optimizer.zero_grad()
                if scaler is None:
                    loss.backward()
                    optimizer.step()
                else:
                    scaler.scale(loss).backward()
                    scaler.step(optimizer)
                    scaler.update()
                auditor.step(loss)
        return auditor

    # The scale doubles after every second step, before the recorder is told that the step is over.
    scaled = run(torch.amp.GradScaler("cpu", init_scale=512.0, growth_interval=2))
    assert [record.scale for record in scaled.records] == [512.0, 512.0, 1024.0, 1024.0, 2048.0]
    for got, want in zip(scaled.records, run(None).records, strict=True):
        assert got.layers[0].sums == pytest.approx(want.layers[0].sums, rel=1e-12)


def test_a_step_that_the_scaler_skips_is_marked_as_an_overflow() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6, bias=False), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 2))
    optimizer, scaler = (
        torch.optim.SGD(model.parameters(), 0.1),
        torch.amp.GradScaler("cpu", init_scale=2.0**16),
    )
    with Auditor(model, every=1, optimizer=optimizer, scale=scaler) as auditor:
        for factor in (2.0**127, 1.0, 1.0):
            loss = F.cross_entropy(model(torch.randn(16, 4)), torch.randint(0, 2, (16,)))
            optimizer.zero_grad()
            scaler.scale(loss * factor).backward()
            scaler.step(optimizer)
            scaler.update()
            auditor.step(loss)
    assert [record.overflow for record in auditor.records] == [True, False, False]
    assert [record.scale for record in auditor.records] == [2.0**16, 2.0**15, 2.0**15]
    (told,) = auditor.findings
    assert (told.kind, told.severity) == ("non-finite", "note")


def test_an_overflow_is_marked_and_the_training_goes_on(case: Any) -> None:
    item = case("vgg", torch.float32)
    with Auditor(item.model, every=1, scale=1e38) as auditor:
        loss = item.loss_fn(item.model(item.inputs), item.targets)
        (loss * 1e38 * 1e10).backward()
        record = auditor.step(loss)
    assert record is not None
    assert record.overflow
    assert record.layers == ()
    assert [item.kind for item in auditor.findings] == ["non-finite"]


def test_a_layer_that_no_gradient_reaches_is_named(case: Any) -> None:
    class Sometimes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b, self.head = nn.LayerNorm(6), nn.LayerNorm(6), nn.Linear(6, 2)
            self.use = False

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.b(self.a(x)) if self.use else self.a(x))

    model = Sometimes()
    with Auditor(model, every=1) as auditor:
        for use in (False, True):
            model.use = use
            loss = model(torch.randn(4, 6)).square().mean()
            loss.backward()
            auditor.step(loss)
    assert [record.untouched for record in auditor.records] == [("b",), ()]
    assert auditor.series("b", "grad_in_sq")[0] == [1]


def test_a_compiled_model_is_recorded_and_compiled_again_afterwards(case: Any) -> None:
    item = case("vgg")
    compiled = torch.compile(item.model, backend="eager")
    compiled(item.inputs)
    with Auditor(compiled, every=2) as auditor:
        for _ in range(3):
            loss = item.loss_fn(compiled(item.inputs), item.targets)
            loss.backward()
            auditor.step(loss)
    assert [record.step for record in auditor.records] == [0, 2]
    assert [layer.title for layer in auditor.records[1].layers] == ["1", "5"]


def test_records_have_a_bounded_size_for_the_shapes_of_bert() -> None:
    """25 layers of 768 over 8 x 128 positions."""
    model = nn.Sequential(*[nn.LayerNorm(768) for _ in range(25)])
    with Auditor(model, every=1, record=["g @ yhat >= 0"]) as auditor:
        loss = (model(torch.randn(8, 128, 768)) * torch.randn(8, 128, 768)).sum()
        loss.backward()
        record = auditor.step(loss)
    assert record is not None
    assert len(record.layers) == 25
    assert len(json.dumps(record.to_dict())) < 50_000


def test_quantiles_and_sums_are_those_of_the_rows(case: Any) -> None:
    item = case("vgg")
    with Auditor(item.model, rows=True) as auditor:
        train(item, auditor, 1)
    (record,) = auditor.records
    for short, table in zip(record.layers, record.report.layers, strict=True):
        for column in ("sigma", "rho", "kept", "cosine", "grad_in_sq"):
            rows = sorted(table.columns[column])
            assert short.quantiles[column][0] == pytest.approx(rows[0], rel=1e-12, abs=1e-300)
            assert short.quantiles[column][-1] == pytest.approx(rows[-1], rel=1e-12, abs=1e-300)
        assert short.sums["grad_in_sq"] == pytest.approx(table.total("grad_in_sq"), rel=1e-12)
        worst = max(range(len(table.labels)), key=lambda j: table.columns["grad_in_sq"][j])
        assert short.worst[0]["row"] == table.labels[worst]


def test_statements_that_are_proved_hold_and_false_ones_do_not(case: Any) -> None:
    texts = [
        "one @ v == 0",
        "v @ v <= 2 * gamma**2/s**2 * (g @ g)",
        "g @ g + m < 0",
        "y == s*yhat + mu*one",
        "v @ yhat == gamma/s * (1 - rho) * (g @ yhat)",
    ]
    item = case("resnet-post")
    with Auditor(item.model, record=texts) as auditor:
        train(item, auditor, 1)
    for layer in auditor.records[0].layers:
        counts = layer.asked
        assert set(counts) == set(texts)
        for text in texts:
            assert sum(counts[text].values()) == layer.rows
            assert counts[text]["violated"] == (layer.rows if text == "g @ g + m < 0" else 0), (
                layer.name,
                text,
            )
        # A row without a gradient is 0 == 0, which supports nothing.
        still = layer.quantiles["grad_out_sq"][0] == 0
        assert layer.rows - int(still) <= counts["one @ v == 0"]["holds"] <= layer.rows
