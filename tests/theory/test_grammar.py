"""The grammar reads what it writes, points at what it cannot read, and evaluates nothing."""

import re

import pytest
from bnverify.theory.grammar import GrammarError, Node, names_in, parse, put, unparse
from bnverify.theory.normalisations import NORMALISATIONS, Normalisation, in_weights, names_of
from bnverify.theory.sorts import NUMBER, operator, statement, vector

BATCH = names_of(NORMALISATIONS["batch-norm"])
WEIGHTS = names_of(Normalisation("weights", in_weights(NORMALISATIONS["batch-norm"].text)))
STATEMENTS = (
    "v @ v <= gamma**2/sigma**2 * (g @ g - (one @ g)**2/m - (g @ yhat)**2/sqrt(m))",
    "v @ B @ v <= gamma**2/sigma**2 * (v @ H @ v) - gamma/(m*sigma**2) * (g @ yhat) * (v @ v)",
    "v == gamma/(m*sigma) * (m*g - (one @ g)*one - (g @ yhat)*yhat)",
    "norm(v) <= abs(gamma)/s * norm(g)",
    "d(one @ g, z, v) == one @ H @ v",
    "d(L, gamma) == g @ yhat",
    "at(yhat, y, 2*y) == yhat",
    "v == 0",
    "0 != max(gamma, beta)",
    "psd(H)",
    "mean(g*yhat) == one @ (g*yhat)/m",
    "m**(3/2) >= m**-1",
)
IN_WEIGHTS = (
    "dW == T @ v",
    "max((T @ v) @ (T @ v), norm(X) <= lam) <= lam**2 * (v @ v)",
    "(X @ W) @ (X @ W) == W @ T @ X @ W",
    "dW @ HW @ dW <= 1",
)


@pytest.mark.parametrize("text", STATEMENTS + IN_WEIGHTS)
def test_the_canonical_text_of_a_tree_parses_to_the_tree(text):
    tree = statement(text, WEIGHTS)
    assert parse(unparse(tree)) == tree
    assert unparse(parse(unparse(tree))) == unparse(tree)


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        ("v @ v <= gamma**2/simga**2", 19, "the nearest is 'sigma'"),
        ("v @ v <= g", 10, "the left side is a number, this side a vector in batch"),
        ("norm(gamma) <= 1", 6, "a vector is due"),
        ("sqrt(g) <= 1", 6, "a number is due"),
        ("v <= g", 1, "vectors are not ordered"),
        ("1 <= m <= 2", 11, "one relation"),
        ("H @ W == 0", 5, "weights is not batch"),
        ("v @ B == 0", 5, "a row"),
        ("H == B", 1, "say what it does to a vector"),
        ("gamma @ g == 0", 1, "numbers are multiplied with *"),
        ("g @ yhat @ v == 0", 5, "in the middle of a chain"),
        ("g*g == 0", 1, "elementwise"),
        ("g*g + 1 == 0", 1, "elementwise"),
        ("g + 1 == 0", 5, "added to"),
        ("L == 0", 1, "loss"),
        ("2*L == 0", 3, "only its rates"),
        ("d(L, y) == 0", 6, "moves along a vector"),
        ("d(L, y, W) == 0", 9, "a direction of a vector in batch"),
        ("d(L, 2*y, y) == 0", 6, "is a name"),
        ("at(v, y, gamma) == v", 10, "in the place of"),
        ("max(g @ g, norm(v) <= 1) <= 1", 17, "a ball of operators"),
        ("max(g @ g, norm(X) < 1) <= 1", 12, "over a ball"),
        ("max(g) <= 1", 1, "two numbers"),
        ("psd(X)", 5, "an operator on one space"),
        ("g @ g", 1, "no relation"),
        ("", 1, "nothing here"),
        ("   ", 1, "nothing here"),
        ("1" * 10_000, 4001, "at most 4000"),
        ("(" * 100 + "1" + ")" * 100 + " == 1", 61, "brackets"),
        ("-" * 1000 + "1 == 1", None, ""),
        ("+".join(["m"] * 1500) + " == 1", None, ""),
        ("__import__('os').system('id') == 0", 12, "not in the grammar"),
        ("__import__(g) == 0", 1, "no function"),
        ("g.__class__ == 0", 2, "nothing has attributes"),
        ("0.5*m == 1", 2, "1/2"),
        ("(lambda: 0) == 0", 8, "not in the grammar"),
        ("(lambda x: x)(1) == 0", 10, "not in the grammar"),
        ("[g][0] == 0", 1, "not in the grammar"),
        ("m if m else m", 1, "not in the grammar"),
        ("True == 1", 1, "not in the grammar"),
        ("sqrt(x=m) == 0", 1, "no named arguments"),
        ("sqrt(*m) == 0", 6, "not in the grammar"),
        ("m == 1 or m == 2", 8, "in `bnverify decide` alone"),
        ("(m == 1) + 1 == 2", 2, "a comparison inside"),
        ("2 ** 100000000000 == 1", 6, "up to 12"),
        ("m ** beta == 1", 6, "a whole number"),
        ("m ** (1/3) == 1", 7, "halves"),
        ("100000000000 == m", 1, "go up to"),
        ("m == 1\nproved", 7, "'\\n'"),
        ("m == 1 # true", 8, "'#'"),
        ("γ == 1", 1, "not in the grammar"),
        ("m == ", None, "cannot be read"),
        ("m == = 1", None, "cannot be read"),
    ],
)
def test_what_is_not_in_the_grammar_is_refused_at_its_place(text, column, reason):
    with pytest.raises(GrammarError) as caught:
        statement(text, WEIGHTS)
    message = str(caught.value)
    assert reason in message
    assert "\n" not in message
    if column is not None:
        assert message.startswith(f"character {column} of ")


