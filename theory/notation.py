"""A tree of the grammar as mathematics, for statements that the other writers have no words for: rates, values
elsewhere, maxima, several inputs."""

from __future__ import annotations

import re

from bnverify.theory.grammar import RELATIONS, Node
from bnverify.theory.names import LATEX_NAMES, PLAIN_NAMES, Names

_STRENGTH = {"+": 1, "-": 1, "neg": 2, "*": 3, "/": 3, "@": 4, "**": 5}
_SIGNS = {
    "<=": (r"\le", "≤"),
    ">=": (r"\ge", "≥"),
    "!=": (r"\ne", "≠"),
    "==": ("=", "="),
    "<": ("<", "<"),
    ">": (">", ">"),
}
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


class Notation:
    """One script: LaTeX or plain Unicode."""

    def __init__(self, names: Names, latex: bool) -> None:
        self.names, self.latex = names, latex

    def statement(self, node: Node, equal: bool = False) -> str:
        """Both sides of a relation and the sign between them; psd(A) as an order of operators."""
        if node.head == "psd":
            return f"{self.write(node.args[0])} {chr(0x5C) + 'succeq' if self.latex else '⪰'} 0"
        sign = _SIGNS["==" if equal else node.head][0 if self.latex else 1]
        return f"{self.write(node.args[0])} {sign} {self.write(node.args[1])}"

    def write(self, node: Node) -> str:
        """The mathematics of a tree."""
        head, args = node.head, node.args
        if head in RELATIONS.values() or head == "psd":
            return self.statement(node)
        match head:
            case "number":
                return str(args[0])
            case "name":
                return self._name(args[0])
            case "neg":
                return f"-{self._within(args[0], 3)}"
            case "+":
                return f"{self.write(args[0])} + {self.write(args[1])}"
            case "-":
                return f"{self.write(args[0])} - {self._within(args[1], 3)}"
            case "*":
                glue = r"\, " if self.latex else " "
                return f"{self._within(args[0], 3)}{glue}{self._within(args[1], 4)}"
            case "/":
                if self.latex:
                    return rf"\frac{{{self.write(args[0])}}}{{{self.write(args[1])}}}"
                return f"{self._within(args[0], 3)}/{self._within(args[1], 4)}"
            case "**":
                base = self._within(args[0], 6)
                if self.latex:
                    return f"{base}^{{{args[1]}}}"
                return (
                    base + str(args[1]).translate(_RAISED)
                    if args[1].denominator == 1
                    else f"{base}^({args[1]})"
                )
            case "@":
                return self._chain(args)
        return self._function(head, args)

    def _name(self, name: str) -> str:
        for table in (self.names.scalars, self.names.vectors, self.names.operators):
            if name in table:
                return table[name]
        if name == "one":
            return self.names.vectors["1"]
        if name.endswith("_T"):
            return self.names.operator(name[:-2]) + (r"^{\top}" if self.latex else "ᵀ")
        return self.names.scalar(name)

    def _within(self, node: Node, strength: int) -> str:
        text = self.write(node)
        return text if _STRENGTH.get(node.head, 9) >= strength else self._group(text)

    def _group(self, text: str) -> str:
        return rf"\left({text}\right)" if self.latex else f"({text})"

    def _chain(self, items: tuple[Node, ...]) -> str:
        if len(items) == 2 and items[0].head != "name":
            return self._inner(*items)
        if len(items) == 2 and items[0].args[0][:1].islower():
            return self._inner(*items)
        texts = [self._within(item, 5) for item in items]
        if items[0].head != "name" or items[0].args[0][:1].islower():
            texts[0] += r"^{\top}" if self.latex else "ᵀ"
        return " ".join(texts)

    def _inner(self, left: Node, right: Node) -> str:
        if left == right:
            inside = self.write(left)
            return rf"\left\|{inside}\right\|^{{2}}" if self.latex else f"‖{inside}‖²"
        if self.latex:
            return rf"\left\langle {self.write(left)}, {self.write(right)}\right\rangle"
        return f"⟨{self.write(left)}, {self.write(right)}⟩"

    def _function(self, head: str, args: tuple[Node, ...]) -> str:
        inside = [self.write(item) for item in args]
        if head == "sqrt":
            return rf"\sqrt{{{inside[0]}}}" if self.latex else f"√({inside[0]})"
        if head == "norm":
            return rf"\left\|{inside[0]}\right\|" if self.latex else f"‖{inside[0]}‖"
        if head == "abs":
            return rf"\left|{inside[0]}\right|" if self.latex else f"|{inside[0]}|"
        if head == "d":
            along = (
                (rf"\left[{inside[2]}\right]" if self.latex else f"[{inside[2]}]") if len(args) == 3 else ""
            )
            if self.latex:
                return rf"\frac{{\partial}}{{\partial {inside[1]}}}{self._group(inside[0])}{along}"
            return f"∂({inside[0]})/∂{inside[1]}{along}"
        if head == "at":
            if self.latex:
                return rf"\left.{inside[0]}\right|_{{{inside[1]} = {inside[2]}}}"
            return f"({inside[0]} at {inside[1]} = {inside[2]})"
        if head == "maximum":
            if self.latex:
                return rf"\max_{{\|{inside[1]}\| \le {inside[2]}}} {inside[0]}"
            return f"max(‖{inside[1]}‖ ≤ {inside[2]}) {inside[0]}"
        name = {"mean": "mean", "min": "min", "max": "max", "sign": "sgn", "smooth": "n"}[head]
        return (rf"\mathrm{{{name}}}" if self.latex else name) + self._group(", ".join(inside))


def latex_number(text: str) -> str:
    """An exact number, or a tuple of such, in LaTeX."""
    return re.sub(r"sqrt\((\d+)\)", r"\\sqrt{\1}", text).replace("*", " ")


LATEX = Notation(LATEX_NAMES, latex=True)
PLAIN = Notation(PLAIN_NAMES, latex=False)
