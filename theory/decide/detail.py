"""Further questions about an answer: other eps, needed hypotheses, tightness, the range of m, terms that are 0."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from bnverify.theory.certify import proofs
from bnverify.theory.certify.unknowns import Irreducible
from bnverify.theory.decide.conjecture import Conjecture, cases
from bnverify.theory.decide.decision import Decision, item
from bnverify.theory.decide.reduce import Shape
from bnverify.theory.decide.settle import Settling, certified, proved, settle
from bnverify.theory.decide.sizes import between
from bnverify.theory.decide.solvers import Portfolio
from bnverify.theory.grammar import Node, parse, unparse
from bnverify.theory.kernel import Refused, judge, walk
from bnverify.theory.kernel import parse as kernel_parse
from bnverify.theory.points import instances
from bnverify.theory.points.case import Case, build, without


def detailed(made: Decision, asked: Conjecture, portfolio: Portfolio, seed: int) -> Decision:
    """Further questions: other eps, needed hypotheses, tightness, the range of m."""
    if made.answer == "proved" and len(made.outcomes) == 1:
        made = other_eps(made, portfolio)
        made = needed(made, portfolio, seed)
        made = tightness(made, seed)
        made = replace(made, zeros=tuple(zero_terms(made.outcomes[0].case)))
    elif made.answer == "refuted":
        made = generic(made, seed)
        made = ranged(made, portfolio)
    elif made.answer == "vacuous":
        made = core(made, asked, portfolio, seed)
    return made


def zero_terms(case: Case) -> Iterator[str]:
    """The terms of an equation's sums that are 0 for every instance."""
    for side in parse(case.claim.statement).args if case.goal[1] == "==" else ():
        parts = list(additive(side))
        for part in parts if len(parts) > 1 else ():
            try:
                value = walk(kernel_parse(unparse(part)), case.formal)
            except Refused:
                continue
            if case.formal.is_zero(value):
                yield unparse(part)


def additive(node: Node) -> Iterator[Node]:
    """The terms of a sum, and of the sums in a product."""
    if node.head in {"+", "-"}:
        yield from (term for part in node.args for term in additive(part))
    elif node.head == "*" and node.args[1].head in {"+", "-"}:
        yield from additive(node.args[1])
    else:
        yield node


def ranged(made: Decision, portfolio: Portfolio) -> Decision:
    """Whether the statement holds again for large batches, as the solvers see it."""
    case = made.outcomes[-1].case
    try:
        shape = Shape(case)
    except Irreducible:
        return made
    work = Settling(case, portfolio)
    if (
        made.m is None
        or case.signs
        or portfolio.left() < 1
        or between(work, shape, 1000, None).word != "unsat"
    ):
        return made
    # no counterexample from high on; up to low there is one, or a batch without as many directions as were asked about
    low, high = max(made.m, shape.rank - 1), 1000
    while high - low > 1 and portfolio.left() > 0.5:
        middle = (low + high) // 2
        low, high = (low, middle) if between(work, shape, middle, None).word == "unsat" else (middle, high)
    by = " and ".join(portfolio.names[:1])
    return replace(made, range=f"no counterexample for m >= {high} (by {by})")


def core(made: Decision, asked: Conjecture, portfolio: Portfolio, seed: int) -> Decision:
    """Of hypotheses that nothing satisfies, those that already contradict each other."""
    left = list(asked.given)
    for text in asked.given:
        if len(left) < 2 or portfolio.left() < 1:
            break
        fewer = [other for other in left if other != text]
        questions = cases(replace(asked, given=tuple(fewer)))
        if all(
            case.claim.hypotheses and settle(case, portfolio, seed).answer == "vacuous" for case in questions
        ):
            left = fewer
    low = [f"--min-m {asked.min_m}"] if asked.min_m > 2 and _can_hold(asked, left, portfolio, seed) else []
    return replace(made, needed=(*left, *low))


