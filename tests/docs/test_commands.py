"""Every command that README, CHANGELOG and the documentation show is one that the command line takes and runs."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
from typer._click.exceptions import MissingParameter

from bnverify.commands.cli import application

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUN = ("claims", "show", "decide", "vocabulary", "explain")
"""Commands whose examples are run as they stand."""


def commands() -> dict[str, list[str]]:
    """Commands in code, by their text: lines of blocks, and spans."""
    found: dict[str, list[str]] = {}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        blocks = re.findall(r"^```[^\n]*\n(.*?)^```", text, re.S | re.M)
        spans = re.findall(r"`(bnverify [^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M))
        for line in [line for block in blocks for line in block.splitlines()] + spans:
            line = line.strip().removeprefix(".venv/bin/").split("  #")[0].strip()
            if re.match(r"bnverify [a-z-]", line) and "[" not in line and "..." not in line:
                found[line] = shlex.split(line, comments=True)[1:]
    return found


COMMANDS = commands()
PLACEHOLDERS = {"ID", "KIND", "DIR", "FOLDER", "FILE", "my-claim"}


def runs(words: list[str]) -> bool:
    """Whether an example stands for itself, and is quick."""
    named_only = len(words) == 1 or words[1].startswith("--")
    return (
        words[0] in RUN
        and not PLACEHOLDERS & set(words)
        and (words[0] in ("claims", "vocabulary") or not named_only)
    )


@pytest.mark.parametrize("line", COMMANDS)
def test_a_command_that_is_shown_is_one(line: str) -> None:
    group = typer.main.get_command(application())
    arguments = COMMANDS[line]
    if arguments[0].startswith("--"):
        return
    command = group.commands[arguments[0]]
    if not PLACEHOLDERS & set(arguments):
        with suppress(MissingParameter):  # a command that is only named
            command.make_context(arguments[0], [*arguments[1:]])


@pytest.mark.parametrize("line", [line for line, words in COMMANDS.items() if runs(words)])
def test_an_example_runs_without_an_error_of_input(line: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bnverify", *COMMANDS[line]],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr


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
