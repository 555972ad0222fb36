"""A user types a normalisation: gradient, curvature, invariance, its own Theorem 4.1, for every m and by autograd."""

import pytest
import torch
from bnverify.theory import kernel
from bnverify.theory.grammar import lines, parse
from bnverify.theory.normalisations import names_of, normalisation
from bnverify.theory.room import Room, walk
from bnverify.theory.sorts import statement
from torch.autograd.functional import hessian, jacobian

SCALE_NORM = "n = sqrt(y @ y); z = gamma*y/n"
POWER_NORM = "psi = sqrt(y @ y / m); yhat = y / psi; z = gamma*yhat + beta*one"
STATEMENTS = {
    SCALE_NORM: (
        "v == gamma/n * (g - (g @ y)/(y @ y)*y)",
        "v @ v == gamma**2/(y @ y) * (g @ g - (g @ y)**2/(y @ y))",
        "v @ B @ v == gamma**2/n**2 * (v @ H @ v) - gamma/n**3 * (g @ y) * (v @ v)",
        "v @ y == 0",
        "B @ y == -v",
    ),
    POWER_NORM: (
        "v == gamma/psi * (g - (g @ yhat)/m*yhat)",
        "v @ v == gamma**2/psi**2 * (g @ g - (g @ yhat)**2/m)",
        "v @ B @ v == gamma**2/psi**2 * (v @ H @ v) - gamma/(m*psi**2) * (g @ yhat) * (v @ v)",
        "v @ y == 0",
        "B @ y == -v",
    ),
}
CASES = [(text, said) for text, every in STATEMENTS.items() for said in every]


class Column:
    """A batch vector or an operator given by its action."""

    def __init__(self, value):
        self.value = value

    def __matmul__(self, other):
        return Column(self.value(other.value)) if callable(self.value) else self.value @ other.value

    def __add__(self, other):
        return Column(self.value + other.value)

    def __sub__(self, other):
        return Column(self.value - other.value)

    def __neg__(self):
        return Column(-self.value)

    def __mul__(self, factor):
        return Column(self.value * factor)

    __rmul__ = __mul__

    def __truediv__(self, divisor):
        return Column(self.value / divisor)


class Torch(Room):
    def number(self, whole):
        return torch.tensor(float(whole), dtype=torch.float64)

    def sqrt(self, value):
        return value.sqrt()


def defined(text, base):
    names = dict(base)
    for name, tree in lines(text):
        names[name] = walk(tree, Torch(names))
    return names


def batch(text, m, seed):
    """The names of a definition and of a random smooth loss, v and B by autograd of L(z(y))."""
    source = torch.Generator().manual_seed(seed)
    normal = lambda *shape: torch.randn(*shape, generator=source, dtype=torch.float64)  # noqa: E731
    A, b = normal(m, m), normal(m)
    loss = lambda z: (torch.sin(A @ z) * b).sum() + (z**4).sum() / 10  # noqa: E731
    base = {
        "one": Column(torch.ones(m, dtype=torch.float64)),
        "m": float(m),
        "gamma": normal(()),
        "beta": normal(()),
    }
    composed = lambda y: loss(defined(text, base | {"y": Column(y)})["z"].value)  # noqa: E731
    y = normal(m)
    names = defined(text, base | {"y": Column(y)})
    z = names["z"].value
    g, H = jacobian(loss, z), hessian(loss, z)
    v, B = jacobian(composed, y), hessian(composed, y)
    return names | {"g": Column(g), "v": Column(v), "H": Column(H.mv), "B": Column(B.mv)}


@pytest.mark.parametrize(("text", "said"), CASES)
def test_it_is_proved_for_every_m(text, said):
    assert statement(said, names_of(normalisation(text)))
    assert kernel.judge(kernel.Claim(text, said), {"terms": []}).verdict == "proved"


@pytest.mark.parametrize(("text", "said"), CASES)
@pytest.mark.parametrize("m", [2, 5, 16])
def test_autograd_confirms_it(text, said, m):
    for seed in range(3):
        left, right = walk(parse(said), Torch(batch(text, m, seed)))
        left, right = (side.value if isinstance(side, Column) else side for side in (left, right))
        torch.testing.assert_close(left, right.expand_as(left), rtol=1e-9, atol=1e-9)


def test_a_wrong_constant_is_refused_and_refuted():
    false = kernel.Claim(SCALE_NORM, "v @ v == gamma**2/(y @ y) * (g @ g - (g @ y)**2/sqrt(y @ y))")
    with pytest.raises(kernel.Refused):
        kernel.judge(false, {"terms": []})
    point = {"y": ["0", "2"], "g": ["1", "1"], "gamma": "1"}
    assert kernel.judge(false, {"point": point}).verdict == "refuted"
