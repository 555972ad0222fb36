"""Property tests in somebody else's project: a right layer passes, a wrong one is shrunk and shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from bnverify.numerics.tester.layer import own
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from bnverify.base.errors import InputError
from bnverify.testing import CORNERS, assert_holds, batches, layers

pytestmark = pytest.mark.property
QUICK = {"examples": 60}


class Detached(nn.Module):
    """The bug of many fused kernels: the statistics are constants in the backward pass."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))

    def forward(self, x: Tensor) -> Tensor:
        c = x - x.mean(-1, keepdim=True)
        return self.weight * c / c.square().mean(-1, keepdim=True).sqrt().detach()


class Bessel(nn.Module):
    """Divides by the unbiased deviation plus a constant: near LayerNorm, and none."""

    def forward(self, x: Tensor) -> Tensor:
        return (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + 1e-5)


class Cubed(nn.Module):
    """No normalisation, and far from z = y."""

    def forward(self, x: Tensor) -> Tensor:
        return x**3 / (1 + x.square().mean(-1, keepdim=True))


@pytest.mark.parametrize("text", ["z == y", "at(z, y, g) == g", "at(z, y, 2*y) == 2*y", "d(z, y, g) == g"])
def test_z_of_a_layer_is_what_the_layer_computes(text: str) -> None:
    with pytest.raises(AssertionError, match="does not hold for Cubed"):
        assert_holds(text, norm=Cubed(), **QUICK)


