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

from bnverify.theory.certify.unknowns import Irreducible, unknown
from bnverify.theory.decide.ask import answer
from bnverify.theory.decide.conjecture import Conjecture, cases, placed
from bnverify.theory.decide.detail import tightness
from bnverify.theory.decide.reduce import Shape, demanded, violated
from bnverify.theory.decide.solvers import Portfolio, smt
from bnverify.theory.grammar import Node, names_in, parse, put, unparse
from bnverify.theory.kernel import Number
from bnverify.theory.normalisations import declared, names_of, normalisation
from bnverify.theory.points.case import Case
from bnverify.theory.points.replay import Floats
from bnverify.theory.room import walk

from bnverify.base.errors import InputError

STEP = Fraction(1, 10**6)
"""How far beyond the best constant, relatively, the statement must fail."""

TRIED = (0, 1, -1, 10, -10, 1000, -1000)
"""The constants that are tried before bisection."""


@dataclass(frozen=True)
class Best:
    """The best constant.

    value: its text, a number or a formula in m, where there is an exact one; else the constant lies between low and
    high, rational texts: with the good end the statement holds, with the other one it fails, and ``certified`` says
    whether the kernel accepted both. proved: whether it accepted the statement with the value; beyond: the batch size
    at which that fails with a part in a million more. attained: whether equality is attained there, at ``instance``;
    if not, ``sequence`` holds exact counterexamples to constants that approach it, each with its constant.
    none: a constant with which it fails still, where no constant serves; all_serve: it never fails.
    from_m: the batch size from which a formula in m holds; below: what the solvers see at smaller ones.
    """

    name: str
    direction: str
    value: str | None = None
    low: str | None = None
    high: str | None = None
    certified: bool | None = None
    proved: bool = False
    beyond: int | None = None
    attained: bool | None = None
    approached: str = ""
    instance: dict[str, Any] | None = None
    sequence: tuple[dict[str, Any], ...] = ()
    from_m: int = 2
    below: dict[str, str] | None = None
    none: str | None = None
    all_serve: bool = False

    def to_json(self) -> dict[str, Any]:
        """The fields."""
        return dict(vars(self)) | {"sequence": list(self.sequence)}


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
    direction, name = parse_best(text)
    used = names_in(parse(asked.statement, logic=True))
    if name not in used:
        raise InputError(f"--best {text}: the statement does not mention {name}")
    norm = placed(normalisation(asked.norm), asked)
    known = {*names_of(norm, declared(asked.vectors, asked.numbers)), "X", "T", name}
    if more := sorted(used - known):
        raise InputError(
            f"--best {text} is about one free constant, and {', '.join(more)} is free too; "
            "--number or --vector declare it"
        )
    asked, name = named_apart(asked, name), f"best_{name}"
    (case, *others) = cases(asked)
    if others:
        raise InputError("--best takes a statement without 'or' and iff, and one kind of eps")
    try:
        shape = Shape(case)
    except Irreducible as reason:
        raise InputError(f"--best is outside the reach of the solvers here: {reason}") from None
    sign = 1 if direction == "max" else -1
    low, none = case.claim.min_m, Best(name.removeprefix("best_"), direction)

    def fails(size: int | None) -> Callable[[Fraction], bool | None]:
        return lambda c: counterexample(case, shape, name, size, c, portfolio)

    at: dict[int, Fraction | float | None] = {}
    half = portfolio.left() / 2
    for size in range(low, max(shape.rank, low) + 4):
        if portfolio.left() < half:
            break
        at[size] = enclosed(fails(size), sign)
    rest = enclosed(fails(None), sign) if portfolio.left() > half else None
    whole = asked
    ends = [x for x in (*at.values(), rest) if x is not None]
    sizes = [x for x in at.values() if x is not None]
    varying = len(set(sizes)) > 2 and len(sizes) == len(at) and all(map(math.isfinite, sizes))
    if -sign * math.inf in ends and not varying:
        return none_serves(whole, name, none, portfolio, seed)
    finite = [x for x in ends if math.isfinite(x)]
    if finite and not is_affine(shape, name):  # a constant far beyond may serve again
        end = min(finite) if sign > 0 else max(finite)
        far = [Fraction(c) for c in TRIED if sign * (c - end) > 0]
        if any(all(fails(size)(c) is False for size in (*at, None)) for c in far):
            return none, None
    at = {size: x for size, x in at.items() if x is None or math.isfinite(x)}
    rest = None if rest is None or math.isinf(rest) else rest
    for formula, start in formulas(at, rest, sign):
        value = parse(formula)
        asked = replace(whole, min_m=max(start, whole.min_m))
        fixed = constant(asked, name, value)
        try:
            found = answer(fixed, portfolio, seed, detail=False)
        except InputError:
            continue
        if found.answer == "refuted" or found.word == "open":
            continue
        further = answer(beyond(asked, name, value, sign, STEP), portfolio, seed, detail=False)
        if further.answer != "refuted":
            continue
        instance = attaining(asked, name, value, portfolio)
        sequence: list[dict[str, Any]] = []
        if instance is None:
            sequence = approaching(asked, name, value, sign, portfolio, seed)
        sizes = [entry["m"] for entry in sequence] + [further.m or 0]
        grows = sizes == sorted(sizes) and sizes[-1] > sizes[0] + 3
        kept = replace(
            none,
            value=formula,
            proved=found.answer == "proved",
            beyond=further.m,
            attained=True if instance is not None else None if found.answer != "proved" else False,
            approached="m" if instance is None and "m" not in names_in(value) and grows else "",
            instance=instance,
            sequence=tuple(sequence),
            from_m=asked.min_m,
            below={str(m): str(at[m]) for m in range(low, asked.min_m) if at.get(m) is not None},
        )
        if not kept.proved and isinstance(limit := number_of(formula), float):
            around, _ = enclosure(asked, name, none, limit, portfolio, seed, True)
            if around.certified:
                kept = replace(kept, low=around.low, high=around.high, certified=True)
        return kept, found
    numbers = [float(x) for x in (*at.values(), rest) if x is not None]
    if not numbers:
        return replace(none, all_serve=bool(ends) and None not in at.values()), None
    end = min(numbers) if sign > 0 else max(numbers)
    unsure = None in at.values() or (None in (rest,) and math.inf not in map(abs, ends))
    return enclosure(whole, name, none, end, portfolio, seed, unsure)


