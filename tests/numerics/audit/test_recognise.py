"""Layers that somebody wrote by hand are known by their numbers, with their eps and their parameters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from bnverify.numerics.audit.known import recognise, register
from bnverify.numerics.audit.report import LayerAudit
from bnverify.numerics.audit.run import audit
from torch import Tensor, nn

from bnverify.base.errors import InputError


class Llama(nn.Module):
    """Computes in float32 inside, as most language models do; ``one`` is Gemma's 1 + w."""

    def __init__(
        self, size: int, eps: float = 1e-6, one: float = 0.0, inside: torch.dtype | None = None
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(1 - one + 0.1 * torch.randn(size))
        self.variance_epsilon, self.one, self.inside = eps, one, inside

    def forward(self, x: Tensor) -> Tensor:
        h = x if self.inside is None else x.to(self.inside)
        h = h * torch.rsqrt(h.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)
        return (self.one + self.weight) * h.to(x.dtype)


class Annotated(nn.Module):
    """Divides by the unbiased standard deviation plus eps, as an often copied transformer does."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.a_2, self.b_2, self.eps = (
            nn.Parameter(torch.rand(size) + 0.5),
            nn.Parameter(torch.randn(size)),
            1e-3,
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.a_2 * (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + self.eps) + self.b_2


class ScaleNorm(nn.Module):
    def __init__(self, size: int, eps: float = 1e-12) -> None:
        super().__init__()
        self.eps = eps
        self.g = nn.Parameter(torch.tensor(size**0.5 * 1.3))

    def forward(self, x: Tensor) -> Tensor:
        return self.g * x / x.norm(dim=-1, keepdim=True).clamp_min(self.eps)


class Normalized(nn.Module):
    """As x-transformers writes it."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.scale, self.gamma = size**0.5, nn.Parameter(torch.rand(size) + 0.5)

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(x, dim=-1) * self.scale * self.gamma


class ChannelFirst(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.rand(size) + 0.5), nn.Parameter(torch.randn(size))

    def forward(self, x: Tensor) -> Tensor:
        c = x - x.mean(1, keepdim=True)
        s = (c.pow(2).mean(1, keepdim=True) + 1e-6).sqrt()
        return self.weight[:, None, None] * (c / s) + self.bias[:, None, None]


class Groups(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(size) + 0.5)

    def forward(self, x: Tensor) -> Tensor:
        t = x.reshape(len(x), 2, -1)
        t = (t - t.mean(-1, keepdim=True)) / (t.var(-1, keepdim=True, unbiased=False) + 1e-4).sqrt()
        return t.reshape(x.shape) * self.weight[:, None, None]


class Batch(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.gamma, self.beta = nn.Parameter(torch.rand(size) + 0.5), nn.Parameter(torch.randn(size))

    def forward(self, x: Tensor) -> Tensor:
        mean, var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), keepdim=True, unbiased=False)
        return self.gamma[:, None, None] * (x - mean) / (var + 1e-5).sqrt() + self.beta[:, None, None]


def asked(norm: nn.Module, image: bool, **options: Any) -> LayerAudit:
    torch.manual_seed(0)
    stem: nn.Module = nn.Conv2d(3, 6, 3) if image else nn.Linear(4, 6)
    x = torch.randn(5, 3, 7, 7) if image else torch.randn(5, 7, 4)
    model = nn.Sequential(stem, norm, nn.GELU()).double()
    report = audit(model, lambda out: out.pow(3).mean(), x.double(), **options)
    assert report.failures == ()
    assert report.not_covered == ()
    return report.layers[0]


