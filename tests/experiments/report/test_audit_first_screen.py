"""The first screen of an audit's page, what a notebook shows, and a report in a line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from bnverify.experiments.report import audit_depth, audit_page
from bnverify.numerics.audit.findings.audit import audit
from bnverify.numerics.audit.report import AuditReport
from torch import nn

from bnverify.commands import display_audit


@pytest.fixture(scope="module")
def report() -> AuditReport:
    """Forty calls, one dead channel in the thirtieth layer, and a name that is no HTML."""
    torch.manual_seed(0)
    layers: list[nn.Module] = [nn.Linear(6, 8, bias=False)]
    for _ in range(40):
        layers += [nn.LayerNorm(8), nn.Linear(8, 8, bias=False)]
        nn.init.orthogonal_(layers[-1].weight)
    layers += [nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3)]
    model = nn.Sequential(*layers)
    with torch.no_grad():
        model[81].bias[2] = -30.0
    model._modules["a<b>c"] = model._modules.pop("83")
    return audit(model, F.cross_entropy, torch.randn(48, 6), torch.randint(0, 3, (48,)))


def test_the_verdict_and_the_findings_stand_before_everything_else(report: AuditReport) -> None:
    text = audit_page.html(report)
    assert report.findings[0].kind == "dead-channel"
    at = [
        text.index(part)
        for part in ('id="verdict"', 'id="findings"', 'aria-label="gradient over depth"', 'id="table"')
    ]
    assert at == sorted(at)
    assert "1 problem: dead-channel at 81." in text
    assert report.findings[0].advice in text


def test_layers_with_findings_come_first(report: AuditReport) -> None:
    order = audit_page.by_interest(report)
    assert sorted(order) == list(range(41))
    assert report.layers[order[0]].name == "81"
    cards = re.findall(r'<details class="card" id="card-(\d+)"', audit_page.html(report))
    assert [int(card) for card in cards] == order


def test_the_picture_has_every_layer_once_in_forward_order(report: AuditReport) -> None:
    drawn = str(audit_depth.picture(report.layers))
    assert drawn.count("<rect") == 41
    assert drawn.count("<circle") == 3 * 41
    across = [float(x) for x in re.findall(r'<rect x="([\d.]+)"', drawn)]
    assert across == sorted(across)
    assert audit_depth.picture(report.layers[:1]) is None


def test_the_ratio_is_that_of_the_gradient_norms(report: AuditReport) -> None:
    layer = report.layers[3]
    want = (layer.total("grad_in_sq") / layer.total("grad_out_sq")) ** 0.5
    assert audit_depth.ratio(layer) == pytest.approx(want, rel=1e-12)


def test_a_long_name_is_shortened_in_the_middle() -> None:
    name = "encoder.layers.11.attention.output.LayerNorm"
    short = audit_depth.middle(name)
    assert len(short) == 28
    assert name.startswith(short.partition("…")[0])
    assert name.endswith(short.partition("…")[2])
    assert audit_depth.middle("bn1") == "bn1"


def test_a_notebook_shows_verdict_findings_and_some_layers(report: AuditReport) -> None:
    text = report._repr_html_()
    assert "dead-channel" in text
    assert text.count("<tr>") == 1 + 25
    assert "16 more layers" in text


def test_a_report_in_a_line_is_short(report: AuditReport) -> None:
    assert len(repr(report)) < 200
    assert repr(report).startswith("AuditReport(1 problem: dead-channel at 81.")


def test_it_prints_25_layers_unless_asked(report: AuditReport, capsys: pytest.CaptureFixture[str]) -> None:
    report.show()
    shown = capsys.readouterr().out
    assert shown.startswith("warning dead-channel")
    assert "16 more layer calls with --rows 0" in shown
    report.show(0)
    assert "more layer calls" not in capsys.readouterr().out


def test_it_writes_its_page(report: AuditReport, tmp_path: Path) -> None:
    assert report.write(tmp_path) == tmp_path / "index.html"
    assert (tmp_path / "audit.json").exists()


def test_a_report_without_layers_has_a_page_and_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 2))
    with torch.no_grad():
        model[0].weight[0, 0] = float("inf")
    report = audit(model, F.cross_entropy, torch.randn(8, 4), torch.randint(0, 2, (8,)))
    assert report.layers == ()
    text = report.write(tmp_path).read_text(encoding="utf-8")
    assert "non-finite" in text
    assert "No layer could be measured" in text
    report.show()
    assert capsys.readouterr().out.startswith("error non-finite")
    assert "non-finite" in report._repr_html_()


def test_numbers_without_two_digits_are_struck_through_and_say_why(
    capsys: pytest.CaptureFixture[str],
) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Linear(6, 2)
    )
    with torch.no_grad():
        model[0].bias += 1e6
    report = audit(model, F.cross_entropy, torch.randn(32, 4), torch.randint(0, 2, (32,)))
    assert [layer.ill_conditioned for layer in report.layers] == [True, False]
    text = audit_page.html(report)
    struck = re.findall(r'<tr class="struck".*?</tr>', text)
    assert struck
    assert all('href="#layer-0"' in row for row in struck)
    assert "less than two digits are left of the numbers" in text
    report.show()
    assert "ill-conditioned: 1: the mean is so far from 0" in " ".join(capsys.readouterr().out.split())
    cells = display_audit._struck(audit_page.row(0, report.layers[0]), "table")
    assert all(cell.text.startswith("[strike]") for cell in cells.values())


@pytest.mark.browser
def test_in_a_browser_a_finding_leads_to_its_layer_by_keyboard_and_wide_tables_scroll(
    report: AuditReport, browser: Any, tmp_path: Path
) -> None:
    browser.get(audit_page.write(report, tmp_path).as_uri())
    link = browser.find_element("css selector", "#findings a")
    link.send_keys("\ue007")
    card = browser.find_element("id", link.get_attribute("href").partition("#")[2])
    assert card.get_attribute("open") is not None
    assert card.rect["y"] - browser.execute_script("return scrollY") < 900
    boxes = browser.find_elements("css selector", ".table-box")
    assert boxes
    assert all(box.get_attribute("tabindex") == "0" for box in boxes), (
        "a wide table is scrolled by the arrow keys"
    )
