"""Numbers of Q(sqrt d1, sqrt d2, ...): exact arithmetic, exact signs."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import pytest
from bnverify.theory.surds import Surd


def floated(x: Surd) -> float:
    return sum(float(c) * math.sqrt(d) for d, c in x.terms.items())


def test_surds_have_exact_signs_and_inverses() -> None:
    rng = random.Random(1)
    for _ in range(100):
        x = Surd({d: Fraction(rng.randint(-5, 5), rng.randint(1, 4)) for d in (1, 2, 3, 5, 6, 10, 30)})
        if not x.terms:
            continue
        assert (x / x - 1).sign() == 0
        assert (x**-2 * x * x - 1).sign() == 0
        assert x.sign() == math.copysign(1, floated(x))
    close = Surd({2: Fraction(1)}) - Surd({1: Fraction(665857, 470832)})
    assert close.sign() == -1


def test_zero_has_no_inverse() -> None:
    with pytest.raises(ZeroDivisionError):
        Surd.of(1) / Surd({})


def test_square_roots_are_exact_or_refused() -> None:
    root = Surd.of(Fraction(8, 9)).sqrt()
    assert str(root) == "2/3*sqrt(2)"
    assert (root * root - Fraction(8, 9)).sign() == 0
    for refused in (Surd.of(1) + root, Surd.of(-1)):
        with pytest.raises(NotImplementedError):
            refused.sqrt()
