"""The one grammar: text to tree and back.

A statement, a hypothesis, a normalisation and a step of a proof are text. It is parsed with `ast` and never evaluated:
`sorts` says what fits together, and `room` walks a tree where the names are bound to values.
``@`` is the inner product of two vectors, or an operator applied; a chain ``v @ B @ g`` is one node.
"""

from __future__ import annotations

import ast
import difflib
import keyword
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Any

from bnverify.base.errors import InputError

LONGEST, DEEPEST, LARGEST, STEEPEST = 4000, 60, 10**9, 12
RELATIONS = {ast.Eq: "==", ast.NotEq: "!=", ast.LtE: "<=", ast.Lt: "<", ast.GtE: ">=", ast.Gt: ">"}
ARITHMETIC = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
FUNCTIONS = {
    "norm": (1,),
    "abs": (1,),
    "sqrt": (1,),
    "mean": (1,),
    "min": (2,),
    "max": (1, 2),
    "sign": (1,),
    "psd": (1,),
    "smooth": (1,),
    "d": (2, 3),
    "at": (3,),
}
"""Every function with the numbers of arguments that it takes."""


class GrammarError(InputError):
    """Text that is not in the grammar: what is wrong, and the character (from 1) at which."""

    def __init__(self, text: str, column: int, reason: str) -> None:
        self.text, self.column, self.reason = text, column, reason
        seen = text if len(text) <= 160 else f"{text[:157]}..."
        super().__init__(f"character {column + 1} of {seen!r}: {reason}")


@dataclass(frozen=True)
class Node:
    """A node of a tree. Heads: number (a whole number), name, neg, + - * /, ** (base and a Fraction), @ (two or more),
    a relation, or a function. Two trees are equal wherever their texts stand."""

    head: str
    args: tuple[Any, ...]
    column: int = field(default=0, compare=False, repr=False)

    def __str__(self) -> str:
        return unparse(self)


WORDS = {"or", "if", "else", "import", "None", "True", "False"}
"""Words of Python that the grammar has, or refuses at their place."""
HINTS = {
    ".": "; numbers are whole or fractions such as 1/2, and nothing has attributes",
    "^": "; a power is written **",
    "|": "; write abs(x) of a number, norm(u) of a vector",
    "'": "; the inner product of u and w is u @ w",
    "\u2016": "; the squared norm of u is u @ u, the norm norm(u)",
    "\u27e8": "; the inner product of u and w is u @ w",
    "\u00b2": "; a power is written **",
    "\u221a": "; a root is written sqrt(m)",
    "\u1d40": "; the inner product of u and w is u @ w, u @ H @ w with an operator",
    "\u2212": "; write -",
    "\u2264": "; write <=",
    "\u2265": "; write >=",
    "\u2260": "; write !=",
    "&": "; give each hypothesis by itself",
    "\\": "; no LaTeX: write gamma, sqrt(m), v @ g",
}
"""What whoever types a character that is not in the grammar may have meant."""


OR = {
    False: "'or' joins relations in `bnverify decide` alone; ask about one relation at a time",
    True: "'or' joins relations, at the top of a statement or a hypothesis",
}


TURNED = {"=<": "<=", "=>": ">=", "=": "=="}


# ---------------------------------------------------------------- text to tree


