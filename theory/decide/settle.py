"""One case settled: an identity, a small counterexample, a certificate, or what the solvers say of every batch size."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from bnverify.theory.certify import proofs
from bnverify.theory.certify.unknowns import Irreducible
from bnverify.theory.decide import whole
from bnverify.theory.decide.conjecture import FURTHEST
from bnverify.theory.decide.pieces import pieces
from bnverify.theory.decide.reduce import Shape
from bnverify.theory.decide.sizes import ask_given, ask_size, between, question, rational, rebuilt, said
from bnverify.theory.decide.solvers import Answer, Portfolio, TimeUp
from bnverify.theory.grammar import nodes, parse
from bnverify.theory.kernel import Claim, Refused, Verified, judge
from bnverify.theory.points import instances, search
from bnverify.theory.points.batch import size_of
from bnverify.theory.points.case import Case
from bnverify.theory.points.maxima import certificate_at

SINGLY, LARGEST = 10, 40
"""How many batch sizes are asked one by one, and the end of the first interval that is asked after them; the next ends
at FURTHEST."""

SPLITS = 60
"""The most intervals of batch sizes that are asked about."""


DRAWS = 4000


@dataclass(frozen=True)
class Proof:
    """A claim, its certificate, and what the kernel says of it."""

    claim: Claim
    certificate: dict[str, Any]
    verified: Verified


@dataclass(frozen=True)
class Outcome:
    """What is known of one case.

    answer: ``proved`` (the kernel accepted ``proofs``), ``decided`` (solvers alone), ``refuted`` (the
    kernel convicted
    ``instance``), ``vacuous`` or ``open``. smallest: whether no smaller m has a counterexample. fails:
    batch sizes at which
    the statement is known to fail; holds: sizes at which solvers find no counterexample (``"m >= 5"`` or ``"m = 2"``).
    """

    case: Case
    answer: str
    proofs: tuple[Proof, ...] = ()
    verified: Verified | None = None
    instance: dict[str, Any] | None = None
    by: tuple[str, ...] = ()
    smallest: bool = False
    holds: tuple[str, ...] = ()
    fails: tuple[str, ...] = ()
    tried: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass
class Settling:
    """The state of one attempt: what was tried, with which solvers."""

    case: Case
    portfolio: Portfolio
    seed: int = 0
    tried: list[str] = field(default_factory=list)
    begin: float = field(default_factory=time.monotonic)
    example: dict[str, Any] | None = None

    def outcome(self, answer: str, **more: Any) -> Outcome:
        seconds = time.monotonic() - self.begin
        return Outcome(self.case, answer, tried=tuple(self.tried), seconds=seconds, **more)


def settle(case: Case, portfolio: Portfolio, seed: int = 0) -> Outcome:
    """Settle one case within the portfolio's time."""
    work = Settling(case, portfolio, seed)
    sizes = tuple(range(case.claim.min_m, max(case.claim.min_m, 4) + 1))
    zero = case.formal.is_zero(case.goal[0])
    if not (zero and case.goal[1] in {"==", "<="}):
        work.tried.append(f"{DRAWS} small instances each at m = {', '.join(map(str, sizes))}")
        found = instances.convicted(case, instances.candidates(case, sizes, DRAWS, seed))
        if found is not None:
            return refuted(work, found)
    rooted = any(node.head in {"norm", "sqrt", "abs"} for node in nodes(parse(case.claim.statement)))
    typed = not case.claim.needs and len(case.scope) > 2
    if (case.claim.hypotheses or rooted or typed) and (early := find_example(work)) is not None:
        return early
    if (proof := certified(work, proofs.quick)) is not None:
        return proof
    if (size := None if case.claim.hypotheses else whole.failure(*case.goal, case.claim.min_m)) is not None:
        work.tried.append(f"m alone: it fails first at m = {size}")
        if size > FURTHEST:
            work.tried[-1] += ", and an instance of so many samples is not built"
            return work.outcome("open")
        if instances.convicted(case, [whole.instance(case.claim, size)]) is not None:
            return refuted(work, whole.instance(case.claim, size), smallest=True)
    reserve = min(3.0, portfolio.left() / 4)
    portfolio.deadline -= reserve
    found_out = by_solvers(work)
    portfolio.deadline += reserve
    return found_out if found_out.answer != "open" else by_ascent(work)


def by_ascent(work: Settling) -> Outcome:
    """What the solvers cannot say, searched in float64 and convicted exactly."""
    effort = search.ascend(work.case, work.portfolio.left, work.seed)
    work.tried.append(str(effort))
    if effort.point is not None:
        return refuted(work, effort.point)
    return work.outcome("open")


