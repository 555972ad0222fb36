"""Every code span and block of README, CHANGELOG and the documentation: commands run, Python runs, names exist."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import typer
from bnverify.theory.grammar import GrammarError, lines, parse
from bnverify.theory.registry import registry
from typer._click.exceptions import MissingParameter
from typer.testing import CliRunner

from bnverify.commands.cli import application

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCED = re.compile(r"^```([^\n]*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
GONE = {"evidence.json", "kills.json", "prove --export"}
"""What the changelog says was there once."""
ENDS = {'bnverify decide "v @ v <= g @ g"': 1}
"""Exit codes where they are not 0: a conjecture that is refuted."""
LONG = {
    "bnverify prove": "the kernel judges every certificate",
    "bnverify report": "thousands of random batches and a real network",
    "bnverify prove --renew": "writes the certificates of every claim anew and judges them",
    "bnverify mutants": "mutants of every theorem are judged",
    "bnverify reproduce --preset quick": "trains networks for a quarter of an hour",
    "bnverify reproduce --preset linear": "trains networks for half an hour",
    "bnverify reproduce --preset h100 --device cpu --data digits --set width=0.125 --set size=16 --set steps=20"
    " --set checkpoints=3 --set layers=6 --set samples=100": "81 runs; test_dry_run.py goes on with them",
}
AFTER_TRAINING = {"bnverify judge runs/linear", "bnverify figures runs/quick"}
"""Commands on what the two lines before have trained; tests/bnverify runs them on stored runs."""
NAMED_ONLY = {
    "bnverify check",
    "bnverify audit",
    "bnverify notes",
    "bnverify check --json",
    "bnverify audit --json",
    "bnverify decide --json",
}
"""Spans that name a command without what it is asked, or that write into the checkout."""
PLACEHOLDERS = re.compile(
    r"\b(notes/results/\S+|ID|KIND|DIR|FOLDER|FILE|NAME|FILE\.toml|my-claim|My_claim|runs/\w+)\b|\.\.\."
)


def blocks() -> Iterator[tuple[Path, str, str]]:
    """Page, language and text of every block."""
    for page in PAGES:
        for language, text in FENCED.findall(page.read_text(encoding="utf-8")):
            yield page, language, text


def spans() -> dict[str, str]:
    """Every span, and every line of a block that is a command, with a page that has it."""
    found: dict[str, str] = {}
    for page in PAGES:
        text = FENCED.sub("", page.read_text(encoding="utf-8"))
        for span in re.findall(r"`([^`]+)`", text):
            found.setdefault(" ".join(span.split()), page.name)
    for page, language, text in blocks():
        for line in text.splitlines() if not language else ():
            line = line.strip().removeprefix(".venv/bin/").split("  #")[0].strip()
            if re.match(r"(bnverify|make|pip|pytest|python3?|apt-get) ", line):
                found.setdefault(line, page.name)
    return found


SPANS = spans()
COMMANDS = [span for span in SPANS if re.match(r"bnverify [a-z-]+( |$)", span)]
WHOLE = [span for span in COMMANDS if not PLACEHOLDERS.search(span) and span not in NAMED_ONLY]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@cache
def ran(line: str) -> tuple[int, str]:
    """Exit code and output of a command line, beside the model.py of the README, or of the tutorial without --data."""
    page = "README.md" if "--data" in line else "network.md"
    (text,) = [text for where, _, text in blocks() if where.name == page and "# model.py" in text]
    Path("model.py").write_text(text, encoding="utf-8")
    done = CliRunner().invoke(application(), shlex.split(line)[1:], prog_name="bnverify")
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    return done.exit_code, done.output


@pytest.mark.parametrize("line", [line for line in WHOLE if line not in LONG])
def test_a_command_ends_as_documented(line: str, folder: Path) -> None:
    code, said = ran(line)
    assert code == ENDS.get(line, 0), said
    assert said.strip()


@pytest.mark.slow  # LONG says why; reproductions are stopped after some seconds, as their budget allows
@pytest.mark.parametrize("line", LONG)
def test_a_long_command_ends_as_documented(line: str, folder: Path) -> None:
    assert line in SPANS
    code, said = ran(line + (" --budget 0.2" if "reproduce" in line else ""))
    assert code == ENDS.get(line, 0), said


@pytest.mark.parametrize("line", [line for line in COMMANDS if line not in WHOLE or line in LONG])
def test_a_command_that_is_named_or_long_takes_what_is_shown(line: str) -> None:
    assert takes(shlex.split(line)[1:])
    assert not (PLACEHOLDERS.search(line) and line in LONG)


def takes(words: list[str]) -> bool:
    """Whether the command line has this command with these options; raises what it says where not."""
    command = group().commands.get(words[0])
    if command is None:
        return False
    options = {name for parameter in command.params for name in parameter.opts}
    given = {word for word in words[1:] if word.startswith("--")}
    assert given <= options, f"{words[0]} has no {', '.join(given - options)}"
    if not any(PLACEHOLDERS.search(word) for word in words):
        try:
            command.make_context(words[0], [*words[1:]])
        except MissingParameter:  # a command that is only named
            return True
    if words[0] == "bench" and "--section" in words:
        from bnverify.experiments.bench import NAMES

        assert words[words.index("--section") + 1] in NAMES
    return True


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(text, id=f"{page.name}-{i}")
        for i, (page, language, text) in enumerate(blocks())
        if language == "python"
    ],
)
def test_a_block_of_python_runs(text: str, folder: Path) -> None:
    import torch
    from torch import nn

    class MyNorm(nn.RMSNorm):
        def __init__(self, size: int) -> None:
            super().__init__(size, eps=1e-6, dtype=torch.float64)

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    names = {"MyNorm": MyNorm, "model": model, "loss_fn": nn.MSELoss(), "inputs": torch.randn(16, 4)}
    names["targets"] = torch.randn(16, 1)
    exec(compile(text, "block", "exec"), names)
    for name, made in list(names.items()):
        if name.startswith(("test_", "make")):
            made()


def test_an_output_that_is_shown_is_what_the_command_says(folder: Path) -> None:
    (shown,) = [text for _, _, text in blocks() if text.startswith("note bias-before-norm")]
    _, said = ran("bnverify audit model.py:make --data digits --batch-size 64")

    def words(text: str) -> list[str]:
        """Without the numbers, whose last digits are a machine's."""
        return re.sub(r"\d\S*", "#", text).split()

    assert " ".join(words(shown)) in " ".join(words(said))


