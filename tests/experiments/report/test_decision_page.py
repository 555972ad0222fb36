"""A decision as a page: on every screen, in both themes, printed, and as LaTeX that compiles."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from bnverify.experiments.report.notes_page import page as html
from bnverify.theory.decide.ask import decide
from bnverify.theory.decide.page import write

ASKED = {
    "proved": ("v @ B @ v <= gamma**2/sigma**2*(v @ H @ v)", ("gamma*(g @ yhat) >= 0", "psd(H)")),
    "refuted": ("(10 - m)*(v @ v) >= 0", ()),  # eleven entries
    "psd": ("psd(B)", ("psd(H)",)),
    "iff": ("iff(v @ v == 0, g @ v == 0)", ("gamma != 0 or g == 0",)),
    "vacuous": ("v @ v <= 1", ("g @ g < 0",)),
}
OVER = """return [...document.querySelectorAll('article *')].filter((x) => !x.closest('math') && !x.closest('pre')
    && x.getBoundingClientRect().right > innerWidth + 1).map((x) => x.outerHTML.slice(0, 80))"""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("decisions")
    for name, (statement, given) in ASKED.items():
        write(decide(statement, given, timeout=20), out / name, f"bnverify decide '{statement}'", html)
    return out


def test_a_page_leaves_the_letters_of_formulas_as_they_are(folders: Path) -> None:
    text = (folders / "proved" / "decision.tex").read_text()
    assert r"Given $\gamma\, \left\langle g, \hat{y}\right\rangle \ge 0$, $H \succeq 0$." in text
    assert r"$c = y - \mu\, \mathbf{1}$" in text


def test_a_page_says_what_fails_where_the_statement_is_asked_in_parts(folders: Path) -> None:
    text = (folders / "psd" / "decision.tex").read_text()
    assert "At $y = " in text
    assert "$x = " in text
    assert re.search(r"The left side of \$x\^\{\\top\} .*? \\ge 0\$ is \$-", text)


def test_a_page_leads_to_what_lies_beside_it(folders: Path) -> None:
    for folder in folders.iterdir():
        page = (folder / "index.html").read_text()
        for name in set(re.findall(r'href="([^"#:]+)"', page)):
            assert (folder / name).is_file(), name
        assert ("replay.py" in page) == (folder / "replay.py").exists()


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_the_latex_of_a_decision_compiles(folders: Path, tmp_path: Path) -> None:
    body = "\n\n".join(rf"\input{{{folder / 'decision.tex'}}}" for folder in sorted(folders.iterdir()))
    packages = r"\documentclass{article}\usepackage{amsmath,amssymb}"
    entries = "\n".join(
        re.sub(r"@misc\{([^,]*),", rf"@misc{{{folder.name},", (folder / "citation.bib").read_text())
        for folder in sorted(folders.iterdir())
    )
    (tmp_path / "all.bib").write_text(entries)
    cited = r"\nocite{*}\bibliographystyle{plain}\bibliography{all}"
    (tmp_path / "all.tex").write_text(rf"{packages}\begin{{document}}{body}{cited}\end{{document}}")
    for program in ("pdflatex", "bibtex", "pdflatex"):
        words = (
            [program, "-interaction=nonstopmode", "-halt-on-error", "all"]
            if program == "pdflatex"
            else [program, "all"]
        )
        done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stdout[-1500:]


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 390, 1200])
def test_a_page_fits_every_screen_in_both_themes(browser: Any, folders: Path, width: int) -> None:
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    grounds = set()
    for folder in folders.iterdir():
        for theme in ("light", "dark"):
            features = [{"name": "prefers-color-scheme", "value": theme}]
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
            browser.get((folder / "index.html").as_uri())
            assert browser.execute_script(OVER) == []
            assert browser.execute_script("return document.documentElement.scrollWidth") <= width
            grounds.add(
                (theme, browser.execute_script("return getComputedStyle(document.body).backgroundColor"))
            )
    assert len(grounds) == 2
    assert browser.get_log("browser") == []


@pytest.mark.browser
def test_a_page_prints_dark_on_white_and_whole(browser: Any, folders: Path) -> None:
    features = [{"name": "prefers-color-scheme", "value": "dark"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features, "media": "print"})
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 700, "height": 990, "deviceScaleFactor": 1, "mobile": False},
    )
    for folder in folders.iterdir():
        browser.get((folder / "index.html").as_uri())
        colours = "const s = getComputedStyle(document.body); return [s.color, s.backgroundColor]"
        ink, ground = browser.execute_script(colours)
        assert sum(map(int, re.findall(r"\d+", ink)[:3])) < 200
        assert ground in {"rgb(255, 255, 255)", "rgba(0, 0, 0, 0)"}
        hidden = "return [...document.querySelectorAll('pre')].filter((x) => x.scrollWidth > x.clientWidth + 1).length"
        assert browser.execute_script(hidden) == 0
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [], "media": ""})
