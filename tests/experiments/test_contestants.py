"""`bnverify bench` compares like with like, and keeps what it measured."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from bnverify.experiments.bench import checks as bench
from bnverify.experiments.bench import section
from bnverify.experiments.bench.contestants import CONTESTANTS, absent, agreement, ours
from bnverify.experiments.bench.race import Conditions, conditions, fitted_slope
from bnverify.experiments.bench.section import Section, drawn, run
from bnverify.numerics.measure.instances import Kind, draw
from typer.testing import CliRunner

from bnverify.base.errors import InputError
from bnverify.commands.cli import application

CPU = torch.device("cpu")
GROWTH: dict[str, Any] = {
    "series": [
        {
            "work": "l",
            "against": against,
            "fixed": fixed,
            "points": [(1, 1.0), (2, 2.0), (4, 4.0)],
            "slope": 1.0,
        }
        for against, fixed in (("N", "m = 32"), ("m", "N = 512"))
    ]
}
MEMORY: dict[str, Any] = {
    "loss": "l",
    "instances": 8,
    "points": [{"m": 1, "bytes": 1024}, {"m": 2, "bytes": 2048}],
    "slope": 1.0,
}
# What curvlinops imports compiles with a function that PyTorch has deprecated.
OF_CURVLINOPS = pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")


@pytest.fixture
def quick() -> Conditions:
    return conditions(CPU, 0.1, 0)


@OF_CURVLINOPS
@pytest.mark.parametrize("loss", bench.LOSSES)
@pytest.mark.parametrize("name", [name for name in CONTESTANTS if name != "ours"])
def test_every_contestant_measures_the_same_numbers(name: str, loss: str) -> None:
    if name in absent():
        pytest.skip(absent()[name])
    drawn = draw(Kind(), loss, 8, 0, 0, 16)
    assert CONTESTANTS[name](drawn, CPU, 16)().shape == (16, 2)
    assert agreement(drawn, CPU, name) < 1


def test_a_contestant_that_measured_something_else_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = draw(Kind(), "mlp-tanh", 8, 0, 0, 16)
    monkeypatch.setitem(CONTESTANTS, "loop", lambda *a: lambda: ours(*a)() * 1e6 + 1)
    assert agreement(drawn, CPU, "loop") > 1


@OF_CURVLINOPS
def test_a_race_has_medians_spreads_and_ratios(quick: Conditions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "ROUNDS", 2)
    monkeypatch.setattr(bench, "_rows", lambda m: 32)
    race = bench._race(quick, "quadratic-psd", 8)
    assert set(race["per_second"]) == set(CONTESTANTS) - set(absent())
    for rate in race["per_second"].values():
        assert 0 < rate["least"] <= rate["median"] <= rate["most"]
    assert race["ours_over"]["loop"]["median"] > 1
    assert all(gap < 1 for gap in race["largest_disagreement"].values())


def test_the_slope_is_that_of_the_upper_half() -> None:
    sizes = [1, 2, 4, 8, 16, 32, 64, 128]
    assert fitted_slope(sizes, [3 * n**1.5 for n in sizes]) == pytest.approx(1.5)
    assert fitted_slope(sizes, [max(n, 10) * 2.0 for n in sizes]) == pytest.approx(1.0)


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> dict[str, Section]:
    """The sections of the benchmark for the time of a test."""
    found: dict[str, Section] = {}
    monkeypatch.setattr(section, "sections", lambda: found)
    return found


def test_what_was_measured_is_written_with_its_conditions(
    quick: Conditions, known: dict[str, Section], tmp_path: Path
) -> None:
    shown = lambda data, out: out.print(f"answer {data['answer']}")  # noqa: E731
    known["startup"] = Section(lambda asked: {"answer": 42, "seed": asked.seed}, shown)
    found = run(["startup"], quick, tmp_path / "new")
    assert found["sections"] == {"startup": {"answer": 42, "seed": 0}}
    written = json.loads((tmp_path / "new" / "bench.json").read_text())
    assert written["sections"] == found["sections"]
    assert written["conditions"]["torch"] == torch.__version__
    result = CliRunner().invoke(application(), ["bench", "--section", "startup", "--out", str(tmp_path)])
    assert result.exit_code == 0
    assert "answer 42" in result.stdout


def test_growth_is_drawn() -> None:
    for memory, panels in ((None, 2), (MEMORY, 3)):
        picture = drawn(GROWTH["series"], memory).decode()
        assert picture.startswith("<?xml")
        assert len(set(re.findall(r'id="axes_\d+"', picture))) == panels


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--section", "sped"], "expected one of speed, growth, memory, startup, audit-"),
        (["--seconds", "0"], "expected a number above 0"),
        (["--device", "cuda:99"], "is not there"),
        (["--section", "growth", "--out", "/dev/null/bench"], "cannot write /dev/null/bench"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(words: list[str], says: str) -> None:
    result = CliRunner().invoke(application(), ["bench", *words])
    assert result.exit_code == 2
    assert says in result.stderr
    assert result.stderr.count("\n") == 1


def test_no_time_is_refused() -> None:
    with pytest.raises(InputError, match="give a number"):
        conditions(CPU, -1, 0)


def test_an_interrupt_leaves_whole_sections(
    quick: Conditions, known: dict[str, Section], tmp_path: Path
) -> None:
    def interrupted(asked: Conditions) -> dict[str, Any]:
        raise KeyboardInterrupt

    known["first"] = Section(lambda asked: {"answer": 42}, lambda data, out: None)
    known["second"] = Section(interrupted, lambda data, out: None)
    with pytest.raises(KeyboardInterrupt):
        run(["first", "second"], quick, tmp_path)
    assert json.loads((tmp_path / "bench.json").read_text())["sections"] == {"first": {"answer": 42}}
    assert [path.name for path in tmp_path.iterdir()] == ["bench.json"]
