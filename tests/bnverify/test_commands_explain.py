"""``explain``, and the options of ``audit`` that are about findings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from bnverify.numerics.audit.findings.kinds import KINDS
from typer.testing import CliRunner

from bnverify.commands.cli import application

FACTORY = """
import torch
from torch import nn
def dead():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(4, 6, bias=False), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3))
    with torch.no_grad(): net[1].bias[2] = -20.0
    return net, nn.functional.cross_entropy, torch.randn(64, 4), torch.randint(0, 3, (64,))
def fine():
    net, loss, x, t = dead()
    with torch.no_grad(): net[1].bias[2] = 0.0
    return net, loss, x, t
"""


@pytest.fixture
def target(tmp_path: Path) -> str:
    path = tmp_path / "nets.py"
    path.write_text(FACTORY, encoding="utf-8")
    return f"{path}:dead"


def run(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(application(), list(words))
    return done.exit_code, done.stdout, done.stderr


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_is_explained(kind: str) -> None:
    code, out, _ = run("explain", kind)
    assert code == 0
    assert "What to do" in out
    assert "a finding below 0.\n" not in out, "no size is below 0"


def test_an_unknown_kind_is_answered_with_the_nearest() -> None:
    code, _, err = run("explain", "dead-scal")
    assert code == 2
    assert "did you mean 'dead-scale'" in err


def test_the_findings_come_first_and_are_no_failure(target: str) -> None:
    code, out, _ = run("audit", target)
    assert code == 0
    assert out.startswith("warning dead-channel: 1: channel 2 does not let anything through")


def test_strict_makes_a_finding_a_failure(target: str) -> None:
    assert run("audit", target, "--strict")[0] == 1
    code, out, _ = run("audit", target.replace(":dead", ":fine"), "--strict")
    assert code == 0
    assert out.startswith("nothing found: ")


def test_a_baseline_hides_what_was_known(target: str, tmp_path: Path) -> None:
    _, out, _ = run("audit", target, "--json")
    before = tmp_path / "before.json"
    before.write_text(out, encoding="utf-8")
    code, out, _ = run("audit", target, "--baseline", str(before), "--strict")
    assert code == 0
    assert "since the baseline has them: 1" in out


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"findings": 3}'])
def test_a_baseline_that_is_none_is_refused(target: str, tmp_path: Path, text: str) -> None:
    before = tmp_path / "before.json"
    before.write_text(text, encoding="utf-8")
    code, _, err = run("audit", target, "--baseline", str(before))
    assert code == 2
    assert "--baseline" in err
    assert err.count("\n") == 1


def test_sarif_names_rule_level_and_layer(target: str, tmp_path: Path) -> None:
    path = tmp_path / "found.sarif"
    assert run("audit", target, "--sarif", str(path))[0] == 0
    data = json.loads(path.read_text(encoding="utf-8"))
    assert data["version"] == "2.1.0"
    (result,) = data["runs"][0]["results"]
    assert (result["ruleId"], result["level"]) == ("dead-channel", "warning")
    assert result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] == "1"
    assert data["runs"][0]["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == "dead-channel"


def test_what_if_stands_side_by_side(target: str) -> None:
    code, out, _ = run("audit", target, "--what-if", "layer-norm")
    assert code == 0
    assert "tightness" in out
    assert "layer-norm in its place" in out
    told = json.loads(run("audit", target, "--what-if", "none", "--json")[1])
    assert told[0]["after"]["tightness"] == pytest.approx(1.0)


def test_batch_sizes_stand_side_by_side(target: str) -> None:
    code, out, _ = run("audit", target, "--batch-sizes", "8,64")
    assert code == 0
    assert "removed at 64" in " ".join(out.split())


def test_two_audits_are_compared(target: str, tmp_path: Path) -> None:
    paths = []
    for name in ("dead", "fine"):
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(run("audit", target.replace(":dead", f":{name}"), "--json")[1], encoding="utf-8")
    code, out, _ = run("audit", "--compare", *map(str, paths))
    assert code == 0
    assert "gone: dead-channel at 1" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--what-if", "weight-norm"], "is unknown"),
        (["--batch-sizes", "4,x"], "'x' is no number"),
        (["--batch-sizes", "400"], "is not there"),
        (["--rows", "-1"], "rows -1"),
        (["--compare", "a.json", "b.json"], "no such file"),
    ],
)
def test_bad_input_is_one_line(target: str, words: list[str], message: str) -> None:
    code, _, err = run("audit", target, *words)
    assert code == 2
    assert message in err
    assert err.count("\n") == 1