@pytest.mark.parametrize(
    "text", ["at(z, y, 2*y) - z == at(z, y, 2*y) - z", "d(z, y, g) @ y == d(z, y, y) @ g"]
)
def test_a_layer_is_asked_elsewhere_and_along_a_vector(text: str) -> None:
    class Entrywise(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + x.mean(-1, keepdim=True)

    assert_holds(text, norm=Entrywise(), **QUICK)


@pytest.mark.parametrize(
    "text", ["dgamma == 0", "d(L, gamma) == 0", "at(z, gamma, 0) == z", "d(z, beta) == 0"]
)
def test_the_numbers_of_a_layer_do_not_move(text: str) -> None:
    with pytest.raises(InputError, match="moves with y alone"):
        assert_holds(text, norm=nn.BatchNorm1d(3), **QUICK)


@pytest.mark.parametrize(
    ("norm", "text"),
    [
        ("l1-norm", "sgn @ sgn == m"),
        ("linf-norm", "d(n, y, one)**2 == 1"),
        ("n = abs(one @ y) + 1; z = gamma*y/n", "d(n, y, one)**2 == m**2"),
    ],
)
def test_a_kink_of_the_definition_is_tried_only_if_asked(norm: str, text: str) -> None:
    assert_holds(text, norm=norm)
    with pytest.raises(AssertionError, match="does not hold"):
        assert_holds(text, norm=norm, kinks=True)


CENTRED = "mu = one @ y / m; c = y - mu*one; n = max(abs(c)); z = gamma*c/n + beta*one"


def test_two_samples_of_a_centred_largest_entry_are_tested() -> None:
    """Both entries are the largest there, and the same function of y."""
    assert_holds("v @ v == 0", norm=CENTRED, given=["m < 3"], **QUICK)
    with pytest.raises(AssertionError, match="m = 2"):
        assert_holds("v == g", norm=CENTRED, given=["m < 3"], **QUICK)
    with pytest.raises(AssertionError, match="m = 3"):
        assert_holds("v @ v == 0", norm=CENTRED)


def test_scale_invariance_holds_for_batch_norm_and_for_a_text() -> None:
    assert_holds("v @ y == 0", **QUICK)
    assert_holds("v @ y == 0", norm="n = sqrt(y @ y); z = gamma*y/n", **QUICK)


def test_the_printed_theorem_is_shrunk_to_two_samples() -> None:
    text = "v @ v <= gamma**2/sigma**2*(g @ g - (one @ g)**2/m - (g @ yhat)**2/sqrt(m))"
    with pytest.raises(AssertionError, match="m = 2") as caught:
        assert_holds(text)
    assert "left side" in str(caught.value)
    assert "right side" in str(caught.value)


def test_a_failed_equation_of_vectors_prints_both_vectors_and_the_scale() -> None:
    with pytest.raises(AssertionError) as caught:
        assert_holds("v == 2/s*(D @ g - mean(D @ g)*one - (yhat @ D @ g)/m*yhat)", norm=nn.LayerNorm(3))
    said = dict(line.strip().split("  ", 1) for line in str(caught.value).splitlines()[1:3])
    left, right = (json.loads(said[side]) for side in ("left side", "right side"))
    assert len(left) == 3
    assert right == pytest.approx([2 * value for value in left])
    assert "with D = diag([1, 1, 1])" in str(caught.value)


@pytest.mark.parametrize(
    "layer", [nn.LayerNorm(5), nn.RMSNorm(5), nn.BatchNorm1d(3)], ids=lambda x: type(x).__name__
)
def test_the_gradient_of_a_right_layer_has_its_closed_form(layer: nn.Module) -> None:
    if isinstance(layer, nn.BatchNorm1d):
        assert_holds("v == gamma/s*(g - mean(g)*one - mean(g*yhat)*yhat)", norm=layer, **QUICK)
    elif isinstance(layer, nn.LayerNorm):
        assert_holds("v == 1/s*(D @ g - mean(D @ g)*one - (yhat @ D @ g)/m*yhat)", norm=layer, **QUICK)
    else:
        layer.eps = 1e-6
        assert_holds("v == 1/s*(D @ g - (yhat @ D @ g)/m*yhat)", norm=layer, **QUICK)


def test_a_layer_keeps_what_it_is_and_its_own_eps() -> None:
    with pytest.raises(AssertionError, match=r"LayerNorm \(layer-norm, eps = 0.25\)"):
        assert_holds("v @ y == 0", norm=nn.LayerNorm(5, eps=0.25))


def test_statistics_that_are_constants_in_the_backward_pass_are_found() -> None:
    with pytest.raises(AssertionError, match="does not hold for Detached"):
        assert_holds("v @ y == 0", norm=Detached(5))


def test_a_layer_that_is_none_of_the_known_is_still_asked_what_needs_no_definition() -> None:
    assert_holds("v @ one == 0", norm=Bessel(), **QUICK)
    for layer, said in (
        (Bessel(), "is not layer-norm"),
        (Cubed(), "computes no normalisation that is known"),
    ):
        with pytest.raises(InputError, match=f"^{type(layer).__name__} {said}.* no name 's'"):
            assert_holds("v @ v <= g @ g/s**2", norm=layer)


class Coarse(nn.LayerNorm):
    """Computes in a dtype of its own, and as fused kernels do takes that alone or hands back what it was given."""

    def __init__(self, dtype: torch.dtype, alone: bool = False, slip: float = 1.0) -> None:
        super().__init__(5, elementwise_affine=False)
        self.held, self.alone, self.slip = dtype, alone, slip

    def forward(self, x: Tensor) -> Tensor:
        if self.alone and x.dtype != self.held:
            raise TypeError(f"expected {self.held}")
        y = x.to(self.held)
        return (super().forward(y) + (self.slip - 1) * y.mean(-1, keepdim=True) / 9).to(x.dtype)


@pytest.mark.parametrize("alone", [False, True])
def test_a_layer_is_held_to_the_digits_that_it_computes_in(alone: bool) -> None:
    assert_holds("v @ one == 0", norm=Coarse(torch.float32, alone), **QUICK)
    with pytest.raises(AssertionError, match="does not hold for Coarse"):
        assert_holds("v @ one == 0", norm=Coarse(torch.float32, alone, slip=1.01))
    assert_holds("v @ one == 0", norm=Coarse(torch.bfloat16, alone), **QUICK)
    with pytest.raises(AssertionError, match="does not hold for Coarse"):
        assert_holds("v @ one == 0", norm=Coarse(torch.bfloat16, alone, slip=9.0), **QUICK)


def handed_back_in_bfloat16(x: Tensor) -> Tensor:
    return nn.functional.layer_norm(x.float(), (5,)).bfloat16().to(x.dtype)


def test_a_layer_is_held_to_the_digits_of_what_it_hands_back() -> None:
    norm = Wrapped(handed_back_in_bfloat16)
    assert own(norm).unit == torch.finfo(torch.bfloat16).eps / 2
    assert_holds("v @ one == 0", norm=norm, **QUICK)
    with pytest.raises(AssertionError, match="does not hold"):
        assert_holds("v == g", norm=norm, **QUICK)


class Once(torch.autograd.Function):
    """A kernel whose backward pass has no derivative."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        c = x - x.mean(-1, keepdim=True)
        s = c.square().mean(-1, keepdim=True).sqrt()
        ctx.save_for_backward(c / s, s)
        return c / s

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, g: Tensor) -> Tensor:
        h, s = ctx.saved_tensors
        return (g - g.mean(-1, keepdim=True) - h * (g * h).mean(-1, keepdim=True)) / s


class Wrapped(nn.Module):
    """A function as a layer of five features."""

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.size, self.function, self.calls = 5, function, 0

    def forward(self, x: Tensor) -> Any:
        self.calls += 1
        return self.function(x)


def test_a_backward_pass_without_a_derivative_has_no_B() -> None:
    assert_holds("v @ yhat == 0", norm=Wrapped(Once.apply), **QUICK)
    with pytest.raises(InputError, match="cannot be differentiated again"):
        assert_holds("v @ B @ v == 0", norm=Wrapped(Once.apply), **QUICK)


def needs_cuda(x: Tensor) -> Tensor:
    if not x.is_cuda:
        raise RuntimeError("expected a CUDA tensor")
    return x


def noisy(x: Tensor) -> Tensor:
    return nn.functional.layer_norm(x, (5,)) + torch.randn(())


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (needs_cuda, "expected a CUDA tensor"),
        (noisy, "another output when it is called again"),
        (lambda x: (x, None), "returns tuple"),
        (lambda x: 2 * x, "normalises nothing"),
        (lambda x: x - x.mean(), "a sample and a feature together"),
    ],
)
def test_a_layer_that_cannot_be_asked_is_one_line_that_says_why(
    function: Callable[[Tensor], Any], said: str
) -> None:
    with pytest.raises(InputError, match=said) as caught:
        assert_holds("v @ one == 0", norm=Wrapped(function), **QUICK)
    assert "\n" not in str(caught.value)


def tokens(x: Tensor) -> Tensor:
    batch, length, features = x.shape
    return nn.functional.layer_norm(x.reshape(batch * length, features), (features,)).view(x.shape)


def in_place(x: Tensor) -> Tensor:
    x -= x.mean(-1, keepdim=True)
    return x / x.square().mean(-1, keepdim=True).sqrt()


@pytest.mark.parametrize("norm", [Wrapped(tokens), nn.BatchNorm2d(3), Wrapped(in_place)])
def test_tokens_images_and_layers_that_write_into_their_input_are_taken(norm: nn.Module) -> None:
    assert_holds("v @ one == 0", norm=norm, **QUICK)
    with pytest.raises(AssertionError, match="does not hold"):
        assert_holds("v == g", norm=norm, **QUICK)


def small_alone(x: Tensor) -> Tensor:
    if x.requires_grad:
        assert float(x.detach().abs().max()) < 5, "expected small numbers"
    return nn.functional.layer_norm(x, (5,))


def test_what_a_layer_asserts_itself_ends_no_search_in_success() -> None:
    with pytest.raises(AssertionError, match="expected small numbers"):
        assert_holds("v @ one == 0", norm=Wrapped(small_alone), **QUICK)


GRADIENT = "v == 1/s*(D @ g - mean(D @ g)*one - mean(yhat*(D @ g))*yhat)"


class Meant(nn.Module):
    """A layer that is meant to be LayerNorm, made of a slip: (weight, c, mean of c squared) -> z."""

    def __init__(self, slip: Callable[[Tensor, Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(0.5, 2, 5, dtype=torch.float64))
        self.slip = slip

    def forward(self, x: Tensor) -> Tensor:
        c = x - x.mean(-1, keepdim=True)
        return self.slip(self.weight, c, c.square().mean(-1, keepdim=True))


class Slipping(torch.autograd.Function):
    """LayerNorm with a backward pass that leaves the mean in, and counts the weight twice."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, c: Tensor, x: Tensor) -> Tensor:
        s = x.square().mean(-1, keepdim=True).sqrt()
        ctx.save_for_backward(weight, c / s, s)
        return weight * c / s

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Tensor, None, Tensor]:
        weight, h, s = ctx.saved_tensors
        d = weight * g
        return 2 * (g * h).sum(0), None, (d - h * (d * h).mean(-1, keepdim=True)) / s


