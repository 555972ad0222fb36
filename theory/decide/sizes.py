"""What solvers are asked at a batch size, in an interval of sizes or at every real one; their models as instances."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from bnverify.theory.certify.unknowns import unknown
from bnverify.theory.decide.rebuild import lengths, point
from bnverify.theory.decide.reduce import Frame, Shape, demanded, violated
from bnverify.theory.decide.solvers import Answer, smt
from bnverify.theory.kernel import Number, Refused
from bnverify.theory.points import instances

if TYPE_CHECKING:
    from bnverify.theory.decide.settle import Settling


def between(work: Settling, shape: Shape, low: int, high: int | None, goal: bool = True) -> Answer:
    """The solvers' answer for every real m in an interval."""
    frame = shape.frame(None)
    frame.problem.scope.append((frame.m - Number.of(low), ">="))
    if high is not None:
        frame.problem.scope.append((Number.of(high) - frame.m, ">="))
    text = question(frame) if goal else smt(frame.problem, demanded(frame.problem))
    return work.portfolio.ask(text, [], min(5.0, work.portfolio.left() * 0.5))


def ask_given(work: Settling, shape: Shape, size: int | None, only: str | None = None) -> Answer:
    """Whether the hypotheses can hold at a batch size, or at a real one from the number of axes on."""
    problem = shape.frame(size).problem
    return work.portfolio.ask(smt(problem, [*problem.given, *problem.scope]), [], 5.0, only=only)


def rational(text: str) -> str:
    return text.split()[-1]


def question(frame: Frame) -> str:
    """Is there an instance that satisfies the hypotheses and not the goal?"""
    return smt(frame.problem, demanded(frame.problem), violated(frame.problem))


def said(answer: Answer) -> str:
    """An answer in words."""
    word = {"sat": "a model", "unsat": "no counterexample", "unknown": "no answer"}[answer.word]
    return f"{word} from {' and '.join(answer.by) or 'no solver'} in {answer.seconds:.1f} s"


def ask_size(
    work: Settling, shape: Shape, size: int, seconds: float = 6.0
) -> tuple[Answer, dict[str, Any] | None]:
    """The solvers' answer at one batch size, and the instance that the kernel convicted, if any."""
    answer = Answer("unknown")
    for variant in (0, 1):
        frame = shape.frame(size, lengths(size, min(shape.rank + 0, size), variant) if size > 1 else None)
        answer = work.portfolio.ask(question(frame), [], min(seconds, work.portfolio.left()))
        if answer.word != "sat":
            return answer, None
        found = convict(work, frame, answer, variant)
        if found is not None:
            return answer, found
        found = nearby(work, frame, answer, variant)
        if found is not None:
            return answer, found
    return answer, None


def convict(work: Settling, frame: Frame, answer: Answer, variant: int) -> dict[str, Any] | None:
    """The model as an exact instance, if the kernel convicts it."""
    try:
        data = point(work.case, frame, answer.model, variant)
    except Refused:
        return None
    return instances.convicted(work.case, [data]) if data is not None else None


def nearby(work: Settling, frame: Frame, answer: Answer, variant: int) -> dict[str, Any] | None:
    """A model with short rational values near the first one: the unknowns are fixed one after the other."""
    conditions, model = demanded(frame.problem), answer.model
    for name in [name for name, text in answer.model.items() if " " in text]:
        near = float(Fraction(rational(model.get(name, "0"))))
        for bottom in (1, 2, 4, 10, 100):
            value = Number.of(Fraction(round(near * bottom), bottom))
            attempt = [*conditions, (unknown(name) - value, "==")]
            text = smt(frame.problem, attempt, violated(frame.problem))
            again = work.portfolio.ask(text, [], min(1.0, work.portfolio.left()))
            if again.word == "sat":
                conditions, model = attempt, again.model
                break
        found = convict(work, frame, Answer("sat", model), variant)
        if found is not None:
            return found
    return None


def rebuilt(work: Settling, shape: Shape, size: int, goal: bool = True) -> dict[str, Any] | None:
    """An exact instance at a batch size that satisfies the hypotheses (and not the goal)."""
    for variant in (0, 1):
        frame = shape.frame(size, lengths(size, min(shape.rank, size), variant))
        text = question(frame) if goal else smt(frame.problem, demanded(frame.problem))
        answer = work.portfolio.ask(text, [], min(4.0, work.portfolio.left()))
        if answer.word != "sat":
            return None
        try:
            data = point(work.case, frame, answer.model, variant)
        except Refused:
            data = None
        if data is not None:
            return data
    return None
