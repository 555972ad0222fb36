"""`bnverify check`: what it counts, what it shows again, and when it says that something is wrong."""

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from bnverify.numerics.check import run as module
from bnverify.numerics.check.replay import replay
from bnverify.numerics.check.report import as_data, in_words
from bnverify.numerics.check.run import KEPT, ClaimFindings, StatementFindings, batches, check_claims
from bnverify.numerics.check.statements import kind_of, stated
from bnverify.numerics.measure.instances import LOSSES, SIZES, Kind, draw, locate
from bnverify.numerics.measure.sides import Finding
from bnverify.theory import store
from bnverify.theory.grammar import parse
from bnverify.theory.registry import registry
from typer.testing import CliRunner

from bnverify.base.errors import InputError
from bnverify.commands.cli import application

THEOREMS = [name for name, claim in registry().items() if claim.kind in {"theorem", "lemma", "fact"}]
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def thm_4_1() -> ClaimFindings:
    (found,) = check_claims(["thm-4.1"], trials=1400, seed=3)
    return found


def statement(claim: ClaimFindings, slug: str) -> StatementFindings:
    return next(s for s in claim.statements if s.slug == slug)


@pytest.fixture(scope="module", params=["float64", "float32"])
def theorems(request: pytest.FixtureRequest) -> dict[str, ClaimFindings]:
    """Every theorem on the same instances, so that each room is made once."""
    found = check_claims(THEOREMS, trials=280, seed=11, dtype=getattr(torch, request.param))
    return {claim.id: claim for claim in found}


@pytest.mark.parametrize("name", THEOREMS)
def test_no_number_contradicts_a_certificate(name: str, theorems: dict[str, ClaimFindings]) -> None:
    found = theorems[name]
    assert not found.contradiction
    for s in found.statements:
        if "exact points of two" in s.why_not:
            continue
        assert not s.why_not, "every other reading of the theorems can be measured"
        assert s.trials == 280
        assert sum(s.count(finding) for finding in Finding) == 280
        assert s.count(Finding.ERROR) == 0


@pytest.mark.parametrize("name", THEOREMS)
def test_every_statement_meets_its_hypotheses_somewhere(
    name: str, theorems: dict[str, ClaimFindings]
) -> None:
    for s in theorems[name].statements:
        if s.why_not:
            continue
        blurred = theorems[name].dtype == "float32"
        assert s.inside > 0 or blurred
        if s.verdict == "proved" and s.inside:
            assert s.non_vacuous > 0
            assert s.count(Finding.HOLDS) > 0 or blurred
            assert in_words(s).startswith(
                "holds" if s.count(Finding.HOLDS) else "undecided: rounding explains"
            )


def test_a_refuted_printed_statement_fails_and_its_correction_holds(thm_4_1: ClaimFindings) -> None:
    printed, corrected = statement(thm_4_1, "same-point"), statement(thm_4_1, "corrected")
    assert printed.verdict == "refuted"
    assert printed.count(Finding.VIOLATED) > 1000
    assert corrected.verdict == "proved"
    assert corrected.tested_as == "eq"
    assert corrected.count(Finding.VIOLATED) == 0
    assert corrected.count(Finding.HOLDS) > 1000
    assert [loss.loss for loss in corrected.losses] == list(LOSSES)


def test_at_two_samples_an_equality_of_zeros_supports_nothing(thm_4_1: ClaimFindings) -> None:
    samples = statement(thm_4_1, "corrected").samples
    assert samples is not None
    two = samples.m == 2
    assert int(two.sum()) > 50
    assert not (samples.code[two] == Finding.HOLDS).any()


def test_instances_do_not_depend_on_how_many_are_asked_for(thm_4_1: ClaimFindings) -> None:
    (fewer,) = check_claims(["thm-4.1"], trials=700, seed=3)
    small, large = (statement(claim, "corrected").samples for claim in (fewer, thm_4_1))
    assert small is not None
    assert large is not None
    rows = {(int(i), int(m), float(x)) for i, m, x in zip(large.loss, large.m, large.gamma, strict=True)}
    assert {
        (int(i), int(m), float(x)) for i, m, x in zip(small.loss, small.m, small.gamma, strict=True)
    } <= rows


