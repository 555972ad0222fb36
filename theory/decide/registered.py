"""Claims of the registry, decided anew by means that know nothing of their evidence."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from bnverify.theory import cases, kernel
from bnverify.theory.certify import proofs
from bnverify.theory.claim import Claim
from bnverify.theory.decide.conjecture import Conjecture, negation
from bnverify.theory.decide.conjecture import cases as cases_of
from bnverify.theory.decide.decision import Decision, combined, unknown_decision
from bnverify.theory.decide.repair import Repair, repair
from bnverify.theory.decide.settle import Outcome, Proof, Settling, settle
from bnverify.theory.decide.solvers import Portfolio, TimeUp
from bnverify.theory.grammar import names_in, parse, unparse
from bnverify.theory.kernel import Refused, judge
from bnverify.theory.normalisations import NORMALISATIONS
from bnverify.theory.points import instances
from bnverify.theory.points.case import Case, Undefined, build
from bnverify.theory.points.maxima import certificate_at

from bnverify.base.errors import InputError

ROUNDS = 60
"""How often points are drawn where no float64 value can choose among them."""


def witnessed(case: Case, portfolio: Portfolio, seed: int = 0) -> Outcome:
    """A witness that the kernel accepts, or its proof that there is none."""
    work = Settling(case, portfolio, seed)
    low = case.claim.min_m
    points = instances.candidates(case, (low, low + 1, low + 2), 4000, seed, broken=False, goal=True)
    for point in points:
        try:
            verified = judge(case.claim, {"point": point})
        except Refused:
            continue
        work.tried.append("small instances")
        return work.outcome(
            "proved", proofs=(Proof(case.claim, {"point": point}, verified),), verified=verified
        )
    tree = parse(case.claim.statement)
    none = replace(case.claim, statement=unparse(negation(tree)), quantifier="all")
    for certificate in proofs.quick(build(none, case.operators), portfolio.left):
        denied: dict[str, Any] = {**certificate, "negation": True}
        try:
            verified = judge(case.claim, denied)
        except Refused:
            continue
        work.tried.append("a certificate that there is none")
        return work.outcome("refuted", proofs=(Proof(case.claim, denied, verified),), verified=verified)
    return work.outcome("open")


def at_points(claim: kernel.Claim, portfolio: Portfolio, seed: int, reason: str) -> Outcome:
    """A counterexample among small exact points, of a statement that the room of every m does not know."""
    try:
        case = build(replace(claim, statement="m >= 2"))
    except InputError:  # the hypotheses are such statements too
        case = build(replace(claim, statement="m >= 2", hypotheses=()))
    work = Settling(replace(case, claim=claim), portfolio, seed, tried=[reason])
    low, judged = claim.min_m, 0
    for turn in range(ROUNDS):
        size = low + turn % 3
        for point in instances.candidates(case, (size,), 1000, seed + turn, broken=False):
            if portfolio.left() < 0.2:
                return work.outcome("open")
            judged += 1
            try:
                verified = judge(claim, certificate_at(claim, point))
            except Refused:
                continue
            return work.outcome("refuted", instance=point, verified=verified, smallest=size == low)
    work.tried.append(f"{judged} exact points at m = {low} to {low + 2}")
    return work.outcome("open")


@dataclass(frozen=True)
class Part:
    """A reading of a claim, or its correction: what the kernel is asked, and what the registry says of it."""

    claim: str
    name: str
    asked: kernel.Claim
    verdict: str


def parts(claim: Claim) -> Iterator[Part]:
    """The readings and the correction of a claim that have evidence; without that evidence."""
    for case in cases.cases(claim):
        if case.part in {"", "smallest", "negation"}:
            verdict = "refuted" if case.part else "proved"
            yield Part(claim.id, case.reading, replace(case.asked, example=None), verdict)


def decided(part: Part, portfolio: Portfolio, seed: int = 0) -> Decision:
    """The decision of a part; open where time runs out."""
    asked = Conjecture(part.asked.statement, part.asked.hypotheses, part.asked.definition)
    begin = time.monotonic()
    try:
        return replace(
            combined(asked, [settled(part.asked, portfolio, seed)]), seconds=time.monotonic() - begin
        )
    except TimeUp:
        return replace(unknown_decision(asked, ("the time was over",)), seconds=time.monotonic() - begin)


def settled(claim: kernel.Claim, portfolio: Portfolio, seed: int) -> Outcome:
    """One claim of the kernel settled; at exact points alone where the room of every m does not know what it says."""
    for _ in range(4):
        try:
            case = build(claim)
        except InputError as reason:
            if not isinstance(reason, Undefined):
                return at_points(claim, portfolio, seed, str(reason))
            claim = replace(claim, needs=(*claim.needs, reason.need))  # a printed formula says so by dividing
            continue
        if claim.quantifier == "exists":
            return witnessed(case, portfolio, seed)
        return settle(case, portfolio, seed)
    return at_points(claim, portfolio, seed, "it divides by what may be 0")


def mended(part: Part, found: Decision, correction: Part | None, portfolio: Portfolio) -> Decision:
    """The decision of a refuted part with what is true instead, and whether that is the registry's correction."""
    try:
        made = repaired(part, portfolio)
    except TimeUp:
        made = None
    except InputError as reason:
        return replace(found, repair={"change": None, "reason": str(reason)})
    if made is None:
        return replace(found, repair={"change": None})
    known = correction is not None and same(made.statement, correction.asked)
    return replace(found, repair=made.to_json() | {"known": known})


