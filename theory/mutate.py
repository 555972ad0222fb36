"""Mutants of statements, generated from their trees: what the testers must be able to catch.

Every node of a proved or corrected statement is changed in the ways that formulas go wrong in print: another
constant, another sign, another exponent, a term or a factor dropped, a term doubled, 1/m for 1/sqrt(m) and back,
another vector, one side halved, doubled or negated, and a factor 1 +- 1e-6 on one side. An inequality that is an
equality is mutated as the equality it is. Of "there is an instance with ..." the relation at the exhibited instance
is mutated.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from typing import Any

from bnverify.theory import kernel, sorts
from bnverify.theory.cases import Case, cases
from bnverify.theory.claim import Claim
from bnverify.theory.grammar import RELATIONS, GrammarError, Node, parse, unparse
from bnverify.theory.judged import shelved
from bnverify.theory.normalisations import Normalisation, declared, names_of
from bnverify.theory.sorts import Sort
from bnverify.theory.store import Stored

from bnverify.base.errors import InputError

MILLION = 10**6
SECONDS = 0.6
"""What a certificate for one mutant may take."""
OTHER = {"g": "v", "v": "g", "yhat": "one", "one": "yhat"}
"""What print confuses: a hat lost or gained, the mean's vector for y-hat's."""
OF_UNITS = {
    "g_j": "v_j",
    "v_j": "g_j",
    "g_k": "v_k",
    "v_k": "g_k",
    "yhat_j": "one",
    "yhat_k": "one",
    "one": "yhat_j",
}
"""The same where names carry the unit."""


@dataclass(frozen=True)
class Statement:
    """A statement whose own evidence holds, for every m or at an exhibited point.

    about: the reading, or ``corrected``, with the step. tree: a relation, ``==`` where the statement turned out to be
    an equality. asked: the kernel's claim, without the hypotheses that an equality does not need.
    at: the exact point it is about, where it says that there is one; None for a statement about all.
    """

    claim: str
    about: str
    case: Case
    asked: kernel.Claim
    tree: Node
    at: dict[str, Any] | None = None

    @property
    def op(self) -> str:
        return self.tree.head

    @cached_property
    def names(self) -> Mapping[str, Sort]:
        """The sorts of what may stand in the statement."""
        return sorts_of(self.asked)

    def said(self, text: str, **changes: Any) -> kernel.Claim:
        """The kernel's claim with another statement."""
        return replace(self.asked, statement=text, quantifier="all", **changes)


@dataclass(frozen=True)
class Mutant:
    """One change of one node of a statement. ``number`` counts the mutants of a statement from 1."""

    statement: Statement
    number: int
    kind: str
    text: str
    tree: Node

    @property
    def name(self) -> str:
        return f"{self.statement.claim}/{self.statement.about}#{self.number}"


def sorts_of(asked: kernel.Claim) -> dict[str, Sort]:
    """The sorts of the names of a claim, those of transposes and of the plain network included."""
    norm = Normalisation("asked", asked.definition, (), asked.vectors, asked.operators)
    found = names_of(norm, declared((), asked.numbers))
    for name, sort in list(found.items()):
        if sort.kind == "operator":
            found.setdefault(f"{name}_T", sorts.operator(sort.space, sort.source))
    inputs = {"X": sorts.operator("weights", "batch"), "T": sorts.operator("batch", "weights")}
    return {"g_own": sorts.vector(), "lam": sorts.NUMBER} | inputs | found