def test_every_number_of_an_instance_leads_back_to_it() -> None:
    """Over several chunks and blocks of a stream."""
    seen: list[int] = []
    for batch, index in batches(Kind(), "linear", 12_000, 4, CPU, torch.float64):
        seen += index.tolist()
        m, chunk, row = locate(int(index[-1]))
        assert m == batch.size[1]
        assert torch.equal(draw(Kind(), "linear", m, 4, chunk).y[row], batch.y[-1].detach())
    assert sorted(seen) == list(range(12_000))


def test_the_samples_hold_both_sides_and_their_terms(thm_4_1: ClaimFindings) -> None:
    s = statement(thm_4_1, "same-point")
    assert s.samples is not None
    assert 0 < s.samples.lhs.size <= KEPT
    assert len(s.term_names) == s.samples.terms.shape[0] == 4
    assert s.lhs_terms == 1
    assert np.allclose(s.samples.terms[0], s.samples.lhs)
    assert np.allclose(s.samples.slack, s.samples.rhs - s.samples.lhs)
    assert set(s.samples.m.tolist()) == set(SIZES)
    parts = s.samples.terms[1] - s.samples.terms[2] - s.samples.terms[3]
    assert np.allclose(parts, s.samples.rhs, rtol=1e-9, atol=1e-9 * np.abs(s.samples.terms).max())


def test_the_worst_instance_is_shown_again_as_it_was(thm_4_1: ClaimFindings) -> None:
    for s in thm_4_1.statements:
        for loss in s.losses:
            worst = loss.worst
            assert worst is not None
            again = replay(registry()["thm-4.1"], worst.loss, worst.index, 3, torch.float64, CPU)
            (same,) = [item for item in again if item.slug == s.slug]
            assert same.finding == worst.finding
            assert same.instance["m"] == worst.m
            assert same.rhs == pytest.approx(worst.rhs, rel=1e-9)
            assert same.lhs == pytest.approx(worst.lhs, rel=1e-9)
            assert f"--seed 3 --replay {worst.loss}:{worst.index}" in thm_4_1.replay(worst)


def test_a_linear_loss_is_counted_as_vacuous_for_the_second_order() -> None:
    (found,) = check_claims(["thm-4.2.1"], trials=700)
    shares = {loss.loss: loss.non_vacuous for loss in statement(found, "same-point").losses}
    assert shares.pop("linear") == 0
    assert all(share > 50 for share in shares.values())


@pytest.mark.parametrize("name", ["fig-2", "def-2.1", "prose-summary-noise"])
def test_what_no_instance_can_decide_keeps_the_verdict_of_its_evidence(name: str) -> None:
    (found,) = check_claims([name], trials=70)
    assert found.statements == ()
    assert found.verdict == store.load()[name].item["verdict"]
    result = CliRunner().invoke(application(), ["check", name, "--trials", "70"])
    assert result.exit_code == 0
    assert "nothing to check on random instances" in result.stdout


