"""Where algebra does not reach: ascent on the violation in float64 from drawn starts, and exact conviction of what
it finds. What it does not find stays open, with the effort and the smallest slack seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from bnverify.theory.kernel import Number
from bnverify.theory.points import instances
from bnverify.theory.points.batch import Array, Batch, operator_of, size_of, with_signs
from bnverify.theory.points.case import Case

STARTS, STEPS = 48, 40


PENALTY = 10.0
"""Weight of a broken hypothesis, relative to its terms, against the violation of the statement."""


DENOMINATORS = (1, 2, 4, 12, 60, 1000)


@dataclass(frozen=True)
class Effort:
    """What a search did: the point that the kernel convicted, if any; starts and steps; the smallest slack seen where
    the hypotheses hold, right minus left over the sum of the absolute terms."""

    point: dict[str, Any] | None
    sizes: tuple[int, ...]
    starts: int
    steps: int
    slack: float

    def __str__(self) -> str:
        sizes = ", ".join(map(str, self.sizes))
        return (
            f"ascent on the violation in float64 from {self.starts} starts each at m = {sizes}, {self.steps} steps; "
            f"the smallest slack, relative to its terms, was {self.slack:.3g}"
        )


def ascend(case: Case, left: Callable[[], float], seed: int = 0) -> Effort:
    """Search for a counterexample at the smallest batch sizes."""
    low = case.claim.min_m
    sizes, worst, done = (low, low + 1, low + 2, low + 6), np.inf, 0
    for size in sizes:
        rng = np.random.default_rng(seed + size)
        data = start(case, size, rng)
        step, active = np.full(STARTS, 0.3), list(data)
        value, slack = violation(case, size, data)
        for _ in range(STEPS):
            if left() < 0.3 or not active:
                break
            done += 1
            slopes = gradient(case, size, data, active)
            active = [name for name, slope in slopes.items() if slope.any()]
            length = np.sqrt(sum((s.reshape(STARTS, -1) ** 2).sum(axis=1) for s in slopes.values())) + 1e-12
            moved = {
                name: x + _wide(step / length, x) * slopes[name] if name in slopes else x
                for name, x in data.items()
            }
            higher, low_slack = violation(case, size, moved)
            better = higher > value
            data = {name: np.where(_wide(better, x), moved[name], x) for name, x in data.items()}
            value, slack = np.where(better, higher, value), np.where(better, low_slack, slack)
            step = np.where(better, step * 1.3, step * 0.4)
        if np.isfinite(slack).any():
            worst = min(worst, float(np.nanmin(slack)))
        for row in np.argsort(-value)[:6]:
            if value[row] <= -1e-7 or left() < 0.2:
                break
            if (point := convicted(case, data, int(row))) is not None:
                return Effort(point, sizes, STARTS, done, worst)
    return Effort(None, sizes, STARTS, done, worst)


def _wide(per_start: Array, like: Array) -> Array:
    return per_start.reshape((-1,) + (1,) * (like.ndim - 1))


def start(case: Case, size: int, rng: np.random.Generator) -> dict[str, Array]:
    """Normal starts, those first at which the hypotheses nearly hold."""
    vectors, operators, numbers = instances.expected(case.claim)
    count = STARTS * 8
    widths = {"batch": size}
    data: dict[str, Array] = {
        n: rng.normal(size=(count, widths.setdefault(s, 2))) for n, s in vectors.items()
    }
    for name, kind, source, target in operators:
        table = rng.normal(size=(count, widths.setdefault(target, 2), widths.setdefault(source, 2)))
        if kind == "!":
            table = np.eye(size) - np.ones((count, size, size)) / size
        data["X" if name == "X'" else name] = table
    for name in numbers:
        data[name] = (
            np.abs(rng.normal(size=count)) + 0.1 if name in {"eps", "lam"} else rng.normal(size=count)
        )
    value, _ = violation(case, size, data)
    kept = np.argsort(-value)[:STARTS]
    return {name: x[kept] for name, x in data.items()}


def meant(case: Case, size: int, data: dict[str, Array]) -> dict[str, Array]:
    """Operators that are symmetric, diagonal, or L L' under psd, and signs, from the free numbers of the search."""
    out = dict(data)
    for name, kind, *_ in instances.expected(case.claim)[1]:
        if kind == "":
            known = case.operators.get(name, "symmetric")
            table = data[name] * np.eye(size) if "diagonal" in known else data[name]
            turned = np.transpose(table, (0, 2, 1))
            out[name] = table @ turned if "psd" in known else (table + turned) / 2
    return with_signs(case, size, out)[0]


