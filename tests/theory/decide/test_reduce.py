"""The reduction to Gram coordinates: rank cases, and mutants of it that must give wrong answers."""

import pytest
from bnverify.theory.decide import reduce
from bnverify.theory.decide.conjecture import Conjecture, cases
from bnverify.theory.decide.reduce import Shape, demanded, violated
from bnverify.theory.decide.settle import Settling, by_solvers
from bnverify.theory.decide.solvers import Portfolio, smt
from bnverify.theory.kernel import Number
from bnverify.theory.points import instances

# statement, given, for which m = 2, 3 and every real m from the number of axes on there is a counterexample
KNOWN = [
    ("v @ v == 0", (), (False, True, True)),
    ("v @ v <= g @ g", (), (False, True, True)),
    ("v @ v <= g @ g", ("gamma**2 <= sigma**2",), (False, False, False)),
    ("v @ v <= gamma**2/sigma**2*(g @ g)", (), (False, False, False)),
    ("v @ one == 0", (), (False, False, False)),
    ("v @ B @ v <= gamma**2/sigma**2*(v @ H @ v)", (), (False, True, True)),
    ("v @ H @ v >= 0", ("psd(H)",), (False, False, False)),
    ("v @ H @ v >= 0", (), (False, True, True)),
    ("v @ v == 0", ("psd(B)",), (False, False, False)),  # y B y = 0, and B y = -v
    ("(v @ H @ v)**2 <= (v @ v)*((H @ v) @ (H @ v))", (), (False, False, False)),
    ("(one @ g)**2 + (g @ yhat)**2 == m*(g @ g)", (), (False, True, True)),
]


def counterexamples(statement, given):
    """Whether z3 sees one at m = 2, at m = 3 and for real m."""
    (case,) = cases(Conjecture(statement, given))
    shape = Shape(case)
    found = []
    with Portfolio(40) as portfolio:
        for size in (2, 3, None):
            problem = shape.frame(size).problem
            text = smt(problem, demanded(problem), violated(problem))
            found.append({"sat": True, "unsat": False}.get(portfolio.ask(text, [], 10).word))
    return tuple(found)


@pytest.mark.parametrize(("statement", "given", "expected"), KNOWN)
def test_every_case_of_rank_is_decided_rightly(statement, given, expected):
    assert counterexamples(statement, given) == expected


def wrong_length(self, left, right):
    total = reduce.ZERO
    for i, a in left.items():
        if i in right:
            total = total + a * right[i]
    return total


def third_direction_at_two(self, size, *rest, kept=reduce.Shape.frame):
    return kept(self, 3 if size == 2 else size, *rest)


def unsymmetric(self, name, kind, kept=reduce.Frame._matrix):
    table = kept(self, name, "symmetric")
    return {(i, j): x if i <= j else Number({}) for (i, j), x in table.items()}


MUTANTS = [
    (reduce.Frame, "dot", wrong_length),
    (reduce.Shape, "frame", third_direction_at_two),
    (reduce.Frame, "_matrix", unsymmetric),
    (reduce, "violated", lambda problem: [(poly, relation) for poly, relation in problem.goal]),
    (reduce, "demanded", lambda problem: problem.side_conditions()),
]


@pytest.mark.parametrize(("owner", "name", "mutant"), MUTANTS, ids=[entry[1] for entry in MUTANTS])
def test_a_mutant_of_the_reduction_is_caught(monkeypatch, owner, name, mutant):
    monkeypatch.setattr(owner, name, mutant)
    if owner is reduce:
        monkeypatch.setitem(globals(), name, mutant)
    assert any(counterexamples(statement, given) != expected for statement, given, expected in KNOWN)


APART = ("y @ g == 0", *(f"{u} @ {op} @ g == 0" for op in "DH" for u in "yg"), "g @ D @ H @ g == 0")
LONG = ("g @ D @ D @ g == 7", "g @ H @ H @ g == 7")  # D g, H g, y and g are orthogonal to each other


def test_the_images_of_two_operators_leave_the_span_each_its_own_way():
    (case,) = cases(Conjecture("gamma == 1", APART + LONG, "rms-norm-elementwise"))
    signs = {"D": (1, -1, 1, -1), "H": (1, -1, -1, 1)}
    tables = {
        name: [[f"{x}*sqrt(7)" if i == j else "0" for j in range(4)] for i, x in enumerate(row)]
        for name, row in signs.items()
    }
    point = {"y": ["1", "1", "-1", "-1"], "g": ["1/2"] * 4, "bias": ["0"] * 4, "gamma": "2", **tables}
    assert instances.convicted(case, [point])  # the hypotheses hold there
    with Portfolio(20) as portfolio:
        for size in (4, None):
            problem = Shape(case).frame(size).problem
            assert portfolio.ask(smt(problem, demanded(problem)), [], 10).word == "sat"


def test_of_an_operator_that_is_not_symmetric_psd_says_what_its_forms_are_alone():
    """x H B x >= 0 is about H B + B H: (a H B b)^2 <= (a H B a)(b H B b) fails at m = 4, so at every multiple of it."""
    statement = "(y @ (H @ B) @ g)**2 <= (y @ (H @ B) @ y)*(g @ (H @ B) @ g)"
    (case,) = cases(Conjecture(statement, ("psd(H @ B)",), min_m=12))
    with Portfolio(8) as portfolio:
        assert by_solvers(Settling(case, portfolio)).answer == "open"