def same(statement: str, claim: kernel.Claim) -> bool:
    """Whether two relations compare the same difference with 0 for every instance, or an equation says that they do."""
    one, other = parse(statement, logic=True), parse(claim.statement, logic=True)
    turned = {">=": "<=", ">": "<"}
    if other.head != "==" and turned.get(one.head, one.head) != turned.get(other.head, other.head):
        return False
    try:
        formal = build(replace(claim, hypotheses=(), example=None)).formal
        first, second = (formal.gap(text)[0] for text in (statement, claim.statement))
    except (InputError, Refused):
        return False
    return type(first) is type(second) and formal.is_zero(first - second)


def repaired(part: Part, portfolio: Portfolio, seed: int = 0) -> Repair | None:
    """What is true instead of a refuted part, in the family of `repair`.

    Raises:
        InputError: it asks what a conjecture cannot: that something exists, or about operators of its own.
    """
    claim = part.asked
    norm = next((n for n in NORMALISATIONS.values() if n.text == claim.definition), None)
    if claim.quantifier == "exists" or set(claim.operators) - set(norm.operators if norm else ()):
        raise InputError(
            "the family of changes is about statements for all instances, without further operators"
        )
    if norm is not None and any("g_own" in names_in(parse(x)) for x in (claim.statement, *claim.hypotheses)):
        raise InputError("the family of changes is about g, without g_own, the plain network's gradient at y")
    known = set(norm.needs if norm else ())
    given = (*claim.hypotheses, *(need for need in claim.needs if need not in known))
    given += ("eps > 0",) if claim.eps == "positive" else ("eps == 0",) if norm is None else ()
    vectors = tuple(set(claim.vectors) - set(norm.vectors if norm else ()))
    asked = Conjecture(
        claim.statement,
        given,
        norm.name if norm else claim.definition,
        vectors,
        claim.numbers,
        max(claim.min_m, 2),
    )
    for _ in range(4):
        try:
            cases_of(asked)
        except Undefined as reason:
            if reason.need not in asked.given:  # a printed formula says so by dividing
                asked = replace(asked, given=(*asked.given, reason.need))
                continue
        break
    return repair(asked, portfolio, seed)


def table(timeout: float = 20.0, progress: Callable[[str], None] = lambda text: None) -> str:
    """Every reading of the registry decided anew, as a page in Markdown."""
    from bnverify.theory.registry import registry

    rows, counts, seconds = [], Counter[str](), []
    judged = [claim for claim in registry().values() if not (claim.measured or claim.state)]
    for part in (part for claim in judged for part in parts(claim)):
        with Portfolio(timeout, alarm=True) as portfolio:
            found = decided(part, portfolio)
        same = found.word == part.verdict or (found.word, part.verdict) == ("decided", "proved")
        counts["open" if found.word == "open" else "same" if same else "otherwise"] += 1
        counts["by solvers alone"] += found.word == "decided"
        seconds.append(found.seconds)
        rows.append(f"| `{part.claim}` | {part.name} | {part.verdict} | {found.word} | {found.seconds:.1f} |")
        progress(f"{len(rows)}: {part.claim} {part.name}: {found.word}")
    seconds.sort()
    head = [
        "# The registry, decided anew",
        "Generated by `bnverify notes --decided`. Each reading with evidence is asked as the kernel is asked it, "
        "without that evidence; *decided* is the word of solvers alone.",
        f"{len(rows)} readings: {counts['same']} as registered ({counts['by solvers alone']} of them by solvers "
        f"alone), {counts['otherwise']} otherwise, {counts['open']} open. Seconds of the clock: median "
        f"{seconds[len(seconds) // 2]:.2f}, 95 % within {seconds[int(0.95 * len(seconds))]:.1f}.",
    ]
    lines = ["| claim | reading | registered | decided anew | s |", "|---|---|---|---|---|", *rows]
    return "\n\n".join([*head, "\n".join(lines)]) + "\n"
