"""A statement that somebody typed, on random batches: exit codes, counts, and one line for what cannot be read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from bnverify.numerics.check.text import answer, ask
from typer.testing import CliRunner

from bnverify.base.errors import InputError
from bnverify.commands.cli import application


def checked(*args: str) -> Any:
    return CliRunner().invoke(application(), ["check", "--trials", "300", *args])


def ask_aloud(text: str, *options: str) -> None:
    """The statement with --norm, --vector or a further statement, without the command line's last word."""
    named = dict(zip(options[::2], options[1::2], strict=False))
    if not all(name.startswith("--") for name in named) or len(options) % 2:
        done = checked(text, *options)
        raise InputError(done.stderr.strip())
    vectors = [named["--vector"]] if "--vector" in named else []
    answer(ask(text, norm=named.get("--norm", "batch-norm"), vectors=vectors), 50)


def test_a_true_statement_exits_with_0_and_a_false_one_with_1() -> None:
    true = checked("v @ v <= gamma**2/sigma**2*(g @ g)")
    false = checked("v @ v <= gamma**2/sigma**2*(g @ g - (g @ yhat)**2/sqrt(m) - (one @ g)**2/m)")
    assert (true.exit_code, false.exit_code) == (0, 1)
    assert "no proof" in true.output
    assert "worst at m =" in false.output


def test_hypotheses_that_nothing_meets_are_no_success() -> None:
    done = checked("v @ one == 0", "--given", "1 <= 0")
    assert done.exit_code == 3
    assert "nothing was tested" in done.output


BIG = "10**12*10**12"


@pytest.mark.parametrize(
    ("false", "hidden"),
    [
        (f"v @ v + {BIG}*(g @ g) == {BIG}*(g @ g)", "v at character 1"),
        (f"(v @ v + {BIG}*(g @ g))/(g @ g) == {BIG}", "v at character 2"),
        (f"v @ v + {BIG}*(v @ y) == 0", "v at character 1"),
        (f"v @ (v + {BIG}*y) == 0", "v at character 6"),
        (f"v + {BIG}*y == {BIG}*y", "v at character 1"),
        (f"gamma + {BIG} == {BIG}", "gamma at character 1"),
        (f"{BIG}*(y @ y) + 1 == {BIG}*(y @ y)", "1 at character 25"),
        (f"d(y @ y, y, v + {BIG}*a) == {BIG}*d(y @ y, y, a)", "v at character 13"),
        (f"at(y @ y, y, y + a/({BIG})) == y @ y", "a at character 18"),
    ],
)
def test_what_rounding_hides_on_every_batch_does_not_hold(false: str, hidden: str) -> None:
    done = checked(false, "--vector", "a")
    assert done.exit_code == 3
    assert f"rounding hides {hidden} of" in done.output


def test_what_rounding_hides_counts_as_undecided() -> None:
    data = json.loads(checked(f"gamma + {BIG} == {BIG}", "--json").output)[0]
    assert data["counts"]["holds"] == sum(loss["holds"] for loss in data["losses"].values()) == 0
    assert sum(data["counts"].values()) == 300
    assert data["drowned"]


@pytest.mark.parametrize("power", [1, 2])
def test_a_true_statement_that_divides_by_what_rounding_leaves_is_not_called_false(power: int) -> None:
    small, large = "q/10**12/10**6", "10**12*10**6/q"
    found = answer(ask(f"1/(v @ one + {small})**{power} == ({large})**{power}", numbers=["q"]), 500)
    assert found.counts["violated"] == 0
    assert found.counts["within_roundoff"] > 400


@pytest.mark.parametrize("seed", [1, 7, -1])
def test_a_gradient_whose_squares_underflow_refutes_nothing(seed: int) -> None:
    assert answer(ask("v @ one == 0"), 10_000, seed).counts["violated"] == 0


@pytest.mark.parametrize("part", ["v @ v", "v @ B @ v", "(g @ yhat)**2", "abs(one @ g)", "norm(H @ v)"])
def test_no_factor_lets_a_false_equality_hold(part: str) -> None:
    """The smaller the part, the fewer batches show it: it is refuted until it is undecided."""
    factors = [("", "10**6"), ("/10**3", "10**12"), ("/10**9", "10**12")]
    texts = [f"{part}{less} + {more}*(y @ y) == {more}*(y @ y)" for less, more in factors]
    codes = [answer(ask(text), 224).exit_code for text in texts]
    assert set(codes) <= {1, 3}
    assert codes == sorted(codes)


@pytest.mark.parametrize(
    "true",
    [
        "v @ v == gamma**2/sigma**2*(g @ g - (one @ g)**2/m - (g @ yhat)**2/m)",
        "(g - mean(g)*one) @ (g - mean(g)*one) == g @ g - m*mean(g)**2",
        "at(yhat, y, (1 + t**2)*y) == yhat",
        "d(yhat @ yhat, y, a) == 0",
        "B @ one == 0",
        "y == m*y/m",
        f"v @ v <= {BIG}*(gamma**2/s**2)*(g @ g)",
        f"v @ v - {BIG} <= 0",
    ],
)
def test_what_is_true_and_beyond_rounding_still_holds(true: str) -> None:
    done = checked(true, "--vector", "a", "--number", "t")
    assert (done.exit_code, "rounding hides" in done.output) == (0, False)


def test_a_false_hypothesis_is_not_met_because_rounding_hides_it() -> None:
    done = checked("v @ g <= 0", "--given", f"v @ v + {BIG}*(g @ g) == {BIG}*(g @ g)")
    assert done.exit_code == 3
    assert "on every batch rounding hides v at character 1" in done.output


