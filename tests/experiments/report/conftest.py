"""A report of small size, written once for all tests of this folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
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
