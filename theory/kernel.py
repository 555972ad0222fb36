# ruff: noqa: E501
"""The judge: it starts from definitions and decides for every batch size m and at exact points. Standard library alone.

A normalisation, a statement, a hypothesis and a step of a proof are text, parsed with `ast` and never evaluated. From
the text of z(y) and from what g and H are (dL = <g, dz>, dg = H dz) the judge derives v = dL/dy and its derivative B;
no derivative of any normalisation is written here. `judge(claim, certificate)` returns a `Verified`, which nothing
else can make, or raises `Refused`.

``python -I theory/kernel.py FILE-or-FOLDER ...`` checks certificate files: JSON lists, one item a line. An item holds
``claim`` (its id), ``reading``, the fields of a `Claim` and its ``certificate``. Exit code: 0 all verified, 1 something
is refused, 2 something cannot be read or nothing is there.
"""

from __future__ import annotations

import ast
import json
import operator
import sys
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
FIXED = {
    "one",
    "y",
    "g",
    "v",
    "H",
    "B",
    "m",
    "gamma",
    "beta",
    "eps",
}  # names to which no text may give a meaning
PROBE, FRESH = "p'", "q'"  # free vectors with names that no text can spell
M, EPS = ("number", "m"), ("number", "eps")


class Refused(Exception):
    """Why the judge does not accept something."""


class Sum:
    """A linear combination, kept as {key: coefficient} without zeros."""

    def __init__(self, parts):
        self.parts = {key: c for key, c in parts.items() if c}

    def __bool__(self):
        return bool(self.parts)

    def __add__(self, other):
        if type(other) is not type(self):
            return NotImplemented
        return type(self)(
            self.parts
            | {key: self.parts[key] + c if key in self.parts else c for key, c in other.parts.items()}
        )

    def __neg__(self):
        return type(self)({key: -c for key, c in self.parts.items()})

    def __sub__(self, other):
        return self + -other


class Number(Sum):
    """A sum over the rationals of monomials, sorted tuples of (atom, power); an atom is a named number, an inner product, a root or a divisor."""

    @classmethod
    def of(cls, value):
        return cls({(): Fraction(value)})

    @classmethod
    def atom(cls, atom, power=1):
        return cls({((atom, power),) if power else (): Fraction(1)})

    @staticmethod
    @cache
    def times(left, right):
        """The product of two keys, as a key and a factor."""
        powers = dict(left)
        for atom, power in right:
            powers[atom] = powers.get(atom, 0) + power
        return tuple(sorted(item for item in powers.items() if item[1])), 1

    def __mul__(self, other):
        if type(other) is not type(self):
            return NotImplemented
        total = {}
        for left, c in self.parts.items():
            for right, d in other.parts.items():
                key, factor = self.times(left, right)
                total[key] = total.get(key, 0) + c * d * factor
        return type(self)(total)

    def atoms(self):
        return {atom for monomial in self.parts for atom, _ in monomial}


class Exact(Number):
    """A number at a point: a sum over the rationals of roots of square-free whole numbers, which are its keys."""

    @classmethod
    def of(cls, value):
        return cls({1: Fraction(value)})

    @staticmethod
    def times(left, right):
        common = gcd(left, right)
        return left * right // common**2, common

    def inverse(self):
        if not self:
            raise Refused("outside the scope: something divided by is 0 at the point")
        if max(self.parts) == 1:
            return Exact({1: 1 / self.parts[1]})
        p = primes(max(self.parts))[0]
        conjugate = Exact({d: -c if d % p == 0 else c for d, c in self.parts.items()})
        return conjugate * (self * conjugate).inverse()

    def root(self):
        value = self.parts.get(1, Fraction(0))
        if self.parts.keys() - {1} or value < 0:
            raise Refused("a root of a negative number or of a sum of roots at the point")
        result = Exact({1: Fraction(bool(value), value.denominator)})
        for p in primes(value.numerator * value.denominator):
            result = result * Exact({p: Fraction(1)})
        return result

    def sign(self):
        """-1, 0 or 1: roots of different square-free numbers are independent, so only {} is 0, and digits decide the rest."""
        digits = 10
        while self:
            scale = 10**digits
            total = sum(c * isqrt(d * scale * scale) for d, c in self.parts.items())
            if abs(total) > sum(abs(c) for c in self.parts.values()):
                return 1 if total > 0 else -1
            digits *= 2
        return 0

    def __str__(self):
        return " + ".join(f"{c}*sqrt({d})" if d > 1 else str(c) for d, c in sorted(self.parts.items())) or "0"


