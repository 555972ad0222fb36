"""Derivatives inside statements: two rooms that share no derivative agree, and the definition is what moves."""

import pytest
import sympy as sp
from bnverify.theory.claim import Instance, eq, veq
from bnverify.theory.exact import Exact
from bnverify.theory.observe import Gram, Syntax, simplified
from bnverify.theory.settings import Setting
from bnverify.theory.syntax import Scalar, Vector, dump, evaluate, load

POINT = Instance(
    y=(0, 1, 3),
    g=(1, -2, "1/2"),
    H=((1, 2, 0), (2, 0, 1), (0, 1, -1)),
    gamma=-2,
    beta="1/3",
    X=((0, 1), (1, 0), (3, 2)),
    W=(1, 0),
    extra=(("a", (1, 2, -1)), ("b", (1, -1, 3)), ("c", (2, -1))),
)
EPS = Instance(y=POINT.y, g=POINT.g, H=POINT.H, gamma=-2, eps=2, extra=POINT.extra)

CASES = {
    "y-hat in y": lambda q: veq(q.derivative(lambda p: p.yhat, q.b, "y"), q.op("Dyhat", q.b)),
    "z in y": lambda q: veq(q.derivative(lambda p: p.vec("z"), q.b, "y"), q.op("Dz", q.b)),
    "g in y": lambda q: veq(q.derivative(lambda p: p.g, q.b, "y"), q.H(q.op("Dz", q.b))),
    "v in y": lambda q: veq(q.derivative(lambda p: p.v, q.b, "y"), q.B(q.b)),
    "v in z": lambda q: veq(q.derivative(lambda p: p.v * 2 + p.yhat, q.b, "z") * q.gamma, q.b),
    "g in z": lambda q: veq(q.derivative(lambda p: p.g, q.b, "z"), q.H(q.b)),
    "g in y-hat": lambda q: veq(q.derivative(lambda p: p.g, q.b, "yhat"), q.H(q.b) * q.gamma),
    "z in y-hat": lambda q: veq(q.derivative(lambda p: p.vec("z"), q.b, "yhat"), q.b * q.gamma),
    "y-hat in z": lambda q: veq(q.derivative(lambda p: p.yhat, q.b, "z") * q.gamma, q.b),
    "s in y": lambda q: eq(q.derivative(lambda p: p.s, q.b, "y"), q.dot(q.yhat, q.b) / q.m),
    "sigma in z": lambda q: eq(q.derivative(lambda p: p.sigma, q.b, "z") + q.m, q.m),
    "mean in y": lambda q: eq(q.derivative(lambda p: p.sym("mu"), q.b, "y"), q.dot(q.one, q.b) / q.m),
    "a power in y": lambda q: eq(
        q.derivative(lambda p: 3 - p.s**-2, q.b, "y"), 2 * q.dot(q.yhat, q.b) / (q.m * q.s**3)
    ),
    "y in W": lambda q: veq(q.derivative(lambda p: p.vec("y"), q.vec("c"), "W"), q.op("X", q.vec("c"))),
    "y-hat in W": lambda q: veq(
        q.derivative(lambda p: p.yhat, q.vec("c"), "W"), q.op("Dyhat", q.op("X", q.vec("c")))
    ),
}


@pytest.mark.parametrize("eps", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_gram_algebra_differentiates_the_definition(name, eps):
    q = Gram(eps=eps)
    lhs, rhs = CASES[name](q).sides(q)
    assert simplified(rhs - lhs) == 0


@pytest.mark.parametrize("name", CASES)
def test_plain_differentiation_agrees(name):
    points = [POINT] if "W" in name else [POINT, EPS]
    for instance in points:
        q = Exact(instance)
        lhs, rhs = CASES[name](q).sides(q)
        assert sp.simplify(rhs - lhs) == 0


def test_sigma_moves_as_s_does_not_where_eps_is_positive():
    for q in (Gram(eps=True), Exact(EPS)):
        rate = q.derivative(lambda p: p.sigma, q.b, "y")
        assert sp.simplify(rate * q.sigma - q.derivative(lambda p: p.s, q.b, "y") * q.s) == 0
        assert sp.simplify(q.derivative(lambda p: p.rho * p.s**2, q.b, "y") - 2 * q.sigma * rate) == 0


def test_a_statement_with_derivatives_survives_storage():
    says = CASES["a power in y"]
    tree = says(Syntax()).lhs
    assert isinstance(tree, Scalar)
    assert load(dump(tree)) == tree
    vector = CASES["g in y"](Syntax()).lhs
    assert isinstance(vector, Vector)
    assert load(dump(vector)) == vector
    q = Exact(POINT)
    assert sp.simplify(evaluate(load(dump(tree)), q) - says(q).lhs) == 0


def test_what_has_no_rate_here_is_refused():
    with pytest.raises(ValueError, match="no derivative in 'gamma'"):
        Gram().derivative(lambda p: p.yhat, Gram().b, "gamma")
    for ask in (lambda p: p.B(p.g), lambda p: p.H(p.g), lambda p: p.sym("alpha")):
        with pytest.raises(KeyError):
            Exact(POINT).derivative(ask, Exact(POINT).b, "y")


def test_a_room_that_cannot_differentiate_says_so():
    class Bare(Exact):
        derivative = Setting.derivative

    with pytest.raises(NotImplementedError, match="Bare"):
        Bare(POINT).derivative(lambda p: p.yhat, None, "y")
