"""The command `figures` leaves unfinished runs out, and says so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from bnverify.experiments import figures
from bnverify.experiments.run import train
from bnverify.experiments.run.recipes import DlnRecipe
from typer.testing import CliRunner, Result

from bnverify.commands.cli import application


def draw(folder: Path) -> Result:
    return CliRunner().invoke(application(), ["figures", str(folder)])


def test_unfinished_runs_are_counted_and_none_at_its_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = {"fig_9": figures.plates()["fig_9"]}
    monkeypatch.setattr(figures, "plates", lambda: only)
    recipe = DlnRecipe(steps=2, checkpoints=2, layers=2, dim=2, samples=9, seeds=2, lanczos=1)
    for norm in ("none", "batchnorm"):
        train.run(replace(recipe, norm=norm), tmp_path / "dln" / f"{norm}-lr1e-06")
    (tmp_path / "dln" / "batchnorm-lr1e-06" / "result.json").unlink()
    result = draw(tmp_path)
    assert result.exit_code == 0, result.output
    assert "1 of 2 runs have not ended and are left out" in result.stderr
    assert (tmp_path / "figures" / "fig-9.svg").is_file()
    (tmp_path / "dln" / "none-lr1e-06" / "result.json").unlink()
    result = draw(tmp_path)
    assert result.exit_code == 2
    assert "none of the 2 runs" in result.stderr
    assert "--resume" in result.stderr


def test_a_folder_that_is_no_reproduction_is_refused_without_a_search_of_all_below(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b" / "c" / "d"
    deep.mkdir(parents=True)
    (deep / "recipe.json").write_text("{}")
    result = draw(tmp_path)
    assert result.exit_code == 2
    assert "holds no runs" in result.stderr
