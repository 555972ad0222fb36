"""The front of the wing: a conjecture in, a decision out."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace

from bnverify.theory.decide.conjecture import Conjecture, cases
from bnverify.theory.decide.decision import Decision, combined, unknown_decision
from bnverify.theory.decide.detail import detailed
from bnverify.theory.decide.settle import Outcome, settle
from bnverify.theory.decide.solvers import Portfolio, TimeUp
from bnverify.theory.grammar import Node, parse, unparse


def decide(
    statement: str,
    given: tuple[str, ...] | list[str] = (),
    norm: str = "batch-norm",
    *,
    vectors: tuple[str, ...] | list[str] = (),
    numbers: tuple[str, ...] | list[str] = (),
    min_m: int = 2,
    best: str | None = None,
    repair: bool = False,
    timeout: float = 30.0,
    seed: int = 0,
    detail: bool = True,
) -> Decision:
    """Decide a statement about a normalisation's gradient v and Hessian B, for every batch size m >= ``min_m``.

    Args:
        statement: a relation of numbers or vectors, ``psd(A)``, ``iff(a, b)`` or ``a or b``, in the
        grammar of the claims.
        given: hypotheses. norm: a name or the lines of a definition. vectors, numbers: free names of the statement.
        best: ``"max c"`` or ``"min c"`` asks for the best value of the free constant c. repair: of a refuted
            statement, look for what is true instead.
        timeout: seconds in all. detail: whether to ask which hypotheses are needed, and where equality is attained.

    Raises:
        InputError: the text is not in the grammar, or divides by what can be 0.
    """
    asked = Conjecture(statement, tuple(given), norm, tuple(vectors), tuple(numbers), min_m)
    with Portfolio(timeout, alarm=True) as portfolio:
        return answered(asked, portfolio, best, repair, seed, detail)


def answered(
    asked: Conjecture,
    portfolio: Portfolio,
    best: str | None = None,
    repair: bool = False,
    seed: int = 0,
    detail: bool = True,
) -> Decision:
    """The decision, with the best constant or the repair that was asked for."""
    from bnverify.theory.decide.best import best as sharpest
    from bnverify.theory.decide.repair import repair as mend

    begin = time.monotonic()
    if best is not None:
        try:
            kept, decision = sharpest(asked, best, portfolio, seed)
        except TimeUp:
            return unknown_decision(asked, ("the time was over",))
        found = decision or unknown_decision(asked, ("bisection by the solvers",))
        seconds = time.monotonic() - begin
        return replace(
            found, statement=asked.statement, given=asked.given, best=kept.to_json(), seconds=seconds
        )
    found = answer(asked, portfolio, seed, detail)
    if repair and found.answer == "refuted":
        mended = None
        with contextlib.suppress(TimeUp):
            mended = mend(asked, portfolio, seed)
        found = replace(
            found, repair=mended.to_json() if mended else {"change": None}, seconds=time.monotonic() - begin
        )
    return found


def answer(asked: Conjecture, portfolio: Portfolio, seed: int = 0, detail: bool = True) -> Decision:
    """Decide with solvers that are already there."""
    begin = time.monotonic()
    found: list[Outcome] = []
    made = unknown_decision(asked, ("the time was over",))
    tree = parse(asked.statement, logic=True)
    try:
        questions = cases(asked)
        if tree.head == "or" and (one := one_of(asked, tree, portfolio, seed)) is not None:
            return replace(one, seconds=time.monotonic() - begin)
        for case in questions:
            found.append(settle(case, portfolio, seed))
            if found[-1].answer == "refuted":
                break
        if tree.head in {"or", "iff"}:
            found = without_emptiness(asked, found, portfolio, seed)
        made = combined(asked, found)
        if detail:
            made = detailed(made, asked, portfolio, seed)
    except TimeUp:
        pass
    return replace(made, seconds=time.monotonic() - begin)


def one_of(asked: Conjecture, tree: Node, portfolio: Portfolio, seed: int) -> Decision | None:
    """The decision of ``a or b`` where one of them is proved alone, or that the smallest of their gaps is at most 0."""
    for text in (*map(unparse, tree.args), *least_gap(tree)):
        alone = answer(replace(asked, statement=text), portfolio, seed, detail=False)
        if alone.answer == "proved":
            return replace(alone, statement=asked.statement)
    return None


def least_gap(tree: Node) -> Iterator[str]:
    """``a <= b or c <= d`` as min(a - b, c - d) <= 0, where both are such."""
    sides = [
        part.args if part.head == "<=" else part.args[::-1] for part in tree.args if part.head in {"<=", ">="}
    ]
    if len(tree.args) == len(sides) == 2:
        gaps = ", ".join(unparse(Node("-", pair)) for pair in sides)
        yield f"min({gaps}) <= 0"


def without_emptiness(
    asked: Conjecture, found: list[Outcome], portfolio: Portfolio, seed: int
) -> list[Outcome]:
    """The outcomes of ``or`` and iff, where a case that nothing satisfies holds, unless the hypotheses are at fault."""
    if all(outcome.answer == "vacuous" for outcome in found) and asked.given:
        plain = [settle(case, portfolio, seed) for case in cases(replace(asked, statement="m >= 2"))]
        if all(outcome.answer == "vacuous" for outcome in plain):
            return found
    return [
        replace(outcome, answer="decided") if outcome.answer == "vacuous" else outcome for outcome in found
    ]
