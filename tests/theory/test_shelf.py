"""A certificate edited by hand still proves the claim's own statement, or it is refused."""

import copy
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from bnverify.theory import judged, kernel, shelf
from bnverify.theory.cases import cases
from bnverify.theory.claim import (
    Claim,
    Data,
    Hypothesis,
    Instance,
    Proof,
    Reading,
    Refutation,
    Step,
    reason_of,
    status_of,
)
from bnverify.theory.derive import derive, failures_of
from bnverify.theory.items import detail_of
from bnverify.theory.registry import registry

from bnverify.base.errors import InputError

FALSE = "v @ v <= gamma**2 * (g @ g)"


def case_of(identifier, label):
    return next(case for case in cases(registry()[identifier]) if case.label == label)


def edited(identifier, label, **changes):
    return copy.deepcopy(judged.shelved()[identifier, label]) | changes


@pytest.mark.parametrize(
    ("identifier", "label", "changes"),
    [
        ("thm-4.2.1", "same-point", {"statement": "1 == 1"}),
        ("thm-4.2.1", "same-point", {"statement": "v @ one == 0"}),
        ("thm-4.2.1", "same-point", {"eps": "positive"}),
        ("thm-4.2.1", "same-point", {"definition": "z = y"}),
        ("thm-4.2.1", "same-point", {"hypotheses": ["1 <= 0"]}),
        ("thm-4.2.1", "same-point", {"needs": ["1 <= 0"]}),
        ("thm-4.2.1", "same-point", {"quantifier": "exists"}),
        ("thm-4.2.1", "same-point", {"numbers": ["lam"]}),
        ("thm-4.2.1", "same-point", {"min_m": 3}),
        ("thm-4.2.1", "same-point", {"claim": "thm-4.1"}),
        ("thm-4.2.1", "same-point", {"reading": "corrected"}),
        ("thm-4.2.1", "same-point", {"verdict": "proved"}),
        ("thm-4.2.1", "same-point", {"certificate": {}}),
        ("thm-4.2.1", "same-point", {"certificate": {"kind": "trust me"}}),
        ("thm-4.2.1", "same-point", {"certificate": {"terms": ["(v @ v)"]}}),
        ("thm-4.2.1", "same-point", {"certificate": {"terms": [], "lemma": "it is well known"}}),
        ("thm-4.2.1", "same-point", {"certificate": {"terms": [], "statement": "1 == 1"}}),
        ("thm-4.2.1", "same-point", {"certificate": {"terms": [], "negation": True}}),
        ("thm-4.1", "same-point, smallest", {"certificate": {"terms": []}}),
        ("thm-4.1", "same-point, smallest", {"certificate": {"point": {}}}),
        ("thm-4.1", "same-point, smallest", {"certificate": {"point": {"y": ["0", "1"], "g": ["0"]}}}),
        ("thm-4.1", "same-point, smallest", {"certificate": {"point": {"y": ["1"], "g": ["1"]}}}),
        ("thm-4.1", "same-point, smallest", {"certificate": {"point": {"y": ["0", "0"], "g": ["0", "1"]}}}),
        ("thm-4.1", "same-point, smallest", {"certificate": {"point": {"y": ["0", "1"], "g": ["0", "0"]}}}),
    ],
)
def test_an_edit_is_refused(identifier, label, changes):
    case = case_of(identifier, label)
    assert shelf.judge(case, judged.shelved()[identifier, label])
    with pytest.raises(kernel.Refused):
        shelf.judge(case, edited(identifier, label, **changes))


def test_two_certificates_swapped_are_refused():
    for one, other in ((("thm-4.1", "corrected"), ("thm-4.2.1", "same-point")),):
        for key, given in ((one, other), (other, one)):
            with pytest.raises(kernel.Refused, match="about something else"):
                shelf.judge(case_of(*key), judged.shelved()[given])


def test_no_certificate_proves_nothing():
    with pytest.raises(kernel.Refused, match="no certificate"):
        shelf.judge(case_of("thm-4.2.1", "same-point"), None)
    claim = registry()["thm-4.2.1"]
    nothing = judged.evidence_of(claim, {})
    assert str(status_of(claim, nothing)) == "open"
    assert "holds" in claim.why
    assert reason_of(claim, nothing) == "its certificates settle nothing: `bnverify prove` says why"
    assert reason_of(claim, judged.evidence_of(claim)) == claim.why


