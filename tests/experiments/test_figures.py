"""Every figure is drawn from records alone, shows what the paper's does, and is left out where its runs are missing."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from bnverify.experiments import figures
from bnverify.experiments.figures import draw_all, fig_7, panels, plates, protocol, ratio, style
from bnverify.experiments.measure.compact import compact
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


@pytest.mark.parametrize("name", plates())
def test_every_figure_has_its_runs_says_what_to_see_and_names_its_data(
    name: str, drawn: dict[str, Figure]
) -> None:
    plate, note = plates()[name], drawn[name].get_supxlabel().replace("\n", " ")
    assert plate.sees.startswith("See ")
    assert figures.caption(name) == f"{plate.sees} {plate.caption}"
    assert (labels.SYNTHETIC in note) == (plate.data != "pictures")
    assert ("CIFAR-10, JPEG copy" in note) == (plate.data != "synthetic")


@pytest.mark.parametrize("name", plates())
def test_every_figure_fits_on_a_telephone(name: str, drawn: dict[str, Figure]) -> None:
    figure = drawn[name]
    assert figure.get_figwidth() * 96 <= 390
    assert all(legend.get_window_extent().width <= figure.bbox.width for legend in figure.legends)


def test_a_figure_is_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = (
        "from bnverify.experiments.figures import style\n"
        "from bnverify.experiments.figures.plate import Plate\n"
        "PLATES = (Plate('fig_99', 'See it.', 'It.', lambda shelf: style.grid(1)[0], (('vgg', ('l2',)),)),)\n"
    )
    (tmp_path / "fig_99.py").write_text(source)
    monkeypatch.setattr(figures, "__path__", [*figures.__path__, str(tmp_path)])
    try:
        assert list(plates())[-5:-4] == ["fig_99"] or "fig_99" in plates()
        assert figures.needs(("99",)) == (("vgg", ("l2",)),)
    finally:
        sys.modules.pop("bnverify.experiments.figures.fig_99", None)


@pytest.mark.parametrize(("name", "rates"), [("fig_10", (1e-6, 1e-6, 1e-7, 1e-7)), ("fig_13", (1e-6,) * 4)])
def test_full_batch_pictures_have_the_curvature_and_two_over_the_learning_rate(
    name: str, rates: tuple[float, ...], drawn: dict[str, Figure]
) -> None:
    betas = [axes for axes in drawn[name].axes if axes.get_ylabel() == "effective β"]
    for axes, lr in zip(betas, rates, strict=True):
        lines = {line.get_label(): line for line in axes.lines}
        assert list(lines["2 / learning rate"].get_ydata()) == [2 / lr, 2 / lr]
        dots = [line for line in axes.lines if line.get_marker() == "." and len(line.get_xdata()) == 3]
        assert len({line.get_color() for line in dots} & set(style.COLOURS.values())) == 2
        plain = next(line for line in dots if line.get_color() == style.COLOURS["none"])
        assert list(plain.get_ydata()) == pytest.approx([1 / lr] * 3)


@pytest.mark.parametrize(("name", "letters"), [("fig_4", "abc"), ("fig_10", "abcabc")])
def test_linear_time_stands_beside_logarithmic_time(
    name: str, letters: str, drawn: dict[str, Figure]
) -> None:
    axes = drawn[name].axes
    assert "".join(one.get_title()[1] for one in axes[::2]) == letters
    assert {one.get_yscale() for one in axes} == {"log"}
    assert {one.get_xscale() for one in axes[::2]} == {"linear"}
    assert {one.get_xscale() for one in axes[1::2]} == {"log"}


@pytest.mark.parametrize(("name", "scale"), [("fig_13", "linear"), ("fig_13_log", "log")])
def test_every_normalisation_has_a_panel_of_its_own_against_the_standard_network(
    name: str, scale: str, drawn: dict[str, Figure]
) -> None:
    axes = drawn[name].axes
    assert [one.get_title() for one in axes[:4]] == [
        f"(a) {labels.NETWORKS[norm].removeprefix('Standard + ')}"
        for norm in ("batchnorm", "l1", "l2", "linf")
    ]
    assert len(axes) == 16
    for one in axes:
        assert one.get_xscale() == scale
        named = {line.get_label() for line in one.lines} & set(labels.NETWORKS.values())
        assert len(named) == 2
        assert labels.NETWORKS["none"] in named


def test_compact_runs_show_what_they_keep_and_leave_out_the_rest(runs: list[Run], tmp_path: Path) -> None:
    places = []
    for run in runs:
        if run.folder.parent.name in ("vgg", "dln") and run.recipe.norm in ("none", "batchnorm"):
            places.append(tmp_path / run.folder.parent.name / run.folder.name)
            compact(run, places[-1])
    shelf = Shelf(record.read(place) for place in places)
    with style.look():
        drawn = dict(figures.draw(shelf, ("3", "4", "6", "9", "10", "ratio")))
    assert set(drawn) == {"fig_3", "fig_3_dln", "fig_4", "fig_10", "ratio"}
    assert "compact records" in drawn["fig_4"].get_supxlabel()
    for name in ("fig_3", "fig_4", "fig_10", "ratio"):
        for axes in drawn[name].axes:
            assert any(np.isfinite(line.get_ydata()).sum() > 1 for line in axes.lines), (
                name,
                axes.get_title(),
            )


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
    assert len(by_layer) == 2
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


def test_a_network_on_its_way_to_divergence_does_not_flatten_the_band_over_rates(
    runs: list[Run], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "band", lambda views: ([1.0, 0.5], [2.0, 1e30]))
    with style.look():
        axes = style.canvas(1, 1)[1][0][0]
        protocol._bands(axes, Shelf(runs))
    low, high = axes.get_ylim()
    assert 0 < low < 0.5
    assert high == panels.ROOM * 2.0


def test_insertions_into_both_models_are_drawn_and_a_change_of_sign_is_marked(
    drawn: dict[str, Figure],
) -> None:
    for name in ("fig_7", "fig_7_dln"):
        panels_of = {axes.get_title(): axes for axes in drawn[name].axes if axes.get_title()}
        assert set(panels_of) == {"plain network", "with one BatchNorm: z = y", *labels.QUANTITIES.values()}
        written = [text.get_text() for text in panels_of["curvature, all weights"].texts]
        assert sum(text.startswith("±") for text in written) == 3
        assert len(written) == 12


def test_everything_any_panel_shows_is_in_the_legend(drawn: dict[str, Figure]) -> None:
    shown = [text.get_text() for text in drawn["fig_5"].legends[0].get_texts()]
    assert shown == [labels.NETWORKS[norm] for norm in ("none", "batchnorm", "l1", "l2", "linf")]


def test_figures_without_their_runs_are_left_out(runs: list[Run], tmp_path: Path) -> None:
    shelf = Shelf(linear(runs))
    with style.look():
        names = [name for name, plate in plates().items() if plate.draw(shelf) is not None]
    assert names == ["fig_3_dln", "fig_5", "fig_9", "fig_10", "fig_13", "fig_13_log", "ratio"]
    assert draw_all([], tmp_path) == []


def test_a_figure_is_written_as_vector_and_png_and_twice_the_same(
    runs: list[Run], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = {"fig_5": plates()["fig_5"]}
    monkeypatch.setattr(figures, "plates", lambda: only)
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


def test_the_schematic_has_batchnorm_between_y_and_z_on_one_side_alone(drawn: dict[str, Figure]) -> None:
    plain, inserted = drawn["fig_7"].axes[:2]
    words = [[text.get_text() for text in axes.texts if text.get_text()] for axes in (plain, inserted)]
    assert words[0][:4] == ["x", "W", "y", "f, loss"]
    assert words[1][:6] == ["x", "W", "y", "BN", "z", "f, loss"]
    assert fig_7.RATES == {"insert": 0.1, "insert-dln": 1e-6}


def test_the_band_of_the_ratio_is_that_of_the_sign_test() -> None:
    # 24 seeds: the 7th and the 18th of the ordered values hold the median with 97.7 %.
    values = [float(i) for i in range(1, 25)]
    assert ratio.band(values) == (pytest.approx(math.sqrt(12 * 13)), 7.0, 18.0)
    assert ratio.band([3.0, 1.0, 2.0, 5.0, 4.0]) == (3.0, 1.0, 5.0)
    assert ratio.band([1.0, 2.0, 3.0, 4.0, 5.0, math.inf])[2] == math.inf


def test_a_run_that_diverged_counts_as_infinite_in_the_ratio_and_is_marked(
    make_run: Any, tmp_path: Path
) -> None:
    recipe = VggRecipe(depth=9, steps=20, checkpoints=3, size=8)
    make_run(tmp_path / "vgg" / "plain", recipe, 5)
    make_run(tmp_path / "vgg" / "normed", replace(recipe, norm="batchnorm"))
    shelf = Shelf(record.runs_under(tmp_path))
    plain, normed = (shelf.seeds("vgg", norm, 0.1) for norm in ("none", "batchnorm"))
    found = ratio.ratios(normed, plain, "loss_range")
    assert found[max(found)] == [math.inf]
    with style.look():
        figure = plates()["ratio"].draw(shelf)
    assert figure is not None
    crosses = [line for line in figure.axes[0].lines if line.get_marker() == "x"]
    assert [list(line.get_xdata()) for line in crosses] == [[6]]


def test_one_panel_alone_has_room_for_legend_and_footnote(tmp_path) -> None:
    with style.look():
        figure, (panel,) = style.grid(1)
        for label in ("Standard", "Standard + BatchNorm", "Standard + ℓ₁", "Standard + ℓ₂", "Standard + ℓ∞"):
            panel.plot([0, 1], [1, 2], label=label)
        panel.set_title("VGG, learning rate 0.1")
        style.legend(figure)
        style.footnote(
            figure, "CIFAR-10, JPEG copy; steps count from 1; from compact records: statistics of a step" * 2
        )
        style.save(figure, tmp_path, "alone")
    box = panel.get_window_extent()
    assert box.height > 0.3 * figure.bbox.height
    assert box.width > 0.7 * figure.bbox.width