def is_affine(shape: Shape, name: str) -> bool:
    """Whether the constants that serve are an interval: each instance demands a + b c >= 0, > 0 or == 0 of them."""
    problem = shape.frame(None).problem
    c = unknown(name).atoms().pop()
    powers = {dict(monomial).get(c, 0) for poly, _ in problem.goal for monomial in poly.parts}
    elsewhere = any(c in poly.atoms() for poly, _ in (*problem.given, *problem.scope))
    return powers <= {0, 1} and not elsewhere and all(relation != "!=" for _, relation in problem.goal)


def beyond(asked: Conjecture, name: str, value: Node, sign: int, part: Fraction) -> Conjecture:
    """The conjecture with the constant a relative part beyond a value, where it must fail; of 0 an absolute one."""
    text = unparse(value)
    if text == "0":
        return constant(asked, name, parse(str(part * sign)))
    step = Fraction(1) + part * sign if _positive(text) else Fraction(1) - part * sign
    return constant(asked, name, Node("*", (value, parse(str(step)))))


def approaching(
    asked: Conjecture, name: str, value: Node, sign: int, portfolio: Portfolio, seed: int
) -> list[dict[str, Any]]:
    """Exact counterexamples to constants a tenth, a hundredth, ... beyond the best one."""
    found = []
    for power in (1, 2, 3):
        if portfolio.left() < 1:
            break
        asked_beyond = beyond(asked, name, value, sign, Fraction(1, 10**power))
        decision = answer(asked_beyond, portfolio, seed, detail=False)
        if decision.answer == "refuted":
            found.append(
                {"statement": asked_beyond.statement, "m": decision.m} | (decision.counterexample or {})
            )
    return found


def none_serves(
    asked: Conjecture, name: str, none: Best, portfolio: Portfolio, seed: int
) -> tuple[Best, Any]:
    """There is no such constant: the statement fails even with a thousand."""
    most = "-1000" if none.direction == "max" else "1000"
    found = answer(constant(asked, name, parse(most)), portfolio, seed, detail=False)
    refuted = found if found.answer == "refuted" else None
    return replace(none, none=most, certified=refuted is not None), refuted


