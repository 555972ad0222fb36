"""The judge: it starts from definitions and decides for every batch size m and at exact points. Standard library alone.

A normalisation, a statement, a hypothesis and a step of a proof are text, parsed with `ast` and never evaluated. From
the text of z(y) and from what g and H are (dL = <g, dz>, dg = H dz) the judge derives v = dL^/dy and its derivative B;
no derivative of any normalisation is written here. `judge(claim, certificate)` returns a `Verified`, which nothing
else makes, or raises `Refused`. What is claimed comes from the `Claim` alone; a certificate only supplies steps.

Trusted: this file and Python's `ast`, `fractions` and whole numbers; the chain and product rules, 2 r dr = d(r^2) and
Riesz' theorem; an identity of formal vectors holds for vectors of every m; near a batch without an entry 0 its signs
are constant, and so is the place of its one largest entry. Where it is used, it is proved in a line:
- Cauchy-Schwarz: |a|^2 (|a|^2 |b|^2 - <a,b>^2) = | |a|^2 b - <a,b> a |^2, and both sides vanish at a = 0;
- max over ||X|| <= lam of |X'u|^2 is lam^2 |u|^2: |X'u| <= ||X|| |u|, attained by X = lam u e'/|u|;
- {X X'u : ||X|| <= lam} is {w : <w, lam^2 u - w> >= 0}: P = X X' has P^2 <= lam^2 P; conversely X = w e'/sqrt(<w,u>);
- where t >= 0 and [t I - K, -t c/2; -t c'/2, b] is positive semi-definite, c = lam^2 u, <w, K w> <= b for all those w.
`LEMMAS` are trusted beside this, each for statements of one form, and printed with what rests on them.

``python -I theory/kernel.py FILE-or-FOLDER ...`` checks certificate files: JSON lists, one item a line. An item holds
``claim`` (its id), ``reading``, the fields of a `Claim` and its ``certificate``. Exit code: 0 all verified, 1 something
is refused, 2 something cannot be read or nothing is there.
"""

from __future__ import annotations

import ast
import json
import operator
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from functools import cache
from math import gcd, isqrt, prod
from pathlib import Path
from typing import Any

OPERATIONS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.MatMult: operator.matmul,
}
RELATIONS = {ast.Eq: "==", ast.NotEq: "!=", ast.LtE: "<=", ast.Lt: "<", ast.GtE: ">=", ast.Gt: ">"}
NEGATION = {"<=": "<", "<": "<=", "==": "!=", "!=": "=="}  # with the sides of an inequality exchanged
LONGEST, DEEPEST, LARGEST, STEEPEST = 4000, 60, 10**9, 12  # characters, brackets, whole numbers, powers
WORK, TERMS = 1_000_000, 100_000  # products of two terms in a judgement, in one product
DIGITS = 20_000  # bits of a coefficient
VOCABULARY = "one y g v H B m gamma beta eps L X T W dW HW any g_own dW_plain HW_plain dgamma dbeta nu N"
FIXED = set(VOCABULARY.split())  # to which no text may give a meaning
STAY = "one m eps y g H gamma beta sigma rho L"
STAYING = set(STAY.split())  # or following, as z moves freely
TWO_NORMS = "nu and N are those of one norm, smooth(y) or max(abs(...))"
PROBE, FRESH = "p'", "q'"  # free vectors with names that no text can spell
M, EPS = ("number", "m"), ("number", "eps")
LEMMAS = {
    "composition": "where x is mapped continuously to a local minimum of a function over a set that holds the image "
    "of the map, x is a local minimum of the function after the map"
}


class Refused(Exception):
    """Why the judge does not accept something."""


class Work:
    """How many products of two terms a judgement has taken; too many are refused."""

    done, judging = 0, False

    @classmethod
    def take(cls, products: int) -> None:
        cls.done += products
        if (cls.done > WORK and cls.judging) or products > TERMS:
            raise Refused("too much work: the terms are too many")


class Sum:
    """A linear combination, kept as {key: coefficient} without zeros."""

    def __init__(self, parts: dict[Any, Any]) -> None:
        self.parts = {key: c for key, c in parts.items() if c}

    def like(self, parts: dict[Any, Any]) -> Any:
        return type(self)(parts)

    def __bool__(self) -> bool:
        return bool(self.parts)

    def __add__(self, other: Any) -> Any:
        if type(other) is not type(self):
            return NotImplemented
        Work.take((len(self.parts) + len(other.parts)) // 4)
        both = {k: self.parts[k] + c if k in self.parts else c for k, c in other.parts.items()}
        return self.like(self.parts | both)

    def __neg__(self) -> Any:
        return self.like({key: -c for key, c in self.parts.items()})

    def __sub__(self, other: Any) -> Any:
        return self + -other


class Number(Sum):
    """A sum over Q of monomials, sorted tuples of (atom, power).

    An atom is a named number, an inner product ("dot", a, word, b), or ("root", i), ("part", i): a root, a divisor.
    """

    @classmethod
    def of(cls, value: Any) -> Any:
        return cls({(): Fraction(value)})

    @classmethod
    def atom(cls, atom: Any, power: int = 1) -> Number:
        return cls({((atom, power),) if power else (): Fraction(1)})

    @staticmethod
    @cache
    def times(left: Any, right: Any) -> tuple[Any, int]:
        """The product of two keys, as a key and a factor."""
        powers = dict(left)
        for atom, power in right:
            powers[atom] = powers.get(atom, 0) + power
        return tuple(sorted(item for item in powers.items() if item[1])), 1

    def __mul__(self, other: Any) -> Any:
        if type(other) is not type(self):
            return NotImplemented
        Work.take(len(self.parts) * len(other.parts))
        total: dict[Any, Any] = {}
        for left, c in self.parts.items():
            for right, d in other.parts.items():
                key, factor = self.times(left, right)
                product = c * d if factor == 1 else c * d * factor
                total[key] = total[key] + product if key in total else product
        return type(self)(total)

    def power(self, whole: int) -> Any:
        result = self.of(1)
        for _ in range(whole):
            result = result * self
            if any(max(abs(c.numerator), c.denominator).bit_length() > DIGITS for c in result.parts.values()):
                raise Refused("too much work: the coefficients are too long")
        return result

    def atoms(self) -> set[Any]:
        return {atom for monomial in self.parts for atom, _ in monomial}


class Exact(Number):
    """A number at a point: a sum over Q of roots of square-free whole numbers, which are its keys."""

    @classmethod
    def of(cls, value: Any) -> Exact:
        return cls({1: Fraction(value)})

    @staticmethod
    def times(left: Any, right: Any) -> tuple[Any, int]:  # type: ignore[override]
        common = gcd(left, right)
        return left * right // common**2, common

    def inverse(self) -> Exact:
        if not self:
            raise Refused("outside the scope: something divided by is 0 at the point")
        if max(self.parts) == 1:
            return Exact({1: 1 / self.parts[1]})
        p = primes(max(self.parts))[0]
        conjugate = Exact({d: -c if d % p == 0 else c for d, c in self.parts.items()})
        return conjugate * (self * conjugate).inverse()

    def root(self) -> Exact:
        value = self.parts.get(1, Fraction(0))
        if self.parts.keys() - {1} or value < 0:
            raise Refused("a root of a negative number or of a sum of roots at the point")
        result = Exact({1: Fraction(bool(value), value.denominator)})
        for p in primes(value.numerator * value.denominator):
            result = result * Exact({p: Fraction(1)})
        return result

    def sign(self) -> int:
        """-1, 0 or 1: roots of different square-free numbers are independent, so only {} is 0."""
        digits = 10
        while self:
            scale = 10**digits
            total = sum(c * isqrt(d * scale * scale) for d, c in self.parts.items())
            if abs(total) > sum(abs(c) for c in self.parts.values()):
                return 1 if total > 0 else -1
            digits *= 2
        return 0

    def __str__(self) -> str:
        return " + ".join(f"{c}*sqrt({d})" if d > 1 else str(c) for d, c in sorted(self.parts.items())) or "0"


def primes(whole: int) -> list[int]:
    """The prime factors of a whole number, each as often as it divides."""
    if whole > 10**12:
        raise Refused("the root of a number that is too long to factor")
    found, p = [], 2
    while p * p <= whole:
        if whole % p:
            p += 1
        else:
            found.append(p)
            whole //= p
    return found + [whole] * (whole > 1)


class Interval:
    """A maximum that is known to lie between two exact numbers; a factor below 0 exchanges its ends."""

    def __init__(self, low: Exact, high: Exact) -> None:
        self.low, self.high = low, high

    @staticmethod
    def of(value: Exact | Interval) -> Interval:
        return value if isinstance(value, Interval) else Interval(value, value)

    def __add__(self, other: Any) -> Interval:
        other = Interval.of(other)
        return Interval(self.low + other.low, self.high + other.high)

    def __neg__(self) -> Interval:
        return Interval(-self.high, -self.low)

    def __sub__(self, other: Any) -> Interval:
        return self + -other

    def __mul__(self, other: Any) -> Interval:
        other = Interval.of(other)
        low = high = self.low * other.low
        for end in (self.low * other.high, self.high * other.low, self.high * other.high):
            low, high = end if (low - end).sign() > 0 else low, end if (end - high).sign() > 0 else high
        return Interval(low, high)

    __radd__, __rmul__ = __add__, __mul__

    def __str__(self) -> str:
        return f"[{self.low}, {self.high}]"


def mirror(word: tuple[str, ...]) -> tuple[str, ...]:
    """The transpose of a product of operators: X> and X< are each other's, the other letters are symmetric."""
    return tuple(letter.translate({60: 62, 62: 60}) for letter in reversed(word))


def reduced(word: tuple[str, ...], name: str) -> tuple[tuple[str, ...], str]:
    """A vector by its word and base: C! C! = C!, and X W is y where a definition says so."""
    kept: list[str] = []
    for letter in word:
        if not (letter[-1] == "!" and kept[-1:] == [letter]):
            kept.append(letter)
    return (tuple(kept[:-1]), "y") if name == "W'" and kept[-1:] == ["X'>"] else (tuple(kept), name)


class Vector(Sum):
    """A formal vector of a space: a key (word, name) is the operators of the word on the vector of that name."""

    number: Any = Number

    def __init__(self, parts: dict[Any, Any], space: str = "batch") -> None:
        super().__init__(parts)
        self.space = space

    def like(self, parts: dict[Any, Any]) -> Any:
        return type(self)(parts, self.space)

    @classmethod
    def base(cls, name: str, space: str = "batch") -> Vector:
        return cls({((), name): Number.of(1)}, space)

    def __add__(self, other: Any) -> Any:
        self.meet(other)
        return super().__add__(other)

    def meet(self, other: Any) -> None:
        if isinstance(other, Vector) and other.space != self.space:
            raise Refused(f"a vector of {self.space} beside one of {other.space}")

    def __mul__(self, factor: Any) -> Any:
        if type(factor) is not self.number:
            return NotImplemented
        return self.like({key: c * factor for key, c in self.parts.items()})

    __rmul__ = __mul__

    def __matmul__(self, other: Any) -> Any:
        if isinstance(other, Operator):
            return Row(self, other)
        if type(other) is not type(self):
            return NotImplemented
        self.meet(other)
        total: dict[Any, Any] = {}
        for left, c in self.parts.items():
            for right, d in other.parts.items():
                if pair := self.inner(left, right):
                    for key, factor in (c * pair * d).parts.items():
                        total[key] = total.get(key, 0) + factor
        return self.number(total)

    @staticmethod
    def inner(left: Any, right: Any) -> Any:
        """The inner product of two keys."""
        word, b = reduced(mirror(left[0]) + right[0], right[1])
        word, a = reduced(mirror(word), left[1])
        word = mirror(word)
        if a == b and not word and (a == "one" or a.startswith("sign'")):
            return Number.atom(M)
        if a == b and not word and a.startswith("top'"):
            return Number.of(1)
        return Number.atom(("dot", *min((a, word, b), (b, mirror(word), a))))


class Column(Vector):
    """A vector at a point: its keys are the coordinates."""

    number = Exact

    def __matmul__(self, other: Any) -> Any:
        if type(other) is not Column:
            return super().__matmul__(other)
        self.meet(other)
        total = Exact({})
        for i in self.parts.keys() & other.parts.keys():
            total = total + self.parts[i] * other.parts[i]
        return total


class Operator:
    """A linear map between spaces, known by what it does to a vector."""

    def __init__(self, action: Callable[[Any], Any], source: str = "batch", target: str = "batch") -> None:
        self.action, self.source, self.target = action, source, target

    def __call__(self, u: Any) -> Any:
        if u.space != self.source:
            raise Refused(f"an operator on {self.source} applied to a vector of {u.space}")
        return self.action(u)

    def __matmul__(self, other: Any) -> Any:
        if isinstance(other, Operator):
            if other.target != self.source:
                raise Refused(f"an operator on {self.source} after one into {other.target}")
            return Operator(lambda u: self(other(u)), other.source, self.target)
        return self(other) if isinstance(other, Vector) else NotImplemented

    def __add__(self, other: Any) -> Any:
        if not isinstance(other, Operator) or (other.source, other.target) != (self.source, self.target):
            return NotImplemented
        return Operator(lambda u: self(u) + other(u), self.source, self.target)

    def __mul__(self, factor: Any) -> Any:
        if not isinstance(factor, Number):
            return NotImplemented
        return Operator(lambda u: self(u) * factor, self.source, self.target)

    __rmul__ = __mul__

    def __neg__(self) -> Operator:
        return Operator(lambda u: -self(u), self.source, self.target)

    def __sub__(self, other: Any) -> Any:
        return self + -other


class Row:
    """A vector to the left of operators, the first half of v @ B @ v; that B is symmetric is never used."""

    def __init__(self, vector: Vector, operator: Operator) -> None:
        self.vector, self.operator = vector, operator
        if operator.target != vector.space:
            raise Refused(f"a vector of {vector.space} to the left of an operator into {operator.target}")

    def __matmul__(self, other: Any) -> Any:
        if isinstance(other, Operator):
            return Row(self.vector, self.operator @ other)
        return self.vector @ (self.operator @ other) if isinstance(other, Vector) else NotImplemented


# ---------------------------------------------------------------- text

_TOKEN = object()


@dataclass(frozen=True)
class Verified:
    """What the judge established; only this file makes one.

    verdict: "proved" or "refuted". statement, hypotheses: as the judge read them. scope: what else is assumed.
    method: identity, terms, negation, point or witness. tight: both sides are equal. point: the exact data of a
    refutation or a witness, sides: both sides there. live: how many terms of a proved statement are not 0 at the
    example, and of how many. lemmas: what is trusted beside the calculus.
    """

    verdict: str
    statement: str
    hypotheses: tuple[str, ...]
    scope: tuple[str, ...]
    method: str
    tight: bool = False
    point: dict[str, Any] | None = None
    sides: tuple[str, str] | None = None
    live: tuple[int, int] | None = None
    lemmas: tuple[str, ...] = ()
    token: Any = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.token is not _TOKEN:
            raise Refused("a Verified is made by the judge alone")
        object.__setattr__(self, "token", None)

    def __init_subclass__(cls) -> None:
        raise Refused("a Verified is made by the judge alone")

    def __str__(self) -> str:
        parts = [f"{self.verdict} ({self.method}): {self.statement}"]
        for text in self.hypotheses:
            about = names_in(parse(text)) & {"v", "B", "dW", "HW"}
            parts.append(
                f"given {text}" + f" (a condition on {', '.join(sorted(about))} itself)" * bool(about)
            )
        parts.append(f"scope {'; '.join(self.scope)}")
        parts += [f"trusting {name}: {LEMMAS[name]}" for name in self.lemmas]
        return " | ".join(parts + ([f"{self.sides[0]} against {self.sides[1]}"] if self.sides else []))


@dataclass(frozen=True)
class Claim:
    """What is claimed: statement, hypotheses and scope come from here and from nowhere else.

    definition: lines ``name = expression; ...`` that end in z (or z_j and z_k), the first may be ``y = X @ W``.
    needs: what an instance of it must satisfy, as texts. quantifier: "all" or "exists". eps: "zero" or "positive".
    vectors ("a", "W0 in weights"), numbers, operators ("D", symmetric; "matrix M", with the transpose M_T;
    "projector C"; "K: weights -> batch"; "I", the identity): the free ones that the texts name. min_m: the least m.
    example: an exact point where the hypotheses hold.
    """

    definition: str
    statement: str
    hypotheses: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    quantifier: str = "all"
    eps: str = "zero"
    vectors: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    min_m: int = 2
    example: dict[str, Any] | None = None

    def lines(self) -> list[tuple[str, ast.expr]]:
        """The lines of the definition, as pairs of a new name and a tree; every name is new."""
        pairs = [
            (name.strip(), parse(right))
            for name, _, right in (x.partition("=") for x in self.definition.split(";"))
        ]
        if pairs[0][0] == "y" and ast.unparse(pairs[0][1]) == "X @ W":
            if any(names_in(tree) & {"X", "T", "W"} for _, tree in pairs[1:]):
                raise Refused("the lines after y = X @ W are about y")
        elif pairs[0][0] == "y":
            raise Refused("a definition says what y is only as y = X @ W")
        declared = self.declared_operators()
        given = [name for name, *_ in declared] + [
            f"{name}_T" for name, kind, *_ in declared if kind == ">" and name != "I"
        ]
        made = [name for name, _ in pairs if name != "y"]
        names = [*made, *(text.partition(" in ")[0].strip() for text in self.vectors), *self.numbers, *given]
        vocabulary = r"(y|g|v|gamma|beta|H|B|dgamma|dbeta)_\w*|(given|need)\d+|z'"
        for name in names:
            derived = re.fullmatch(r"(sigma|rho)(_\w*)?", name) and name not in made
            taken = name in FIXED or names.count(name) > 1 or derived or re.fullmatch(vocabulary, name)
            if taken or not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name):
                raise Refused(f"the name {name!a} is taken, or no name")
        if self.eps not in {"zero", "positive"} or self.quantifier not in {"all", "exists"}:
            raise Refused("eps is zero or positive, the quantifier all or exists")
        if type(self.min_m) is not int or self.min_m < 1:
            raise Refused("min_m is a whole number, at least 1")
        if not (isinstance(self.needs, tuple) and isinstance(self.hypotheses, tuple)):
            raise Refused("needs and hypotheses are tuples of texts")
        return pairs

    def declared_vectors(self) -> dict[str, str]:
        """The spaces of the declared vectors, by name."""
        pairs = [text.partition(" in ")[::2] for text in self.vectors]
        return {name.strip(): space.strip() or "batch" for name, space in pairs}

    def declared_operators(self) -> list[tuple[str, str, str, str]]:
        """Name, kind ("" symmetric, ">" any, "!" projector), source and target of the declared operators."""
        found = []
        for text in self.operators:
            form = r"(?:(matrix|projector) )?(\w+)(?:: ?(\w+) ?-> ?(\w+)| in (\w+))?"
            if not (match := re.fullmatch(form, text.strip(), re.ASCII)):
                raise Refused(f"not an operator: {text!r}")
            kind, name, source, target, space = match.groups()
            source, target = source or space or "batch", target or space or "batch"
            letter = {"matrix": ">", "projector": "!"}.get(kind, ">" if source != target else "")
            if name == "I" and source != target:
                raise Refused("I is the identity of a space")
            if letter == "!" and source != target:
                raise Refused("a projector maps a space to itself")
            found.append((name, letter, source, target))
        return found


