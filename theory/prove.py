"""The second witness: a relation for every m in Gram algebra, and at exact points, both by SymPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp
from bnverify.theory.claim import (
    Check,
    Hypothesis,
    Relation,
    Says,
    Term,
)
from bnverify.theory.exact import sign
from bnverify.theory.gram import rho
from bnverify.theory.grammar import Node, parse
from bnverify.theory.observe import Syntax, simplified
from bnverify.theory.said import non_negative, rests_on_cauchy, term_tree, tree
from bnverify.theory.settings import Extremum, Setting
from bnverify.theory.syntax import Scalar, Vector, evaluate, scalar


def residual(says: Says, q: Setting) -> sp.Expr:
    """rhs - lhs of the statement in Gram algebra, in canonical form."""
    lhs, rhs = says(q).sides(q)
    return simplified(rhs - lhs)


_EXCESS = sp.Symbol("eps/sigma^2", nonnegative=True)


def _non_negative(expression: sp.Expr) -> bool:
    """By the signs of its symbols, where rho = sigma^2 / (sigma^2 + eps) lies in (0, 1]."""
    return bool(sp.factor(simplified(expression.subs(rho, 1 / (1 + _EXCESS)))).is_nonnegative)


def term_value(term: Term, q: Setting, hypotheses: tuple[Hypothesis, ...]) -> tuple[Any, tuple[str, ...]]:
    """The value of a certificate's term in a room, and the lemmas that make it non-negative."""
    match term.kind:
        case "text":
            slacks: dict[str, Any] = {}
            for index, hypothesis in enumerate(hypotheses):
                lhs, rhs = hypothesis.says(Syntax()).sides(Syntax())
                slacks[f"given{index}"] = scalar(rhs) - scalar(lhs)
            value = evaluate(term_tree(term.multiplier, slacks), q)
            return value, ("cauchy-schwarz",) * rests_on_cauchy(term.multiplier)
        case "square":
            return term.multiplier * term.factor**2, ()
        case "normsq":
            return term.multiplier * q.dot(term.factor, term.factor), ()
        case "hypothesis":
            found = next(h for h in hypotheses if h.name == term.factor)
            lhs, rhs = found.says(q).sides(q)
            return term.multiplier * (rhs - lhs), ()
        case "product":
            slack: Any = term.multiplier
            for item in term.factor:
                if not isinstance(item, str):
                    slack = slack * q.dot(item, item)
                    continue
                found = next(h for h in hypotheses if h.name == item)
                lhs, rhs = found.says(q).sides(q)
                slack = slack * (rhs - lhs)
            return slack, ()
        case "cauchy":
            a, b = term.factor
            return term.multiplier * (q.dot(a, a) * q.dot(b, b) - q.dot(a, b) ** 2), ("cauchy-schwarz",)
    raise ValueError(f"no such certificate term: {term.kind}")


def _sound(term: Term, q: Setting) -> bool:
    """Whether a term cannot be negative."""
    if term.kind != "text":
        return _non_negative(simplified(term.multiplier))

    def sure(node: Node) -> bool:
        try:
            value = simplified(evaluate(tree(node), q))
        except (KeyError, AttributeError):
            return False
        return _non_negative(value)

    return non_negative(parse(term.multiplier), sure)


def verify_relation(
    says: Says,
    q: Setting,
    terms: Callable[[Setting], list[Term]] | None = None,
    hypotheses: tuple[Any, ...] = (),
    text: str = "",
) -> tuple[Check, bool]:
    """One relation for every m. Returns the check and whether the two sides are identically equal.

    An equation needs residual exactly 0; so does an inequality without ``terms``. With ``terms``, slack minus
    the sum of terms must be exactly 0 and every multiplier non-negative by the signs of its symbols.
    """
    relation = says(q)
    slack = residual(says, q)
    if slack == 0:
        holds = relation.op != "lt"
        return Check(
            "identity", holds, text or "the two sides are identical", values=(("residual", "0"),)
        ), True
    if terms is None or relation.op == "eq":
        return Check("identity", False, text, values=(("residual", str(slack)),)), False
    total: Any = sp.Integer(0)
    lemmas: tuple[str, ...] = ()
    positive = relation.op == "le"
    for term in terms(q):
        value, used = term_value(term, q, hypotheses)
        total = total + value
        lemmas += used
        positive = positive and _sound(term, q)
    left_over = simplified(slack - total)
    holds = positive and left_over == 0
    return Check("certificate", holds, text, lemmas, (("residual", str(left_over)),)), False


def compare(relation: Relation, q: Setting) -> tuple[int, Any, Any]:
    """The exact verdict of a relation at a point: 1 holds, -1 violated, 0 undecided (an interval)."""
    lhs, rhs = relation.sides(q)
    low, high = (lhs.attained, lhs.bound) if isinstance(lhs, Extremum) else (lhs, lhs)
    floor, ceiling = (rhs.attained, rhs.bound) if isinstance(rhs, Extremum) else (rhs, rhs)
    best, worst = sign(ceiling - low), sign(floor - high)
    needed = 0 if relation.op == "le" else 1
    if relation.op == "eq":
        holds = low == high and floor == ceiling and best == 0
        return (1 if holds else (-1 if best < 0 or worst > 0 else 0)), low, ceiling
    if worst >= needed:
        return 1, high, floor
    if best < needed:
        return -1, low, ceiling
    return 0, low, ceiling


def additive_terms(node: Scalar) -> list[Scalar]:
    """The terms of a side, sums and differences opened, products distributed over one bracket."""
    match node.head:
        case "add" | "sub":
            return additive_terms(node.args[0]) + additive_terms(node.args[1])
        case "neg":
            return additive_terms(node.args[0])
        case "mul":
            right = additive_terms(node.args[1])
            if len(right) > 1:
                return [node.args[0] * term for term in right]
            left = additive_terms(node.args[0])
            return [term * node.args[1] for term in left]
        case "dot" if node.args[0] == Syntax().a:
            return [Scalar("dot", (node.args[0], term)) for term in vector_terms(node.args[1])]
        case _:
            return [node]


def vector_terms(node: Vector) -> list[Vector]:
    """The terms of a vector, sums and differences opened; an equation of vectors is tested term by term."""
    match node.head:
        case "vadd" | "vsub":
            return vector_terms(node.args[0]) + vector_terms(node.args[1])
        case "vneg":
            return vector_terms(node.args[0])
        case "scale":
            return [Vector("scale", (node.args[0], term)) for term in vector_terms(node.args[1])]
        case _:
            return [node]


def terms_nonzero(says: Says, q: Setting) -> bool:
    """Whether every additive term of both sides is non-zero at this point; a bare 0 is not a term."""
    lhs, rhs = map(scalar, says(Syntax()).sides(Syntax()))
    for term in additive_terms(lhs) + additive_terms(rhs):
        if term == scalar(0):
            continue
        value = evaluate(term, q)
        value = value.attained if isinstance(value, Extremum) else value
        if sign(value) == 0:
            return False
    return True
