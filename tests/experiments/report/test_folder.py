"""The folder of a report is whole or absent, and never takes another's place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bnverify.experiments.report.folder import building

from bnverify.base.errors import InputError


def write(folder: Path, text: str) -> None:
    (folder / "index.html").write_text(text)
    (folder / "report.json").write_text(json.dumps({"made_by": "test", "files": ["index.html"]}))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_finished_folder_stands_in_its_place_and_nothing_else_is_left(tmp_path: Path) -> None:
    with building(tmp_path / "deep" / "report", "test") as work:
        write(work, "new")
    assert names(tmp_path / "deep") == {"report"}
    assert (tmp_path / "deep" / "report" / "index.html").read_text() == "new"


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interrupted_build_leaves_nothing(tmp_path: Path, error: type[BaseException]) -> None:
    def build() -> None:
        with building(tmp_path / "report", "test") as work:
            write(work, "half")
            raise error

    with pytest.raises(error):
        build()
    assert names(tmp_path) == set()


def test_an_earlier_report_is_replaced_whole(tmp_path: Path) -> None:
    for text in ("first", "second"):
        with building(tmp_path / "report", "test") as work:
            write(work, text)
    assert names(tmp_path) == {"report"}
    assert (tmp_path / "report" / "index.html").read_text() == "second"


def test_an_interrupted_build_keeps_the_earlier_report(tmp_path: Path) -> None:
    with building(tmp_path / "report", "test") as work:
        write(work, "first")
    with pytest.raises(KeyboardInterrupt), building(tmp_path / "report", "test"):
        raise KeyboardInterrupt
    assert (tmp_path / "report" / "index.html").read_text() == "first"


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "report").mkdir()
    with building(tmp_path / "report", "test") as work:
        write(work, "new")
    assert names(tmp_path / "report") == {"index.html", "report.json"}


def test_a_folder_with_other_content_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match="holds other files"), building(tmp_path, "test"):
        pass
    assert names(tmp_path) == {"thesis.tex"}


def test_a_report_with_a_file_added_by_hand_is_refused(tmp_path: Path) -> None:
    with building(tmp_path / "report", "test") as work:
        write(work, "first")
    (tmp_path / "report" / "notes.txt").write_text("precious")
    with pytest.raises(InputError, match="holds other files"), building(tmp_path / "report", "test"):
        pass


def test_a_file_in_the_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "report").write_text("a file")
    with pytest.raises(InputError, match="is a file"), building(tmp_path / "report", "test"):
        pass


def test_a_place_that_cannot_be_written_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(InputError, match="cannot write in") as caught,
        building(tmp_path / "file" / "x", "test"),
    ):
        pass
    assert "\n" not in str(caught.value)