def primes(whole):
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


class Vector(Sum):
    """A formal vector: its keys (word, name) are the operators of the word applied to the vector of that name, its coefficients Numbers."""

    number = Number

    @classmethod
    def base(cls, name):
        return cls({((), name): Number.of(1)})

    def __mul__(self, factor):
        if type(factor) is not self.number:
            return NotImplemented
        return type(self)({key: c * factor for key, c in self.parts.items()})

    __rmul__ = __mul__

    def __matmul__(self, other):
        if isinstance(other, Operator):
            return Row(self, other)
        if type(other) is not type(self):
            return NotImplemented
        total = self.number({})
        for left, c in self.parts.items():
            for right, d in other.parts.items():
                if pair := self.inner(left, right):
                    total = total + c * d * pair
        return total

    @staticmethod
    def inner(left, right):
        """The inner product of two keys; the operators of words are symmetric, so their reversed words are their transposes."""
        (left_word, a), (right_word, b) = left, right
        word = left_word[::-1] + right_word
        if a == b and not word and (a == "one" or a.startswith("sign'")):
            return Number.atom(M)
        return Number.atom(("dot", *min((a, word, b), (b, word[::-1], a))))


class Column(Vector):
    """A vector at a point: its keys are the coordinates."""

    number = Exact

    @staticmethod
    def inner(left, right):
        return Exact.of(left == right)


class Operator:
    """A linear map, known by what it does to a vector."""

    def __init__(self, action):
        self.action = action

    def __matmul__(self, other):
        if isinstance(other, Operator):
            return Operator(lambda u: self.action(other.action(u)))
        return self.action(other) if isinstance(other, Vector) else NotImplemented


class Row:
    """A vector to the left of operators, the first half of v @ B @ v; that B is symmetric is never used."""

    def __init__(self, vector, operator):
        self.vector, self.operator = vector, operator

    def __matmul__(self, other):
        return (
            Row(self.vector, self.operator @ other)
            if isinstance(other, Operator)
            else self.vector @ (self.operator @ other)
        )


# ---------------------------------------------------------------- text

_TOKEN = object()


@dataclass(frozen=True)
class Verified:
    """What the judge established; only this file can make one.

    verdict: "proved" or "refuted". method: identity, terms, point, or witness. scope: what is assumed of an instance, in
    full. point: the exact data of a refutation or witness. sides: both sides there. tight: an equality. lemmas: what is
    trusted beside the calculus.
    """

    verdict: str
    statement: str
    hypotheses: tuple[str, ...]
    scope: tuple[str, ...]
    method: str
    tight: bool = False
    point: dict[str, Any] | None = None
    sides: tuple[str, str] | None = None
    lemmas: tuple[str, ...] = ()
    token: Any = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.token is not _TOKEN:
            raise Refused("a Verified is made by the judge alone")
        object.__setattr__(self, "token", None)

    def __str__(self) -> str:
        parts = [f"{self.verdict} ({self.method}): {self.statement}"]
        parts += [f"given {text}" for text in self.hypotheses] + [f"scope {'; '.join(self.scope)}"]
        parts += [f"trusting {name}" for name in self.lemmas]
        return " | ".join(parts + ([f"{self.sides[0]} against {self.sides[1]}"] if self.sides else []))


