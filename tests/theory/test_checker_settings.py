"""The independent checker over everything that is exported: how much it verifies, and in which settings."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from bnverify.theory import export
from bnverify.theory.checker import AXIOMS, check
from bnverify.theory.export import export_data
from bnverify.theory.registry import registry

AT_LEAST = 459
REASONS = {
    "the expression max_form": "a maximum over inputs of a quadratic form is known to an interval only",
    "the setting two-layer": "Definition 2.1 is about a network without a normalisation",
    "the setting shared-affine": "its points differentiate in a vector of gammas",
    "at a point, the setting": "points of two units, or of a norm that is not the root of a mean square",
    "the setting lp-1-centred": "points of a norm that is not the root of a mean square",
    "the setting lp-inf-centred": "points of a norm that is not the root of a mean square",
    "at a point, the name gamma_max": "the largest of several gammas",
    "at a point, the name lambda_min_H": "an eigenvalue",
    "the square root of a sum": "the eigenvalue of a two by two matrix, for every m",
    "evidence of the kind citation": "a sentence about the text of the paper",
}
"""What the checker leaves to the prover, and why."""


@pytest.fixture(scope="module")
def items() -> list[dict[str, Any]]:
    """All evidence as it is exported; the flag of an equality, which needs the prover, unset."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(export, "verify_relation", lambda *_: (None, False))
        found = [item for claim in registry().values() for item in export_data(claim)["items"]]
    return list(json.loads(json.dumps([item for item in found if item["kind"] != "open"])))


