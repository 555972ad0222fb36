"""The independent checker on statements with derivatives in them: what is true verifies, what is changed fails."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from typing import Any

import pytest
import sympy as sp
from bnverify.theory import export
from bnverify.theory.checker import Formal, Point, check, tree
from bnverify.theory.claim import Instance
from bnverify.theory.exact import Exact, sign
from bnverify.theory.export import export_data, instance_data
from bnverify.theory.registry import registry

EQUATIONS = tuple(f"eq-{n}" for n in (11, 12, *range(19, 33)))
CHANGED = {"eq-12": 2, "eq-24": 4, "eq-25": 4, "eq-27": 10, "eq-30": 4}
"""Equations every change of which is false, and how many changes there are at least."""
POINT = Instance(
    y=(0, 1, 3),
    g=(1, -2, 4),
    H=((1, 2, 0), (2, 0, 1), (0, 1, -1)),
    gamma="3/2",
    beta=1,
    eps="2/3",
    extra=(("a", (1, 0, 2)), ("b", (2, -1, 1))),
)


def items(identifier: str) -> list[dict[str, Any]]:
    """The evidence of a claim as it is in its file; the flag of an equality, which no test here is about, unset."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "verify_relation", lambda *_: (None, False))
        return list(json.loads(json.dumps(export_data(registry()[identifier])))["items"])


def stated(lhs: str, rhs: str, eps: bool = False, setting: str = "activations") -> str:
    """What the checker says of an equation for every m."""
    item = {
        "kind": "certificate",
        "setting": setting,
        "eps": eps,
        "hypotheses": [],
        "terms": [],
        "equality": False,
    }
    return check(item | {"statement": {"lhs": lhs, "op": "eq", "rhs": rhs}})[0]


def at(lhs: str, rhs: str) -> str:
    """What the checker says of an equation at the point."""
    item = {"kind": "witness", "setting": "activations", "hypotheses": [], "instance": instance_data(POINT)}
    return check(item | {"statement": {"lhs": lhs, "op": "eq", "rhs": rhs}})[0]


@pytest.mark.parametrize("identifier", EQUATIONS)
def test_every_equation_with_derivatives_verifies(identifier: str) -> None:
    checked = [check(item) for item in items(identifier) if item["kind"] != "lemma"]
    assert checked
    assert {state for state, _ in checked} == {"verified"}


class Change(ast.NodeTransformer):
    """The ``number``-th sum, difference or negation of an expression changed: another sign, or a term dropped."""

    def __init__(self, number: int, how: str) -> None:
        self.left, self.how = number, how

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if not isinstance(node.op, ast.Add | ast.Sub):
            return node
        self.left -= 1
        if self.left:
            return node
        if self.how == "dropped":
            return node.left
        return ast.BinOp(node.left, ast.Sub() if isinstance(node.op, ast.Add) else ast.Add(), node.right)


def changed(text: str) -> Iterator[str]:
    """Other expressions: every sign, every term dropped, another factor, another leaf."""
    count = sum(isinstance(node, ast.Add | ast.Sub) for node in ast.walk(ast.parse(text)))
    for number in range(1, count + 1):
        for how in ("sign", "dropped"):
            yield ast.unparse(Change(number, how).visit(ast.parse(text, mode="eval")))
    yield from (f"2 * ({text})", f"neg({text})")
    for old, new in (("'yhat'", "'1'"), ("'g'", "'v'"), ("gamma", "beta"), ("sigma", "mu")):
        if old in text:
            yield text.replace(old, new, 1)


@pytest.mark.parametrize("identifier", CHANGED)
def test_a_changed_equation_with_derivatives_fails(identifier: str) -> None:
    item = next(item for item in items(identifier) if item["kind"] == "certificate")
    tried = 0
    for side in ("lhs", "rhs"):
        for text in changed(item["statement"][side]):
            state, why = check(item | {"statement": item["statement"] | {side: text}})
            assert state == "FAILS", why
            tried += 1
    assert tried >= CHANGED[identifier]


@pytest.mark.parametrize("identifier", EQUATIONS)
def test_another_factor_or_sign_in_any_of_them_fails(identifier: str) -> None:
    item = next(item for item in items(identifier) if item["kind"] == "certificate")
    rhs = item["statement"]["rhs"]
    for text in (f"2 * ({rhs})", f"neg({rhs})"):
        assert check(item | {"statement": item["statement"] | {"rhs": text}})[0] == "FAILS", text


