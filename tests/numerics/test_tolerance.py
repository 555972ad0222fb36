"""A tolerance is a bound on rounding: what float32 loses against float64 never exceeds it."""

from collections.abc import Callable
from fractions import Fraction

import pytest
import torch
from bnverify.numerics.measure.extremum import Interval
from bnverify.numerics.measure.tolerance import (
    Measured,
    MeasuredVector,
    allowance,
    exact,
    holding_dtype,
    resolution,
    roundings,
)

from bnverify.base.errors import InputError

ROWS = 2000


def numbers(seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    sign = torch.where(torch.rand(ROWS, generator=generator) < 0.5, -1.0, 1.0)
    return (sign * 10 ** (4 * torch.rand(ROWS, generator=generator, dtype=torch.float64) - 2)).double()


def measured(value: torch.Tensor, dtype: torch.dtype) -> Measured:
    held = value.to(dtype)
    return Measured(held, held.abs(), 1)


FORMULAS: dict[str, Callable[[Measured, Measured], Measured]] = {
    "sum": lambda a, b: a + b,
    "cancelled sum": lambda a, b: (a + b) - a - b,
    "product": lambda a, b: a * b,
    "quotient": lambda a, b: a / b,
    "power": lambda a, b: a**4 - b**3,
    "root": lambda a, b: (a * a + b * b).sqrt(),
    "numbers": lambda a, b: 3 * a - b / 7 + Fraction(1, 3),
    "difference of squares": lambda a, b: a**2 - b**2 - (a - b) * (a + b),
    "reciprocal of a sum": lambda a, b: 1 / (a + b),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_rounding_stays_below_the_allowance(name: str) -> None:
    formula = FORMULAS[name]
    a, b = numbers(1), numbers(2)
    low = formula(measured(a, torch.float32), measured(b, torch.float32))
    high = formula(measured(a, torch.float64), measured(b, torch.float64))
    allowed = allowance(torch.ones(ROWS, dtype=torch.float32), low).double()
    gap = (low.value.double() - high.value).abs()
    assert bool((gap <= allowed).all())
    assert float((allowed / high.scale).median()) < 1e-4, "and the allowance is no empty promise"


@pytest.mark.parametrize("power", [-1, -2])
def test_of_a_divisor_of_which_rounding_left_nothing_no_bound_is_promised(power: int) -> None:
    a, b = numbers(1), numbers(2)
    nothing = (measured(a, torch.float32) + measured(b, torch.float32)) - measured(a, torch.float32)
    left_over = (nothing - measured(b, torch.float32) + Fraction(1, 10**9)) ** -power
    low, true = left_over.inverse(), 10.0 ** (9 * -power)
    assert bool(((low.value.double() - true).abs() > 1e-3 * true).any()), "the value is far off"
    assert bool(((low.value.double() - true).abs() <= allowance(torch.ones(ROWS), low).double()).all())


def test_rounding_of_an_inner_product_stays_below_the_allowance() -> None:
    generator = torch.Generator().manual_seed(0)
    u, w = (torch.randn(ROWS, 64, generator=generator, dtype=torch.float64) for _ in range(2))

    def dot(dtype: torch.dtype) -> Measured:
        a, b = (MeasuredVector(x.to(dtype), x.to(dtype).norm(dim=1)) for x in (u, w))
        return ((a - b * 2) * measured(u[:, 0], dtype) / 3).dot(a + b)

    low, high = dot(torch.float32), dot(torch.float64)
    allowed = allowance(torch.ones(ROWS), low).double()
    assert bool(((low.value.double() - high.value).abs() <= allowed).all())


def test_the_scale_remembers_what_cancelled() -> None:
    big = measured(torch.full((3,), 1e8, dtype=torch.float64), torch.float64)
    left_over = (big + 1) - big
    assert float(left_over.value[0]) == pytest.approx(1)
    assert float(left_over.scale[0]) >= 2e8
    assert float(left_over.error[0]) >= 1e8


def test_allowance_grows_with_conditioning_order_and_length() -> None:
    one = measured(torch.ones(1, dtype=torch.float64), torch.float64)
    assert allowance(torch.tensor([100.0], dtype=torch.float64), one) == pytest.approx(
        100 * float(allowance(torch.ones(1, dtype=torch.float64), one))
    )
    counts = [roundings(order, 32, 10) for order in (0, 1, 2)]
    assert counts == sorted(counts)
    assert roundings(2, 64) > roundings(2, 32)


def test_a_measured_number_meets_a_maximum_from_either_side() -> None:
    a = measured(torch.tensor([2.0], dtype=torch.float64), torch.float64)
    interval = Interval(a, a + 1)
    for scaled in (a * interval, interval * a):
        assert isinstance(scaled, Interval)
        assert (float(scaled.attained.value), float(scaled.bound.value)) == (4, 6)
    shifted = interval - a
    assert (float(shifted.attained.value), float(shifted.bound.value)) == (0, 1)


def test_exact_refuses_what_is_no_number() -> None:
    with pytest.raises(TypeError, match="a number was expected, got str"):
        exact("1", torch.ones(1))


def test_a_dtype_that_cannot_hold_the_check_is_refused() -> None:
    assert holding_dtype("float32") is torch.float32
    for name in ("float16", "bfloat16", "int64", "nonsense"):
        with pytest.raises(InputError, match="use --dtype float64"):
            holding_dtype(name)


def test_an_equality_must_show_a_relative_error_of_one_millionth() -> None:
    assert resolution(torch.float64) < 1e-6
