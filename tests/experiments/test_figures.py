"""Every figure is drawn from records alone, shows what the paper's does, and is left out where its runs are missing."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bnverify.experiments import figures
from bnverify.experiments.figures import MODULES, draw_all, panels, protocol, style
from bnverify.experiments.measure.shelf import Shelf
from bnverify.experiments.report import labels
from bnverify.experiments.run import record, train
from bnverify.experiments.run.recipes import DlnRecipe, VggRecipe
from bnverify.experiments.run.record import Run
from matplotlib.figure import Figure


@pytest.fixture(scope="module")
def runs(made_up: Path) -> list[Run]:
    return record.runs_under(made_up)


@pytest.fixture(scope="module")
def drawn(runs: list[Run]) -> Iterator[dict[str, Figure]]:
    with style.look():
        yield dict(figures.draw(Shelf(runs)))


def linear(runs: list[Run], *norms: str) -> list[Run]:
    """The paper's linear networks, those of ``norms`` if any are named."""
    wanted = norms or tuple(labels.NETWORKS)
    return [run for run in runs if run.folder.parent.name == "dln" and run.recipe.norm in wanted]


@pytest.mark.parametrize("name", MODULES)
def test_every_figure_has_its_runs_its_caption_and_names_its_data(
    name: str, drawn: dict[str, Figure]
) -> None:
    figure = drawn[name]
    assert figures.caption(name)
    note = figure.get_supxlabel()
    assert (labels.SYNTHETIC in note) == (name in (*figures.LINEAR, *figures.BOTH))
    assert ("CIFAR-10, JPEG copy" in note) == (name not in figures.LINEAR)


@pytest.mark.parametrize("name", ["fig_10", "fig_13"])
def test_full_batch_pictures_have_the_curvature_and_two_over_the_learning_rate(
    name: str, drawn: dict[str, Figure]
) -> None:
    betas = [axes for axes in drawn[name].axes if axes.get_ylabel() == "effective β"]
    assert len(betas) == 2
    for axes, lr in zip(betas, (1e-6, 1e-7), strict=True):
        lines = {line.get_label(): line for line in axes.lines}
        assert list(lines["2 / learning rate"].get_ydata()) == [2 / lr, 2 / lr]
        dots = [line for line in axes.lines if line.get_marker() == "." and len(line.get_xdata()) == 3]
        assert {line.get_color() for line in dots} >= {style.COLOURS["none"], style.COLOURS["batchnorm"]}
        plain = next(line for line in dots if line.get_color() == style.COLOURS["none"])
        assert list(plain.get_ydata()) == pytest.approx([1 / lr] * 3)


@pytest.mark.parametrize(
    ("name", "letters"), [("fig_4", "abc"), ("fig_10", "abcabc"), ("fig_13", "abcdabcd")]
)
def test_landscapes_are_logarithmic_in_both_directions(
    name: str, letters: str, drawn: dict[str, Figure]
) -> None:
    axes = drawn[name].axes
    assert "".join(one.get_title()[1] for one in axes) == letters
    for one in axes:
        assert one.get_yscale() == "log"
        assert one.get_xscale() == ("linear" if one.get_ylabel() == "training loss" else "log")


def test_a_seed_that_overflows_is_marked_at_the_edge_or_opens_the_band(make_run: Any, tmp_path: Path) -> None:
    recipe = DlnRecipe(steps=20, checkpoints=3, seeds=1)
    for norm in ("none", "batchnorm"):
        make_run(tmp_path / norm, replace(recipe, norm=norm))  # type: ignore[arg-type]
    with style.look():
        figure = dict(figures.draw(Shelf(record.runs_under(tmp_path))))["fig_10"]
    band = figure.axes[0]
    top = max(line.get_ydata().max() for line in band.lines if line.get_color() == style.COLOURS["none"])  # type: ignore[union-attr]
    assert math.isfinite(top)
    assert top > band.get_ylim()[1]


def test_single_seeds_beyond_the_axis_are_marked() -> None:
    with style.look():
        axes = style.canvas(1, 1)[1]
        axes[0][0].plot([1, 2, 3], [1.0, 1e30, 2.0], linewidth=0.4, color="#0072B2")
        style.tick(axes[0][0], "y")
        panels.cap(axes[0][0], [1.0, 2.0])
    top = axes[0][0].get_ylim()[1]
    assert top < 1e3
    marks = [line for line in axes[0][0].lines if line.get_marker() == "^"]
    assert [list(line.get_xdata()) for line in marks] == [[2]]