def statements(claim: Claim) -> tuple[Statement, ...]:
    """The statements of a claim whose own certificate holds, for every m or at the exhibited point, each tree once.

    Statements that a lemma concludes have no certificate of their own: their steps do.
    """
    evidence = {item.reading: item for item in Stored(claim).evidence}
    places: dict[str, int] = {}
    found: dict[Node, Statement] = {}
    for case in cases(claim):
        place = places[case.reading] = places.get(case.reading, -1) + 1
        check = evidence[case.reading].checks[place]
        against = case.part in ("smallest", "generic", "negation")
        if against or not check.holds or "lemma" in case.certificate:
            continue
        tree = parse(case.asked.statement)
        if tree.head not in RELATIONS.values():
            continue
        item = shelved().get((claim.id, case.label), {})
        asked = replace(case.asked, example=item.get("example") or case.asked.example)
        if check.kind == "identity":
            tree = Node("==", tree.args, tree.column)
            free = replace(asked, statement=unparse(tree), hypotheses=(), example=None)
            asked = free if holds_for_all(free) else replace(asked, statement=unparse(tree))
        at = case.certificate.get("point")
        found.setdefault(tree, Statement(claim.id, case.label, case, asked, tree, at))
    return tuple(found.values())


def holds_for_all(claim: kernel.Claim) -> bool:
    """Whether both sides are the same for every m."""
    try:
        return kernel.judge(claim, {"terms": []}).verdict == "proved"
    except kernel.Refused:
        return False


# ---------------------------------------------------------------- changes


def _number(whole: int) -> Node:
    return Node("neg", (Node("number", (-whole,)),)) if whole < 0 else Node("number", (whole,))


def _changes(node: Node, other_vector: Mapping[str, str]) -> Iterator[tuple[str, str, Node]]:
    """(kind, what was done, the node instead); what makes no sense is left out by its sort."""
    head, args = node.head, node.args
    match head:
        case "number":
            yield "constant", f"{args[0]} -> {args[0] + 1}", _number(args[0] + 1)
            if args[0]:
                yield "sign", f"{args[0]} -> -{args[0]}", _number(-args[0])
        case "name" if args[0] == "m":
            yield "root", "m -> sqrt(m)", Node("sqrt", (node,))
            yield "constant", "m -> m - 1", Node("-", (node, _number(1)))
        case "name" if args[0] in other_vector:
            instead = other_vector[args[0]]
            yield "other vector", f"{args[0]} -> {instead}", Node("name", (instead,))
        case "sqrt":
            yield "root", "sqrt dropped", args[0]
        case "**":
            for power in (args[1] + 1, args[1] - 1):
                yield (
                    "exponent",
                    f"^{args[1]} -> ^{power}",
                    Node("**", (args[0], power)) if power else _number(1),
                )
        case "+" | "-":
            left, right = args
            yield "sign", "+ <-> -", Node("-" if head == "+" else "+", args)
            yield "dropped term", "second term dropped", left
            yield "dropped term", "first term dropped", Node("neg", (right,)) if head == "-" else right
            yield "doubled term", "second term doubled", Node(head, (left, Node("*", (_number(2), right))))
            yield "doubled term", "first term doubled", Node(head, (Node("*", (_number(2), left)), right))
        case "*":
            yield "dropped factor", "first factor dropped", args[1]
            yield "dropped factor", "second factor dropped", args[0]
        case "/":
            yield "dropped factor", "divisor dropped", args[0]
        case "@":
            for place, item in enumerate(args):
                if item.head == "name" and re.match("[HBDN](_|$)", item.args[0]):
                    rest = (*args[:place], *args[place + 1 :])
                    kept = Node("@", rest) if len(rest) > 1 else rest[0]
                    yield "dropped factor", f"{item.args[0]} dropped", kept


def everywhere(node: Node, other: Mapping[str, str]) -> Iterator[tuple[str, str, Node]]:
    """Every change of the node or of one below it; names of what moves stay, and a form stays a form in a maximum."""
    if node.head == "mean":
        total = Node("@", (Node("name", ("one",)), *_chain(node.args[0])))
        yield from everywhere(Node("/", (total, Node("name", ("m",)))), other)
        return
    if node.head == "maximum":
        inside, moved, bound = node.args
        row, middle = inside.args[0], inside.args[1 : -len(inside.args[0].args)]
        for kind, text, new in everywhere(row.args[-1], other):
            changed = (*row.args[:-1], *_chain(new))
            form = Node("@", (Node("@", changed), *middle, *changed))
            yield kind, text, Node("maximum", (form, moved, bound))
        return
    yield from _changes(node, other)
    for place, inside in enumerate(node.args):
        if not isinstance(inside, Node) or (node.head in ("d", "at") and place == 1):
            continue
        for kind, text, new in everywhere(inside, other):
            args = (*node.args[:place], new, *node.args[place + 1 :])
            if node.head == "@" and place == len(args) - 1:
                args = (*args[:-1], *_chain(new))
            yield kind, text, Node(node.head, args)


