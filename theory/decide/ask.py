"""The front of the wing: a conjecture in, a decision out."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace

from bnverify.theory.decide.best import best as sharpest
from bnverify.theory.decide.conjecture import Conjecture
from bnverify.theory.decide.decision import Decision, answer, unknown_decision
from bnverify.theory.decide.repair import repair as mend
from bnverify.theory.decide.solvers import Portfolio, TimeUp


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
