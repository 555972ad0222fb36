"""Sharp constants: the best c for which a statement holds, exact where it can be, certified from both sides.

The solvers say for a given c whether there is a counterexample, at one batch size or for every real m; bisection
encloses the best c, a short exact number in the enclosure is guessed, and the guess is put in: the statement must be
proved at it and refuted beyond it by a part in a million.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from bnverify.theory.decide.conjecture import Case, Conjecture, cases
from bnverify.theory.decide.reduce import Irreducible, Shape, demanded, unknown, violated
from bnverify.theory.decide.solvers import Portfolio, smt
from bnverify.theory.grammar import Node, names_in, parse, put, unparse
from bnverify.theory.kernel import Number

from bnverify.base.errors import InputError

STEP = Fraction(1, 10**6)
"""How far beyond the best constant, relatively, the statement must fail."""
SIZES = range(2, 9)


@dataclass(frozen=True)
class Best:
    """The best constant.

    value: its text, a number or a formula in m; low, high: an enclosure where there is no exact one.
    proved: whether the
    kernel accepted the statement with it; beyond: the batch size at which it fails with a part in a million more.
    attained: whether equality is attained there; approached: "m" where it is approached as m grows.
    """

    name: str
    direction: str
    value: str | None = None
    low: float | None = None
    high: float | None = None
    proved: bool = False
    beyond: int | None = None
    attained: bool | None = None
    approached: str = ""

    def to_json(self) -> dict[str, Any]:
        """The fields."""
        return dict(vars(self))


def parse_best(text: str) -> tuple[str, str]:
    """The direction and the name of ``max c`` or ``min c``.

    Raises:
        InputError: it is neither.
    """
    words = text.split()
    if len(words) != 2 or words[0] not in {"max", "min"} or not words[1].isidentifier():
        raise InputError(f"--best {text!r}: expected 'max c' or 'min c' with the name of one free constant")
    return words[0], words[1]


def best(asked: Conjecture, text: str, portfolio: Portfolio, seed: int = 0) -> tuple[Best, Any]:
    """The best constant of a statement, and the decision of the statement with it (None where there is none).

    Raises:
        InputError: the statement does not have exactly this free constant.
    """
    from bnverify.theory.decide.decision import answer

    direction, name = parse_best(text)
    if name not in names_in(parse(asked.statement, logic=True)):
        raise InputError(f"--best {text}: the statement does not mention {name}")
    asked, name = named_apart(asked, name), f"best_{name}"
    (case, *others) = cases(asked)
    if others:
        raise InputError("--best takes a statement without 'or' and iff, and one kind of eps")
    try:
        shape = Shape(case)
    except Irreducible as reason:
        raise InputError(f"--best is outside the reach of the solvers here: {reason}") from None
    sign = 1 if direction == "max" else -1
    low = case.claim.min_m

    def fails(size: int | None) -> Callable[[Fraction], bool | None]:
        return lambda c: counterexample(case, shape, name, size, c, portfolio)

    at: dict[int, Fraction | float | None] = {}
    for size in range(low, max(shape.rank, low) + 4):
        if portfolio.left() < 1:
            break
        at[size] = enclosed(fails(size), sign)
    rest = enclosed(fails(None), sign) if portfolio.left() > 1 else None
    for formula in formulas(at, rest, sign):
        value = parse(formula)
        fixed = constant(asked, name, value)
        try:
            found = answer(fixed, portfolio, seed, detail=False)
        except InputError:
            continue
        if found.answer == "refuted" or found.word == "open":
            continue
        step = Fraction(1) + STEP * sign if _positive(formula) else Fraction(1) - STEP * sign
        more = Node("*", (value, parse(str(step)))) if formula != "0" else parse(str(STEP * sign))
        further = answer(constant(asked, name, more), portfolio, seed, detail=False)
        if further.answer != "refuted":
            continue
        attained = _attained(asked, name, value, portfolio)
        kept = Best(
            name.removeprefix("best_"),
            direction,
            formula,
            proved=found.answer == "proved",
            beyond=further.m,
            attained=attained,
            approached=""
            if attained or "m" in formula
            else ("m" if further.m and further.m > low + 6 else ""),
        )
        return kept, found
    numbers = [float(x) for x in (*at.values(), rest) if x is not None]
    if not numbers:
        return Best(name.removeprefix("best_"), direction), None
    end = min(numbers) if sign > 0 else max(numbers)
    return Best(
        name.removeprefix("best_"),
        direction,
        low=end - 1e-6 * (1 + abs(end)),
        high=end + 1e-6 * (1 + abs(end)),
    ), None


def named_apart(asked: Conjecture, name: str) -> Conjecture:
    """The conjecture with its constant called otherwise, since a definition may have a line of the same name."""
    free = constant(asked, name, Node("name", (f"best_{name}",)))
    return replace(free, numbers=(*(other for other in asked.numbers if other != name), f"best_{name}"))


def constant(asked: Conjecture, name: str, value: Node) -> Conjecture:
    """The conjecture with a value in the place of its constant."""
    tree = put(parse(asked.statement, logic=True), {name: value})
    given = tuple(unparse(put(parse(text, logic=True), {name: value})) for text in asked.given)
    numbers = tuple(other for other in asked.numbers if other != name)
    return replace(asked, statement=unparse(tree), given=given, numbers=numbers)


def counterexample(
    case: Case, shape: Shape, name: str, size: int | None, c: Fraction, portfolio: Portfolio
) -> bool | None:
    """Whether the solvers find a counterexample with this constant."""
    frame = shape.frame(size)
    fixed = (unknown(name) - Number.of(c), "==")
    text = smt(frame.problem, [*demanded(frame.problem), fixed], violated(frame.problem))
    answer = portfolio.ask(text, [], min(3.0, portfolio.left()))
    return {"sat": True, "unsat": False}.get(answer.word)


def enclosed(fails: Callable[[Fraction], bool | None], sign: int) -> Fraction | float | None:
    """The last constant without a counterexample, by bisection; None where none, or no end, is found."""
    good, bad = None, None
    for value in (
        Fraction(0),
        Fraction(1),
        Fraction(-1),
        Fraction(10),
        Fraction(-10),
        Fraction(1000),
        Fraction(-1000),
    ):
        word = fails(value)
        if word is None:
            return None
        if word is False and (good is None or sign * (value - good) > 0):
            good = value
        if word is True and (bad is None or sign * (bad - value) > 0):
            bad = value
        if good is not None and bad is not None and sign * (bad - good) > 0 and abs(bad - good) <= 11:
            break
    if good is None or bad is None:
        return None
    for _ in range(34):
        middle = (good + bad) / 2
        word = fails(middle)
        if word is None:
            break
        good, bad = (good, middle) if word else (middle, bad)
        short = ((good + bad) / 2).limit_denominator(60)
        if abs(bad - good) < Fraction(1, 10**5) and min(good, bad) <= short <= max(good, bad):
            beyond = short + sign * Fraction(1, 10**8)
            if fails(short) is False and fails(beyond) is True:
                return short
    return float((good + bad) / 2)


def short_form(value: Fraction | float) -> str | None:
    """A rational or a rational multiple of a root that the value is up to rounding."""
    if isinstance(value, Fraction):
        return str(value)
    for root in (1, 2, 3, 5, 6, 7):
        near = Fraction(value / math.sqrt(root)).limit_denominator(200)
        if abs(float(near) * math.sqrt(root) - value) < 2e-8 * (1 + abs(value)):
            return str(near) if root == 1 else f"{near}*sqrt({root})"
    return None


def formulas(
    at: dict[int, Fraction | float | None], rest: Fraction | float | None, sign: int
) -> Iterator[str]:
    """What the best constant may be: a number, or a quotient of linear functions of m."""
    known = {size: value for size, value in at.items() if value is not None}
    numbers = [*known.values(), *([rest] if rest is not None else [])]
    if len(known) >= 4 and len({round(float(value), 9) for value in known.values()}) > 1:
        yield from quotients({size: Fraction(value).limit_denominator(500) for size, value in known.items()})
    if numbers:
        end = min(numbers) if sign > 0 else max(numbers)
        form = short_form(end)
        if form is not None:
            yield form


def quotients(at: dict[int, Fraction]) -> Iterator[str]:
    """(a m + b)/(c m + d) with small whole numbers through all the values."""
    small = range(-4, 5)
    for c, d in ((0, 1), (1, 0), (1, -1), (1, 1), (1, -2), (2, 0), (2, -1), (2, 1), (1, 2), (3, 0), (4, 0)):
        for a in small:
            for b in small:
                if all(c * m + d and Fraction(a * m + b, c * m + d) == value for m, value in at.items()):
                    top, bottom = _linear(a, b), _linear(c, d)
                    top = f"({top})" if " " in top else top
                    bottom = f"({bottom})" if " " in bottom or "*" in bottom else bottom
                    yield f"{top}/{bottom}" if bottom != "1" else top
                    return


def _linear(a: int, b: int) -> str:
    first = {0: "", 1: "m", -1: "-m"}.get(a, f"{a}*m")
    if not first:
        return str(b)
    return first + (f" + {b}" if b > 0 else f" - {-b}" if b < 0 else "")


def _positive(formula: str) -> bool:
    return not formula.lstrip("(").startswith("-")


def _attained(asked: Conjecture, name: str, value: Node, portfolio: Portfolio) -> bool | None:
    """Whether both sides are equal somewhere with the best constant, and not 0."""
    from bnverify.theory.decide.decision import answer, tightness

    found = tightness(answer(constant(asked, name, value), portfolio, detail=False), 0)
    return True if found.tight_at is not None and found.tight_at["left"] != "0" else None