class LeavesTheMeanIn(Meant):
    def __init__(self) -> None:
        super().__init__(lambda weight, c, square: c)

    def forward(self, x: Tensor) -> Tensor:
        c = (x - x.mean(-1, keepdim=True)).detach()
        return Slipping.apply(self.weight, c, x - x.mean(-1, keepdim=True).detach())


@pytest.mark.parametrize(
    ("slip", "said"),
    [
        (lambda w, c, square: w * c / (square * 5 / 4).sqrt(), "is not `weight`, but 0.894427 times it"),
        (lambda w, c, square: w.exp() * c / square.sqrt(), r"is not `weight`: D = \[1.64872"),
        (
            lambda w, c, square: w.detach() * c / square.sqrt(),
            "`weight` moves the output and gets no gradient",
        ),
        (
            lambda w, c, square: (2 * w - w.detach()) * c / square.sqrt(),
            "the gradient of `weight` is not the derivative of the forward pass",
        ),
    ],
    ids=["unbiased", "exp", "detached", "twice"],
)
def test_a_slip_that_no_gradient_of_the_input_shows_is_warned_of(slip: Any, said: str) -> None:
    with pytest.warns(UserWarning, match=said):
        assert_holds(GRADIENT, norm=Meant(slip), **QUICK)


def test_a_weight_beside_one_is_no_slip() -> None:
    assert_holds(GRADIENT, norm=Meant(lambda w, c, square: (1 + w) * c / square.sqrt()), **QUICK)