def certified(work: Settling, finder: Any) -> Outcome | None:
    """What the kernel says of the certificates that a finder proposes: of the claim, or of claims that make it up."""
    proof = proved(work.case, finder, work.portfolio)
    if proof is not None:
        return accepted(work, (proof,))
    for parts in pieces(work.case, finder is proofs.thorough):
        found = []
        for part in parts:
            proof = proved(part, proofs.quick, work.portfolio)
            if proof is None:
                break
            found.append(proof)
        else:
            return accepted(work, tuple(found))
    return None


def accepted(work: Settling, proofs: tuple[Proof, ...]) -> Outcome:
    work.tried.append(
        "a certificate by " + ", ".join(dict.fromkeys(proof.verified.method for proof in proofs))
    )
    return work.outcome("proved", proofs=proofs, verified=proofs[0].verified)


def proved(case: Case, finder: Any, portfolio: Portfolio) -> Proof | None:
    """The first certificate that the kernel accepts."""
    for certificate in finder(case, portfolio.left):
        try:
            return Proof(case.claim, certificate, judge(case.claim, certificate))
        except Refused:
            continue
    return None


def find_example(work: Settling) -> Outcome | None:
    """Give the claim an instance that satisfies its hypotheses; an outcome if there is none."""
    case = work.case
    low = case.claim.min_m
    for sizes, count in (((max(low, 3), max(low, 4), low), DRAWS), ((low + 3,), 2 * DRAWS)):
        drawn = instances.candidates(case, sizes, count, work.seed + 1, broken=False)
        work.example = instances.satisfied(case, drawn)
        if work.example is not None:
            break
    if work.example is None:
        try:
            shape = Shape(case)
        except Irreducible:
            return None
        words, by = [], set()
        for size, answer in satisfiable(work, shape):
            words.append(answer.word)
            by |= set(answer.by)
            if answer.word == "sat" and size is not None:
                found = rebuilt(work, shape, size, goal=False)
                if found is not None and instances.satisfied(case, [found]):
                    work.example = found
                    break
        if work.example is None and words and all(word == "unsat" for word in words):
            for name in set(work.portfolio.names) - by:  # the other solver is asked as well
                again = [answer.word for _, answer in satisfiable(work, shape, name)]
                if "sat" in again:
                    work.tried.append(f"the hypotheses alone: {' and '.join(by)} against {name}")
                    return work.outcome("open")
                by |= {name} if set(again) == {"unsat"} else set()
            work.tried.append("the hypotheses alone, by cases of rank")
            return work.outcome("vacuous", by=tuple(sorted(by, reverse=True)))
    if work.example is not None:
        work.case = instances.with_example(case, work.example)
    return None


def satisfiable(work: Settling, shape: Shape, only: str | None = None) -> Iterator[tuple[int | None, Answer]]:
    """Whether the hypotheses can hold, by cases of rank; where they can at real m alone, at which whole ones."""
    start = max(shape.rank, work.case.claim.min_m)
    for size in range(work.case.claim.min_m, shape.rank):
        yield size, ask_given(work, shape, size, only)
    answer = ask_given(work, shape, None, only)
    if answer.word != "sat":
        yield None, answer
        return
    sizes = [(size, ask_given(work, shape, size, only)) for size in range(start, start + 3)]
    yield from sizes
    by = set(answer.by)
    if all(answer.word == "unsat" for _, answer in sizes):
        _, none = first_failure(work, shape, start + 3, by, goal=False)
        yield None, Answer("unsat" if none else "unknown", by=tuple(by))


def by_solvers(work: Settling) -> Outcome:
    """By cases of rank: every m below the number of axes, then every real m from there on; then m by m."""
    case = work.case
    try:
        shape = Shape(case)
    except Irreducible as reason:
        work.tried.append(str(reason))
        return work.outcome("open")
    low = case.claim.min_m
    clean: list[int] = []
    by: set[str] = set()
    for size in range(low, shape.rank):
        answer, found = ask_size(work, shape, size)
        if found is not None:
            return refuted(work, found, smallest=len(clean) == size - low, clean=clean)
        if answer.word != "unsat":
            work.tried.append(f"m = {size}: {said(answer)}")
            continue
        clean.append(size)
        by |= set(answer.by)
    whole = len(clean) == max(shape.rank - low, 0)
    start = max(shape.rank, low)
    frame = shape.frame(None)
    answer = work.portfolio.ask(question(frame), [], work.portfolio.left() * 0.6)
    if answer.word == "unsat":
        if not whole:
            return work.outcome("open")
        return confirmed(work, shape, by | set(answer.by))
    work.tried.append(f"every real m >= {start}: {said(answer)}")
    unsure = False
    for size in range(start, start + SINGLY):
        if work.portfolio.left() < 0.2:
            return work.outcome("open")
        answer, found = ask_size(work, shape, size)
        if found is not None:
            smallest = whole and not unsure
            return refuted(work, found, smallest=smallest, clean=clean)
        unsure |= answer.word != "unsat"
        clean += [size] if answer.word == "unsat" else []
        by |= set(answer.by)
    found, sure = first_failure(work, shape, start + SINGLY, by)
    if found is not None:
        return refuted(work, found, smallest=whole and sure and not unsure, clean=clean)
    if whole and sure and not unsure:
        return confirmed(work, shape, by, whole_numbers=True)
    return work.outcome("open")