def test_or_and_iff_are_read_where_they_are_asked_for():
    tree = statement("iff(v == 0, g == 0) or m == 2", BATCH, logic=True)
    assert tree.head == "or"
    assert parse(unparse(tree), logic=True) == tree
    with pytest.raises(GrammarError):
        statement("iff(v == 0, g == 0)", BATCH)


def test_names_are_replaced_by_trees_and_chains_stay_what_they_mean():
    tree = put(parse("u @ H @ u"), {"u": parse("X @ W")})
    assert unparse(tree) == "(X @ W) @ H @ (X @ W)"
    assert names_in(tree) == {"X", "W", "H"}
    names = {"X": operator("weights"), "W": vector("weights"), "H": operator()}
    assert statement(f"{tree} == 0", names)
    assert Node("name", ("m",)) == parse("   m")
    assert vector() != NUMBER


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("v^2 <= 1", "a power is written **"),
        ("||v|| <= 1", "norm(u)"),
        ("v @ v = 1", "write =="),
        ("v @ v => 1", "write >="),
        ("v @ v =< 1", "write <="),
        ("v @ v \u2264 1", "write <="),
        ("\u2016v\u2016\u00b2 \u2264 1", "the squared norm of u is u @ u"),
        ("\u27e8g, v\u27e9 <= 1", "u @ w"),
        ("v @ v <= \u03b3", "letters are spelt"),
        ("v @ v <= 1 and m > 2", "by itself"),
        ("v @ v <= lambda", "write lam"),
        ("v'*v <= 1", "u @ w"),
        ("dot(v, g) >= 0", "u @ w"),
        ("sum(v) == 0", "one @ u"),
        ("iff(v == 0)", "joins two relations"),
        (
            "v == 0 or g == 0",
            "character 8 of 'v == 0 or g == 0': 'or' joins relations in `bnverify decide` alone",
        ),
        (r"\gamma > 0", "no LaTeX"),
    ],
)
def test_what_people_type_from_habit_is_answered_with_what_they_mean(text, hint):
    with pytest.raises(GrammarError, match=re.escape(hint)):
        parse(text)