@pytest.mark.parametrize(
    ("slip", "said"),
    [
        (lambda w, c, square: w * c / (square.sqrt() + 1e-3), "adds eps outside the root"),
        (lambda w, c, square: w * c / (square * 5 / 4 + 1e-3).sqrt(), "divides the variance by m - 1"),
    ],
)
def test_a_layer_beside_the_definition_is_named_before_the_statement(slip: Any, said: str) -> None:
    with pytest.raises(InputError, match=rf"^Meant is not layer-norm: it {said} \(.*eps = 0.001\)"):
        assert_holds(GRADIENT, norm=Meant(slip), **QUICK)
    with pytest.raises(AssertionError, match="Meant is not layer-norm: its output is off"):
        assert_holds(GRADIENT, norm=Meant(slip), like="layer-norm", **QUICK)


def test_an_unbiased_batch_norm_is_no_batch_norm_with_another_scale() -> None:
    def unbiased(x: Tensor) -> Tensor:
        return (x - x.mean(0)) / (x.var(0) + 1e-3).sqrt()

    with pytest.raises(InputError, match="Wrapped is not batch-norm: it divides the variance by m - 1"):
        assert_holds("v == gamma/s*(g - mean(g)*one - mean(g*yhat)*yhat)", norm=Wrapped(unbiased), **QUICK)


def test_a_failure_says_in_which_direction_and_whose_it_is() -> None:
    with pytest.raises(AssertionError) as caught:
        assert_holds(GRADIENT, norm=LeavesTheMeanIn())
    said = str(caught.value)
    assert "lies along one on every batch tried: they differ in the mean of the gradient" in said
    assert "the backward pass of LeavesTheMeanIn is not the derivative of its forward pass" in said
    assert "e-1" not in said, "what rounding explains is shown as 0"


