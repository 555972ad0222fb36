"""The page of an audit: self-contained, escaped, and alive in a browser."""

from __future__ import annotations

import html.parser
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from bnverify.experiments.report import audit_page, audit_scatter, audit_words
from bnverify.numerics.audit.report import AuditReport
from bnverify.numerics.audit.run import audit
from torch import nn


@pytest.fixture(scope="module")
def report() -> AuditReport:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 6, 3),
        nn.BatchNorm2d(6),
        nn.ReLU(inplace=True),
        nn.LocalResponseNorm(2),
        nn.GroupNorm(2, 6),
        nn.Flatten(),
        nn.Linear(216, 10),
        nn.RMSNorm(10),
        nn.Tanh(),
        nn.Linear(10, 5),
    ).double()
    x, t = torch.randn(7, 3, 8, 8).double(), torch.randint(0, 5, (7,))
    return audit(model, F.cross_entropy, x, t, mode="both", second_order=True, probes=2)


class Links(html.parser.HTMLParser):
    """What a page would load or jump to."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.jumps: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag in ("script", "img", "iframe", "link") and (found.get("src") or found.get("href")):
            self.loads.append(str(found.get("src") or found.get("href")))
        if tag == "a" and found.get("href"):
            self.jumps.append(str(found["href"]))
        if found.get("id"):
            self.ids.append(str(found["id"]))


def test_it_loads_nothing_and_every_jump_lands(report: AuditReport) -> None:
    text = audit_page.html(report)
    links = Links()
    links.feed(text)
    assert links.loads == []
    assert not re.search(r"""(?:src|href)=["']https?:|@import|url\(""", text)
    inside = {jump[1:] for jump in links.jumps if jump.startswith("#")}
    assert inside <= set(links.ids)
    assert {jump for jump in links.jumps if not jump.startswith("#")} == {"audit.json"}
    assert len(links.ids) == len(set(links.ids))


def test_the_words_of_the_house_are_explained_and_a_misprint_is_no_fault_of_the_model(
    report: AuditReport,
) -> None:
    text = audit_page.html(report)
    assert "<summary>Words used here</summary>" in text
    (printed,) = (line for line in audit_page.summary(report) if line.startswith("Theorem 4.1 as printed"))
    assert "not your model's: bnverify show thm-4.1" in printed


def test_the_digits_lost_of_every_gradient_stand_on_the_page(report: AuditReport) -> None:
    text = audit_page.html(report)
    compared = [layer for layer in report.layers if layer.backward is not None and layer.backward.lost]
    assert {layer.kind for layer in compared} >= {"BatchNorm2d", "GroupNorm"}
    for layer in compared:
        assert layer.backward is not None
        for dtype, each in layer.backward.lost.items():
            assert (
                f"{dtype} {each['input']:.1f} of the input gradient and {each['weight']:.1f} of the weight"
                in text
            )


def test_it_shows_every_layer_and_every_statement(report: AuditReport) -> None:
    text = audit_page.html(report)
    for layer in report.layers:
        assert audit_words.of_layer(layer).split(";")[0].replace("<", "&lt;").replace(">", "&gt;") in text
        for rows in layer.statements:
            assert f'id="claim-{rows.key}"' in text
    assert "divides by neighbouring channels" in text
    assert text.count('aria-label="actual against bound') == sum(
        audit_page.row(i, layer)["figure"] is not None for i, layer in enumerate(report.layers)
    )


def test_names_from_the_model_are_escaped(report: AuditReport) -> None:
    environment = {**report.environment, "model": "<script>alert(1)</script>"}
    text = audit_page.html(AuditReport(report.layers, report.not_covered, environment))
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


def test_the_folder_holds_the_page_and_its_numbers(report: AuditReport, tmp_path: Path) -> None:
    page = audit_page.write(report, tmp_path / "out")
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    stored = json.loads((tmp_path / "out" / "audit.json").read_text(encoding="utf-8"))
    assert [layer["title"] for layer in stored["layers"]] == [layer.title for layer in report.layers]
    assert stored["layers"][0]["columns"]["grad_in_sq"] == list(report.layers[0].columns["grad_in_sq"])


def test_a_layer_without_gradient_has_a_row_and_a_sentence() -> None:
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    found = audit(model, lambda out: (out * 0).sum(), torch.randn(5, 3))
    assert "No gradient arrives here" in audit_page.html(found)