@dataclass(frozen=True)
class Claim:
    """What is claimed: statement, hypotheses and scope come from here and from nowhere else.

    definition: lines ``name = expression; ...`` up to z. needs: what an instance of it must satisfy, as texts.
    quantifier: "all" or "exists". eps: "zero" or "positive". vectors, numbers, operators: the free ones that the texts
    name. example: an exact point where the hypotheses hold.
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

    def lines(self):
        """The lines of the definition, as pairs of a new name and a tree; every name is new."""
        pairs = [line.partition("=")[::2] for line in self.definition.split(";")]
        names = [name.strip() for name, _ in pairs] + [*self.vectors, *self.numbers, *self.operators]
        for name in names:
            if (
                not (name.isidentifier() and name.isascii())
                or name in FIXED
                or names.count(name) > 1
                or name.startswith("given")
            ):
                raise Refused(f"the name {name!r} is taken, or no name")
        if self.eps not in {"zero", "positive"}:
            raise Refused(f"eps is zero or positive, not {self.eps!r}")
        if self.quantifier not in {"all", "exists"} or type(self.min_m) is not int or self.min_m < 2:
            raise Refused("the quantifier is all or exists, and min_m is at least 2")
        return [(name.strip(), parse(right)) for name, right in pairs]


def parse(text):
    """The tree of an expression or a comparison."""
    return ast.parse(text.strip(), mode="eval").body


def comparison(text):
    """Left side, relation and right side of a statement, with > and >= turned round."""
    match parse(text):
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in RELATIONS:
            relation = RELATIONS[type(op)]
            return (right, relation.replace(">", "<"), left) if ">" in relation else (left, relation, right)
    raise Refused(f"not one comparison: {text}")


def walk(node, room):
    """The value of a tree in a room, which binds the names and knows how to divide and to take roots."""
    match node:
        case ast.Constant(value=int(whole)):
            return room.number(whole)
        case ast.Name(id=name) if name in room.names:
            return room.names[name]
        case ast.UnaryOp(op=ast.USub(), operand=inside):
            return -walk(inside, room)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in OPERATIONS:
            return OPERATIONS[type(op)](walk(left, room), walk(right, room))
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return walk(left, room) * room.inverse(walk(right, room), ast.unparse(right))
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int(power))) if 1 <= power <= 12:
            return prod([walk(left, room)] * power, start=room.number(1))
        case ast.Call(func=ast.Name(id="sqrt"), args=[inside], keywords=[]):
            return room.sqrt(walk(inside, room), inside)
        case ast.Call(func=ast.Name(id="norm"), args=[inside], keywords=[]):
            return walk(ast.Call(ast.Name("sqrt"), [ast.BinOp(inside, ast.MatMult(), inside)], []), room)
        case ast.Call(func=ast.Name(id="abs"), args=[inside], keywords=[]):
            return walk(ast.Call(ast.Name("sqrt"), [ast.BinOp(inside, ast.Pow(), ast.Constant(2))], []), room)
        case ast.Call(func=ast.Name(id="sign"), args=[inside], keywords=[]):
            return room.signs(walk(inside, room), ast.unparse(inside))
    raise Refused(f"not in the grammar, or an unknown name: {ast.unparse(node)}")


# ---------------------------------------------------------------- the room of every m


class Formal:
    """Every m at once: formal vectors, with v and B derived from the definition of z by the chain rule."""

    number = Number.of

    def __init__(self, claim, opaque=False):
        self.meaning = {}  # atom ("root", i) or ("part", i) -> the number that it is the root of or equal to
        self.stand_ins = {}  # eliminated atom -> the number that it equals
        self.basic = (
            set()
        )  # roots and parts that took the place of an eliminated atom, and are free symbols now
        self.nonnegative, self.nonzero = {M, EPS}, {M, EPS}  # atoms
        self.scope = ["m >= 2"]
        self.names = {
            "one": Vector.base("one"),
            "y": Vector.base("y"),
            "m": Number.atom(M),
            "eps": Number.atom(EPS) if claim.eps == "positive" else Number({}),
        }
        self.names |= {name: Number.atom(("number", name)) for name in ("gamma", "beta", *claim.numbers)}
        self.names |= {name: Vector.base(name) for name in claim.vectors} | {
            name: self.symbol(name) for name in claim.operators
        }
        self.defining = True  # what a definition divides by is not 0: that is the scope of a normalisation
        for name, tree in claim.lines():
            self.names[name] = walk(tree, self)
        self.z, g = self.names["z"], Vector.base("g")
        self.v = self.riesz(self.normal(g @ self.change(self.z, Vector.base(PROBE))))
        self.names |= {
            "g": g,
            "H": self.symbol("H"),
            "v": self.v,
            "B": Operator(lambda u: self.change(self.v, u)),
        }
        if opaque:
            self.names |= {"v": Vector.base("v"), "B": self.symbol("B")}
        self.defining = False
        self.relations = {}  # of the hypotheses given0, given1, ..: each names right minus left
        for i, text in enumerate(claim.needs):
            self.assume(f"need{i}", text)
        for i, text in enumerate(claim.hypotheses):
            self.assume(f"given{i}", text)

    @staticmethod
    def symbol(name):
        """A symmetric operator that is only a name."""
        return Operator(lambda u: Vector({((name, *word), base): c for (word, base), c in u.parts.items()}))

    def gap(self, text):
        """Right minus left of a statement, and the relation."""
        left, relation, right = comparison(text)
        gap = walk(right, self) - walk(left, self)
        if relation not in {"==", "!="} and not isinstance(gap, Number):
            raise Refused("vectors are not ordered")
        return gap, relation

    def assume(self, name, text):
        """Name the gap of a hypothesis, and note what it says of the sign of an atom."""
        gap, relation = self.gap(text)
        self.names[name], self.relations[name] = gap, relation
        if isinstance(gap, Number) and len(gap.parts) == 1:
            ((monomial, c),) = gap.parts.items()
            if relation in {"!=", "<"}:
                self.nonzero |= gap.atoms()
            if relation in {"<", "<="} and [power for _, power in monomial] == [1] and c > 0:
                self.nonnegative |= gap.atoms()

    # ---- derivatives

    def change(self, value, direction):
        """How a value changes as y moves along a direction: sums, products, dy = direction, dg = H dz, and nothing else."""
        if isinstance(value, Vector):
            total = Vector({})
            for (word, name), c in value.parts.items():
                total = (
                    total
                    + Vector({(word, name): self.change(c, direction)})
                    + self.change_of_base(word, name, direction) * c
                )
            return total
        slopes = {}
        for monomial, c in value.parts.items():
            for atom, power in monomial:
                slopes[atom] = slopes.get(atom, Number({})) + Number({monomial: c * power}) * Number.atom(
                    atom, -1
                )
        total = Number({})
        for atom, slope in slopes.items():
            total = total + slope * self.change_of_atom(atom, direction)
        return total

    def change_of_base(self, word, name, direction):
        """The change of the vector word(name); every vector but y and g is constant, and so is every operator but H."""
        if "H" in word:
            raise Refused("the change of H is a third derivative of the loss, of which nothing is known")
        moved = (
            direction
            if name == "y"
            else self.symbol("H") @ self.change(self.z, direction)
            if name == "g"
            else Vector({})
        )
        for letter in reversed(word):
            moved = self.symbol(letter) @ moved
        return moved

    def change_of_atom(self, atom, direction):
        """The change of an inner product, of a root (2 r dr = dX), of a part; every other atom is constant."""
        match atom:
            case ("dot", a, word, b):
                return Vector.base(a) @ self.change_of_base(word, b, direction) + Vector.base(
                    b
                ) @ self.change_of_base(word[::-1], a, direction)
            case ("root", _):
                return (
                    self.change(self.meaning[atom], direction)
                    * self.inverse(Number.atom(atom))
                    * Number.of(Fraction(1, 2))
                )
            case ("part", _):
                return self.change(self.meaning[atom], direction)
        return Number({})

    @staticmethod
    def riesz(functional):
        """The vector u with <u, probe> = a number that is linear in the probe."""
        total = Vector({})
        for monomial, c in functional.parts.items():
            ((atom, power),) = [item for item in monomial if PROBE in item[0]]
            _, a, word, b = atom
            key = (word, b) if a == PROBE else (word[::-1], a)
            if power != 1 or key[1] == PROBE:
                raise Refused("not linear in the direction")
            total = total + Vector({key: Number({monomial: c}) * Number.atom(atom, -1)})
        return total

    # ---- roots, divisors and the normal form

    def inverse(self, value, text="a root that is differentiated"):
        """1 over a number known not to be 0; a divisor that is a sum becomes one atom, a part."""
        value = self.normal(value)
        if len(value.parts) != 1:
            if not (self.defining or self.sign_of(value) == "positive" or self.sign_of(-value) == "positive"):
                raise Refused(f"divides by what may be 0: {text}")
            self.scope += [f"{text} != 0"] * self.defining
            value = self.name("part", value)
        if not value.atoms() <= self.nonzero:
            if not self.defining:
                raise Refused(f"divides by what may be 0: {text}")
            self.nonzero |= value.atoms()
            self.scope.append(f"{text} != 0")
        ((monomial, c),) = value.parts.items()
        return Number({tuple((atom, -power) for atom, power in monomial): 1 / c})

    def sqrt(self, value, tree):
        """The root of a number not below 0; a single monomial is taken apart, so that roots of equal numbers are equal."""
        if not (self.defining or self.sign(tree) != "unknown"):
            raise Refused(f"the root of what may be negative: {ast.unparse(tree)}")
        value = self.normal(value)
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

    def signs(self, vector, text):
        """The vector of signs of the entries, constant where none is 0, which is the scope; its product with the vector is not negative."""
        if not self.defining:
            raise Refused("signs are taken in a definition alone")
        name = f"sign'{len(self.meaning)}"
        self.names[name] = Vector.base(name)
        self.nonnegative |= self.name("part", self.normal(self.names[name] @ vector)).atoms()
        self.scope.append(f"no entry of {text} 0")
        return self.names[name]

    def name(self, kind, value):
        """The atom that is the root of a normal number, or equal to it. If it can, it replaces an inner product of y for good."""
        for atom, known in self.meaning.items():
            if atom[0] == kind and self.normal(known).parts == value.parts:
                return Number.atom(atom)
        new = (kind, len(self.meaning))
        self.meaning[new] = value
        if kind == "part" or self.sign_of(value) == "positive":
            self.nonzero.add(new)
        for old in sorted(
            value.atoms() - self.nonzero
        ):  # inner products come first, and y @ y last among them
            holding = Number({monomial: c for monomial, c in value.parts.items() if old in dict(monomial)})
            slope = holding * Number.atom(old, -1)
            if len(slope.parts) == 1 and slope.atoms() <= self.nonzero:
                square = Number.atom(new, 2 if kind == "root" else 1)
                self.stand_ins[old] = (square - value + holding) * self.inverse(slope)
                self.basic.add(new)
                break
        return Number.atom(new)

    def normal(self, value):
        """The same number without eliminated atoms and without even powers of roots that are not basic; the newest first."""
        for old, stand_in in self.stand_ins.items():
            value = self.put(value, old, 1, stand_in)
        for atom in reversed([atom for atom in self.meaning if atom not in self.basic]):
            value = self.put(value, atom, 2 if atom[0] == "root" else 1, self.meaning[atom])
        return value

    def put(self, value, atom, step, stand_in):
        """Put a number for atom**step; a sum is not put for negative powers."""
        if atom not in value.atoms():
            return value
        total = Number({})
        for monomial, c in value.parts.items():
            times = dict(monomial).get(atom, 0) // step
            if times < 0 and len(stand_in.parts) > 1:
                times = 0
            term = Number({monomial: c}) * Number.atom(atom, -times * step)
            for _ in range(abs(times)):
                term = term * (stand_in if times > 0 else self.inverse(stand_in))
            total = total + term
        return total

    def is_zero(self, value):
        """Whether a value is 0 for every m: a vector along a fresh probe, a number after the divisors that are left are cleared."""
        value = self.normal(value @ Vector.base(FRESH) if isinstance(value, Vector) else value)
        for atom in reversed([atom for atom in self.meaning if atom not in self.basic]):
            lowest = min((dict(monomial).get(atom, 0) for monomial in value.parts), default=0)
            value = self.normal(value * Number.atom(atom, 2 * -(lowest // 2)) if lowest < 0 else value)
        return not value

    # ---- signs: "zero", "positive", "nonnegative" or "unknown"

    def sign_of(self, value):
        """What coefficients and atoms say of a number."""
        for monomial, c in value.parts.items():
            if c < 0 or not all(power % 2 == 0 or self.is_nonnegative(atom) for atom, power in monomial):
                return "unknown"
        return (
            "positive"
            if any(all(atom in self.nonzero for atom, _ in monomial) for monomial in value.parts)
            else "nonnegative"
        )

    def is_nonnegative(self, atom):
        return (
            atom in self.nonnegative
            or atom[0] == "root"
            or (atom[0] == "dot" and atom[1] == atom[3] and not atom[2])
        )

    def sign(self, node):
        """What the form of an expression says: hypotheses, squares, and sums, products and quotients of what has a sign."""
        match node:
            case ast.Name(id=name) if name in self.relations:
                return {"==": "zero", "<": "positive", "<=": "nonnegative", "!=": "unknown"}[
                    self.relations[name]
                ]
            case ast.UnaryOp(operand=inside) if self.sign(inside) == "zero":
                return "zero"
            case ast.BinOp(left=left, op=ast.Mult() | ast.MatMult(), right=right) if "zero" in {
                self.sign(left),
                self.sign(right),
            }:
                return "zero"
            case ast.BinOp(left=left, op=ast.Div()) if self.sign(left) == "zero":
                return "zero"
            case ast.BinOp(left=left, op=ast.Mult() | ast.Div(), right=right) if {
                self.sign(left),
                self.sign(right),
            } == {"positive"}:
                return "positive"
            case ast.BinOp(left=left, op=ast.Add() | ast.Mult() | ast.Div(), right=right) if (
                "unknown" not in {self.sign(left), self.sign(right)}
            ):
                return "nonnegative"
            case ast.BinOp(op=ast.Pow(), right=ast.Constant(value=int(power))) if power % 2 == 0:
                return "nonnegative"
            case ast.BinOp(left=left, op=ast.MatMult(), right=right) if ast.dump(left) == ast.dump(right):
                return "nonnegative"
        value = walk(node, self)
        return self.sign_of(value) if isinstance(value, Number) else "unknown"


# ---------------------------------------------------------------- the room of one exact point


class Point:
    """One exact instance, computed from its data; v and B are those that the formal room derived."""

    number = Exact.of

    def __init__(self, claim, data):
        self.formal = Formal(replace(claim, hypotheses=(), needs=()))
        self.powers = {}  # of atoms, as they are computed
        vectors, operators = ["y", "g", *claim.vectors], ["H", *claim.operators]
        numbers = ["gamma", "beta", *claim.numbers] + ["eps"] * (claim.eps == "positive")
        if data.keys() != {*vectors, *operators, *numbers}:
            raise Refused(
                f"a point of this claim holds {sorted({*vectors, *operators, *numbers})} and nothing else"
            )
        self.size = len(data["y"])
        if self.size < 2 or any(len(data[name]) != self.size for name in vectors):
            raise Refused("outside the scope: m >= 2, and every vector has m entries")
        self.names = {"m": Exact.of(self.size), "eps": Exact({})} | {
            name: Exact.of(data[name]) for name in numbers
        }
        self.names |= {"one": column([1] * self.size)} | {name: column(data[name]) for name in vectors}
        self.names |= {name: self.matrix(data[name]) for name in operators}
        for name, tree in claim.lines():
            self.names[name] = walk(tree, self)
        if claim.eps == "positive" and self.names["eps"].sign() <= 0:
            raise Refused("outside the scope: eps > 0")
        for atom in self.formal.nonzero - {EPS}:
            self.value(Number.atom(atom, -1))  # refused where it is 0
        self.names["v"] = self.value(self.formal.v)
        form = self.formal.change(self.formal.v, Vector.base(PROBE))
        self.names["B"] = Operator(lambda u: self.value(form, u))

    @staticmethod
    def inverse(value, text):
        return value.inverse()

    @staticmethod
    def sqrt(value, tree):
        return value.root()

    def signs(self, vector, text):
        found = {i: vector.parts.get(i, Exact({})).sign() for i in range(self.size)}
        if 0 in found.values():
            raise Refused("outside the scope: the sign of 0")
        name = next(name for name in self.formal.names if name.startswith("sign'") and name not in self.names)
        self.names[name] = column([found[i] for i in range(self.size)])
        return self.names[name]

    def matrix(self, rows):
        if [list(row) for row in zip(*rows, strict=True)] != [list(row) for row in rows] or len(
            rows
        ) != self.size:
            raise Refused("an operator of the point is no symmetric m x m table")
        table = [column(row) for row in rows]
        return Operator(lambda u: Column({i: row @ u for i, row in enumerate(table)}))

    def value(self, formal, probe=None):
        """What a formal number or vector is at this point, where the probe is a given column."""
        total = Column({}) if isinstance(formal, Vector) else Exact({})
        for key, c in formal.parts.items():
            if isinstance(formal, Vector):
                total = total + self.vector(*key, probe) * self.value(c, probe)
                continue
            term = Exact.of(c)
            for atom, power in key:
                if PROBE in atom:
                    term = term * self.atom(atom, probe)  # linear
                    continue
                if (atom, power) not in self.powers:
                    factor = self.atom(atom, probe) if power > 0 else self.atom(atom, probe).inverse()
                    self.powers[atom, power] = prod([factor] * abs(power), start=Exact.of(1))
                term = term * self.powers[atom, power]
            total = total + term
        return total

    def vector(self, word, name, probe):
        found = probe if name == PROBE else self.names[name]
        for letter in reversed(word):
            found = self.names[letter] @ found
        return found

    def atom(self, atom, probe):
        match atom:
            case ("number", name):
                return self.names[name]
            case ("dot", a, word, b):
                return self.vector((), a, probe) @ self.vector(word, b, probe)
            case ("root", _):
                return self.value(self.formal.meaning[atom]).root()
            case ("part", _):
                return self.value(self.formal.meaning[atom])

    def holds(self, text):
        """Whether a comparison holds here, and its sides."""
        left, relation, right = comparison(text)
        left, right = walk(left, self), walk(right, self)
        gap = right - left
        if isinstance(gap, Column):
            return {"==": not gap, "!=": bool(gap)}[relation], ("one vector", "another vector")
        return {"==": gap.sign() == 0, "!=": gap.sign() != 0, "<=": gap.sign() >= 0, "<": gap.sign() > 0}[
            relation
        ], (str(left), str(right))


def column(entries):
    return Column({i: Exact.of(x) for i, x in enumerate(entries)})


# ---------------------------------------------------------------- the judge


def judge(claim: Claim, certificate: dict[str, Any]) -> Verified:
    """The verdict on a claim; a certificate supplies steps of a proof or a point.

    ``{"terms": [...], "multiplier": text, "squared": bool}`` proves, ``{"point": {...}}`` refutes a claim for all and is the
    witness of a claim of existence.

    Raises:
        Refused: the claim is not settled by the certificate, or something cannot be read.
    """
    try:
        if certificate.keys() == {"point"}:
            return at_point(claim, certificate["point"])
        if "terms" in certificate and certificate.keys() <= {"terms", "multiplier", "squared"}:
            return prove(claim, **certificate)
    except (
        TypeError,
        ValueError,
        ArithmeticError,
        LookupError,
        AttributeError,
        SyntaxError,
        RecursionError,
        MemoryError,
    ) as reason:
        raise Refused(f"cannot be read: {reason!r}") from reason
    raise Refused(f"a certificate holds terms (multiplier, squared) or a point, not {sorted(certificate)}")


def prove(claim, terms, multiplier="1", squared=False):
    """A proof: multiplier * (right - left) is the sum of the terms, none of which can be negative; an identity has no terms."""
    if claim.quantifier != "all":
        raise Refused("a claim of existence needs a witness")
    room = Formal(claim)
    gap, relation = room.gap(claim.statement)
    refuse_circle(claim)
    if not isinstance(terms, list):
        raise Refused("the terms are a list")
    tight = relation == "<=" and room.is_zero(gap)
    if squared:
        left, _, right = comparison(claim.statement)
        if relation != "<=" or room.sign(right) == "unknown":
            raise Refused("squares decide only <= where the right side is not negative")
        gap = walk(right, room) * walk(right, room) - walk(left, room) * walk(left, room)
    if room.sign(parse(multiplier)) != "positive":
        raise Refused(f"the multiplier may be 0 or negative: {multiplier}")
    rest, signs = gap * walk(parse(multiplier), room), [room.sign(parse(text)) for text in terms]
    for text in terms:
        rest = rest - walk(parse(text), room)
    if not {
        "==": set(signs) <= {"zero"},
        "<=": "unknown" not in signs,
        "<": "unknown" not in signs and "positive" in signs,
    }.get(relation):
        raise Refused(f"terms with the signs {signs} do not prove {relation}")
    if not room.is_zero(rest):
        raise Refused("right - left is not the sum of the terms")
    if claim.hypotheses and not claim.example:
        raise Refused("hypotheses without a point that satisfies them")
    point = Point(claim, claim.example or usual_point(claim))
    for text in (*claim.needs, *claim.hypotheses, claim.statement):
        if not point.holds(text)[0]:
            raise Refused(f"the example of the claim does not satisfy {text}")
    return verified(
        claim, "proved", "terms" if terms else "identity", (*room.scope, *claim.needs), tight=tight
    )


def verified(claim, verdict, method, scope, **rest):
    shown = [ast.unparse(parse(text)) for text in (claim.statement, *claim.hypotheses)]
    return Verified(verdict, shown[0], tuple(shown[1:]), tuple(scope), method, token=_TOKEN, **rest)


def at_point(claim, data):
    """A counterexample to a claim for all, or a witness of existence: every hypothesis holds at the point."""
    point = Point(claim, data)
    for text in (*claim.needs, *claim.hypotheses):
        if not point.holds(text)[0]:
            raise Refused(f"at the point {text} does not hold")
    true, sides = point.holds(claim.statement)
    if true != (claim.quantifier == "exists"):
        raise Refused(f"the statement {'holds' if true else 'does not hold'} at the point")
    verdict, method = ("proved", "witness") if true else ("refuted", "point")
    return verified(claim, verdict, method, (f"m = {point.size}", *claim.needs), point=data, sides=sides)


def refuse_circle(claim):
    """Refuse a hypothesis that is the statement in other words: with v and B unopened, one gap is the other times what is never 0."""
    room = Formal(claim, opaque=True)
    for name in room.relations:
        if primitive(room, room.gap(claim.statement)[0]) == primitive(room, room.names[name]):
            raise Refused(f"the hypothesis {name} is the statement in other words")


def primitive(room, gap):
    """The terms of a gap, divided by the first coefficient and by the powers of never vanishing atoms that they share."""
    gap = room.normal(gap @ Vector.base(FRESH) if isinstance(gap, Vector) else gap)
    for atom in gap.atoms() & room.nonzero:
        gap = gap * Number.atom(atom, -min(dict(monomial).get(atom, 0) for monomial in gap.parts))
    return [(monomial, c / gap.parts[min(gap.parts)]) for monomial, c in sorted(gap.parts.items())]


def usual_point(claim):
    """The point at which a claim without hypotheses is tried once it is proved."""
    table = [["2", "1", "0"], ["1", "-1", "3"], ["0", "3", "1"]]
    point = {"y": ["0", "1", "3"], "g": ["1", "-1", "3"], "H": table, "gamma": "2", "beta": "1/2"}
    point |= {name: ["1", str(i), "-3"] for i, name in enumerate(claim.vectors)} | dict.fromkeys(
        claim.operators, table
    )
    return (
        point
        | {name: str(i + 2) for i, name in enumerate(claim.numbers)}
        | ({"eps": "1/3"} if claim.eps == "positive" else {})
    )


# ---------------------------------------------------------------- certificate files


def item_claim(item):
    """The claim of an item of a certificate file."""
    known = {entry.name for entry in fields(Claim)}
    strange = item.keys() - known - {"claim", "reading", "certificate"}
    if strange or "certificate" not in item:
        raise Refused(f"an item holds claim, reading, certificate and {sorted(known)}, not {sorted(strange)}")
    return Claim(
        **{
            name: tuple(value) if isinstance(value, list) else value
            for name, value in item.items()
            if name in known
        }
    )


def whole(text):
    raise ValueError(f'the float {text}; exact entries are texts such as "1/2"')


def main(paths: list[str]) -> int:
    """Check the files; one line an item, 0 all verified, 1 something is refused, 2 something cannot be read."""
    files = [
        file
        for path in map(Path, paths)
        for file in (sorted(path.glob("*.json")) if path.is_dir() else [path])
    ]
    if not files:
        print("usage: python -I kernel.py FILE-or-FOLDER ..., JSON lists of certificates", file=sys.stderr)
        return 2
    state, count = 0, 0
    for file in files:
        try:
            items = json.loads(file.read_text(encoding="utf-8"), parse_float=whole, parse_constant=whole)
            if not isinstance(items, list) or not items or not all(isinstance(item, dict) for item in items):
                raise ValueError("no list of items, or an empty one")
        except (OSError, ValueError, RecursionError) as reason:
            print(f"CANNOT READ {file}: {reason}", file=sys.stderr)
            state = 2
            continue
        for item in items:
            label = f"{item.get('claim')!s} [{item.get('reading')!s}]".encode("unicode_escape").decode()
            try:
                print(f"verified    {label}: {judge(item_claim(item), item['certificate'])}")
                count += 1
            except (Refused, TypeError, ValueError) as reason:
                print(f"REFUSED     {label}: " + str(reason).encode("unicode_escape").decode())
                state = state or 1
    print(f"{count} verified")
    return state


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
