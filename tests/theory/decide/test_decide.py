"""What `decide` answers, on statements whose truth was derived by hand."""

import os
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
from bnverify.theory.decide import replay
from bnverify.theory.decide.decision import Decision, decide
from bnverify.theory.kernel import judge

from bnverify.base.errors import InputError


@dataclass(frozen=True)
class Row:
    """A statement, its truth, and why; m: the smallest batch size that refutes it."""

    statement: str
    answer: str
    why: str
    given: tuple[str, ...] = ()
    norm: str = "batch-norm"
    vectors: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    min_m: int = 2
    m: int | None = None


def ask(row: Row, **more: object) -> Decision:
    return decide(
        row.statement,
        row.given,
        row.norm,
        vectors=row.vectors,
        numbers=row.numbers,
        min_m=row.min_m,
        **more,  # type: ignore[arg-type]
    )


# v = gamma/s (g - mean(g) 1 - mean(g yhat) yhat); with a = mean(g), b = mean(g yhat), p the rest of g:
# |g|^2 = m a^2 + m b^2 + |p|^2 and |v|^2 = gamma^2/s^2 |p|^2, where p = 0 at m = 2.
TABLE = (
    Row(
        "v == gamma/s*(g - mean(g)*one - mean(g*yhat)*yhat + mean(g*yhat)*mean(yhat)*one)",
        "proved",
        "mean(yhat) = 0, so the last term is 0",
    ),
    Row("v @ one == 0", "proved", "v is orthogonal to 1"),
    Row("v @ yhat == 0", "proved", "eps = 0: v is orthogonal to yhat"),
    Row("v @ yhat == 0", "refuted", "eps > 0: |yhat|^2 < m", ("eps > 0",), m=2),
    Row("v @ v <= gamma**2/sigma**2 * (g @ g)", "proved", "the difference is gamma^2/s^2 m (a^2 + b^2)"),
    Row("v @ v <= g @ g", "refuted", "|gamma| > sigma lengthens p; p = 0 at m = 2", m=3),
    Row("v @ v <= g @ g", "proved", "gamma^2/s^2 <= 1", ("gamma**2 <= sigma**2",)),
    Row(
        "v @ v <= gamma**2/sigma**2 * (g @ g - (one @ g)**2/m - (g @ yhat)**2/sqrt(m))",
        "refuted",
        "Theorem 4.1 as printed: the slack is b^2 (m - m^2/sqrt(m)) < 0",
        m=2,
    ),
    Row(
        "v @ v == gamma**2/sigma**2 * (g @ g - (one @ g)**2/m - (g @ yhat)**2/m)",
        "proved",
        "Theorem 4.1 with 1/m",
    ),
)


def name(row: Row) -> str:
    return f"{row.statement} {' '.join(row.given)} {row.norm if row.norm != 'batch-norm' else ''}".strip()


def check(row: Row) -> Decision:
    """The answer is the true one, and its evidence is looked at once more."""
    found = ask(row)
    assert found.answer == row.answer, (found.answer, found.decided_by, found.tried, row.why)
    if found.answer == "refuted":
        assert row.m is None or found.m == row.m, (found.m, found.counterexample)
        (bad,) = [outcome for outcome in found.outcomes if outcome.instance]
        assert judge(bad.case.claim, {"point": bad.instance}).verdict == "refuted"
    if found.answer == "proved":
        for outcome in found.outcomes:
            if outcome.answer == "proved":
                assert judge(outcome.case.claim, outcome.certificate).verdict == "proved"
    return found


@pytest.mark.parametrize("row", TABLE, ids=name)
def test_the_answer_is_the_one_derived_by_hand(row):
    check(row)


def test_a_backward_formula_holds_for_every_eps_at_once():
    found = ask(TABLE[0])
    assert "eps >= 0" in found.scope
    assert found.seconds < 5


@pytest.mark.parametrize("row", [row for row in TABLE if row.answer == "refuted"], ids=name)
def test_autograd_on_a_plain_loss_agrees_with_the_counterexample(row):
    torch = pytest.importorskip("torch")
    found = ask(row, detail=False)
    (bad,) = [outcome for outcome in found.outcomes if outcome.instance]
    names: dict = {}
    exec(replay.script(bad.case.claim, bad.instance), names)
    exact = found.counterexample
    for side, float_side in (("left", "left_float"), ("right", "right_float")):
        value = torch.as_tensor(names[side]).detach()
        if float_side in exact:
            assert float(value) == pytest.approx(exact[float_side], rel=1e-9, abs=1e-12)
        else:
            assert value.numpy() == pytest.approx(np.array(exact[side]), abs=1e-9)


def test_the_replay_script_needs_torch_alone(tmp_path):
    pytest.importorskip("torch")
    found = decide("v @ v <= g @ g", detail=False)
    text = replay.script(found.outcomes[0].case.claim, found.outcomes[0].instance)
    assert len(text.splitlines()) <= 10
    assert "bnverify" not in text
    file = tmp_path / "replay.py"
    file.write_text(text)
    done = subprocess.run(
        [sys.executable, str(file)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": ""},
    )
    assert "2.25" in done.stdout


@pytest.mark.parametrize(
    ("statement", "more", "words"),
    [
        ("v @ w <= 1", {}, "no name 'w'"),
        ("v @ v <= 1/(g @ g)", {}, "can be 0; exclude it with --given"),
        ("v @ v <= 1", {"min_m": 1}, "at least 2"),
        ("v <= g", {}, "not ordered"),
        ("v @ v", {}, "no relation"),
        ("v @ v <= 1", {"norm": "bach-norm"}, "batch-norm"),
        ("v @ v <= 1", {"given": ("__import__('os')",)}, "grammar"),
        ("", {}, "nothing"),
        ("v @ given0 <= 1", {"vectors": ("given0",)}, "stand for hypotheses"),
    ],
)
def test_bad_input_is_one_line(statement, more, words):
    with pytest.raises(InputError) as caught:
        decide(statement, **more)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