def first_failure(
    work: Settling, shape: Shape, start: int, by: set[str], goal: bool = True
) -> tuple[dict[str, Any] | None, bool]:
    """The counterexample of the smallest m >= ``start``, and whether no smaller m can have one.

    The solvers are asked about real m in intervals; one with a model at m is split there, at whole numbers, which are
    asked one by one. Without ``goal`` the hypotheses alone are asked about, and nothing is rebuilt.
    """
    best, sure = None, True
    queue: list[tuple[int, int | None]] = [(FURTHEST + 1, None), (LARGEST + 1, FURTHEST), (start, LARGEST)]
    for _ in range(SPLITS):
        if not queue:
            return best, sure
        low, high = queue.pop()
        if high is not None and low > high:
            continue
        answer = between(work, shape, low, high, goal)
        by |= set(answer.by) if answer.word == "unsat" else set()
        if answer.word == "unsat":
            continue
        if answer.word != "sat" or "m" not in answer.model or low > FURTHEST:
            sure = False
            continue
        middle = max(low, int(float(Fraction(rational(answer.model["m"])))))
        queue.append((middle + 2, high))
        for size in (middle, middle + 1):
            if goal:
                answer, found = ask_size(work, shape, size)
            else:
                answer, found = ask_given(work, shape, size), None
            if found is not None:
                best, queue = found, []  # all of them are about larger m
                break
            sure &= answer.word == "unsat"
        queue.append((low, middle - 1))
    return best, False


def confirmed(work: Settling, shape: Shape, by: set[str], whole_numbers: bool = False) -> Outcome:
    """Unsatisfiable in every case: a certificate if one is found, else what the second solver says."""
    with contextlib.suppress(TimeUp):  # what the solvers said stays said
        if (proof := certified(work, proofs.thorough)) is not None:
            return proof
    if len(work.portfolio.names) > 1 and not whole_numbers:
        by = set(work.portfolio.names) if seconded(work, shape) else by
    return work.outcome("decided", by=tuple(sorted(by, reverse=True)))


def seconded(work: Settling, shape: Shape) -> bool:
    """Whether each solver on its own finds no counterexample in any case of rank."""
    low = work.case.claim.min_m
    for name in work.portfolio.names:
        for size in [*range(low, shape.rank), None]:
            frame = shape.frame(size)
            answer = work.portfolio.ask(question(frame), [], min(5.0, work.portfolio.left()), only=name)
            if answer.word != "unsat":
                return False
    return True


def lower(work: Settling, shape: Shape, found: dict[str, Any], holds: list[int]) -> dict[str, Any]:
    """A counterexample of a smaller batch size, if the solvers see one; sizes without go into ``holds``."""
    for smaller in range(work.case.claim.min_m, size_of(found)):
        if smaller in holds or work.portfolio.left() < 0.3:
            continue
        answer, better = ask_size(work, shape, smaller, 2.0)
        if better is not None:
            return better
        if answer.word == "unsat":
            holds.append(smaller)
    return found


def refuted(
    work: Settling, found: dict[str, Any], smallest: bool = False, clean: list[int] | None = None
) -> Outcome:
    """A counterexample, made as small as is quickly possible."""
    case = work.case
    low = case.claim.min_m
    holds = list(clean or [])
    if not smallest and not case.signs:
        try:
            shape = Shape(case)
        except Irreducible:
            shape = None
        with contextlib.suppress(TimeUp):  # what is found stays found
            found = lower(work, shape, found, holds) if shape is not None else found
        smallest = set(range(low, size_of(found))) <= set(holds)
    smallest = smallest or size_of(found) == low
    verified = judge(case.claim, certificate_at(case.claim, found))
    return work.outcome(
        "refuted",
        verified=verified,
        instance=found,
        smallest=smallest,
        holds=tuple(f"m = {m}" for m in sorted(set(holds))),
    )