def test_a_changed_term_of_the_long_hessian_fails() -> None:
    item = next(item for item in items("eq-22") if item["about"] == "value" and item["kind"] == "certificate")
    texts = list(changed(item["statement"]["rhs"]))
    assert len(texts) >= 10
    for text in texts:
        assert check(item | {"statement": item["statement"] | {"rhs": text}})[0] == "FAILS", text


@pytest.mark.parametrize(
    ("what", "direction", "variable", "rate"),
    [
        ("mu", "'b'", "y", "('1' @ 'b') / m"),
        ("s", "'b'", "y", "('yhat' @ 'b') / m"),
        ("'y'", "'b'", "y", "'b'"),
        ("'z'", "'b'", "y", "Dz('b')"),
        ("'g'", "'b'", "y", "H(Dz('b'))"),
        ("'v'", "'b'", "y", "B('b')"),
        ("'v'", "'c'", "W", "B(X('c'))"),
        ("'yhat'", "'b'", "z", "'b' / gamma"),
        ("'g'", "'b'", "yhat", "gamma * H('b')"),
        ("'v'", "'b'", "z", "0 * 'b'"),
        ("gamma * sigma", "'b'", "z", "0"),
        ("sqrt(s ** 4)", "'b'", "y", "2 * s * ('yhat' @ 'b') / m"),
        (
            "('yhat' @ 'g') ** 3",
            "'b'",
            "z",
            "3 * ('yhat' @ 'g') ** 2 * ('b' @ 'g' / gamma + 'yhat' @ H('b'))",
        ),
    ],
)
@pytest.mark.parametrize("eps", [False, True])
def test_what_moves_moves_by_the_definition(
    what: str, direction: str, variable: str, rate: str, eps: bool
) -> None:
    found = f"derivative({what}, {direction}, {variable})"
    assert stated(found, rate, eps) == "verified"
    more = "1" if "'" not in what or "@" in what else direction.replace("'c'", "'b'")
    assert stated(found, f"{rate} + {more}", eps) == "FAILS"


@pytest.mark.parametrize(
    "what",
    ["H('b')", "B('b')", "Dz('b')", "'W'", "eta", "derivative('z', 'b', y)", "max_grad('g')", "abs(mu)"],
)
def test_what_has_no_known_derivative_is_not_checked(what: str) -> None:
    found = f"derivative({what}, 'b', y)"
    assert stated(found, found) == "not checked"


def test_a_variable_that_does_not_exist_cannot_be_read() -> None:
    with pytest.raises(KeyError):
        stated("derivative('z', 'b', gamma)", "'b'")


@pytest.mark.parametrize("variable", ["y", "z", "yhat"])
def test_derivatives_at_a_point_are_those_of_plain_differentiation(variable: str) -> None:
    q = Exact(POINT)
    p = Point({"setting": "activations", "instance": instance_data(POINT)})
    direction = q.vec("b")
    for name in ("y", "yhat", "z", "g"):
        plain = q.derivative(lambda room, name=name: room.dot(room.a, room.vec(name)), direction, variable)
        own = p.value(tree(f"derivative('a' @ '{name}', 'b', {variable})"))
        assert sign(plain - sp.sympify(str(own))) == 0
    for name in ("mu", "s", "sigma", "rho"):
        plain = q.derivative(lambda room, name=name: sp.sympify(room.sym(name)), direction, variable)
        assert sign(plain - sp.sympify(str(p.value(tree(f"derivative({name}, 'b', {variable})"))))) == 0


def test_a_derivative_at_a_point_holds_and_its_changes_do_not() -> None:
    found, right = "derivative(gamma / s, 'b', y)", "neg(gamma) / (m * s ** 2) * ('yhat' @ 'b')"
    assert at(found, right) == "verified"
    assert at(found, right.replace("neg(gamma)", "gamma")) == "FAILS"
    assert at(found, right.replace("s ** 2", "sigma ** 2")) == "FAILS"
    assert at(found, "2 * " + right) == "FAILS"


def test_a_tampered_axiom_is_noticed() -> None:
    room = Formal({"setting": "activations", "eps": False})
    room.axioms = room.axioms | {"d s": "'yhat' @ 'p' / (m - 1)"}
    room.item = {
        "statement": {"lhs": "derivative(s, 'b', y)", "op": "eq", "rhs": "'yhat' @ 'b' / m"},
        "equality": False,
    }
    with pytest.raises(ArithmeticError):
        room.verify()