@lru_cache(maxsize=4096)
def parse(text: str, logic: bool = False) -> Node:
    """The tree of an expression or of one comparison; ``logic`` allows ``or`` and ``iff(a, b)`` above comparisons.

    Raises:
        GrammarError: the text is empty, too long, nested too deeply, or says something that the grammar does not.
    """
    if not text.strip():
        raise GrammarError(text, 0, "there is nothing here; expected a statement such as v @ one == 0")
    if len(text) > LONGEST:
        raise GrammarError(text, LONGEST, f"the text has {len(text)} characters; at most {LONGEST} are read")
    if strange := re.search(r"[^A-Za-z0-9_+\-*/@()<>=!, ]", text):
        hint = HINTS.get(strange[0], "; letters are spelt: lam, gamma, sigma, yhat" * strange[0].isalpha())
        raise GrammarError(text, strange.start(), f"{strange[0]!r} is not in the grammar{hint}")
    if word := next(
        (x for x in re.finditer(r"[A-Za-z]\w*", text) if keyword.iskeyword(x[0]) and x[0] not in WORDS), None
    ):
        hint = (
            "; write lam" if word[0] == "lambda" else "; give each hypothesis by itself" * (word[0] == "and")
        )
        raise GrammarError(text, word.start(), f"{word[0]!r} is no name of the grammar{hint}")
    depth = 0
    for column, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth > DEEPEST:
            raise GrammarError(text, column, f"more than {DEEPEST} brackets stand inside each other")
    start = len(text) - len(text.lstrip())
    try:
        body = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        offset = getattr(error, "offset", None)
        column = max((1 if offset is None else offset) - 1, 0) + start
        reason = getattr(error, "msg", "too deep to read")
        if offset == 0:  # Python's word for the end of the text
            column, reason = len(text.rstrip()) - 1, "it ends here, and something has to follow"
        if sign := re.search(r"=<|=>|(?<![<>=!])=(?![<>=])", text):
            reason += f"; write {TURNED[sign[0]]} for {sign[0]}"
        raise GrammarError(text, min(column, len(text) - 1), f"cannot be read: {reason}") from None
    return _Reader(text, start, logic).statement(body)