@cache
def parse(text: str) -> ast.expr:
    """The tree of an expression or a comparison: short, in plain characters, with no place where text can hide."""
    if (
        not isinstance(text, str)
        or len(text) > LONGEST
        or not re.fullmatch(r"[A-Za-z0-9_+\-*/@()<>=!, ]+", text)
    ):
        raise Refused(f"no text of the grammar, or one that is too long: {ascii(text)[:80]}")
    depth = 0
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth > DEEPEST:
            raise Refused("brackets stand too deeply inside each other")
    return ast.parse(text.strip(), mode="eval").body


def names_in(node: ast.AST) -> set[str]:
    """The names of a tree, without those of functions."""
    functions = {id(inside.func) for inside in ast.walk(node) if isinstance(inside, ast.Call)}
    return {x.id for x in ast.walk(node) if isinstance(x, ast.Name) and id(x) not in functions}


def is_polynomial(node: ast.AST) -> bool:
    """Whether a formula is made of sums, products, rates and quotients by whole numbers, and so true at every value."""
    for inside in ast.walk(node):
        match inside:
            case ast.BinOp(op=ast.Div(), right=right) if not isinstance(right, ast.Constant):
                return False
            case ast.BinOp(op=ast.Pow(), right=right) if not isinstance(right, ast.Constant):
                return False
    return calls_in(node) <= {"d"}


def calls_in(node: ast.AST) -> set[str]:
    return {x.func.id for x in ast.walk(node) if isinstance(x, ast.Call) and isinstance(x.func, ast.Name)}


def comparison(text: str) -> tuple[ast.expr, str, ast.expr]:
    """Left side, relation and right side of a statement, > and >= turned round; psd(A) is its operator, "psd", 0."""
    match parse(text):
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in RELATIONS:
            relation = RELATIONS[type(op)]
            return (right, relation.replace(">", "<"), left) if ">" in relation else (left, relation, right)
        case ast.Call(func=ast.Name(id="psd"), args=[inside], keywords=[]):
            return inside, "psd", ast.Constant(0)
    raise Refused(f"not one comparison: {text}")


def same(left: ast.AST, right: ast.AST) -> bool:
    return ast.dump(left) == ast.dump(right)


def beside(low: Any, high: Any, left: ast.expr, right: ast.expr) -> tuple[Any, Any]:
    """Both sides; the number 0 beside a vector is the vector 0."""
    if isinstance(low, Vector) and same(right, ast.Constant(0)):
        high = low.like({})
    if isinstance(high, Vector) and same(left, ast.Constant(0)):
        low = high.like({})
    return low, high


def half_power(node: ast.expr) -> Fraction:
    """The power of **: a whole number or one of its halves."""
    match node:
        case ast.UnaryOp(op=ast.USub(), operand=inside):
            return -half_power(inside)
        case ast.Constant(value=whole) if type(whole) is int and whole <= STEEPEST:
            return Fraction(whole)
        case ast.BinOp(left=top, op=ast.Div(), right=ast.Constant(value=2)) if (
            half_power(top).denominator == 1
        ):
            return half_power(top) / 2
    raise Refused(f"a power is a whole number up to {STEEPEST} or one of its halves, not {ast.unparse(node)}")


def walk(node: ast.expr, room: Any) -> Any:
    """The value of a tree in a room, which binds the names and knows how to divide and to take roots."""
    match node:
        case ast.Constant(value=whole) if type(whole) is int and whole <= LARGEST:
            return room.number(whole)
        case ast.Name(id=name):
            return room.look(name)
        case ast.UnaryOp(op=ast.USub(), operand=inside):
            return -walk(inside, room)
        case (
            ast.BinOp(left=ast.Name("one"), op=ast.Mult(), right=other)
            | ast.BinOp(left=other, op=ast.Mult(), right=ast.Name("one"))
        ):
            one, value = room.look("one"), walk(other, room)
            if isinstance(value, Vector):  # elementwise
                one.meet(value)
                return value
            return one * value
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATIONS:
            value = OPERATIONS[type(op)](walk(left, room), walk(right, room))
            return (
                room.normal(value) if type(value) is Number and len(value.parts) > 8 else value
            )  # stays small
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return walk(left, room) * room.inverse(walk(right, room), right)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            power, base = half_power(right), walk(left, room)
            if power.denominator == 2:
                base = room.sqrt(base, left)
            if power < 0:
                base = room.inverse(base, left)
            if isinstance(base, Interval):
                return prod([base] * abs(power.numerator), start=room.number(1))
            if not isinstance(base, Number | Exact):
                raise Refused(f"a power is of a number: {ast.unparse(node)}")
            return base.power(abs(power.numerator))
        case ast.Call(func=ast.Name(id=function), args=arguments, keywords=[]):
            return call(function, arguments, room)
    raise Refused(f"not in the grammar: {ast.unparse(node)}")


