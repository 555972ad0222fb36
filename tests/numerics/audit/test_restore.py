"""The model after an audit is the model before it, to the bit, whatever happens in between."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from bnverify.numerics.audit.restore import untouched
from bnverify.numerics.audit.run import audit
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from bnverify.base.errors import InputError

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def state(model: nn.Module) -> dict[str, Any]:
    """Everything of a model that an audit could touch; tensors by identity, version and bytes."""
    found: dict[str, Any] = {}
    for name, module in model.named_modules():
        found[f"{name}/training"] = module.training
        for hooks in HOOKS:
            found[f"{name}/{hooks}"] = list(getattr(module, hooks).items())
        found[f"{name}/keys"] = list(module.__dict__)
    for name, tensor in (*model.named_parameters(), *model.named_buffers()):
        found[f"{name}/id"] = id(tensor)
        found[f"{name}/version"] = tensor._version
        found[f"{name}/bytes"] = tensor.detach().numpy().tobytes()
        found[f"{name}/grad"] = (
            None if tensor.grad is None else (id(tensor.grad), tensor.grad.numpy().tobytes())
        )
        found[f"{name}/requires"] = tensor.requires_grad
    found["rng"] = torch.get_rng_state().numpy().tobytes()
    found["random"] = random.getstate()
    found["numpy"] = str(np.random.get_state())
    return found


def trained(item: Any) -> Any:
    """Gradients, a hook and a frozen parameter, so that there is something to lose."""
    item.loss_fn(item.model(item.inputs), item.targets).backward()
    next(iter(item.model.parameters())).requires_grad_(False)
    item.model.register_forward_hook(lambda *_: None)
    return item


@pytest.mark.parametrize(
    "options", [{}, {"mode": "both"}, {"second_order": True, "probes": 2, "channels": [0]}], ids=str
)
def test_every_architecture_is_left_untouched(architecture: Any, options: dict[str, Any]) -> None:
    item = trained(architecture)
    before = state(item.model)
    audit(*item.args, **options)
    assert state(item.model) == before


@pytest.mark.parametrize("where", ["forward", "loss", "backward", "interrupt"])
def test_a_failure_leaves_the_model_untouched(case: Any, where: str) -> None:
    item = trained(case("resnet-pre"))

    class Boom(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            if where == "forward":
                raise RuntimeError("boom")
            return x.clone()

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            raise KeyboardInterrupt("boom") if where == "interrupt" else RuntimeError("boom")

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        if where == "loss":
            raise RuntimeError("boom")
        return F.cross_entropy(Boom.apply(outputs), targets)

    before = state(item.model)
    with pytest.raises((RuntimeError, KeyboardInterrupt), match="boom"):
        audit(item.model, loss, item.inputs, item.targets, mode="both", second_order=True)
    assert state(item.model) == before


class Restless(nn.Module):
    """Counts its calls, rebinds an attribute, and clips its own weight in the forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.norm = nn.Linear(4, 3), nn.BatchNorm1d(3)
        self.calls, self.last = 0, torch.zeros(1)

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.last = x.detach()
        self.linear.weight.data.clamp_(-0.1, 0.1)
        self.fresh = self.calls
        random.random(), np.random.rand(), torch.rand(1)
        return self.norm(self.linear(x))


def test_a_module_that_changes_itself_is_put_back() -> None:
    model = Restless()
    before, last = state(model), model.last
    audit(model, lambda out: out.pow(3).sum(), torch.randn(5, 4, generator=torch.Generator().manual_seed(0)))
    assert state(model) == before
    assert model.calls == 0
    assert model.last is last
    assert not hasattr(model, "fresh")