def enclosure(
    asked: Conjecture, name: str, none: Best, end: float, portfolio: Portfolio, seed: int, unsure: bool
) -> tuple[Best, Any]:
    """Rational ends near the best constant: the statement proved with one and refuted with the other."""
    sign = 1 if none.direction == "max" else -1
    holds, good, bad = None, None, None
    finest = max(int(10**8 / (1 + abs(end))), 100)
    for width in (1e-6, 1e-4, 1e-2):
        for side in (-1, 1):
            if portfolio.left() < 0.5 or (good if side < 0 else bad) is not None:
                continue
            value = Fraction(end + side * sign * width * (1 + abs(end))).limit_denominator(finest)
            found = answer(constant(asked, name, parse(str(value))), portfolio, seed, detail=False)
            if side < 0 and found.answer == "proved":
                holds, good = found, value
            if side > 0 and found.answer == "refuted":
                bad = value
    certified = good is not None and bad is not None
    if not certified and unsure:
        return none, None
    step = Fraction(1, 10**6) * (1 + abs(Fraction(end)))
    ends = [x if x is not None else Fraction(end) + s * sign * step for x, s in ((good, -1), (bad, 1))]
    low, high = (str(x.limit_denominator(finest)) for x in sorted(ends))
    return replace(none, low=low, high=high, certified=certified), holds


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
    """The last constant without a counterexample, by bisection; None where the solvers do not say, infinite where
    every constant up to a thousand has one, or none has."""
    good, bad = None, None
    for value in map(Fraction, TRIED):
        word = fails(value)
        if word is None:
            return None
        if word is False and (good is None or sign * (value - good) > 0):
            good = value
        if word is True and (bad is None or sign * (bad - value) > 0):
            bad = value
        if good is not None and bad is not None and sign * (bad - good) > 0 and abs(bad - good) <= 11:
            break
    if good is None or bad is None:  # no constant serves, or every one does
        return math.inf * (sign if bad is None else -sign)
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
            return str(near) if root == 1 else f"{near}*sqrt({root})".removeprefix("1*")
    for bottom in (1, 2, 3, 4):
        for root in (2, 3, 5, 6, 7, 10, 13, 17):
            for top in range(-6 * bottom, 6 * bottom + 1):
                first = Fraction(top, bottom)
                near = Fraction((value - float(first)) / math.sqrt(root)).limit_denominator(4)
                if near and abs(float(first) + float(near) * math.sqrt(root) - value) < 1e-9 * (
                    1 + abs(value)
                ):
                    return f"{first} + {near}*sqrt({root})".replace("+ -", "- ")
    return None


def number_of(text: str) -> float | None:
    """The float of a constant that is no formula in m."""
    if "m" in names_in(parse(text)):
        return None
    return float(walk(parse(text), Floats({})))


def formulas(
    at: dict[int, Fraction | float | None], rest: Fraction | float | None, sign: int
) -> Iterator[tuple[str, int]]:
    """What the best constant may be, and from which m on: a quotient of linear functions of m, or a number."""
    known = {size: value for size, value in at.items() if value is not None}
    numbers = [*known.values(), *([rest] if rest is not None else [])]
    exact = {size: Fraction(value).limit_denominator(500) for size, value in known.items()}
    for start in sorted(exact)[: max(len(exact) - 3, 0)]:  # the smallest batches have fewer directions
        later = {size: value for size, value in exact.items() if size >= start}
        if len(set(later.values())) > 1:
            yield from ((text, start) for text in quotients(later))
    if numbers:
        end = min(numbers) if sign > 0 else max(numbers)
        form = short_form(end)
        if form is not None:
            yield form, 2


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


def attaining(asked: Conjecture, name: str, value: Node, portfolio: Portfolio) -> dict[str, Any] | None:
    """An instance at which both sides are equal with the best constant, and not 0."""
    found = tightness(answer(constant(asked, name, value), portfolio, detail=False), 0)
    return found.tight_at if found.tight_at is not None and found.tight_at["left"] != "0" else None
