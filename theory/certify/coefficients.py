"""Few terms and exact coefficients: non-negative least squares in float64 chooses, elimination over the
rationals solves.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from bnverify.theory.certify.terms import Term
from bnverify.theory.kernel import Number


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
