"""From a statement to a proposition of Rocq, in the notations of the library: ``@``, arithmetic, ``==`` of vectors."""

from __future__ import annotations

from collections.abc import Iterable

from bnverify.theory.grammar import RELATIONS, Node, lines
from bnverify.theory.normalisations import NORMALISATIONS
from bnverify.theory.rocq.statement import NUMBER_FUNCTIONS, SETTINGS, Outside, Statement, sorts_of
from bnverify.theory.sorts import Sort, sort_of

KEYWORDS = {
    *(
        "as",
        "at",
        "cofix",
        "else",
        "end",
        "exists",
        "exists2",
        "fix",
        "for",
        "forall",
        "fun",
        "if",
        "in",
        "let",
    ),
    *("match", "mod", "return", "then", "using", "where", "with"),
}
"""Names that Rocq keeps for itself."""

_SUM, _PRODUCT, _POWER, _APPLIED, _ATOM = range(1, 6)
"""How tightly an expression binds in Rocq."""


class Writer:
    """Writes trees whose names have known sorts."""

    def __init__(self, known: dict[str, Sort]) -> None:
        self.known = known

    def vector(self, node: Node) -> bool:
        """Whether a tree is a vector."""
        return sort_of(node, self.known).kind == "vector"

    def relation(self, node: Node) -> str:
        """A relation between numbers, an equation of vectors, or psd of an operator."""
        if node.head == "psd" and node.args[0].head == "name":
            return f"psd {node.args[0].args[0]}"
        if node.head not in RELATIONS.values():
            raise Outside(f"a statement with {node.head}")
        zero = Node("number", (0,))
        if any(side != zero and self.vector(side) for side in node.args):
            if node.head != "==":
                raise Outside("vectors that differ")
            left, right = ("zero" if side == zero else self.argument(side) for side in node.args)
            return f"{left} == {right}"
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
            case "norm" | "mean" if self.vector(args[0]):
                return f"{head} {self.argument(args[0])}", _APPLIED
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
            if operator.head != "name":
                raise Outside("a sum of operators")
            value = f"{operator.args[0]} {value if not place else f'({value})'}"
        return (value, _APPLIED) if row is None else (f"{self.argument(row)} @ {value}", _SUM)


def proposition(found: Statement) -> str:
    """The statement in Rocq: names and setting, what the names abbreviate, the hypotheses, the conclusion.

    Raises:
        Outside: something in it has no word in the library.
    """
    known = sorts_of(found)
    writer = Writer(known)
    for name in (*found.vectors, *found.numbers, *found.operators):
        if name in KEYWORDS:
            raise Outside(f"the name {name} is a word of Rocq")
    text = [f"forall {binders(found)},"]
    text += [f"  {part} ->" for part in premises(found)]
    text += [f"  let {name} := {value} in" for name, value in abbreviations(found)]
    text += [f"  {writer.relation(tree)} ->" for tree in found.given]
    text += [f"  {writer.relation(found.says)}"]
    return "\n".join(text)


def binders(found: Statement) -> str:
    """The names that a statement is for all of."""
    groups: list[tuple[tuple[str, ...], str]] = [(("batch",), "Batch")]
    if found.norm != "identity":
        setting = SETTINGS[found.norm]
        eps = ("eps",) if setting.eps and found.eps == "positive" else ()
        groups += [((*eps, *setting.numbers), "R"), (setting.operators, "vec -> vec")]
        groups += [((*setting.vectors, "y", "g", "v"), "vec"), (("H", "B"), "vec -> vec")]
    groups += [(found.numbers, "R"), (found.vectors, "vec"), (found.operators, "vec -> vec")]
    return " ".join(f"({' '.join(names)} : {sort})" for names, sort in groups if names)


def premises(found: Statement) -> list[str]:
    """What is assumed of the names: the setting of the normalisation, and that declared operators are symmetric."""
    result = []
    if found.norm != "identity":
        setting = SETTINGS[found.norm]
        if setting.eps and found.eps == "positive":
            result.append("0 < eps")
        eps = ("eps" if found.eps == "positive" else "0",) if setting.eps else ()
        arguments = (*eps, *setting.numbers, *setting.operators, *setting.vectors)
        result.append(f"{setting.predicate} {' '.join((*arguments, 'y', 'g', 'v', 'H', 'B'))}")
    else:
        result.append("2 <= m")
    return result + [f"self_adjoint {name}" for name in found.operators]


def abbreviations(found: Statement, used: Iterable[str] | None = None) -> list[tuple[str, str]]:
    """The names that the definition gives, as far as the statement (or ``used``) has them, and their meanings."""
    if found.norm == "identity":
        return []
    setting, used = SETTINGS[found.norm], set(found.names() if used is None else used)
    eps = "eps" if found.eps == "positive" else "0"
    if "rho" in used:
        used |= {"sigma", "s"}
    if "sigma" in used and found.eps == "positive":
        used.add("s")
    before = {"mu": (), "c": (), "n": (), "s": (eps,), "yhat": (eps,)}
    before["z"] = (eps, *setting.numbers, *setting.operators, *setting.vectors)
    result = []
    for name, _ in lines(NORMALISATIONS[found.norm].text):
        if name in used:
            own = [word for word in before[name] if setting.eps or word != eps]
            result.append((name, f"{setting.module}.{name} {' '.join((*own, 'y'))}"))
    if "sigma" in used:
        zero = f"{setting.module}.s 0 y"
        result.append(("sigma", zero if found.eps == "zero" else "sqrt (s ^ 2 - eps)"))
    if "rho" in used:
        result.append(("rho", "sigma ^ 2 / s ^ 2"))
    return result
