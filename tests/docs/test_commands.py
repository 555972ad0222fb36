"""Every command that README, CHANGELOG and the documentation show is one that the command line takes and runs."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

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


@pytest.mark.slow
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