class _Reader:
    """From Python's tree to ours, with every refusal at its place."""

    def __init__(self, text: str, start: int, logic: bool) -> None:
        self.text, self.start, self.logic = text, start, logic

    def refuse(self, node: ast.AST, reason: str) -> GrammarError:
        return GrammarError(self.text, getattr(node, "col_offset", 0) + self.start, reason)

    def node(self, head: str, args: Iterable[Any], at: ast.AST) -> Node:
        return Node(head, tuple(args), getattr(at, "col_offset", 0) + self.start)

    def statement(self, node: ast.AST) -> Node:
        match node:
            case ast.BoolOp(op=ast.Or(), values=values) if self.logic:
                return self.node("or", [self.statement(value) for value in values], node)
            case ast.Call(func=ast.Name(id="iff"), args=[left, right], keywords=[]) if self.logic:
                return self.node("iff", [self.statement(left), self.statement(right)], node)
            case ast.Compare(ops=ops, comparators=[_, second, *_]) if len(ops) > 1:
                raise self.refuse(second, "one relation a statement; this is a second one")
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in RELATIONS:
                return self.node(RELATIONS[type(op)], (self.expression(left), self.expression(right)), left)
        return self.expression(node)

    def expression(self, node: ast.AST, depth: int = 0) -> Node:
        if depth > 3 * DEEPEST:
            raise self.refuse(node, "nested too deeply")
        down = depth + 1
        match node:
            case ast.Constant(value=int(whole)) if not isinstance(whole, bool):
                if whole > LARGEST:
                    raise self.refuse(node, f"whole numbers go up to {LARGEST}")
                return self.node("number", (whole,), node)
            case ast.Name(id=name):
                return self.node("name", (name,), node)
            case ast.UnaryOp(op=ast.USub(), operand=inside):
                return self.node("neg", (self.expression(inside, down),), node)
            case ast.BinOp(left=left, op=ast.MatMult(), right=right):
                return self.chain(self.expression(left, down), self.expression(right, down), node)
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return self.node("**", (self.expression(left, down), self.power(right)), node)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in ARITHMETIC:
                first, second = self.expression(left, down), self.expression(right, down)
                head = ARITHMETIC[type(op)]
                if head in "*/" and first.head == "neg":  # -a*b is read as -(a*b), which is how it is written
                    return Node("neg", (Node(head, (first.args[0], second), first.column),), first.column)
                return self.node(head, (first, second), node)
            case ast.Call(func=ast.Name(id=name)):
                return self.call(node, name, down)
            case ast.Compare():
                raise self.refuse(node, "a comparison inside an expression")
        if isinstance(node, ast.BoolOp):
            raise GrammarError(
                self.text, self.start + (node.values[0].end_col_offset or 0) + 1, OR[self.logic]
            )
        call = "the call of something that is no function"
        word = call if isinstance(node, ast.Call) else type(node).__name__.lower()
        raise self.refuse(node, f"{word} is not in the grammar")

    def chain(self, left: Node, right: Node, at: ast.BinOp) -> Node:
        """One node for v @ B @ g and v @ (B @ g); brackets on the left, as in (X @ W) @ y, keep a vector together."""
        negative = left.head == "neg"
        first = left.args[0] if negative else left
        open_chain = first.head == "@" and at.left.col_offset == at.col_offset
        items = [*(first.args if open_chain else (first,)), *(right.args if right.head == "@" else (right,))]
        joined = self.node("@", items, at)
        return Node("neg", (joined,), left.column) if negative else joined

    def power(self, node: ast.AST) -> Fraction:
        match node:
            case ast.UnaryOp(op=ast.USub(), operand=inside):
                return -self.power(inside)
            case ast.Constant(value=int(whole)) if not isinstance(whole, bool) and whole <= STEEPEST:
                return Fraction(whole)
            case ast.BinOp(left=top, op=ast.Div(), right=ast.Constant(value=2)):
                return self.power(top) / 2
        raise self.refuse(
            node, f"a power is a whole number up to {STEEPEST}, or one of its halves such as 1/2"
        )

    def call(self, node: ast.Call, name: str, depth: int) -> Node:
        if name not in FUNCTIONS:
            meant = {"sum": "; a sum of entries is one @ u", "dot": "; an inner product is u @ w"}
            meant |= {"iff": "; iff(a, b) joins two relations, at the top of a statement of decide"}
            raise self.refuse(
                node, f"there is no function {name!r}{meant.get(name, '') or nearest(name, FUNCTIONS)}"
            )
        if node.keywords:
            raise self.refuse(node, "a function takes no named arguments")
        if name == "max" and len(node.args) == 2 and isinstance(node.args[1], ast.Compare):
            return self.node(
                "maximum", (self.expression(node.args[0], depth), *self.ball(node.args[1])), node
            )
        if len(node.args) not in FUNCTIONS[name]:
            wanted = " or ".join(map(str, FUNCTIONS[name]))
            raise self.refuse(
                node, f"{name} takes {wanted} argument{'s' * (wanted != '1')}, not {len(node.args)}"
            )
        return self.node(name, [self.expression(inside, depth) for inside in node.args], node)

    def ball(self, node: ast.Compare) -> tuple[Node, Node]:
        match node:
            case ast.Compare(
                left=ast.Call(func=ast.Name(id="norm"), args=[ast.Name() as moved], keywords=[]),
                ops=[ast.LtE()],
                comparators=[bound],
            ):
                return self.expression(moved), self.expression(bound)
        raise self.refuse(node, "a maximum is over a ball of inputs: max(..., norm(X) <= lam)")


def nearest(name: str, known: Iterable[str]) -> str:
    """What a misspelt name was meant to be, as the end of a sentence."""
    close = difflib.get_close_matches(name, sorted(known), 1, 0.5)
    return f"; the nearest is {close[0]!r}" if close else ""


# ---------------------------------------------------------------- tree to text

_STRENGTH = {"+": 1, "-": 1, "neg": 2, "*": 3, "/": 3, "@": 3, "**": 5}


def unparse(node: Node) -> str:
    """The canonical text of a tree, which parses to it again."""
    if node.head == "number" or node.head == "name":
        return str(node.args[0])
    if node.head in RELATIONS.values():
        return f"{unparse(node.args[0])} {node.head} {unparse(node.args[1])}"
    if node.head == "or":
        return " or ".join(map(unparse, node.args))
    if node.head == "neg":
        return f"-{_within(node.args[0], 3)}"
    if node.head in ("+", "-"):
        return f"{_within(node.args[0], 1)} {node.head} {_within(node.args[1], 3)}"
    if node.head in ("*", "/"):
        left, right = _factor(node.args[0], 3), _factor(node.args[1], 4)
        return (
            f"{left} {node.head} {right}"
            if right.startswith("(") and node.head == "*"
            else left + node.head + right
        )
    if node.head == "@":
        if node.args[0].head == "@" and len(node.args) > 2:
            return _form(node.args)
        return " @ ".join(_within(item, 4) for item in node.args)
    if node.head == "**":
        power = node.args[1]
        written = str(power) if power.denominator == 1 else f"({power})"
        return f"{_within(node.args[0], 6)}**{written}"
    if node.head == "maximum":
        inside, moved, bound = map(unparse, node.args)
        return f"max({inside}, norm({moved}) <= {bound})"
    return f"{node.head}({', '.join(map(unparse, node.args))})"


