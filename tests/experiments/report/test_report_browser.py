"""The report in a browser: it finds statements, changes its theme, and fits a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser: Any, folder: Path) -> Any:
    size(browser, 1280, 900)
    browser.get((folder / "index.html").as_uri())
    return browser


def size(browser: Any, width: int, height: int) -> None:
    """The viewport, which is smaller than a desktop window can be made."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def shown(page: Any) -> list[str]:
    rows = page.find_elements("css selector", "#table tr[data-find]")
    return [row.find_element("css selector", "a").text for row in rows if row.is_displayed()]


def search(page: Any, text: str) -> list[str]:
    field = page.find_element("id", "find")
    field.clear()
    field.send_keys(text)
    return shown(page)


def test_an_id_finds_its_statement(page: Any) -> None:
    assert search(page, "thm-4.1")[0] == "thm-4.1"


@pytest.mark.parametrize("text", ["17", "(17)", "eq 17", "Equation 17"])
def test_an_equation_number_finds_what_rests_on_it(page: Any, text: str) -> None:
    found = search(page, text)
    assert "thm-4.4" in found
    assert "thm-4.1" not in found


def test_nothing_found_is_said(page: Any) -> None:
    assert search(page, "no such words") == []
    assert page.find_element("id", "none").is_displayed()


def test_a_verdict_filters_the_table(page: Any) -> None:
    page.find_element("css selector", "#only option:nth-child(2)").click()
    chosen = page.find_element("id", "only").get_attribute("value")
    rows = [row for row in page.find_elements("css selector", "#table tr[data-find]") if row.is_displayed()]
    assert rows
    assert {row.get_attribute("data-verdict") for row in rows} == {chosen}


def test_a_group_of_the_table_folds(page: Any) -> None:
    before = shown(page)
    page.find_element("css selector", "button.fold").click()
    assert len(shown(page)) < len(before)


def test_the_theme_changes_and_is_legible(page: Any) -> None:
    script = "const s = getComputedStyle(document.body); return [s.backgroundColor, s.color]"
    before = page.execute_script(script)
    page.find_element("css selector", ".toggle").click()
    after = page.execute_script(script)
    assert before != after
    page.find_element("css selector", ".toggle").click()
    assert page.execute_script(script) == before


def test_a_phone_scrolls_in_one_direction_only(page: Any) -> None:
    size(page, 390, 844)
    page.execute_script("document.querySelectorAll('details').forEach((item) => { item.open = true; })")
    assert page.execute_script("return document.documentElement.scrollWidth - innerWidth") <= 0


def test_every_formula_has_a_size(page: Any) -> None:
    page.execute_script("document.querySelectorAll('details').forEach((item) => { item.open = true; })")
    script = "return [...document.querySelectorAll('math')].filter((m) => m.getBoundingClientRect().width < 2).length"
    assert page.execute_script(script) == 0


def test_the_page_logs_no_error(page: Any) -> None:
    assert [entry for entry in page.get_log("browser") if entry["level"] == "SEVERE"] == []