def test_another_point_that_refutes_is_as_good():
    item = edited("thm-4.1", "same-point, smallest")
    item["certificate"] = {"point": {"y": ["0", "2"], "g": ["0", "1"], "gamma": "1", "beta": "3"}}
    assert shelf.judge(case_of("thm-4.1", "same-point, smallest"), item).verdict == "refuted"


def reading(says, **more):
    return Reading("only", "the only one", says, Data(), **more)


def made(*readings, **scope):
    """A claim that nobody has registered; its scope is that of the paper unless it says otherwise."""
    words = {"m": ">= 2", "gamma": "any real", "sigma": "> 0", "eps": "= 0"} | scope
    return Claim(
        "ext-made", "made up", "here", "extension", "", readings=readings, scope=tuple(words.items())
    )


def verdict(claim):
    evidence = judged.evidence_of(claim, shelf.items_of(claim))
    return str(status_of(claim, evidence)), failures_of(evidence)


POINT = Instance(y=(0, 1, 3), g=(1, 0, 2))


@pytest.mark.parametrize(
    "claim",
    [
        made(reading(FALSE, proof=Proof())),
        made(reading("1 <= 0", hypotheses=("1 <= 0",), proof=Proof(terms=("given0",)))),
        made(reading(FALSE, hypotheses=(FALSE,), proof=Proof(terms=("given0",), example=POINT))),
        made(reading(FALSE, hypotheses=("1 + m <= -s**2",), proof=Proof(terms=("given0 * (g @ g)",)))),
        made(reading(FALSE, proof=Proof(steps=(Step("any words", lemma="composition"),)))),
        made(reading(FALSE, proof=Proof(lemma="composition"))),
        made(reading(FALSE, proof=Proof(lemma="it is well known"))),
        made(reading(FALSE, proof=Proof(terms=("gamma**2 * (g @ g) - v @ v",)))),
        made(
            reading("v @ one == 0", refutation=Refutation(negation=Step("g'g = g'g", says="g @ g == g @ g")))
        ),
        made(reading("v @ one == 0", refutation=Refutation(POINT))),
        made(reading("v @ one == 0", refutation=Refutation())),
        made(reading("(v @ v)/(v @ v) == 1", proof=Proof())),
        made(reading("(g @ a)*one == (one @ a)*g", proof=Proof())),
        made(reading("v @ yhat == 0", proof=Proof()), eps=">= 0"),
        made(reading("v @ yhat == 0", refutation=Refutation(replace(POINT, eps=1)))),
        made(reading("yhat @ yhat == m", refutation=Refutation(replace(POINT, eps="-1/9"))), eps="> 0"),
        made(reading("v == 0", refutation=Refutation(POINT)), m=">= 4"),
        made(reading("0 < s**2 - eps", proof=Proof(terms=("s**2 - eps",))), eps="> 0", sigma=">= 0"),
        made(reading("sigma/sigma == 1", proof=Proof()), eps="> 0", sigma=">= 0"),
        made(reading("gamma/gamma == 1", proof=Proof())),
        made(
            reading(
                "a @ B @ a <= 0",
                hypotheses=("psd(B)",),
                proof=Proof(terms=("at(sqrt(a @ B @ a), B, -B)**2",)),
            )
        ),
        made(
            reading(
                "v @ B @ v <= g @ H @ g",
                hypotheses=("v @ B @ v <= v @ H @ v", "v @ H @ v <= g @ H @ g"),
                proof=Proof(terms=("given0", "given1"), example=Instance(y=(0, 1), g=(0, 0))),
            )
        ),
        made(reading("a @ (lam*I) @ a == a @ a", proof=Proof(example=Instance(y=(0, 1), g=(1, 0))))),
        made(reading("sqrt(lam**2) == lam", proof=Proof())),
        made(reading("v @ one == 0", proof=Proof(steps=(Step("false", says="v @ v == 0"),)))),
    ],
    ids=lambda claim: claim.readings[0].says[:30],
)
def test_no_claim_file_talks_the_judge_into_a_verdict(claim):
    said, failures = verdict(claim)
    assert said == "open"
    assert failures or claim.readings[0].refutation is not None


@pytest.mark.parametrize(
    ("scope", "word"),
    [({"gamma": "not nought"}, "gamma"), ({"eps": "small"}, "eps"), ({"sigma": "positive"}, "sigma")],
)
def test_a_scope_in_words_that_the_judge_does_not_know_is_none(scope, word):
    with pytest.raises(InputError, match=f"{word} .* is no scope"):
        verdict(made(reading("v @ one == 0", proof=Proof()), **scope))


