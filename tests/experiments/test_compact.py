"""A compact run is judged as the whole one is, at four digits."""

from __future__ import annotations

import gzip
import math
from dataclasses import replace
from pathlib import Path

import pytest
from bnverify.experiments.judge import summary
from bnverify.experiments.measure.compact import STEPWISE, compact, compact_all
from bnverify.experiments.measure.pairs import change_at_common_distance
from bnverify.experiments.measure.views import OVER_RUN, series, statistic, views
from bnverify.experiments.run import record, train
from bnverify.experiments.run.recipes import DlnRecipe, VggRecipe

from bnverify.base.errors import InputError

DLN = DlnRecipe(
    layers=4,
    dim=3,
    samples=20,
    seeds=2,
    steps=200,
    checkpoints=5,
    probes=3,
    far_probes=2,
    lanczos=2,
    norm="l2",
)
VGG = VggRecipe(
    depth=9, width=1 / 16, size=8, batch_size=16, steps=4, checkpoints=2, probes=2, norm="batchnorm"
)


@pytest.mark.parametrize(
    "recipe", [DLN, replace(DLN, lr=0.5, norm="none"), VGG], ids=["linear", "diverged", "vgg"]
)
def test_every_statistic_of_a_compact_run_is_that_of_the_whole_one(
    recipe: DlnRecipe | VggRecipe, tmp_path: Path
) -> None:
    train.run(recipe, tmp_path / "whole")
    whole = record.read(tmp_path / "whole")
    compact(whole, tmp_path / "small")
    small = record.read(tmp_path / "small")
    assert small.recipe == recipe
    known = 0
    for one, other in zip(views(whole), views(small), strict=True):
        assert (one.seed, one.status, one.lost_at, len(one.losses)) == (
            other.seed,
            other.status,
            other.lost_at,
            len(other.losses),
        )
        for name in STEPWISE:
            steps, values = series(name, one)
            assert series(name, other) == (steps, pytest.approx(values, rel=1e-3))
            known += len(steps)
        for name in (*OVER_RUN, "loss", "final_loss"):
            value = statistic(name, one)
            if not math.isnan(value):
                # A loss stands for a hundredth of the training; the ends of a window cut through one.
                digits = 3e-3 if "loss" in name else 1e-3
                assert statistic(name, other) == pytest.approx(value, rel=digits)
    assert known > 20


def test_two_compact_networks_are_compared_at_equal_distance_as_whole_ones_are(tmp_path: Path) -> None:
    runs = []
    for seed in (0, 1):
        train.run(replace(VGG, seed=seed), tmp_path / str(seed))
        runs.append(record.read(tmp_path / str(seed)))
    for run in runs:
        compact(run, tmp_path / "small" / run.folder.name)
    (a,), (b,) = (list(views(run)) for run in runs)
    (c,), (d,) = (list(views(record.read(tmp_path / "small" / run.folder.name))) for run in runs)
    wanted = change_at_common_distance(a, b)
    assert wanted > 0
    assert change_at_common_distance(c, d) == pytest.approx(wanted, rel=2e-3)


def test_a_compact_run_names_its_pictures_and_not_where_they_lay(tmp_path: Path) -> None:
    train.run(replace(VGG, norm="none", steps=2, checkpoints=0), tmp_path / "run")
    run = record.read(tmp_path / "run")
    compact(replace(run, recipe=replace(run.recipe, data="/home/me/pictures")), tmp_path / "small")  # type: ignore[arg-type]
    kept = record.read(tmp_path / "small").recipe
    assert kept == run.recipe
    assert "/home" not in (tmp_path / "small" / "recipe.json").read_text()


def test_a_changed_byte_a_run_on_its_way_and_a_full_folder_are_refused(tmp_path: Path) -> None:
    train.run(DLN, tmp_path / "runs" / "a")
    (tmp_path / "runs" / "plan.json").write_text('{"preset": "linear"}')
    (place,) = compact_all(tmp_path / "runs", tmp_path / "small")
    assert summary.made_by(tmp_path / "small") == ("bnverify reproduce --preset linear", "")
    metrics = place / "metrics.jsonl.gz"
    packed = metrics.read_bytes()
    metrics.write_bytes(gzip.compress(gzip.decompress(packed).replace(b'"step": 199', b'"step": 198')))
    with pytest.raises(InputError, match="another hash"):
        record.read(place)
    for at in (1, len(packed) // 2, len(packed) - 2):
        metrics.write_bytes(packed[:at] + bytes([packed[at] ^ 1]) + packed[at + 1 :])
        with pytest.raises(InputError, match=r"metrics.jsonl.gz.*(unpacked|another hash)"):
            record.read(place)
    with pytest.raises(InputError, match="is not empty"):
        compact_all(tmp_path / "runs", tmp_path / "small")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("x")
    with pytest.raises(InputError, match="full is not empty"):
        compact_all(tmp_path / "runs", tmp_path / "full")
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["letter.txt"]
    (tmp_path / "runs" / "a" / "result.json").unlink()
    with pytest.raises(InputError, match="has ended"):
        compact_all(tmp_path / "runs", tmp_path / "other")
