"""Trees of the grammar as written mathematics: LaTeX, and one line of Unicode for terminals.

u @ u is written as a squared norm, u @ K @ w as the form u'Kw, products and quotients as one fraction in front of what
they scale. Nothing is rearranged beyond opening brackets of sums and products.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from bnverify.theory.grammar import RELATIONS, Node
from bnverify.theory.names import LATEX_NAMES, PLAIN_NAMES, Names, sort_of_name

_SIGNS = {"+": 1, "-": -1}
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_ONE = Node("number", (1,))
_LOUD = {"@", "maximum", "max", "min", "abs", "norm", "d", "at", "sign", "smooth", "mean"}
_WORDS = {"min": "min", "max": "max", "sign": "sgn", "smooth": "n"}


@dataclass(frozen=True)
class Script:
    """How one medium writes the pieces; %s is what stands inside."""

    names: Names
    minus: str
    group: str
    norm: str
    inner: str
    form: str
    root: str
    absolute: str
    rate: str
    along: str
    elsewhere: str
    maximum: str
    word: str
    transposed: str
    relations: dict[str, str]
    glue: str
    times: str
    latex: bool

    # ---- statements and sums

    def write(self, node: Node) -> str:
        """The mathematics of a tree: an expression, a relation or psd(A)."""
        if node.head in RELATIONS.values():
            return self.statement(node)
        if node.head == "psd":
            return f"{self.write(node.args[0])} {self.relations['psd']} 0"
        if node.head in {"or", "iff"}:
            return f" {self.relations[node.head]} ".join(map(self.write, node.args))
        if (inside := projected(node)) is not None:
            return self._applied(self.names.of("P"), self._operand(inside))
        text = ""
        for position, (sign, term) in enumerate(_terms(node)):
            negative, body = self._term(sign, term)
            if position == 0:
                text = f"{self.minus}{body}" if negative else body
            else:
                text += f" {self.minus if negative else '+'} {body}"
        return text

    def statement(self, node: Node, equal: bool = False) -> str:
        """Both sides of a relation and the sign between them, ``=`` if ``equal``."""
        if node.head == "psd":
            return self.write(node)
        left, right = node.args
        sign = self.relations["==" if equal else node.head]
        return f"{self.write(left)} {sign} {self.write(right)}"

    def _term(self, sign: int, term: Node) -> tuple[bool, str]:
        over: list[Node] = []
        under: list[Node] = []
        sign *= _factors(term, over, under)
        over = [node for node in over if node != _ONE]
        under = [node for node in under if node != _ONE]
        quiet = [node for node in over if not _loud(node)]
        loud = [node for node in over if _loud(node)]
        sums, vectors = any(map(_is_sum, loud)), any(map(is_vector, loud))
        if not quiet and not vectors and not sums and any(map(_loud, under)):
            quiet, loud = loud, []
        beside = [self._factor(node, node is loud[-1]) for node in loud]
        if not under:
            return sign < 0, self._product([self._factor(node) for node in quiet] + beside)
        lone = len(quiet) == 1 and not beside
        above = [self.write(quiet[0])] if lone and self.latex else [self._factor(x) for x in quiet]
        wide = len(under) == 1 and self.latex
        below = [self.write(under[0])] if wide else [self._factor(x) for x in under]
        return sign < 0, self._quotient(above, below, beside, sums or vectors)

    def _product(self, factors: list[str]) -> str:
        text = ""
        for factor in factors:
            digits = text[-1:].isdigit() and factor[:1].isdigit()
            text += (self.times if digits else self.glue if text else "") + factor
        return text or "1"

    def _quotient(self, over: list[str], under: list[str], beside: list[str], apart: bool) -> str:
        below = self._product(under)
        if self.latex:
            return self._product([rf"\frac{{{self._product(over)}}}{{{below}}}", *beside])
        if len(under) > 1 or (" " in below.strip("()") and not below.startswith("(")):
            below = f"({below})"
        if not over and beside and not apart:
            return f"{self._product(beside)}/{below}"
        return self._product([f"{self._product(over)}/{below}", *beside])

    def _factor(self, node: Node, last: bool = True) -> str:
        text = self._atom(node)
        return self.group % text if _is_sum(node) or (not last and _open_ended(node)) else text

    # ---- what is no sum, product or quotient

    def _atom(self, node: Node) -> str:
        head, args = node.head, node.args
        match head:
            case "number":
                return str(args[0])
            case "name":
                return self._name(args[0])
            case "@":
                if _is_operator(args[0]):
                    return self._applied(self._operand(args[0]), self._operand(_rest(args)))
                return self._dot(args[0], _rest(args), 1)
            case "**":
                return self._power(args[0], args[1])
            case "sqrt":
                if (inside := _squared(args[0])) is not None:
                    return self.norm % self.write(inside)
                return self._root(args[0])
            case "norm":
                return self.norm % self.write(args[0])
            case "abs":
                return self.absolute % self.write(args[0])
            case "maximum":
                return self.maximum % (self.write(args[1]), self.write(args[2]), self.write(args[0]))
            case "d" if (of := jacobian(node)) is not None:
                return self._applied(self.names.of(of), self._operand(args[2]))
            case "d":
                text = self.rate % (
                    (self.write(args[1]), self.write(args[0]))
                    if self.latex
                    else (self.write(args[0]), self.write(args[1]))
                )
                return text + self.along % self._bracketed(args[2]) if len(args) == 3 else text
            case "at" if args[:2] == (Node("name", ("yhat",)), Node("name", ("y",))):
                return self.names.of("yhat") + self.group % self.write(args[2])
            case "at":
                return self.elsewhere % tuple(map(self.write, args))
        if head in _WORDS:
            return self.word % _WORDS[head] + self.group % ", ".join(map(self.write, args))
        return self.write(node)

    def _name(self, name: str) -> str:
        if name.endswith("_T"):
            return self.names.of(name[:-2]) + self.transposed
        return self.names.of(name)

    def _applied(self, operator: str, to: str) -> str:
        tight = not self.latex and (len(operator) == 1 or operator.endswith("ᵀ"))
        return operator + to if tight else f"{operator} {to}"

    def _bracketed(self, node: Node) -> str:
        text = self.write(node)
        return self.group % text if _is_sum(node) else text

    def _operand(self, node: Node) -> str:
        text = self.write(node)
        bare = node.head == "name" or _is_application(node) or projected(node)
        return text if bare else self.group % text

    def _dot(self, left: Node, right: Node, power: int) -> str:
        if left == right:
            return self._raised(self.norm % self.write(left), Fraction(2 * power))
        if _is_application(right):
            first = self.write(left)
            if left.head != "name" or self.names.compound(left.args[0]):
                first = self.group % first
            text = self.form % (first, self._again(left, right) or self._atom(right))
            return text if power == 1 else self._raised(self.group % text, Fraction(power))
        text = self.inner % (self.write(left), self.write(right))
        return text if power == 1 else self._raised(text, Fraction(power))

    def _again(self, left: Node, right: Node) -> str:
        """K (S u) where the form is (S u)'K S u; empty elsewhere."""
        tail = left.args if left.head == "@" else ()
        middle = right.args[: -len(tail)] if tail and right.args[-len(tail) :] == tail else ()
        text = self.group % self.write(left) if middle else ""
        for operator in reversed(middle):
            text = self._applied(self._operand(operator), text)
        return text

    def _power(self, base: Node, power: Fraction) -> str:
        if power == Fraction(1, 2):
            return self._root(base)
        if base.head == "@" and not is_vector(base) and power.denominator == 1:
            return self._dot(base.args[0], _rest(base.args), int(power))
        if base.head == "norm" or (base.head == "sqrt" and _squared(base.args[0]) is not None):
            return self._raised(self._atom(base), power)
        text = self.write(base)
        return self._raised(text if base.head in {"name", "number"} else self.group % text, power)

    def _raised(self, base: str, power: Fraction) -> str:
        if power == 1:
            return base
        if self.latex:
            return f"{base}^{{{power}}}"
        return base + str(power).translate(_RAISED) if power.denominator == 1 else f"{base}^({power})"

    def _root(self, inside: Node) -> str:
        simple = self.latex or inside.head in {"name", "number"}
        return self.root % (self.write(inside) if simple else self.group % self.write(inside))


