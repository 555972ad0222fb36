"""Certificates that the kernel accepts: right - left as a sum of terms that cannot be negative.

Terms are drawn from what has a sign: squares, hypotheses, psd forms, lengths, and their products with monomials that
are not negative. Non-negative least squares picks few of them in float64, and their coefficients are then solved for
exactly. What is proposed is text; the kernel alone says whether it proves anything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, combinations_with_replacement
from typing import Any

import numpy as np
from bnverify.theory.decide.algebra import Algebra, names_of
from bnverify.theory.decide.conjecture import Case
from bnverify.theory.decide.reduce import Irreducible, unknown
from bnverify.theory.kernel import Number, Refused, Vector

ONE = Number.of(1)
MOST = 2000
"""The most terms that are weighed at once."""
QUICK, THOROUGH = 0.6, 6.0
"""Seconds for a first and for a second attempt."""
Certificate = dict[str, Any]


@dataclass(frozen=True)
class Term:
    """A candidate: its polynomial, its text, whether its coefficient may have either sign, and whether it is positive.

    full: the polynomial before equations were put in, where that is another one.
    """

    poly: Number
    text: str
    free: bool = False
    positive: bool = False
    full: Number | None = None

    @property
    def whole(self) -> Number:
        return self.poly if self.full is None else self.full


def quick(case: Case, left: Callable[[], float]) -> Iterator[Certificate]:
    """An identity, or terms that are hypotheses and squares times monomials."""
    gap, relation = case.goal
    if case.formal.is_zero(gap) and relation in {"==", "<="}:
        yield {"terms": []}
        return
    yield from by_terms(case, within(QUICK, left), rounds=1)


def thorough(case: Case, left: Callable[[], float]) -> Iterator[Certificate]:
    """The same with more terms."""
    yield from by_terms(case, within(THOROUGH, left), rounds=2)


def within(seconds: float, left: Callable[[], float]) -> Callable[[], float]:
    """The seconds left of a budget, and of what is left in all."""
    end = time.monotonic() + seconds
    return lambda: min(end - time.monotonic(), left())


def by_terms(case: Case, left: Callable[[], float], rounds: int) -> Iterator[Certificate]:
    """Sums of terms for the gap, for the gap times a positive multiplier, and for the squares of both sides.

    In the vectors as they stand first, then in orthogonal axes.
    """
    gap, relation = case.goal
    for orthogonal in (False, True):
        try:
            algebra = Algebra(case, orthogonal)
            if isinstance(gap, Vector):
                if relation == "==":
                    yield from for_vectors(algebra)
                continue
            target = algebra.value(gap)
            squared = squares_of_sides(algebra) if relation == "<=" else None
            goals: list[tuple[Number, Certificate]] = [(target, {})]
            if squared is not None:
                goals.append((squared, {"squared": True}))
            if rounds > 1:
                for poly, text in multipliers(algebra):
                    goals.append((algebra.clean(target * poly), {"multiplier": text}))
            for goal, extra in goals:
                if left() < 0.1:
                    return
                terms = sum_of_terms(algebra, goal, relation, rounds, left)
                if terms is not None:
                    yield {"terms": terms, **extra}
        except Irreducible:
            continue


def multipliers(algebra: Algebra) -> list[tuple[Number, str]]:
    """Positive numbers that are no monomials, from strict hypotheses."""
    found = []
    for (gap, relation), label in zip(algebra.case.given, algebra.case.labels, strict=True):
        if relation == "<" and isinstance(gap, Number):
            found.append((algebra.value(gap), label))
    return found[:4]


def squares_of_sides(algebra: Algebra) -> Number | None:
    """Right squared minus left squared."""
    from bnverify.theory.kernel import comparison, walk

    formal = algebra.formal
    try:
        left, _, right = comparison(algebra.case.claim.statement)
        one, other = walk(left, formal), walk(right, formal)
        if not isinstance(one, Number) or formal.sign(right) == "unknown":
            return None
        return algebra.value(formal.normal(other * other - one * one))
    except Refused:
        return None


# ---------------------------------------------------------------- candidates


def has_sign(algebra: Algebra, monomial: Any) -> bool:
    """Whether a monomial is defined and cannot be negative."""
    for atom, power in monomial:
        name = atom[1]
        if power < 0 and name not in algebra.nonzero:
            return False
        if power % 2 and name not in algebra.nonnegative and name not in algebra.positive:
            return False
    return True


def defined(algebra: Algebra, monomial: Any) -> bool:
    """Whether a monomial divides by nothing that can be 0."""
    return all(power > 0 or atom[1] in algebra.nonzero for atom, power in monomial)


def quotient(top: Any, bottom: Any) -> Any:
    """The quotient of two monomials."""
    return Number.times(top, tuple((atom, -power) for atom, power in bottom))[0]


def generators(algebra: Algebra) -> list[Term]:
    """What has a sign and is no monomial: hypotheses, natural forms, and products of two of them."""
    single: list[Term] = [Term(ONE, "", positive=True)]
    equal: list[Term] = []
    case = algebra.case
    for (gap, relation), label in zip(case.given, case.labels, strict=True):
        if isinstance(gap, Vector):
            if relation == "==":
                equal += along_axes(algebra, gap, label)
            continue
        poly = algebra.value(gap)
        if relation == "==":
            equal.append(Term(poly, label, free=True))
        elif relation != "!=":
            single.append(Term(poly, label, positive=relation == "<"))
    forms = natural_forms(algebra)
    hypotheses = single[1:]
    double = [
        Term(algebra.clean(a.poly * b.poly), f"{a.text}*{b.text}", positive=a.positive and b.positive)
        for a, b in combinations_with_replacement(hypotheses, 2)
    ]
    mixed = [
        Term(algebra.clean(a.poly * b.poly), f"{a.text}*{b.text}") for a in hypotheses[:3] for b in forms[:12]
    ]
    return [*single, *equal, *forms, *double, *mixed]


def along_axes(algebra: Algebra, gap: Vector, label: str) -> list[Term]:
    """Inner products of a vector that is 0 with the axes, and with their images."""
    rows = algebra.row(gap)
    found = []
    letters = [(), *((name,) for name in ("H",) if "H" in algebra.case.operators)]
    for i, axis in enumerate(algebra.axes):
        for word in letters:
            total = Number({})
            for inner, row in rows:
                total = total + algebra.form({i: ONE}, (*word, *inner), row)
            text = " @ ".join((axis.text, *word, label))
            found.append(Term(algebra.clean(total), f"({text})", free=True))
    for inner, row in rows:
        del inner, row
    for name in ("g", "v"):
        value = algebra.formal.look(name)
        if not algebra.rows.keys() >= {base for _, base in value.parts}:
            continue
        total = Number({})
        for outer, left in algebra.row(value):
            for inner, right in rows:
                total = total + algebra.form(left, (*outer[::-1], *inner), right)
        found.append(Term(algebra.clean(total), f"({name} @ {label})", free=True))
    return [term for term in found if term.poly]


def natural_forms(algebra: Algebra) -> list[Term]:
    """x @ x and, under psd, x @ A @ x, for the named vectors x and their sums and differences."""
    named: list[tuple[str, Vector]] = []
    formal = algebra.formal
    for name in ("g", "v", "yhat", *algebra.case.claim.vectors):
        value = formal.look(name) if name in {"g", "v"} else formal.names.get(name)
        if isinstance(value, Vector) and all(not word and base in algebra.rows for word, base in value.parts):
            named.append((name, value))
    words = [()] + [(name,) for name, kind in algebra.case.operators.items() if kind == "psd"]
    wanted = {tuple(word) for word, _, _ in algebra.forms.values()}
    found = []
    for word in words:
        if word and word not in wanted:
            continue
        vectors = list(named)
        for (one, a), (other, b) in combinations(named, 2):
            vectors += [(f"({one} - {other})", a - b), (f"({one} + {other})", a + b)]
        for text, value in vectors:
            total = Number({})
            for outer, left in algebra.row(value):
                for inner, right in algebra.row(value):
                    total = total + algebra.form(left, (*outer[::-1], *word, *inner), right)
            poly = algebra.clean(total)
            if len(poly.parts) > 1:
                found.append(Term(poly, f"({' @ '.join((text, *word, text))})"))
    return found


class Equations:
    """Hypotheses that name the value of an unknown, x == expression, put in everywhere and paid back at the end."""

    def __init__(self, algebra: Algebra, target: Number) -> None:
        self.algebra = algebra
        self.solved: list[tuple[Any, Number, Fraction, str]] = []
        case = algebra.case
        numbers = [
            (algebra.value(gap), relation, label)
            for (gap, relation), label in zip(case.given, case.labels, strict=True)
            if isinstance(gap, Number)
        ]
        for poly, relation, label in numbers:
            if relation != "==":
                continue
            poly = self.reduced(poly)
            others = [target, *(other for other, _, name in numbers if name != label)]
            for monomial, c in sorted(poly.parts.items(), key=str, reverse=True):
                if len(monomial) != 1 or monomial[0][1] != 1:
                    continue
                atom = monomial[0][0]
                rest = Number({key: x for key, x in poly.parts.items() if key != monomial})
                wholes = all(dict(key).get(atom, 0) >= 0 for other in others for key in other.parts)
                if atom in rest.atoms() or not wholes or atom[1] == "m":
                    continue
                self.solved.append((atom, rest * Number.of(-1 / c), c, label))
                break

    def reduced(self, poly: Number) -> Number:
        """The polynomial with the values put in."""
        for atom, value, _, _ in self.solved:
            total = Number({})
            for monomial, c in poly.parts.items():
                power = dict(monomial).get(atom, 0)
                if power <= 0:
                    total = total + Number({monomial: c})
                    continue
                term = Number({monomial: c}) * Number.atom(atom, -power)
                for _ in range(power):
                    term = term * value
                total = total + term
            poly = self.algebra.clean(total)
        return poly

    def repaid(self, rest: Number) -> list[str] | None:
        """Multiples of the hypotheses that add up to the rest."""
        texts = []
        for atom, value, lead, label in self.solved:
            share = Number({})
            while (top := max((dict(k).get(atom, 0) for k in rest.parts), default=0)) > 0:
                head = Number({k: c for k, c in rest.parts.items() if dict(k).get(atom, 0) == top})
                step = head * Number.atom(atom, -1)
                share = share + step
                rest = self.algebra.clean(rest - step * (Number.atom(atom) - value))
            share = self.algebra.clean(share * Number.of(1 / lead))
            if share:
                texts.append(f"({self.algebra.text(share)})*{label}")
        return None if rest else texts

    def names(self) -> set[str]:
        """The hypotheses that are put in."""
        return {label for _, _, _, label in self.solved}


def sum_of_terms(
    algebra: Algebra, target: Number, relation: str, rounds: int, left: Callable[[], float]
) -> list[str] | None:
    """The texts of terms that add up to the target, or None."""
    equations = Equations(algebra, target)
    short = equations.reduced(target)
    if not short and relation != "<":
        return equations.repaid(target)
    base = [term for term in generators(algebra) if term.text not in equations.names()]
    if relation == "==":
        base = [term for term in base if term.free]
    monomials = dict.fromkeys(short.parts)
    terms: dict[tuple[Any, ...], Term] = {}
    for turn in range(rounds):
        before = list(monomials)
        for generator in base:
            spread(algebra, equations, generator, before, terms)
            if left() < 0.1:
                return None
            if len(terms) > MOST:
                break
        if relation != "==":
            for term in binomials(algebra, before):
                terms.setdefault(key_of(term), term)
                if len(terms) > MOST:
                    break
        chosen = list(terms.values())[:MOST]
        found = solved(short, chosen, relation, left)
        if found is not None:
            rest = target
            for c, term in found:
                rest = rest - term.whole * Number.of(c)
            repaid = equations.repaid(algebra.clean(rest))
            return None if repaid is None else [times(c, term.text) for c, term in found] + repaid
        if turn + 1 < rounds:
            for term in chosen:
                monomials |= dict.fromkeys(term.poly.parts)
            if len(monomials) > MOST:
                return None
    return None


def key_of(term: Term) -> tuple[Any, ...]:
    lead = min(term.poly.parts)
    return (term.free, tuple((k, c / abs(term.poly.parts[lead])) for k, c in sorted(term.poly.parts.items())))


def spread(
    algebra: Algebra,
    equations: Equations,
    generator: Term,
    monomials: list[Any],
    terms: dict[tuple[Any, ...], Term],
) -> None:
    """The generator times the monomials that bring one of its own to one of the target's."""
    allowed = defined if generator.free else has_sign
    short = equations.reduced(generator.poly)
    for wanted in monomials:
        for own in short.parts:
            factor = quotient(wanted, own)
            if not allowed(algebra, factor):
                continue
            poly = algebra.clean(short * Number({factor: Fraction(1)}))
            if not poly:
                continue
            full = algebra.clean(generator.poly * Number({factor: Fraction(1)})) if equations.solved else None
            text = algebra.monomial(factor) if factor else "1"
            if generator.text:
                text = generator.text if text == "1" else f"{text}*{generator.text}"
            positive = generator.positive and all(
                atom[1] in algebra.positive or (atom[1] in algebra.nonzero and p % 2 == 0)
                for atom, p in factor
            )
            term = Term(poly, text, generator.free, positive, full)
            terms.setdefault(key_of(term), term)


