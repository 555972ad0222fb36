"""What is stated in Rocq: the trees of a claim's own text, in the one form that the writer and the reader share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from bnverify.theory import kernel, sorts
from bnverify.theory.grammar import Node, lines, names_in, nodes, parse, put
from bnverify.theory.normalisations import FIXED, NORMALISATIONS, Normalisation, declared, names_of
from bnverify.theory.rocq.settings import SETTINGS
from bnverify.theory.sorts import NUMBER, Sort, operator

NUMBER_FUNCTIONS = {"sqrt": "sqrt", "abs": "Rabs", "min": "Rmin", "max": "Rmax"}
"""The functions of numbers, with their names in Rocq."""

ZERO = Node("number", (0,))
OPPOSITE = {"<=": "<", "<": "<=", "==": "!=", "!=": "=="}


class Outside(Exception):
    """Why a statement or a certificate is not written in Rocq."""


@dataclass(frozen=True)
class Statement:
    """For every instance of ``norm``: if all of ``given``, then ``says``.

    vectors, numbers, operators: free names as a claim declares them: ``b``, ``W0 in weights``; ``lam``; ``M``, which is
    symmetric, ``projector I``, ``K: weights -> batch`` with its transpose ``K_T``.
    renamed: what the claim calls by another name.
    """

    norm: str
    eps: str
    vectors: tuple[str, ...]
    numbers: tuple[str, ...]
    operators: tuple[str, ...]
    given: tuple[Node, ...]
    says: Node
    renamed: tuple[tuple[str, Node], ...] = ()

    def names(self) -> frozenset[str]:
        """Every name that the statement uses."""
        return frozenset().union(*(names_in(tree) for tree in (*self.given, self.says)))

    def maps(self) -> tuple[str, ...]:
        """The free operators from weights to the batch."""
        return tuple(bare(text) for text in self.operators if "->" in text)

    def two_spaces(self) -> bool:
        """Whether it speaks of weights beside the batch."""
        return bool(self.maps()) or self.maxima() or "rows" in SETTINGS[self.norm].names

    def maxima(self) -> bool:
        """Whether it speaks of a maximum over inputs."""
        return any(node.head == "maximum" for tree in (*self.given, self.says) for node in nodes(tree))


def bare(declared: str) -> str:
    """The name that is declared, ``W0`` of ``W0 in weights``, ``K`` of ``K: weights -> batch``."""
    return re.sub(r"^(projector|matrix) | in .*|:.*", "", declared).strip()


def space_of(declared: str) -> str:
    """The space of a declared vector."""
    return declared.partition(" in ")[2].strip() or "batch"


def canonical(node: Node) -> Node:
    """The tree with chains flat, >= and > turned round, negative powers as divisions and halves of powers as roots."""
    args: tuple[Any, ...] = tuple(
        canonical(inside) if isinstance(inside, Node) else inside for inside in node.args
    )
    head = node.head
    if head in (">=", ">"):
        return Node({">=": "<=", ">": "<"}[head], args[::-1])
    if head == "@":
        last = args[-1]
        return Node("@", (*args[:-1], *last.args) if last.head == "@" else args)
    if head == "**":
        base, power = args
        if power < 0:
            return canonical(Node("/", (Node("number", (1,)), Node("**", (base, -power)))))
        if power.denominator == 2:
            root = Node("sqrt", (base,))
            return root if power.numerator == 1 else Node("**", (root, Fraction(power.numerator)))
    return Node(head, args)


def setting_of(claim: kernel.Claim) -> tuple[str, dict[str, Node]]:
    """The setting whose definition a claim has and whose names it uses, and what it calls lines of it by other names.

    Raises:
        Outside: the library has no such definition.
    """
    wanted = list(lines(claim.definition))
    trees = [parse(text) for text in (claim.statement, *claim.hypotheses)]
    used = frozenset().union(*map(names_in, trees))
    for name, setting in SETTINGS.items():
        own = list(lines(setting.text))
        known = {ours: Node("name", (theirs,)) for (ours, _), (theirs, _) in zip(wanted, own, strict=False)}
        renamed = {ours: node for ours, node in known.items() if node.args[0] != ours}
        clash = {node.args[0] for node in renamed.values()} & used
        if clash or own != [
            (known[ours].args[0], put(tree, renamed)) for ours, tree in wanted if ours in known
        ]:
            continue
        if len(own) != len(wanted):
            continue
        if setting.predicate == "batch_norm" and used & {"dgamma", "dbeta"}:
            return "batch-norm gains", renamed
        moved = [inside.args[0] for tree in trees for inside in nodes(tree) if inside.head == "d"]
        if setting.predicate == "batch_norm" and any(names_in(tree) & {"g", "L"} for tree in moved):
            return "batch-norm along", renamed
        return name, renamed
    raise Outside(f"the library has no definition {claim.definition}")


def statement_of(claim: kernel.Claim, negation: bool = False) -> Statement:
    """What a claim states, or its negation, as trees.

    Raises:
        Outside: it names something that the library does not define.
    """
    setting, renamed = setting_of(claim)
    own = SETTINGS[setting].names
    if claim.quantifier != "all":
        raise Outside("it states that something exists")
    operators = tuple(text for text in claim.operators if bare(text) not in own)
    for text in operators:
        if not re.fullmatch(r"(projector )?\w+|\w+: weights -> batch", text):
            raise Outside(f"the operator {text} is not symmetric, or not of the batch")
    vectors = tuple(text for text in claim.vectors if text not in own)
    numbers = tuple(text for text in claim.numbers if text not in own)
    spaces = {space_of(text) for text in vectors}
    names = renamed | ({"eps": ZERO} if claim.eps == "zero" else {})
    says, *given = (canonical(put(parse(text), names)) for text in (claim.statement, *claim.hypotheses))
    met = {
        need for norm in NORMALISATIONS.values() if norm.text == SETTINGS[setting].text for need in norm.needs
    }
    given += [canonical(put(parse(text), renamed)) for text in claim.needs if text not in met]
    if claim.min_m > 2:
        given.append(canonical(parse(f"{claim.min_m} <= m")))
    if negation:
        left, right = says.args
        says = Node(OPPOSITE[says.head], (left, right) if says.head in ("==", "!=") else (right, left))
    found = Statement(
        setting, claim.eps, vectors, numbers, operators, tuple(given), says, tuple(renamed.items())
    )
    words = {"one", "m", *own} | {f"{name}{unit}" for name in ("sigma", "rho") for unit in ("", "_j", "_k")}
    words |= {"X", "T"} if "rows" in own or found.maxima() else set()
    words |= {name for name, _ in lines(SETTINGS[setting].text)} - {"smooth"}
    if setting == "identity":
        words = {"one", "m"}
    words |= {*map(bare, (*vectors, *operators)), *numbers, *(f"{name}_T" for name in found.maps())}
    if strange := sorted(found.names() - words):
        raise Outside(f"it names {strange[0]}")
    if "rows" not in own and (
        len(spaces) > 1 or (spaces - {"batch"} and (setting != "identity" or found.names() & {"m", "one"}))
    ):
        raise Outside("it has vectors of two spaces")
    _check_moves(found)
    known = sorts_of(found)
    first = tuple(number_first(opened(tree, known), known) for tree in found.given)
    divided = tuple(Node("!=", (factor, ZERO)) for factor in divisors(found))
    stated = {inside for tree in first for inside in tree.args if tree.head in ("!=", "<")}
    more = tuple(tree for tree in dict.fromkeys(divided) if tree.args[0] not in stated)
    return replace(found, given=(*first, *more), says=number_first(opened(found.says, known), known))


ANY = Node("name", ("u'",))
"""The vector at which psd(a*I - M) takes its operators; no text can spell the name."""


def opened(node: Node, known: dict[str, Sort]) -> Node:
    """The tree with every sum of operators applied: ``x @ (a*I - M) @ x`` as ``x @ (a*(I @ x) - M @ x)``."""
    if node.head == "psd":
        (inside,) = node.args
        return node if inside.head == "name" else Node("psd", (_applied(inside, ANY, known),))
    args = [opened(inside, known) if isinstance(inside, Node) else inside for inside in node.args]
    if node.head == "@" and sorts.sort_of(args[-1], known).kind != "operator":
        row = [] if sorts.sort_of(args[0], known).kind == "operator" else [args.pop(0)]
        value = args.pop()
        for operator_ in reversed(args):
            value = _applied(operator_, value, known)
        return canonical(Node("@", (*row, value))) if row else value
    return Node(node.head, tuple(args))


def _applied(node: Node, value: Node, known: dict[str, Sort]) -> Node:
    """An expression of operators at a vector."""
    if sorts.sort_of(node, known).kind != "operator":
        return node
    if node.head in ("name", "@"):
        for operator_ in reversed(node.args if node.head == "@" else (node,)):
            inner = (
                value.args
                if value.head == "@" and sorts.sort_of(value.args[0], known).kind == "operator"
                else (value,)
            )
            value = Node("@", (operator_, *inner))
        return value
    return Node(node.head, tuple(_applied(inside, value, known) for inside in node.args))


MOVES = {"y": {"g", "L"}, "z": {"g"}, "yhat": {"g"}, "W": set()}
"""What may follow, beside the lines of the definition, as a vector moves."""


def _check_moves(found: Statement) -> None:
    """Refuses d(...) and at(...) of what does not follow in Rocq, and functions that have no word there."""
    own = set(SETTINGS[found.norm].names)
    for tree in (*found.given, found.says):
        for inside in nodes(tree):
            if inside.head in ("sign", "smooth", "or", "iff"):
                raise Outside(f"it says {inside.head}(...)")
            if inside.head not in ("d", "at"):
                continue
            moved = inside.args[1].args[0]
            still = names_in(inside.args[0]) - {moved}
            if moved in MOVES:
                bad: frozenset[str] = still & {"v", "B", "H", "L", "g", "dW", "HW"} - (
                    MOVES[moved] if inside.head == "d" else set()
                )
            else:
                bad = frozenset({moved} & own) or still & {"v", "B"}
            if bad:
                raise Outside(f"it says {inside.head}(...) of {sorted(bad)[0]} as {moved} moves")


def divisors(found: Statement) -> Iterator[Node]:
    """What a statement divides by that no definition makes non-zero: free numbers, gamma, products of free vectors."""
    numbers, vectors = {*found.numbers, "gamma"}, set(map(bare, found.vectors))
    for tree in (*found.given, found.says):
        for inside in nodes(tree):
            for factor in _factors(inside.args[1]) if inside.head == "/" else ():
                if factor.head in ("name", "@") and names_in(factor) <= (
                    numbers if factor.head == "name" else vectors
                ):
                    yield factor


def _factors(node: Node) -> Iterator[Node]:
    if node.head == "*":
        yield from _factors(node.args[0])
        yield from _factors(node.args[1])
    elif node.head in ("**", "neg", "sqrt"):
        yield from _factors(node.args[0])
    else:
        yield node


def number_first(node: Node, known: dict[str, Sort]) -> Node:
    """The tree with the number before the vector in every product of the two."""
    args = tuple(number_first(inside, known) if isinstance(inside, Node) else inside for inside in node.args)
    if node.head == "*" and is_vector(args[0], known):
        args = args[::-1]
    return Node(node.head, args)


def sorts_of(found: Statement) -> dict[str, Sort]:
    """The sorts of the names of a statement."""
    setting = SETTINGS[found.norm]
    norm = next((norm for norm in NORMALISATIONS.values() if norm.text == setting.text), None)
    extra = declared(found.vectors, found.numbers, found.operators)
    if norm is None:
        used = frozenset().union(*(names_in(tree) for _, tree in lines(setting.text))) - {"W"}
        used = frozenset(name for name in used if name.partition("_")[0] not in FIXED)
        free = {
            kind: tuple(
                name for names, sort in setting.groups() if sort == kind for name in names if name in used
            )
            for kind in ("vec", "vec -> vec", "R")
        }
        norm = Normalisation("it", setting.text, (), free["vec"], free["vec -> vec"])
        extra |= declared((), free["R"])
    inputs = {"X": operator("weights", "batch"), "T": operator("batch", "weights")} if found.maxima() else {}
    maps = {f"{name}_T": operator("batch", "weights") for name in found.maps()}
    return inputs | maps | names_of(norm, extra) | {"lam": NUMBER, ANY.args[0]: sorts.vector()}


def substituted(tree: Node, found: Statement) -> Node:
    """A term of a certificate with the gaps given0, given1, ... spelt out as right minus left.

    Raises:
        Outside: it uses what an instance needs.
    """
    known = sorts_of(found)
    if any(name.startswith("need") for name in names_in(tree)):
        raise Outside("a term with what an instance needs")
    gaps = {f"given{number}": _gap(gap) for number, gap in enumerate(found.given) if gap.head != "psd"}
    if found.eps == "zero":
        gaps["eps"] = ZERO
    return number_first(opened(canonical(put(tree, gaps | dict(found.renamed))), known), known)


def _gap(relation: Node) -> Node:
    left, right = relation.args
    return Node("neg", (left,)) if right == ZERO else Node("-", (right, left))


def is_vector(tree: Node, known: dict[str, Sort]) -> bool:
    """Whether a tree is a vector."""
    return sorts.sort_of(tree, known).kind == "vector"