def _form(items: tuple[Node, ...]) -> str:
    """A chain that starts with a vector made by operators: the same vector at its end stands in brackets as well."""
    first = items[0].args
    tail = items[-len(first) :] if items[-len(first) :] == first else items[1:]
    middle = items[1 : len(items) - len(tail)]
    last = Node("@", tail) if len(tail) > 1 else tail[0]
    return " @ ".join([f"({unparse(items[0])})", *(_within(item, 4) for item in middle), _within(last, 4)])


def _within(node: Node, strength: int) -> str:
    return unparse(node) if _STRENGTH.get(node.head, 9) >= strength else f"({unparse(node)})"


def _factor(node: Node, strength: int) -> str:
    """A factor; an inner product always stands in brackets, as nobody should have to know which comes first."""
    return f"({unparse(node)})" if node.head == "@" else _within(node, strength)


# ---------------------------------------------------------------- looking into trees


def nodes(node: Node) -> Iterator[Node]:
    """A tree's nodes, outermost first."""
    yield node
    for inside in node.args:
        if isinstance(inside, Node):
            yield from nodes(inside)


def names_in(node: Node) -> frozenset[str]:
    """The names in a tree."""
    return frozenset(inside.args[0] for inside in nodes(node) if inside.head == "name")


def additive_terms(node: Node) -> list[Node]:
    """The terms of a side, sums and differences opened, products over one bracket; a bare 0 is none."""
    if node.head in ("+", "-"):
        return additive_terms(node.args[0]) + additive_terms(node.args[1])
    if node.head == "neg":
        return additive_terms(node.args[0])
    if node.head == "*":
        right = additive_terms(node.args[1])
        if len(right) > 1:
            return [Node("*", (node.args[0], term)) for term in right]
        return [Node("*", (term, node.args[1])) for term in additive_terms(node.args[0])]
    return [] if node == Node("number", (0,)) else [node]


def put(node: Node, meanings: Mapping[str, Node]) -> Node:
    """The tree with trees in the places of names."""
    if node.head == "name":
        return meanings.get(node.args[0], node)
    args = tuple(put(inside, meanings) if isinstance(inside, Node) else inside for inside in node.args)
    if node.head == "@" and args[-1].head == "@":
        args = (*args[:-1], *args[-1].args)
    return Node(node.head, args, node.column)


def _shifted(node: Node, by: int) -> Node:
    args = tuple(_shifted(inside, by) if isinstance(inside, Node) else inside for inside in node.args)
    return Node(node.head, args, node.column + by)


@lru_cache(maxsize=512)
def lines(text: str) -> tuple[tuple[str, Node], ...]:
    """The lines ``name = expression; ...`` of a definition: name and tree of each, columns counted in the whole text.

    Raises:
        GrammarError: a line is not of this form.
    """
    start, found = 0, []
    for line in text.split(";"):
        name, equals, right = line.partition("=")
        column = start + len(line) - len(line.lstrip())
        if not equals or right.startswith("=") or not re.fullmatch(r"[A-Za-z]\w*", name.strip(), re.ASCII):
            raise GrammarError(
                text, min(column, max(len(text) - 1, 0)), "expected a line such as s = sqrt(y @ y / m)"
            )
        try:
            tree = parse(right)
        except GrammarError as error:
            raise GrammarError(text, start + len(name) + 1 + error.column, error.reason) from None
        found.append((name.strip(), _shifted(tree, start + len(name) + 1)))
        start += len(line) + 1
    return tuple(found)
