"""Mutants of statements, generated from their expression trees: what the testers must be able to catch.

Every node of a proved or corrected statement is changed in the ways that formulas go wrong in print: another
constant, another sign, another exponent, a term or a factor dropped, a term doubled, 1/m for 1/sqrt(m) and back,
another vector, one side halved, doubled or negated, and a factor 1 +- 1e-6 on one side. An inequality that is an
equality is mutated as the equality it is. Of "there is an instance with ..." the relation at the exhibited instance
is mutated.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Any

import sympy as sp
from bnverify.theory import gram
from bnverify.theory.claim import Claim, Corrected, Hypothesis, Instance, Proof, Reading, Relation
from bnverify.theory.observe import Syntax, simplified
from bnverify.theory.prove import verify_relation
from bnverify.theory.rooms import FORMAL, formal
from bnverify.theory.said import WITNESSED
from bnverify.theory.settings import Setting
from bnverify.theory.syntax import Scalar, Vector, evaluate, replace, scalar, walk

SMALL = Fraction(1, 10**6)
_EXCESS = sp.Symbol("eps/sigma^2", nonnegative=True)
OTHER = {"g": "v", "v": "g", "yhat": "1", "1": "yhat"}
"""What print confuses: a hat lost or gained, the mean's vector for y-hat's."""
OF_UNITS = {
    "g_j": "v_j",
    "v_j": "g_j",
    "g_k": "v_k",
    "v_k": "g_k",
    "yhat_j": "1",
    "yhat_k": "1",
    "1": "yhat_j",
}
"""The same where names carry the unit."""
PAIRS = {"layer", "group-norm"}
"""Settings in which they do."""


@dataclass(frozen=True)
class Statement:
    """A statement with a proof for every m, as a tree.

    about: the slug of the reading, or ``corrected``. op: ``eq`` where the statement turned out to be an equality.
    at: the exact point it is about, where it says that there is one; None for a statement about all.
    """

    claim: str
    about: str
    source: Reading | Corrected
    proof: Proof
    lhs: Any
    op: str
    rhs: Any
    vector: bool
    at: Instance | None = None

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
    """The statements of a claim whose own certificate holds, for every m or at the exhibited point, each tree once.

    Statements that a lemma concludes have no certificate of their own: their steps do.
    """
    found: dict[tuple[Any, ...], Statement] = {}
    for about, source, proof in _proofs(claim):
        if source.setting not in WITNESSED:
            continue
        parts = [(f"{about}, step {i}", step.says, step.terms) for i, step in enumerate(proof.steps, 1)]
        if proof.at is not None:
            made = _statement(claim, about, source, proof, source.says(Syntax()), at=proof.at)
            found.setdefault((made.lhs, made.op, made.rhs), made)
        elif proof.lemma is None:
            parts.insert(0, (about, source.says, proof.terms))
        for name, says, terms in parts:
            if says is None:
                continue
            room = formal(source.setting, proof.eps)
            try:
                check, equal = verify_relation(says, room, terms, source.hypotheses)
            except NotImplementedError:  # a maximum of a form, which the kernel alone bounds
                continue
            if check.holds:
                made = _statement(claim, name, source, proof, says(Syntax()), equal)
                found.setdefault((made.lhs, made.op, made.rhs), made)
    return tuple(found.values())


def _statement(
    claim: Claim,
    about: str,
    source: Reading | Corrected,
    proof: Proof,
    relation: Relation,
    equal: bool = False,
    at: Instance | None = None,
) -> Statement:
    lhs, rhs = (side if isinstance(side, Vector) else scalar(side) for side in (relation.lhs, relation.rhs))
    op = "eq" if equal else relation.op
    return Statement(claim.id, about, source, proof, lhs, op, rhs, relation.vector, at)


def unmutated(claim: Claim) -> dict[str, str]:
    """The proofs of a claim that hold nothing to change, and why."""
    return {
        about: f"the lemma {proof.lemma} states it; there is no certificate of its own, and no step, to change"
        for about, _, proof in _proofs(claim)
        if proof.lemma is not None and all(step.says is None for step in proof.steps)
    }


def _changes(node: Any, other_vector: Mapping[str, str]) -> Iterator[tuple[str, str, Any]]:
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
        case "vec" if args[0] in other_vector:
            instead = other_vector[args[0]]
            yield "other vector", f"{args[0]} -> {instead}", Vector("vec", (instead,))
        case "op" if args[0][:1] in {"H", "B", "D", "N"}:
            yield "dropped factor", f"{args[0]} dropped", args[1]


def mutants(statement: Statement) -> tuple[Mutant, ...]:
    """All mutants of one statement that differ from it and from each other as trees."""
    sides = (statement.lhs, statement.rhs)
    seen: dict[tuple[Any, Any], tuple[str, str]] = {}
    other = OF_UNITS if statement.setting in PAIRS else OTHER
    for side in (0, 1):
        for path, node in walk(sides[side]):
            for kind, text, new in _changes(node, other):
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


def spread(made: Sequence[Mutant], most: int, seed: int = 0) -> tuple[Mutant, ...]:
    """At most so many of the mutants of one statement: all kinds in equal shares, each spread over the nodes."""
    if len(made) <= most:
        return tuple(made)
    kinds: dict[str, list[Mutant]] = {}
    for mutant in made:
        kinds.setdefault(mutant.kind, []).append(mutant)
    shares = dict.fromkeys(kinds, 0)
    while sum(shares.values()) < most:
        fewest = min(kinds, key=lambda kind: (shares[kind] >= len(kinds[kind]), shares[kind]))
        shares[fewest] += 1
    rng = random.Random(f"{made[0].statement.claim}/{made[0].statement.about}/{seed}")
    chosen: list[Mutant] = []
    for kind, share in shares.items():
        start, every = rng.random(), len(kinds[kind]) / max(share, 1)
        chosen += [kinds[kind][int((start + k) * every)] for k in range(share)]
    return tuple(sorted(chosen, key=lambda mutant: mutant.number))


def _slack(lhs: Any, rhs: Any, statement: Statement) -> sp.Expr:
    q = formal(statement.source.setting, statement.proof.eps)
    low, high = Relation(evaluate(lhs, q), statement.op, evaluate(rhs, q), statement.vector).sides(q)
    return simplified(high - low)


def _samples(symbols: Sequence[sp.Symbol], count: int = 6) -> Iterator[dict[sp.Symbol, sp.Float]]:
    """Numbers that the assumptions on the symbols allow, m at least 2 and rho in (0, 1]."""
    rng = random.Random(0)
    ranges = {gram.m: (2.0, 12.0), gram.rho: (0.1, 1.0)}
    for _ in range(count):
        values = {}
        for symbol in symbols:
            size = rng.uniform(*ranges.get(symbol, (0.1, 4.0)))
            values[symbol] = sp.Float(size if symbol.is_nonnegative else rng.choice((-1, 1)) * size)
        yield values


def _non_negative(expression: sp.Expr) -> bool:
    """By the signs of its symbols, where rho = sigma^2 / (sigma^2 + eps) lies in (0, 1]; first asked of numbers."""
    symbols = sorted(expression.free_symbols, key=str)
    for values in _samples(symbols):
        number = expression.xreplace(values)
        if not (number.is_real and number >= -1e-9):
            return False
    return bool(sp.factor(simplified(expression.subs(gram.rho, 1 / (1 + _EXCESS)))).is_nonnegative)


def _is_square(node: Any) -> bool:
    """Whether the form of an expression alone makes it a product or a sum of squares and positive symbols."""
    head, args = node.head, node.args
    match head:
        case "dot":
            return bool(args[0] == args[1])
        case "pow":
            return bool(args[1] % 2 == 0)
        case "num":
            return bool(args[0] >= 0)
        case "sym":
            return args[0] in {"m", "s", "sigma", "rho", "eps", "lam"}
    return head in {"add", "mul", "div", "sqrt"} and all(map(_is_square, args))


def _quantities(statement: Statement, q: Any) -> Iterator[tuple[str, sp.Expr]]:
    """What is known to be non-negative where a statement is claimed, by name."""
    slacks = []
    for hypothesis in statement.hypotheses:
        low, high = hypothesis.says(q).sides(q)
        slacks.append((f"the slack of {hypothesis.name}", simplified(high - low)))
    yield from slacks
    if statement.setting not in PAIRS:
        v = q.vec("v")
        yield from ((f"{name} times |v|^2", slack * q.dot(v, v)) for name, slack in slacks)
    if not statement.vector and _is_square(statement.lhs):
        yield "the left side", simplified(evaluate(statement.lhs, q))
    if statement.setting in {"activations", "affine", "unbiased"}:
        vectors = {name: q.vec(name) for name in ("g", "1", "yhat", "v")}
        for (left, a), (right, b) in combinations(vectors.items(), 2):
            gap = simplified(q.dot(a, a) * q.dot(b, b) - q.dot(a, b) ** 2)
            yield f"Cauchy-Schwarz for {left} and {right}", gap


def certified(mutant: Mutant) -> tuple[str, str] | None:
    """(class, certificate) of a mutant that is decided for every m, or None.

    ``equivalent``: the sides differ by what they differed before. ``weaker``: an inequality whose slack, or what it
    gained or gained beyond doubling, is a non-negative multiple of something that cannot be negative. ``void``: it
    divides by 0 for every m.
    """
    statement = mutant.statement
    try:
        before = _slack(statement.lhs, statement.rhs, statement)
        after = _slack(mutant.lhs, mutant.rhs, statement)
    except (ZeroDivisionError, TypeError, NotImplementedError, LookupError):
        return None
    if after.has(sp.zoo, sp.nan, sp.oo):
        return "void", "it divides by 0 for every m"
    if simplified(after - before) == 0:
        return "equivalent", "residual 0"
    if statement.op == "eq":
        return ("equivalent", "residual 0") if after == 0 else None
    return _weaker(statement, before, after)


def _multiple(slack: sp.Expr, quantity: sp.Expr, q: Any) -> sp.Expr | None:
    """The non-negative r without inner products in it for which slack = r times quantity, if there is one."""
    inner = [symbol for symbol in slack.free_symbols | quantity.free_symbols if symbol in q.table.keys]
    primes = {symbol: sp.prime(k) for k, symbol in enumerate(sorted(inner, key=str), 3)}
    there = quantity.xreplace(primes)
    if there == 0:
        return None
    rest = slack - slack.xreplace(primes) / there * quantity
    symbols = sorted(rest.free_symbols, key=str)
    if any(abs(complex(rest.xreplace(values))) > 1e-6 for values in _samples(symbols, 3)):
        return None
    ratio = sp.factor(sp.cancel(slack.xreplace(primes) / there))
    return ratio if _non_negative(ratio) and simplified(slack - ratio * quantity) == 0 else None


def _weaker(statement: Statement, before: sp.Expr, after: sp.Expr) -> tuple[str, str] | None:
    gained = simplified(after - before)
    slacks = {"slack": after, "slack gained": gained, "slack gained beyond doubling": gained - before}
    for name, slack in slacks.items():
        if _non_negative(slack):
            return "weaker", f"{name} {sp.factor(slack)}"
    q = formal(statement.source.setting, statement.proof.eps)
    known = [("the slack", before), *_quantities(statement, q)]
    for what, quantity in known:
        for name, slack in slacks.items():
            ratio = _multiple(slack, quantity, q)
            if ratio is not None:
                return "weaker", f"{name} is {ratio} times {what}"
    return None
