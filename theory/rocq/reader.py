"""From Rocq back to trees: what a theorem of a ``.v`` file states, read by a parser of its own.

It knows the notations of the library and nothing of the writer, so that the two can be compared.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from bnverify.theory.grammar import Node
from bnverify.theory.rocq.compile import without_comments

_TOKEN = re.compile(r"\s*(->|=>|<=|<>|==\[d\]|==|:=|@\[d\]|[A-Za-z_][\w'.]*|\d+|[-+*/^@()=<:,~])")
_FUNCTIONS = {"sqrt": "sqrt", "Rabs": "abs", "Rmin": "min", "Rmax": "max", "norm": "norm", "mean": "mean"}
_WHOLE = {"signs": "sign", "smooth": "smooth"}
_RELATIONS = {"=": "==", "==": "==", "==[d]": "==", "<>": "!=", "<=": "<=", "<": "<"}
_MOVES = ("rate", "vrate", "Derive", "put", "maximum")

Spaces = tuple[tuple[Node, bool], ...]
Places = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


class Unread(Exception):
    """What in a file is not in the notations of the library."""


@dataclass(frozen=True)
class Theorem:
    """What a theorem says, in parts.

    binders: names and type. premises: Rocq text, before the names that abbreviate. abbreviations: name, Rocq text.
    given, says: trees. denied: it is ~ (all that). spaces: the left operand of every inner product and equation of
    vectors, and whether it is one of weights. moved: what moves in a function, and what the names inside abbreviate.
    """

    name: str
    binders: tuple[tuple[tuple[str, ...], str], ...]
    premises: tuple[str, ...]
    abbreviations: tuple[tuple[str, str], ...]
    given: tuple[Node, ...]
    says: Node
    denied: bool
    spaces: Spaces = ()
    moved: Places = ()


def propositions(source: str) -> dict[str, str]:
    """The text of every theorem of a file, by name."""
    found = re.finditer(
        r"\b(?:Theorem|Lemma|Corollary)\s+(\w+)\s*:(.*?)\.\s+Proof\.", without_comments(source), re.DOTALL
    )
    return {match[1]: " ".join(match[2].split()) for match in found}


def read(name: str, text: str) -> Theorem:
    """The parts of a proposition.

    Raises:
        Unread: it is written in other notations.
    """
    text = " ".join(text.split())
    if not text:
        raise Unread(f"no theorem {name}")
    denied = text.startswith("~")
    if denied:
        text = text[1:].strip()
        if not (text.startswith("(") and text.endswith(")")):
            raise Unread(f"{name}: a denial without brackets")
        text = text[1:-1].strip()
    if not text.startswith("forall "):
        raise Unread(f"{name}: no forall")
    head, body = _split(text[len("forall ") :], ",")
    binders = tuple(
        (tuple(match[1].split()), " ".join(match[2].split()))
        for match in re.finditer(r"\(([^():]+):([^():]+)\)", head)
    )
    premises: list[str] = []
    abbreviations: list[tuple[str, str]] = []
    given: list[Node] = []
    readers: list[_Reader] = []

    def relation(part: str) -> Node:
        readers.append(_Reader(part))
        return readers[-1].relation()

    while True:
        body = body.strip()
        if match := re.match(r"let (\w+) := ", body):
            if given:
                raise Unread(f"{name}: {match[1]} is named after a hypothesis")
            value, body = _split(body[match.end() :], " in ")
            abbreviations.append((match[1], " ".join(value.split())))
            continue
        left, rest = _split(body, "->", missing_ok=True)
        if not rest:
            break
        part = " ".join(left.split())
        if abbreviations or not _is_premise(part):
            given.append(relation(part))
        else:
            premises.append(part)
        body = rest
    says = relation(body)
    spaces = tuple(pair for reader in readers for pair in reader.spaces)
    moved = tuple(place for reader in readers for place in reader.moved)
    parts = (binders, tuple(premises), tuple(abbreviations), tuple(given), says, denied, spaces, moved)
    return Theorem(name, *parts)


def definitions(source: str, module: str) -> dict[str, Node]:
    """The definitions of a module of the library, as trees in the names of the definition alone."""
    match = re.search(rf"Module {module}\.(.*?)End {module}\.", without_comments(source), re.DOTALL)
    if not match:
        raise Unread(f"there is no module {module}")
    found: dict[str, Node] = {}
    for name, body in re.findall(r"Definition (\w+) := (.*?)\.\s", match[1], re.DOTALL):
        text = re.sub(r"^\((.*)\)%V$", r"\1", body.strip())
        found[name] = _Reader(text).whole()
    return found


def _is_premise(part: str) -> bool:
    """A setting of a layer, or what operators and numbers are assumed to be."""
    setting = r"[a-z]\w*_(norm|weights|layer)\w* .*|(unbiased|rescaled) .*"
    return bool(re.fullmatch(rf"0 < eps|2 <= m|(self_adjoint|projector) \w+|{setting}", part))


def _split(text: str, mark: str, missing_ok: bool = False) -> tuple[str, str]:
    """What stands before and after the first ``mark`` outside brackets."""
    depth = 0
    for place, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0 and text.startswith(mark, place):
            return text[:place], text[place + len(mark) :]
    if missing_ok:
        return text, ""
    raise Unread(f"no {mark.strip()!r} in {text[:60]!r}")


class _Reader:
    """One expression or relation; products and @ bind alike and to the left, as Rocq reads them."""

    def __init__(self, text: str) -> None:
        self.text = text.replace("%V", "").replace("%R", "")
        self.spaces: list[tuple[Node, bool]] = []
        self.moved: list[tuple[str, tuple[tuple[str, str], ...]]] = []
        self.tokens, place = [], 0
        while place < len(self.text.rstrip()):
            match = _TOKEN.match(self.text, place)
            if not match:
                raise Unread(f"{self.text[place : place + 20]!r} is no notation of the library")
            self.tokens.append(match[1])
            place = match.end()
        self.place = 0

    def peek(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        token = self.peek()
        if not token or (wanted and token != wanted):
            raise Unread(f"{token!r} where {wanted or 'more'!r} is due in {self.text[:80]!r}")
        self.place += 1
        return token

    def relation(self) -> Node:
        if self.peek() == "psd":
            self.take()
            if self.tokens[self.place : self.place + 4] != ["(", "fun", "u'", "=>"]:
                return self._end(Node("psd", (self.atom(),)))
            self.place += 4
            body = self.sum()
            self.take(")")
            return self._end(Node("psd", (body,)))
        left = self.sum()
        if self.peek() not in _RELATIONS:
            raise Unread(f"no relation in {self.text[:80]!r}")
        sign = self.take()
        right = self.sum()
        if sign.startswith("=="):
            zero = left == Node("number", (0,))
            self.spaces.append((right if zero else left, sign == "==[d]"))
        return self._end(Node(_RELATIONS[sign], (left, right)))

    def whole(self) -> Node:
        return self._end(self.sum())

    def _end(self, node: Node) -> Node:
        if self.peek():
            raise Unread(f"{self.peek()!r} is left over in {self.text[:80]!r}")
        return node

    def sum(self) -> Node:
        node = self.product()
        while self.peek() in ("+", "-"):
            head = self.take()
            node = Node(head, (node, self.product()))
        return node

    def product(self) -> Node:
        node = self.signed()
        while self.peek() in ("*", "/", "@", "@[d]"):
            head = self.take()
            right = self.signed()
            if head.startswith("@"):
                self.spaces.append((node, head == "@[d]"))
                node = Node(
                    "@", (node, *(right.args if right.head == "@" and right.column == -1 else (right,)))
                )
            else:
                node = Node(head, (node, right))
        return node

    def signed(self) -> Node:
        if self.peek() == "-":
            self.take()
            return Node("neg", (self.power(),))
        return self.power()

    def power(self) -> Node:
        node = self.application()
        if self.peek() == "^":
            self.take()
            return Node("**", (node, Fraction(int(self.take()))))
        return node

    def application(self) -> Node:
        token = self.peek()
        if not re.match(r"[A-Za-z_]", token):
            return self.atom()
        head = self.take()
        if head in _MOVES:
            return self._function(head)
        arguments = []
        while re.match(r"[A-Za-z_0-9(]", self.peek()) and self.peek() != "in":
            arguments.append(self.atom())
        if not arguments:
            return self._name(head)
        if head == "L" and arguments == [Node("name", ("z",))]:
            return Node("name", ("L",))
        if head == "vmax" and arguments[0].head == "vabs":
            return Node("max", (Node("abs", arguments[0].args),))
        if head in _WHOLE or head == "vabs":
            return Node(_WHOLE.get(head, head), tuple(arguments))
        if head in _FUNCTIONS:
            return Node(_FUNCTIONS[head], tuple(arguments))
        if len(arguments) != 1:
            raise Unread(f"{head} has {len(arguments)} arguments")
        (inside,) = arguments
        chained = inside.args if inside.head == "@" and inside.column == -1 else (inside,)
        return Node("@", (Node("name", (head,)), *chained), -1)  # -1: an operator applied, no inner product

    def _function(self, head: str) -> Node:
        """rate (fun y => let yhat := ... in value) y b and its like, as d(value, y, b), at(...) or max(...)."""
        bound = Node("number", (1,))
        if head == "maximum":
            self.take("d")
            bound = self.atom()
        self.take("(")
        self.take("fun")
        name = self.take()
        self.take("=>")
        names = []
        while self.peek() == "let":
            self.take()
            word = self.take()
            self.take(":=")
            value = []
            while self.peek() != "in":
                value.append(self.take())
            self.take()
            names.append((word, " ".join(value)))
        body = self.sum()
        self.take(")")
        self.moved.append((name, tuple(names)))
        if head == "maximum":
            return Node("maximum", (body, Node("name", ("X",)), bound))
        place = self.atom()
        if head == "put":
            return Node("at", (body, Node("name", (name,)), place))
        if place != Node("name", (name,)):
            raise Unread(f"{head} as {name} moves from another place in {self.text[:80]!r}")
        if head == "Derive":
            return Node("d", (body, place))
        return Node("d", (body, place, self.atom()))

    def atom(self) -> Node:
        token = self.take()
        if token == "(":
            node = self.sum()
            self.take(")")
            return node
        if token.isdigit():
            return Node("number", (int(token),))
        if re.match(r"[A-Za-z_]", token):
            return self._name(token)
        raise Unread(f"{token!r} where a name or a number is due in {self.text[:80]!r}")

    def _name(self, name: str) -> Node:
        return Node("number", (0,)) if name == "zero" else Node("name", (name,))
