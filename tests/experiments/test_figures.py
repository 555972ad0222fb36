"""Every figure is drawn from records alone, and left out where its runs are missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from bnverify.experiments import record, train
from bnverify.experiments.figures import MODULES, draw_all
from bnverify.experiments.plans import plan
from bnverify.experiments.recipes import VggRecipe

SMALL = (
    "steps=6",
    "checkpoints=2",
    "width=0.03125",
    "size=8",
    "batch_size=16",
    "probes=2",
    "lanczos=1",
    "layers=6",
    "dim=3",
    "samples=20",
)


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[record.Run]:
    """All runs of the quick preset at one rate, two seeds, six steps; a diverged one among them."""
    folder = tmp_path_factory.mktemp("runs")
    for p in plan("quick", seeds=2, overrides=SMALL):
        if p.family != "sweep" or p.recipe.lr == 1.0:
            train.run(p.recipe, folder / p.path)
    diverged = VggRecipe(depth=9, width=1 / 32, size=8, batch_size=16, steps=20, lr=3e5, checkpoints=2)
    train.run(replace(diverged, norm="none", seed=0), folder / "vgg" / "diverged")
    return record.runs_under(folder)


@pytest.fixture(scope="module")
def drawn(runs: list[record.Run], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path]]:
    folder = tmp_path_factory.mktemp("figures")
    return folder, draw_all(runs, folder)


@pytest.mark.parametrize("name", MODULES)
def test_every_figure_is_written_as_vector_and_png(name: str, drawn: tuple[Path, list[Path]]) -> None:
    folder, paths = drawn
    stem = name.replace("_", "-")
    for kind, head in (("pdf", b"%PDF"), ("svg", b"<?xml"), ("png", b"\x89PNG")):
        path = folder / f"{stem}.{kind}"
        assert path in paths
        assert path.read_bytes().startswith(head)


def test_figures_without_their_runs_are_left_out(runs: list[record.Run], tmp_path: Path) -> None:
    linear = [run for run in runs if not isinstance(run.recipe, VggRecipe)]
    names = {path.stem for path in draw_all(linear, tmp_path)}
    assert names == {"fig-3", "fig-5", "fig-9", "fig-10", "fig-13"}
    assert draw_all([], tmp_path) == []


def test_drawing_twice_gives_the_same_vector_files(runs: list[record.Run], tmp_path: Path) -> None:
    linear = [
        run
        for run in runs
        if not isinstance(run.recipe, VggRecipe) and run.recipe.norm in ("none", "batchnorm")
    ]
    first, second = draw_all(linear, tmp_path / "a"), draw_all(linear, tmp_path / "b")
    for one, other in zip(first, second, strict=True):
        if one.suffix in (".svg", ".pdf"):
            assert one.read_bytes() == other.read_bytes()
