"""The command `report`: a bad request is one line with exit code 2, and leaves nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from bnverify.experiments import figures
from bnverify.experiments.run import train
from bnverify.experiments.run.recipes import DlnRecipe
from typer.testing import CliRunner, Result

from bnverify.commands.cli import application


def report(*arguments: str) -> Result:
    return CliRunner().invoke(application(), ["report", *arguments])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--trials", "0"), "--trials 0"),
        (("--device", "cuda:99"), "cuda:99"),
    ],
)
def test_a_wrong_number_or_device_is_one_line(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    result = report("--out", str(tmp_path / "report"), *arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stderr.strip().count("\n") == 0
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_other_content_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("precious")
    result = report("--out", str(tmp_path))
    assert result.exit_code == 2
    assert "holds other files" in result.stderr
    assert result.stderr.strip().count("\n") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_place_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = report("--out", str(tmp_path / "file" / "report"))
    assert result.exit_code == 2
    assert "cannot write" in result.stderr
    assert result.stderr.strip().count("\n") == 0


@pytest.mark.slow
def test_the_report_is_written_and_its_place_is_printed(tmp_path: Path) -> None:
    result = report("--out", str(tmp_path / "report"), "--trials", "100")
    assert result.exit_code == 0, result.stderr
    assert str(tmp_path / "report" / "index.html") in result.stdout.replace("\n", "")
    assert "thm-4.1" in result.stdout
    assert (tmp_path / "report" / "index.html").is_file()


def test_a_folder_without_runs_is_one_line_with_the_way_out(tmp_path: Path) -> None:
    result = report(str(tmp_path))
    assert result.exit_code == 2
    assert "holds no runs; name a folder that bnverify reproduce or train wrote" in result.stderr
    assert result.stderr.strip().count("\n") == 0
    assert list(tmp_path.iterdir()) == []


def test_options_of_the_other_report_are_refused(tmp_path: Path) -> None:
    result = report(str(tmp_path), "--trials", "5")
    assert result.exit_code == 2
    assert "are for the report without DIR" in result.stderr


def test_an_unfinished_reproduction_is_shown_and_what_is_missing_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = {"fig_9": figures.plates()["fig_9"]}
    monkeypatch.setattr(figures, "plates", lambda: only)
    recipe = DlnRecipe(steps=2, checkpoints=2, layers=2, dim=2, samples=9, seeds=2, lanczos=1)
    train.run(replace(recipe, norm="none"), tmp_path / "dln" / "none-lr1e-06")
    train.run(replace(recipe, norm="batchnorm"), tmp_path / "dln" / "batchnorm-lr1e-06")
    result = report(str(tmp_path))
    assert result.exit_code == 0, result.stderr
    (tmp_path / "dln" / "batchnorm-lr1e-06" / "result.json").unlink()
    result = report(str(tmp_path))
    assert result.exit_code == 2
    assert "dln/batchnorm-lr1e-06 stands at step 2 of 2" in result.stderr
    assert "--resume" in result.stderr
    assert "stands at step 2 of 2" in (tmp_path / "index.html").read_text()
