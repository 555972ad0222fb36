"""The generated notes say what the evidence says, and say when they are stale."""

from pathlib import Path

import pytest
from bnverify.theory import store
from bnverify.theory.notes import SOURCES, source_of
from typer.testing import CliRunner

from bnverify.commands.cli import application
from bnverify.commands.notes import pages

NOTES = Path(__file__).parents[2] / "notes"


@pytest.mark.parametrize("name", ["claims.md", "errata.md", "derivations.md", "theorem-4.1.svg"])
def test_committed_notes_are_what_the_evidence_gives(name: str) -> None:
    assert (NOTES / name).read_text(encoding="utf-8") == pages()[name], "run `bnverify notes`"


def test_errata_hold_every_claim_of_a_source_that_is_off() -> None:
    text = pages()["errata.md"]
    sources = {name for name, _ in SOURCES}
    for entry in store.load().values():
        off = entry.item["verdict"] in {"refuted", "conditional"} and entry.item["kind"] != "extension"
        off = off and source_of(entry.id) in sources
        assert (f"### `{entry.id}` " in text) == off, entry.id


def test_the_table_holds_every_claim_once() -> None:
    rows = [line for line in pages()["claims.md"].splitlines() if line.startswith("| `")]
    assert sorted(row.split("`")[1] for row in rows) == sorted(store.load())


def test_check_finds_an_edited_note(tmp_path: Path) -> None:
    run = CliRunner()
    assert run.invoke(application(), ["notes", "--out", str(tmp_path)]).exit_code == 0
    assert run.invoke(application(), ["notes", "--check", "--out", str(tmp_path)]).exit_code == 0
    note = tmp_path / "claims.md"
    note.write_text(note.read_text(encoding="utf-8").replace("refuted", "proved", 1), encoding="utf-8")
    result = run.invoke(application(), ["notes", "--check", "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert "stale" in result.output
    assert "claims.md" in result.output
    note.unlink()
    assert "absent" in run.invoke(application(), ["notes", "--check", "--out", str(tmp_path)]).output


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    result = CliRunner().invoke(application(), ["notes", "--out", str(blocked / "notes")])
    assert result.exit_code == 2
    assert "Traceback" not in result.output
