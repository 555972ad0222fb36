r"""Statements as mathematics: LaTeX, and plain Unicode for terminals."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from bnverify.theory import notation
from bnverify.theory.claim import Relation, Says
from bnverify.theory.grammar import parse
from bnverify.theory.names import LATEX_NAMES, MEANINGS, PLAIN_NAMES
from bnverify.theory.said import Said, read
from bnverify.theory.script import Script, projected
from bnverify.theory.syntax import Scalar, Vector, scalar, walk


class Latex(Script):
    """LaTeX without packages beyond amsmath; also what MathML converters read."""

    names = LATEX_NAMES

    def number(self, value: int) -> str:
        return str(value)

    def group(self, inner: str) -> str:
        return rf"\left({inner}\right)"

    def norm(self, inner: str, power: int) -> str:
        exponent = f"^{{{power}}}" if power != 1 else ""
        return rf"\left\|{inner}\right\|{exponent}"

    def inner(self, left: str, right: str) -> str:
        return rf"\left\langle {left}, {right}\right\rangle"

    def form(self, left: str, right: str) -> str:
        return rf"{left}^{{\top}} {right}"

    def power(self, base: str, exponent: int) -> str:
        return f"{base}^{{{exponent}}}"

    def root(self, inner: str, simple: bool) -> str:
        return rf"\sqrt{{{inner}}}"

    def absolute(self, inner: str) -> str:
        return rf"\left|{inner}\right|"

    def apply(self, operator: str, to: str) -> str:
        return f"{operator} {to}"

    def product(self, factors: list[str]) -> str:
        text = ""
        for factor in factors:
            glue = r" \cdot " if text[-1:].isdigit() and factor[:1].isdigit() else (r"\, " if text else "")
            text += glue + factor
        return text or "1"

    def quotient(self, over: list[str], under: list[str], beside: list[str], beside_is_sum: bool) -> str:
        fraction = rf"\frac{{{self.product(over)}}}{{{self.product(under)}}}"
        return self.product([fraction, *beside])

    def differential(self, inner: str, variable: str, direction: str) -> str:
        return rf"\frac{{\partial}}{{\partial {variable}}}{inner}\, {direction}"

    def maximum(self, inner: str) -> str:
        return rf"\max_{{\|X\| \le \lambda}} {inner}"

    def derivative(self, inner: str, wrt: str, direction: str) -> str:
        return (
            rf"\frac{{\partial}}{{\partial {self.names.vector(wrt)}}}\left[{inner}\right] \cdot {direction}"
        )

    def relation(self, lhs: str, op: str, rhs: str) -> str:
        sign = {"le": r"\le", "lt": "<", "eq": "="}[op]
        return f"{lhs} {sign} {rhs}"


class Plain(Script):
    """One line of Unicode for terminals."""

    names = PLAIN_NAMES
    minus = "−"
    wide_bars = False
    _raised = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")

    def number(self, value: int) -> str:
        return str(value)

    def group(self, inner: str) -> str:
        return f"({inner})"

    def norm(self, inner: str, power: int) -> str:
        return f"‖{inner}‖{self._exponent(power)}"

    def _exponent(self, power: int) -> str:
        return "" if power == 1 else str(power).translate(self._raised)

    def inner(self, left: str, right: str) -> str:
        return f"⟨{left}, {right}⟩"

    def form(self, left: str, right: str) -> str:
        return f"{left}ᵀ{right}"

    def power(self, base: str, exponent: int) -> str:
        return base + self._exponent(exponent)

    def root(self, inner: str, simple: bool) -> str:
        return f"√{inner}" if simple else f"√({inner})"

    def absolute(self, inner: str) -> str:
        return f"|{inner}|"

    def apply(self, operator: str, to: str) -> str:
        return operator + to if len(operator) == 1 or operator.endswith("ᵀ") else f"{operator} {to}"

    def product(self, factors: list[str]) -> str:
        text = ""
        for factor in factors:
            glue = "·" if text[-1:].isdigit() and factor[:1].isdigit() else (" " if text else "")
            text += glue + factor
        return text or "1"

    def quotient(self, over: list[str], under: list[str], beside: list[str], beside_is_sum: bool) -> str:
        below = self.product(under)
        if len(under) > 1 or " " in below.strip("()"):
            below = f"({below})" if not below.startswith("(") or len(under) > 1 else below
        if not over and beside and not beside_is_sum:
            return f"{self.product(beside)}/{below}"
        return self.product([f"{self.product(over)}/{below}", *beside])

    def differential(self, inner: str, variable: str, direction: str) -> str:
        return f"∂/∂{variable} {inner} {direction}"

    def maximum(self, inner: str) -> str:
        return f"max(‖X‖ ≤ λ) {inner}"

    def derivative(self, inner: str, wrt: str, direction: str) -> str:
        return f"∂[{inner}]/∂{self.names.vector(wrt)}·{direction}"

    def relation(self, lhs: str, op: str, rhs: str) -> str:
        sign = {"le": "≤", "lt": "<", "eq": "="}[op]
        return f"{lhs} {sign} {rhs}"


LATEX = Latex()
PLAIN = Plain()


def statement(says: Says) -> Relation:
    """The relation of a statement as expression trees.

    Raises:
        ValueError, KeyError, TypeError: a text that these trees have no words for.
    """
    if isinstance(says, Said):
        left, op, right = read(says.text)
        return Relation(left, op, right, isinstance(left, Vector))
    from bnverify.theory.observe import Syntax

    relation = says(Syntax())
    sides = [
        side if isinstance(side, Scalar | Vector) else scalar(side) for side in (relation.lhs, relation.rhs)
    ]
    return Relation(sides[0], relation.op, sides[1], relation.vector)


def written(says: Says, script: Script = LATEX, equal: bool = False) -> str:
    """A statement as mathematics: both sides and the sign between them, ``=`` if ``equal``."""
    try:
        relation = statement(says)
        sign = "eq" if equal else relation.op
        return script.relation(script.write(relation.lhs), sign, script.write(relation.rhs))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        if not isinstance(says, Said):
            raise
    other = notation.LATEX if script is LATEX else notation.PLAIN
    return other.statement(parse(says.text), equal)


def legend(statements: Iterable[Says], script: Script = PLAIN) -> list[tuple[str, str]]:
    """The names that occur in the statements and what they mean, in the order of `names.MEANINGS`."""
    used: set[tuple[str, str]] = set()
    for says in statements:
        try:
            relation = statement(says)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            continue
        for side in (relation.lhs, relation.rhs):
            for _, node in walk(side):
                if projected(node) is not None:
                    used.add(("op", "P"))
                if node.head in {"sym", "vec", "op"}:
                    used.add((node.head, node.args[0]))
    write: dict[str, Callable[[str], str]] = {
        "sym": script.names.scalar,
        "vec": script.names.vector,
        "op": script.names.operator,
    }
    return [(write[kind](name), text) for (kind, name), text in MEANINGS.items() if (kind, name) in used]


def as_data(says: Says, equal: bool = False) -> dict[str, Any]:
    """A statement for storage: LaTeX and plain Unicode, as an equation where it was found to be one."""
    return {"latex": written(says, LATEX, equal), "plain": written(says, PLAIN, equal)}