@pytest.mark.parametrize(
    "given", ["v @ v <= g @ g", "g @ g >= v @ v", "v @ v - g @ g <= 0", "v @ v < g @ g", "g @ g - v @ v == 0"]
)
def test_a_hypothesis_that_is_the_statement_is_refused(given: str) -> None:
    done = checked("v @ v <= g @ g", "--given", given)
    assert done.exit_code == 2
    assert "is the statement itself" in done.stderr


def test_a_hypothesis_that_only_looks_like_the_statement_is_not_refused() -> None:
    for given in ("v @ v >= g @ g", "v @ v <= 2*(g @ g)", "v @ v != g @ g"):
        assert ask("v @ v <= g @ g", [given]).hypotheses
    assert ask("v @ v == g @ g", ["v @ v <= g @ g"]).hypotheses
    assert ask("v @ v < g @ g", ["v @ v <= g @ g"]).hypotheses


def test_a_normalisation_typed_on_the_spot_is_differentiated() -> None:
    assert checked("v @ y == 0", "--norm", "n = sqrt(y @ y); z = gamma*y/n").exit_code == 0
    assert checked("v @ y == 0", "--norm", "n = sqrt(y @ y + 1); z = gamma*y/n").exit_code == 1
    assert checked("v @ y == 0", "--norm", f"n = sqrt(y @ y); z = {BIG}*gamma*y/n").exit_code == 0


OUTSIDE = "mu = one @ y/m; c = y - mu*one; s = sqrt(c @ c/m) + eps; yhat = c/s; z = gamma*yhat"


@pytest.mark.parametrize(
    ("given", "norm", "code"),
    [
        ((), "batch-norm", 0),
        (("eps == 0",), "batch-norm", 0),
        (("eps >= 0",), "batch-norm", 1),
        (("eps > 0",), "batch-norm", 1),
        (("eps > 0", "eps == 0"), "batch-norm", 3),
        ((), OUTSIDE, 1),
        (("0 == eps",), OUTSIDE, 0),
    ],
)
def test_eps_is_what_decide_takes_it_to_be(given: tuple[str, ...], norm: str, code: int) -> None:
    said = [part for one in given for part in ("--given", one)]
    asked = ["v @ yhat == 0", "--norm", norm, *said]
    assert (
        checked(*asked).exit_code == CliRunner().invoke(application(), ["decide", *asked]).exit_code == code
    )


def test_eps_is_drawn_only_where_a_text_names_it() -> None:
    assert not ask("v @ y == 0").positive
    assert ask("v @ y == (1 - rho)*gamma*(g @ yhat)").positive
    assert answer(ask("v @ y == (1 - rho)*gamma*(g @ yhat)*s/s"), 200).counts["violated"] == 0


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("v @ gama == 0",), "the nearest is 'gamma'"),
        (("v <= g",), "vectors are not ordered"),
        (("0 <= v @ v <= 1",), "second one"),
        (("v @ v",), "no relation"),
        (("H == B",), "side"),
        (("(" * 80 + "v @ v" + ")" * 80 + " == 0",), "brackets"),
        (("v @ v == 0" + " " * 5000,), "characters"),
        (("__import__('os') == 0",), "not in the grammar"),
        (("v.data @ v == 0",), "not in the grammar"),
        (("(lambda: 0)() == 0",), "not in the grammar"),
        (("v @ v == 2**100000000000",), "whole"),
        (("v @ one == 0", "--norm", "z = one @ y"), "expected a vector"),
        (("v @ one == 0", "--norm", "v = 0*y; z = y + v"), "'v' is derived from the loss"),
        (("v @ one == 0", "--norm", "H = y @ y; z = y/H"), "'H' is derived from the loss"),
        (("v @ one == 0", "--norm", "dgamma = y @ y; z = y/dgamma"), "'dgamma' is derived from the loss"),
        (("0 <= sqrt(-(y @ y))",), "a root of a negative number"),
        (("v @ one == 0", "--norm", "n = one @ y - one @ y; z = y/n"), "divides by n, which is 0 on every"),
        (("v @ y == 0", "--norm", "z = ((10**12)**12)**12*y"), "above 1.8e308"),
        (("v @ one == 0", "--norm", "batch-nrom"), "the nearest is 'batch-norm'"),
        (("v @ one == 0", "--vector", "v"), "taken"),
        (("v @ one == 0", "thm-4.1"), "cannot be mixed"),
    ],
)
def test_bad_input_is_one_line_that_points_at_the_place(args: tuple[str, ...], said: str) -> None:
    with pytest.raises(InputError) as caught:
        ask_aloud(*args)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_batches_that_give_no_number_are_said() -> None:
    done = checked("(v @ v)/(v @ v) == 1")
    assert "batches gave no number, where something is divided by zero or a root taken of" in done.output


def test_the_worst_batch_is_shown_as_the_statement_is_typed() -> None:
    assert "left -" in checked("gamma > 0").output
    assert "right -" in checked("0 < gamma").output


def test_the_same_seed_gives_the_same_numbers() -> None:
    text = "v @ v <= g @ g"
    first, second = (json.loads(checked(text, "--json").output) for _ in range(2))
    assert first == second
    assert sum(first[0]["counts"].values()) == 300


def test_a_statement_about_what_is_drawn_alone_is_said_to_be_one() -> None:
    assert "names nothing that a normalisation computes (m)" in checked("m <= 200").output
    assert "names nothing" not in checked("v @ one == 0").output


def test_two_sides_that_differ_are_printed_apart() -> None:
    worst = checked("v @ v == (10**9 + 1)/10**9*(v @ v)").output.rpartition("left ")[2].strip()
    left, right = worst.split(", right ")
    assert left != right
