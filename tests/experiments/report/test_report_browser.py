"""The report in a browser: it finds claims, fits every screen in both themes, and can be read by keyboard alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser
PAGES = (
    "index.html",
    "claims.html",
    "claims/thm-4.1.html",
    "claims/thm-4.4.html",
    "derivations.html",
    "errata.html",
    "network.html",
)


@pytest.fixture
def page(browser: Any, folder: Path) -> Any:
    size(browser, 1280, 900)
    browser.get((folder / "claims.html").as_uri())
    return browser


def size(browser: Any, width: int, height: int) -> None:
    """The viewport, which is smaller than a desktop window can be made."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def shown(page: Any) -> list[str]:
    script = """return [...document.querySelectorAll('#table tr[data-find]')]
        .filter((row) => !row.hidden).map((row) => row.dataset.id)"""
    return list(page.execute_script(script))


def search(page: Any, text: str) -> list[str]:
    field = page.find_element("id", "find")
    field.clear()
    field.send_keys(text)
    return shown(page)


@pytest.mark.parametrize("text", ["thm-4.1", "4.1", "Theorem 4.1", "1/m"])
def test_a_theorem_stands_before_whatever_else_speaks_of_it(page: Any, text: str) -> None:
    assert search(page, text)[0] == "thm-4.1"


def test_the_papers_words_find_its_claims(page: Any) -> None:
    found = search(page, "gradient predictiveness")
    assert found[0].startswith("thm-4.")
    assert any(name.startswith("fig-") for name in found)


@pytest.mark.parametrize("text", ["17", "(17)", "eq 17", "Equation 17"])
def test_an_equation_number_finds_what_rests_on_it(page: Any, text: str) -> None:
    found = search(page, text)
    assert "thm-4.4" in found
    assert "thm-4.1" not in found


def test_nothing_found_is_said(page: Any) -> None:
    assert search(page, "no such words") == []
    assert page.find_element("id", "none").is_displayed()


def test_a_verdict_filters_the_table_and_a_group_folds(page: Any) -> None:
    before = shown(page)
    page.find_element("css selector", "button.fold").click()
    assert len(shown(page)) < len(before)
    page.find_element("css selector", "#only option:nth-child(2)").click()
    chosen = page.find_element("id", "only").get_attribute("value")
    rows = [row for row in page.find_elements("css selector", "#table tr[data-find]") if row.is_displayed()]
    assert {row.get_attribute("data-verdict") for row in rows} == {chosen}


def test_the_first_screen_is_the_ten_theorems(page: Any, folder: Path) -> None:
    page.get((folder / "index.html").as_uri())
    script = "return document.querySelector('#theorems tbody tr:last-child').getBoundingClientRect().bottom"
    assert page.execute_script(script) <= 900
    assert page.execute_script("return document.documentElement.scrollHeight") <= 4 * 900


def test_a_search_on_the_first_page_is_answered_by_the_table(page: Any, folder: Path) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    page.get((folder / "index.html").as_uri())
    page.find_element("css selector", "input[name=q]").send_keys("4.1\n")
    WebDriverWait(page, 10).until(lambda driver: driver.find_elements("css selector", "#hits tr"))
    assert shown(page)[0] == "thm-4.1"


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_every_page_scrolls_in_one_direction_only_and_no_formula_is_cut_off(
    seen: Any, folder: Path, width: int, colours: str
) -> None:
    for name in PAGES:
        found = seen((folder / name).as_uri(), width, colours)
        assert found.over <= 0, f"{name} at {width}"
        assert width < 390 or found.cut == [], f"{name} at {width}"
        assert found.empty == 0
        assert found.contrast >= 4.5


def test_the_network_has_its_pictures_and_its_tables_under_keyboard(
    page: Any, folder: Path, seen: Any
) -> None:
    found = seen((folder / "network.html").as_uri(), 390, "dark")
    assert found.letters >= 5
    figures = page.find_elements("css selector", "figure svg")
    assert figures
    assert all(figure.rect["width"] <= 390 for figure in figures)
    assert all(figure.find_elements("xpath", "./ancestor::figure/figcaption") for figure in figures)
    boxes = page.find_elements("css selector", ".table-box")
    assert boxes
    assert all(box.get_attribute("tabindex") == "0" for box in boxes), (
        "a wide table is scrolled by the arrow keys"
    )


def test_a_page_can_be_read_by_keyboard_alone(page: Any, folder: Path) -> None:
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.wait import WebDriverWait

    page.get((folder / "claims" / "thm-4.1.html").as_uri())
    page.find_element("css selector", "body").send_keys(Keys.TAB)
    first = page.switch_to.active_element
    assert first.text == "Skip to the content"
    assert first.rect["x"] >= 0
    first.send_keys(Keys.ENTER)
    assert page.current_url.endswith("#main")
    summary = page.find_element("css selector", "summary")
    summary.send_keys(Keys.ENTER)
    assert page.find_element("css selector", "details").get_attribute("open") is not None
    copy = page.find_element("css selector", "[data-copy]")
    copy.send_keys(Keys.ENTER)
    WebDriverWait(page, 60).until(lambda _: copy.text == "Copied")
    assert page.find_element("css selector", "h2 a.anchor").get_attribute("href").endswith("#what-it-says")


def test_the_button_changes_the_theme(page: Any) -> None:
    script = "const s = getComputedStyle(document.body); return [s.backgroundColor, s.color]"
    before = page.execute_script(script)
    page.find_element("css selector", ".toggle").click()
    assert page.execute_script(script) != before
    page.find_element("css selector", ".toggle").click()
    assert page.execute_script(script) == before


def test_the_errata_print_on_two_pages(browser: Any, folder: Path) -> None:
    import base64
    import re

    browser.get((folder / "errata.html").as_uri())
    found = browser.execute_cdp_cmd("Page.printToPDF", {"paperWidth": 8.27, "paperHeight": 11.69})
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b(?!s)", base64.b64decode(found["data"]))) <= 2


def test_the_pages_log_no_error(page: Any, folder: Path) -> None:
    for name in PAGES:
        page.get((folder / name).as_uri())
    assert [entry for entry in page.get_log("browser") if entry["level"] == "SEVERE"] == []


def test_a_tag_stands_apart_from_its_formula(page: Any, folder: Path) -> None:
    page.get((folder / "derivations.html").as_uri())
    gaps = page.execute_script("""return [...document.querySelectorAll('.display > math + span')]
        .map((tag) => [tag.getBoundingClientRect(), tag.previousElementSibling.getBoundingClientRect()])
        .filter(([tag, math]) => tag.left > math.left && tag.top < math.bottom)
        .map(([tag, math]) => tag.left - math.right)""")
    assert gaps
    assert min(gaps) >= 8
