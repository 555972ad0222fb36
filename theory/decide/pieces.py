"""Claims that together say the same as one: by signs, by batch sizes, by Cauchy and Schwarz."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations

from bnverify.theory.grammar import Node, nodes, parse, unparse
from bnverify.theory.kernel import Number, Vector
from bnverify.theory.points import instances
from bnverify.theory.points.case import Case, build
from bnverify.theory.points.script import replaced

from bnverify.base.errors import InputError


def pieces(case: Case, sizes: bool) -> Iterator[list[Case]]:
    """Claims that together say the same: both inequalities of an equation, the square of a vector that is 0, a claim
    for each order of what stands in |x|, Cauchy and Schwarz and what follows; some batch sizes one by one."""
    claim = case.claim
    tree = parse(claim.statement)
    if tree.head == "==" and isinstance(case.goal[0], Number):
        left, right = map(unparse, tree.args)
        both = [
            replace(claim, statement=f"{one} <= {other}") for one, other in ((left, right), (right, left))
        ]
        yield [build(each, case.operators) for each in both]
    if tree.head == "==" and isinstance(case.goal[0], Vector) and claim.hypotheses:
        left, right = map(unparse, tree.args)
        gap = left if right == "0" else right if left == "0" else f"({left}) - ({right})"
        yield [build(replace(claim, statement=f"({gap}) @ ({gap}) <= 0"), case.operators)]
    yield from by_signs(case)
    yield from by_cauchy(case, tree)
    if not sizes:
        return
    for start in (claim.min_m + 1, claim.min_m + 2, claim.min_m + 4):
        parts = []
        for size in range(claim.min_m, start):
            given = (*claim.hypotheses, f"m == {size}")
            at = build(replace(claim, hypotheses=given, min_m=size, example=None), case.operators)
            if (part := instances.exemplified(at, (size,), 2000, 5)) is None:
                break
            parts.append(part)
        else:
            later: Case | None = build(replace(claim, min_m=start, example=None), case.operators)
            if claim.hypotheses and later is not None:
                later = instances.exemplified(later, (start, start + 1), 4000, 5)
            if later is None:
                return
            yield [*parts, later]


def by_signs(case: Case) -> Iterator[list[Case]]:
    """The claims without a |x|, or a min or max of two, one for each order of what stands in it."""
    claim = case.claim
    tree = parse(claim.statement)
    elsewhere = {
        node for place in nodes(tree) if place.head == "at" for node in nodes(place)
    }  # signs differ there
    inside = next(
        (node for node in nodes(tree) if node.head in {"abs", "min", "max"} and node not in elsewhere), None
    )
    if inside is None or (inside.head != "abs" and len(inside.args) != 2):
        return
    first, second = inside.args if inside.head != "abs" else (inside.args[0], Node("number", (0,)))
    above = {"abs": first, "max": first, "min": second}[inside.head]
    below = {"abs": Node("neg", (first,)), "max": second, "min": first}[inside.head]
    found = []
    for relation, value in ((">=", above), ("<=", below)):
        given = (*claim.hypotheses, f"{unparse(first)} {relation} {unparse(second)}")
        part = build(
            replace(claim, statement=unparse(replaced(tree, inside, value)), hypotheses=given, example=None),
            case.operators,
        )
        met = instances.exemplified(part, (max(claim.min_m, 3), claim.min_m), 4000, 7)
        if met is None:
            return
        found.append(met)
    yield found


def by_cauchy(case: Case, tree: Node) -> Iterator[list[Case]]:
    """Cauchy and Schwarz for the vectors under norms, and the claim from those."""
    under = [node.args[0] for node in nodes(tree) if node.head == "norm"]
    vectors = dict.fromkeys(unparse(part) for inside in under for part in parts_of(inside))
    pairs = list(combinations(vectors, 2))[:3]
    if not pairs or case.goal[1] not in {"<=", "<"}:
        return
    claim = case.claim
    lemmas = [f"{sign}(({a}) @ ({b})) <= norm({a})*norm({b})" for a, b in pairs for sign in ("", "-")]
    try:
        main = build(replace(claim, hypotheses=(*claim.hypotheses, *lemmas)), case.operators)
        rest = [build(replace(claim, statement=text, hypotheses=(), example=None)) for text in lemmas]
    except InputError:
        return
    if (met := instances.exemplified(main, (max(claim.min_m, 3), claim.min_m), 4000, 7)) is not None:
        yield [*rest, met]


def parts_of(node: Node) -> list[Node]:
    """The vectors of which one is a sum, without their factors."""
    match node:
        case Node(head="+" | "-", args=(left, right)):
            return [*parts_of(left), *parts_of(right)]
        case Node(head="*", args=(_, inside)) | Node(head="neg", args=(inside,)):
            return parts_of(inside)
    return [node]
