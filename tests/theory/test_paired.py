"""Student's t and Holm's adjustment are SciPy's; a stored comparison that its seeds do not give is found out."""

import dataclasses
import math
import random

import pytest
from bnverify.experiments.judge import statistics
from bnverify.theory import paired
from scipy import stats


@pytest.mark.parametrize("df", [1, 2, 3, 4, 9, 18, 29])
def test_the_distribution_and_its_quantile_are_those_of_scipy(df):
    for t in (-40, -3.1, -0.2, 0, 0.7, 2.5, 12):
        assert paired.t_cdf(t, df) == pytest.approx(stats.t.cdf(t, df), abs=1e-13)
    assert paired.t_quantile(df) == pytest.approx(stats.t.ppf(0.975, df), rel=1e-10)


def test_no_degree_of_freedom_is_an_error():
    with pytest.raises(ValueError, match="expected at least 1"):
        paired.t_cdf(0.0, 0)


def test_holm_is_that_of_the_reproduction():
    draw = random.Random(0)
    for n in (1, 2, 7, 30):
        p = [draw.random() ** 3 for _ in range(n)]
        assert paired.holm(p) == statistics.holm(p)


def stored(log_ratios, direction, bound):
    """A comparison as a summary writes it: from full numbers, four digits each."""
    found = dataclasses.asdict(statistics.compare(log_ratios, direction, bound))
    short = {
        name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in found.items()
    }
    return paired.Comparison(**short)


@pytest.mark.parametrize("direction", ["below", "above", "within"])
@pytest.mark.parametrize("spread", [0.0, 3e-5, 1e-3, 0.1, 2.0])
def test_rounding_is_no_contradiction(direction, spread):
    draw = random.Random(1)
    for _ in range(60):
        n, middle, bound = draw.randint(2, 10), draw.gauss(0, 1), draw.uniform(1.01, 3)
        exact = [middle + spread * draw.gauss(0, 1) for _ in range(n)]
        rounded = [round(value, 4) for value in exact]
        assert paired.contradiction(stored(exact, direction, bound), rounded, direction, bound) == ""


SEEDS = [-1.2, -0.8, -1.0, -1.1, -0.9]


@pytest.mark.parametrize(
    "change",
    [{"n": 4}, {"ratio": 0.5}, {"low": 0.2}, {"high": 0.5}, {"p": 0.2}, {"p": 1e-7}, {"fails": True}],
)
def test_every_changed_number_is_found_out(change):
    good = stored(SEEDS, "below", 1.0)
    assert paired.contradiction(good, SEEDS, "below", 1.0) == ""
    bad = dataclasses.replace(good, **change)
    assert next(iter(change)) in paired.contradiction(bad, SEEDS, "below", 1.0)


def test_an_interval_that_overflows_is_infinite():
    wide = [-3000.0, 3000.0]
    found = paired.Comparison(2, 1.0, 0.0, math.inf, 0.5, False)
    assert paired.contradiction(found, wide, "below", 1.0) == ""


def test_a_number_that_is_none_is_no_support():
    assert paired.contradiction(stored(SEEDS, "below", 1.0), [math.nan, -1.0], "below", 1.0)