# ---------------------------------------------------------------- looking into trees


def is_vector(node: Node) -> bool:
    """Whether a tree is a vector or an operator, told by its names."""
    head, args = node.head, node.args
    match head:
        case "name":
            return sort_of_name(args[0]) != "number"
        case "neg" | "/" | "d" | "at":
            return is_vector(args[0])
        case "+" | "-" | "*":
            return is_vector(args[0]) or is_vector(args[1])
        case "@":
            return _is_operator(args[0])
    return head == "sign"


def _is_operator(node: Node) -> bool:
    match node.head:
        case "name":
            return sort_of_name(node.args[0]) == "operator"
        case "+" | "-" | "*" | "/" | "neg":
            return any(_is_operator(inside) for inside in node.args)
        case "@":
            return all(_is_operator(inside) for inside in node.args)
    return False


def _rest(items: tuple[Node, ...]) -> Node:
    return items[1] if len(items) == 2 else Node("@", items[1:])


def _squared(node: Node) -> Node | None:
    """u where a tree is u @ u."""
    return node.args[0] if node.head == "@" and node.args[0] == _rest(node.args) else None


def jacobian(node: Node) -> str | None:
    """The Jacobian that d(yhat, y, u) or d(z, y, u) applies to u."""
    if node.head != "d" or len(node.args) != 3 or node.args[1] != Node("name", ("y",)):
        return None
    return {"yhat": "Dyhat", "z": "Dz"}.get(node.args[0].args[0]) if node.args[0].head == "name" else None


def _is_application(node: Node) -> bool:
    """Whether a tree is an operator applied to a vector."""
    return (node.head == "@" and _is_operator(node.args[0])) or jacobian(node) is not None


