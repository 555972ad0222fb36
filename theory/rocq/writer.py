"""From a statement to a proposition of Rocq, in the notations of the library: ``@``, arithmetic, ``==`` of vectors."""

from __future__ import annotations

from collections.abc import Iterable

from bnverify.theory.grammar import RELATIONS, Node, lines, names_in, nodes
from bnverify.theory.normalisations import units
from bnverify.theory.rocq.settings import SETTINGS
from bnverify.theory.rocq.statement import (
    ANY,
    MOVES,
    NUMBER_FUNCTIONS,
    Outside,
    Statement,
    bare,
    sorts_of,
    space_of,
)
from bnverify.theory.sorts import sort_of

_WORDS = """
as at cofix else end exists exists2 fix for forall fun if in let match mod return then using where with
"""
KEYWORDS = frozenset(_WORDS.split())
"""Names that Rocq keeps for itself."""

_SUM, _PRODUCT, _POWER, _APPLIED, _ATOM = range(1, 6)
"""How tightly an expression binds in Rocq."""


class Writer:
    """Writes trees whose names have known sorts, about a statement."""

    def __init__(self, found: Statement) -> None:
        self.found, self.known = found, sorts_of(found)

    def vector(self, node: Node) -> bool:
        """Whether a tree is a vector."""
        return sort_of(node, self.known).kind == "vector"

    def weights(self, node: Node) -> str:
        """The mark of an inner product of weights, in a statement that knows both spaces."""
        inside = self.found.two_spaces() and self.vector(node)
        return "[d]" if inside and sort_of(node, self.known).space == "weights" else ""

    def relation(self, node: Node) -> str:
        """A relation between numbers, an equation of vectors, or psd of an operator."""
        if node.head == "psd":
            (inside,) = node.args
            body = (
                inside.args[0] if inside.head == "name" else f"(fun {ANY.args[0]} => {self.argument(inside)})"
            )
            return f"psd {body}"
        if node.head not in RELATIONS.values():
            raise Outside(f"a statement with {node.head}")
        zero = Node("number", (0,))
        if any(side != zero and self.vector(side) for side in node.args):
            if node.head != "==":
                raise Outside("vectors that differ")
            left, right = ("zero" if side == zero else self.argument(side) for side in node.args)
            return f"{left} =={self.weights(next(side for side in node.args if side != zero))} {right}"
        sign = {"==": "=", "!=": "<>"}.get(node.head, node.head)
        return f"{self.write(node.args[0])} {sign} {self.write(node.args[1])}"

    def write(self, node: Node, strength: int = _SUM) -> str:
        """An expression; in brackets where it binds less tightly than ``strength``."""
        text, own = self._parts(node)
        return text if own >= strength else f"({text})"

    def argument(self, node: Node) -> str:
        """A vector beside ``@`` or as the argument of an operator."""
        return node.args[0] if node.head == "name" else f"({self.write(node)})%V"

    def _parts(self, node: Node) -> tuple[str, int]:
        head, args = node.head, node.args
        match head:
            case "number":
                return str(args[0]), _ATOM
            case "name":
                return args[0], _ATOM
            case "neg":
                return f"- {self.write(args[0], _POWER)}", _SUM
            case "+" | "-":
                return f"{self.write(args[0], _SUM)} {head} {self.write(args[1], _PRODUCT)}", _SUM
            case "*" | "/":
                return f"{self.write(args[0], _PRODUCT)} {head} {self.write(args[1], _POWER)}", _PRODUCT
            case "**" if args[1].denominator == 1:
                return f"{self.write(args[0], _APPLIED)} ^ {args[1]}", _POWER
            case "@":
                return self._chain(args)
            case "norm" | "mean" if self.vector(args[0]) and not self.weights(args[0]):
                return f"{head} {self.argument(args[0])}", _APPLIED
            case "d" | "at" | "maximum":
                return self._moved(node), _APPLIED
        if head in NUMBER_FUNCTIONS and all(isinstance(inside, Node) for inside in args):
            return f"{NUMBER_FUNCTIONS[head]} {' '.join(self.write(x, _ATOM) for x in args)}", _APPLIED
        raise Outside(f"it says {head} of something that has no word in the library")

    def _chain(self, items: tuple[Node, ...]) -> tuple[str, int]:
        """``u @ H w`` for the chain u, H, w; ``H w`` where the chain starts with an operator."""
        kinds = [sort_of(item, self.known).kind for item in items]
        if "product" in kinds or kinds[-1] != "vector":
            raise Outside("an operator or an elementwise product as a value")
        row = items[0] if kinds[0] == "vector" else None
        value = self.argument(items[-1])
        for place, operator in enumerate(reversed(items[1 if row else 0 : -1])):
            value = f"{operator.args[0]} {value if not place else f'({value})'}"
        return (
            (value, _APPLIED) if row is None else (f"{self.argument(row)} @{self.weights(row)} {value}", _SUM)
        )

    def _moved(self, node: Node) -> str:
        """A rate, a value elsewhere, or a maximum over inputs: the function of what moves, and where."""
        inside, name = node.args[0], node.args[1].args[0]
        loss = inside == Node("name", ("L",))
        vector = not loss and self.vector(inside)
        if node.head == "maximum":
            name = "rows"
        names = [f"let {word} := {value} in" for word, value in moving(self.found, inside, name)]
        value = "L z" if loss else self.write(inside)
        body = " ".join(["fun", name, "=>", *names, f"({value}){'%V' if vector else '%R'}"])
        if node.head == "maximum":
            return f"maximum d {self.write(node.args[2], _ATOM)} ({body})"
        if node.head == "d" and len(node.args) == 2:
            if vector:
                raise Outside("the rate of a vector in a number")
            return f"Derive ({body}) {name}"
        place = (
            self.write(node.args[2], _ATOM) if not self.vector(node.args[2]) else self.argument(node.args[2])
        )
        if node.head == "at":
            return f"put ({body}) {place}"
        return f"{'vrate' if vector else 'rate'} ({body}) {name} {place}"


