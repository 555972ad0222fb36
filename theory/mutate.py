"""Mutants of statements, generated from their expression trees: what the testers must be able to catch.

Every node of a proved or corrected statement is changed in the ways that formulas go wrong in print: another
constant, another sign, another exponent, a term or a factor dropped, a term doubled, 1/m for 1/sqrt(m) and back,
another vector, one side halved, doubled or negated, and a factor 1 +- 1e-6 on one side. An inequality that is an
equality is mutated as the equality it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Any

import sympy as sp
from bnverify.theory.claim import Claim, Corrected, Hypothesis, Proof, Reading, Relation
from bnverify.theory.observe import Syntax, simplified
from bnverify.theory.prove import verify_relation
from bnverify.theory.rooms import FORMAL, formal
from bnverify.theory.settings import Setting
from bnverify.theory.syntax import Scalar, Vector, evaluate, replace, scalar, walk

SMALL = Fraction(1, 10**6)
OTHER = {"g": "v", "v": "g", "yhat": "1", "1": "yhat"}
"""What print confuses: a hat lost or gained, the mean's vector for y-hat's."""


@dataclass(frozen=True)
class Statement:
    """A statement with a proof for every m, as a tree.

    about: the slug of the reading, or ``corrected``. op: ``eq`` where the statement turned out to be an equality.
    """

    claim: str
    about: str
    source: Reading | Corrected
    proof: Proof
    lhs: Any
    op: str
    rhs: Any
    vector: bool

    @property
    def hypotheses(self) -> tuple[Hypothesis, ...]:
        """What its certificate assumes; an equality holds whatever the reading assumes besides."""
        return () if self.op == "eq" else self.source.hypotheses

    @property
    def setting(self) -> str:
        """The setting its certificate speaks of; readings of BatchNorm's own room are proved for any batch."""
        return self.source.setting if self.source.setting in FORMAL else "activations"

    def says(self, q: Setting) -> Relation:
        return Relation(evaluate(self.lhs, q), self.op, evaluate(self.rhs, q), self.vector)


@dataclass(frozen=True)
class Mutant:
    """One change of one node of a statement. ``number`` counts the mutants of a statement from 1."""

    statement: Statement
    number: int
    kind: str
    text: str
    lhs: Any
    rhs: Any

    @property
    def name(self) -> str:
        return f"{self.statement.claim}/{self.statement.about}#{self.number}"

    def says(self, q: Setting) -> Relation:
        """The mutated relation in any room."""
        return Relation(
            evaluate(self.lhs, q), self.statement.op, evaluate(self.rhs, q), self.statement.vector
        )


def _proofs(claim: Claim) -> Iterator[tuple[str, Reading | Corrected, Proof]]:
    for reading in claim.readings:
        if reading.proof is not None:
            yield reading.slug, reading, reading.proof
    if claim.corrected is not None:
        yield "corrected", claim.corrected, claim.corrected.proof


def statements(claim: Claim) -> tuple[Statement, ...]:
    """The statements of a claim whose own certificate holds for every m, each tree once.

    Statements that a lemma concludes, or that a point exhibits, have no certificate of their own: their steps do.
    """
    found: dict[tuple[Any, ...], Statement] = {}
    for about, source, proof in _proofs(claim):
        parts = [(f"{about}, step {i}", step.says, step.terms) for i, step in enumerate(proof.steps, 1)]
        if proof.lemma is None and proof.at is None:
            parts.insert(0, (about, source.says, proof.terms))
        for name, says, terms in parts:
            if says is None:
                continue
            room = formal(source.setting, proof.eps)
            check, equal = verify_relation(says, room, terms, source.hypotheses)
            if check.holds:
                relation = says(Syntax())
                op = "eq" if equal else relation.op
                lhs, rhs = (
                    side if isinstance(side, Vector) else scalar(side)
                    for side in (relation.lhs, relation.rhs)
                )
                key = (lhs, op, rhs)
                found.setdefault(key, Statement(claim.id, name, source, proof, lhs, op, rhs, relation.vector))
    return tuple(found.values())


