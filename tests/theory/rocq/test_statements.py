"""What is stated in Rocq is what the registry says: the definitions, the theorems by hand, the generated ones."""

from __future__ import annotations

import re

import pytest
from bnverify.theory import kernel
from bnverify.theory.grammar import lines, parse
from bnverify.theory.normalisations import NORMALISATIONS
from bnverify.theory.rocq.library import library
from bnverify.theory.rocq.proof import script
from bnverify.theory.rocq.reader import Unread, definitions, propositions, read
from bnverify.theory.rocq.statement import SETTINGS, Outside, canonical, statement_of
from bnverify.theory.rocq.writer import abbreviations, binders, premises, proposition

BATCH = NORMALISATIONS["batch-norm"]
GAMMA = ("gamma != 0",)


def claim(statement: str, norm: str = "batch-norm", **rest: object) -> kernel.Claim:
    entry = NORMALISATIONS[norm]
    own = {"vectors": entry.vectors, "operators": entry.operators, "needs": entry.needs} | rest
    return kernel.Claim(entry.text, statement, **own)  # type: ignore[arg-type]


STATEMENTS = [
    claim("v @ v == gamma**2/sigma**2 * (g @ g - (one @ g)**2/m - (g @ yhat)**2/m)"),
    claim("v @ v <= gamma**2/sigma**2 * (g @ g - (one @ g)**2/m - (g @ yhat)**2/sqrt(m))"),
    claim("v @ B @ v == gamma**2/sigma**2 * (v @ H @ v) - gamma/(m*sigma**2) * (g @ yhat) * (v @ v)"),
    claim("v == gamma/(m*sigma) * (m*g - (one @ g)*one - (g @ yhat)*yhat)"),
    claim("B @ c == -v"),
    claim("v @ y == 0"),
    claim("B @ yhat == -1/sigma*v"),
    claim("norm(v) <= abs(gamma)/s * norm(g)"),
    claim("(v + t*yhat) @ B @ (v + t*yhat) == v @ B @ v - 2*t/sigma * (v @ v)", numbers=("t",)),
    claim("v @ B @ v <= 0", hypotheses=("psd(H)", "v @ H @ v <= g @ H @ g"), needs=GAMMA),
    claim("a - mean(a)*one == b*2", vectors=("a", "b")),
    claim("v @ v == gamma**2/s**2 * (g @ g - (one @ g)**2/m - (2 - rho)/m * (g @ yhat)**2)", eps="positive"),
    claim("v @ v == gamma**2/sigma**2 * (g @ g - (one @ g)**2/m - (g @ yhat)**2/(m - 1))", "unbiased"),
    claim("v @ v == ((D @ g) @ (D @ g) - (one @ D @ g)**2/m - ((D @ g) @ yhat)**2/m)/s**2", "layer-norm"),
    claim("v @ v == gamma**2/s**2 * (g @ g - (2 - rho)/m * (g @ yhat)**2)", "rms-norm", eps="positive"),
    claim("D @ H @ D @ y == z - bias", "rms-norm-elementwise"),
    claim("v @ v == gamma**2/n**2 * (g @ g - (g @ y)**2/(y @ y))", "scale-norm"),
    claim("(a - (a @ b)/(b @ b)*b) @ b == 0", "identity", vectors=("a", "b"), needs=("0 < b @ b",)),
]


def written(asked: kernel.Claim) -> str:
    return proposition(statement_of(asked))


@pytest.mark.parametrize("asked", STATEMENTS, ids=lambda asked: asked.statement)
def test_a_statement_that_is_written_and_read_back_is_the_same(asked: kernel.Claim) -> None:
    found = statement_of(asked)
    back = read("it", written(asked))
    assert (back.says, back.given) == (found.says, found.given)
    assert back.abbreviations == tuple(abbreviations(found))
    assert back.premises == tuple(premises(found))
    assert " ".join(f"({' '.join(names)} : {sort})" for names, sort in back.binders) == binders(found)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("gamma ^ 2", "gamma ^ 3"),
        ("/ m", "/ sqrt m"),
        ("(g @ yhat)", "(g @ y)"),
        ("- (one", "+ (one"),
        ("(one @ g)", "(g @ g)"),
        ("v @ v", "v @ g"),
    ],
)
def test_another_statement_reads_differently(old: str, new: str) -> None:
    text = written(STATEMENTS[0])
    assert old in text
    assert read("it", text.replace(old, new, 1)).says != read("it", text).says


@pytest.mark.parametrize("name", SETTINGS)
def test_the_definitions_in_rocq_are_the_lines_of_the_registry(name: str) -> None:
    found = definitions(library()["Normalisations"], SETTINGS[name].module)
    assert found == {line: canonical(tree) for line, tree in lines(NORMALISATIONS[name].text)}


