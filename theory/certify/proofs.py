"""Certificates that the kernel accepts: right - left as a sum of terms that cannot be negative.

Terms are drawn from what has a sign: squares, hypotheses, psd forms, lengths, and their products with monomials that
are not negative. Few of them are chosen in float64, and their coefficients are then solved for exactly. What is
proposed is text; the kernel alone says whether it proves anything.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

from bnverify.theory.certify.algebra import Algebra
from bnverify.theory.certify.coefficients import solve_exactly, solved
from bnverify.theory.certify.equations import Equations
from bnverify.theory.certify.squares import binomials, squares_by_elimination
from bnverify.theory.certify.terms import (
    Term,
    attained,
    defined,
    generators,
    halves,
    key_of,
    quotient,
    spread,
    times,
)
from bnverify.theory.certify.unknowns import Irreducible
from bnverify.theory.grammar import Node, nodes, parse, unparse
from bnverify.theory.kernel import Number, Refused, Vector, comparison, walk
from bnverify.theory.kernel import parse as kernel_parse
from bnverify.theory.points.case import Case

MOST = 2000
"""The most terms that are weighed at once."""


QUICK, THOROUGH = 0.6, 3.0
"""Seconds of this process for a first and for a second attempt."""


Certificate = dict[str, Any]


def quick(case: Case, left: Callable[[], float]) -> Iterator[Certificate]:
    """An identity, or terms that are hypotheses and squares times monomials."""
    gap, relation = case.goal
    if case.formal.is_zero(gap) and relation in {"==", "<="}:
        yield {"terms": []}
        return
    if isinstance(gap, Number) and relation in {"<=", "<"}:
        tree = parse(case.claim.statement)
        written = [case.claim.statement, unparse(nested(tree)), unparse(folded(tree))]
        for text in dict.fromkeys(written):
            low, _, high = comparison(text)
            zero = ast.unparse(low) == "0"
            term = ast.unparse(high) if zero else f"({ast.unparse(high)}) - ({ast.unparse(low)})"
            if has_known_sign(case, term):
                yield {"terms": [term]}
    for node in nodes(parse(case.claim.statement)):
        if node.head == "maximum":
            yield from ({"terms": [text]} for text in attained(node))
    if isinstance(gap, Number) and relation == "<=" and "norm(" in case.claim.statement:
        yield from by_cauchy(case)
    for name, kind, *_ in case.claim.declared_operators():
        for x in case.claim.declared_vectors() if kind == ">" and case.operators["H"] == "psd" else ():
            yield {"terms": [f"({name} @ {x}) @ H @ ({name} @ {x})"]}
    yield from by_terms(case, within(QUICK, left), rounds=1)


def has_known_sign(case: Case, text: str) -> bool:
    """Whether the form of a text says that it is not negative."""
    try:
        return case.formal.sign(kernel_parse(text)) != "unknown"
    except Refused:
        return False


def by_cauchy(case: Case) -> Iterator[Certificate]:
    """Cauchy and Schwarz for an inner product of the statement, whose sides are squared."""
    for node in nodes(parse(case.claim.statement)):
        for a, b in halves(case, node) if node.head in {"@", "mean"} else ():
            if a != b:
                yield {"terms": [f"(({a} @ {a})*({b} @ {b}) - ({a} @ {b})**2)"], "squared": True}


def nested(node: Node) -> Node:
    """The tree with v @ H @ g as v @ (H @ g), an inner product of two vectors."""
    args = tuple(nested(x) if isinstance(x, Node) else x for x in node.args)
    if node.head == "@" and len(args) > 2:
        args = (args[0], Node("@", args[1:], node.column))
    return Node(node.head, args, node.column)


def folded(node: Node) -> Node:
    """The tree with x @ H @ H @ x as (H @ x) @ (H @ x)."""
    args = tuple(folded(x) if isinstance(x, Node) else x for x in node.args)
    half = len(args) // 2
    if node.head == "@" and half > 1 and args == args[::-1] and len(args) == 2 * half:
        args = (Node("@", args[half:]),) * 2
    return Node(node.head, args, node.column)


def thorough(case: Case, left: Callable[[], float]) -> Iterator[Certificate]:
    """The same with more terms."""
    yield from by_terms(case, within(min(THOROUGH, left() / 2), left), rounds=2)


def within(seconds: float, left: Callable[[], float]) -> Callable[[], float]:
    """The seconds left of a budget, and of what is left in all."""
    end = time.process_time() + seconds
    return lambda: min(end - time.process_time(), left())


def by_terms(case: Case, left: Callable[[], float], rounds: int) -> Iterator[Certificate]:
    """Sums of terms for the gap, for the gap times a positive multiplier, and for the squares of both sides.

    With few terms first, then with what the texts mention; in the vectors as they stand, then in orthogonal axes.
    """
    gap, relation = case.goal
    algebras: dict[bool, Algebra | None] = {}
    for full in (False, True) if rounds == 1 else (True,):
        for orthogonal in (False, True):
            if left() < 0.1:
                return
            try:
                if orthogonal not in algebras:
                    algebras[orthogonal] = None
                    algebras[orthogonal] = Algebra(case, orthogonal)
                algebra = algebras[orthogonal]
                if algebra is None or (full and relation == "==" and rounds == 1):
                    continue
                if isinstance(gap, Vector):
                    if relation == "==":
                        yield from for_vectors(algebra)
                    continue
                base = generators(algebra, full, left)
                for goal, extra in goals(algebra, rounds):
                    terms = sum_of_terms(algebra, goal, relation, base, rounds, left)
                    if terms is not None:
                        yield {"terms": terms, **extra}
            except Irreducible:
                continue


def goals(algebra: Algebra, rounds: int) -> Iterator[tuple[Number, Certificate]]:
    """What may be a sum of terms: the gap, that of the squares, the gap times a multiplier."""
    gap, relation = algebra.case.goal
    if not isinstance(gap, Number):
        return
    target = algebra.value(gap)
    yield target, {}
    if relation == "<=" and (squared := squares_of_sides(algebra)) is not None:
        yield squared, {"squared": True}
    if rounds > 1:
        for poly, text in multipliers(algebra):
            yield algebra.clean(target * poly), {"multiplier": text}


def multipliers(algebra: Algebra) -> list[tuple[Number, str]]:
    """Positive numbers that are no monomials, from strict hypotheses."""
    found = []
    for (gap, relation), label in zip(algebra.case.given, algebra.case.labels, strict=True):
        if relation == "<" and isinstance(gap, Number):
            found.append((algebra.value(gap), label))
    return found[:4]


def squares_of_sides(algebra: Algebra) -> Number | None:
    """Right squared minus left squared."""
    formal = algebra.formal
    if not any(word in algebra.case.claim.statement for word in ("norm(", "abs(", "sqrt(", "/2)")):
        return None
    try:
        left, _, right = comparison(algebra.case.claim.statement)
        one, other = walk(left, formal), walk(right, formal)
        if not isinstance(one, Number) or formal.sign(right) == "unknown":
            return None
        return algebra.value(formal.normal(other * other - one * one))
    except Refused:
        return None


def sum_of_terms(
    algebra: Algebra, target: Number, relation: str, base: list[Term], rounds: int, left: Callable[[], float]
) -> list[str] | None:
    """The texts of terms that add up to the target, or None."""
    equations = Equations(algebra, target)
    short = equations.reduced(target)
    if not short and relation != "<":
        return equations.repaid(target)
    if relation == "<=" and (squares := squares_by_elimination(algebra, short)) is not None:
        rest = target
        for c, term in squares:
            rest = rest - term.poly * Number.of(c)
        repaid = equations.repaid(algebra.clean(rest))
        if repaid is not None:
            return [times(c, term.text) for c, term in squares] + repaid
    base = [term for term in base if term.text not in equations.names()]
    if relation == "==":
        base = [term for term in base if term.free]
    monomials = dict.fromkeys(short.parts)
    for generator in base:
        if generator.unsaid:  # what a root or a divisor stands for brings new monomials
            for term in spread(algebra, equations, generator, list(short.parts)):
                monomials |= dict.fromkeys(term.poly.parts)
    terms: dict[tuple[Any, ...], Term] = {}
    for turn in range(rounds):
        before = list(monomials)
        for generator in base:
            for term in spread(algebra, equations, generator, before):
                terms.setdefault(key_of(term), term)
            if left() < 0.1:
                return None
            if len(terms) > MOST:
                break
        if relation != "==":
            for term in binomials(algebra, before, short):
                terms.setdefault(key_of(term), term)
                if len(terms) > MOST or left() < 0.1:
                    break
        chosen = list(terms.values())[:MOST]
        found = solved(short, chosen, relation, left)
        if found is not None:
            rest = target
            for c, term in found:
                rest = rest - term.whole * Number.of(c)
            repaid = equations.repaid(algebra.clean(rest))
            said = [times(c, term.text) for c, term in found if not term.unsaid]
            return None if repaid is None else said + repaid
        if turn + 1 < rounds:
            for term in chosen:
                monomials |= dict.fromkeys(term.poly.parts)
            if len(monomials) > MOST:
                return None
    return None


def for_vectors(algebra: Algebra) -> Iterator[Certificate]:
    """An equation of vectors from hypotheses that are equations of vectors, times monomials, under operators."""
    case = algebra.case
    gap = case.goal[0]
    assert isinstance(gap, Vector)

    def flat(value: Vector) -> dict[Any, Fraction]:
        out: dict[Any, Fraction] = {}
        for word, row in algebra.row(value):
            for i, poly in row.items():
                for monomial, c in algebra.clean(poly).parts.items():
                    key = (word, i, monomial)
                    out[key] = out.get(key, Fraction(0)) + c
        return {key: c for key, c in out.items() if c}

    aim = flat(gap)
    terms: dict[str, dict[Any, Fraction]] = {}
    for (value, relation), label in zip(case.given, case.labels, strict=True):
        if relation != "==":
            continue
        if isinstance(value, Number):
            poly = algebra.value(value)
            for word, i, monomial in aim:
                for own in poly.parts:
                    factor = quotient(monomial, own)
                    if defined(algebra, factor):
                        image = " @ ".join((*word, algebra.axes[i].text))
                        whole = algebra.clean(poly * Number({factor: Fraction(1)}))
                        text = (
                            f"{algebra.monomial(factor)}*{label}*({image})"
                            if factor
                            else f"{label}*({image})"
                        )
                        terms[text] = {(word, i, key): c for key, c in whole.parts.items()}
            continue
        for letter in [(), *((name,) for name in case.operators)]:
            moved = Vector({((*letter, *word), name): c for (word, name), c in value.parts.items()})
            said = f"({letter[0]} @ {label})" if letter else label
            parts = flat(moved)
            along(algebra, moved, said, aim, terms)
            for word, i, monomial in aim:
                for other, k, own in parts:
                    factor = quotient(monomial, own)
                    if (word, i) == (other, k) and defined(algebra, factor):
                        text = f"{algebra.monomial(factor)}*{said}" if factor else said
                        terms[text] = {
                            (w, a, Number.times(key, factor)[0]): c for (w, a, key), c in parts.items()
                        }
    names = list(terms)
    exact = solve_exactly([terms[name] for name in names], aim) if names and len(names) < 200 else None
    if exact is not None:
        yield {"terms": [times(c, name) for c, name in zip(exact, names, strict=True) if c]}


def along(algebra: Algebra, gap: Vector, said: str, aim: dict[Any, Fraction], terms: dict[str, Any]) -> None:
    """Multiples of the axes by the inner products of an axis with a vector that is 0."""
    for i, axis in enumerate(algebra.axes):
        poly = Number({})
        for word, row in algebra.row(gap):
            poly = poly + algebra.form({i: Number.of(1)}, word, row)
        poly = algebra.clean(poly)
        for word, k, monomial in list(aim):
            for own in poly.parts:
                factor = quotient(monomial, own)
                if not word and defined(algebra, factor):
                    inside = f"({axis.text} @ {said})*{algebra.axes[k].text}"
                    text = f"{algebra.monomial(factor)}*{inside}" if factor else inside
                    whole = algebra.clean(poly * Number({factor: Fraction(1)}))
                    terms[text] = {((), k, key): c for key, c in whole.parts.items()}
