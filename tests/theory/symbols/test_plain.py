"""Two witnesses that share no derivative: every entry of v and B, by the kernel's calculus and by plain SymPy."""

from functools import cache

import pytest
import sympy as sp
from bnverify.theory import kernel
from bnverify.theory.cases import cases
from bnverify.theory.grammar import names_in, nodes, parse
from bnverify.theory.mutate import statements
from bnverify.theory.normalisations import NORMALISATIONS
from bnverify.theory.registry import registry
from bnverify.theory.room import walk
from bnverify.theory.symbols.plain import Entries, Symbols, derived
from bnverify.theory.witness import COMPARED

SCALE_NORM = "n = sqrt(y @ y); z = gamma*y/n"
PROGRAMS = {
    name: (NORMALISATIONS[name.removesuffix(", eps")].text, y, eps if ", eps" in name else 0)
    for name, (y, eps) in COMPARED.items()
} | {"scale-norm, typed": (SCALE_NORM, (1, 2, 4), 0)}


def point(text, y, eps, g, H, gamma):
    """v and B of the kernel at one exact point, as SymPy numbers."""
    m = len(y)
    positive = eps != 0
    declared = "D" in text
    claim = kernel.Claim(
        text,
        "v @ v == v @ B @ v",
        eps="positive" if positive else "zero",
        vectors=("bias",) if declared else (),
        operators=("D",) if declared else (),
    )
    data = {"y": [str(x) for x in y], "g": g, "H": H, "gamma": gamma, "beta": "1/2"}
    if positive:
        data["eps"] = eps
    if declared:
        data |= {
            "bias": ["0"] * m,
            "D": [[str(i + 2) if i == j else "0" for j in range(m)] for i in range(m)],
        }
    place = kernel.Point(claim, data)
    entry = lambda column, i: sp.sympify(str(column.parts.get(i, kernel.Exact({}))))  # noqa: E731
    v, B = place.look("v"), place.look("B")
    basis = [kernel.column([int(i == j) for j in range(m)]) for i in range(m)]
    return [entry(v, i) for i in range(m)], [[entry(B @ basis[j], i) for j in range(m)] for i in range(m)]


def is_zero(value):
    """Of a number of Q(sqrt d): what is left of it in lowest terms."""
    return sp.expand(sp.radsimp(sp.expand(value))) == 0


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_entry_of_the_gradient_and_of_the_hessian_is_the_kernels(name):
    text, y, eps = PROGRAMS[name]
    m = len(y)
    found = derived(text, y, eps)
    g, H = found.names["g"].entries, found.names["H"].entries
    symbols = [(entry, None) for entry in g] + [(H[i][j], (i, j)) for i in range(m) for j in range(i + 1)]
    for gamma in ("2", "-1/3"):
        fixed = {
            sp.Symbol("gamma", real=True): sp.Rational(gamma),
            sp.Symbol("beta", real=True): sp.Rational(1, 2),
        }
        fixed |= {sp.Symbol(f"D{i}", real=True): i + 2 for i in range(m)}
        fixed |= {sp.Symbol(f"bias{i}", real=True): 0 for i in range(m)}
        rows = [
            sp.expand(sp.sympify(x).subs(fixed)) for x in (*found.v, *(x for row in found.B for x in row))
        ]
        for symbol, place in symbols:  # v and B are linear in g and H
            table = [[str(int(place in ((i, j), (j, i)))) for j in range(m)] for i in range(m)]
            v, B = point(text, y, eps, [str(int(entry == symbol)) for entry in g], table, gamma)
            for row, entry in zip(rows, (*v, *(x for line in B for x in line)), strict=True):
                assert is_zero(row.coeff(symbol) - entry)


POINT = {
    "g": ["2", "-1", "3"],
    "H": [["1", "2", "-1"], ["2", "-1", "1"], ["-1", "1", "3"]],
    "gamma": "-3/2",
    "beta": "1/3",
}
NAMES = "one m y g v H B gamma beta eps mu c s yhat z sigma a b u w"
KNOWN = frozenset(NAMES.split())
PROBES = {"a": (1, 0, 2), "b": (3, -1, 1), "u": (1, 1, -2), "w": (0, 2, 1)}


DEFINITIONS = {PROGRAMS[name][0] for name in ("batch-norm", "unbiased")}


def of_one_batch(asked, tree):
    """Whether a statement speaks of one batch and of no rate."""
    heads = {node.head for node in nodes(tree)}
    return (
        asked.definition in DEFINITIONS
        and names_in(tree) <= KNOWN
        and not heads & {"d", "at", "maximum", "abs"}
    )


def asked_of_one_batch():
    """Claims with such a statement; which of them are equalities, the kernel says when they are tested."""
    for claim in registry().values():
        if any(of_one_batch(case.asked, parse(case.asked.statement)) for case in cases(claim)):
            yield claim.id


@cache
def symbols(definition, eps):
    """The plain room of a definition at one rational batch."""
    found = derived(definition, (0, 1, 3), eps, POINT)
    names = dict(found.names)
    names |= {"v": Entries(tuple(found.v)), "B": Entries(tuple(map(tuple, found.B)), rows=True)}
    names["sigma"] = names["s"] if eps == 0 else sp.sqrt(names["s"] ** 2 - names["eps"])
    return names | {name: Entries(tuple(map(sp.Integer, entries))) for name, entries in PROBES.items()}


@pytest.mark.parametrize("name", list(asked_of_one_batch()))
def test_every_equality_holds_by_plain_differentiation(name):
    """Every equality for all m, without a hypothesis."""
    equalities = [
        s
        for s in statements(registry()[name])
        if of_one_batch(s.asked, s.tree) and s.op == "==" and s.at is None and not s.asked.hypotheses
    ]
    for statement in equalities:
        asked = statement.asked
        names = symbols(asked.definition, 0 if asked.eps == "zero" else sp.Rational(2, 9))
        left, right = walk(statement.tree, Symbols(names, {}))
        gaps = (left - right).entries if isinstance(left, Entries) and isinstance(right, Entries) else None
        if gaps is None:
            gaps = left.entries if isinstance(left, Entries) else (left - right,)
        assert all(is_zero(gap) for gap in gaps), statement.about
    if not equalities:
        pytest.skip("its statements are inequalities, or hold under a hypothesis")


def test_one_slip_in_a_definition_is_seen():
    right = derived(SCALE_NORM, (1, 2, 4)).v
    wrong = derived("n = sqrt(y @ y + 1); z = gamma*y/n", (1, 2, 4)).v
    assert any(not is_zero(a - b) for a, b in zip(right, wrong, strict=True))


def test_entries_are_vectors_and_operators():
    u = Entries((sp.Integer(1), sp.Integer(2)))
    assert (u + u - u).entries == u.entries
    assert u @ u == 5
    assert (Entries(((1, 0), (0, 3)), rows=True) @ u).entries == (1, 6)
