"""What is stated in Rocq is what the registry says: the definitions, the theorems by hand, the generated ones."""

from __future__ import annotations

import re

import pytest
from bnverify.theory import kernel
from bnverify.theory.grammar import lines
from bnverify.theory.normalisations import NORMALISATIONS, in_weights, two_units
from bnverify.theory.rocq.compare import differences
from bnverify.theory.rocq.compile import theorems
from bnverify.theory.rocq.files import library
from bnverify.theory.rocq.proof import script
from bnverify.theory.rocq.reader import Unread, definitions, read
from bnverify.theory.rocq.settings import SETTINGS
from bnverify.theory.rocq.statement import Outside, canonical, statement_of
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


@pytest.mark.parametrize(
    "name", [name for name in SETTINGS if SETTINGS[name].module and "y_j" not in SETTINGS[name].text]
)
def test_the_definitions_in_rocq_are_the_lines_of_the_registry(name: str) -> None:
    found = definitions("\n".join(library().values()), SETTINGS[name].module)
    assert found == {line: canonical(tree) for line, tree in lines(SETTINGS[name].text) if line != "y"}


@pytest.mark.parametrize("text", ["x = y", "forall (y : vec), y ? y", "forall (y : vec), y @", "~ forall"])
def test_what_is_in_other_notations_is_not_read(text: str) -> None:
    with pytest.raises(Unread):
        read("it", text)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (claim("d(v, y, b) == b", vectors=("b",)), "of v as y moves"),
        (claim("at(v, y, 2*y) == v"), "of v as y moves"),
        (claim("v @ v == 0", quantifier="exists"), "exists"),
        (kernel.Claim("q = y @ y + m; z = y/q", "v @ y == 0"), "no definition"),
        (kernel.Claim(two_units(NORMALISATIONS["rms-norm"].text), "v_j @ y_j == 0"), "no definition"),
        (claim("v @ v == forall", numbers=("forall",)), "another meaning"),
    ],
    ids=["rate", "elsewhere", "exists", "definition", "units", "keyword"],
)
def test_what_the_library_has_no_words_for_is_named(asked: kernel.Claim, reason: str) -> None:
    with pytest.raises(Outside, match=reason):
        written(asked)


def test_a_certificate_of_another_kind_is_named() -> None:
    with pytest.raises(Outside, match="guess"):
        script(statement_of(STATEMENTS[0]), {"terms": [], "guess": "composition"})


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
    ("two units", "positive"): (
        (
            "0 < eps",
            "batch_norm_pair eps gamma_j beta_j gamma_k beta_k y_j y_k g_j g_k v_j v_k "
            "H_jj H_jk H_kj H_kk B_jj B_jk B_kj B_kk",
        ),
        {
            "yhat_j": "BatchNorm.yhat eps y_j",
            "z_k": "BatchNorm.z eps gamma_k beta_k y_k",
            "s_j": "BatchNorm.s eps y_j",
            "sigma_j": "sqrt (s_j ^ 2 - eps)",
            "rho_j": "sigma_j ^ 2 / s_j ^ 2",
        },
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
    pair = kernel.Claim(two_units(BATCH.text), "v_j @ v_j == 0", eps=eps)
    found = statement_of(pair if norm == "two units" else claim("v @ v == 0", norm, eps=eps))
    assert tuple(premises(found)) == wanted
    assert dict(abbreviations(found, meanings)) == meanings


@pytest.mark.parametrize("name", [name for name in SETTINGS if SETTINGS[name].predicate])
def test_a_setting_takes_its_arguments_in_the_writers_order(name: str) -> None:
    setting = SETTINGS[name]
    sources = "\n".join(library().values())
    match = re.search(rf"Definition {setting.predicate} \{{batch : Batch\}} (.*?) : Prop", sources, re.DOTALL)
    assert match
    groups = re.findall(r"\(([^:()]+):([^:()]+)\)", " ".join(match[1].split()))
    found = [(word, sort.strip()) for words, sort in groups for word in words.split()]
    assert found == [(word, sort) for words, sort in setting.groups() for word in words]
    assert not setting.module or f"{setting.module}.z" in sources


MOVED = {
    "d(gamma/sigma * g, y, b) == b": (
        "y",
        (
            ("z", "BatchNorm . z 0 gamma beta y"),
            ("sigma", "BatchNorm . s 0 y"),
            ("g", "G z"),
        ),
    ),
    "d((g @ yhat)*one, z, b) == b": ("z", (("yhat", "( ( z - beta * one ) / gamma )"), ("g", "G z"))),
    "d((g @ yhat)*one, yhat, b) == b": ("yhat", (("z", "( gamma * yhat + beta * one )"), ("g", "G z"))),
    "at(yhat, y, alpha*y) == b": ("y", (("yhat", "BatchNorm . yhat 0 y"),)),
    "max((T @ g) @ (T @ g), norm(X) <= lam) == alpha": ("rows", (("T", "transposed rows"),)),
}
"""What the names in a rate, a value elsewhere and a maximum mean there, spelt out by hand."""


@pytest.mark.parametrize("text", MOVED)
def test_what_follows_as_something_moves_is_what_the_grammar_says(text: str) -> None:
    asked = claim(text, vectors=("b",), numbers=("alpha", "lam"))
    back = read("it", written(asked))
    name, meanings = MOVED[text]
    spaced = tuple((word, value.replace("BatchNorm . ", "BatchNorm.")) for word, value in meanings)
    assert back.moved == ((name, spaced),)
    assert back.says == statement_of(asked).says


def test_an_inner_product_of_weights_is_marked() -> None:
    asked = kernel.Claim(
        in_weights(BATCH.text), "u @ HW @ w == u @ T @ B @ X @ w", vectors=("u in weights", "w in weights")
    )
    text = written(asked)
    assert "u @[d] HW w = u @[d] T (B (X w))" in text
    assert differences(statement_of(asked), read("it", text)) == []
    wrong = read("it", text.replace("u @[d] HW w", "u @ HW w"))
    assert differences(statement_of(asked), wrong) == ["an inner product in another space"]


@pytest.mark.parametrize("name", [name for name in SETTINGS if SETTINGS[name].predicate])
def test_the_hypotheses_of_every_setting_can_be_met(name: str) -> None:
    """A quadratic loss has all that a setting asks for, so that nothing is proved about nothing."""
    found = {theorem for source in library().values() for theorem in theorems(source)}
    assert f"{SETTINGS[name].predicate}_met" in found