def call(function: str, arguments: list[ast.expr], room: Any) -> Any:
    """The value of a function of the grammar."""
    match function, arguments:
        case "sqrt", [inside]:
            return room.sqrt(walk(inside, room), inside)
        case "norm", [inside]:
            square = ast.BinOp(inside, ast.MatMult(), inside)
            return room.sqrt(walk(square, room), square)
        case "abs", [inside]:
            return room.absolute(walk(inside, room), inside)
        case "mean", [ast.Call(func=ast.Name(id="abs"), args=[inside], keywords=[])]:
            value = walk(inside, room)
            return room.signs(value, inside) @ value * room.inverse(room.look("m"), ast.Name("m"))
        case "mean", [inside]:
            total = None
            match inside:
                case ast.BinOp(left=left, op=ast.Mult(), right=right):
                    one, other = walk(left, room), walk(right, room)
                    if isinstance(one, Vector) and isinstance(other, Vector):
                        room.look("one").meet(one)  # of m entries
                        total = one @ other
            if total is None:
                total = room.look("one") @ walk(inside, room)
            return total * room.inverse(room.look("m"), ast.Name("m"))
        case "max", [inside, ast.Compare() as ball]:
            return room.maximum(inside, ball_of(ball))
        case "max", [ast.Call(func=ast.Name(id="abs"), args=[inside], keywords=[])]:
            return room.largest(walk(inside, room), inside)
        case (("min" | "max"), [left, right]):
            distance = room.absolute(walk(left, room) - walk(right, room), ast.BinOp(left, ast.Sub(), right))
            total = walk(left, room) + walk(right, room) + (distance if function == "max" else -distance)
            return total * room.number(Fraction(1, 2))
        case "sign", [inside]:
            return room.signs(walk(inside, room), inside)
        case "smooth", [ast.Name(id="y")]:
            return room.smooth()
        case "d", [inside, ast.Name(id=name)]:
            return room.rate(inside, name, None)
        case "d", [inside, ast.Name(id=name), along]:
            return room.rate(inside, name, walk(along, room))
        case "at", [inside, ast.Name(id=name), value]:
            return room.placed(inside, name, walk(value, room))
    raise Refused(f"there is no function {function} of {len(arguments)} such arguments")


def ball_of(node: ast.Compare) -> ast.expr:
    match node:
        case ast.Compare(
            left=ast.Call(ast.Name("norm"), [ast.Name("X")], []), ops=[ast.LtE()], comparators=[bound]
        ):
            return bound
    raise Refused(f"a maximum is over norm(X) <= lam, not {ast.unparse(node)}")


def factors(node: ast.expr) -> list[ast.expr]:
    """The factors of a product by @, brackets opened: it is associative."""
    match node:
        case ast.BinOp(left=left, op=ast.MatMult(), right=right):
            return factors(left) + factors(right)
    return [node]


def image_form(node: ast.expr, lam: ast.expr) -> tuple[ast.expr, ast.expr | None]:
    """u and K of the maximum of (T @ u) @ (T @ u), where K is None, or of (X @ T @ u) @ K @ (X @ T @ u)."""
    parts = factors(node)
    texts = [ast.unparse(part) for part in parts]
    if texts[0] == "T":
        last, form = len(parts) // 2, []
        u = parts[last + 1 :]
    else:
        last = max((i for i in range(2, len(parts) - 2) if texts[i : i + 2] == ["X", "T"]), default=2)
        u = parts[last + 2 :]
        form = parts[2 + len(u) : last]
    image = texts[last:]
    if not u or texts[: len(image)] != image or len(parts) != 2 * len(image) + len(form):
        raise Refused(f"no maximum that the judge knows: {ast.unparse(node)}")
    if (image[0] == "X") != bool(form) or image[0] not in {"X", "T"}:
        raise Refused(f"no maximum that the judge knows: {ast.unparse(node)}")
    if names_in(ast.Tuple([*u, *form, lam])) & {"X", "T", "W", "dW", "HW", "dW_plain", "HW_plain"}:
        raise Refused("in a maximum over X every other name is held fixed, and these are made of X")
    return product(u), product(form) if form else None


def product(parts: list[ast.expr]) -> ast.expr:
    first, *others = parts
    for other in others:
        first = ast.BinOp(first, ast.MatMult(), other)
    return first


# ---------------------------------------------------------------- the room of every m


def symbol(letter: str, source: str = "batch", target: str = "batch") -> Operator:
    """An operator that is only a letter."""

    def act(u: Vector) -> Vector:
        total = Vector({}, target)
        for (word, base), c in u.parts.items():
            total = total + Vector({reduced((letter, *word), base): c}, target)
        return total

    return Operator(act, source, target)