BY_HAND = {
    "thm_4_1_corrected": (
        "Thm_4_1",
        "v @ v == gamma**2/sigma**2 * (g @ g - (one @ g)**2/m - (g @ yhat)**2/m)",
        (),
    ),
    "thm_4_1_printed_false": (
        "Thm_4_1",
        "v @ v <= gamma**2/sigma**2 * (g @ g - (one @ g)**2/m - (g @ yhat)**2/sqrt(m))",
        (),
    ),
    "thm_4_2_1": (
        "Thm_4_2",
        "v @ B @ v == gamma**2/sigma**2 * (v @ H @ v) - gamma/(m*sigma**2) * (g @ yhat) * (v @ v)",
        (),
    ),
    "thm_4_2_2": (
        "Thm_4_2",
        "v @ B @ v <= gamma**2/sigma**2 * (g @ H @ g - 1/(m*gamma) * (g @ yhat) * (v @ v))",
        ("gamma != 0", "v @ H @ v <= g @ H @ g"),
    ),
    "thm_4_2_2_printed_false": (
        "Thm_4_2",
        "v @ B @ v <= gamma**2/sigma**2 * (g @ H @ g - 1/(m*gamma) * (g @ yhat) * (v @ v))",
        ("gamma != 0",),
    ),
}
"""Theorems by hand whose statement is text of the grammar: their file, the text, its hypotheses."""


@pytest.mark.parametrize("name", BY_HAND)
def test_a_theorem_by_hand_states_the_claims_text(name: str) -> None:
    file, text, given = BY_HAND[name]
    back = read(name, propositions(library()[file])[name])
    assert back.says == canonical(parse(text))
    assert back.given == tuple(canonical(parse(other)) for other in given)
    assert back.premises == ("batch_norm 0 gamma beta y g v H B",)
    assert set(back.abbreviations) == {("sigma", "BatchNorm.s 0 y"), ("yhat", "BatchNorm.yhat 0 y")}
    assert back.denied == name.endswith("_false")


@pytest.mark.parametrize("text", ["x = y", "forall (y : vec), y ? y", "forall (y : vec), y @", "~ forall"])
def test_what_is_in_other_notations_is_not_read(text: str) -> None:
    with pytest.raises(Unread):
        read("it", text)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (claim("d(yhat, y, b) == b", vectors=("b",)), "d"),
        (claim("v @ v == 0", quantifier="exists"), "exists"),
        (kernel.Claim("q = y @ y + m; z = y/q", "v @ y == 0"), "no definition"),
        (claim("v @ v == forall", numbers=("forall",)), "word of Rocq"),
    ],
    ids=["rate", "exists", "definition", "keyword"],
)
def test_what_the_library_has_no_words_for_is_named(asked: kernel.Claim, reason: str) -> None:
    with pytest.raises(Outside, match=reason):
        written(asked)


def test_a_certificate_of_another_kind_is_named() -> None:
    with pytest.raises(Outside, match="lemma"):
        script(statement_of(STATEMENTS[0]), {"terms": [], "lemma": "composition"})


HEADERS = {
    ("batch-norm", "zero"): (
        ("batch_norm 0 gamma beta y g v H B",),
        {
            "mu": "BatchNorm.mu y",
            "c": "BatchNorm.c y",
            "s": "BatchNorm.s 0 y",
            "yhat": "BatchNorm.yhat 0 y",
            "z": "BatchNorm.z 0 gamma beta y",
            "sigma": "BatchNorm.s 0 y",
            "rho": "sigma ^ 2 / s ^ 2",
        },
    ),
    ("batch-norm", "positive"): (
        ("0 < eps", "batch_norm eps gamma beta y g v H B"),
        {
            "mu": "BatchNorm.mu y",
            "c": "BatchNorm.c y",
            "s": "BatchNorm.s eps y",
            "yhat": "BatchNorm.yhat eps y",
            "z": "BatchNorm.z eps gamma beta y",
            "sigma": "sqrt (s ^ 2 - eps)",
            "rho": "sigma ^ 2 / s ^ 2",
        },
    ),
    ("layer-norm", "zero"): (
        ("layer_norm 0 D bias y g v H B",),
        {"s": "LayerNorm.s 0 y", "z": "LayerNorm.z 0 D bias y", "sigma": "LayerNorm.s 0 y"},
    ),
    ("scale-norm", "zero"): (
        ("scale_norm gamma y g v H B",),
        {"n": "ScaleNorm.n y", "yhat": "ScaleNorm.yhat y", "z": "ScaleNorm.z gamma y"},
    ),
}
"""What stands before a statement, spelt out by hand: the setting, and the meaning of the names."""


@pytest.mark.parametrize("case", HEADERS, ids=" ".join)
def test_the_names_before_a_statement_mean_what_the_grammar_says(case: tuple[str, str]) -> None:
    (norm, eps), (wanted, meanings) = case, HEADERS[case]
    found = statement_of(claim("v @ v == 0", norm, eps=eps))
    assert tuple(premises(found)) == wanted
    assert dict(abbreviations(found, meanings)) == meanings


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_takes_its_arguments_in_the_writers_order(name: str) -> None:
    setting = SETTINGS[name]
    match = re.search(rf"Definition {setting.predicate} (.*?) : Prop", library()["Settings"])
    assert match
    names = [word for group in re.findall(r"\(([^:()]+):", match[1]) for word in group.split()]
    eps = ["eps"] if setting.eps else []
    assert names == [*eps, *setting.numbers, *setting.operators, *setting.vectors, "y", "g", "v", "H", "B"]
    assert f"layer ({setting.module}.z" in library()["Settings"]
