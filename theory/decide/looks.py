"""A first look at many statements about the same instances: float64, by plain differentiation, without the kernel.

What fails at one of the instances is left out of a search; a factor that one side of an equation lacks is solved for.
"""

from __future__ import annotations

import ast
from fractions import Fraction
from typing import Any

import numpy as np
from bnverify.theory.grammar import Node, nodes, parse, unparse
from bnverify.theory.kernel import EPS, Number, Refused, image_form
from bnverify.theory.kernel import parse as kernel_parse
from bnverify.theory.points import instances, replay
from bnverify.theory.points.batch import Batch, ball_maximum, with_signs
from bnverify.theory.points.case import Case
from bnverify.theory.room import walk

LOOKS = 30
"""Instances of each of three batch sizes."""


ROUNDING = 1e-8
"""Relative to both sides; what it passes is judged exactly."""


Sides = tuple[np.ndarray, np.ndarray]


class Seen(replay.Floats):
    """The names of an instance in float64, with maxima over inputs, each found once."""

    def __init__(self, names: dict[str, Any]) -> None:
        super().__init__(names)
        self.maxima: dict[str, float] = {}

    def maximum(self, inside: Node, moved: str, bound: Any) -> float:
        """max(expr, norm(X) <= lam), to about 1e-6 of its size."""
        key = f"{unparse(inside)} {bound}"
        if key not in self.maxima:
            u, form = image_form(kernel_parse(unparse(inside)), kernel_parse("lam"))
            centre = bound**2 * walk(parse(ast.unparse(u)), self)
            if form is None:
                self.maxima[key] = float(centre @ centre) / bound**2 if bound else 0.0
            else:
                table = walk(parse(ast.unparse(form)), self)
                self.maxima[key] = float(ball_maximum((table + table.T)[None] / 2, centre[None])[0][0])
        return self.maxima[key]


def rooms(case: Case, seed: int = 0) -> list[Seen]:
    """Instances that satisfy the hypotheses of a case, each with the values of all names."""
    found = []
    low = max(case.claim.min_m, 2)
    for size in range(low, low + 3):
        data = instances.draw(case, size, 40 * LOOKS, np.random.default_rng(seed + size))
        floats, good = with_signs(case, size, {k: np.asarray(x, dtype=float) for k, x in data.items()})
        with np.errstate(all="ignore"):
            batch = Batch(case.formal, size, floats)
            for gap, relation in case.given:
                good &= batch.holds(gap, relation)
            for text in case.definite:
                good &= batch.definite(text)
            for atom in case.formal.nonzero - {EPS}:
                good &= batch.holds(Number.atom(atom), "!=")
        for k in np.flatnonzero(good)[:LOOKS]:
            base: dict[str, Any] = {name: x[k] for name, x in data.items() if not name.endswith("'")}
            base |= {"m": float(size), "one": np.ones(size)} | (
                {"eps": 0.0} if case.claim.eps == "zero" else {}
            )
            with np.errstate(all="ignore"):
                names = replay.names_at(case.claim, base)
            divisors = [abs(x) for name, x in names.items() if name[0] in "sn" and np.ndim(x) == 0]
            if all(np.isfinite(x).all() for x in names.values()) and min(divisors, default=1) > 1e-6:
                found.append(Seen(names))
    return found


def sides(room: Seen, tree: Node) -> Sides | None:
    """Both sides in a room, as flat arrays; None where float64 cannot say."""
    try:
        with np.errstate(all="ignore"):
            left, right = (np.atleast_1d(np.asarray(side, dtype=float)) for side in walk(tree, room))
        left, right = np.broadcast_arrays(left, right)
    except (NotImplementedError, KeyError, TypeError, ValueError, ZeroDivisionError, Refused):
        return None
    return (left, right) if np.isfinite(left).all() and np.isfinite(right).all() else None