@pytest.mark.parametrize(
    ("norm", "statement", "said"),
    [
        (nn.RMSNorm(5), GRADIENT, "lies along one on every batch tried"),
        (
            nn.RMSNorm(5),
            GRADIENT,
            "no counterexample on 9 random batches of layer-norm with eps = 0",
        ),
        ("batch-norm", "v == gamma/s*(g - mean(g)*one)", "lies along yhat on every batch tried"),
        ("batch-norm", "v == gamma/s*(g - mean(g*yhat)*yhat)", "lies along one on every batch tried"),
    ],
)
def test_a_false_equation_says_what_is_missing(norm: Any, statement: str, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        assert_holds(statement, norm=norm, **QUICK)


@pytest.mark.parametrize("statement", ["m <= 5", "one @ g <= sqrt(m)*norm(g)"])
def test_a_statement_about_nothing_that_the_layer_computes_is_said_to_be_one(statement: str) -> None:
    with pytest.warns(UserWarning, match="names nothing that LayerNorm computes"):
        assert_holds(statement, norm=nn.LayerNorm(5), **QUICK)


def test_a_hypothesis_that_nothing_meets_is_no_success() -> None:
    with pytest.raises(ValueError, match="nothing was tested"):
        assert_holds("v @ one == 0", given=["1 <= 0"], **QUICK)


@pytest.mark.parametrize("op", ["==", "<="])
def test_what_rounding_hides_on_every_batch_is_no_success(op: str) -> None:
    with pytest.raises(ValueError, match=r"rounding hides v \(character 1\) in v @ v"):
        assert_holds(f"v @ v + 10**12*10**12*(g @ g) {op} 10**12*10**12*(g @ g)", **QUICK)
    with pytest.raises(ValueError, match="whether they differ in v @ y < 0"):
        assert_holds("v @ y < 0", **QUICK)


def test_a_bound_that_is_an_equality_and_a_loose_one_are_tested() -> None:
    assert_holds("v @ v <= gamma**2/sigma**2*(g @ g - (one @ g)**2/m - (g @ yhat)**2/m)", **QUICK)
    assert_holds("v @ v <= 10**12*10**12*gamma**2/sigma**2*(g @ g) + 1", **QUICK)


def test_a_hypothesis_that_is_the_statement_is_refused() -> None:
    with pytest.raises(InputError, match="is the statement itself"):
        assert_holds("v @ v <= g @ g", given=["0 <= g @ g - v @ v"])


def test_an_unknown_name_is_pointed_at() -> None:
    with pytest.raises(InputError, match="the nearest is 'gamma'"):
        assert_holds("v @ v <= gama")


def test_a_user_module_is_left_as_it_was() -> None:
    layer = nn.BatchNorm1d(3)
    before = {name: t.clone() for name, t in layer.state_dict().items()}
    assert_holds("v @ one == 0", norm=layer, examples=5)
    assert all(torch.equal(before[name], t) for name, t in layer.state_dict().items())


def test_corners_and_layers_are_strategies() -> None:
    @settings(max_examples=20, deadline=None)
    @given(st.data(), st.sampled_from(CORNERS), layers(size=3))
    def drawn(data: st.DataObject, corner: str, layer: nn.Module) -> None:
        batch = data.draw(batches(corner=corner))
        assert len(set(batch.y)) > 1
        assert corner != "gamma-negative" or batch.gamma < 0
        assert layer(torch.ones(2, 3, dtype=torch.float64)).shape == (2, 3)

    drawn()


def test_a_corner_that_is_none_is_named() -> None:
    @settings(max_examples=1, deadline=None)
    @given(batches(corner="edge"))
    def drawn(batch: object) -> None:
        pass

    with pytest.raises(InputError, match="there is no corner"):
        drawn()


def test_the_eps_of_an_rms_norm_without_one_is_that_of_pytorch() -> None:
    assert_holds("v == 1/s*(D @ g - (yhat @ D @ g)/m*yhat)", norm=nn.RMSNorm(5))
    with pytest.raises(AssertionError, match=r"eps = 2\.22045e-16"):
        assert_holds("yhat @ yhat == m", norm=nn.RMSNorm(5))


GRADIENT = "v == 1/s*(D @ g - mean(D @ g)*one - (yhat @ D @ g)/m*yhat)"


class Plain(torch.autograd.Function):
    """RMSNorm's forward pass with a backward pass that forgets the root."""

    @staticmethod
    def forward(ctx: Any, y: Tensor) -> Tensor:
        ctx.root = y.square().mean(-1, keepdim=True).sqrt()
        return y / ctx.root

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> Tensor:
        return grad[0] / ctx.root


@pytest.mark.parametrize(
    ("statement", "norm"),
    [
        ("v @ y == 0", lambda y: y / y.norm(dim=-1, keepdim=True)),
        (GRADIENT, partial(nn.functional.layer_norm, normalized_shape=(6,), eps=0.0123)),
        (
            GRADIENT,
            partial(nn.functional.layer_norm, normalized_shape=(5,), weight=torch.linspace(0.5, 2, 5)),
        ),
        ("v == 1/s*(D @ g - (yhat @ D @ g)/m*yhat)", partial(nn.functional.rms_norm, normalized_shape=(5,))),
        (
            "v == gamma/s*(g - mean(g)*one - mean(g*yhat)*yhat)",
            partial(nn.functional.batch_norm, running_mean=None, running_var=None, training=True),
        ),
    ],
    ids=["lambda", "eps", "weight", "rms", "batch"],
)
def test_a_function_is_tested_as_a_layer_is(statement: str, norm: Callable[[Tensor], Tensor]) -> None:
    assert_holds(statement, norm=norm, **QUICK)


def test_the_apply_of_a_function_has_the_name_of_its_class() -> None:
    with pytest.raises(AssertionError, match="the backward pass of Plain is not the derivative"):
        assert_holds("v @ y == 0", norm=Plain.apply, **QUICK)


@pytest.mark.parametrize(
    ("norm", "said"),
    [
        (nn.LayerNorm, r"expected a layer, such as LayerNorm\(5\), a function"),
        (torch.add, "add takes no .*wrap it in a function or a module that does"),
        (torch.sin, "sin normalises nothing"),
        (3, "norm is 3; expected a layer, a function of a batch"),
    ],
)
def test_what_is_no_function_of_a_batch_is_refused_in_a_line(norm: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        assert_holds("v @ y == 0", norm=norm)


@pytest.mark.parametrize(("statement", "left"), [("m >= 3", "2"), ("3 <= m", "3")])
def test_both_sides_are_shown_as_they_are_typed(statement: str, left: str) -> None:
    with pytest.raises(AssertionError, match=rf"left side +{left}\n"):
        assert_holds(statement)


def test_free_numbers_are_not_whole_alone() -> None:
    with pytest.raises(AssertionError, match=r"lam = 0\.\d+"):
        assert_holds("lam**2 >= lam", numbers=["lam"])


RMS_LINE = "v == 1/s*(D @ g - (yhat @ D @ g)/m*yhat)"


class WrongWhereLarge(torch.autograd.Function):
    """An RMSNorm whose backward pass is half too large where the batch is large."""

    @staticmethod
    def forward(ctx: Any, y: Tensor) -> Tensor:
        r = torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + 1e-5)
        ctx.save_for_backward(y * r, r)
        return y * r

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        yhat, r = ctx.saved_tensors
        v = r * (grads[0] - yhat * (grads[0] * yhat).mean(-1, keepdim=True))
        return torch.where(r < 1e-3, 1.5 * v, v)


class AnotherEps(nn.RMSNorm):
    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.rms_norm(x, self.normalized_shape, self.weight, 1e-3)


def test_a_false_bound_is_said_to_hold_for_no_definition() -> None:
    with pytest.raises(AssertionError, match=r"it is the statement that does not fit it$"):
        assert_holds("v @ v <= g @ g", norm=nn.LayerNorm(5))


def test_a_backward_pass_that_is_wrong_at_the_failing_batch_alone_is_named() -> None:
    with pytest.raises(AssertionError, match="the backward pass of WrongWhereLarge is not the derivative"):
        assert_holds(RMS_LINE, norm=WrongWhereLarge.apply)


def test_an_eps_that_is_not_the_attribute_of_the_layer_is_named() -> None:
    with pytest.warns(UserWarning, match="adds eps = 0.001, and its attribute `eps` says 1e-05"):
        assert_holds(RMS_LINE, norm=AnotherEps(5, eps=1e-5))


def test_where_a_definition_has_no_D_the_one_that_has_it_is_named() -> None:
    with pytest.raises(InputError, match="no name 'D'; rms-norm-elementwise has it"):
        assert_holds(RMS_LINE, norm=nn.RMSNorm(5), like="rms-norm")


def test_an_eps_of_a_layer_is_its_own() -> None:
    with pytest.raises(
        InputError, match=r"eps = 0.001 is that of a named or typed normalisation; LayerNorm computes"
    ):
        assert_holds("v @ one == 0", norm=nn.LayerNorm(5), eps=1e-3)


class _Groups(torch.autograd.Function):
    """GroupNorm of two groups; ``factor`` is what its backward pass multiplies the part along y-hat by."""

    factor = 1.0

    @staticmethod
    def forward(ctx, y):
        x = y.unflatten(-1, (2, -1))
        c = x - x.mean(-1, keepdim=True)
        ctx.s = (c.square().mean(-1, keepdim=True) + 1e-5).sqrt()
        ctx.yhat = c / ctx.s
        return ctx.yhat.flatten(-2)

    @classmethod
    def passed(cls, ctx, grad):
        g = grad.unflatten(-1, (2, -1))
        along = ctx.yhat * (g * ctx.yhat).mean(-1, keepdim=True)
        return ((g - g.mean(-1, keepdim=True) - cls.factor * along) / ctx.s).flatten(-2)

    @staticmethod
    def backward(ctx, grad):
        return _Groups.passed(ctx, grad)


class _Halved(_Groups):
    factor = 0.5

    @staticmethod
    def backward(ctx, grad):
        return _Halved.passed(ctx, grad)


@pytest.mark.parametrize(("function", "said"), [(_Groups, "is the"), (_Halved, "is not the")])
def test_of_a_layer_of_no_known_definition_differences_say_whose_fault_it_is(function, said):
    class Norm(torch.nn.Module):
        num_features = 6

        def forward(self, y):
            return function.apply(y)

    assert_holds("v @ one == 0", norm=Norm())
    with pytest.raises(AssertionError, match=f"the v of Norm {said} derivative of what it computes"):
        assert_holds("v @ y == 0", norm=Norm())