class Formal:
    """Every m at once: formal vectors, with v and B derived from the definition of z by the chain rule.

    names: what the texts may name; v, B, dW, ... are derived when they are first looked up.
    scope: what the definition divides by, as texts. relations: of the hypotheses, whose gaps (right minus left) have
    the names given0, given1, ...; need0, ... are what the definition needs.
    """

    number = staticmethod(Number.of)

    def __init__(self, claim: Claim, opaque: bool = False) -> None:
        self.claim, self.lines = claim, claim.lines()
        self.meaning: dict[Any, Number] = {}  # a root or a part -> what it is the root of, or equal to
        self.stand_ins: dict[Any, Number] = {}  # an eliminated atom -> the number that it equals
        self.basic: set[Any] = set()  # roots and parts that took the place of an eliminated atom
        self.nonnegative, self.nonzero = {M, EPS}, {M, EPS}
        self.facts: list[tuple[Number, str]] = []  # gaps of hypotheses, and what is known of their sign
        self.definite: list[ast.expr] = []  # operators that hypotheses call positive semi-definite
        self.equal: list[
            tuple[Any, Any]
        ] = []  # an atom or a word on a name, and what it equals by a hypothesis
        self.relations: dict[str, str] = {}
        self.scope = [f"m >= {claim.min_m}", "eps = 0" if claim.eps == "zero" else "eps > 0"]
        self.written: dict[Any, str] = {}  # a root -> as the definition writes it
        made = [name for name, _ in self.lines]
        self.weights = made[0] == "y"
        self.units = [""] if "z" in made else sorted(name[1:] for name in made if name.startswith("z_"))
        if not self.units:
            raise Refused("a definition says what z is")
        self.letters: dict[str, Operator] = {}
        self.curved: set[str] = set()  # the letters of Hessians
        self.elsewhere = False  # whether names mean something else for a while
        self.moving = False  # whether what is read is about to be differentiated
        self.names: dict[str, Any] = self.given_names()
        self.defining = True  # what a definition divides by is not 0: that is the scope of a normalisation
        for name, tree in self.lines:
            self.names[name] = walk(tree, self)
            if not isinstance(self.names[name], (Number, Vector)):
                raise Refused(f"the line {name} is neither a number nor a vector")
        self.defining = False
        for unit in self.units:
            if not isinstance(self.names["z" + unit], Vector) or self.names["z" + unit].space != "batch":
                raise Refused("z is no vector of the batch")
        for unit in self.units:
            self.names["g" + unit] = Vector.base("g" + unit)
            known = set(self.letters)
            for other in self.units:
                if unit <= other:
                    self.add_operator(f"H{unit}{other[1:]}", "" if unit == other else ">")
            self.curved |= self.letters.keys() - known
            if opaque:
                self.names["v" + unit] = Vector.base("v" + unit)
                self.names |= {f"B{unit}{other[1:]}": symbol(f"B{unit}{other[1:]}>") for other in self.units}
        for kind, texts in (("need", claim.needs), ("given", claim.hypotheses)):
            for i, text in enumerate(texts):
                self.assume(f"{kind}{i}", text)

    def given_names(self) -> dict[str, Any]:
        """What a definition starts from, and what is declared."""
        eps = Number.atom(EPS) if self.claim.eps == "positive" else Number({})
        self.names = {"one": Vector.base("one"), "m": Number.atom(M), "eps": eps}
        numbers = [f"{name}{unit}" for name in ("gamma", "beta") for unit in self.units]
        self.names |= {name: Number.atom(("number", name)) for name in (*numbers, *self.claim.numbers)}
        self.names |= {f"y{unit}": Vector.base(f"y{unit}") for unit in self.units if not self.weights}
        self.names |= {
            name: Vector.base(name, space) for name, space in self.claim.declared_vectors().items()
        }
        for name, kind, source, target in self.claim.declared_operators():
            self.add_operator(name, kind, source, target)
        if self.weights:
            self.add_operator("X'", ">", "weights", "batch")
            self.names |= {"X": self.letters["X'>"], "T": self.letters["X'<"]}
            self.names["W"] = Vector.base("W'", "weights")
        return self.names

    def add_operator(self, name: str, kind: str, source: str = "batch", target: str = "batch") -> None:
        if name == "I":
            self.names[name] = Operator(lambda u: u, source, target)
            return
        self.names[name] = self.letters[name + kind] = symbol(name + kind, source, target)
        if kind == ">":
            pair = re.fullmatch(r"H_(\w)(\w)", name)
            transposed = f"H_{pair[2]}{pair[1]}" if pair else f"{name}_T"
            self.names[transposed] = self.letters[name + "<"] = symbol(name + "<", target, source)

    def look(self, name: str) -> Any:
        """What a name means; what has to be derived is derived in the scope of the definition and kept."""
        if name not in self.names:
            before, self.defining = self.defining, self.defining or not self.elsewhere
            try:
                self.names[name] = self.derived(name)
            finally:
                self.defining = before
        return self.names[name]

    def derived(self, name: str) -> Any:
        base, _, pair = name.partition("_")
        unit = "_" + pair if pair else ""
        if base == "v" and unit in self.units:
            return self.riesz(self.loss_rate(self.moves("y" + unit, Vector.base(PROBE))), "batch")
        if base == "B" and self.units == [""] and not pair:
            return Operator(lambda u: self.change(self.look("v"), self.moves("y", u)))
        if base == "B" and len(pair) == 2 and {"_" + pair[0], "_" + pair[1]} <= set(self.units):
            return Operator(lambda u: self.change(self.look("v_" + pair[0]), self.moves("y_" + pair[1], u)))
        if base in {"dgamma", "dbeta"} and unit in self.units:
            return self.loss_rate(self.moves(base[1:] + unit, None))
        if base == "sigma" and f"s{unit}" in dict(self.lines):
            s = self.look("s" + unit)
            if self.claim.eps == "zero":
                return s
            return self.sqrt(s * s - self.look("eps"), parse(f"s{unit}**2 - eps"))
        if base == "rho" and f"s{unit}" in dict(self.lines):
            s, sigma = self.look("s" + unit), self.look("sigma" + unit)
            return sigma * sigma * self.inverse(s * s, parse(f"s{unit}**2"))
        if name == "g_own" and self.units == [""]:
            self.letters["H_own'"] = symbol("H_own'")
            self.curved.add("H_own'")
            return Vector.base("g_own'")
        if self.weights and self.units == [""]:
            match name:
                case "dW":
                    probe = Vector.base(PROBE, "weights")
                    return self.riesz(self.loss_rate(self.moves("W", probe)), "weights")
                case "HW":
                    return Operator(
                        lambda u: self.change(self.look("dW"), self.moves("W", u)), "weights", "weights"
                    )
                case "dW_plain":
                    return self.names["T"] @ self.look("g_own")
                case "HW_plain":
                    self.look("g_own")
                    return self.names["T"] @ self.letters["H_own'"] @ self.names["X"]
        raise Refused(f"an unknown name: {name}")

    def gap(self, text: str) -> tuple[Any, str]:
        """Right minus left of a statement, and the relation; of psd(A) the form of A on the fresh vector ``any``."""
        left, relation, right = comparison(text)
        if relation == "psd":
            form = walk(left, self)
            if not isinstance(form, Operator) or form.source != form.target:
                raise Refused(f"not an operator on one space: {ast.unparse(left)}")
            self.names["any"] = Vector.base("any'", form.source)
            return self.names["any"] @ form(self.names["any"]), "<="
        return self.difference(left, right, relation), relation

    def difference(self, left: ast.expr, right: ast.expr, relation: str) -> Any:
        low, high = beside(walk(left, self), walk(right, self), left, right)
        gap = high - low
        if not isinstance(gap, Number) and not (relation in {"==", "!="} and isinstance(gap, Vector)):
            raise Refused("an inequality is between numbers, an equation between numbers or vectors")
        return gap

    def assume(self, name: str, text: str) -> None:
        """Name the gap of a hypothesis, and note what it says of atoms, signs, operators and names."""
        left, relation, right = comparison(text)
        if relation == "psd":
            self.gap(text)
            del self.names["any"]
            self.definite.append(left)
            return
        gap = self.difference(left, right, relation)
        self.names[name], self.relations[name] = gap, relation
        if relation == "==":
            low = gap.like({}) if same(left, ast.Constant(0)) else walk(left, self)
            _ = self.equate(low, gap + low) or self.equate(gap + low, low)
        if not isinstance(gap, Number):
            return
        gap = self.normal(gap)
        known = {"==": "zero", "<": "positive", "<=": "nonnegative", "!=": "nonzero"}[relation]
        self.facts.append((gap, known))
        if len(gap.parts) == 1:
            ((monomial, c),) = gap.parts.items()
            if relation in {"!=", "<"}:
                self.nonzero |= gap.atoms()
            odd = [atom for atom, power in monomial if power % 2 and not self.is_nonnegative(atom)]
            if relation in {"<", "<="} and c > 0 and len(odd) == 1 and gap.atoms() - set(odd) <= self.nonzero:
                self.nonnegative |= set(odd)

    def equate(self, side: Any, value: Any) -> bool:
        """Keep what a hypothesis says of a free name or of operators on a name; it is put in after all derivatives."""
        if isinstance(side, Number) and isinstance(value, Number) and len(side.parts) == 1:
            ((monomial, c),) = side.parts.items()
            free = monomial[0][0] if len(monomial) == 1 else M
            if (
                c == 1
                and monomial == ((free, 1),)
                and free[0] == "number"
                and free not in {M, EPS} | self.reach(value)
            ):
                self.equal.append((free, value))
                return True
        if isinstance(side, Vector) and isinstance(value, Vector) and len(side.parts) == 1:
            (((word, name), c),) = side.parts.items()
            known = {(word, name): value}
            touched = any(self.place(key[0], key[1], known) is not None for key in value.parts) or any(
                self.is_touched(atom, known, {}) for x in value.parts.values() for atom in x.atoms()
            )
            if c.parts == {(): 1} and (word or name in self.claim.declared_vectors()) and not touched:
                self.equal.append(((word, name), value))
                if self.weights and word[:1] == ("X'<",):  # <W, X'r> = <y, r>, which hides the word
                    hidden = ("dot", *min(("y", word[1:], name), (name, mirror(word[1:]), "y")))
                    found = value @ self.names["W"]
                    if hidden not in self.reach(found):
                        self.equal.append((hidden, found))
                return True
        return False

    def reach(self, value: Any) -> set[Any]:
        """The atoms and the names of vectors that a value is made of, inside roots and parts too."""
        found: set[Any] = set()
        if isinstance(value, Vector):
            for (_, name), c in value.parts.items():
                found |= {name} | self.reach(c)
            return found
        for atom in value.atoms():
            found |= {atom} | ({atom[1], atom[3]} if atom[0] == "dot" else set())
            if atom in self.meaning:
                found |= self.reach(self.meaning[atom])
        return found

    # ---- derivatives

    def moves(self, name: str, along: Vector | None) -> dict[Any, Any]:
        """How the free names change as one of them moves: y, or W with y = X W, or a free vector, along a vector; a
        number at rate 1. g follows by dg = H dz, and nothing else moves."""
        rates: dict[Any, Any]
        if along is None:
            rates = {("number", name): Number.of(1)}
            free = self.names.get(name)
            if (
                name == "m"
                or not isinstance(free, Number)
                or free.parts != Number.atom(("number", name)).parts
            ):
                raise Refused(f"no free number: {name}")
        elif name == "W" and self.weights:
            rates = {"W'": along, "y": self.names["X"] @ along}
        elif name in {f"y{unit}" for unit in self.units} or name in self.claim.declared_vectors():
            rates = {name: along}
        else:
            raise Refused(f"no free vector: {name}")
        if along is not None and self.names[name].space != along.space:
            raise Refused(f"{name} moves along a vector of its own space")
        return self.following(
            rates, {unit: self.change(self.names["z" + unit], rates) for unit in self.units}
        )

    def following(self, rates: dict[Any, Any], dz: dict[str, Vector]) -> dict[Any, Any]:
        """The rates with those of g, of the plain network's g and of the gradient of a smooth divisor."""
        rates = rates | {"dz" + unit: change for unit, change in dz.items()}
        for unit in self.units:
            terms = [self.names[f"H{unit}{other[1:]}"] @ dz[other] for other in self.units]
            rates["g" + unit] = sum(terms[1:], terms[0])
        if "y" in rates and "N" in self.letters:
            rates["nu'"] = self.letters["N"] @ rates["y"]
        if "y" in rates and "g_own" in self.names:
            rates["g_own'"] = self.letters["H_own'"] @ rates["y"]
        return rates

    def loss_rate(self, moves: dict[Any, Any]) -> Number:
        """dL = the sum over the units of <g, dz>."""
        return sum((Vector.base("g" + unit) @ moves["dz" + unit] for unit in self.units), Number({}))

    def rate(self, inside: ast.expr, name: str, along: Vector | None) -> Any:
        """d(inside, name, along), or d(inside, name) of a number."""
        if along is not None and name in {"z", "yhat"} and name in self.names:
            return self.rate_behind(inside, name, along)
        moves = self.moves(name, along)
        if isinstance(inside, ast.Name) and inside.id == "L":
            return self.loss_rate(moves)
        if self.weights and name == "y" and names_in(inside) & {"W", "X"}:
            raise Refused("y = X @ W does not move where W and X stay")
        value = self.near(inside)
        if not isinstance(value, (Number, Vector)):
            raise Refused("the rate of something that is neither a number nor a vector")
        return self.change(value, moves)

    def near(self, inside: ast.expr) -> Any:
        """The value of what is differentiated: hypotheses hold at one instance, and those with <= not around it."""
        before, self.moving = self.moving, True
        try:
            return walk(inside, self)
        finally:
            self.moving = before

    def rate_behind(self, inside: ast.expr, base: str, along: Vector) -> Any:
        """A rate as z or y-hat moves freely: z is its line of the definition, g follows, everything else stays."""
        if len(self.units) > 1 or any(
            names_in(tree) & {"yhat", "z"} for line, tree in self.lines if line != "z"
        ):
            raise Refused("z and y-hat move freely where there is one unit, and z alone is made of y-hat")
        allowed = {
            *STAYING,
            *(name for name, _ in self.lines),
            *self.claim.numbers,
            *self.claim.declared_vectors(),
        }
        strange = names_in(inside) - allowed
        if strange := strange | (calls_in(inside) & {"d", "at"}):
            raise Refused(f"what {min(strange)} does as {base} moves freely is not said")
        kept, free, self.elsewhere = self.names, Vector.base("yhat'"), True
        try:
            self.names = dict(kept)
            if "yhat" in kept:
                self.names["yhat"] = free
                self.names["z"] = walk(dict(self.lines)["z"], self)
                slope = self.names["z"].parts.get(((), "yhat'"), Number({}))
                rest = self.names["z"] - free * slope
                if "yhat'" in self.reach(rest) | self.reach(slope) or self.names["z"].space != along.space:
                    raise Refused("z is no multiple of y-hat beside what stays")
                rates, dz = {"yhat'": along}, along * slope if base == "yhat" else along
                if base == "z":
                    used = names_in(inside) & {"yhat", "z"}
                    rates = {"yhat'": along * self.inverse(slope)} if used else {}
            else:
                self.names["z"], rates, dz = Vector.base("z'"), {"z'": along}, along
            moves = self.following(rates, {"": dz})
            if isinstance(inside, ast.Name) and inside.id == "L":
                change: Any = self.loss_rate(moves)
            else:
                change = self.change(self.near(inside), moves)
        finally:
            self.names, self.elsewhere = kept, False
        back = {((), "yhat'"): kept["yhat"]} if "yhat" in kept else {((), "z'"): kept["z"]}
        return self.put_for(change, back, {})

    def change(self, value: Any, moves: dict[Any, Any]) -> Any:
        """How a value changes: sums, products and the moves, and nothing else."""
        if isinstance(value, Vector):
            total = value.like({})
            for (word, name), c in value.parts.items():
                total = total + value.like({(word, name): self.change(c, moves)})
                if moved := self.moved(word, name, moves):
                    total = total + moved * c
            return total
        slopes: dict[Any, Number] = {}
        for monomial, c in value.parts.items():
            for atom, power in monomial:
                slope = Number({monomial: c * power}) * Number.atom(atom, -1)
                slopes[atom] = slopes[atom] + slope if atom in slopes else slope
        total = Number({})
        for atom, slope in slopes.items():
            total = total + slope * self.change_of_atom(atom, moves)
        return total

    def moved(self, word: tuple[str, ...], name: str, moves: dict[Any, Any]) -> Any:
        """The change of the vector word(name), if it changes; every operator but the Hessians is constant."""
        if self.curved & set(word) and ("y" in moves or any(moves["dz" + unit] for unit in self.units)):
            raise Refused("the change of a Hessian is a third derivative, of which nothing is known")
        change = moves.get(name)
        for letter in reversed(word):
            change = change and self.letters[letter] @ change
        return change

    def change_of_atom(self, atom: Any, moves: dict[Any, Any]) -> Number:
        """The change of an inner product, of a root (2 r dr = dX), of a part, of a number that moves."""
        match atom:
            case ("dot", a, word, b):
                total = Number({})
                for one, path, other in ((a, word, b), (b, mirror(word), a)):
                    if change := self.moved(path, other, moves):
                        total = total + Vector.base(one, change.space) @ change
                return total
            case ("root", _):
                half = self.change(self.meaning[atom], moves) * Number.of(Fraction(1, 2))
                return half * self.inverse(Number.atom(atom), None) if half else half
            case ("part", _):
                return self.change(self.meaning[atom], moves)
            case ("smooth", _):
                return Vector.base("nu'") @ moves["y"] if "y" in moves else Number({})
            case ("max", _, _):
                raise Refused("the rate of a maximum")
        return moves.get(atom, Number({}))

    @staticmethod
    def riesz(functional: Number, space: str) -> Vector:
        """The vector u with <u, probe> = a number that is linear in the probe."""
        total = Vector({}, space)
        for monomial, c in functional.parts.items():
            ((atom, power),) = (item for item in monomial if PROBE in item[0])
            _, a, word, b = atom
            key = (word, b) if a == PROBE else (mirror(word), a)
            if power != 1 or key[1] == PROBE:
                raise Refused("not linear in the direction")
            total = total + Vector({key: Number({monomial: c}) * Number.atom(atom, -1)}, space)
        return total

    # ---- other points, maxima

    def placed(self, inside: ast.expr, name: str, value: Any) -> Any:
        """at(inside, name, value): what the definition says at another value; the loss is not known there."""
        free = {*self.claim.numbers, *self.claim.declared_vectors()}
        named = set().union(*(names_in(tree) for _, tree in self.lines))
        if name in free - named and names_in(inside) <= free and is_polynomial(inside):
            places, numbers = {((), name): value}, {}
            if not isinstance(value, Vector):
                places, numbers = {}, {("number", name): value}
            found = walk(inside, self)
            if any(
                atom[0] == "root" and self.is_touched(atom, places, numbers) for atom in self.reach(found)
            ):
                raise Refused(f"what stands under a root here may be negative at another {name}")
            return self.put_for(found, places, numbers)
        self.refuse_loss(inside)
        kept, self.elsewhere = self.names, True
        try:
            given = self.given_names()
            old = given.get(name)
            if (
                name in {"m", "one", "eps", "X", "T"}
                or (self.weights and name == "y")
                or type(old) is not type(value)
            ):
                raise Refused(f"{name} is not replaced by this")
            if isinstance(value, Vector):
                value.meet(old)
            self.names = given | {name: value}
            for line, tree in self.lines:
                self.names[line] = walk(tree, self)
            return walk(inside, self)
        finally:
            self.names, self.elsewhere = kept, False

    def refuse_loss(self, inside: ast.expr) -> None:
        """Refuse what is made of the loss, of which nothing is known at another place."""
        known = {*["one", "m", "eps", "W", "X", "T"], *self.claim.numbers, *self.claim.declared_vectors()}
        known |= {name for name, _ in self.lines} | {name for name, *_ in self.claim.declared_operators()}
        known |= {base + unit for base in ["y", "gamma", "beta", "sigma", "rho"] for unit in self.units}
        if strange := (names_in(inside) - known) | (calls_in(inside) & {"d", "at"}):
            raise Refused(f"only at an exact point is {min(strange)} known elsewhere")

    def maximum(self, inside: ast.expr, lam: ast.expr) -> Number:
        """max(inside, norm(X) <= lam): its value where it has one, else a number of which `sign` knows lower bounds."""
        if self.sign(lam) == "unknown" or (self.moving and self.sign(lam) != "positive"):
            raise Refused(f"the bound {ast.unparse(lam)} may be negative, and then no X is there")
        u, form = image_form(inside, lam)
        vector, bound = walk(u, self), walk(lam, self)
        self.look("one").meet(vector)
        if form is None:
            return bound * bound * (vector @ vector)
        walk(ast.BinOp(ast.BinOp(u, ast.MatMult(), form), ast.MatMult(), u), self)
        if self.elsewhere or self.defining:
            raise Refused("such a maximum stands at the top of a statement")
        return Number.atom(("max", ast.unparse(inside), ast.unparse(lam)))

    def smooth(self) -> Number:
        """A twice differentiable number n(y) that is not 0, with gradient nu and Hessian N."""
        if not self.defining or self.elsewhere or self.units != [""] or self.weights:
            raise Refused("smooth(y) stands in the definition of one unit")
        if "nu" in self.names and "N" not in self.letters:
            raise Refused(TWO_NORMS)
        self.letters["N"] = symbol("N")
        self.curved.add("N")
        self.names |= {"nu": Vector.base("nu'"), "N": self.letters["N"]}
        self.nonzero.add(("smooth", "y"))
        self.scope.append("smooth(y) != 0")
        return Number.atom(("smooth", "y"))

    # ---- roots, divisors and the normal form

    def inverse(self, value: Any, node: ast.expr | None = None) -> Any:
        """1 over a number known not to be 0; a divisor that is a sum becomes one atom, a part."""
        if not isinstance(value, Number):
            raise Refused(f"divides by what is no number: {node and ast.unparse(node)}")
        roots = [self.written[atom] for atom in value.atoms() if atom in self.written]
        value = self.normal(value)
        text = ast.unparse(node) if node else " * ".join(roots) or "a slope of z"
        if not self.is_nonzero(value, node):
            if not self.defining or not value:
                raise Refused(f"divides by what may be 0: {text}")
            if f"{text} != 0" not in self.scope:
                self.scope.append(f"{text} != 0")
        if len(value.parts) != 1:
            value = self.name("part", value)
        self.nonzero |= value.atoms()
        for known in (self.meaning[atom] for atom in value.atoms() if atom in self.meaning):
            if len(known.parts) == 1:  # so is every factor of a product that is not 0
                self.nonzero |= known.atoms()
        ((monomial, c),) = value.parts.items()
        return Number({tuple((atom, -power) for atom, power in monomial): 1 / c})

    def is_nonzero(self, value: Number, node: ast.expr | None) -> bool:
        if len(value.parts) == 1 and all(
            atom in self.nonzero or (atom[0] == "root" and self.number_sign(self.meaning[atom]) == "positive")
            for atom in value.atoms()
        ):
            return True
        signs = {self.number_sign(value, loose=True), self.number_sign(-value, loose=True)}
        return bool(signs & {"positive", "nonzero"}) or (node is not None and self.sign(node) == "positive")

    def sqrt(self, value: Any, node: ast.expr) -> Number:
        """The root of a number not below 0; the root of a square is an absolute value."""
        match node:
            case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=2)):
                return self.absolute(walk(left, self), left)
        known = self.sign(node) if isinstance(value, Number) else "unknown"
        if not isinstance(value, Number) or (known == "unknown" and not self.defining):
            raise Refused(f"the root of what may be negative: {ast.unparse(node)}")
        if known == "unknown":
            self.scope.append(f"{ast.unparse(node)} >= 0")
        root = self.root(self.normal(value))
        for atom in root.atoms():
            self.written.setdefault(atom, f"sqrt({ast.unparse(node)})")
        return root

    def absolute(self, value: Any, node: ast.expr) -> Number:
        if not isinstance(value, Number):
            raise Refused(f"the absolute value of what is no number: {ast.unparse(node)}")
        enough = (
            {"positive"} if self.moving else {"positive", "nonnegative", "zero"}
        )  # what is true nearby as well
        if self.sign(node) in enough:
            return value
        if self.number_sign(-value) in enough:
            return -value
        return self.root(self.normal(value * value))

    def root(self, value: Number) -> Number:
        """The root of a normal number; a single monomial is taken apart, so that roots of equal numbers are equal."""
        if len(value.parts) != 1 or min(value.parts.values()) < 0:
            return self.name("root", value) if value else value
        ((monomial, c),) = value.parts.items()
        ((whole, factor),) = Exact.of(c).root().parts.items()
        result, rest = Number.of(factor), Number.of(1)
        for p in primes(whole):
            result = result * self.name("root", Number.of(p))
        for atom, power in monomial:
            if self.sign_of(Number.atom(atom)) != "positive":
                rest = rest * Number.atom(atom, power)
                continue
            result = result * Number.atom(atom, power // 2)
            if power % 2:
                result = result * self.name("root", Number.atom(atom))
        return result * self.name("root", rest) if rest.atoms() else result

    def signs(self, vector: Any, node: ast.expr) -> Vector:
        """The vector of signs of the entries, constant where none is 0, which is the scope."""
        return self.chosen("sign'", vector, f"no entry of {ast.unparse(node)} 0", node)[0]

    def largest(self, vector: Any, node: ast.expr) -> Number:
        """The largest |entry|: its vector has one entry, 1 or -1, constant where the largest is unique and not 0."""
        if "N" in self.letters:
            raise Refused(TWO_NORMS)
        top, value = self.chosen(
            "top'", vector, f"one largest entry of abs({ast.unparse(node)}), not 0", node
        )
        self.names |= {"nu": top, "N": Operator(lambda u: Vector({}))}
        return value

    def chosen(self, kind: str, vector: Any, scope: str, node: ast.expr) -> tuple[Vector, Number]:
        """A constant vector of signs of another's entries, and their inner product, which is positive."""
        if not self.defining or self.elsewhere or not isinstance(vector, Vector) or vector.space != "batch":
            raise Refused(f"signs of the entries of {ast.unparse(node)} are taken in a definition alone")
        name = f"{kind}{len(self.meaning)}"
        self.names[name] = Vector.base(name)
        value = self.name("part", self.normal(self.names[name] @ vector))
        self.nonnegative |= value.atoms()
        self.scope.append(scope)
        return self.names[name], value

    def name(self, kind: str, value: Number) -> Number:
        """The atom that is the root of a normal number, or equal to it; if it can, it replaces an inner product."""
        for atom, known in self.meaning.items():
            if atom[0] == kind and self.normal(known).parts == value.parts:
                return Number.atom(atom)
        new: Any = (kind, len(self.meaning))
        self.meaning[new] = value
        sign = self.number_sign(value)
        if kind == "part" or sign == "positive":
            self.nonzero.add(new)
        if sign != "unknown":
            self.nonnegative.add(new)
        for old in sorted(value.atoms() - self.nonzero):  # inner products first, and y @ y last among them
            holding = Number({monomial: c for monomial, c in value.parts.items() if old in dict(monomial)})
            slope = holding * Number.atom(old, -1)
            if len(slope.parts) == 1 and slope.atoms() <= self.nonzero:
                square = Number.atom(new, 2 if kind == "root" else 1)
                ((monomial, c),) = slope.parts.items()
                over = Number({tuple((atom, -power) for atom, power in monomial): 1 / c})
                self.stand_ins[old] = (square - value + holding) * over
                self.basic.add(new)
                break
        return Number.atom(new)

    def normal(self, value: Number) -> Number:
        """The same number without eliminated atoms and even powers of roots that are not basic; the newest first."""
        for _ in range(4):
            for old, stand_in in self.stand_ins.items():
                value = self.put(value, old, 1, stand_in)
            for atom in reversed([atom for atom in self.meaning if atom not in self.basic]):
                value = self.put(value, atom, 2 if atom[0] == "root" else 1, self.meaning[atom])
            if not value.atoms() & self.stand_ins.keys():
                break
        return value

    def put(self, value: Number, atom: Any, step: int, stand_in: Number) -> Number:
        """Put a number for atom**step; a sum is not put for negative powers."""
        if atom not in value.atoms():
            return value
        by_times: dict[int, dict[Any, Any]] = {}
        for monomial, c in value.parts.items():
            times = dict(monomial).get(atom, 0) // step
            if times < 0 and len(stand_in.parts) > 1:
                times = 0
            by_times.setdefault(times, {})[monomial] = c
        total = Number(by_times.pop(0, {}))
        for times, parts in by_times.items():
            term = Number(parts) * Number.atom(atom, -times * step)
            for _ in range(abs(times)):
                term = term * (stand_in if times > 0 else self.inverse(stand_in, None))
            total = total + term
        return total

    def settled(self, value: Number) -> Number:
        """The normal form, with what hypotheses say that free names are equal to put for them, in order."""
        for free, meant in self.equal * 2:  # what one puts in, another may know
            numbers, places = ({free: meant}, {}) if isinstance(meant, Number) else ({}, {free: meant})
            value = self.put_for(value, places, numbers)
        return self.normal(value)

    def put_for(self, value: Any, places: dict[Any, Vector], numbers: dict[Any, Number]) -> Any:
        """The value with vectors in the places of words on names, and numbers in those of atoms, inside roots too."""
        if isinstance(value, Vector):
            total = value.like({})
            for key, c in value.parts.items():
                place = self.place(key[0], key[1], places)
                place = value.like({key: Number.of(1)}) if place is None else place
                total = total + place * self.put_for(c, places, numbers)
            return total
        for _ in range(
            8 if any(word for word, _ in places) else 1
        ):  # a name is put once, and may be in what is put
            touched = {atom for atom in value.atoms() if self.is_touched(atom, places, numbers)}
            if not touched:
                break
            total = Number({})
            for monomial, c in value.parts.items():
                term = Number.of(c)
                for atom, power in monomial:
                    found = self.put_for_atom(atom, places, numbers) if atom in touched else Number.atom(atom)
                    term = term * (found if power > 0 else self.inverse(found)).power(abs(power))
                total = total + term
            value = total
        return value

    def place(self, word: tuple[str, ...], name: str, places: dict[Any, Vector]) -> Vector | None:
        """The vector in the place of a word on a name, if there is one."""
        for (end, base), meant in places.items():
            if base == name and word[len(word) - len(end) :] == end:
                for letter in reversed(word[: len(word) - len(end)]):
                    meant = self.letters[letter] @ meant
                return meant
        return None

    def is_touched(self, atom: Any, places: dict[Any, Vector], numbers: dict[Any, Number]) -> bool:
        if atom in self.meaning:
            return any(self.is_touched(inside, places, numbers) for inside in self.meaning[atom].atoms())
        if atom[0] == "dot" and atom not in numbers:
            _, a, word, b = atom
            return self.place(word, b, places) is not None or self.place(mirror(word), a, places) is not None
        return atom in numbers

    def put_for_atom(self, atom: Any, places: dict[Any, Vector], numbers: dict[Any, Number]) -> Number:
        match atom:
            case ("dot", a, word, b) if atom not in numbers:
                right, left = self.place(word, b, places), self.place((), a, places)
                if right is None and left is None:
                    word, left = (), self.place(mirror(word), a, places)
                if right is None:
                    right = Vector.base(b)
                    for letter in reversed(word):
                        right = self.letters[letter].action(right)
                left = Vector.base(a) if left is None else left
                space = left.space if right.parts == Vector.base(b).parts else right.space
                return Vector(left.parts, space) @ Vector(right.parts, space)
            case ("root", _):
                return self.root(self.normal(self.put_for(self.meaning[atom], places, numbers)))
            case ("part", _):
                return self.put_for(self.meaning[atom], places, numbers)
        return numbers[atom]

    def is_zero(self, value: Any) -> bool:
        """Whether a value is 0 for every m: a vector along a fresh probe, a number once its divisors are cleared."""
        if isinstance(value, Vector):
            value = value @ Vector.base(FRESH, value.space)
        value = self.settled(value)
        for atom in reversed([atom for atom in self.meaning if atom not in self.basic]):
            lowest = min((dict(monomial).get(atom, 0) for monomial in value.parts), default=0)
            value = self.normal(value * Number.atom(atom, 2 * -(lowest // 2))) if lowest < 0 else value
        return not value

    # ---- signs: "zero", "positive", "nonnegative", "nonzero" or "unknown"

    def sign_of(self, value: Number) -> str:
        """What coefficients and atoms say of a number."""
        if not value:
            return "zero"
        for monomial, c in value.parts.items():
            if c < 0 or not all(power % 2 == 0 or self.is_nonnegative(atom) for atom, power in monomial):
                return "unknown"
        sure = any(all(atom in self.nonzero for atom, _ in monomial) for monomial in value.parts)
        return "positive" if sure else "nonnegative"

    def is_nonnegative(self, atom: Any) -> bool:
        square = atom[0] == "dot" and atom[1] == atom[3] and not atom[2]
        return atom in self.nonnegative or atom[0] == "root" or square

    def number_sign(self, value: Number, loose: bool = False) -> str:
        """The sign of a number: as it stands, with m = min_m + a number not below 0, or as a hypothesis says."""
        value = self.normal(value)
        known = self.sign_of(value)
        if known != "unknown":
            return known
        lowest = min((dict(monomial).get(M, 0) for monomial in value.parts), default=0)
        if M in value.atoms():
            beyond = ("number", "m'")
            self.nonnegative.add(beyond)
            least = Number.atom(beyond) + Number.of(self.claim.min_m)
            known = self.sign_of(self.put(value * Number.atom(M, -min(lowest, 0)), M, 1, least))
            if known != "unknown":
                return known
        form = self.primitive(value) if self.facts else None
        for fact, sign in self.facts:
            if self.primitive(self.normal(fact)) == form:
                return sign if sign != "nonzero" or loose else "unknown"
        return "unknown"

    def primitive(self, value: Number, signed: bool = True) -> Any:
        """A normal number divided by what it shares: by positive factors alone, or by any that is not 0."""
        for atom in sorted(value.atoms() & self.nonzero):
            lowest = min(dict(monomial).get(atom, 0) for monomial in value.parts)
            if signed and not self.is_nonnegative(atom):
                lowest -= lowest % 2
            value = value * Number.atom(atom, -lowest)
        first = value.parts[min(value.parts)] if value else 1
        return tuple(
            (monomial, c / (abs(first) if signed else first)) for monomial, c in sorted(value.parts.items())
        )

    def sign(self, node: ast.expr) -> str:
        """What the form of an expression says: hypotheses, squares, sums and products of what has a sign, ..."""
        match node:
            case ast.Name(id=name) if self.line_of(name) is not None:
                value = self.look(name)
                known = self.number_sign(value) if isinstance(value, Number) else "unknown"
                return known if known != "unknown" else self.sign(self.line_of(name))
            case ast.Name(id=name) if name in self.relations:
                signs = {"==": "zero", "<": "positive", "<=": "nonnegative", "!=": "unknown"}
                return signs[self.relations[name]]
            case ast.UnaryOp(op=ast.USub(), operand=inside) if self.sign(inside) == "zero":
                return "zero"
            case ast.BinOp(
                left=left, op=ast.Add() | ast.Mult() | ast.Div() | ast.MatMult() as op, right=right
            ):
                one, other = self.sign(left), self.sign(right)
                if not isinstance(op, ast.Add) and (
                    one == "zero" or (other == "zero" and not isinstance(op, ast.Div))
                ):
                    return "zero"
                if "unknown" not in {one, other}:
                    every = one == other == "positive"
                    sure = "positive" in {one, other} if isinstance(op, ast.Add) else every
                    return "positive" if sure else "zero" if one == other == "zero" else "nonnegative"
                if isinstance(op, ast.MatMult) and (same(left, right) or self.is_definite(left, right)):
                    value = walk(node, self)
                    if not isinstance(value, Number):
                        return "unknown"
                    known = self.number_sign(value)
                    return known if known in {"positive", "zero"} else "nonnegative"
            case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int(power))):
                if power % 2 == 0:
                    return "positive" if self.number_is_nonzero(left) else "nonnegative"
                if self.sign(left) in {"positive", "nonnegative"}:
                    return self.sign(left)
            case ast.BinOp(left=left, op=ast.Sub(), right=right) if self.is_known_difference(left, right):
                return "nonnegative"
            case ast.Call(func=ast.Name(id="max"), args=[_, ast.Compare()]):
                walk(node, self)
                return "nonnegative"
        value = walk(node, self)
        return self.number_sign(value) if isinstance(value, Number) else "unknown"

    def line_of(self, name: str) -> Any:
        """What a line or the vocabulary says that a name is, where names mean what they say."""
        lines = {} if self.elsewhere else dict(self.lines)
        if re.fullmatch(r"rho(_\w+)?", name) and name not in lines and "s" + name[3:] in lines:
            return parse(f"sigma{name[3:]}**2/s{name[3:]}**2")
        return lines.get(name)

    def number_is_nonzero(self, node: ast.expr) -> bool:
        value = walk(node, self)
        return isinstance(value, Number) and self.is_nonzero(self.normal(value), None)

    def is_definite(self, left: ast.expr, right: ast.expr) -> bool:
        """Whether left @ right is x @ A @ x with an operator A that a hypothesis calls positive semi-definite."""
        if self.elsewhere:
            return False
        match left, right:
            case ast.BinOp(left=x, op=ast.MatMult(), right=form), other if same(x, other):
                return any(same(form, known) for known in self.definite)
            case x, ast.BinOp(left=form, op=ast.MatMult(), right=other) if same(x, other):
                return any(same(form, known) for known in self.definite)
        return False

    def is_known_difference(self, left: ast.expr, right: ast.expr) -> bool:
        """Whether left - right is |x| - x, or |a|^2 |b|^2 - <a, b>^2, or a maximum minus one of its values."""
        match left, right:
            case ast.Call(func=ast.Name(id="abs"), args=[inside]), other if same(inside, other) or same(
                ast.UnaryOp(ast.USub(), inside), other
            ):
                return True
            case _, ast.BinOp(
                left=ast.BinOp(left=a, op=ast.MatMult(), right=b), op=ast.Pow(), right=ast.Constant(value=2)
            ):
                one, other, product = walk(a, self), walk(b, self), walk(left, self)
                if isinstance(one, Vector) and isinstance(other, Vector) and isinstance(product, Number):
                    return self.is_zero(product - (one @ one) * (other @ other))
            case (
                ast.Call(func=ast.Name(id="max"), args=[inside, ast.Compare() as ball]),
                ast.BinOp(
                    left=ast.BinOp(left=w, op=ast.MatMult(), right=form), op=ast.MatMult(), right=other
                ),
            ) if same(w, other):
                u, known = image_form(inside, ball_of(ball))
                if known is not None and same(form, known):
                    lam, vector, value = walk(ball_of(ball), self), walk(u, self), walk(w, self)
                    return self.number_sign(value @ (vector * (lam * lam) - value)) != "unknown"
        return False


# ---------------------------------------------------------------- the room of one exact point


class Numbers:
    """The arithmetic of exact numbers: whole numbers, quotients and roots."""

    number = staticmethod(Exact.of)

    def look(self, name: str) -> Any:
        raise Refused(f"no exact number: {name}")

    def inverse(self, value: Any, node: ast.expr) -> Exact:
        if not isinstance(value, Exact):
            raise Refused(f"divides by what is no exact number: {ast.unparse(node)}")
        return value.inverse()

    def sqrt(self, value: Any, node: ast.expr) -> Exact:
        if not isinstance(value, Exact):
            raise Refused(f"the root of what is no exact number: {ast.unparse(node)}")
        return value.root()


def exact(entry: Any) -> Exact:
    """An exact number from a whole number or a text such as "1/2" or "sqrt(2)/3"; floats are refused."""
    if type(entry) not in {int, str}:
        raise Refused(f"an exact number is a text such as '1/2', not {entry!r}")
    value = walk(parse(str(entry)), Numbers())
    if not isinstance(value, Exact):
        raise Refused(f"no exact number: {entry}")
    return value


def column(entries: Iterable[Any], space: str = "batch") -> Column:
    return Column({i: x if isinstance(x, Exact) else exact(x) for i, x in enumerate(entries)}, space)


def map_of(rows: list[Column], source: str, target: str) -> Operator:
    return Operator(lambda u: Column({i: row @ u for i, row in enumerate(rows)}, target), source, target)


def expected(
    claim: Claim, formal: Formal
) -> tuple[dict[str, str], list[tuple[str, str, str, str]], list[str]]:
    """The vectors with their spaces, the operators and the numbers of a point of this claim."""
    vectors = {
        f"{name}{unit}": "batch" for name in ("y", "g") for unit in formal.units
    } | claim.declared_vectors()
    operators = [x for x in claim.declared_operators() if x[0] != "I"]
    for unit in formal.units:
        later = [other for other in formal.units if unit <= other]
        operators += [(f"H{unit}{x[1:]}", "" if x == unit else ">", "batch", "batch") for x in later]
    numbers = [f"{name}{unit}" for name in ("gamma", "beta") for unit in formal.units] + list(claim.numbers)
    if formal.weights:
        del vectors["y"]
        vectors["W"] = "weights"
        operators.append(("X'", ">", "weights", "batch"))
    if "N" in formal.letters:
        vectors["nu"], numbers = "batch", [*numbers, "smooth"]
        operators.append(("N", "", "batch", "batch"))
    return vectors, operators, numbers + ["eps"] * (claim.eps == "positive")


class Point(Numbers):
    """One exact instance, computed from its data; v and B are those that the formal room derived.

    The loss is the quadratic one with gradient g and Hessian H at z. data: exact texts, lists and tables of such.
    size: m. maxima: what a certificate says of the maxima of the texts.
    """

    def __init__(self, claim: Claim, data: dict[str, Any], maxima: Iterable[dict[str, Any]] = ()) -> None:
        self.claim, self.maxima = claim, list(maxima)
        self.formal = Formal(replace(claim, hypotheses=(), needs=()))
        self.powers: dict[Any, Exact] = {}  # of atoms, as they are computed
        self.sizes: dict[str, int] = {}
        self.base: dict[str, Any] = {"eps": Exact({})}
        self.letters: dict[str, Operator] = {}
        self.read(dict(data))
        self.fill()

    def read(self, data: dict[str, Any]) -> None:
        """Take the data apart: what the texts mention must be there, and nothing that is derived."""
        vectors, operators, numbers = expected(self.claim, self.formal)
        texts = [self.claim.statement, *self.claim.hypotheses, *self.claim.needs]
        said = set().union(*(names_in(parse(text)) for text in texts))
        named = said.union(*(names_in(tree) for _, tree in self.formal.lines))
        if "X" in data:
            data["X'"] = data.pop("X")
        known = {*vectors, *numbers, *(name for name, *_ in operators)}
        if strange := data.keys() - known:
            raise Refused(f"a point of this claim holds {sorted(known)} and not {sorted(strange)!a}")
        loose = {name for name in known if re.fullmatch(r"(g|H|gamma|beta)(_\w+)?", name)}
        declared = {*self.claim.numbers, *self.claim.declared_vectors()}
        for name, *_ in self.claim.declared_operators():
            declared |= {name, f"{name}_T"}
        if self.claim.definition.replace(" ", "") == "z=y" and said <= declared:
            loose.add("y")  # a claim about no batch
        if missing := (known & (named | {"X'", "W"})) - loose - data.keys():
            raise Refused(f"the point does not say {sorted(missing)}")
        for name in vectors:
            if name in data:
                self.fit(vectors[name], data[name])
        for name, _, source, target in operators:
            if name in data:
                self.fit(target, data[name])
                self.fit(source, data[name][0])
        self.size = self.sizes.setdefault("batch", self.claim.min_m)
        if self.size < self.claim.min_m:
            raise Refused(f"outside the scope: m >= {self.claim.min_m}")
        for name, space in vectors.items():
            self.base[name] = column(data.setdefault(name, ["0"] * self.sizes.setdefault(space, 1)), space)
        for name in numbers:
            self.base[name] = exact(data.setdefault(name, "0" if name.startswith("beta") else "1"))
        for name, kind, source, target in operators:
            height, width = self.sizes.setdefault(target, 1), self.sizes.setdefault(source, 1)
            self.add(name, kind, data.setdefault(name, [["0"] * width] * height), source, target)
        if self.claim.eps == "positive" and self.base["eps"].sign() <= 0:
            raise Refused("outside the scope: eps > 0")
        self.data = {"X" if name == "X'" else name: entry for name, entry in data.items()}

    def fit(self, space: str, entries: Any) -> None:
        if (
            not isinstance(entries, list)
            or not entries
            or self.sizes.setdefault(space, len(entries)) != len(entries)
        ):
            raise Refused(f"a vector of {space} does not have as many entries as another")

    def add(self, name: str, kind: str, table: list[list[Any]], source: str, target: str) -> None:
        """An operator of the point and its transpose, from a table of rows."""
        if len({len(row) for row in table}) != 1 or len(table[0]) != self.sizes[source]:
            raise Refused(
                f"the table {name} is not one of {self.sizes[target]} rows with {self.sizes[source]} entries"
            )
        rows = [column(row, source) for row in table]
        columns = [column(row, target) for row in zip(*table, strict=True)]
        self.base[name] = self.letters[name + kind] = map_of(rows, source, target)
        if kind == ">":
            self.letters[name + "<"] = map_of(columns, target, source)
        elif any(row - other for row, other in zip(rows, columns, strict=True)):
            raise Refused(f"the table {name} is not symmetric")
        if kind == "!" and any(self.base[name] @ row - row for row in rows):
            raise Refused(f"the table {name} is no projector: its square is another")

    def fill(self) -> None:
        """Compute what the definition says, from the data."""
        formal, base = self.formal, self.base
        self.names = {"m": Exact.of(self.size), "one": column([1] * self.size)} | base
        if formal.weights:
            self.names |= {"X": base["X'"], "T": self.letters["X'<"], "W'": base["W"]}
            self.names["y"] = base["X'"] @ base["W"]
        for name, kind, source, target in self.claim.declared_operators():
            if name == "I":
                self.names[name] = Operator(lambda u: u, source, target)
            if kind == ">":
                self.names[f"{name}_T"] = self.letters[name + "<"]
        for name in formal.names:
            if match := re.fullmatch(r"H_(\w)(\w)", name):
                first, second = sorted(match.groups())
                side = "" if first == second else "<" if name != f"H_{first}{second}" else ">"
                self.names[name] = self.letters[f"H_{first}{second}{side}"]
        if "N" in formal.letters:
            self.names |= {"nu'": base["nu"], ("smooth", "y"): base["smooth"]}
        for name, tree in self.formal.lines:
            self.names[name] = walk(tree, self)
        self.refuse_zeros()

    def refuse_zeros(self) -> None:
        """Refuse a point at which something is 0 that was divided by; what moves freely has no value of its own."""
        for atom in self.formal.nonzero - {EPS}:
            if not self.formal.reach(Number.atom(atom)) & {"yhat'", "z'"}:
                self.value(Number.atom(atom, -1))

    def look(self, name: str) -> Any:
        if name not in self.names:
            if name == "g_own":
                self.names[name] = self.names["g"] + self.names["H"] @ (self.names["y"] - self.names["z"])
            else:
                self.names[name] = self.seen(self.formal.look(name))
        return self.names[name]

    def seen(self, formal: Any) -> Any:
        """A formal value at this point."""
        if isinstance(formal, Operator):
            form = formal(Vector.base(PROBE, formal.source))
            return Operator(lambda u: self.value(form, u), formal.source, formal.target)
        return self.value(formal)

    def value(self, formal: Any, probe: Any = None) -> Any:
        """What a formal number or vector is at this point, where the probe is a given column."""
        if isinstance(formal, Vector):
            result = Column({}, formal.space)
            for (word, name), c in formal.parts.items():
                result = result + self.vector(word, name, probe) * self.value(c, probe)
            return result
        total = Exact({})
        for monomial, c in formal.parts.items():
            term = Exact.of(c)
            for atom, power in monomial:
                if PROBE in atom:
                    term = term * self.atom(atom, probe)  # linear
                    continue
                if (atom, power) not in self.powers:
                    factor = self.atom(atom, probe) if power > 0 else self.atom(atom, probe).inverse()
                    self.powers[atom, power] = factor.power(abs(power))
                term = term * self.powers[atom, power]
            total = total + term
        return total

    def vector(self, word: tuple[str, ...], name: str, probe: Any) -> Any:
        found = probe if name == PROBE else self.look("g_own") if name == "g_own'" else self.names[name]
        for letter in reversed(word):
            found = (self.letters["H"] if letter == "H_own'" else self.letters[letter]) @ found
        return found

    def atom(self, atom: Any, probe: Any) -> Any:
        match atom:
            case ("number", name):
                return self.names[name]
            case ("smooth", _):
                return self.names[atom]
            case ("dot", a, word, b):
                return self.vector((), a, probe) @ self.vector(word, b, probe)
            case ("root", _):
                return self.value(self.formal.meaning[atom]).root()
            case ("part", _):
                return self.value(self.formal.meaning[atom])
        raise Refused(f"no value at a point: {atom}")

    def absolute(self, value: Any, node: ast.expr) -> Exact:
        if not isinstance(value, Exact):
            raise Refused(f"the absolute value of what is no exact number: {ast.unparse(node)}")
        return value * Exact.of(value.sign() or 1)

    def entry_signs(self, vector: Any) -> dict[int, int]:
        return {i: vector.parts.get(i, Exact({})).sign() for i in range(self.size)}

    def signs(self, vector: Any, node: ast.expr) -> Column:
        found = self.entry_signs(vector)
        if 0 in found.values():
            raise Refused("outside the scope: the sign of 0")
        return self.keep("sign'", found)

    def largest(self, vector: Any, node: ast.expr) -> Exact:
        found = self.entry_signs(vector)
        sizes = {i: vector.parts.get(i, Exact({})) * Exact.of(sign) for i, sign in found.items()}
        top = max(sizes, key=lambda i: sum((sizes[i] - other).sign() > 0 for other in sizes.values()))
        if not found[top] or any((sizes[top] - other).sign() <= 0 for i, other in sizes.items() if i != top):
            raise Refused("outside the scope: no largest entry, or more than one")
        self.keep("top'", {i: found[i] * (i == top) for i in found})
        return sizes[top]

    def keep(self, kind: str, signs: dict[int, int]) -> Column:
        """The column of a formal vector of signs, which are met in the same order."""
        name = next(name for name in self.formal.names if name.startswith(kind) and name not in self.names)
        self.names[name] = column([signs[i] for i in range(self.size)])
        if kind == "top'":
            self.names |= {"nu": self.names[name], "N": Operator(lambda u: Column({}))}
        return self.names[name]

    def smooth(self) -> Any:
        return self.names["smooth", "y"]

    def rate(self, inside: ast.expr, name: str, along: Any) -> Any:
        """A rate is formal, and then a value at this point."""
        space = along.space if isinstance(along, Vector) else ""
        before, self.formal.defining = self.formal.defining, True
        try:
            form = self.formal.rate(inside, name, Vector.base(PROBE, space) if space else None)
        finally:
            self.formal.defining = before
        self.refuse_zeros()  # also those that the rate itself is free of
        return self.value(form, along)

    def placed(self, inside: ast.expr, name: str, value: Any) -> Any:
        """at(inside, name, value): the same network and loss with another value of a name of the data."""
        key = "X'" if name == "X" and self.formal.weights else name
        old = self.base.get(key)
        if old is None or name in {"eps", "g", "H", "smooth", "nu", "N"} or type(old) is not type(value):
            raise Refused(f"{name} is not replaced by this")
        if "N" in self.formal.letters and name == "y":
            raise Refused("what smooth(y) is elsewhere is not said")
        if isinstance(old, Vector):
            value.meet(old)
        other = object.__new__(Point)
        other.__dict__ |= self.__dict__
        other.base, other.letters, other.powers = self.base | {key: value}, dict(self.letters), {}
        if isinstance(value, Operator):
            other.replace_operator(key, value)
        other.fill()
        if self.formal.units == [""]:
            other.names["g"] = self.names["g"] + self.base["H"] @ (other.names["z"] - self.names["z"])
            other.powers = {}
        else:
            self.formal.refuse_loss(inside)
        return walk(inside, other)

    def replace_operator(self, key: str, value: Operator) -> None:
        source, target = self.base[key].source, self.base[key].target
        if (value.source, value.target) != (source, target) or f"{key}>" not in self.letters:
            raise Refused(f"{key} is not replaced by this")
        table = self.table(value)
        self.add(key, ">", table, source, target)

    def table(self, form: Operator) -> list[list[Exact]]:
        """The rows of an operator."""
        width, height = self.sizes[form.source], self.sizes[form.target]
        images = [form(Column({j: Exact.of(1)}, form.source)) for j in range(width)]
        return [[images[j].parts.get(i, Exact({})) for j in range(width)] for i in range(height)]

    # ---- comparisons

    def maximum(self, inside: ast.expr, lam: ast.expr) -> Any:
        """max(inside, norm(X) <= lam): its value, or an interval from what is attained to a bound for all X."""
        u, form = image_form(inside, lam)
        vector, bound = walk(u, self), walk(lam, self)
        if bound.sign() < 0:
            raise Refused("the bound of a maximum is negative, and then no X is there")
        centre = vector * (bound * bound)
        if form is None:
            return centre @ vector
        table = self.table(walk(form, self))
        n = len(table)
        half = Exact.of(Fraction(1, 2))
        table = [[(table[i][j] + table[j][i]) * half for j in range(n)] for i in range(n)]
        operator = map_of([column(row, vector.space) for row in table], vector.space, vector.space)
        row_sums = [Exact({})] + [
            sum((self.absolute(table[i][j], lam) for j in range(n) if j != i), table[i][i]) for i in range(n)
        ]
        low = Exact({})
        high = max_of(row_sums) * (centre @ centre)
        witnesses = [centre]
        for entry in self.maxima:
            if not entry.keys() <= {"of", "attained", "bound", "multiplier"}:
                raise Refused(f"not what can be said of a maximum: {sorted(entry)!a}")
            match parse(entry["of"]):
                case ast.Call(func=ast.Name("max"), args=[first, ast.Compare() as ball]):
                    if not (same(first, inside) and same(ball_of(ball), lam)):
                        continue
                case _:
                    raise Refused(f"no maximum: {entry['of']}")
            witnesses += [column(entry["attained"], vector.space)] if "attained" in entry else []
            if "bound" in entry:
                high = self.ball_bound(table, centre, exact(entry["bound"]), exact(entry["multiplier"]))
        for w in witnesses:
            if (w @ (centre - w)).sign() < 0:
                raise Refused("what is said to be attained is not: it lies outside the ball of all X X'u")
            low = max_of([low, w @ operator(w)])
        return Interval(low, high)

    @staticmethod
    def ball_bound(table: list[list[Exact]], centre: Column, bound: Exact, t: Exact) -> Exact:
        """``bound``, once it is certified: t >= 0, and [t I - K, -t c/2; -t c/2, bound] is positive semi-definite."""
        n, zero = len(table), Exact({})
        side = [centre.parts.get(i, zero) * t * Exact.of(Fraction(-1, 2)) for i in range(n)]
        rows = [[(t if i == j else zero) - table[i][j] for j in range(n)] + [side[i]] for i in range(n)]
        if t.sign() < 0 or not is_semidefinite([*rows, [*side, bound]]):
            raise Refused("the bound of a maximum is not certified")
        return bound

    def side(self, node: ast.expr) -> Any:
        """The value of a side; of each term of its sum ``live`` keeps whether it is not 0."""
        match node:
            case ast.BinOp(left=left, op=(ast.Add() | ast.Sub()) as op, right=right):
                return OPERATIONS[type(op)](self.side(left), self.side(right))
        value = walk(node, self)
        self.live += [bool(value)] * (not same(node, ast.Constant(0)))
        return value

    def holds(self, text: str) -> tuple[bool, tuple[str, str]]:
        """Whether a statement holds here, and its sides; an interval that does not decide is refused."""
        left, relation, right = comparison(text)
        self.live: list[bool] = []
        if relation == "psd":
            table = self.table(walk(left, self))
            both = [
                [x + y for x, y in zip(row, other, strict=True)]
                for row, other in zip(table, zip(*table, strict=True), strict=True)
            ]
            self.live = [any(entry for row in both for entry in row)]
            found = is_semidefinite(both)
            return found, (
                ast.unparse(left),
                "positive semi-definite" if found else "not positive semi-definite",
            )
        low, high = beside(self.side(left), self.side(right), left, right)
        gap = high - low
        if isinstance(gap, Column):
            sides = tuple(
                f"({', '.join(str(x.parts.get(i, Exact({}))) for i in range(self.sizes[x.space]))})"
                for x in (low, high)
            )
            return {"==": not gap, "!=": bool(gap)}[relation], (sides[0], sides[1])
        ends = Interval.of(gap)
        least, most = ends.low.sign(), ends.high.sign()
        apart, equal = least > 0 or most < 0, least == most == 0
        true = {"<=": least >= 0, "<": least > 0, "==": equal, "!=": apart}[relation]
        if not true and not {"<=": most < 0, "<": most <= 0, "==": apart, "!=": equal}[relation]:
            raise Refused(f"{low} against {high} does not decide {relation}")
        return true, (str(low), str(high))


def max_of(numbers: Iterable[Exact]) -> Exact:
    largest, *others = numbers
    for other in others:
        largest = other if (other - largest).sign() > 0 else largest
    return largest


def is_semidefinite(table: list[list[Exact]]) -> bool:
    """Whether a symmetric table is positive semi-definite: by elimination, where a pivot 0 needs a row of zeros."""
    rows = [list(row) for row in table]
    for k in range(len(rows)):
        pivot = rows[k][k]
        if pivot.sign() < 0 or (not pivot and any(rows[k][j] for j in range(k + 1, len(rows)))):
            return False
        for i in range(k + 1, len(rows)):
            if rows[i][k]:
                factor = rows[i][k] * pivot.inverse()
                rows[i] = [x - factor * y for x, y in zip(rows[i], rows[k], strict=True)]
    return True


# ---------------------------------------------------------------- the judge


def judge(claim: Claim, certificate: dict[str, Any]) -> Verified:
    """The verdict on a claim; a certificate supplies steps of a proof or a point.

    ``{"terms": [texts], "multiplier": text, "squared": bool, "negation": bool, "lemma": name}``, all but terms free:
    multiplier * (right - left) is the sum of the terms, none of which can be negative (no terms: both sides are equal).
    squared: of the squares of both sides. negation: what is proved is the negation, which the judge forms. Terms may
    name the gaps right minus left of hypotheses, given0, given1, ..., and of needs, need0, ....
    ``{"point": data, "maxima": [...]}``: refutes a claim for all, is the witness of a claim of existence. An entry of
    maxima holds "of", the text of a maximum, and "attained", a vector X X'u, or "bound" with its "multiplier" t.

    Raises:
        Refused: the claim is not settled by the certificate, or something cannot be read.
    """
    Work.done, Work.judging = 0, True
    try:
        keys = certificate.keys()
        if "point" in keys and keys <= {"point", "maxima"}:
            return at_point(claim, **certificate)
        if "terms" in keys and keys <= {"terms", "multiplier", "squared", "negation", "lemma"}:
            return prove(claim, **certificate)
    except Refused:
        raise
    except Exception as reason:
        raise Refused(f"cannot be read: {reason!r}") from reason
    finally:
        Work.judging = False
    raise Refused(f"a certificate holds terms or a point, not {sorted(map(str, keys))!a}")


def prove(
    claim: Claim,
    terms: list[str],
    multiplier: str = "1",
    squared: bool = False,
    negation: bool = False,
    lemma: str | None = None,
) -> Verified:
    """A proof for every instance, of the statement or of its negation."""
    if not isinstance(terms, list) or type(squared) is not bool or type(negation) is not bool:
        raise Refused("the terms are a list, squared and negation are true or false")
    if lemma is not None:
        apply_lemma(claim, lemma)
    room = Formal(claim)
    gap, relation = room.gap(claim.statement)
    tight = isinstance(gap, Number) and relation in {"==", "<="} and room.is_zero(gap)
    refuse_circle(claim, room, gap)
    if negation:
        gap, relation = -gap, NEGATION[relation]
    if squared:
        left, right = comparison(claim.statement)[::2][:: -1 if negation else 1]
        if relation not in {"<=", "<"} or room.sign(right) not in {"positive", "nonnegative", "zero"}:
            raise Refused("squares decide only <= where the right side is not negative")
        gap = walk(right, room).power(2) - walk(left, room).power(2)
    scope = list(room.scope)
    factor = parse(multiplier)
    if room.sign(factor) != "positive":
        raise Refused(f"the multiplier may be 0 or negative: {multiplier}")
    trees = [parse(text) for text in terms]
    signs = [room.sign(tree) for tree in trees]
    rest = gap * walk(factor, room)
    for tree in trees:
        rest = rest - walk(tree, room)
    accepted = {
        "==": set(signs) <= {"zero"},
        "<=": "unknown" not in signs,
        "<": "unknown" not in signs and "positive" in signs,
        "!=": "unknown" not in signs and "positive" in signs and isinstance(gap, Number),
    }
    if not accepted[relation]:
        raise Refused(f"terms with the signs {signs} do not prove {relation}")
    if not room.is_zero(rest):
        raise Refused("right - left is not the sum of the terms")
    if room.scope != scope:  # a certificate assumes nothing
        raise Refused(f"the terms suppose what the claim does not: {room.scope[len(scope)]}")
    live = check_example(claim, expected=not negation)
    refuted = negation
    method = "negation" if refuted else "identity" if relation == "==" or (tight and not terms) else "terms"
    lemmas = () if lemma is None else (lemma,)
    tight = tight or relation == "=="
    return verified(
        claim, "refuted" if refuted else "proved", method, scope, tight=tight, live=live, lemmas=lemmas
    )


def check_example(claim: Claim, expected: bool) -> tuple[int, int] | None:
    """What is proved is tried at an exact point: this finds what nothing satisfies. How many terms are not 0 there."""
    if claim.hypotheses and not claim.example:
        raise Refused("hypotheses without a point that satisfies them")
    point = Point(claim, claim.example or usual_point(claim))
    if reason := unmet(claim, point):
        raise Refused(f"the example of the claim does not serve: {reason}")
    if "norm(X)" in ast.unparse(parse(claim.statement)):
        return None
    if point.holds(claim.statement)[0] != expected:
        raise Refused("the example of the claim contradicts the proof")
    return sum(point.live), len(point.live)


def unmet(claim: Claim, point: Point) -> str:
    """What a point does not satisfy: a hypothesis holds there with no term 0, unless it says that one is."""
    for text in (*claim.needs, *claim.hypotheses):
        if not point.holds(text)[0]:
            return f"{text} does not hold"
        vanishes = comparison(text)[1] == "==" and len(point.live) == 1
        if text in claim.hypotheses and not (vanishes or all(point.live)):
            return f"a term of {text} is 0"
    return ""


def apply_lemma(claim: Claim, lemma: str) -> None:
    """Refuse a lemma that is not known, or a statement that does not have the lemma's form."""
    if lemma not in LEMMAS:
        raise Refused(f"an unknown lemma: {lemma!a}")
    left, relation, right = comparison(claim.statement)
    if relation != "==" or not any(isinstance(side, ast.Name) and side.id == "z" for side in (left, right)):
        raise Refused(f"{lemma} is about an equation z == ..., the identity of two losses")


def verified(claim: Claim, verdict: str, method: str, scope: Iterable[str], **rest: Any) -> Verified:
    shown = [ast.unparse(parse(text)) for text in (claim.statement, *claim.hypotheses)]
    scope = dict.fromkeys([*scope, *(ast.unparse(parse(text)) for text in claim.needs)])
    return Verified(verdict, shown[0], tuple(shown[1:]), tuple(scope), method, token=_TOKEN, **rest)


def refuse_circle(claim: Claim, room: Formal, gap: Any) -> None:
    """Refuse a hypothesis that is the statement in other words, with v and B unopened, and such a need."""
    if any(same(parse(text), parse(claim.statement)) for text in (*claim.needs, *claim.hypotheses)):
        raise Refused("a hypothesis is the statement")
    for kind, place in (("need", room), ("given", Formal(claim, opaque=True) if claim.hypotheses else room)):
        gap = gap if place is room else place.gap(claim.statement)[0]
        for name in place.relations:
            if name.startswith(kind) and is_multiple(place, gap, place.names[name]):
                raise Refused(f"the hypothesis {name} is the statement in other words")


def is_multiple(room: Formal, gap: Any, other: Any) -> bool:
    """Whether one gap is the other times what is never 0."""
    if type(other) is not type(gap) or (isinstance(gap, Vector) and gap.space != other.space):
        return False
    first, second = (
        room.normal(x @ Vector.base(FRESH, x.space) if isinstance(x, Vector) else x) for x in (gap, other)
    )
    if not first or (one := room.primitive(first, signed=False)) != room.primitive(second, signed=False):
        return False
    return (
        one != (((), 1),) or first.parts.keys() == second.parts.keys()
    )  # two numbers never 0 are two statements


def at_point(claim: Claim, point: dict[str, Any], maxima: Iterable[dict[str, Any]] = ()) -> Verified:
    """A counterexample to a claim for all, or a witness of existence: every hypothesis holds at the point."""
    place = Point(claim, point, maxima)
    for text in (*claim.needs, *claim.hypotheses):
        if not place.holds(text)[0]:
            raise Refused(f"at the point {text} does not hold")
    true, sides = place.holds(claim.statement)
    if true != (claim.quantifier == "exists"):
        raise Refused(f"the statement {'holds' if true else 'does not hold'} at the point")
    verdict, method = ("proved", "witness") if true else ("refuted", "point")
    scope = [f"m = {place.size}", *place.formal.scope[1:]]
    return verified(claim, verdict, method, scope, point=place.data, sides=sides)


def usual_point(claim: Claim) -> dict[str, Any]:
    """The point at which a claim without hypotheses is tried once it is proved."""
    vectors, operators, numbers = expected(claim, Formal(replace(claim, hypotheses=(), needs=())))
    size = {space: max(3, claim.min_m) if space != "weights" else 2 for space in ("batch", "weights")}
    point: dict[str, Any] = {}
    for place, (name, space) in enumerate(vectors.items()):
        point[name] = [
            (-1) ** i * (i * i + 1) * (place + 1) + place * (3 * i * i + 2 * i + 1) % 5
            for i in range(size.get(space, 3))
        ]
    for name, kind, source, target in operators:
        height, width = size.get(target, 3), size.get(source, 3)
        table = [
            [(i * j + i + j) % 5 - 1 + (i if kind == ">" else 0) for j in range(width)] for i in range(height)
        ]
        projector = [[int(i == j != 0) for j in range(width)] for i in range(height)]
        point["X" if name == "X'" else name] = projector if kind == "!" else table
    return point | {name: f"{i + 2}/3" for i, name in enumerate(numbers)}


# ---------------------------------------------------------------- certificate files


def item_claim(item: dict[str, Any]) -> Claim:
    """The claim of an item of a certificate file."""
    known = {entry.name for entry in fields(Claim)}
    strange = item.keys() - known - {"claim", "reading", "certificate"}
    if strange or "certificate" not in item:
        raise Refused(
            f"an item holds claim, reading, certificate and {sorted(known)}, not {sorted(strange)!a}"
        )
    entries: dict[str, Any] = {
        name: tuple(x) if isinstance(x, list) else x for name, x in item.items() if name in known
    }
    return Claim(**entries)


def no_float(text: str) -> Any:
    raise ValueError(f'the float {text}; exact entries are texts such as "1/2"')


def no_pair_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return dict(pairs)


def plain(text: object) -> str:
    """The text with nothing in it that could forge a line of output."""
    return ascii(str(text))[1:-1]


def main(paths: list[str]) -> int:
    """Check the files; one line an item, 0 all verified, 1 something is refused, 2 something cannot be read."""
    files = [
        file
        for path in map(Path, paths)
        for file in (sorted(path.rglob("*.json")) if path.is_dir() else [path])
    ]
    if not files:
        print("usage: python -I kernel.py FILE-or-FOLDER ..., JSON lists of certificates", file=sys.stderr)
        return 2
    state, count = 0, 0
    for file in files:
        try:
            text = file.read_text(encoding="utf-8")
            items = json.loads(
                text, parse_float=no_float, parse_constant=no_float, object_pairs_hook=no_pair_twice
            )
            if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
                raise ValueError("no list of items, or an empty one")
        except (OSError, ValueError, RecursionError) as reason:
            print(f"CANNOT READ {plain(file)}: {plain(reason)}", file=sys.stderr)
            state = 2
            continue
        for item in items:
            label = plain(f"{item.get('claim')} [{item.get('reading')}]")
            try:
                print(f"verified    {label}: {judge(item_claim(item), item['certificate'])}")
                count += 1
            except (Refused, TypeError, ValueError, AttributeError) as reason:
                print(f"REFUSED     {label}: {plain(reason)}")
                state = state or 1
    print(f"{count} verified")
    return state


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