def test_every_identity_is_listed_with_its_largest_residual(report: AuditReport) -> None:
    found = {item["key"]: item for item in audit_page.identities(report)}
    asked = [
        rows for layer in report.layers for rows in layer.statements if rows.op == "eq" and rows.asserted
    ]
    assert set(found) == {rows.key for rows in asked}
    item = found["ext-eps.gradient:formula"]
    assert item["holds"] == item["rows"] == 6
    want = max(max(rows.residual) for rows in asked if rows.key == "ext-eps.gradient:formula")
    assert item["most"] == want < 1e-14
    assert item["at"] == "1, train mode"
    assert f"Largest relative residual: {item['residual'].text}, at 1, train mode" in audit_page.html(report)


def test_the_conditions_of_theorem_4_2_are_told_how_often_and_how_strongly(report: AuditReport) -> None:
    layer = report.layers[0]
    held, cells = layer.conditions, audit_page.row(0, layer)["conditions"]
    assert held is not None
    assert layer.second is not None
    assert held["ascent"] == sum(value >= 0 for value in layer.columns["grad_proj"]) / 6
    assert held["cosine_least"] == min(layer.columns["cosine"]) < held["cosine_median"]
    assert held["quotient_most"] == max(layer.second.probes)
    assert cells["⟨g, ŷ⟩ ≥ 0"].text == audit_words.percent(held["ascent"])
    assert cells["smallest u′Hu/|u|²"].sort == held["quotient_least"]
    assert next(x for x in report.layers if x.family == "fixed").conditions is None
    assert any("probed direction" in line for line in audit_page.summary(report))


@pytest.mark.parametrize("spread", [0.2, 0.3, 0.65, 1.0, 3.0, 12.0])
@pytest.mark.parametrize("low", [-9.3, -2.0, 0.4])
def test_ticks_lie_on_the_axis_and_apart(low: float, spread: float) -> None:
    ticks = audit_scatter._ticks(low, low + spread)
    assert all(low <= math.log10(tick) <= low + spread + 1e-9 for tick in ticks)
    assert len(ticks) <= 8
    assert len(ticks) >= 2


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (-0.104, "−10 %"),
        (1.0, "100 %"),
        (0.0004, "<0.1 %"),
        (0.9996, ">99.9 %"),
        (0.713, "71 %"),
        (0.0713, "7.1 %"),
    ],
)
def test_a_share_is_never_rounded_to_nothing_or_all(share: float, text: str) -> None:
    assert audit_words.percent(share) == text


@pytest.mark.browser
def test_in_a_browser_the_table_sorts_and_a_claim_opens(
    report: AuditReport, browser: Any, tmp_path: Path
) -> None:
    browser.get(audit_page.write(report, tmp_path).as_uri())

    def column(index: int) -> list[float]:
        cells = browser.find_elements("css selector", f"#layers tbody tr td:nth-child({index})")
        return [float(cell.get_attribute("data-sort").replace("-inf", "-1e99")) for cell in cells]

    heads = browser.find_elements("css selector", "#layers thead th")
    at = next(i for i, head in enumerate(heads) if head.text.startswith("kept"))
    before = column(at + 1)
    heads[at].click()
    assert heads[at].get_attribute("aria-sort") == "descending"
    assert column(at + 1) == sorted(before, reverse=True) != before
    heads[at].send_keys("\ue007")
    assert column(at + 1) == sorted(before)

    claim = browser.find_element("css selector", "details.claim")
    assert claim.get_attribute("open") is None
    claim.find_element("css selector", "summary").click()
    assert claim.get_attribute("open") is not None
    assert claim.find_element("css selector", "math").is_displayed()

    browser.execute_script("location.hash = document.querySelectorAll('details.claim')[2].id")
    assert browser.find_elements("css selector", "details.claim")[2].get_attribute("open") is not None

    assert browser.save_screenshot(str(tmp_path / "audit.png"))
    assert (tmp_path / "audit.png").stat().st_size > 10_000
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []


@pytest.mark.browser
@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_in_a_browser_it_fits_the_screen_and_can_be_read(
    report: AuditReport, seen: Any, tmp_path: Path, width: int, colours: str
) -> None:
    found = seen(audit_page.write(report, tmp_path).as_uri(), width, colours)
    assert found.over <= 0
    assert found.contrast >= 4.5
    assert found.empty == 0
    assert found.letters >= 5
    assert width < 1280 or found.cut == []