def holds(room: Seen, tree: Node, clearly: bool = True) -> bool | None:
    """Whether a relation holds in a room; ``clearly``: what is within rounding of an equality counts as either."""
    if tree.head == "psd":
        try:
            return bool(walk(tree, room) >= -ROUNDING)
        except (NotImplementedError, KeyError, TypeError, np.linalg.LinAlgError):
            return None
    found = sides(room, tree) if tree.head in {"<=", "<", "==", ">=", ">", "!="} else None
    if found is None:
        return None
    left, right = found
    rounding = 1e-5 if any(node.head == "maximum" for node in nodes(tree)) else ROUNDING
    gap, small = right - left, rounding * (1 + np.abs(left) + np.abs(right))
    near = bool((np.abs(gap) <= small).all())
    match tree.head:
        case "==":
            return near
        case "!=":
            return not near or None
        case "<=" | "<":
            return True if (gap > small).all() else None if clearly and near else near and tree.head == "<="
    return True if (gap < -small).all() else None if clearly and near else near and tree.head == ">="


def contradicted(seen: list[Seen], statement: str, extra: list[str]) -> bool:
    """Whether a statement fails at an instance at which the further hypotheses hold."""
    tree, given = parse(statement, logic=True), [parse(text) for text in extra]
    return any(
        holds(room, tree) is False and all(holds(room, text, clearly=False) is True for text in given)
        for room in seen
    )


def slacks(seen: list[Seen], statement: str) -> np.ndarray | None:
    """Larger minus smaller side of an inequality at every instance, None where it is none or float64 cannot say."""
    tree = parse(statement, logic=True)
    if tree.head not in {"<=", "<", ">=", ">"}:
        return None
    found = [sides(room, tree) for room in seen]
    if any(pair is None for pair in found):
        return None
    sign = 1 if tree.head in {"<=", "<"} else -1
    return np.array([sign * float((pair[1] - pair[0])[0]) for pair in found if pair is not None])


def missing_factor(seen: list[Seen], tree: Node, numbers: tuple[str, ...]) -> str | None:
    """c times powers of gamma, of the divisor, of m and of free numbers that left over right is at every instance.

    Each power is a multiple of 1/2, by least squares of logarithms; None where the ratio is no such monomial, or 1.
    """
    if tree.head != "==":
        return None
    names = [
        name for name in ("gamma", "sigma", "n", "m", *numbers) if all(name in room.names for room in seen)
    ]
    rows, ratios = [], []
    for room in seen:
        row = [float(room.names[name]) for name in names]
        found = sides(room, tree)
        if found is None:
            return None
        left, right = found
        if not all(row):  # with gamma = 0 nothing is learnt of its power
            continue
        size = float(np.abs(left).max())
        if max(size, float(np.abs(right).max())) < 1e-9:  # both are 0 up to rounding
            continue
        ratio = float(left @ right) / float(right @ right) if right.any() else 0.0
        if size < 1e-9 or not ratio or np.abs(left - ratio * right).max() > 1e-9 * size:
            return None
        rows.append(row)
        ratios.append(ratio)
    if len(rows) < 2 * len(names) + 2:
        return None
    aim = np.log(np.abs(ratios))
    table = np.column_stack([np.log(np.abs(rows)), np.ones(len(rows))])
    solution, *_ = np.linalg.lstsq(table, aim, rcond=None)
    powers = [Fraction(round(2 * x), 2) for x in solution[:-1]]
    c = Fraction(float(np.exp(solution[-1]))).limit_denominator(24)
    if not c or not (any(powers) or c != 1):
        return None
    if np.abs(table[:, :-1] @ np.array(powers, dtype=float) + np.log(float(c)) - aim).max() > 1e-7:
        return None
    odd = [x for x, power in enumerate(powers) if power % 2]
    signs = set(np.prod(np.sign(rows)[:, odd], axis=1) * np.sign(ratios))
    return monomial(names, powers, c * int(signs.pop())) if len(signs) == 1 else None


def monomial(names: list[str], powers: list[Fraction], c: Fraction) -> str:
    """c times powers of names as text."""
    top, bottom = str(c.numerator), str(c.denominator)
    for name, power in zip(names, powers, strict=True):
        half = f"sqrt({name})" + (f"**{abs(2 * power)}" if abs(power) != Fraction(1, 2) else "")
        whole = half if power % 1 else name if abs(power) == 1 else f"{name}**{abs(power)}"
        if power > 0:
            top += f"*{whole}"
        elif power < 0:
            bottom += f"*{whole}"
    return unparse(parse(f"{top.removeprefix('1*')}/({bottom.removeprefix('1*')})".removesuffix("/(1)")))