def _can_hold(asked: Conjecture, given: list[str], portfolio: Portfolio, seed: int) -> bool:
    """Whether hypotheses that contradict each other from a batch size on can hold at a smaller one."""
    questions = cases(replace(asked, given=tuple(given), min_m=2))
    return any(settle(case, portfolio, seed).answer != "vacuous" for case in questions)


def other_eps(made: Decision, portfolio: Portfolio) -> Decision:
    """Whether the same is proved at once for every eps > 0 as well."""
    case = made.outcomes[0].case
    if case.claim.eps != "zero" or "eps" not in case.claim.definition or made.given:
        return made
    try:
        wider = build(replace(case.claim, eps="positive", example=None), case.operators)
    except Exception:
        return made
    if case.goal[1] == "==" and not wider.formal.is_zero(wider.goal[0]):
        return made
    proof = proved(wider, proofs.quick, portfolio)
    if proof is None:
        return made
    everywhere = tuple("eps >= 0" if text == "eps = 0" else text for text in made.scope)
    return replace(
        made,
        scope=everywhere,
        certificate=(*made.certificate, item(proof)),
        verified=(*made.verified, proof.verified),
    )


def needed(made: Decision, portfolio: Portfolio, seed: int) -> Decision:
    """The hypotheses left after dropping, one by one, those without which the statement is still proved."""
    case = made.outcomes[0].case
    if not made.given:
        return replace(made, needed=())
    left = list(range(len(case.claim.hypotheses)))
    now: Case = case
    certificate = made.certificate
    for index in list(left):
        if portfolio.left() < 0.5:
            break
        place = left.index(index)
        try:
            fewer = without(now, place)
        except Exception:
            continue
        fewer = (
            fewer if fewer.claim.hypotheses else build(replace(fewer.claim, example=None), fewer.operators)
        )
        outcome = certified(Settling(fewer, portfolio, seed), proofs.quick)
        if outcome is not None:
            left.remove(index)
            now = fewer
            certificate = tuple(map(item, outcome.proofs))
    return replace(made, needed=tuple(case.claim.hypotheses[i] for i in left), certificate=certificate)


def tightness(made: Decision, seed: int) -> Decision:
    """An exact instance where both sides are equal and, if there is one, not 0."""
    case = made.outcomes[0].case
    if case.goal[1] != "<=":
        return made
    left, right = _sides(case.claim.statement)
    equal = replace(case.claim, statement=f"{left} == {right}", quantifier="exists")
    try:
        wanted = build(equal, case.operators)
    except Exception:
        return made
    low = case.claim.min_m
    sizes = (max(low, 3), max(low, 4), low)
    right_side = wanted.formal.normal(walk(kernel_parse(right), wanted.formal))
    points = chain(
        instances.candidates(wanted, sizes, 3000, seed + 2, broken=False, goal=True, apart=right_side),
        instances.candidates(wanted, sizes[:1], 3000, seed + 2, broken=False, goal=True),
    )
    zero = None
    for _, point in zip(range(8), points, strict=False):
        try:
            verified = judge(equal, {"point": point})
        except Refused:
            continue
        if verified.sides and verified.sides[0] != "0":
            return replace(
                made, tight=True, tight_at=point | {"left": verified.sides[0], "right": verified.sides[1]}
            )
        zero = zero or point | {"left": "0", "right": "0"}
    return replace(made, tight=True if zero else None, tight_at=zero)


def _sides(statement: str) -> tuple[str, str]:
    tree = parse(statement)
    return unparse(tree.args[0]), unparse(tree.args[1])


def generic(made: Decision, seed: int) -> Decision:
    """Beside the smallest counterexample, the smallest one in which every term is different from 0."""
    case = made.outcomes[-1].case
    if made.m is None:
        return made
    low = max(case.claim.min_m, 3)
    points = instances.candidates(case, (low, low + 1), 4000, seed + 3, terms=True)
    found = instances.convicted(case, points)
    return replace(made, generic=found)
