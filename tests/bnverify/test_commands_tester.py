"""`bnverify mutants` and `bnverify falsify` do as they say and fail as they should."""

import json

import pytest
import torch

torch.set_num_threads(1)


def test_the_kill_table_counts_every_mutant(bnverify):
    found = bnverify("mutants", "fact-C.1", "--no-derivation")
    assert found.exit_code == 0
    assert "fact-C.1 biased-variance" in found.stdout
    assert "caught by the exact room and by the numbers" in found.stdout


def test_the_table_as_json_names_mutants_and_points(bnverify):
    found = bnverify("mutants", "thm-4.1", "--no-derivation", "--json")
    (row,) = json.loads(found.stdout)["statements"]
    assert row["op"] == "=="
    assert row["sound"]
    assert len(row["mutants"]) >= 5
    assert all("fails at y" in m["why"] for m in row["mutants"] if m["proof"] == "false")


def test_a_mutant_that_gets_away_fails_the_command(bnverify, monkeypatch):
    from bnverify.numerics.tester import mutants

    monkeypatch.setattr(
        mutants, "_judged", lambda mutant, pools: mutants.Verdict(mutant, "false", False, "unseen")
    )
    found = bnverify("mutants", "fact-C.1", "--no-derivation", "--json")
    assert found.exit_code == 1
    assert not json.loads(found.stdout)["statements"][0]["sound"]


def test_falsify_convicts_the_printed_theorem(bnverify):
    found = bnverify("falsify", "thm-4.1", "--reading", "same-point", "--json")
    (item,) = json.loads(found.stdout)
    assert found.exit_code == 0
    assert item["instance"]["gamma"] == "1"
    assert item["lhs"] == "0"
    assert not item["contradiction"]


def test_falsify_finds_nothing_against_a_fact_and_says_so(bnverify):
    found = bnverify("falsify", "fact-C.1", "--trials", "50")
    assert found.exit_code == 0
    assert "no violation found" in found.stdout


@pytest.mark.parametrize("name", ["fig-2", "def-2.1"])
def test_falsify_refuses_what_states_nothing_that_an_instance_could_violate(bnverify, name):
    found = bnverify("falsify", name)
    assert found.exit_code == 2
    assert f"`bnverify show {name}` says what it rests on" in found.stderr


def test_falsify_says_why_it_does_not_search(bnverify):
    found = bnverify("falsify", "ext-lp.shared")
    assert found.exit_code == 0
    assert "not searched: its divisor is any smooth function" in found.stdout


def test_a_violated_certificate_fails_the_command(bnverify, monkeypatch):
    from bnverify.numerics.tester import falsify

    monkeypatch.setattr(falsify, "falsify", lambda *_: {"y": ["0", "1"], "g": ["0", "1"]})
    monkeypatch.setattr(falsify, "sides_at", lambda *_: ("1", "0"))
    found = bnverify("falsify", "fact-C.2", "--reading", "both-lines")
    assert found.exit_code == 1
    assert "violated although proved" in found.stdout


@pytest.mark.parametrize(
    "arguments", [("mutants", "thm-4.9"), ("falsify", "thm-4.9"), ("falsify", "thm-4.1", "--reading", "no")]
)
def test_unknown_names_are_one_line_and_exit_code_two(bnverify, arguments):
    found = bnverify(*arguments)
    assert found.exit_code == 2
    assert len(found.stderr.strip().splitlines()) == 1
