"""Two networks of one seed together: speed, equal distance, equal loss; and several runs of one network."""

from __future__ import annotations

import math
from typing import Any

import pytest
from bnverify.experiments.measure.pairs import at_matched_loss, change_at_common_distance, steps_to_loss
from bnverify.experiments.measure.rates import band, sensitivity
from bnverify.experiments.measure.views import View, change_at, series, statistic
from bnverify.experiments.run.recipes import VggRecipe


def view(losses: list[float | None], rows: list[dict[str, Any]] | None = None, lr: float = 0.1) -> View:
    status = "diverged" if None in losses else "finished"
    recipe = VggRecipe(steps=1000 if len(losses) > 100 else 100, lr=lr)
    return View(recipe, 0, status, losses, rows or [], {})


def falling(rate: float, steps: int = 1000) -> list[float | None]:
    return [2.0 * math.exp(-rate * t / steps) for t in range(steps)]


def ray(slope: float, loss: float, norm: float = 1.0) -> dict[str, Any]:
    lengths = [0.05, 0.1, 0.4]
    return {
        "lengths": lengths,
        "loss": loss,
        "losses": [loss - t * slope for t in lengths],
        "grad_norm": norm,
        "direction_norm": norm,
        "changes": [slope * t * norm for t in lengths],
        "beta_pairs": slope,
    }


def test_half_the_steps_to_a_loss_are_one_half() -> None:
    assert steps_to_loss(view(falling(6)), view(falling(3))) == pytest.approx(0.5, abs=0.01)
    assert steps_to_loss(view(falling(3)), view(falling(3))) == 1.0
    assert steps_to_loss(view(falling(1)), view(falling(3))) == math.inf


def test_a_network_that_diverges_never_gets_there_and_beats_nobody() -> None:
    lost: list[float | None] = [*falling(3)[:200], None]
    assert steps_to_loss(view(lost), view(falling(3))) == math.inf
    assert steps_to_loss(view(falling(3)), view(lost)) == 0.0
    assert steps_to_loss(view(lost), view(lost)) == 1.0


def test_distances_are_compared_where_both_were_probed() -> None:
    one = view(falling(1, 100), [{"step": s, "ray": ray(1.0, 2.0)} for s in (0, 50)])
    other = view(falling(1, 100), [{"step": s, "ray": ray(0.5, 2.0, norm=0.5)} for s in (0, 50)])
    assert change_at_common_distance(other, one) == pytest.approx(0.5, rel=1e-6)
    assert math.isnan(change_at(ray(1.0, 2.0), 0.5))


def test_at_equal_loss_a_network_that_is_only_ahead_is_as_smooth() -> None:
    def rows(rate: float, factor: float) -> list[dict[str, Any]]:
        losses = [(s, 2.0 * math.exp(-rate * s / 100)) for s in range(0, 100, 5)]
        return [{"step": s, "ray": ray(factor * loss**2, loss)} for s, loss in losses]

    slow, fast = view(falling(2, 100), rows(2, 1.0)), view(falling(4, 100), rows(4, 1.0))
    assert statistic("beta_max", fast) < 0.5 * statistic("beta_max", slow)
    assert at_matched_loss("beta_max", fast, slow) == pytest.approx(1.0, rel=0.02)
    smoother = view(falling(4, 100), rows(4, 0.25))
    assert at_matched_loss("beta_max", smoother, slow) == pytest.approx(0.25, rel=0.02)
    apart = view(falling(4, 100), [{"step": 0, "ray": ray(1.0, 50.0)}, {"step": 5, "ray": ray(1.0, 40.0)}])
    assert math.isnan(at_matched_loss("beta_max", apart, slow))


def test_a_wrong_choice_costs_what_the_worse_runs_lose() -> None:
    best, worse = view(falling(4, 100), lr=0.1), view(falling(2, 100), lr=1.0)
    found = sensitivity({0.1: best, 1.0: worse})
    assert found == pytest.approx(math.sqrt(math.exp(2)), rel=0.03)
    lost = view([2.0, None], lr=3.0)
    assert sensitivity({0.1: best, 3.0: lost}) == pytest.approx(math.sqrt(math.exp(4)), rel=0.03)
    assert sensitivity({0.1: best}) == 1.0


def test_a_band_is_as_wide_as_the_losses_are_apart_and_infinite_where_one_is_lost() -> None:
    flat, high = view([1.0] * 100), view([3.0] * 100)
    assert band({0.1: flat, 1.0: high}) == pytest.approx(2.0)
    lost = view([1.0] * 50 + [None])
    assert band({0.1: flat, 1.0: lost}) == math.inf
    assert band({0.1: flat, 1.0: lost}, (0.0, 0.4)) == 0.0


def test_a_run_that_diverged_is_infinite_from_there_on_and_at_chance() -> None:
    rows = [{"step": s, "ray": ray(1.0, 2.0), "accuracy": {"as_trained": 0.9}} for s in (0, 10)]
    lost = view([2.0] * 20 + [None], rows)
    assert series("beta_max", lost) == ((0, 10, 20), [pytest.approx(1.0), pytest.approx(1.0), math.inf])
    assert statistic("beta_max", lost, (0.0, 0.1)) == pytest.approx(1.0)
    assert statistic("beta_max", lost) == math.inf
    assert statistic("beta_max", lost, over="median") == math.inf
    assert statistic("train_accuracy_as_trained", lost, (0.9, 1.0), "mean") == 0.1
    assert statistic("test_accuracy", lost) == 0.1


def test_a_statistic_that_was_not_measured_is_nan_and_an_unknown_one_an_error() -> None:
    assert math.isnan(statistic("ics_l2", view(falling(1, 100), [{"step": 0}])))
    with pytest.raises(KeyError):
        statistic("beauty", view(falling(1, 100), [{"step": 0}]))


def test_both_conditions_have_to_hold_at_once() -> None:
    second = [
        {"hess_bn": 1.0, "bend": -1.0, "smallest": 0.0, "largest": 1.0},
        {"hess_bn": 1.0, "bend": 0.5, "smallest": -1e-3, "largest": 1.0},
        {"hess_bn": -1.0, "bend": -1.0, "smallest": -0.5, "largest": 1.0},
        {"hess_bn": None, "bend": -1.0, "smallest": None, "largest": None},
    ]
    found = view(falling(1, 100), [{"step": 0, "second_order": second}])
    assert statistic("both_non_negative", found, over="mean") == pytest.approx(1 / 3)
    assert statistic("hess_bn_positive", found, over="mean") == pytest.approx(2 / 3)
    assert statistic("downstream_nearly_psd", found, over="mean") == pytest.approx(2 / 3)
    assert statistic("downstream_psd", found, over="mean") == pytest.approx(1 / 3)


def test_a_cosine_keeps_its_sign_and_its_size_does_not() -> None:
    layers = [{"cosine": 1.0}, {"cosine": 0.6}, {"cosine": -0.4}]
    found = view(falling(1, 100), [{"step": 0, "ics": layers}])
    assert statistic("ics_cosine", found, over="mean") == pytest.approx(0.1)
    assert statistic("ics_cosine_size", found, over="mean") == pytest.approx(0.5)


def test_a_swing_is_the_largest_over_the_smallest_spread_in_time() -> None:
    rows = [
        {"step": s, "moments": [{"var": v}, {"var": 1.0}, {"var": 99.0}]} for s, v in ((0, 1.0), (50, 16.0))
    ]
    assert statistic("deviation_swing", view(falling(1, 100), rows)) == pytest.approx(2.0)
