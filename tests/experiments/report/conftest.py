"""A report of small size, written once for all tests of this folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from bnverify.experiments.report import build, digits_case
from bnverify.experiments.report.content import NAMED, Report
from bnverify.theory import store

SMALL = digits_case.Recipe(steps=2, batch=16, widths=(3, "pool", 4, "pool"))


@pytest.fixture(scope="session")
def small_case() -> digits_case.DigitsCase:
    return digits_case.run(SMALL)


def some(stored: dict[str, store.Stored]) -> dict[str, store.Stored]:
    """The named theorems and, of every other kind, the first four."""
    kept: dict[str, store.Stored] = {}
    for name, entry in stored.items():
        prefix = name.partition("-")[0]
        if prefix in NAMED or name == "fig-4b" or sum(other.startswith(f"{prefix}-") for other in kept) < 4:
            kept[name] = entry
    return kept


@pytest.fixture(scope="session")
def some_stored() -> dict[str, store.Stored]:
    stored = some(store.load())
    if not stored:
        pytest.skip("there is no stored evidence; `bnverify prove` derives it")
    return stored


@pytest.fixture(scope="session")
def small_report(small_case: digits_case.DigitsCase, some_stored: dict[str, store.Stored]) -> Report:
    """Some claims; numbers for Theorem 4.1; the real case in small."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    patch = pytest.MonkeyPatch()
    try:
        patch.setattr(store, "load", lambda: some_stored)
        patch.setattr(build, "checked", lambda stored: ["thm-4.1"])
        patch.setattr(digits_case, "run", lambda recipe, tick: small_case)
        return build.compose(400, 0, "cpu", lambda stage, done, total: None, time.perf_counter())
    finally:
        patch.undo()
        torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def folder(small_report: Report, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report")
    build.write(small_report, out)
    return out


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """One headless browser for all tests of this folder."""
    binary = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("no Chromium with its driver is installed")
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is in the extra [dev]")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    session = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=driver))
    yield session
    session.quit()


@pytest.fixture
def browser(chromium: Any) -> Any:
    """The browser with a desk's width, nothing logged and nothing remembered of another test."""
    metrics = {"width": 1100, "height": 1400, "deviceScaleFactor": 1, "mobile": False}
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    chromium.get("about:blank")
    chromium.get_log("browser")
    return chromium


CONTRAST = """
  const parse = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const linear = (v) => v <= 10 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4;
  const light = (c) => { const [r, g, b] = c.map(linear); return .2126 * r + .7152 * g + .0722 * b; };
  const ground = light(parse(getComputedStyle(document.body).backgroundColor));
  return Math.min(...[...document.querySelectorAll('p, a, .badge, .changed, .muted, dd')].map((node) => {
    const own = light(parse(getComputedStyle(node).color));
    return (Math.max(own, ground) + .05) / (Math.min(own, ground) + .05); }));"""
CUT = """return [...document.querySelectorAll('.display')].filter((box) => box.clientWidth
  && box.scrollWidth > box.clientWidth + 1).map((box) => box.textContent.slice(0, 60))"""
EMPTY = """return [...document.querySelectorAll('math')].filter((m) => m.offsetParent !== null
  && m.getBoundingClientRect().width < 2).length"""
LETTERS = """return Math.min(99, ...[...document.querySelectorAll('svg text')].filter((t) => t.textContent.trim())
  .map((t) => t.getBoundingClientRect().height).filter((tall) => tall > 0))"""
INSIDE = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass(frozen=True)
class Sight:
    """What a page looks like at a width and in a theme, with every fold open.

    over: how many pixels it is wider than the screen. contrast: the least of words, links and changed parts against
    the ground (WCAG: 4.5). cut: formulas that do not fit. empty: formulas without width. letters: the smallest height
    of words in pictures.
    """

    over: int
    contrast: float
    cut: list[str]
    empty: int
    letters: float


@pytest.fixture
def seen(browser: Any) -> Iterator[Callable[[str, int, str], Sight]]:
    """Looks at a page: its address, the width of the screen, light or dark."""

    def look(address: str, width: int, colours: str) -> Sight:
        features = [{"name": "prefers-color-scheme", "value": colours}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": True}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        browser.get(address)
        browser.execute_script(
            "document.querySelectorAll('details').forEach((fold) => { fold.open = true; })"
        )
        return Sight(*map(browser.execute_script, (INSIDE, CONTRAST, CUT, EMPTY, LETTERS)))

    yield look
    light = {"features": [{"name": "prefers-color-scheme", "value": "light"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", light)
