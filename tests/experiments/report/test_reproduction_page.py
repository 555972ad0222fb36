"""The page of a reproduction says what the runs and summaries say, contrary evidence included, and works offline."""

from __future__ import annotations

import html.parser
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bnverify.experiments import figures
from bnverify.experiments.judge import rules, summary
from bnverify.experiments.judge.badges import answer
from bnverify.experiments.judge.verdicts import Cell, Judged
from bnverify.experiments.measure.shelf import Shelf
from bnverify.experiments.report import reproduction_content as content
from bnverify.experiments.report import reproduction_page, reproduction_runs
from bnverify.experiments.report.html import seeds_of
from bnverify.experiments.report.strips import axis_of, course, strip
from bnverify.experiments.run import record
from bnverify.experiments.run.recipes import DlnRecipe, VggRecipe

from bnverify.base.errors import InputError

REGISTERED = rules.registered()


def found(*logs: float, name: str = "fig-4b", data: str = "fashion-mnist") -> dict[str, Any]:
    """A summary of one claim with these log ratios, seed by seed."""
    rule = REGISTERED.claims[name]
    cells = tuple(
        Cell(of, rule.primary, of, against, dict(enumerate(logs)), answer(list(logs), rule.primary))
        for of in rule.primary.of
        for against in rule.primary.against
    )
    judged = [
        Judged(replace(rule, quote="a <significant> difference"), cells[0].word, "S1", cells, parts=cells)
    ]
    machine = dict.fromkeys(("processor", "cores", "device", "python", "torch"), "m") | {"commit": None}
    changes = {
        "machine": machine,
        "note": "busy & loud",
        "data": [data] if data else [],
        "diverged": ["vgg/none-lr3-seed1"],
    }
    return summary.summarise(REGISTERED, [], judged, "bnverify reproduce --data <here>") | changes


LARGE = [-4.7, -4.8, -4.6, -4.75, -4.65, -4.7, -4.72]
NEAR = [-1.0, -1.1, -0.9, -1.05, -0.95, -1.0, -1.02]


