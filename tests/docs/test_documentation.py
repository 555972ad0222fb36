"""The documentation: its contents and links, its example project, the reference, and the notebooks."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def test_every_page_stands_in_the_contents_and_every_link_leads_somewhere() -> None:
    contents = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        where = page.relative_to(ROOT / "docs").as_posix()
        assert where in contents or where.startswith("examples/"), where
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), f"{where} leads to {link}"


def test_the_property_tests_of_an_outside_project_pass(tmp_path: Path) -> None:
    for file in (ROOT / "docs" / "examples" / "property_tests").glob("*.py"):
        (tmp_path / file.name).write_text(file.read_text(encoding="utf-8"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def module(path: Path) -> ModuleType:
    """A script of the documentation, imported."""
    spec = importlib.util.spec_from_file_location(f"docs_{path.parent.name}", path)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_the_reference_is_made_from_the_code() -> None:
    made = module(ROOT / "docs" / "reference" / "make.py")
    pages = {name: write() for name, write in made.PAGES.items()}
    contents = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert all(f"reference/{name}" in contents for name in pages)
    assert "| `thm-4.1` | refuted |" in pages["claims.md"]
    assert "| `gamma` | γ |" in pages["vocabulary.md"]
    assert "## assert_holds" in pages["python.md"]
    assert "| mutant |" in pages["words.md"]


def test_every_formula_of_a_page_is_typeset_without_a_script() -> None:
    pytest.importorskip("pymdownx", reason="mkdocs-material is in the extra [docs]")
    markdown = pytest.importorskip("markdown")
    written = module(ROOT / "docs" / "formulas.py").on_page_content
    formulas = 0
    for page in (ROOT / "docs").rglob("*.md"):
        source = page.read_text(encoding="utf-8")
        extensions = {"pymdownx.arithmatex": {"generic": True}}
        made = markdown.markdown(
            source, extensions=["fenced_code", *extensions], extension_configs=extensions
        )
        set_apart, text = made.count('class="arithmatex"'), written(made)
        assert text.count("<math") == set_apart, page
        assert "arithmatex" not in text
        formulas += set_apart
    assert formulas > 20
    assert "hooks: [docs/formulas.py]" in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(path.stem for path in (ROOT / "docs" / "tutorials").glob("*.md")))
def test_every_tutorial_is_an_executed_notebook_too(name: str) -> None:
    pytest.importorskip("nbclient", reason="nbclient is in the extra [docs]")
    made = module(ROOT / "docs" / "notebooks" / "make.py")
    path = ROOT / "docs" / "notebooks" / f"{name}.ipynb"
    stored = json.loads(path.read_text(encoding="utf-8"))
    sources = [(cell["cell_type"], "".join(cell["source"])) for cell in stored["cells"]]
    assert sources == made.cells(name), f"python docs/notebooks/make.py {name}"
    ran = [cell for cell in stored["cells"] if cell["cell_type"] == "code"]
    assert all(cell["execution_count"] for cell in ran)
    assert all(output["output_type"] != "error" for cell in ran for output in cell["outputs"])
    assert path.stat().st_size < 60_000


def test_a_notebook_runs_and_says_the_same_again() -> None:
    pytest.importorskip("nbclient", reason="nbclient is in the extra [docs]")
    made = module(ROOT / "docs" / "notebooks" / "make.py")
    stored = json.loads((ROOT / "docs" / "notebooks" / "theorem.ipynb").read_text(encoding="utf-8"))

    def said(cells: list[Any]) -> list[str]:
        """The lines with verdicts."""
        texts = ("".join(output.get("text", "")) for cell in cells for output in cell.get("outputs", ()))
        found = re.findall(r"^(?:thm|obs|lem|fact)-.*|.*As printed: .*", "".join(texts), re.M)
        return [re.sub(r"\d+\.\d+ s", "", line) for line in found]

    assert said(made.executed("theorem").cells) == said(stored["cells"]) != []