@pytest.mark.parametrize(
    ("name", "value"),
    [("m", "> 5"), ("m", "<= 5"), ("m", "!= 3"), ("sigma", "> 1"), ("sigma", "< 0"), ("sigma", "!= 0")],
)
def test_a_scope_that_no_question_asks_is_none(name, value):
    with pytest.raises(InputError, match=f"{name} .* is no scope"):
        verdict(made(reading("v @ one == 0", proof=Proof()), **{name: value}))


def test_the_scope_decides_what_is_asked():
    asked = {
        (eps, m): [case.asked for case in cases(made(reading("v @ one == 0", proof=Proof()), eps=eps, m=m))]
        for eps in ("= 0", "> 0", ">= 0")
        for m in (">= 1", ">= 2", ">= 5")
    }
    assert [len(asked[eps, ">= 2"]) for eps in ("= 0", "> 0", ">= 0")] == [1, 1, 2]
    assert {case.eps for case in asked[">= 0", ">= 2"]} == {"zero", "positive"}
    assert [asked["= 0", m][0].min_m for m in (">= 1", ">= 2", ">= 5")] == [1, 2, 5]


def test_what_nothing_is_said_about_is_a_failure():
    claim = made(reading("v @ one == 0"))
    (only,) = judged.evidence_of(claim, shelf.items_of(claim))
    assert failures_of((replace(only, checks=()),)) == ("only: no evidence",)


def test_what_no_proof_is_written_for_is_proved_by_itself_or_stays_open():
    assert verdict(made(reading("v @ one == 0"))) == ("proved", ())
    (found, failures) = verdict(made(reading("v @ v == 0")))
    assert found == "open"
    assert "certificate does not hold" in failures[0]


def test_a_certificate_of_what_is_not_claimed_is_a_failure(monkeypatch):
    items = dict(judged.shelved()) | {("thm-4.1", "own-point, step 9"): {}}
    monkeypatch.setattr(judged, "shelved", lambda: items)
    assert derive("thm-4.1").failures == ("own-point, step 9: a certificate of what is not claimed",)


def test_what_a_hypothesis_says_is_shown_whatever_it_is_called():
    named = Hypothesis("batch of at least two", "a batch of at least two", "1 <= 0")
    claim = made(reading("g @ g <= 0", hypotheses=(named,), proof=Proof(terms=("given0",))))
    evidence = judged.evidence_of(claim, shelf.items_of(claim))
    assert str(status_of(claim, evidence)) == "open"
    assert detail_of(claim, evidence)["readings"][0]["hypotheses"][0]["plain"] == "1 ≤ 0"


def test_a_true_statement_is_proved_and_a_false_one_refuted_by_what_a_claim_file_says():
    assert verdict(made(reading("v @ one == 0", proof=Proof()))) == ("proved", ())
    assert verdict(made(reading("v @ v == g @ g", refutation=Refutation(POINT)))) == ("refuted", ())


def test_an_instance_does_not_prove_a_statement_about_all():
    one = reading("v @ v <= g @ g", proof=Proof(at=Instance(y=(0, 10), g=(1, 0))))
    assert verdict(made(one))[0] == "open"
    assert verdict(made(replace(one, quantifier="exists"))) == ("proved", ())


@pytest.mark.parametrize("norm", ["batchnorm", "layer norm", "activations", ""])
def test_a_misspelt_normalisation_is_none_at_all(norm):
    with pytest.raises(InputError, match="there is no normalisation"):
        verdict(made(reading("v @ v == g @ g", proof=Proof(), norm=norm)))


def test_the_kernel_alone_checks_every_file():
    root = Path(kernel.__file__).parent
    done = subprocess.run(
        [
            sys.executable,
            "-I",
            root / "kernel.py",
            shelf.FOLDER / "santurkar_2018/thm_4_1.json",
            shelf.FOLDER / "santurkar_2018/thm_4_2_1.json",
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "text",
    ["{", "{}", "[]", "3", "[3]", "[{}]", "\x00", "null", '[{"claim": "thm-4.9", "reading": "corrected"}]'],
)
def test_a_damaged_certificate_file_is_an_input_error(tmp_path, text):
    (tmp_path / "thm_4_1.json").write_text(text)
    with pytest.raises(InputError, match="cannot be read"):
        shelf.load(tmp_path)


def test_two_items_on_one_thing_are_an_input_error(tmp_path):
    item = judged.shelved()["thm-4.2.1", "same-point"]
    (tmp_path / "a.json").write_text(json.dumps([item, item]))
    with pytest.raises(InputError, match="two items"):
        shelf.load(tmp_path)