def _chain(node: Node) -> tuple[Node, ...]:
    return node.args if node.head == "@" else (node,)


def mutants(statement: Statement) -> tuple[Mutant, ...]:
    """All mutants of one statement that differ from it and from each other as trees, and are statements."""
    op, (left, right) = statement.op, statement.tree.args
    other = OF_UNITS if "z_j" in statement.asked.definition else OTHER
    made: list[tuple[str, str, Node]] = []
    made += [(k, f"left: {t}", Node(op, (new, right))) for k, t, new in everywhere(left, other)]
    made += [(k, f"right: {t}", Node(op, (left, new))) for k, t, new in everywhere(right, other)]
    factors = [Fraction(2), Fraction(1, 2), Fraction(-1)]
    factors += [1 + Fraction(1, MILLION), 1 - Fraction(1, MILLION)] if op == "==" else []
    for factor in factors:
        over, under = Node("*", (_number(factor.numerator), right)), _number(factor.denominator)
        scaled = over if factor.denominator == 1 else Node("/", (over, under))
        made.append(("factor", f"right side times {factor}", Node(op, (left, scaled))))
    if op != "==":
        made.append(("sign", "sides exchanged", Node(op, (right, left))))
    seen: dict[Node, tuple[str, str]] = {}
    for kind, text, changed in made:
        with suppress(GrammarError):
            tree = sorts.statement(unparse(changed), statement.names)
            if tree != statement.tree:
                seen.setdefault(tree, (kind, text))
    return tuple(
        Mutant(statement, number, kind, text, tree)
        for number, (tree, (kind, text)) in enumerate(seen.items(), 1)
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


# ---------------------------------------------------------------- certificates


def certified(mutant: Mutant) -> tuple[str, str] | None:
    """(class, certificate) of a mutant that the kernel decides for every m, or None.

    ``equivalent``: the sides differ by what they differed before, or an equation is an identity again. ``weaker``: an
    inequality for which a certificate is found that the kernel accepts.
    """
    statement = mutant.statement
    (left, right), (low, high) = statement.tree.args, mutant.tree.args
    if low == left or high == right:
        same = f"{right} == {high}" if low == left else f"{left} == {low}"
    else:
        same = f"({right}) - ({left}) == ({high}) - ({low})"
    if holds_for_all(statement.said(same)):
        return "equivalent", "residual 0"
    said = statement.said(unparse(mutant.tree))
    if mutant.tree.head == "==":
        return ("equivalent", "residual 0") if holds_for_all(said) else None
    return _weaker(said, statement.case.certificate.get("terms", ()))


def _weaker(said: kernel.Claim, terms: Sequence[str]) -> tuple[str, str] | None:
    """A certificate of an inequality: its terms as they were, or what the search for certificates finds in a moment."""
    from bnverify.theory.certify import proofs
    from bnverify.theory.points.case import build

    end = time.process_time() + SECONDS

    def proposed() -> Iterator[dict[str, Any]]:
        if terms:
            yield {"terms": list(terms)}
        try:
            yield from proofs.quick(build(said), lambda: end - time.process_time())
        except InputError:  # what the search cannot read, it cannot prove
            return

    for certificate in proposed():
        try:
            kernel.judge(said, certificate)
        except kernel.Refused:
            continue
        return "weaker", f"the slack is {' + '.join(f'({term})' for term in certificate['terms']) or '0'}"
    return None
