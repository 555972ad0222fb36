"""A conjecture as a user writes it, and the claims of the kernel that together say the same."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from bnverify.theory import circle
from bnverify.theory.decide.whole import never_zero
from bnverify.theory.grammar import GrammarError, Node, lines, names_in, nodes, parse, put, unparse
from bnverify.theory.kernel import Claim
from bnverify.theory.normalisations import (
    Normalisation,
    declared,
    elsewhere,
    in_weights,
    names_of,
    normalisation,
    two_units,
    units,
)
from bnverify.theory.points.case import Case, Undefined, build
from bnverify.theory.sorts import Sort, sort_of, statement
from bnverify.theory.vocabulary import VOCABULARY

from bnverify.base.errors import InputError

FURTHEST = 200
"""The largest batch of which an instance is built."""
NEGATION = {"<=": ">", "<": ">=", ">=": "<", ">": "<=", "==": "!=", "!=": "=="}


@dataclass(frozen=True)
class Conjecture:
    """What is asked.

    statement: a relation, ``psd(A)``, ``iff(a, b)`` or ``a or b``. given: hypotheses, each of which may
    hold ``or``. norm: a
    name or the lines of a definition. vectors, numbers: the free names. min_m: the smallest batch asked about.
    """

    statement: str
    given: tuple[str, ...] = ()
    norm: str = "batch-norm"
    vectors: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    min_m: int = 2

    def trees(self) -> list[Node]:
        """The statement and the hypotheses, of whatever sorts."""
        return [parse(text, logic=True) for text in (self.statement, *self.given)]


def read(conjecture: Conjecture) -> tuple[Normalisation, Node, list[Node], dict[str, Sort]]:
    """The parsed parts of a conjecture, every name and sort checked.

    Raises:
        InputError: something in it is not in the grammar, unknown, or of the wrong sort.
    """
    if conjecture.min_m < 2:
        raise InputError(
            f"--min-m is {conjecture.min_m}; a batch of one sample has no variance to divide by: at least 2"
        )
    free = declared(conjecture.vectors, conjecture.numbers)
    norm = placed(normalisation(conjecture.norm), conjecture)
    sorts = names_of(norm, free)
    sorts |= {name: VOCABULARY[name].sort for name in "XT" if maxima(conjecture)}
    for kind, names in (("vector", conjecture.vectors), ("number", conjecture.numbers)):
        for name in names:
            if name.startswith(("given", "need")):
                raise InputError(f"--{kind} {name}: such names stand for hypotheses; take another one")
    try:
        tree = statement(conjecture.statement, sorts, logic=True)
        given = [statement(text, sorts, logic=True) for text in conjecture.given]
    except GrammarError as error:
        own = {name: line for name, line in lines(norm.text) if len(name) == 1}
        if used := sorted(own.keys() & names_in(parse(conjecture.statement, logic=True))):
            said = "; ".join(f"{name} = {unparse(own[name])}" for name in used)
            raise InputError(
                f"{error}; {said} in the definition (a constant to be found: --best 'max c')"
            ) from None
        if "there is no name" not in str(error):
            raise
        raise InputError(elsewhere(error, norm) or f"{error}; {DECLARE}") from None
    for node in given:
        if any(inside.head == "iff" for inside in nodes(node)):
            raise InputError(f"iff stands in the statement, not in a hypothesis: {unparse(node)}")
    circle.refuse(tree, given)
    return norm, tree, given, sorts


DECLARE = "declare it with --number or --vector, or ask for a constant with --best 'max c'"


def maxima(conjecture: Conjecture) -> list[Node]:
    """The maxima over inputs, max(..., norm(X) <= lam), of a conjecture."""
    return [node for tree in conjecture.trees() for node in nodes(tree) if node.head == "maximum"]


def placed(norm: Normalisation, conjecture: Conjecture) -> Normalisation:
    """The normalisation of y = X W where a text names weights, and of two units where it names y_j or y_k."""
    used = set().union(*map(names_in, conjecture.trees()))
    inside = set().union(*(names_in(node) for node in maxima(conjecture)))
    if norm.text.startswith("y =") or units(norm.text) != ("",):
        return norm
    if any(re.fullmatch(r"(y|z|g|v|gamma|beta|sigma|s|H|B)_[jk]{1,2}", name) for name in used):
        return replace(
            norm, text=two_units(norm.text), needs=tuple(_of_unit(x, u) for x in norm.needs for u in "jk")
        )
    if used & {"W", "dW", "HW", "dW_plain", "HW_plain"} or (used & {"X", "T"}) - inside:
        return replace(norm, text=in_weights(norm.text))
    return norm


def _of_unit(text: str, unit: str) -> str:
    """A need of one unit, as one of a unit of two."""
    tree = parse(text)
    kept = {"one", "m", "eps"}
    return unparse(put(tree, {name: Node("name", (f"{name}_{unit}",)) for name in names_in(tree) - kept}))


def cases(conjecture: Conjecture) -> list[Case]:
    """The claims of the kernel that hold together exactly if the conjecture does.

    Raises:
        InputError: the conjecture cannot be read, or divides by what can be 0.
    """
    norm, tree, given, sorts = read(conjecture)
    scopes, given = scopes_of_eps(norm, tree, given)
    given = [_apart(node, sorts) for node in given]
    least, given = _least(given, conjecture.min_m)
    if least > FURTHEST:
        raise InputError(
            f"m is asked to be at least {least}; no instance of more than {FURTHEST} samples is built: ask from a "
            "smaller m on, which covers these"
        )
    conjecture = replace(conjecture, min_m=least)
    pairs = [
        (goal, [*alternative, *extra]) for goal, extra in _goals(tree) for alternative in _alternatives(given)
    ]
    return [
        _case(conjecture, norm, eps, goal, hypotheses, sorts) for eps in scopes for goal, hypotheses in pairs
    ]


OF_EPS = {
    ("eps == 0", "0 == eps", "eps <= 0", "0 >= eps"): ["zero"],
    ("eps >= 0", "0 <= eps"): ["zero", "positive"],
    ("eps > 0", "0 < eps", "eps != 0", "0 != eps"): ["positive"],
}
"""What hypotheses about eps alone say of it, which is never negative."""


def scopes_of_eps(norm: Normalisation, tree: Node, given: Iterable[Node]) -> tuple[list[str], list[Node]]:
    """Whether eps is zero, positive or either; hypotheses that say no more than this are the scope, the rest is left.

    It is zero unless the statement, a hypothesis or a definition that was typed names it, and then positive; it is
    either where an ``or`` or iff speaks of it as zero.
    """
    given = list(given)
    typed = [line for _, line in lines(norm.text)] if norm.name == "typed" else []
    mentioned = bool({"eps", "rho"} & names_in(tree).union(*map(names_in, (*given, *typed))))
    parts = [unparse(part) for node in (tree, *given) if node.head in {"or", "iff"} for part in node.args]
    rest, scopes = [], ["zero", "positive"]
    said = any("zero" in meant for texts, meant in OF_EPS.items() for text in texts if text in parts)
    for node in given:
        meant = next((known for texts, known in OF_EPS.items() if unparse(node) in texts), None)
        left = [scope for scope in scopes if meant is None or scope in meant]
        if (
            meant is None or not left
        ):  # one that contradicts those before stays a hypothesis, which nothing satisfies
            rest.append(node)
        else:
            scopes, said = left, True
    return scopes if said else ["positive"] if mentioned else ["zero"], rest


def _apart(node: Node, sorts: dict[str, Sort]) -> Node:
    """A hypothesis u != w of vectors as one of numbers, which the kernel divides by."""
    if node.head == "or":
        return Node("or", tuple(_apart(part, sorts) for part in node.args), node.column)
    if node.head != "!=" or "vector" not in {sort_of(side, sorts).kind for side in node.args}:
        return node
    left, right = node.args
    zero = Node("number", (0,))
    gap = left if right == zero else right if left == zero else Node("-", (left, right))
    return Node("!=", (Node("@", (gap, gap)), zero), node.column)


def _least(given: list[Node], min_m: int) -> tuple[int, list[Node]]:
    """The smallest batch size, with hypotheses such as m >= 5 put into it."""
    rest = []
    for node in given:
        match node:
            case Node(head=">=", args=(Node(head="name", args=("m",)), Node(head="number", args=(whole,)))):
                min_m = max(min_m, whole)
            case Node(head=">", args=(Node(head="name", args=("m",)), Node(head="number", args=(whole,)))):
                min_m = max(min_m, whole + 1)
            case _:
                rest.append(node)
    return min_m, [_alone(node, min_m) for node in rest]


def _alone(node: Node, least: int) -> Node:
    """A hypothesis m <= k, as m == k where no smaller m is asked about."""
    low, high = (
        node.args
        if node.head in ("<=", "<")
        else node.args[::-1]
        if node.head in (">=", ">")
        else (None, None)
    )
    m = Node("name", ("m",))
    if low != m or not isinstance(high, Node) or high.head != "number":
        return node
    most = high.args[0] - (node.head in ("<", ">"))
    return Node("==", (m, Node("number", (least,))), node.column) if most == least else node


def _goals(tree: Node) -> list[tuple[Node, list[Node]]]:
    """A statement as goals under further hypotheses: iff is two, and of an ``or`` the first fails and the
    last holds."""
    if tree.head == "iff":
        left, right = tree.args
        return [
            (goal, [*extra, given])
            for given, other in ((left, right), (right, left))
            for goal, extra in _goals(other)
        ]
    if tree.head == "or":
        *others, last = tree.args
        return [(goal, [*extra, *map(negation, others)]) for goal, extra in _goals(last)]
    return [(tree, [])]


def negation(node: Node) -> Node:
    """What it is that a relation does not hold.

    Raises:
        InputError: it is no relation.
    """
    if node.head not in NEGATION:
        raise InputError(f"'or' and iff join relations; {unparse(node)} is none")
    return Node(NEGATION[node.head], node.args, node.column)


def _alternatives(given: list[Node]) -> list[list[Node]]:
    """Hypotheses with ``or`` in them as lists without."""
    found: list[list[Node]] = [[]]
    for node in given:
        choices = node.args if node.head == "or" else (node,)
        found = [[*known, choice] for known in found for choice in choices]
        if len(found) > 64:
            raise InputError("the hypotheses have more than 64 cases; ask them one by one")
    return found


def _case(
    conjecture: Conjecture,
    norm: Normalisation,
    eps: str,
    goal: Node,
    given: list[Node],
    sorts: dict[str, Sort],
) -> Case:
    probe: tuple[str, ...] = ()
    if goal.head == "psd":
        probe = ("x",) if "x" not in sorts else ("probe_x",)
        at = Node("name", (probe[0],))
        goal = Node(">=", (Node("@", (at, *_chain(goal.args[0]), at)), Node("number", (0,))))
    balls = dict.fromkeys(f"{unparse(node.args[2])} >= 0" for node in maxima(conjecture))
    claim = Claim(
        norm.text,
        unparse(goal),
        tuple(map(unparse, given)),
        needs=(*norm.needs, *(need for need in balls if need not in map(unparse, given))),
        eps=eps,
        vectors=(*norm.vectors, *conjecture.vectors, *probe),
        numbers=conjecture.numbers,
        operators=norm.operators,
        min_m=conjecture.min_m,
    )
    return defined(claim, dict.fromkeys(norm.operators, "diagonal"))


def defined(claim: Claim, operators: dict[str, str]) -> Case:
    """The case of a claim, with hypotheses that divide after those that do not, where the order given cannot be read;
    what no whole m makes 0 is a need.

    Raises:
        InputError: it cannot be read, or divides by what can be 0.
    """
    while True:
        try:
            return build(claim, operators)
        except Undefined as reason:
            divisor = reason.need.removesuffix(" != 0")
            ordered = tuple(sorted(claim.hypotheses, key=lambda text: text.count("/")))
            if divisor != reason.need and never_zero(divisor, claim) and reason.need not in claim.needs:
                claim = replace(claim, needs=(*claim.needs, reason.need))
            elif ordered != claim.hypotheses:
                claim = replace(claim, hypotheses=ordered)
            else:
                raise


def _chain(node: Node) -> tuple[Node, ...]:
    return node.args if node.head == "@" else (node,)
