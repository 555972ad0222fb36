"""A fit predicts what it was not given; features that carry the target win, and a fit never sees what it is judged
on."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bnverify.experiments.judge import rules
from bnverify.experiments.judge.verdicts import judge
from bnverify.experiments.measure import predict
from bnverify.experiments.measure.predict import Sample
from bnverify.experiments.measure.shelf import Shelf
from bnverify.experiments.run.recipes import DEPTHS, SWEEP_DLN, DlnRecipe, NormKind
from bnverify.experiments.run.record import Run

NORMS: tuple[NormKind, ...] = ("batchnorm", "l1", "l2", "linf")
BASE = 1e-5


def row(step: int, curvature: float, noise: float) -> dict[str, Any]:
    """A measured step at which effective beta and lambda_max are the curvature, and all else is noise."""
    terms = [{"scaled": noise, "grad_sq": 1.0, "kept": 1 / (1 + noise)}] * 2
    ray = {
        "lengths": [0.5],
        "changes": [0.5 * curvature * noise],
        "direction_norm": noise,
        "grad_norm": noise,
        "loss": 1.0,
        "losses": [1.0],
    }
    return {
        "step": step,
        "ray": ray,
        "terms": terms,
        "second_order": [
            {"chain": -2 * curvature, "bend": curvature},
            {"chain": 0.1 * curvature, "bend": 0.0},
        ],
        "weight_norm": 1 / noise,
        "lambda_max": curvature,
    }


def runs(seeds: int = 5) -> list[Run]:
    """Linear networks of three depths; the largest usable learning rate falls with the curvature at step 0."""
    found = []
    draw = np.random.default_rng(0)
    for norm in NORMS:
        for layers in DEPTHS:
            curvatures = np.exp(draw.normal(size=(seeds, 3)))
            noise = np.exp(draw.normal(size=(seeds, 3)))
            for lr in (BASE, *SWEEP_DLN):
                recipe = DlnRecipe(norm=norm, layers=layers, lr=lr, seeds=seeds, steps=3, checkpoints=3)
                by_seed = [
                    [row(t, *pair) for t, pair in enumerate(zip(*of, strict=True))]
                    for of in zip(curvatures, noise, strict=True)
                ]
                rows = [
                    {
                        key: [by_seed[s][t][key] for s in range(seeds)]
                        for key in by_seed[0][0]
                        if key != "step"
                    }
                    | {"step": t}
                    for t in range(3)
                ]
                ends = [0.1 if lr < 3.5e-4 / curvatures[s, 0] else 2.0 for s in range(seeds)]
                losses = {"from": 0, "losses": [[1.0] * seeds, [1.0] * seeds, ends]}
                measured = rows if lr == BASE else []
                found.append(
                    Run(
                        Path(f"out/depth/{norm}-{layers}-{lr}"),
                        recipe,
                        [*measured, losses],
                        {"status": "finished"},
                        {},
                    )
                )
    return found


def test_the_feature_that_carries_the_target_predicts_it_and_noise_does_not() -> None:
    shelf = Shelf(runs())
    for target in ("beta_max", "lambda_max"):
        found = predict.samples(shelf, "dln", BASE, target)
        assert len(found) == 4 * 3 * 5 * 3
        assert max(predict.errors(found, predict.FEATURES["curvature"], False).values()) < 1e-9
        assert max(predict.errors(found, predict.FEATURES["curvature"], True).values()) < 1e-9
        assert min(predict.errors(found, predict.FEATURES["baselines"], False).values()) > 0.3
    ratios = predict.log_ratios(shelf, "predict-dln", BASE, "usable_lr_new_norm", "terms", "baselines")
    assert len(ratios) == 5
    assert all(ratio < 0 for ratio in ratios.values())


def test_a_claim_on_prediction_is_judged_like_any_other() -> None:
    registered = rules.registered()
    rule = registered.claims["ext-bound-adds-to-baselines"]
    endpoint = replace(rule.primary, statistic="lambda_max_new_norm")
    turned = replace(endpoint, of=("baselines",), against=("both",))
    for one, verdict in ((endpoint, "reproduced"), (turned, "opposite")):
        only = replace(registered, claims={rule.id: replace(rule, primary=one)})
        (found,) = judge(only, runs(seeds=8), grid=False)
        assert found.verdict == verdict


def test_a_fit_never_sees_the_seed_or_the_normalisation_it_is_judged_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [
        Sample(norm, seed, {"scale": float(i)}, float(i))
        for i, (norm, seed) in enumerate((n, s) for n in ("a", "b", "c") for s in range(3) for _ in range(4))
    ]
    seen = []

    def spy(train: list[Sample], held_out: list[Sample], names: tuple[str, ...]) -> np.ndarray:
        seen.append(len(held_out))
        for sample in held_out:
            assert all(t.seed != sample.seed for t in train)
            assert not new_norm or all(t.norm != sample.norm for t in train)
        return np.zeros(len(held_out))

    monkeypatch.setattr(predict, "predicted", spy)
    for new_norm in (False, True):
        seen.clear()
        pairs = predict.predictions(found, ("scale",), new_norm)
        assert sum(seen) == len(pairs) == len(found)


def test_least_squares_is_that_of_the_normal_equations_and_drops_what_does_not_vary() -> None:
    draw = np.random.default_rng(1)
    x = draw.normal(size=(30, 2))
    made = [
        Sample("a", 0, {"u": u, "v": v, "same": 7.0}, 1 + 2 * u - 3 * v + e)
        for (u, v), e in zip(x, 0.1 * draw.normal(size=30), strict=True)
    ]
    train, held_out = made[:20], made[20:]
    design = np.column_stack([np.ones(20), x[:20]])
    solved = np.linalg.solve(design.T @ design, design.T @ np.array([s.target for s in train]))
    expected = np.column_stack([np.ones(10), x[20:]]) @ solved
    np.testing.assert_allclose(predict.predicted(train, held_out, ("u", "same", "v")), expected, rtol=1e-10)


def test_features_are_logarithms_of_what_was_recorded_and_missing_ones_leave_the_sample_out() -> None:
    found = predict.features(row(0, 3.0, 2.0), 10)
    assert found == pytest.approx(
        {
            "scale": math.log(2.0),
            "kept": -math.log(3.0),
            "curvature": math.log(3.0),
            "grad_sq": 0.0,
            "weight_grad_sq": 2 * math.log(2.0),
            "depth": math.log(10),
            "weight_norm": -math.log(2.0),
        }
    )
    first_order_alone = {k: v for k, v in row(0, 3.0, 2.0).items() if k != "second_order"}
    assert math.isnan(predict.features(first_order_alone, 10)["curvature"])
    assert predict.samples(Shelf([]), "vgg", 0.1, "beta_max") == []