class Diary(nn.Module):
    """Appends to a list of its own, and reads its weights from a list, as recurrent layers do."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.norm, self.seen = nn.LSTM(4, 3, batch_first=True), nn.LayerNorm(3), [0]

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(len(x))
        return self.norm(checkpoint(self.cell, x.unsqueeze(1), use_reentrant=True)[0][:, 0])


def test_lists_of_a_module_are_put_back_and_no_gradient_reaches_its_weights() -> None:
    model = Diary()
    audit(model, lambda out: out.pow(3).sum(), torch.randn(5, 4, requires_grad=True))
    assert model.seen == [0]
    assert all(p.grad is None for p in model.parameters())
    assert model.cell._flat_weights[0] is model.cell.weight_ih_l0


def test_parameter_hooks_do_not_fire(case: Any) -> None:
    item, fired = case("vgg"), []
    for parameter in item.model.parameters():
        parameter.register_post_accumulate_grad_hook(lambda p: fired.append(p))
        parameter.register_hook(lambda g: fired.append(g))
    audit(*item.args, second_order=True, probes=2)
    assert fired == []


def test_shared_parameters_stay_shared_inside() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Linear(3, 3))
    model[2].weight = model[0].weight
    with untouched(model):
        assert model[2].weight is model[0].weight
    assert model[2].weight is model[0].weight


def test_a_learned_tensor_that_is_no_parameter_is_learned_inside() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    learned = torch.ones(3, requires_grad=True)
    model.temperature = learned
    with untouched(model):
        inside = model.temperature
        assert inside is not learned
        assert inside.requires_grad
    assert model.temperature is learned


def test_inputs_are_not_written_to() -> None:
    model = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 3), nn.BatchNorm1d(3))
    x = torch.randn(5, 4)
    want = x.clone()
    audit(model, lambda out: out.pow(3).sum(), x, mode="both", second_order=True, probes=2)
    assert torch.equal(x, want)


def test_two_audits_of_a_random_network_agree(case: Any) -> None:
    item = case("vgg")
    first, second = (audit(*item.args) for _ in range(2))
    assert first.rows == second.rows


def test_it_works_where_gradients_are_switched_off(case: Any) -> None:
    item = case("mlp")
    want = audit(*item.args).rows
    with torch.no_grad():
        assert audit(*item.args).rows == want
    with torch.inference_mode():
        assert audit(*item.args).rows == want


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*")
@pytest.mark.parametrize("kind", ["scripted", "lazy"])
def test_modules_that_cannot_be_shielded_are_refused(kind: str) -> None:
    model: nn.Module = nn.Sequential(nn.LazyLinear(3), nn.BatchNorm1d(3))
    if kind == "scripted":
        model = nn.Sequential(torch.jit.script(nn.Linear(4, 3)), nn.BatchNorm1d(3))
    with pytest.raises(InputError, match=r"scripted|no shape yet"):
        audit(model, lambda out: out.sum(), torch.randn(5, 4))


class Helper:
    """What people keep beside their modules."""

    def __init__(self) -> None:
        self.history, self.last = [torch.zeros(2)], torch.ones(3)


class Hoarder(nn.Module):
    """Containers of containers, tensors in lists changed in place, a helper object, generators of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.rng = nn.BatchNorm1d(4), torch.Generator().manual_seed(1)
        self.seen: dict[str, Any] = {
            "means": [],
            "deep": {"sums": [torch.zeros(4)], "pair": (torch.zeros(2), 1)},
        }
        self.helper, self.draws, self.old = Helper(), np.random.default_rng(2), random.Random(3)
        self.array = np.zeros(3)

    def forward(self, x: Tensor) -> Tensor:
        self.seen["means"].append(float(x.mean()))
        self.seen["deep"]["sums"][0].add_(x.detach().float().sum(0))
        self.seen["deep"]["pair"][0].add_(1)
        self.helper.history.append(x)
        self.helper.history[0].add_(1)
        self.helper.last = x
        self.array += self.draws.standard_normal() + self.old.random()
        return self.norm(x + 0.1 * torch.randn(x.shape, generator=self.rng, dtype=x.dtype))


@pytest.mark.parametrize("dtype", [None, torch.float64])
def test_what_a_model_keeps_beside_its_tensors_is_put_back(dtype: Any) -> None:
    model = Hoarder()
    tensors = [model.seen["deep"]["sums"][0], model.seen["deep"]["pair"][0], model.helper.history[0]]
    generators = model.rng.get_state(), str(model.draws.bit_generator.state), model.old.getstate()
    last, before = model.helper.last, state(model)
    audit(model, lambda out: out.pow(3).sum(), torch.randn(16, 4, generator=torch.Generator()), dtype=dtype)
    assert state(model) == before
    assert model.seen["means"] == []
    assert [id(model.seen["deep"]["sums"][0]), id(model.seen["deep"]["pair"][0])] == [*map(id, tensors[:2])]
    assert (len(model.helper.history), model.helper.history[0] is tensors[2]) == (1, True)
    assert all(not bool(tensor.any()) for tensor in tensors)
    assert model.helper.last is last
    assert not model.array.any()
    now = model.rng.get_state(), str(model.draws.bit_generator.state), model.old.getstate()
    assert torch.equal(now[0], generators[0])
    assert now[1:] == generators[1:]


@pytest.mark.parametrize("wrap", ["compiled", "in place", "quantised", "sharded"])
@pytest.mark.filterwarnings("ignore")
def test_what_has_no_eager_gradient_is_refused_by_name(wrap: str) -> None:
    model: nn.Module = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
    if wrap == "compiled":
        model = torch.compile(model)  # type: ignore[assignment]
    elif wrap == "in place":
        model.compile()
    elif wrap == "quantised":
        model[0] = torch.ao.nn.quantized.Linear(4, 3)
    else:

        class FSDPLinear(nn.Linear):
            pass

        model[0] = FSDPLinear(4, 3)
    with pytest.raises(InputError, match=r"compiled|quantised|sharded"):
        audit(model, lambda out: out.sum(), torch.randn(5, 4))