def test_the_median_counts_the_seeds_that_are_known_and_keeps_infinities() -> None:
    steps = [1, 2, 3]
    found = panels.median(
        [(steps, [1.0, math.inf, math.nan]), (steps, [3.0, math.inf, math.nan]), (steps, [2.0, 1.0, 5.0])]
    )
    assert found == ([1, 2], [2.0, math.inf])


def test_compared_distributions_have_one_scale(drawn: dict[str, Figure]) -> None:
    by_layer: dict[str, set[tuple[float, float]]] = {}
    for axes in drawn["fig_6"].axes:
        by_layer.setdefault(axes.get_title().partition(",")[0], set()).add(axes.get_ylim())
    assert len(by_layer) == 3
    assert all(len(scales) == 1 for scales in by_layer.values())


def test_a_band_over_learning_rates_ends_with_the_shortest_and_opens_where_one_diverged(
    runs: list[Run],
) -> None:
    shelf = Shelf(runs)
    low, high = protocol.band(protocol.trained(shelf, "none", 0))
    assert len(low) == 10
    assert all(map(math.isfinite, high))
    low, high = protocol.band(protocol.trained(shelf, "none", 1))
    assert [math.isinf(x) for x in high] == [False] * 4 + [True] * 6
    assert protocol.trained(shelf, "l1", 0) == []


def test_insertions_into_both_models_are_drawn_and_a_change_of_sign_is_marked(
    drawn: dict[str, Figure],
) -> None:
    panels_of = {axes.get_title(): axes for axes in drawn["fig_7"].axes if axes.get_title()}
    assert len(panels_of) == 2 * len(labels.QUANTITIES)
    for model in ("VGG", "DLN"):
        written = [text.get_text() for text in panels_of[f"{model}, curvature, all weights"].texts]
        assert sum(text.startswith("±") for text in written) == 3
        assert len(written) == 12


def test_everything_any_panel_shows_is_in_the_legend(drawn: dict[str, Figure]) -> None:
    shown = [text.get_text() for text in drawn["fig_5"].legends[0].get_texts()]
    assert shown == [labels.NETWORKS[norm] for norm in ("none", "batchnorm", "l1", "l2", "linf")]


def test_figures_without_their_runs_are_left_out(runs: list[Run], tmp_path: Path) -> None:
    with style.look():
        names = [name for name, _ in figures.draw(Shelf(linear(runs)))]
    assert names == ["fig_3", "fig_5", "fig_9", "fig_10", "fig_13"]
    assert draw_all([], tmp_path) == []


def test_a_figure_is_written_as_vector_and_png_and_twice_the_same(
    runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "MODULES", ("fig_5",))
    of = linear(runs, "none", "batchnorm")
    paths = draw_all(of, tmp_path / "a")
    heads = {".pdf": b"%PDF", ".svg": b"<?xml", ".png": b"\x89PNG"}
    assert {path.suffix for path in paths} == set(heads)
    for one, other in zip(paths, draw_all(of, tmp_path / "b"), strict=True):
        assert one.read_bytes().startswith(heads[one.suffix])
        assert one.suffix == ".png" or one.read_bytes() == other.read_bytes()


def keys_of(value: Any) -> Any:
    """The names in a row, at every depth; a list stands for its first item."""
    if isinstance(value, dict):
        return {key: keys_of(item) for key, item in value.items()}
    return keys_of(value[0]) if isinstance(value, list) and value else None


def within(part: Any, whole: Any) -> bool:
    return not isinstance(part, dict) or all(key in whole and within(part[key], whole[key]) for key in part)


def test_the_made_up_rows_have_the_names_that_real_rows_have(runs: list[Run], tmp_path: Path) -> None:
    tiny = VggRecipe(depth=9, width=1 / 64, size=8, batch_size=8, steps=2, checkpoints=2, probes=2, lanczos=1)
    pairs = {
        "vgg/batchnorm-lr0.1-seed0": replace(tiny, norm="batchnorm", directions=1),
        "insert/seed0": replace(tiny, insert=True),
        "dln/batchnorm-lr1e-06": DlnRecipe(
            norm="batchnorm", layers=3, dim=2, samples=9, steps=2, checkpoints=2
        ),
    }
    for name, recipe in pairs.items():
        train.run(recipe, tmp_path / name)
        made = next(run for run in runs if run.folder.as_posix().endswith(name))
        assert within(keys_of(made.measured()[0]), keys_of(record.read(tmp_path / name).measured()[0])), name