def _mean(node: Node) -> Node:
    """mean(u) as <1, u>/m, and mean(u*w) as <u, w>/m."""
    (inside,) = node.args
    items = (Node("name", ("one",)), *(inside.args if inside.head == "@" else (inside,)))
    if inside.head == "*" and all(map(is_vector, inside.args)):
        items = inside.args
    return Node("/", (Node("@", items), Node("name", ("m",))))


def _averages(node: Node) -> bool:
    """Whether a tree is the mean of a vector, and not of its absolute values."""
    return node.head == "mean" and node.args[0].head != "abs"


def _terms(node: Node, sign: int = 1) -> Iterator[tuple[int, Node]]:
    if _is_sum(node):
        yield from _terms(node.args[0], sign)
        yield from _terms(node.args[1], sign * _SIGNS[node.head])
    elif node.head == "neg":
        yield from _terms(node.args[0], -sign)
    elif node.head == "*" and _ONE in node.args:
        yield from _terms(node.args[1] if node.args[0] == _ONE else node.args[0], sign)
    else:
        yield sign, node


def _factors(node: Node, over: list[Node], under: list[Node]) -> int:
    """Collects the factors above and below the bar, vectors last; returns the sign that came out."""
    match node.head:
        case "*":
            first, last = node.args[::-1] if is_vector(node.args[0]) else node.args
            return _factors(first, over, under) * _factors(last, over, under)
        case "/":
            return _factors(node.args[0], over, under) * _factors(node.args[1], under, over)
        case "neg":
            return -_factors(node.args[0], over, under)
        case "mean" if _averages(node):
            return _factors(_mean(node), over, under)
    over.append(node)
    return 1


def _is_sum(node: Node) -> bool:
    return node.head in _SIGNS and projected(node) is None


def projected(node: Node) -> Node | None:
    """w where a tree is (I - y-hat y-hat'/m)(I - 11'/m) w: the projection P w, written as one."""
    inside = _less_mean_along(node, "yhat")
    return None if inside is None else _less_mean_along(inside, "one")


def _less_mean_along(node: Node, name: str) -> Node | None:
    """u where a tree is u - (e @ u)/m*e with e the named vector; e @ u may be written u @ e."""
    if node.head != "-" or node.args[1].head != "*" or node.args[1].args[1] != Node("name", (name,)):
        return None
    u, taken = node.args[0], node.args[1].args[0]
    e = Node("name", (name,))
    known = Node("/", (Node("@", (e, *(u.args if u.head == "@" else (u,)))), Node("name", ("m",))))
    return u if taken == known or (_averages(taken) and _mean(taken) == known) else None


def _open_ended(node: Node) -> bool:
    """Whether what follows the written factor could be read as part of it: forms u'Kw, maxima, rates."""
    form = node.head == "@" and _is_application(_rest(node.args)) and node.args[0] != _rest(node.args)
    return form or node.head == "maximum" or (node.head == "d" and jacobian(node) is None)


def _loud(node: Node) -> bool:
    """Whether a factor holds vectors or a sum: it stands beside a fraction, not on it."""
    if node.head in _LOUD or _is_sum(node) or is_vector(node):
        return True
    return node.head in {"**", "sqrt"} and _loud(node.args[0])


def _relations(*signs: str) -> dict[str, str]:
    return dict(zip(("<=", "<", "==", ">=", ">", "!=", "psd", "or", "iff"), signs, strict=True))


LATEX = Script(
    names=LATEX_NAMES,
    minus="-",
    group=r"\left(%s\right)",
    norm=r"\left\|%s\right\|",
    inner=r"\left\langle %s, %s\right\rangle",
    form=r"%s^{\top} %s",
    root=r"\sqrt{%s}",
    absolute=r"\left|%s\right|",
    rate=r"\frac{\partial}{\partial %s}\left[%s\right]",
    along=r" \cdot %s",
    elsewhere=r"\left.%s\right|_{%s = %s}",
    maximum=r"\max_{\|%s\| \le %s} %s",
    word=r"\mathrm{%s}",
    transposed=r"^{\top}",
    relations=_relations(r"\le", "<", "=", r"\ge", ">", r"\ne", r"\succeq", r"\;\text{or}\;", r"\iff"),
    glue=r"\, ",
    times=r" \cdot ",
    latex=True,
)
"""LaTeX without packages beyond amsmath; also what MathML converters read."""

PLAIN = Script(
    names=PLAIN_NAMES,
    minus="−",
    group="(%s)",
    norm="‖%s‖",
    inner="⟨%s, %s⟩",
    form="%sᵀ%s",
    root="√%s",
    absolute="|%s|",
    rate="∂[%s]/∂%s",
    along="·%s",
    elsewhere="(%s at %s = %s)",
    maximum="max(‖%s‖ ≤ %s) %s",
    word="%s",
    transposed="ᵀ",
    relations=_relations("≤", "<", "=", "≥", ">", "≠", "⪰", "or", "⟺"),
    glue=" ",
    times="·",
    latex=False,
)
"""One line of Unicode for terminals."""