class Links(html.parser.HTMLParser):
    """What a page would load or jump to."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.jumps: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in ("script", "img", "iframe", "link") and (values.get("src") or values.get("href")):
            self.loads.append(str(values.get("src") or values.get("href")))
        if tag == "a" and values.get("href"):
            self.jumps.append(str(values["href"]))
        if values.get("id"):
            self.ids.append(str(values["id"]))


@pytest.fixture(scope="module")
def few_figures() -> Iterator[None]:
    """Two figures stand for all; each takes a second."""
    patch = pytest.MonkeyPatch()
    only = {name: figures.plates()[name] for name in ("fig_4", "fig_7")}
    patch.setattr(figures, "plates", lambda: only)
    yield
    patch.undo()


@pytest.fixture(scope="module")
def written(
    made_up: Path, few_figures: None, tmp_path_factory: pytest.TempPathFactory
) -> reproduction_page.Written:
    return reproduction_page.write(made_up, tmp_path_factory.mktemp("page"))


@pytest.fixture(scope="module")
def text(written: reproduction_page.Written) -> str:
    return written.page.read_text(encoding="utf-8")


def test_it_loads_nothing_and_every_jump_lands(text: str) -> None:
    links = Links()
    links.feed(text)
    assert links.loads == []
    assert all(jump.startswith("#") for jump in links.jumps)
    assert {jump.removeprefix("#") for jump in links.jumps} <= set(links.ids)
    assert len(links.ids) == len(set(links.ids))


def test_every_part_is_there_and_the_data_has_its_full_name(text: str) -> None:
    for part in ("claims", "figures", "insertion", "protocols", "networks", "definitions", "made"):
        assert f'<h2 id="{part}"' in text
    assert "CIFAR-10, JPEG copy" in text
    assert 'id="figure-fig-4"' in text
    assert "networks trained apart, a rate each" in text
    assert "What others found" in text
    assert "<summary>Words used here</summary>" in text


def test_what_single_fields_change_is_a_table(text: str) -> None:
    table = text.partition('<h2 id="effects"')[2].partition("</table>")[0]
    assert "bias=true" in table
    assert "unchanged" in table


def test_a_whole_reproduction_misses_nothing(written: reproduction_page.Written, text: str) -> None:
    assert written.missing == ()
    assert 'id="missing"' not in text


def test_a_diverged_network_is_listed_as_a_result(text: str) -> None:
    assert "seed 1 at step 5" in text
    assert "vgg/none-lr1 (1 seed): recorded as results" in text


def test_the_theme_reaches_the_figures(text: str) -> None:
    assert "var(--net-batchnorm)" in text
    assert "#0072b2" not in text.partition('id="figures"')[2]


def test_cells_keep_every_seed_the_interval_and_the_parts() -> None:
    [claim] = content.claims([content.source("x", found(*LARGE[:6], -math.inf))])
    [seen] = claim.found
    for words in (">110 · 122", " · ∞</div>", "<b>×", "BatchNorm / Standard"):
        assert words in seen.primary
    assert seen.verdict == "reproduced"
    assert '<span class="badge reproduced">' in seen.parts
    assert claim.figure == "fig-4"
    assert claim.paper == "close to two orders of magnitude"


def test_the_words_of_the_first_rules_stand_beside_the_badge() -> None:
    [claim] = content.claims([content.source("x", found(*LARGE))])
    assert ("quick-cifar10", "partly") in claim.earlier
    page = reproduction_page.html([content.source("x", found(*LARGE))])
    assert "Version 1 of the rules said: partly (quick-cifar10)" in page


@pytest.mark.parametrize("name", ["fig-4b", "fig-8", "fig-1c", "fig-5.dln", "fig-3.vgg"])
def test_a_strip_shades_what_is_claimed_and_has_a_dot_for_every_seed(name: str) -> None:
    claim = found(*NEAR, name=name)["claims"][0]
    endpoint, cell = claim["endpoint"], claim["cells"][0]
    axis = axis_of([cell], endpoint)
    picture = strip(cell, endpoint, axis)
    assert picture.count("<circle") == 7
    shaded = picture.partition('class="claimed" x="')[2]
    start, width = float(shaded.partition('"')[0]), float(shaded.partition('width="')[2].partition('"')[0])
    inside = start <= axis.at(0.0) <= start + width
    assert inside == (name not in ("fig-4b", "fig-8"))


def test_a_course_has_a_band_around_the_ratio_and_nothing_comes_of_nothing() -> None:
    endpoint = found(*NEAR)["claims"][0]["endpoint"]
    points = [
        {"at": 0.1, "centre": -4.0, "low": "-inf", "high": -2.0},
        {"at": 0.9, "centre": 0.0, "low": -1, "high": "inf"},
    ]
    picture = course(points, endpoint)
    assert picture.count("<polygon") == picture.count("<polyline") == 1
    assert "nan" not in picture
    assert "inf" not in picture
    assert course([], endpoint) == ""


def test_several_data_sets_stand_side_by_side() -> None:
    sources = [
        content.source("a", found(*LARGE, data="digits")),
        content.source("b", found(*NEAR, data="cifar10 (JPEG copy)")),
        content.source("c", found(*NEAR, name="fig-11", data="")),
    ]
    assert [claim.id for claim in content.claims(sources)] == ["fig-4b", "fig-11"]
    page = reproduction_page.html(sources)
    head = page.partition("<thead>")[2].partition("</thead>")[0]
    for name in ("scikit-learn&#39;s digits", "CIFAR-10, JPEG copy", "synthetic Gaussian data"):
        assert name in head
    assert "a &lt;significant&gt; difference" in page
    assert "busy &amp; loud" in page


def test_protocols_are_compared_by_the_conclusion_of_each() -> None:
    assert content.protocols(found(*LARGE)) == (
        ("the paper: largest ‖g′ − g‖ on one batch, along its gradient", found(*LARGE)["claims"][0]["badge"]),
    )


def test_the_band_over_the_rates_of_the_linear_networks_stands_beside_their_probe(
    made_up: Path, make_run: Callable[..., Path], text: str, tmp_path: Path
) -> None:
    runs = record.runs_under(made_up)
    made = reproduction_runs.band_over_rates(runs, common=True)
    assert made is not None
    assert made[1] in text
    make_run(tmp_path / "dln" / "none-lr1e-06-seeds2", DlnRecipe(steps=20, checkpoints=3, seeds=2))
    assert reproduction_runs.band_over_rates(record.runs_under(tmp_path), common=True) is None


def test_an_insertion_counts_changes_of_sign(made_up: Path) -> None:
    shelf = Shelf(record.runs_under(made_up))
    table = reproduction_runs.insertions(shelf, "insert", 0.1)
    assert table is not None
    columns = [column.name for column in table.columns]
    curvature = [row[columns.index("curvature, all weights")] for row in table.rows]
    assert "± 6/6" in curvature[0]
    assert "±" not in curvature[1]
    assert reproduction_runs.insertions(shelf, "insert", 0.5) is None


def test_runs_on_their_way_and_seeds_not_begun_are_missing(
    make_run: Callable[..., Path], tmp_path: Path
) -> None:
    recipe = VggRecipe(steps=20, checkpoints=3, data="digits")
    make_run(tmp_path / "vgg" / "none-lr0.1-seed0", recipe)
    make_run(tmp_path / "vgg" / "none-lr0.1-seed1", replace(recipe, seed=1), finished=False)
    make_run(tmp_path / "vgg" / "l1-lr0.1-seed0", replace(recipe, norm="l1"))
    assert reproduction_runs.missing(record.runs_under(tmp_path), tmp_path) == (
        "vgg/l1-lr0.1: seed 1 not begun",
        "vgg/none-lr0.1-seed1 stands at step 20 of 20",
    )


def test_bad_folders_are_one_line_with_the_way_out(make_run: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no runs; name a folder that bnverify reproduce"):
        reproduction_page.write(tmp_path)
    make_run(tmp_path / "dln" / "none-lr1e-06", DlnRecipe(steps=20, checkpoints=3), finished=False)
    with pytest.raises(InputError, match=r"none of the 1 runs .* has ended; go on with `bnverify reproduce"):
        reproduction_page.write(tmp_path)


def test_runs_that_no_claim_rests_on_are_no_reproduction(
    make_run: Callable[..., Path], tmp_path: Path
) -> None:
    make_run(tmp_path / "own" / "run", DlnRecipe(steps=20, checkpoints=3, lr=3e-6))
    with pytest.raises(InputError, match="no claim rests on the 1 runs"):
        reproduction_page.write(tmp_path)


def test_the_committed_summaries_give_a_page() -> None:
    sources = reproduction_page.summaries()
    if not sources:
        pytest.skip("no summary has been committed")
    page = reproduction_page.html(sources, home="index.html#verdicts")
    assert all(f'id="{claim["id"]}"' in page for one in sources for claim in one.summary["claims"])


def test_no_summaries_are_no_sources(tmp_path: Path) -> None:
    assert reproduction_page.summaries(tmp_path) == ()
    assert reproduction_page.definitions(tmp_path / "none.md") is None


@pytest.mark.browser
def test_in_a_browser_the_page_is_legible_in_both_themes_and_fits_a_phone(
    written: reproduction_page.Written, browser: Any
) -> None:
    browser.get(written.page.as_uri())
    ink = "return getComputedStyle(document.querySelector('#figure-fig-4 svg text')).fill"
    before = browser.execute_script(ink)
    browser.find_element("css selector", ".toggle").click()
    assert browser.execute_script(ink) != before
    browser.find_element("css selector", ".toggle").click()
    assert browser.execute_script(ink) == before
    fold = browser.find_element("css selector", "#fig-13 details")
    fold.find_element("css selector", "summary").click()
    assert fold.find_element("css selector", "svg.strip circle").is_displayed()
    metrics = {"width": 375, "height": 700, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.execute_script("document.querySelectorAll('details').forEach((item) => { item.open = true; })")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 375
    letters = "[...document.querySelectorAll('figure svg text')].map((t) => t.getBoundingClientRect().height)"
    assert browser.execute_script(f"return Math.min(...{letters})") > 5
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_a_seed_is_said_as_the_size_beside_it() -> None:
    cell = {"against": "none", "log_ratios": {"0": math.log(0.25), "1": None}}
    smaller, unknown = seeds_of(cell, {"direction": "below"})
    assert smaller == pytest.approx(4.0)
    assert math.isnan(unknown)
    assert seeds_of(cell, {"direction": "within"})[0] == pytest.approx(0.25)
    assert seeds_of(cell | {"against": 2.0}, {"direction": "below"})[0] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("logs", "said"),
    [([1.0, 2.0, 3.0, math.inf], "spread of the log ratio 1.48,"), ([1.0, math.inf, math.inf], "")],
)
def test_a_spread_stands_beside_the_expected_one_unless_most_seeds_are_lost(
    logs: list[float], said: str
) -> None:
    claim = {"id": "fig-10a", "cells": [{"log_ratios": {str(i): v for i, v in enumerate(logs)}}]}
    assert said in content.spread(claim)
    assert bool(said) == bool(content.spread(claim))