def binomials(algebra: Algebra, monomials: list[Any]) -> Iterator[Term]:
    """Squares of differences that bring forth a monomial without a sign, also inside lengths and psd forms."""
    squares = [m for m in monomials if has_sign(algebra, m)]
    others = [m for m in monomials if not has_sign(algebra, m)]
    for wanted in others:
        mixed = [
            (atom, power)
            for atom, power in wanted
            if power == 1 and (_pair := crossing(algebra, atom[1])) is not None
        ]
        for atom, _ in mixed:
            word, i, j = crossing(algebra, atom[1])  # type: ignore[misc]
            rest = tuple(item for item in wanted if item[0] != atom)
            yield from cross_forms(algebra, word, i, j, rest, squares)
        for square in squares:
            odd = tuple((atom, 1) for atom, power in square if power % 2)
            half = tuple((atom, power // 2) for atom, power in quotient(square, odd))
            other = quotient(quotient(wanted, odd), half)
            if not (defined(algebra, other) and defined(algebra, half)) or other == half:
                continue
            one, two = Number({half: Fraction(1)}), Number({other: Fraction(1)})
            front = f"{algebra.monomial(odd)}*" if odd else ""
            for ratio in (Fraction(1), Fraction(2), Fraction(1, 2)):
                for sign in (1, -1):
                    inside = one + two * Number.of(ratio * sign)
                    poly = algebra.clean(inside * inside * Number({odd: Fraction(1)}))
                    if poly:
                        yield Term(poly, f"{front}({algebra.text(inside)})**2")


def crossing(algebra: Algebra, name: str) -> tuple[tuple[str, ...], int, int] | None:
    """The word and the two axes of an unknown that is a mixed form of a length or psd operator."""
    if name in algebra.forms:
        word, i, j = algebra.forms[name]
        return (word, i, j) if i != j and algebra.is_psd(word) else None
    if name.startswith("G_") and len(name) == 4 and name[2] != name[3]:
        return (), int(name[2]) - 1, int(name[3]) - 1
    return None


def cross_forms(
    algebra: Algebra, word: tuple[str, ...], i: int, j: int, rest: Any, squares: list[Any]
) -> Iterator[Term]:
    """kappa * x @ word @ x with x = p u_i +- q u_j whose mixed part is the wanted monomial."""
    own = algebra.form({i: ONE}, word, {i: ONE})
    if len(own.parts) != 1:
        return
    ((unit, _),) = own.parts.items()
    choices = [quotient(square, unit) for square in squares]
    for square in [(), *choices]:
        if not has_sign(algebra, square):
            continue
        odd = tuple((atom, 1) for atom, power in square if power % 2)
        half = tuple((atom, power // 2) for atom, power in quotient(square, odd))
        other = quotient(quotient(rest, odd), half)
        if not (defined(algebra, other) and defined(algebra, half)):
            continue
        for ratio in (Fraction(1), Fraction(2), Fraction(1, 2)):
            for sign in (1, -1):
                one, two = Number({half: Fraction(1)}), Number({other: ratio * sign})
                row = {i: one, j: two}
                poly = algebra.clean(algebra.form(row, word, row) * Number({odd: Fraction(1)}))
                left = f"{algebra.text(one)}*{algebra.axes[i].text}" if half else algebra.axes[i].text
                vector = f"({left} + {algebra.text(two)}*{algebra.axes[j].text})".replace("+ -", "- ")
                front = f"{algebra.monomial(odd)}*" if odd else ""
                yield Term(poly, f"{front}({' @ '.join((vector, *word, vector))})")


# ---------------------------------------------------------------- coefficients


def solved(
    target: Number, terms: list[Term], relation: str, left: Callable[[], float]
) -> list[tuple[Fraction, Term]] | None:
    """Few terms with exact coefficients that add up to the target; for < one of them is positive."""
    if relation != "<":
        return weighed(target, terms)
    for term in [term for term in terms if term.positive][:12]:
        shares = [target.parts[key] / c for key, c in term.poly.parts.items() if key in target.parts]
        for share in dict.fromkeys(x for x in shares if x > 0):
            if left() < 0.1:
                return None
            for part in (share, share / 2):
                rest = target - term.poly * Number.of(part)
                found = weighed(rest, terms) if rest else []
                if found is not None:
                    return [(part, term), *found]
    return None


def weighed(target: Number, terms: list[Term]) -> list[tuple[Fraction, Term]] | None:
    """The coefficients by non-negative least squares, and then exactly."""
    if not target:
        return []
    keys = dict.fromkeys([*target.parts, *(key for term in terms for key in term.poly.parts)])
    rows = {key: i for i, key in enumerate(keys)}
    columns = [(term, sign) for term in terms for sign in ((1, -1) if term.free else (1,))]
    if not columns:
        return None
    matrix = np.zeros((len(rows), len(columns)))
    for j, (term, sign) in enumerate(columns):
        for key, c in term.poly.parts.items():
            matrix[rows[key], j] = sign * float(c)
    aim = np.zeros(len(rows))
    for key, c in target.parts.items():
        aim[rows[key]] = float(c)
    weights = nonnegative_least_squares(matrix / np.linalg.norm(matrix, axis=0), aim)
    if weights is None:
        return None
    chosen = [int(j) for j in np.flatnonzero(weights > 1e-9)]
    exact = solve_exactly(
        [{k: c * columns[j][1] for k, c in columns[j][0].poly.parts.items()} for j in chosen], target.parts
    )
    if exact is None or any(c < 0 for c in exact):
        return None
    return [(c * columns[j][1], columns[j][0]) for j, c in zip(chosen, exact, strict=True) if c]


def times(c: Fraction, text: str) -> str:
    """The text of a term with its coefficient."""
    if c == 1:
        return text
    top = "" if abs(c.numerator) == 1 else f"{abs(c.numerator)}*"
    sign = "-" if c < 0 else ""
    if c.denominator == 1:
        return f"{sign}{top}{text}" if text != "1" else f"{sign}{abs(c.numerator)}"
    return (
        f"{sign}{abs(c.numerator)}/{c.denominator}*{text}"
        if text != "1"
        else f"{sign}{abs(c.numerator)}/{c.denominator}"
    )


def nonnegative_least_squares(matrix: np.ndarray, aim: np.ndarray, most: int = 120) -> np.ndarray | None:
    """Lawson and Hanson's active set method; None where matrix @ x = aim has no solution x >= 0."""
    count = matrix.shape[1]
    weights = np.zeros(count)
    passive: list[int] = []
    small = 1e-9 * np.linalg.norm(aim)
    for _ in range(most):
        residual = aim - matrix @ weights
        if np.linalg.norm(residual) <= small:
            return weights
        gradient = matrix.T @ residual
        gradient[passive] = -np.inf
        best = int(np.argmax(gradient))
        if gradient[best] <= 1e-10 * np.linalg.norm(residual):
            return None
        passive.append(best)
        while True:
            found, *_ = np.linalg.lstsq(matrix[:, passive], aim, rcond=None)
            if (found > 1e-12).all():
                weights[:] = 0
                weights[passive] = found
                break
            now = weights[passive]
            bad = found <= 1e-12
            step = min((now[bad] / np.maximum(now[bad] - found[bad], 1e-300)).min(), 1.0)
            moved = now + step * (found - now)
            keep = moved > 1e-12
            weights[:] = 0
            passive = [j for j, ok in zip(passive, keep, strict=True) if ok]
            weights[passive] = moved[keep]
            if not passive:
                return None
    return None


def solve_exactly(columns: list[dict[Any, Fraction]], aim: dict[Any, Fraction]) -> list[Fraction] | None:
    """The coefficients with sum c_j column_j = aim, by elimination over the rationals; what is free is 0."""
    keys = dict.fromkeys([*aim, *(key for column in columns for key in column)])
    rows = [
        [column.get(key, Fraction(0)) for column in columns] + [aim.get(key, Fraction(0))] for key in keys
    ]
    pivots: list[int] = []
    done = 0
    for j in range(len(columns)):
        pivot = next((i for i in range(done, len(rows)) if rows[i][j]), None)
        if pivot is None:
            continue
        rows[done], rows[pivot] = rows[pivot], rows[done]
        lead = rows[done][j]
        rows[done] = [x / lead for x in rows[done]]
        for i in range(len(rows)):
            if i != done and rows[i][j]:
                share = rows[i][j]
                rows[i] = [x - share * y for x, y in zip(rows[i], rows[done], strict=True)]
        pivots.append(j)
        done += 1
    if any(row[-1] for row in rows[done:]):
        return None
    found = [Fraction(0)] * len(columns)
    for i, j in enumerate(pivots):
        found[j] = rows[i][-1]
    return found


# ---------------------------------------------------------------- equations of vectors


def for_vectors(algebra: Algebra) -> Iterator[Certificate]:
    """An equation of vectors from hypotheses that are equations of vectors, times monomials, under operators."""
    case = algebra.case
    gap = case.goal[0]
    assert isinstance(gap, Vector)

    def flat(value: Vector) -> dict[Any, Fraction]:
        out: dict[Any, Fraction] = {}
        for word, row in algebra.row(value):
            for i, poly in row.items():
                for monomial, c in algebra.clean(poly).parts.items():
                    key = (word, i, monomial)
                    out[key] = out.get(key, Fraction(0)) + c
        return {key: c for key, c in out.items() if c}

    aim = flat(gap)
    terms: dict[str, dict[Any, Fraction]] = {}
    for (value, relation), label in zip(case.given, case.labels, strict=True):
        if relation != "==":
            continue
        if isinstance(value, Number):
            poly = algebra.value(value)
            for word, i, monomial in aim:
                for own in poly.parts:
                    factor = quotient(monomial, own)
                    if defined(algebra, factor):
                        image = " @ ".join((*word, algebra.axes[i].text))
                        whole = algebra.clean(poly * Number({factor: Fraction(1)}))
                        text = (
                            f"{algebra.monomial(factor)}*{label}*({image})"
                            if factor
                            else f"{label}*({image})"
                        )
                        terms[text] = {(word, i, key): c for key, c in whole.parts.items()}
            continue
        for letter in [(), *((name,) for name in case.operators)]:
            image = Vector({((*letter, *word), name): c for (word, name), c in value.parts.items()})
            parts = flat(image)
            for word, i, monomial in aim:
                for other, k, own in parts:
                    factor = quotient(monomial, own)
                    if (word, i) == (other, k) and defined(algebra, factor):
                        text = f"({letter[0]} @ {label})" if letter else label
                        text = f"{algebra.monomial(factor)}*{text}" if factor else text
                        terms[text] = {
                            (w, a, Number.times(key, factor)[0]): c for (w, a, key), c in parts.items()
                        }
    names = list(terms)
    exact = solve_exactly([terms[name] for name in names], aim) if names and len(names) < 200 else None
    if exact is not None:
        yield {"terms": [times(c, name) for c, name in zip(exact, names, strict=True) if c]}


__all__ = ["Certificate", "names_of", "quick", "thorough", "unknown"]
