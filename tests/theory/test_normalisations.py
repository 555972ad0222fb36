"""Every normalisation is one text; one typed on the spot is as good."""

import pytest
from bnverify.theory.normalisations import (
    NORMALISATIONS,
    Normalisation,
    declared,
    in_weights,
    names_of,
    normalisation,
    two_units,
)
from bnverify.theory.sorts import statement
from bnverify.theory.vocabulary import VOCABULARY

from bnverify.base.errors import InputError


@pytest.mark.parametrize("norm", NORMALISATIONS.values(), ids=lambda norm: norm.name)
def test_a_definition_gives_z_and_its_needs_are_statements_about_it(norm):
    names = names_of(norm)
    assert names["z"].kind == "vector"
    for text in norm.needs:
        assert statement(text, names)


@pytest.mark.parametrize("name", ["batch-norm", "unbiased", "layer-norm"])
def test_two_units_are_the_lines_of_both(name):
    text = two_units(NORMALISATIONS[name].text)
    names = names_of(Normalisation("pair", text, operators=("D_j", "D_k"), vectors=("bias_j", "bias_k")))
    assert statement("v_j @ B_jk @ v_k == v_k @ B_kj @ v_j", names)
    assert "y" not in names


def test_in_weight_space_the_outputs_are_given_by_the_weights():
    names = names_of(Normalisation("weights", in_weights(NORMALISATIONS["batch-norm"].text)))
    assert statement("dW @ HW @ dW == (X @ dW) @ B @ (X @ dW)", names)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("bach-norm", "the nearest is 'batch-norm'"),
        ("n = sqrt(y @ y); z = gamma/n", "z is a number"),
        (
            "z = y/(y @ one - one @ y)",
            "character 8 .* divides by y @ one - one @ y, which is 0 on every batch",
        ),
        ("n = one @ (y - (one @ y)/m*one); z = gamma*y/n", "character 46 .* divides by n, which is 0"),
        ("n = one @ one - m; z = gamma*y*n**-1", "divides by n, which is 0"),
        ("n = sqrt(y @ y)", "the last line of a definition gives z"),
        ("z = y; s = norm(y)", "the last line of a definition gives z"),
        ("z = y; z = y", "is taken"),
        ("m = 1; z = y", "is taken"),
        ("sqrt = 1; z = y", "is taken"),
        ("n = simga; z = y", "there is no name 'simga'"),
        ("z = g", "there is no name 'g'"),
        ("z = d(y, y, y)", "in statements, not in definitions"),
        ("n == 3; z = y", "expected a line"),
        ("z = y;", "expected a line"),
        ("z == y", "expected a line"),
        ("__import__ = 1; z = y", "expected a line"),
        ("z = y + 1", "added to"),
        ("z = y*y", "not an elementwise product"),
    ],
)
def test_a_text_that_defines_nothing_is_refused(text, reason):
    with pytest.raises(InputError, match=reason):
        normalisation(text)


def test_a_misfit_in_a_definition_is_counted_in_the_whole_text():
    with pytest.raises(InputError, match="character 26 of"):
        normalisation("n = sqrt(y @ y); z = y / k")


@pytest.mark.parametrize(
    ("vectors", "operators", "reason"),
    [
        (("v",), (), "is taken"),
        ((), ("B",), "is taken"),
        (("a b",), (), "cannot declare"),
        (("a; z = y",), (), "cannot declare"),
        ((), ("M: weights",), "cannot declare"),
    ],
)
def test_what_cannot_be_declared_is_refused(vectors, operators, reason):
    with pytest.raises(InputError, match=reason):
        declared(vectors, (), operators)


def test_declarations_give_spaces():
    found = declared(("a", "W0 in weights"), ("lam",), ("matrix M", "projector C", "A: weights -> batch"))
    assert [str(sort) for sort in found.values()] == [
        "vector in batch",
        "vector in weights",
        "number",
        "operator",
        "operator",
        "operator from weights to batch",
    ]


def test_every_name_of_the_vocabulary_says_what_it_is():
    assert all(name.meaning and name.symbol and name.latex and name.unit for name in VOCABULARY.values())