def violation(case: Case, size: int, data: dict[str, Array]) -> tuple[Array, Array]:
    """What is ascended, and the slack of the statement where the hypotheses hold (else infinite)."""
    with np.errstate(all="ignore"):
        batch = Batch(case.formal, size, meant(case, size, data))
        gap, relation = case.goal
        total, scale = _value(batch, gap)
        slack = total / (scale + 1e-300)
        broken = np.zeros(batch.count)
        for other, how in case.given:
            far, terms = _value(batch, other)
            short = np.abs(far) if how == "==" else np.maximum(-far, 0.0) if how in {"<=", "<"} else 0.0 * far
            broken = broken + short / (terms + 1e-300)
        for text in case.definite:
            table = batch.table(operator_of(case, text))
            table = np.where(np.isfinite(table), table, 0.0)
            least = np.linalg.eigvalsh((table + np.transpose(table, (0, 2, 1))) / 2)[:, 0]
            broken = broken + np.maximum(-least, 0.0)
        value = (np.abs(slack) if relation == "==" else -slack) - PENALTY * broken
    value = np.where(np.isfinite(value), value, -np.inf)
    return value, np.where(broken <= 1e-9, -np.abs(slack) if relation == "==" else slack, np.inf)


def _value(batch: Batch, gap: Any) -> tuple[Array, Array]:
    if isinstance(gap, Number):
        return batch.value(gap)
    row = batch.row(gap)
    return np.linalg.norm(row, axis=1), batch.size_of(gap)


def gradient(case: Case, size: int, data: dict[str, Array], active: list[str]) -> dict[str, Array]:
    """Central differences in every number of what is active, all in one batch."""
    flat = {name: x.reshape(STARTS, -1) for name, x in data.items()}
    width = sum(flat[name].shape[1] for name in active)
    many = {name: np.repeat(x[:, None], 2 * width, axis=1) for name, x in flat.items()}
    place, h = 0, 1e-5
    for name in active:
        for j in range(flat[name].shape[1]):
            many[name][:, 2 * place, j] += h
            many[name][:, 2 * place + 1, j] -= h
            place += 1
    shaped = {name: many[name].reshape((-1, *data[name].shape[1:])) for name in data}
    value = violation(case, size, shaped)[0].reshape(STARTS, width, 2)
    with np.errstate(all="ignore"):
        slopes = (value[:, :, 0] - value[:, :, 1]) / (2 * h)
    slopes = np.where(np.isfinite(slopes), slopes, 0.0)
    out, place = {}, 0
    for name in active:
        wide = flat[name].shape[1]
        out[name] = slopes[:, place : place + wide].reshape(data[name].shape)
        place += wide
    return out


def convicted(case: Case, data: dict[str, Array], row: int) -> dict[str, Any] | None:
    """The first of the points near a start's end, with short rational entries, that the kernel convicts."""
    size = size_of({name: x[row] for name, x in data.items()})
    here = {name: x[row : row + 1] for name, x in data.items()}
    for bottom in DENOMINATORS:
        rounded = {name: np.round(x * bottom) / bottom for name, x in here.items()}
        whole = meant(case, size, rounded)
        point = {name: instances.exactly(whole[name][0], bottom * bottom * 4) for name in here}
        if instances.convicted(case, [point]) is not None:
            return point
    return None
