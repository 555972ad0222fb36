"""Input that an audit cannot answer: one line with the way out, and the model untouched."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from bnverify.numerics.audit.run import audit
from torch import Tensor, nn

from bnverify.base.errors import InputError


def ask(item: Any, **options: Any) -> Any:
    loss_fn = options.pop("loss_fn", item.loss_fn)
    return audit(item.model, loss_fn, options.pop("inputs", item.inputs), item.targets, **options)


def nan_in(tensor: Tensor) -> Tensor:
    tensor = tensor.clone()
    tensor.view(-1)[0] = float("nan")
    return tensor


def out_of_memory(*_: Any) -> Tensor:
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")


def cpu_out_of_memory(*_: Any) -> Tensor:
    return torch.empty(1 << 60)


CASES: dict[str, tuple[dict[str, Any], str]] = {
    "mode": ({"mode": "test"}, "expected train, eval or both"),
    "channel": ({"channels": [9], "layers": ["1"]}, "channel 9 is out of range: layer 1 has 6, 0 to 5"),
    "no channels": ({"channels": []}, "channels is empty"),
    "layer": ({"layers": ["bn*"]}, "did you mean"),
    "probes": ({"probes": 1}, "probes = 1; expected 0 or at least 2"),
    "device": ({"device": "cuda:99"}, "device cuda:99 is not there"),
    "not scalar": ({"loss_fn": lambda out, t: out}, r"shape \(6, 5\); expected one number"),
    "not a tensor": ({"loss_fn": lambda out, t: 3.0}, "the loss is float; expected one number"),
    "integer loss": ({"loss_fn": lambda out, t: out.argmax()}, "floating point"),
    "loss is inf": ({"loss_fn": lambda out, t: out.sum() / 0.0}, "the loss is"),
    "detached": ({"loss_fn": lambda out, t: out.detach().sum()}, "does not depend on the model"),
    "other loss": (
        {"loss_fn": lambda out, t: torch.ones((), requires_grad=True) * 2},
        "the loss does not depend on its output",
    ),
    "out of memory": ({"loss_fn": out_of_memory}, "out of memory .* use a smaller --batch-size"),
    "out of memory on the CPU": (
        {"loss_fn": cpu_out_of_memory},
        "out of memory .* use a smaller --batch-size",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_answered_with_the_way_out(case: Any, name: str) -> None:
    options, message = CASES[name]
    item = case("vgg")
    before = {key: value.clone() for key, value in item.model.state_dict().items()}
    with pytest.raises(InputError, match=message) as caught:
        ask(item, **options)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(value, before[key]) for key, value in item.model.state_dict().items())
    assert not any(module._forward_hooks for module in item.model.modules())


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("where", ["input", "parameter", "buffer", "gradient"])
def test_numbers_that_are_not_finite_are_named(case: Any, where: str, bad: float) -> None:
    item = case("vgg")
    if where == "input":
        item.inputs[0, 0, 0, 0] = bad
    elif where == "parameter":
        item.model[4].weight.data[0, 0, 0, 0] = bad
    elif where == "buffer":
        item.model[1].running_mean[2] = bad
    named = {"input": "input inputs", "parameter": "parameter 4.weight", "buffer": "buffer 1.running_mean"}
    options: dict[str, Any] = {"mode": "eval"} if where == "buffer" else {}
    if where == "gradient":
        options["loss_fn"] = lambda out, t: (
            (out - out.detach()).sum().sqrt() if bad != bad else (out - out).sqrt().sum()
        )
    with pytest.raises(
        InputError, match=named.get(where, "gradient at the output of layer .* is NaN or infinite")
    ):
        ask(item, **options)


def test_a_batch_of_one_is_named() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    with pytest.raises(InputError, match=r"layer 1 \(BatchNorm1d\) normalises m = 1 number per channel"):
        audit(model, lambda out: out.sum(), torch.randn(1, 3))
    assert audit(model, lambda out: out.sum(), torch.randn(1, 3), mode="eval").layers


def test_a_layer_over_one_feature_is_named() -> None:
    model = nn.Sequential(nn.Linear(3, 1), nn.LayerNorm(1))
    with pytest.raises(InputError, match=r"m = 1 number per sample, position"):
        audit(model, lambda out: out.sum(), torch.randn(4, 3))


def test_a_buffer_that_reaches_nothing_may_be_infinite(case: Any) -> None:
    item = case("vgg")
    item.model[1].running_var[2] = float("inf")
    item.model.register_buffer("mask", torch.full((3, 3), -float("inf")))
    assert ask(item).failures == ()


def test_a_model_without_normalisation_is_named() -> None:
    with pytest.raises(InputError, match="no normalisation layer that can be audited; expected a call of"):
        audit(nn.Linear(3, 2), F.cross_entropy, torch.randn(4, 3), torch.zeros(4, dtype=torch.long))


def test_what_is_no_model_is_named() -> None:
    with pytest.raises(InputError, match=r"the model is function; expected a torch\.nn\.Module"):
        audit(lambda x: x, F.cross_entropy, torch.randn(4, 3))  # type: ignore[arg-type]


class Odd(nn.BatchNorm1d):
    def forward(self, x: Tensor) -> Tensor:
        return x * 2


class Zoo(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 6)
        self.used, self.unused, self.cut = nn.BatchNorm1d(6), nn.BatchNorm1d(6), nn.BatchNorm1d(6)
        self.odd, self.lrn = Odd(6), nn.LocalResponseNorm(2)

    def forward(self, x: Tensor) -> Tensor:
        h = self.odd(self.used(self.linear(x)))
        h = self.lrn(h.unsqueeze(-1)).squeeze(-1) + self.cut(h).detach()
        return h + F.normalize(h, p=1.0)


def test_what_is_not_covered_is_listed_with_the_reason() -> None:
    report = audit(Zoo(), lambda out: out.pow(3).sum(), torch.randn(5, 4))
    assert [layer.name for layer in report.layers] == ["used"]
    found = {(item.name, item.what): item.why for item in report.not_covered}
    assert "overrides the forward pass of BatchNorm1d" in found["odd", "Odd"]
    assert "neighbouring channels" in found["lrn", "LocalResponseNorm"]
    assert "was not called" in found["unused", "BatchNorm1d"]
    assert "does not depend on its output" in found["cut", "BatchNorm1d"]
    assert "spread of a group" in found["Zoo", "F.normalize"]


class OwnNorm(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x / (1 + x.square().sum(-1, keepdim=True))


def test_what_stays_uncovered_is_listed_once_with_the_way_to_name_it() -> None:
    model = nn.Sequential(nn.Linear(4, 6), OwnNorm(), nn.Linear(6, 6), OwnNorm(), nn.LayerNorm(6))
    report = audit(model, lambda out: out.pow(3).sum(), torch.randn(5, 4))
    (group,) = report.uncovered
    assert (group["what"], group["names"]) == ("OwnNorm", ["1", "3"])
    assert group["way"].startswith("--as OwnNorm=")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_compiled_model_is_sent_back() -> None:
    model = torch.compile(nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)))
    with pytest.raises(InputError, match=r"compiled; audit the module before torch\.compile"):
        audit(model, lambda out: out.sum(), torch.randn(4, 3))