def proposition(found: Statement, denied: bool = False) -> str:
    """A statement in Rocq: names and setting, what names abbreviate, hypotheses, the conclusion; or its denial.

    Raises:
        Outside: something in it has no word in the library.
    """
    writer = Writer(found)
    for name in (*map(bare, (*found.vectors, *found.operators)), *found.numbers):
        if name in KEYWORDS or name in ("d", "rows", "batch"):
            raise Outside(f"the name {name} has another meaning in Rocq")
    text = [f"forall {binders(found)},"]
    text += [f"  {part} ->" for part in premises(found)]
    text += [f"  let {name} := {value} in" for name, value in abbreviations(found)]
    text += [f"  {writer.relation(tree)} ->" for tree in found.given]
    text += [f"  {writer.relation(found.says)}"]
    written = "\n".join(text)
    return f"~ ({written})" if denied else written


def _zero_eps(found: Statement) -> bool:
    return found.eps == "zero"


def _arguments(found: Statement, names: Iterable[str]) -> str:
    """Arguments of a setting or definition, eps as 0 where it is."""
    return " ".join("0" if name == "eps" and _zero_eps(found) else name for name in names)


def binders(found: Statement) -> str:
    """The names that a statement is for all of."""
    groups = [("batch", "Batch")]
    for names, sort in SETTINGS[found.norm].groups() if SETTINGS[found.norm].arguments else ():
        groups.append((" ".join(name for name in names if name != "eps" or not _zero_eps(found)), sort))
    if (found.maxima() or found.maps()) and "d" not in SETTINGS[found.norm].names:
        groups.append(("d", "nat"))
    groups += [(" ".join(found.numbers), "R"), (" ".join(map(bare, found.vectors)), "vec")]
    groups += [(" ".join(bare(text) for text in found.operators if "->" not in text), "vec -> vec")]
    groups += [(" ".join(f"{name}_rows" for name in found.maps()), "nat -> vec")]
    return " ".join(f"({names} : {sort})" for names, sort in groups if names)


