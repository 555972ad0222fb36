"""The README's first commands work as the Makefile says, and its verdicts are the evidence's."""

import re
import shlex
from pathlib import Path

from bnverify.theory import store
from bnverify.theory.writing.words import plain

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
NAMED = re.compile(r"(thm|obs|lem|fact)-")


def verdict_rows():
    rows = []
    for entry in store.load().values():
        if NAMED.match(entry.id):
            tight = ", an equality" if entry.item["tight"] else ""
            why = plain(entry.detail["why"]).replace("|", r"\|")
            rows.append(f"| `{entry.id}` | {entry.item['verdict']}{tight} | {why} |")
    return rows


def test_the_first_block_is_the_fastest_answer_and_its_commands_run(bnverify):
    first = re.search(r"```\n(.*?)```", README, re.DOTALL)[1].splitlines()
    assert first[1].endswith("pip install --editable .")
    codes = [bnverify(*shlex.split(line)[1:]).exit_code for line in first if "/bnverify " in line]
    assert codes == [0, 1]  # as claimed; refuted


def test_the_second_block_is_the_two_commands_of_the_makefile():
    first = re.findall(r"```\n(.*?)```", README, re.DOTALL)[1].split("\n")[:-1]
    assert first == ["make report", "make test"]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(re.search(rf"^{command.split()[1]}:", makefile, re.MULTILINE) for command in first)


def test_the_table_of_verdicts_is_what_the_evidence_says():
    table = re.search(r"\|---\|---\|---\|\n(.*?)<!-- end of verdicts -->", README, re.DOTALL)[1]
    assert table.splitlines() == verdict_rows(), "paste the rows that this test expects"


def test_every_command_in_the_table_exists(bnverify):
    named = set(re.findall(r"`bnverify ([a-z]+)", README))
    missing = [name for name in sorted(named) if bnverify(name, "--help").exit_code != 0]
    assert missing == []


def test_every_linked_file_is_there():
    linked = re.findall(r"\]\(((?!http)[^)]+)\)", README)
    assert [path for path in linked if not (ROOT / path).exists()] == []


def test_the_tested_versions_name_torch_first_class():
    pinned = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert "torch==2.13.0" in pinned
    assert all(re.fullmatch(r"[a-z0-9.-]+==[\w.]+", line) for line in pinned if not line.startswith("#"))
