"""The room of random batches: any normalisation from its text, asked what is proved and what is false."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from bnverify.numerics.measure.batch import Absent, Batch, Given
from bnverify.numerics.measure.derivatives import dense_oracle
from bnverify.numerics.measure.downstream import Coupled, DenseQuadratic
from bnverify.numerics.measure.instances import Source, downstream
from bnverify.numerics.measure.sides import Finding, judge, met, sides
from bnverify.theory.grammar import lines, parse
from bnverify.theory.normalisations import NORMALISATIONS, in_weights, two_units

M, ROWS = 6, 24
BATCH = NORMALISATIONS["batch-norm"].text
POWER = "r = sqrt(y @ y / m + eps); z = gamma*y/r + beta*one"


def room(text: str, eps: float = 0.0, loss: str = "mlp-tanh") -> Batch:
    """ROWS random instances of a definition."""
    draw = Source("room", text, loss)
    text = NORMALISATIONS[text].text if text in NORMALISATIONS else text
    two = "y_j" in text
    inputs = {"y_j": 1, "y_k": -2} if two else {"W": None} if text.startswith("y =") else {"y": 3}
    vectors = {name: draw.normal(ROWS, 3 if at is None else M) + (at or 0) for name, at in inputs.items()}
    vectors |= {name: draw.normal(ROWS, M) for name in ("a", "b", "bias")}
    numbers = {f"{name}{unit}": draw.normal(ROWS) for name in ("gamma", "beta") for unit in ("", "_j", "_k")}
    numbers |= {"eps": torch.full((ROWS,), eps, dtype=torch.float64), "lam": draw.powers(-1, 1, ROWS)}
    centred = torch.eye(M, dtype=torch.float64) - 1 / M
    operators = {"D": draw.normal(ROWS, M), "X": draw.normal(ROWS, M, 3), "C": centred.expand(ROWS, M, M)}
    inner = downstream(loss, draw, ROWS, M)
    if two:
        inner = Coupled(inner, downstream(loss, draw, ROWS, M), draw.normal(ROWS), draw.normal(ROWS))
    return Batch([line[:2] for line in lines(text)], Given(vectors, numbers, operators), inner)


P = "(b - mean(b)*one - (yhat @ b)/m*yhat)"
TRUE = {
    "thm-4.1 corrected": (
        "batch-norm",
        0,
        "v @ v == gamma**2/sigma**2*(g @ g - (one @ g)**2/m - (g @ yhat)**2/m)",
    ),
    "thm-4.2": (
        "batch-norm",
        0,
        "v @ B @ v == gamma**2/sigma**2*(v @ H @ v) - gamma/(m*sigma**2)*(g @ yhat)*(v @ v)",
    ),
    "backward, as libraries write it": (
        "batch-norm",
        0.5,
        "v == gamma/s*(g - mean(g)*one - mean(g*yhat)*yhat)",
    ),
    "fact-C.2": ("batch-norm", 0, f"d(z, y, b) == gamma/sigma*{P}"),
    "equation 19": (
        "batch-norm",
        0,
        "B @ b == d(gamma/(m*sigma)*(m*g - (one @ g)*one - (g @ yhat)*yhat), y, b)",
    ),
    "along z": (
        "batch-norm",
        0,
        "d((g @ yhat)*yhat, z, b) == ((H @ b) @ yhat + (g @ b)/gamma)*yhat + (g @ yhat)/gamma*b",
    ),
    "gradient in gamma": ("batch-norm", 0.5, "d(L, gamma) == g @ yhat"),
    "scale invariance": ("batch-norm", 0, "at(yhat, y, lam*y) == yhat"),
    "eps > 0": (
        "batch-norm",
        0.5,
        "v @ v == gamma**2/s**2*(g @ g - (one @ g)**2/m - (2 - rho)*(g @ yhat)**2/m)",
    ),
    "unbiased": (
        "unbiased",
        0,
        "v @ v == gamma**2/sigma**2*(g @ g - (one @ g)**2/m - (g @ yhat)**2/(m - 1))",
    ),
    "LayerNorm": (
        "layer-norm",
        0,
        "v @ v == ((D @ g) @ (D @ g) - (one @ D @ g)**2/m - (g @ D @ yhat)**2/m)/s**2",
    ),
    "RMSNorm": ("rms-norm", 0.1, "v @ v == gamma**2/s**2*(g @ g - (2 - rho)*(g @ yhat)**2/m)"),
    "ScaleNorm": ("scale-norm", 0, "v @ B @ v == gamma**2/n**2*(v @ H @ v) - gamma/n**3*(g @ y)*(v @ v)"),
    "l_1": ("l1-norm", 0, "v == gamma/n*(g - mean(g)*one - (g @ yhat)/m*sign(y))"),
    "any smooth divisor": ("smooth-norm", 0, "one @ v == -gamma/n*(g @ yhat)*(one @ nu)"),
    "typed on the spot": (POWER, 0, "v @ y == 0"),
    "weights": (in_weights(BATCH), 0, "HW @ W == -dW"),
    "two units": (
        two_units(BATCH),
        0,
        "v_j @ B_jk @ v_k == gamma_j*gamma_k/(s_j*s_k)*(v_j @ H_jk @ v_k)",
    ),
}
FALSE = {
    "thm-4.1 printed": (
        "batch-norm",
        0,
        "v @ v <= gamma**2/sigma**2*(g @ g - (one @ g)**2/m - (g @ yhat)**2/sqrt(m))",
    ),
    "eps left out": ("batch-norm", 0.5, "v @ y == 0"),
    "a probe of one's own": ("batch-norm", 0, "(g @ a)*one == (one @ a)*g"),
    "sign": ("scale-norm", 0, "v @ B @ v == gamma**2/n**2*(v @ H @ v) + gamma/n**3*(g @ y)*(v @ v)"),
    "the other block": (
        two_units(BATCH),
        0,
        "v_j @ B_jk @ v_k == gamma_j*gamma_k/(s_j*s_k)*(v_j @ H_jj @ v_k)",
    ),
    "cross derivative": (in_weights(BATCH), 0, "HW @ W == dW"),
}


def codes(norm: str, eps: float, text: str) -> set[int]:
    where = room(norm, eps)
    return set(judge(sides(parse(text), where), where).tolist())


@pytest.mark.parametrize("case", TRUE.values(), ids=TRUE.keys())
def test_what_is_proved_holds_of_every_batch(case: tuple[str, float, str]) -> None:
    found = codes(*case)
    assert Finding.HOLDS in found
    assert found <= {Finding.HOLDS, Finding.WITHIN_ROUNDOFF}


@pytest.mark.parametrize("case", FALSE.values(), ids=FALSE.keys())
def test_what_is_false_is_violated(case: tuple[str, float, str]) -> None:
    assert Finding.VIOLATED in codes(*case)


def test_v_and_B_are_those_of_the_dense_oracle() -> None:
    where = room("layer-norm", 0.2)
    held: Any = where.given
    index = 3

    def composed(y: torch.Tensor) -> torch.Tensor:
        c = y - y.mean()
        yhat = c / (c.square().mean() + 0.2).sqrt()
        z = held.operators["D"][index] * yhat + held.vectors["bias"][index]
        return where.loss.rows(slice(index, index + 1))(z.unsqueeze(0)).squeeze(0)

    first, second = dense_oracle(composed, held.vectors["y"][index])
    assert torch.allclose(where.names["v"].value[index], first, rtol=1e-11, atol=1e-12)
    image = where.names["B"] @ where.names["b"]
    assert torch.allclose(image.value[index], second @ held.vectors["b"][index], rtol=1e-11, atol=1e-12)


def test_a_maximum_over_inputs_is_an_interval_whose_ends_swap_under_a_negative_factor() -> None:
    where = room(in_weights(BATCH))
    bound = parse("max((T @ v) @ (T @ v), norm(X) <= lam) <= lam**2*(v @ v)")
    assert Finding.VIOLATED not in judge(sides(bound, where), where).tolist()
    relation = sides(parse("-2*max((X @ T @ v) @ B @ (X @ T @ v), norm(X) <= lam) <= 0"), where)
    assert bool((relation.low.value <= relation.high.value + 1e-12).all())


def test_a_hypothesis_counts_only_where_it_holds_clearly() -> None:
    where = room("batch-norm", loss="quadratic-psd")
    assert bool(met([parse("psd(H)")], where).any())
    assert not bool(met([parse("1 <= 0")], where).any())
    assert bool(met([parse("g @ g != 0")], where).all())


def test_a_name_that_no_batch_holds_is_refused() -> None:
    with pytest.raises(Absent, match="nothing called nonsense"):
        sides(parse("nonsense == 0"), room("batch-norm"))


@pytest.mark.parametrize(
    "text",
    [
        "at(s, y, {moved}) == s",
        "at(v, y, {moved}) == v",
        "at(g, y, {moved}) == g",
        "at(B @ a, y, {moved}) == B @ a",
        "at(at(yhat, y, y + one), y, {moved}) == at(yhat, y, y + one)",
        "at(v, gamma, gamma + 10**9 - 10**9) == v",
    ],
)
def test_what_is_put_in_a_place_brings_its_rounding(text: str) -> None:
    there = room("batch-norm", 0.5)
    relation = sides(parse(text.format(moved="y + 10**9*one - 10**9*one")), there)
    assert not (judge(relation, there) == Finding.VIOLATED).any()


@pytest.mark.parametrize("text", ["at(s, y, 2*y) == s", "at(v, y, 3*y) == v", "at(B @ a, y, 3*y) == B @ a"])
def test_another_place_is_still_told_apart(text: str) -> None:
    there = room("batch-norm", 0.5)
    assert (judge(sides(parse(text), there), there) == Finding.VIOLATED).all()


@pytest.mark.parametrize(
    "text", ["at(yhat, z, 2*z) == yhat", "at(z, yhat, 0*yhat) == z", "at(z, s, 2*s) == z"]
)
def test_what_is_computed_is_not_put_in_a_place_where_it_is_computed_again(text: str) -> None:
    there = room("batch-norm", 0.5)
    with pytest.raises(NotImplementedError, match="puts no other in its place"):
        sides(parse(text), there)


@pytest.mark.parametrize(
    ("k", "text"),
    [
        ("k*y", "v == (one @ y)*g + (g @ y)*one"),
        ("k*(2**60*k*y)", "z == (one @ y)**2*y"),
        ("2**60*k**2*y", "z == (one @ y)**2*y"),
        ("2**60*k**2*y", "v == (one @ y)**2*g + 2*(one @ y)*(g @ y)*one"),
        ("2**60*k**2*y/3", "v == (one @ y)**2*g/3 + 2*(one @ y)*(g @ y)*one/3"),
    ],
)
def test_a_factor_of_which_rounding_leaves_nothing_is_not_0(k: str, text: str) -> None:
    """k is sum(y)/2**60, of which 1 + k keeps no digit."""
    norm = "k = one @ y/2**10/2**10/2**10/2**10/2**10/2**10 + 1 - 1; z = " + k.replace(
        "2**60*", "2**30*2**30*"
    )
    norm = norm.replace("2**30", "2**10*2**10*2**10") + "*2**10*2**10*2**10*2**10*2**10*2**10"
    y, g = (torch.tensor([row], dtype=torch.float64) for row in ([1.0, 2.0, -1.0], [1.0, 0.0, 2.0]))
    one = torch.ones(1, dtype=torch.float64)
    given = Given({"y": y}, {"gamma": one, "beta": 0 * one, "eps": 0 * one}, {})
    there = Batch(tuple(lines(norm)), given, DenseQuadratic(g, torch.zeros(1, 3, 3).to(y), 0 * y))
    assert not (judge(sides(parse(text), there), there) == Finding.VIOLATED).any()
