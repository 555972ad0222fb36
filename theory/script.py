"""From an expression tree to written mathematics, whatever the medium: the one walk that every script shares.

dot(u, u) is written as a squared norm, dot(u, op(K, w)) as the form u'Kw, products and quotients as one
fraction in front of what they scale. Nothing is rearranged beyond opening brackets of sums and products.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from fractions import Fraction

from bnverify.theory.names import Names
from bnverify.theory.syntax import Node, Scalar, Vector, scalar

_SUMS = {"add": 1, "vadd": 1, "sub": -1, "vsub": -1}
_LOUD = {"dot", "max_grad", "max_form", "abs", "derivative"}


class Script(ABC):
    """How one medium writes the pieces; `Latex` and `Plain` are the two."""

    names: Names
    minus: str = "-"
    wide_bars: bool = True

    @abstractmethod
    def number(self, value: int) -> str: ...

    @abstractmethod
    def group(self, inner: str) -> str: ...

    @abstractmethod
    def norm(self, inner: str, power: int) -> str: ...

    @abstractmethod
    def inner(self, left: str, right: str) -> str: ...

    @abstractmethod
    def form(self, left: str, right: str) -> str: ...

    @abstractmethod
    def power(self, base: str, exponent: int) -> str: ...

    @abstractmethod
    def root(self, inner: str, simple: bool) -> str: ...

    @abstractmethod
    def absolute(self, inner: str) -> str: ...

    @abstractmethod
    def apply(self, operator: str, to: str) -> str: ...

    @abstractmethod
    def product(self, factors: list[str]) -> str: ...

    @abstractmethod
    def quotient(self, over: list[str], under: list[str], beside: list[str], beside_is_sum: bool) -> str: ...

    @abstractmethod
    def maximum(self, inner: str) -> str: ...

    @abstractmethod
    def differential(self, inner: str, variable: str, direction: str) -> str: ...

    @abstractmethod
    def relation(self, lhs: str, op: str, rhs: str) -> str: ...

    @abstractmethod
    def derivative(self, inner: str, wrt: str, direction: str) -> str: ...

    def write(self, node: Node) -> str:
        """The mathematics of an expression tree."""
        if (inside := projected(node)) is not None:
            return self.apply(self.names.operator("P"), self._operand(inside))
        parts = list(_terms(node))
        text = ""
        for position, (sign, term) in enumerate(parts):
            negative, body = self._term(sign, term)
            if position == 0:
                text = f"{self.minus}{body}" if negative else body
            else:
                text += f" {self.minus if negative else '+'} {body}"
        return text

    def _term(self, sign: int, term: Node) -> tuple[bool, str]:
        over: list[Node] = []
        under: list[Node] = []
        sign *= _factors(term, over, under)
        over = [node for node in over if node != scalar(1)]
        under = [node for node in under if node != scalar(1)]
        quiet: list[Node] = [node for node in over if isinstance(node, Scalar) and not _loud(node)]
        loud = [node for node in over if node not in quiet]
        sums = any(_is_sum(node) for node in loud)
        scalars = all(isinstance(node, Scalar) for node in loud)
        if not quiet and scalars and not sums and any(_loud(node) for node in under):
            quiet, loud = loud, []
        beside = [self._factor(node, node is loud[-1]) for node in loud]
        if not under:
            body = self.product([self._factor(node) for node in quiet] + beside)
        else:
            lone = len(quiet) == 1 and not beside
            above = [self.write(quiet[0])] if lone and self.wide_bars else [self._factor(x) for x in quiet]
            wide = len(under) == 1 and self.wide_bars
            below = [self.write(under[0])] if wide else [self._factor(x) for x in under]
            body = self.quotient(above, below, beside, sums or any(isinstance(x, Vector) for x in loud))
        return sign < 0, body

    def _factor(self, node: Node, last: bool = True) -> str:
        text = self._atom(node)
        return self.group(text) if _is_sum(node) or (not last and _open_ended(node)) else text

    def _atom(self, node: Node) -> str:
        args = node.args
        match node.head:
            case "derivative":
                return self.derivative(self.write(args[0]), args[2], self.write(args[1]))
            case "num":
                return self.number(int(args[0]))
            case "sym":
                return self.names.scalar(args[0])
            case "vec":
                return self.names.vector(args[0])
            case "op":
                return self.apply(self.names.operator(args[0]), self._operand(args[1]))
            case "dot":
                return self._dot(args[0], args[1], 1)
            case "pow":
                return self._pow(args[0], args[1])
            case "sqrt":
                inner = args[0]
                if inner.head == "dot" and inner.args[0] == inner.args[1]:
                    return self.norm(self.write(inner.args[0]), 1)
                return self.root(self.write(inner), inner.head in {"sym", "num"})
            case "abs":
                return self.absolute(self.write(args[0]))
            case "max_grad":
                gradient = self.apply(self.names.operator("T"), self._operand(args[0]))
                return self.maximum(self.norm(gradient, 2))
            case "max_form":
                moved = self.apply(self.names.operator("S"), self._operand(args[0]))
                operator = self.names.operator(args[1])
                return self.maximum(self.form(self.group(moved), self.apply(operator, self.group(moved))))
            case "derivative":
                inner, direction = self.group(self.write(args[0])), self._operand(args[1])
                return self.differential(inner, self.names.vector(args[2]), direction)
        return self.write(node)

    def _operand(self, node: Node) -> str:
        text = self.write(node)
        return text if node.head in {"vec", "op"} or projected(node) else self.group(text)

    def _dot(self, left: Node, right: Node, power: int) -> str:
        if left == right:
            return self.norm(self.write(left), 2 * power)
        if right.head == "op":
            first = self.write(left)
            if left.head != "vec" or self.names.compound(left.args[0]):
                first = self.group(first)
            text = self.form(first, self._atom(right))
            return text if power == 1 else self.power(self.group(text), power)
        text = self.inner(self.write(left), self.write(right))
        return text if power == 1 else self.power(text, power)

    def _pow(self, base: Node, exponent: int) -> str:
        if base.head == "dot":
            return self._dot(base.args[0], base.args[1], exponent)
        if (
            base.head == "sqrt"
            and base.args[0].head == "dot"
            and base.args[0].args[0] == base.args[0].args[1]
        ):
            return self.norm(self.write(base.args[0].args[0]), exponent)
        simple = base.head == "sym" or (base.head == "num" and base.args[0] >= 0)
        text = self.write(base)
        return self.power(text if simple else self.group(text), exponent)


def _terms(node: Node, sign: int = 1) -> Iterator[tuple[int, Node]]:
    if node.head in _SUMS and projected(node) is None:
        yield from _terms(node.args[0], sign)
        yield from _terms(node.args[1], sign * _SUMS[node.head])
    elif node.head in {"neg", "vneg"}:
        yield from _terms(node.args[0], -sign)
    elif node.head == "mul" and scalar(1) in node.args:
        yield from _terms(node.args[1] if node.args[0] == scalar(1) else node.args[0], sign)
    else:
        yield sign, node


def _factors(node: Node, over: list[Node], under: list[Node]) -> int:
    """Collects the factors above and below the bar; returns the sign that came out."""
    match node.head:
        case "mul" | "scale":
            return _factors(node.args[0], over, under) * _factors(node.args[1], over, under)
        case "div":
            return _factors(node.args[0], over, under) * _factors(node.args[1], under, over)
        case "neg" | "vneg":
            return -_factors(node.args[0], over, under)
        case "num":
            value: Fraction = node.args[0]
            over.append(scalar(abs(value.numerator)))
            under.append(scalar(value.denominator))
            return -1 if value < 0 else 1
    over.append(node)
    return 1


def _is_sum(node: Node) -> bool:
    return node.head in _SUMS and projected(node) is None


def projected(node: Node) -> Node | None:
    """w where ``node`` is `Setting.off_yhat` of `Setting.center` of w: the projection P w, written as one."""
    inside = _less_mean_along(node, "yhat")
    return None if inside is None else _less_mean_along(inside, "1")


def _less_mean_along(node: Node, name: str) -> Node | None:
    """u where ``node`` is u - <e, u>/m e with e the named vector."""
    if node.head != "vsub":
        return None
    u, e = node.args[0], Vector("vec", (name,))
    mean = Scalar("div", (Scalar("dot", (e, u)), Scalar("sym", ("m",))))
    return u if node.args[1] == Vector("scale", (mean, e)) else None


def _open_ended(node: Node) -> bool:
    """Whether what follows the written factor could be read as part of it: forms u'Kw, maxima, derivatives."""
    form = node.head == "dot" and node.args[0] != node.args[1] and node.args[1].head == "op"
    return form or node.head in {"max_grad", "max_form", "derivative"}


def _loud(node: Node) -> bool:
    """Whether a factor holds vectors or a sum: it stands beside a fraction, not on it."""
    if node.head in _LOUD or _is_sum(node) or isinstance(node, Vector):
        return True
    return node.head in {"pow", "sqrt"} and _loud(node.args[0])
