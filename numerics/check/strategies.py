"""Hypothesis strategies: instances of a statement's setting, with the corners of the domain by name.

Nothing is filtered. Batches are built non-constant, weights are solved for where they must be stationary, and a
corner replaces one ingredient of an instance that is well-conditioned otherwise.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

from bnverify.numerics.measure.drawing import Needs, draw, family_of
from bnverify.theory.claim import Instance
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

Corner = Callable[[Instance], Instance]


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(str(value) for value in values)


def _numbers(values: Any) -> list[Fraction]:
    return [Fraction(value) for value in values]


def _tiny_sigma(instance: Instance) -> Instance:
    """sigma some 10^-6 of the mean."""
    return replace(instance, y=_texts(3 + y / 2**20 for y in _numbers(instance.y)))


def _parallel_to_one(instance: Instance) -> Instance:
    return replace(instance, g=_texts([Fraction(instance.g[0]) or Fraction(1)] * instance.m))


def _parallel_to_yhat(instance: Instance) -> Instance:
    y = _numbers(instance.y)
    mean = sum(y, Fraction(0)) / len(y)
    return replace(instance, g=_texts(2 * (value - mean) for value in y))


def _negative_gamma(instance: Instance) -> Instance:
    return replace(instance, gamma=str(-abs(Fraction(instance.gamma))))


def _constant_batch(instance: Instance) -> Instance:
    return replace(instance, y=_texts([instance.y[0]] * instance.m))


def _scaled(factor: Fraction) -> Corner:
    def change(instance: Instance) -> Instance:
        H = instance.H
        return replace(
            instance,
            y=_texts(factor * y for y in _numbers(instance.y)),
            g=_texts(factor * g for g in _numbers(instance.g)),
            H=None if H is None else tuple(_texts(factor * x for x in _numbers(row)) for row in H),
        )

    return change


CORNERS: dict[str, Corner] = {
    "inside": lambda instance: instance,
    "two-samples": lambda instance: instance,
    "tiny-sigma": _tiny_sigma,
    "g-parallel-to-1": _parallel_to_one,
    "g-parallel-to-yhat": _parallel_to_yhat,
    "gamma-negative": _negative_gamma,
    "constant-batch": _constant_batch,
    "huge-scale": _scaled(Fraction(2**30)),
    "tiny-scale": _scaled(Fraction(1, 2**30)),
}
"""Corners by name. ``two-samples`` is m = 2; ``constant-batch`` needs eps > 0, without it y-hat does not exist."""


def corners_of(needs: Needs, eps: bool, setting: str = "activations") -> tuple[str, ...]:
    """The corners that a setting has: weight space has its own ingredients and keeps two of them."""
    if family_of(needs)[0] != "batches" or setting.startswith("weights"):
        return ("inside", "two-samples")
    return tuple(name for name in CORNERS if name != "constant-batch" or eps)


@st.composite
def _batches(drawn: DrawFn, needs: Needs, eps: bool, setting: str, corner: str, signed: bool) -> Instance:
    m = 2 if corner == "two-samples" else drawn(st.integers(2, 6), label="m")
    seed = drawn(st.integers(0, 2**32 - 1), label="seed")
    instance = draw(random.Random(seed), m, needs, eps, setting, signed)
    if family_of(needs)[0] == "batches" and not setting.startswith("weights"):
        small = st.integers(-8, 8)
        rest = drawn(st.lists(small, min_size=m - 1, max_size=m - 1), label="y")
        step = drawn(st.integers(1, 8), label="spread")
        instance = replace(
            instance,
            y=_texts([rest[0] - step, *rest]),
            g=_texts(drawn(st.lists(small, min_size=m, max_size=m), label="g")),
            gamma=str(
                Fraction(drawn(st.integers(1, 16), label="4 gamma"), 4) * drawn(st.sampled_from((1, -1)))
            ),
        )
    return CORNERS[corner](instance)


def instances(
    needs: Needs,
    eps: bool = False,
    setting: str = "activations",
    corner: str | None = None,
    signed: bool = False,
) -> SearchStrategy[Instance]:
    """Instances that hold every name of ``needs``.

    Args:
        corner: one of `corners_of`; all of them in turn by default.
        signed: let multiples alpha of the activations be negative.

    Raises:
        ValueError: the setting cannot be drawn, or has no such corner.
    """
    family, reason = family_of(needs)
    if reason is not None:
        raise ValueError(reason)
    known = corners_of(needs, eps, setting)
    if corner is not None and corner not in known:
        raise ValueError(
            f"the setting {setting} ({family}) has no corner {corner!r}; it has {', '.join(known)}"
        )
    chosen = st.sampled_from(known) if corner is None else st.just(corner)
    return chosen.flatmap(lambda name: _batches(needs, eps, setting, name, signed))