@cache
def words_of_the_code() -> frozenset[str]:
    """Every word of the sources, for names that are nothing else."""
    kinds = ("*.py", "*.v", "*.js", "*.toml")
    folders = ("bnverify", "theory", "numerics", "experiments")
    paths = [path for one in folders for kind in kinds for path in (ROOT / one).rglob(kind)]
    return frozenset().union(*(re.findall(r"\w+", path.read_text(encoding="utf-8")) for path in paths))


@cache
def group() -> typer.main.TyperGroup:
    """The application's commands by name."""
    return typer.main.get_command(application())  # type: ignore[return-value]


def is_option(span: str) -> bool:
    option = span.split()[0]
    every = {
        name
        for command in group().commands.values()
        for parameter in command.params
        for name in parameter.opts
    }
    values = {"predict", "effects"}
    return option in every and (option != "--figure" or span.split()[1] in values)


def is_make(span: str) -> bool:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return span.startswith("make ") and bool(re.search(rf"^{span.split()[1]}:", makefile, re.MULTILINE))


def is_install(span: str) -> bool:
    words = span.split()
    if words[0] == "apt-get" or words[:3] == ["python3", "-m", "venv"] or words[0] == "pytest":
        return True
    if words[0] != "pip":
        return False
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = re.findall(r"\[([^\]]+)\]", span)
    return all(extra in project["optional-dependencies"] for one in extras for extra in one.split(","))


def is_path(span: str) -> bool:
    if not re.fullmatch(r"[\w./-]+", span):
        return False
    inside = (ROOT, ROOT / "theory" / "rocq", ROOT / "theory" / "rocq" / "theorems")
    return any((one / span).exists() or list(one.glob(f"{span}-*")) for one in inside) or span in (
        ".venv",
        "build/rocq",
    )


def is_statement(span: str) -> bool:
    try:
        parse(span)
    except GrammarError:
        try:
            return bool(list(lines(span)))
        except GrammarError:
            return False
    return True


def is_name(span: str) -> bool:
    """Whether every name of a span stands in the code."""
    return set(re.findall(r"\w\w+", span)) <= words_of_the_code()


KINDS = (is_option, is_make, is_install, is_path, is_statement, is_name)


@pytest.mark.parametrize("span", [span for span in SPANS if span not in COMMANDS])
def test_what_is_no_command_exists(span: str) -> None:
    if span in GONE:
        assert SPANS[span] == "CHANGELOG.md"
        assert not any((ROOT / one / span).exists() for one in ("", "theory", "notes"))
        return
    if span in registry() or span.startswith("python -I") or "My_claim" in span:
        return
    if span.split()[0] in group().commands:
        assert takes(shlex.split(span))
        return
    assert any(kind(span) for kind in KINDS), f"{SPANS[span]}: `{span}` is nothing that there is"


@pytest.mark.parametrize(
    "below", [pytest.param("", marks=pytest.mark.slow, id="all"), "/santurkar_2018/thm_4_1.json"]
)
def test_the_kernel_checks_the_certificates_alone(below: str) -> None:
    line = "python -I theory/kernel.py theory/certificates"
    assert line in SPANS
    shown = shlex.split(line.replace("python", sys.executable, 1) + below)
    done = subprocess.run(shown, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout[-500:]


def test_make_help_lists_every_target_that_is_named(tmp_path: Path) -> None:
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {" ".join(span.split()[:2]) for span in SPANS if span.startswith("make ")} <= {
        " ".join(line.split()[:2]) for line in listed.splitlines()
    }