@pytest.fixture
def believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The printed Theorem 4.1 passes for proved."""
    false = tuple(dataclasses.replace(s, verdict="proved") for s in stated(registry()["thm-4.1"]))
    monkeypatch.setattr(module, "stated", lambda claim: false)


@pytest.mark.usefixtures("believed")
def test_a_violated_certificate_is_a_contradiction() -> None:
    (found,) = check_claims(["thm-4.1"], trials=70)
    assert found.contradiction
    assert "CONTRADICTS" in in_words(statement(found, "same-point"))
    assert not statement(found, "corrected").contradiction
    result = CliRunner().invoke(application(), ["check", "thm-4.1", "--trials", "70", "--json"])
    assert result.exit_code == 1


def mirror(text: str) -> str:
    left, right = text.split(" <= ")
    return f"{right} <= {left}"


def test_a_statement_of_existence_is_contradicted_by_finding_what_is_not_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known = next(s for s in stated(registry()["thm-4.1"]) if s.slug == "same-point")
    for verdict, contradiction in (("proved", False), ("refuted", False)):
        sought = dataclasses.replace(known, verdict=verdict, exists=True)
        monkeypatch.setattr(module, "stated", lambda claim, sought=sought: (sought,))
        (found,) = check_claims(["thm-4.1"], trials=140)
        assert found.contradiction is contradiction, "the printed inequality holds nowhere"
    mirrored = dataclasses.replace(known, verdict="refuted", exists=True, tree=parse(mirror(str(known.tree))))
    monkeypatch.setattr(module, "stated", lambda claim: (mirrored,))
    (found,) = check_claims(["thm-4.1"], trials=140)
    assert found.contradiction
    assert in_words(found.statements[0]).startswith("CONTRADICTS its certificate: there is such an instance")


def test_what_no_batch_holds_is_reported_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    known = stated(registry()["thm-4.1"])
    strange = dataclasses.replace(known[0], tree=parse("nope == 0"))
    elsewhere = dataclasses.replace(known[1], kind=None, why_not="no random batch has this")
    monkeypatch.setattr(module, "stated", lambda claim: (strange, elsewhere))
    (found,) = check_claims(["thm-4.1"], trials=70)
    first, second = found.statements
    assert "nope" in in_words(first)
    assert in_words(second) == "not checkable numerically: no random batch has this"
    assert not first.losses
    assert not found.contradiction


def test_findings_are_json() -> None:
    (found,) = check_claims(["thm-4.2.2"], trials=70)
    (data,) = json.loads(json.dumps(as_data([found]), allow_nan=False))
    assert data["id"] == "thm-4.2.2"
    assert {s["slug"] for s in data["statements"]} == {s.slug for s in found.statements}
    assert data["statements"][1]["losses"][1]["worst"]["replay"].startswith(
        "bnverify check thm-4.2.2 --seed 0"
    )


def test_a_check_that_asks_for_nothing_is_refused() -> None:
    for trials in (0, -5):
        with pytest.raises(InputError, match="number from 1 on"):
            check_claims(["thm-4.1"], trials=trials)
    with pytest.raises(InputError, match="this machine has cpu"):
        check_claims(["thm-4.1"], device="cuda:99")


def run(*words: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(application(), ["check", *words])
    return result.exit_code, result.stdout, result.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["thm-4.11"], "did you mean 'thm-4.1"),
        (["dW @ dW >= 0"], "'dW' is a name where y = X @ W; say so with --norm 'y = X @ W; mu ="),
        (["--trials", "0"], "give a number from 1 on"),
        (["--trials", "-3"], "give a number from 1 on"),
        (["--device", "cuda:99"], "is not there; this machine has cpu"),
        (["--device", "nonsense"], "expected cpu, cuda or cuda:N"),
        (["--dtype", "float16"], "expected one of float64, float32"),
        (["--replay", "linar:3"], "they are linear, quadratic-psd"),
        (["--replay", "linear:x"], "write LOSS:INDEX"),
        (["--out", "/dev/null/findings.json"], "cannot write /dev/null/findings.json"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(words: list[str], says: str) -> None:
    code, out, err = run(*words)
    assert code == 2
    assert says in err
    assert err.count("\n") == 1
    assert not out


def test_the_command_prints_what_it_found(tmp_path: Path) -> None:
    path = tmp_path / "new" / "findings.json"
    code, out, _ = run("thm-4.1", "--trials", "140", "--seed", "1", "--out", str(path))
    assert code == 0
    assert "fails at" in out
    assert "as the equality it is" in out
    replayed = re.search(r"bnverify check thm-4.1 --seed 1 --replay (\S+)", out)
    assert replayed
    assert json.loads(path.read_text())[0]["trials"] == 140
    code, out, _ = run("thm-4.1", "--seed", "1", "--replay", replayed[1])
    assert code == 0
    assert "VIOLATED: left" in out
    assert "‖v‖² =" in out


def test_json_is_nothing_but_json() -> None:
    code, out, _ = run("fact-C.1", "fact-C.2", "--trials", "70", "--json")
    assert code == 0
    assert [claim["id"] for claim in json.loads(out)] == ["fact-C.1", "fact-C.2"]
    code, out, _ = run("fact-C.1", "--replay", "linear:3", "--json")
    assert code == 0
    assert json.loads(out)["fact-C.1"][0]["instance"]["m"] == SIZES[3]


def test_all_but_what_no_random_batch_can_express_is_asked() -> None:
    readings = [
        (claim, item)
        for claim in registry().values()
        for item in (*claim.readings, *([claim.corrected] if claim.corrected is not None else []))
    ]
    reasons = [kind_of(claim, item)[1] for claim, item in readings]
    assert len(readings) - sum(map(bool, reasons)) >= 330
    assert "no random batch has the quantities" not in " ".join(reasons), "every refusal says why"