@pytest.fixture(scope="module")
def states(items: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [check(item) for item in items]


def test_nothing_fails_and_most_is_verified(states: list[tuple[str, str]]) -> None:
    counts = Counter(state for state, _ in states)
    assert counts["FAILS"] == 0
    assert counts["verified"] >= AT_LEAST
    assert counts["verified"] >= 12 * counts["not checked"]


def test_what_is_not_checked_has_one_of_the_known_reasons(states: list[tuple[str, str]]) -> None:
    for state, why in states:
        assert state != "not checked" or any(why.startswith(reason) for reason in REASONS), why
    for reason in REASONS:
        assert any(state == "not checked" and why.startswith(reason) for state, why in states), reason


def test_the_settings_without_evidence_that_it_verifies_are_the_known_ones(
    items: list[dict[str, Any]], states: list[tuple[str, str]]
) -> None:
    verified = {
        item["setting"] for item, (state, _) in zip(items, states, strict=True) if state == "verified"
    }
    exported = {item["setting"] for item in items if "setting" in item}
    assert len(verified) >= 15
    assert {name for name in exported - verified if name[:3] != "lp-"} == {"two-layer", "shared-affine"}
    assert verified <= AXIOMS.keys()


@pytest.fixture(scope="module")
def certificates(items: list[dict[str, Any]], states: list[tuple[str, str]]) -> list[dict[str, Any]]:
    """Those that verify."""
    both = zip(items, states, strict=True)
    return [item for item, (state, _) in both if item["kind"] == "certificate" and state == "verified"]


def with_side(item: dict[str, Any], rhs: str) -> dict[str, Any]:
    return item | {"statement": item["statement"] | {"rhs": rhs}}


def test_an_equality_with_another_factor_fails_in_every_setting(certificates: list[dict[str, Any]]) -> None:
    tried: Counter[str] = Counter()
    for item in certificates:
        rhs = item["statement"]["rhs"]
        if item["statement"]["op"] != "eq":
            continue
        if check(with_side(item, f"3 * ({rhs})"))[0] == "FAILS":
            tried[item["setting"]] += 1
        else:
            assert check(with_side(item, f"0 * ({rhs})"))[0] == "verified", rhs
    settings = {"activations", "affine", "unbiased", "layer", "group-norm", "layer-norm", "rms-norm"}
    settings |= {"weights-at-X", "weights-eigen", "lp-any", "lp-1", "lp-2", "lp-inf", "lp-2-layer"}
    assert all(tried[setting] for setting in settings), tried
    assert tried.total() > 150


def test_a_term_left_out_of_an_inequality_fails(certificates: list[dict[str, Any]]) -> None:
    tried: Counter[str] = Counter()
    for item in certificates:
        for number in range(len(item["terms"])):
            terms = item["terms"][:number] + item["terms"][number + 1 :]
            assert check(item | {"terms": terms})[0] == "FAILS"
            tried[item["setting"]] += 1
    assert {"activations", "unbiased", "affine", "lp-1", "lp-2", "lp-inf", "lp-2-layer"} <= tried.keys()


@pytest.mark.parametrize(
    ("setting", "elsewhere"),
    [
        ("unbiased", "activations"),
        ("layer-norm", "rms-norm"),
        ("rms-norm", "layer-norm"),
        ("lp-2", "lp-1"),
        ("lp-1", "lp-inf"),
        ("weights-eigen", "activations"),
        ("linear-loss", "activations"),
    ],
)
def test_a_statement_in_another_setting_fails(
    certificates: list[dict[str, Any]], setting: str, elsewhere: str
) -> None:
    own = [item for item in certificates if item["setting"] == setting]
    assert any(check(item | {"setting": elsewhere})[0] == "FAILS" for item in own)


def test_a_setting_that_does_not_exist_is_not_checked(certificates: list[dict[str, Any]]) -> None:
    state, why = check(certificates[0] | {"setting": "spherical"})
    assert (state, why.split(":")[0]) == ("not checked", "the setting spherical")


def test_the_setting_and_the_hypotheses_are_printed(certificates: list[dict[str, Any]]) -> None:
    item = next(item for item in certificates if item["setting"] == "unbiased" and item["hypotheses"])
    state, why = check(item)
    assert state == "verified"
    assert "in the setting unbiased" in why
    assert f"given {item['hypotheses'][0]['name']}" in why


@pytest.mark.parametrize("name", ["n", "lambda_min_H", "gamma_max", "g_j"])
def test_an_instance_cannot_bring_its_own_value_of_a_name_with_a_meaning(
    items: list[dict[str, Any]], name: str
) -> None:
    setting = {"n": "lp-1-layer", "g_j": "layer"}.get(name, "activations")
    instance = next(item["instance"] for item in items if item["kind"] == "counterexample")
    given = instance | {"extra": [*instance["extra"], [name, "1"]]}
    statement = {"lhs": name, "op": "le", "rhs": "0"}
    item = {
        "kind": "counterexample",
        "setting": setting,
        "hypotheses": [],
        "instance": given,
        "statement": statement,
    }
    assert check(item)[0] == "not checked"


def test_a_multiplier_is_non_negative_by_its_form_alone(certificates: list[dict[str, Any]]) -> None:
    item = next(item for item in certificates if item["terms"])
    for multiplier in (
        "neg(1)",
        "gamma",
        "1 - m",
        "2 - s",
        "rho - 2",
        "gamma ** 3",
        "'g' @ 'v'",
        "sqrt(gamma)",
    ):
        changed = [term | {"multiplier": multiplier} for term in item["terms"]]
        state, why = check(item | {"terms": changed})
        assert state != "verified"
        assert state == "not checked" or "not seen to be non-negative" in why


@pytest.mark.parametrize(
    ("setting", "lhs", "rhs", "wrong"),
    [
        ("activations", "s ** 2", "sigma ** 2 + eps", "sigma ** 2"),
        ("activations", "rho", "sigma ** 2 / s ** 2", "sigma / s"),
        ("rms-norm", "C('y')", "'y'", "'y' - '1' * ('1' @ 'y' / m)"),
        ("lp-2", "'y' @ 'y' / m + eps", "n ** 2", "n"),
        ("lp-any", "'1' @ 'y'", "m * mu", "mu"),
        ("lp-2-layer", "C(C('g'))", "C('g')", "'g'"),
        ("layer", "'a' @ H_jk('b')", "'b' @ H_kj('a')", "'b' @ H_jk('a')"),
        ("layer", "'a' @ B_jk('b')", "'b' @ B_kj('a')", "'b' @ B_jk('a')"),
        ("layer", "'yhat_j' @ 'yhat_j'", "m * rho_j", "'yhat_j' @ 'yhat_k'"),
    ],
)
def test_the_facts_of_a_setting(setting: str, lhs: str, rhs: str, wrong: str) -> None:
    empty: dict[str, list[Any]] = {"hypotheses": [], "terms": []}
    item = {"kind": "certificate", "setting": setting, "eps": True, "equality": False, **empty}
    assert check(item | {"statement": {"lhs": lhs, "op": "eq", "rhs": rhs}})[0] == "verified"
    assert check(item | {"statement": {"lhs": lhs, "op": "eq", "rhs": wrong}})[0] == "FAILS"
