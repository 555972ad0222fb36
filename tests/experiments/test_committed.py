"""The committed verdicts are those of the committed records, whose every byte is checked on the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bnverify.experiments.judge import summary, words
from bnverify.experiments.judge.rules import registered
from bnverify.experiments.judge.verdicts import judge
from bnverify.experiments.run import record

RESULTS = Path(__file__).resolve().parents[2] / "notes" / "results"


@pytest.mark.parametrize(
    "folder", sorted(p for p in RESULTS.glob("runs-*") if p.is_dir()), ids=lambda p: p.name
)
def test_judging_the_records_again_gives_the_badges_that_stand_beside_them(folder: Path) -> None:
    stored = {
        one["id"]: one["badge"] for one in json.loads(folder.with_suffix(".json").read_text())["claims"]
    }
    judged = judge(registered(), record.runs_under(folder), common=True, grid=False)
    assert {one.rule.id: words.badge(one) for one in judged} == stored


@pytest.mark.parametrize("path", sorted(RESULTS.glob("runs-*.json")), ids=lambda path: path.stem)
def test_a_summary_is_written_as_it_was_read_with_a_line_for_what_was_not_run(path: Path) -> None:
    stored = summary.read(path)
    written = path.read_text()
    assert summary.text(stored) == written
    lines = [json.loads(line.rstrip(",")) for line in written.splitlines() if line.startswith('  {"id"')]
    missing = [one for one in stored["claims"] if one["verdict"] == "not-run"]
    assert lines == missing