def _changes(node: Any) -> Iterator[tuple[str, str, Any]]:
    """(kind, what was done, the node instead)."""
    head, args = node.head, node.args
    one = scalar(1)
    match head:
        case "num":
            yield "constant", f"{args[0]} -> {args[0] + 1}", scalar(args[0] + 1)
            if args[0]:
                yield "sign", f"{args[0]} -> {-args[0]}", scalar(-args[0])
        case "sym" if args[0] == "m":
            yield "root", "m -> sqrt(m)", Scalar("sqrt", (node,))
            yield "constant", "m -> m - 1", node - one
        case "sqrt":
            yield "root", "sqrt dropped", args[0]
        case "pow":
            yield "exponent", f"^{args[1]} -> ^{args[1] + 1}", Scalar("pow", (args[0], args[1] + 1))
            yield "exponent", f"^{args[1]} -> ^{args[1] - 1}", Scalar("pow", (args[0], args[1] - 1))
        case "add" | "sub" | "vadd" | "vsub":
            vector = isinstance(node, Vector)
            other = {"add": "sub", "sub": "add", "vadd": "vsub", "vsub": "vadd"}[head]
            kind = Vector if vector else Scalar
            yield "sign", "+ <-> -", kind(other, args)
            yield "dropped term", "second term dropped", args[0]
            yield "dropped term", "first term dropped", -args[1] if head.endswith("sub") else args[1]
            yield "doubled term", "second term doubled", kind(head, (args[0], args[1] * scalar(2)))
            yield "doubled term", "first term doubled", kind(head, (args[0] * scalar(2), args[1]))
        case "mul":
            yield "dropped factor", "first factor dropped", args[1]
            yield "dropped factor", "second factor dropped", args[0]
        case "div":
            yield "dropped factor", "divisor dropped", args[0]
        case "scale":
            yield "dropped factor", "factor of a vector dropped", args[1]
        case "vec" if args[0] in OTHER:
            yield "other vector", f"{args[0]} -> {OTHER[args[0]]}", Vector("vec", (OTHER[args[0]],))
        case "op" if args[0] in {"H", "B", "HW"}:
            yield "dropped factor", f"{args[0]} dropped", args[1]


def mutants(statement: Statement) -> tuple[Mutant, ...]:
    """All mutants of one statement that differ from it and from each other as trees."""
    sides = (statement.lhs, statement.rhs)
    seen: dict[tuple[Any, Any], tuple[str, str]] = {}
    for side in (0, 1):
        for path, node in walk(sides[side]):
            for kind, text, new in _changes(node):
                changed = list(sides)
                changed[side] = replace(sides[side], path, new)
                seen.setdefault(
                    (changed[0], changed[1]), (kind, f"{'left' if side == 0 else 'right'}: {text}")
                )
    factors = [Fraction(2), Fraction(1, 2), Fraction(-1)]
    for factor in factors + ([1 + SMALL, 1 - SMALL] if statement.op == "eq" else []):
        seen.setdefault(
            (statement.lhs, statement.rhs * scalar(factor)), ("factor", f"right side times {factor}")
        )
    if statement.op != "eq":
        seen.setdefault((statement.rhs, statement.lhs), ("sign", "sides exchanged"))
    seen.pop(sides, None)
    return tuple(
        Mutant(statement, number, kind, text, lhs, rhs)
        for number, ((lhs, rhs), (kind, text)) in enumerate(seen.items(), 1)
    )


def _slack(lhs: Any, rhs: Any, statement: Statement) -> sp.Expr:
    q = formal(statement.source.setting, statement.proof.eps)
    low, high = Relation(evaluate(lhs, q), statement.op, evaluate(rhs, q), statement.vector).sides(q)
    return simplified(high - low)


def _cauchy_schwarz(slack: sp.Expr, q: Any) -> str | None:
    """Whether a slack is a positive multiple of |a|^2 |b|^2 - <a,b>^2 for two of g, 1, y-hat and v."""
    vectors = {name: q.vec(name) for name in ("g", "1", "yhat", "v")}
    for (left, a), (right, b) in combinations(vectors.items(), 2):
        gap = simplified(q.dot(a, a) * q.dot(b, b) - q.dot(a, b) ** 2)
        if gap != 0 and sp.factor(simplified(slack / gap)).is_nonnegative:
            return f"Cauchy-Schwarz for {left} and {right}"
    return None


def certified(mutant: Mutant) -> tuple[str, str] | None:
    """(class, certificate) of a mutant that is true for every m, or None.

    ``equivalent``: the sides differ by what they differed before. ``weaker``: an inequality whose slack grew by
    an expression that cannot be negative, is the old slack times a positive one, or is Cauchy-Schwarz's.
    """
    statement = mutant.statement
    try:
        before = _slack(statement.lhs, statement.rhs, statement)
        after = _slack(mutant.lhs, mutant.rhs, statement)
    except (ZeroDivisionError, TypeError):
        return None
    if after.has(sp.zoo, sp.nan, sp.oo):
        return None
    if simplified(after - before) == 0:
        return "equivalent", "residual 0"
    if statement.op == "eq":
        return ("equivalent", "residual 0") if after == 0 else None
    gained = sp.factor(simplified(after - before))
    if gained.is_nonnegative:
        return "weaker", f"slack grows by {gained}"
    ratio = sp.factor(simplified(after / before)) if before != 0 else sp.Integer(-1)
    if ratio.is_nonnegative:
        return "weaker", f"slack times {ratio}"
    lemma = _cauchy_schwarz(after, formal(statement.source.setting, statement.proof.eps))
    return None if lemma is None else ("weaker", lemma)