KNOWN: dict[str, tuple[nn.Module, bool, str, float, str]] = {
    "llama": (Llama(6), False, "RMSNorm", 1e-6, "rms"),
    "gemma": (Llama(6, 1e-5, 1.0), False, "RMSNorm", 1e-5, "rms"),
    "an odd eps": (Llama(6, 3.7e-4), False, "RMSNorm", 3.7e-4, "rms"),
    "scale-norm": (ScaleNorm(6), False, "ScaleNorm", 0.0, "rms"),
    "a wide clamp": (ScaleNorm(6, 1e-2), False, "ScaleNorm", 0.0, "rms"),
    "x-transformers": (Normalized(6), False, "RMSNorm", 0.0, "rms"),
    "channels": (ChannelFirst(6), True, "LayerNorm", 1e-6, "centred"),
    "groups": (Groups(6), True, "GroupNorm", 1e-4, "centred"),
    "batch": (Batch(6), True, "BatchNorm", 1e-5, "centred"),
}


@pytest.mark.parametrize("seed", [10, 18, 19, 23, 24])
def test_rounding_in_the_fit_of_an_eps_is_no_clamp(seed: int) -> None:
    torch.manual_seed(seed)
    assert asked(Batch(6), True).eps == 1e-5


def test_an_attribute_eps_that_the_layer_does_not_compute_with_is_named() -> None:
    class Fixed(Llama):
        def forward(self, x: Tensor) -> Tensor:
            return self.weight * x * (x.square().mean(-1, keepdim=True) + 1e-6).rsqrt()

    norm = Fixed(6)
    assert "attribute" not in asked(norm, False).recognised
    norm.variance_epsilon = 1e-2
    assert "eps = 1e-06 (its attribute says 0.01), residual" in asked(norm, False).recognised


@pytest.mark.parametrize("name", KNOWN)
def test_a_layer_written_by_hand_is_known_by_its_numbers(name: str) -> None:
    norm, image, said, eps, family = KNOWN[name]
    layer = asked(norm, image)
    assert layer.recognised.startswith(f"recognised as {said}, eps = {eps:.3g}, residual")
    assert (layer.family, layer.eps) == (family, pytest.approx(eps, rel=1e-9, abs=1e-12))
    assert layer.backward is not None
    assert (layer.backward.verdict, "weight" in layer.backward.errors) == ("right", True)
    for rows in layer.statements:
        if rows.op == "eq" and rows.asserted:
            # Without eps <v, yhat> is 0, and so are both sides of what it says.
            assert set(rows.finding) <= {
                "holds",
                "outside_assumptions",
                *(["vacuous"] if eps == 0 else []),
            }, rows.key
            assert max(rows.residual) < 1e-12


def test_its_numbers_are_those_of_the_layer_of_pytorch() -> None:
    norm = Llama(6)
    twin = nn.RMSNorm(6, eps=1e-6)
    twin.weight.data = norm.weight.data.clone()
    got, want = asked(norm, False), asked(twin, False)
    for column, values in want.columns.items():
        assert got.columns[column] == pytest.approx(values, rel=1e-9, abs=1e-15), column


def test_arithmetic_in_float32_inside_a_layer_is_told_and_allowed_for() -> None:
    layer = asked(Llama(6, inside=torch.float32), False)
    assert layer.recognised.endswith("in float32")
    assert layer.dtype == "float32"
    assert layer.backward is not None
    assert layer.backward.verdict == "right"


def test_another_divisor_is_its_own_definition_and_no_theorem_speaks_of_it() -> None:
    layer = asked(Annotated(6), False)
    assert "a layer with s = sigma + eps" in layer.recognised
    assert (layer.family, layer.statements) == ("defined", ())
    assert layer.backward is not None
    assert layer.backward.verdict == "right"