def premises(found: Statement) -> list[str]:
    """What is assumed of the names: the setting of the normalisation; that operators are symmetric, or projectors."""
    setting, result = SETTINGS[found.norm], []
    if "eps" in setting.names and not _zero_eps(found):
        result.append("0 < eps")
    if setting.predicate:
        result.append(f"{setting.predicate} {_arguments(found, setting.names)}")
    elif {"batch"} >= set(map(space_of, found.vectors)):
        result.append("2 <= m")
    kinds = {
        text: "projector" if text.startswith("projector ") else "self_adjoint" for text in found.operators
    }
    return result + [f"{kind} {bare(text)}" for text, kind in kinds.items() if "->" not in text]


def abbreviations(found: Statement, used: Iterable[str] | None = None) -> list[tuple[str, str]]:
    """The names that the definition gives, as far as the statement (or ``used``) has them, and their meanings."""
    words = set(found.names() if used is None else used)
    maps = [(name, f"times d {name}_rows") for name in found.maps()]
    maps += [(f"{name}_T", f"transposed {name}_rows") for name in found.maps()]
    return [pair for pair in maps if pair[0] in words] + _meanings(found, words, at_top=True)


def moving(found: Statement, inside: Node, moved: str) -> list[tuple[str, str]]:
    """The names whose meaning changes in an expression as something moves, and their meanings there."""
    used = set(names_in(inside))
    rates = [node.args[1].args[0] for node in nodes(inside) if node.head in ("d", "at")]
    if moved in MOVES and any(other != moved for other in rates):
        raise Outside("it says a rate of a rate along something else")
    if moved == "rows":
        own = {"X": "times d rows", "T": "transposed rows"}
        return [(name, own[name]) for name in own if name in used]
    if moved == "z":
        own = {"yhat": "((z - beta * one) / gamma)%V", "g": "G z"}
        return [(name, own[name]) for name in own if name in used]
    if moved == "yhat":
        own = {"z": "(gamma * yhat + beta * one)%V", "g": "G z"}
        return [(name, own[name]) for name in own if name in used or (name == "z" and "g" in used)]
    if moved == "W":
        return [("y", "X W")] if "y" in used else []
    if moved != "y":
        return []
    follows = [("g", "G z")] if "g" in used else []
    if used & {"g", "L"}:
        used.add("z")
    return _meanings(found, used, at_top=False) + follows


def _meanings(found: Statement, used: set[str], at_top: bool) -> list[tuple[str, str]]:
    setting = SETTINGS[found.norm]
    if not setting.predicate:
        return []
    for unit in units(setting.text):
        if f"rho{unit}" in used:
            used |= {f"sigma{unit}", f"s{unit}"}
        if f"sigma{unit}" in used and found.eps == "positive":
            used.add(f"s{unit}")
    result, own = [], dict(lines(setting.text))
    in_space = "rows" in setting.names and at_top
    rows = in_space and (used & {"X", "T", "y"} or used & own.keys())
    if rows:
        result += [("X", "times d rows")] if used & {"X", "y"} or used & own.keys() else []
        result += [("T", "transposed rows")] if "T" in used else []
        result += [("y", "X W")] if used & own.keys() or "sigma" in used else []
    for name in own:
        if name in used and name not in ("y", *(("z",) if not setting.module else ())):
            before = _context(name, own)
            unit = next(unit for unit in units(setting.text) if name.endswith(unit))
            words = [word for word in setting.names if word in before and word != f"y{unit}"]
            value = _arguments(found, [*words, f"y{unit}"])
            result.append((name, f"{setting.module}.{name.removesuffix(unit)} {value}"))
    for unit in units(setting.text):
        if f"sigma{unit}" in used:
            zero = f"{setting.module}.s 0 y{unit}"
            result.append((f"sigma{unit}", zero if _zero_eps(found) else f"sqrt (s{unit} ^ 2 - eps)"))
        if f"rho{unit}" in used:
            result.append((f"rho{unit}", f"sigma{unit} ^ 2 / s{unit} ^ 2"))
    return result


def _context(name: str, own: dict[str, Node]) -> set[str]:
    """What a line of a definition rests on, through the lines before it."""
    found = set(names_in(own[name])) | {node.head for node in nodes(own[name]) if node.head == "smooth"}
    for other in names_in(own[name]) & own.keys() - {"y"}:
        found |= _context(other, own)
    return found
