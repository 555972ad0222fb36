"""What Gram algebra found, written as statements are: canonical forms turned back into expression trees."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import reduce
from typing import Any

import sympy as sp
from bnverify.theory import gram
from bnverify.theory.claim import Hypothesis, Says, Term
from bnverify.theory.gram import Basis, GramVector
from bnverify.theory.observe import Gram, Syntax, simplified
from bnverify.theory.prove import term_value
from bnverify.theory.rooms import formal
from bnverify.theory.syntax import Node, Scalar, Vector, scalar

LONGEST = 24
"""Expansions with more additive terms than this are for machines; they are verified, not shown."""


def _names(q: Gram) -> dict[sp.Symbol, str]:
    names = {
        symbol: name for name, symbol in q.symbols.items() if isinstance(symbol, sp.Symbol) and name != "eps"
    }
    return names | {gram.m: "m", gram.s: "s" if q.eps_positive else "sigma"}


def _moved(base: str, word: tuple[str, ...]) -> Vector:
    return reduce(lambda u, letter: Vector("op", (letter, u)), reversed(word), Vector("vec", (base,)))


def scalar_tree(expression: sp.Expr, q: Gram) -> Scalar:
    """The expression tree of a rational function of the room's symbols and inner products.

    Raises:
        ValueError: the expression holds something that the vocabulary cannot say.
    """
    if expression.is_Rational:
        return scalar(Fraction(int(expression.p), int(expression.q)))
    if expression.is_Symbol:
        if expression in q.table.keys:
            left, word, right = q.table.keys[expression]
            return Scalar("dot", (Vector("vec", (left,)), _moved(right, word)))
        names = _names(q)
        return Scalar("sym", (names.get(expression, expression.name),))
    if expression.is_Add:
        ordered = sorted(expression.as_ordered_terms(), key=lambda term: term.could_extract_minus_sign())
        total = scalar_tree(ordered[0], q)
        for term in ordered[1:]:
            negative = term.could_extract_minus_sign()
            total = total - scalar_tree(-term, q) if negative else total + scalar_tree(term, q)
        return total
    if expression.is_Mul:
        over, under = sp.fraction(expression)
        if under != 1:
            return scalar_tree(over, q) / scalar_tree(under, q)
        return reduce(
            lambda a, b: a * b, (scalar_tree(factor, q) for factor in expression.as_ordered_factors())
        )
    if isinstance(expression, sp.Abs):
        return Scalar("abs", (scalar_tree(expression.args[0], q),))
    if expression.is_Pow:
        base, exponent = expression.as_base_exp()
        if exponent == sp.Rational(1, 2):
            return Scalar("sqrt", (scalar_tree(base, q),))
        if exponent == sp.Rational(-1, 2):
            return 1 / Scalar("sqrt", (scalar_tree(base, q),))
        if exponent.is_Integer:
            return (
                scalar_tree(base, q) ** int(exponent)
                if exponent > 0
                else 1 / scalar_tree(base ** (-exponent), q)
            )
    if isinstance(expression, sp.Abs):
        return Scalar("abs", (scalar_tree(expression.args[0], q),))
    raise ValueError(f"the vocabulary has no words for {expression}")


def vector_tree(vector: GramVector, q: Gram) -> Vector | None:
    """The expression tree of a formal vector, or None for the zero vector."""
    canonical = {basis: sp.factor(simplified(coefficient)) for basis, coefficient in vector.terms.items()}
    terms = [
        Vector("scale", (scalar_tree(coefficient, q), _moved(base, word)))
        for (word, base), coefficient in sorted(canonical.items(), key=_reading_order)
        if coefficient != 0
    ]
    return reduce(lambda a, b: a + b, terms) if terms else None


def _reading_order(term: tuple[Basis, sp.Expr]) -> tuple[bool, int, Basis]:
    """Positive terms first, and those with more operators before those with fewer."""
    basis, coefficient = term
    return coefficient.could_extract_minus_sign(), -len(basis[0]), basis


def _length(expression: sp.Expr) -> int:
    return len(sp.Add.make_args(sp.expand(sp.fraction(simplified(expression))[0])))


def expanded(says: Says, eps: bool = False, setting: str = "activations") -> Node | None:
    """The left side of a statement in the table's vectors and inner products, or None where it is too long to read.

    The room differentiates afresh, so this is what the definition of BatchNorm gives, not what is claimed.
    """
    q = formal(setting, eps)
    relation = says(q)
    if isinstance(relation.lhs, GramVector):
        too_long = sum(map(_length, relation.lhs.terms.values())) > LONGEST
        return None if too_long else vector_tree(relation.lhs, q)
    form = simplified(relation.lhs)
    return None if _length(form) > LONGEST else scalar_tree(sp.factor(form), q)


def certificate(terms: Callable[[Any], list[Term]], hypotheses: tuple[Hypothesis, ...]) -> Scalar:
    """The sum of non-negative terms that an inequality certificate says the slack is."""
    q = Syntax()
    return reduce(lambda a, b: a + b, (scalar(term_value(term, q, hypotheses)[0]) for term in terms(q)))