@pytest.mark.parametrize("norm", [nn.Identity(), nn.Tanh(), nn.Softmax(-1)], ids=str)
def test_what_is_no_normalisation_is_not_taken_for_one(norm: nn.Module) -> None:
    class Own(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return norm(x)

    y = torch.randn(8, 6)
    assert recognise.recognise(Own(), y) is None
    assert recognise.recognise(nn.Linear(6, 6), y) is None


def test_one_wrong_digit_of_the_forward_pass_is_no_longer_the_layer() -> None:
    class Off(Llama):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * (1 + 1e-9 * torch.sin(x))

    assert recognise.recognise(Llama(6), torch.randn(8, 6)) is not None
    assert recognise.recognise(Off(6), torch.randn(8, 6)) is None


def test_the_weight_gradient_of_a_layer_that_adds_one_is_compared() -> None:
    class Halved(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, w: Tensor) -> Tensor:
            return w.clone()

        @staticmethod
        def backward(ctx: Any, *grads: Tensor) -> Tensor:
            return grads[0] / 2

    class Gemma(Llama):
        def forward(self, x: Tensor) -> Tensor:
            h = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)
            return h * (1 + Halved.apply(self.weight))

    layer = asked(Gemma(6, one=1.0), False)
    assert layer.backward is not None
    assert (layer.backward.of, layer.backward.fault) == ("weight", "factor")
    assert layer.backward.factor == pytest.approx(0.5)


SMALL = "s = sqrt(y @ y / m + eps); z = gamma*y/s"


@pytest.mark.parametrize("said", ["rms-norm", SMALL])
def test_a_class_may_be_named_or_defined(said: str) -> None:
    layer = asked(Llama(6), False, known={"Llama": said})
    assert layer.backward is not None
    assert layer.backward.verdict == "right"
    assert layer.eps == pytest.approx(1e-6)


def test_a_definition_of_ones_own_is_audited() -> None:
    class Mean(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.rand(6) + 0.5)

        def forward(self, x: Tensor) -> Tensor:
            return self.weight * x / (x.abs().mean(-1, keepdim=True) + 0.25)

    layer = asked(Mean(), False, known={"Mean": "n = mean(abs(y)) + eps; z = gamma*y/n"})
    assert layer.backward is not None
    assert layer.backward.verdict == "right"
    assert layer.eps == pytest.approx(0.25, rel=1e-6)


@pytest.fixture
def registered() -> Iterator[None]:
    yield
    register.REGISTERED.clear()


@pytest.mark.usefixtures("registered")
def test_a_class_may_be_registered() -> None:
    register.register(Llama, "rms-norm")
    assert asked(Llama(6), False).recognised.startswith("recognised as RMSNorm")
    with pytest.raises(InputError, match="expected a class"):
        register.register(Llama(6), "rms-norm")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ({"Lama": "rms-norm"}, "no module of class 'Lama'; did you mean 'Llama'"),
        ({"Llama": "rmsnorm"}, "no normalisation 'rmsnorm'"),
        ({"Llama": "s = sqrt(y @ ; z = y"}, "character"),
        (
            {"Llama": "layer-norm"},
            "Llama is not 'layer-norm': the best fit leaves .* of its output unexplained",
        ),
        ({"Llama": "n = mean(abs(y)); z = gamma*y/n"}, "the best fit leaves .* of its output unexplained"),
    ],
)
def test_a_definition_that_does_not_fit_is_refused(known: dict[str, str], message: str) -> None:
    norm = Llama(6)
    before = norm.weight.detach().clone()
    with pytest.raises(InputError, match=message) as caught:
        asked(norm, False, known=known)
    assert "\n" not in str(caught.value)
    assert torch.equal(norm.weight, before.double())
    assert not norm._forward_pre_hooks


class OverTheGraph(nn.Module):
    """As PyTorch Geometric writes LayerNorm: one mean and one spread for all nodes, eps beside it."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.rand(size) + 0.5), nn.Parameter(torch.randn(size))

    def forward(self, x: Tensor) -> Tensor:
        x = x - x.mean()
        return x / (x.std(unbiased=False) + 1e-5) * self.weight + self.bias


def test_a_layer_with_one_spread_for_the_whole_batch_is_known_with_eps_beside_it() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), OverTheGraph(6), nn.GELU()).double()
    report = audit(model, lambda out: out.pow(3).mean(), torch.randn(20, 4).double())
    (layer,) = report.layers
    assert layer.recognised.startswith("recognised as a layer with s = sigma + eps, eps = 1e-05")
    assert (layer.backward is not None, len(layer.labels)) == (True, 1)
    assert layer.backward.verdict == "right"
