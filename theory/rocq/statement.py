"""What is stated in Rocq: the trees of a claim's own text, in the one form that the writer and the reader share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from bnverify.theory import kernel, sorts
from bnverify.theory.grammar import Node, lines, names_in, nodes, parse, put
from bnverify.theory.normalisations import NORMALISATIONS, Normalisation, declared, names_of
from bnverify.theory.sorts import NUMBER, Sort

NUMBER_FUNCTIONS = {"sqrt": "sqrt", "abs": "Rabs", "min": "Rmin", "max": "Rmax"}
"""The functions of numbers, with their names in Rocq."""

ZERO = Node("number", (0,))
OPPOSITE = {"<=": "<", "<": "<=", "==": "!=", "!=": "=="}


class Outside(Exception):
    """Why a statement or a certificate is not written in Rocq."""


@dataclass(frozen=True)
class Setting:
    """How Rocq names a normalisation: its setting and its module; ``eps`` and ``beta`` where it has them.

    scalars, maps, vectors: the arguments of the setting before y, each with what it is.
    """

    module: str
    predicate: str
    eps: bool
    numbers: tuple[str, ...]
    operators: tuple[str, ...] = ()
    vectors: tuple[str, ...] = ()


SETTINGS = {
    "batch-norm": Setting("BatchNorm", "batch_norm", True, ("gamma", "beta")),
    "unbiased": Setting("Unbiased", "unbiased", True, ("gamma", "beta")),
    "layer-norm": Setting("LayerNorm", "layer_norm", True, (), ("D",), ("bias",)),
    "rms-norm": Setting("RMSNorm", "rms_norm", True, ("gamma",)),
    "rms-norm-elementwise": Setting(
        "RMSNormElementwise", "rms_norm_elementwise", True, (), ("D",), ("bias",)
    ),
    "scale-norm": Setting("ScaleNorm", "scale_norm", False, ("gamma",)),
}
"""The normalisations that the library defines, by their names in the registry; ``identity`` needs no setting."""


@dataclass(frozen=True)
class Statement:
    """For every instance of ``norm``: if all of ``given``, then ``says``.

    vectors, numbers, operators: free names, each a vector of the batch, a number, a symmetric operator.
    """

    norm: str
    eps: str
    vectors: tuple[str, ...]
    numbers: tuple[str, ...]
    operators: tuple[str, ...]
    given: tuple[Node, ...]
    says: Node

    def names(self) -> frozenset[str]:
        """Every name that the statement uses."""
        return frozenset().union(*(names_in(tree) for tree in (*self.given, self.says)))


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


def norm_of(definition: str) -> Normalisation:
    """The normalisation of the registry whose lines these are.

    Raises:
        Outside: there is none that the library defines.
    """
    wanted = list(lines(definition))
    for norm in NORMALISATIONS.values():
        if list(lines(norm.text)) == wanted and norm.name in (*SETTINGS, "identity"):
            return norm
    raise Outside(f"the library has no definition {definition}")


def statement_of(claim: kernel.Claim, negation: bool = False) -> Statement:
    """What a claim states, or its negation, as trees.

    Raises:
        Outside: it names something that the library does not define.
    """
    norm = norm_of(claim.definition)
    if claim.quantifier != "all":
        raise Outside("it states that something exists")
    for text in claim.operators:
        if not text.isidentifier() and text not in norm.operators:
            raise Outside(f"the operator {text} is not symmetric, or not of the batch")
    operators = tuple(name for name in claim.operators if name not in norm.operators)
    own = set(norm.vectors)
    vectors = tuple(text.partition(" in ")[0].strip() for text in claim.vectors if text not in own)
    spaces = {text.partition(" in ")[2].strip() or "batch" for text in claim.vectors if text not in own}
    says, *given = (canonical(parse(text)) for text in (claim.statement, *claim.hypotheses))
    given += [canonical(parse(text)) for text in claim.needs if text not in norm.needs]
    if claim.min_m > 2:
        given.append(canonical(parse(f"{claim.min_m} <= m")))
    if negation:
        left, right = says.args
        says = Node(OPPOSITE[says.head], (left, right) if says.head in ("==", "!=") else (right, left))
    found = Statement(norm.name, claim.eps, vectors, claim.numbers, operators, tuple(given), says)
    if norm.name == "identity" and (
        bad := found.names() & {"y", "z", "g", "v", "H", "B", "gamma", "beta", "eps", "L"}
    ):
        raise Outside(f"without a normalisation, {sorted(bad)[0]}")
    words = {"one", "m", "gamma", "beta", "eps", "y", "g", "v", "H", "B", "sigma", "rho"}
    words |= {name for name, _ in lines(norm.text)} | {*norm.vectors, *norm.operators}
    if strange := sorted(found.names() - words - {*vectors, *claim.numbers, *operators}):
        raise Outside(f"it names {strange[0]}")
    if len(spaces) > 1 or (spaces - {"batch"} and (norm.name != "identity" or found.names() & {"m", "one"})):
        raise Outside("it has vectors of two spaces")
    for tree in (*found.given, found.says):
        for inside in nodes(tree):
            if inside.head in ("d", "at", "maximum", "sign", "smooth", "or", "iff"):
                raise Outside(f"it says {inside.head}(...)")
    known = sorts_of(found)
    first = tuple(number_first(tree, known) for tree in found.given)
    divided = tuple(Node("!=", (factor, ZERO)) for factor in divisors(found))
    stated = {inside for tree in first for inside in tree.args if tree.head in ("!=", "<")}
    more = tuple(tree for tree in dict.fromkeys(divided) if tree.args[0] not in stated)
    return replace(found, given=(*first, *more), says=number_first(found.says, known))


def divisors(found: Statement) -> Iterator[Node]:
    """What a statement divides by that no definition makes non-zero: free numbers, gamma, products of free vectors."""
    numbers, vectors = {*found.numbers, "gamma"}, set(found.vectors)
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
    norm = NORMALISATIONS[found.norm]
    extra = declared(found.vectors, found.numbers, found.operators)
    return names_of(norm, extra) | {"lam": NUMBER}


def substituted(tree: Node, found: Statement) -> Node:
    """A term of a certificate with the gaps given0, need0, ... spelt out as right minus left."""
    known, gaps = sorts_of(found), {}
    for number, relation in enumerate(found.given):
        name = f"given{number}"
        if name in names_in(tree) and any(is_vector(side, known) for side in relation.args if side != ZERO):
            raise Outside("a term with the gap of two vectors")
        gaps[name] = Node("-", relation.args[::-1])
    if any(name.startswith("need") for name in names_in(tree)):
        raise Outside("a term with what an instance needs")
    return number_first(canonical(put(tree, gaps)), known)


def is_vector(tree: Node, known: dict[str, Sort]) -> bool:
    """Whether a tree is a vector."""
    return sorts.sort_of(tree, known).kind == "vector"
