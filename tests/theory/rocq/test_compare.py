"""What a `.v` file states is what the registry says: read back and compared, and seen where it was changed."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from bnverify.theory.rocq.check import outside
from bnverify.theory.rocq.compare import misread
from bnverify.theory.rocq.files import library
from bnverify.theory.rocq.generate import POINT, Written
from bnverify.theory.rocq.witnesses import BY_HAND


def test_every_theorem_states_what_the_registry_says(made: Written) -> None:
    assert len(made.theorems) > 290
    assert misread(library() | made.files, made) == []


CHANGES = [
    ("Thm_4_1", "(g @ yhat) ^ 2 / sqrt m)).", "(g @ yhat) ^ 2 / m))."),
    ("Thm_4_1", "~ (forall (batch", "(forall (batch"),
    ("Thm_4_2", "v @ H v <= g @ H g ->", "v @ H v < g @ H g ->"),
    ("Thm_4_2", "let sigma := BatchNorm.s 0 y in", "let sigma := BatchNorm.s 1 y in"),
    ("Thm_4_4", "0 <= lam ->", "0 < lam ->"),
    ("Thm_4_4", "let T := transposed rows in", "let T := times d rows in"),
    ("Thm_4_4", "T v @[d] T v", "T v @ T v"),
    ("Thm_C_1", "batch_norm 0 gamma beta y g v H B ->", "batch_norm 0 gamma beta y v g H B ->"),
    ("Thm_C_1", "< gamma ^ 2 / sigma ^ 2", "<= gamma ^ 2 / sigma ^ 2"),
    ("Thm_4_1", "batch_norm 0 gamma beta y g v H B ->", "unbiased 0 gamma beta y g v H B ->"),
    ("Thm_4_1", "gamma <> 0 -> g @ yhat <> 0 ->", "g @ yhat <> 0 ->"),
    ("Thm_4_2", "gamma <> 0 -> v @ B v <= gamma", "gamma <> 0 -> v @ B v < gamma"),
    ("Thm_4_2", "v @ H v <= g @ H g.", "v @ H v < g @ H g."),
    ("Ext_spectrum", "(H v)%V == zero ->", "(H g)%V == zero ->"),
    ("Lem_4_5", "(Wstar @[d] Wstar - (Wstar @[d] W0)) ^ 2.", "(Wstar @[d] Wstar - (Wstar @[d] W0))."),
    ("Lem_4_5", "0 < W0 @[d] Wstar ->", "0 <= W0 @[d] Wstar ->"),
    ("Lem_4_5", "optimum What -> (forall W, optimum W ->", "(forall W,"),
    ("Obs_4_3", "respects L -> times d X e == one ->", "respects L ->"),
    ("Obs_4_3", "local_min L y -> local_min", "local_min L y -> local_min L y -> local_min"),
    ("Lem_4_5", "let gamma := BatchNorm.s 0 y in", "let gamma := 1 in"),
    ("Obs_4_3", "let beta := BatchNorm.mu y in", "let beta := 0 in"),
    ("Certified_eq_Claims", "let g := G z in", "let g := G y in"),
    ("Certified_eq_Claims", "(z - beta * one) / gamma", "(z - one) / gamma"),
    ("Certified_eq_Weights", "@[d]", "@"),
    ("Certified_thm", "v @ v", "v @ g"),
    ("Certified_ext_Norms", "(smooth : vec -> R)", "(smooth : vec -> vec)"),
]


@pytest.mark.parametrize(("file", "old", "new"), CHANGES)
def test_a_changed_statement_is_seen(made: Written, file: str, old: str, new: str) -> None:
    sources = library() | made.files
    assert old in sources[file]
    sources[file] = sources[file].replace(old, new)
    own = {key: entry for key, entry in made.theorems.items() if entry[0] == file}
    assert misread(sources, replace(made, theorems=own))


@pytest.mark.parametrize(("file", "name"), [("Thm_4_1", "thm_4_1_corrected"), ("Thm_4_2", "thm_4_2_2")])
def test_a_theorem_that_became_its_own_denial_is_seen(made: Written, file: str, name: str) -> None:
    sources = library() | made.files
    sources[file] = re.sub(
        rf"(Theorem {name} :)(.*?)(\.\s+Proof\.)", r"\1 ~ (\2)\3", sources[file], count=1, flags=re.DOTALL
    )
    (line,) = misread(sources, replace(made, theorems={}))
    assert name in line
    assert "the opposite" in line


def test_a_theorem_by_hand_under_hypotheses_that_no_instance_meets_is_seen(
    made: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    (theorem,) = (theorem for theorem in BY_HAND if theorem.given)
    false = replace(theorem, given=("gamma != 0", "gamma == 0"))
    monkeypatch.setattr("bnverify.theory.rocq.compare.BY_HAND", (false,))
    sources = library()
    sources["Thm_4_1"] = sources["Thm_4_1"].replace(
        "gamma <> 0 -> g @ yhat <> 0 ->", "gamma <> 0 -> gamma = 0 ->"
    )
    (line,) = misread(sources, replace(made, theorems={}))
    assert line.endswith("hypotheses that no instance meets in Rocq")


def test_the_page_names_every_identity_that_is_not_in_rocq(made: Written) -> None:
    page = (Path(__file__).parents[3] / "docs/contributing/rocq.md").read_text(encoding="utf-8")
    named = re.findall(
        r"`([\w.-]+)`", page.partition("### Identities that are not in Rocq")[2].partition("##")[0]
    )
    assert set(named) == {claim for (claim, _), reason in outside(made).items() if reason != POINT}
