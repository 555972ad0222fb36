"""The independent checker: one file, standard library only, nothing of the rest of the project.

``python -I theory/checker.py DIR`` checks what ``bnverify prove --export DIR`` wrote. From its axioms, `RULES`, and
from `CALCULUS`, dL = <g,dz> and dg = H dz it derives v, B, the Jacobians and the derivatives in statements: for every m
with polynomials, at a point in Q(sqrt d1, sqrt d2, ...). Exit code: 0 what it can check verifies, 1 something does not,
2 something cannot be read. What rests on a named lemma is printed as trusted, what it cannot check with the reason.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
import sys
from fractions import Fraction
from functools import cache
from itertools import chain, product
from math import isqrt, prod
from pathlib import Path
from typing import Any

FORMAT, MANIFEST = 2, "manifest.json"
# 'u' is a vector, u a number, @ the inner product, A(u) an operator. An axiom says what x@y is; d x: how x changes as y
# moves along 'p' (dx in later ones); A u: what A does; A x: its image of x; let x: x at a point. Other names are free.
RULES = """
any: m = root_m * root_m; rho = root_rho * root_rho; z = gamma * 'yhat' + beta * '1'; d y = 'p'; count = m
any: let rho = 1 - eps / (s * s); let g_own = 'g' + H('y' - 'z'); dW = T('v'); HW u = T(B(X('u')))
batch: any; 1@1 = m; C u = 'u' - '1' * ('1' @ 'u' / m); let mu = '1' @ 'y' / m; d mu = '1' @ 'p' / m
scaled: batch; sigma = root_rho * s; eps = s * s - sigma * sigma; y = s * 'yhat'; yhat@yhat = count * rho
scaled: d s = 'yhat' @ 'p' / count; d yhat = ('p' - ds * 'yhat') / s; d sigma = s / sigma * ds
scaled: let s = sqrt(C('y') @ C('y') / count + eps); let yhat = C('y') / s; let sigma = sqrt(s * s - eps)
activations: scaled; y = mu * '1' + s * 'yhat'; 1@yhat = 0; d rho = 2 * eps / s ** 3 * ds
activations: dW_plain = T('g_own'); HW_plain u = T(H(X('u'))); d yhat = ('p' - dmu * '1' - ds * 'yhat') / s
activations: yhat_scaled = C(alpha * 'y') / sqrt(C(alpha * 'y') @ C(alpha * 'y') / m + eps)
affine layer-norm layer group-norm: activations
unbiased: activations; count = m - 1
linear-loss: activations; H u = 0 * 'u'
weights-at-X: activations; X W = 'y'
weights-centred weights-eigen: weights-at-X; mu = 0; T 1 = 0 * '1'
weights-eigen: T yhat = 'W' * (m * rho * s / ('W' @ 'W'))
element: scale = 0; shift = 0; z = (1 + scale) * D('yhat') + shift * D('1') + 'bias'
layer-norm group-norm: element
rms-norm: scaled; element; C u = 'u'
layer group-norm: units = _j _k
divided: any; yhat = 1 / n * C('y'); s = n; eps = n * n * (1 - rho); d n = 'nu' @ 'p'
lp-any lp-1 lp-2 lp-inf: divided; batch; 1@y = m * mu
lp-any lp-1-layer lp-2-layer lp-inf-layer lp-1-sample lp-2-sample lp-inf-sample: divided; d nu = N('p')
lp-1: nu = 'sgn' / m; sgn@sgn = m; sgn@y = m * (n - floor)
lp-2: nu = 'y' / (m * n); y@y = m * rho * n * n; let n = sqrt('y' @ 'y' / m + eps)
lp-inf: nu = 'top'; top@top = 1; top@y = n - floor
lp-2-centred: activations; n = s
eps-is-0: root_rho = 1; floor = 0
"""
AXIOMS: dict[str, dict[str, str]] = {}
for names, _, rules in (line.partition(": ") for line in RULES.strip().splitlines()):
    for name, rule in product(names.split(), rules.split("; ")):
        key, _, right = rule.partition(" = ")
        AXIOMS.setdefault(name, {}).update({key: right} if right else AXIOMS[key])
# How an expression of a (and b) changes with the change p of its first (or second) part.
CALCULUS = {"Add": ("p", "p"), "Sub": ("p", "neg(p)"), "Mult": ("p * b", "a * p"), "neg": ("neg(p)",)}
CALCULUS |= {"Div": ("p / b", "neg(a * p / b ** 2)"), "MatMult": ("p @ b", "a @ p")}
CALCULUS |= {"Pow": ("b * a ** (b - 1) * p",), "sqrt": ("p / (2 * sqrt(a))",)}
FUNCTIONS = {"sqrt", "neg", "abs", "derivative", "max_grad", "max_form"}  # every other is an operator
MIRRORED = {"X": "T", "T": "X", "H_jk": "H_kj", "H_kj": "H_jk"}
CONSTANT = {"X", "T", "C", "D", "N"}  # the operators that do not depend on y
FIXED = {*"1abcdmyvs", *("gamma", "beta", "eps", "lam", "mu", "sigma", "rho")}  # unless a derivative moves it
POSITIVE = {("root_m",), ("root_rho",), ("s",), ("lam",), ("alpha",)}
UNREADABLE = (OSError, LookupError, TypeError, ValueError, AttributeError, SyntaxError, RecursionError)


@cache
def tree(source: Any) -> Any:
    """The expression tree of an axiom or of a side of a statement."""
    match ast.parse(source, mode="eval").body if isinstance(source, str) else source:
        case ast.Constant(value=int() | str() as name) if str(name).isidentifier() or str(name).isdigit():
            return ["vec" if isinstance(name, str) else "num", name]
        case ast.Name(id=name):
            return ["sym", name]
        case ast.Call(func=ast.Name(id=name), args=args):
            return [*([name] if name in FUNCTIONS else ["op", name]), *map(tree, args)]
        case ast.BinOp(left, op, right):
            return [type(op).__name__, tree(left), tree(right)]


def fill(node: Any, to: dict[str, Any], unit: str = "") -> Any:
    """An axiom with trees for some names; the other names, and D, get the suffix of a unit."""
    head, *args = node
    if head in {"sym", "vec"}:
        return to.get(args[0]) or [head, args[0] + unit * (args[0] not in {"1", "m", "root_m"})]
    return [head, *(fill(x, to, unit) if isinstance(x, list) else x + unit if x == "D" else x for x in args)]


def rate(node: Any, moves: dict[str, Any]) -> Any:
    """The derivative of an expression whose names change by ``moves``; None where nothing in it changes."""
    head, *args = node
    if head in {"sym", "vec"}:
        return moves.get(args[0])
    linear, total = head == "op" and args[0].partition("_")[0] in CONSTANT, None
    if head not in CALCULUS and head != "num" and not linear:
        raise NotImplementedError(f"the change of {head} {args[0]}")
    for i, arg in enumerate(args):
        if change := rate(arg, moves) if isinstance(arg, list) else None:
            parts = {"p": change, "a": args[0], "b": args[-1]}
            term = [head, args[0], change] if linear else fill(tree(CALCULUS[head][i]), parts)
            total = ["Add", total, term] if total else term
    return total


class Vector(dict[Any, Any]):
    """A linear combination: of formal vectors (word, name) for every m, of coordinates at a point."""

    @classmethod
    def of(cls, value: Any) -> Any:
        return value if type(value) is cls else Number({(): Fraction(value)})

    def __add__(self: Any, other: Any) -> Any:
        other = self.of(other)
        return type(self)(self | other | {key: self[key] + other[key] for key in self if key in other})

    def __mul__(self: Any, factor: Any) -> Any:
        return type(self)({key: c * factor for key, c in self.items()})

    def __sub__(self: Any, other: Any) -> Any:
        return self + other * -1


class Number(Vector):
    """A sum over Q of monomials, tuples of (symbol, power). A symbol is a name (name,), an inner product (left, word,
    right), the root ("√", p) of a prime, or ("1/", terms) for one over a sum."""

    def __init__(self, terms: dict[Any, Fraction]) -> None:
        super().__init__({key: c for key, c in terms.items() if c})

    def __mul__(self: Any, other: Any) -> Any:
        out: dict[Any, Fraction] = {}
        for (a, c), (b, d) in product(self.items(), self.of(other).items()):
            powers, factor = dict(a), c * d
            for symbol, k in b:
                powers[symbol] = powers.get(symbol, 0) + k
                if symbol[0] == "√":
                    factor *= Fraction(symbol[1]) ** (powers[symbol] // 2)
                    powers[symbol] %= 2
            key = tuple(sorted(item for item in powers.items() if item[1]))
            out[key] = out.get(key, 0) + factor
        return Number(out)

    def __pow__(self, power: Any) -> Any:
        k = int(str(Number.of(power)))
        return prod([self if k >= 0 else self.inverse()] * abs(k), start=Number.of(1))

    def inverse(self) -> Number:
        if not self:
            raise ZeroDivisionError("division by 0")
        if root := max((symbol for mono in self for symbol, _ in mono if symbol[0] == "√"), default=None):
            conjugate = Number({mono: -c if (root, 1) in mono else c for mono, c in self.items()})
            return conjugate * (self * conjugate).inverse()
        if len(self) == 1:
            return Number({tuple((symbol, -k) for symbol, k in mono): 1 / c for mono, c in self.items()})
        return Number({((("1/", tuple(sorted(self.items()))), 1),): Fraction(1)})

    def cleared(self) -> Number:
        """Multiplied by the sums that it is divided by, so that it is 0 exactly if it has no terms."""
        for symbol in (symbol for mono in self for symbol, _ in mono if symbol[0] == "1/"):
            most, out = max(dict(mono).get(symbol, 0) for mono in self), Number({})
            for mono, c in self.items():
                k, rest = dict(mono).get(symbol, 0), tuple(item for item in mono if item[0] != symbol)
                out = out + Number(dict(symbol[1])) ** (most - k) * Number({rest: c})
            return out.cleared()
        return self

    def sqrt(self) -> Any:
        ((mono, c),) = self.items() if len(self) == 1 else [((), Fraction(-len(self)))]
        rest, p = c.numerator * c.denominator, 2
        if not 0 <= rest < 10**14 or any(k % 2 or symbol not in POSITIVE for symbol, k in mono):
            raise NotImplementedError("the square root of a sum, of what is no square, or of a large number")
        root = Number({tuple((symbol, k // 2) for symbol, k in mono): Fraction(bool(c), c.denominator)})
        while rest > 1:
            p = next(p for p in chain(range(p, isqrt(rest) + 1), [rest]) if rest % p == 0)
            root, rest = root * Number({((("√", p), 1),): Fraction(1)}), rest // p
        return root

    def sign(self) -> int:
        """By digits, until they decide: roots of different square-free numbers are independent, so 0 has no terms."""
        digits = 8
        while self:
            total = sum(c * isqrt(prod(p for (_, p), _ in mono) * 100**digits) for mono, c in self.items())
            if abs(total) > sum(map(abs, self.values())):
                return 1 if total > 0 else -1
            digits *= 2
        return 0

    def __str__(self) -> str:
        found = sorted((prod(p for (_, p), _ in mono), c) for mono, c in self.items())
        return " + ".join(f"{c}*sqrt({d})" if d > 1 else str(c) for d, c in found) or "0"


HEADS: Any = {"Add": lambda a, b: a + b, "Sub": lambda a, b: a - b, "neg": lambda a: a * -1, "num": Number.of}
HEADS |= {"Mult": lambda a, b: b * a if type(b) is Vector else a * b, "Div": lambda a, b: a * b.inverse()}
HEADS |= {"Pow": pow, "sqrt": Number.sqrt}


def mirrored(word: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(MIRRORED.get(letter, letter) for letter in reversed(word))


def nonnegative(node: list[Any]) -> bool:
    """Whether the form of an expression alone makes it so."""
    head, *args = node
    if head in {"sym", "num"}:
        return args[0] in {"m", "s", "sigma", "rho", "eps", "lam"} if head == "sym" else args[0] >= 0
    if head in {"MatMult", "Pow"}:
        return args[0] == args[1] if head == "MatMult" else args[1][1] % 2 == 0
    if head == "Sub":
        return args[1] == ["sym", "rho"] and args[0][0] == "num" and args[0][1] >= 1
    return head in {"Add", "Mult", "Div", "sqrt"} and all(map(nonnegative, args))


class Formal:
    """Every m at once, by the axioms of the setting of a piece of evidence. With ``eps`` False, rho = 1."""

    def __init__(self, item: dict[str, Any], let: str = "") -> None:
        if item["setting"] not in AXIOMS:
            raise NotImplementedError(f"the setting {item['setting']}")
        self.axioms = AXIOMS[item["setting"]] | ({} if item.get("eps", True) else AXIOMS["eps-is-0"])
        self.item, self.let, self.units = item, let, self.axioms.get("units", "").split(" ")
        self.trusted, self.known = set[str](), dict[str, Any]()

    def defined(self, name: str) -> Any:
        """What an axiom says a name is, if one does."""
        base, unit = (name[:-2], name[-2:]) if name[-2:] in self.units else (name, "")
        found = self.axioms.get(self.let + base) or self.axioms.get(base)
        return fill(tree(found), {}, unit) if found else None

    def moves(self, p: Any, unit: str = "") -> dict[str, Any]:
        """How the names change as y (of a unit) moves along p, by the axioms and what they define, and the loss L."""
        out: dict[str, Any] = {}
        for key in (key for key in self.axioms if key[:2] == "d "):
            earlier = {"d" + name.removesuffix(unit): change for name, change in out.items()}
            out[key[2:] + unit] = fill(tree(self.axioms[key]), {"p": p} | earlier, unit)
        for name in (name for name in ("nu", "yhat", "z") if name in self.axioms):
            out[name + unit] = rate(fill(tree(self.axioms[name]), {}, unit), out)
        out |= {"g" + to: ["op", "H" + to + unit[1:], out["z" + unit]] for to in self.units}
        return out | {"L": ["MatMult", ["vec", "g" + unit], out["z" + unit]]}

    def named(self, kind: str, name: str) -> Any:
        """The number (sym) or the vector (vec) of a name."""
        if name not in self.known:
            if found := self.defined(name):
                self.known[name] = self.value(found)
            elif name[0] == "v" and name[1:] in self.units:
                self.known[name] = self.riesz(self.moves(["vec", "§"], name[1:])["L"])
            elif name in {"dgamma", "dbeta", "dscale", "dshift"}:
                change = rate(self.defined("z"), {name[1:]: ["num", 1]})
                self.known[name] = self.value(["MatMult", ["vec", "g"], change])
            else:
                return self.other(kind, name)
        return self.known[name]

    def op(self, name: str, u: Any) -> Any:
        q = ["vec", f"§{name}"]
        self.known[q[1]] = u
        if f"{name} u" in self.axioms:
            return self.value(fill(tree(self.axioms[f"{name} u"]), {"u": q}))
        if name in {"Dyhat", "Dz"}:
            return self.value(self.moves(q)[name[1:]])
        for j, k in product(self.units, repeat=2):
            if name == f"B{j}{k[1:]}":
                return self.riesz(rate(self.moves(["vec", "§"], j)["L"], self.moves(q, k)))
        return self.apply((name,), u)

    def derivative(self, node: Any, direction: Any, variable: list[str]) -> Any:
        """How ``node`` changes as y moves, or W with y = X W, or z with y-hat, or y-hat with z; g follows."""
        self.known["§d"], p = self.value(direction), ["vec", "§d"]
        cases = {"z": {"z": p, "yhat": rate(tree("('z' - beta * '1') / gamma"), {"z": p})}}
        cases["yhat"] = {"yhat": p, "z": rate(tree(self.axioms["z"]), {"yhat": p})}
        for name, change in (("y", p), ("W", ["op", "X", p])):
            cases[name] = self.moves(change) | {"v": ["op", "B", change]}
        moves = cases[variable[1]]
        moves["g"] = ["op", "H", moves["z"]]
        if strange := set(re.findall(r"'(\w+)'\]", repr(node))) - moves.keys() - FIXED:
            raise NotImplementedError(f"the change of {min(strange)}")
        return self.value(rate(node, moves) or ["Mult", node, ["num", 0]])

    def value(self, node: Any) -> Any:
        """A node of an expression tree."""
        head, *args = node
        if head in {"sym", "vec"}:
            return self.named(head, args[0])
        if head == "derivative":
            return self.derivative(*args)
        if head == "max_form" or (head == "abs" and not self.let):
            raise NotImplementedError(f"the expression {head}")
        inner = [self.value(arg) if isinstance(arg, list) else arg for arg in args]
        match head:
            case "op" | "MatMult":
                return (self.op if head == "op" else self.dot)(*inner)
            case "abs":
                return inner[0] * (inner[0].sign() or 1)
            case "max_grad":
                self.trusted.add("quadratic-extremum")
                return self.named("sym", "lam") ** 2 * self.dot(inner[0], inner[0])
        return HEADS[head](*inner)

    def sides(self, statement: dict[str, Any]) -> list[Any]:
        """Both sides; an equation of vectors is tested along the free probe a."""
        found = [self.value(tree(statement[side])) for side in ("lhs", "rhs")]
        return [self.dot(self.named("vec", "a"), x) if type(x) is Vector else x for x in found]

    def verify(self) -> str:
        """A certificate: rhs - lhs is exactly 0, or exactly a sum of terms that cannot be negative."""
        op, (lhs, rhs) = self.item["statement"]["op"], self.sides(self.item["statement"])
        slack = rhs - lhs
        if not slack.cleared() and op in {"le", "eq"}:
            return "for every m, and it is an equality"
        if op != "le" or self.item["equality"]:
            raise ArithmeticError("the two sides differ" if slack else "they are equal: it is strict")
        assumed = {h["name"]: h["statement"] for h in self.item["hypotheses"]}
        for term in self.item["terms"]:
            amount = self.value(tree(term["multiplier"]))
            if not nonnegative(tree(term["multiplier"])):
                raise ArithmeticError(f"the multiplier {term['multiplier']} is not seen to be non-negative")
            for kind, *parts in term["factors"]:
                if kind == "hypothesis":
                    low, high = self.sides(assumed[parts[0]])
                else:
                    a, b = (self.value(tree(part)) for part in (parts[0], parts[-1]))
                    low, high = Number({}), self.dot(a, a) if type(a) is Vector else a * a
                if kind == "cauchy":
                    low, high = self.dot(a, b) ** 2, high * self.dot(b, b)
                    self.trusted.add("cauchy-schwarz")
                amount = amount * (high - low)
            slack = slack - amount
        if slack.cleared():
            raise ArithmeticError("the terms do not add up to the slack")
        return "for every m"

    def other(self, kind: str, name: str) -> Any:
        return Number({(((name,), 1),): Fraction(1)}) if kind == "sym" else Vector({((), name): Number.of(1)})

    def apply(self, word: tuple[str, ...], u: Vector) -> Vector:
        if any(letter.partition("_")[0] not in CONSTANT | {"H"} for letter in word):
            raise NotImplementedError(f"the operator {word[0]}")
        return Vector({((*word, *inner), name): c for (inner, name), c in u.items()})

    def dot(self, u: Vector, w: Vector) -> Number:
        pairs = product(u.items(), w.items())
        parts = (c * d * self.bracket(a, (*mirrored(j), *k), b) for ((j, a), c), ((k, b), d) in pairs)
        return sum(parts, Number({}))

    def bracket(self, left: str, word: tuple[str, ...], right: str) -> Number:
        """<left, word right>, where C C = C."""
        word = tuple(x for i, x in enumerate(word) if x != "C" or word[i - 1 : i] != ("C",))
        for a, w, b in ((left, word, right), (right, mirrored(word), left)):
            if w and (image := self.axioms.get(f"{w[-1]} {b}")):
                return self.dot(self.other("vec", a), self.apply(w[:-1], self.value(tree(image))))
        a, w, b = symbol = min((left, word, right), (right, mirrored(word), left))
        unit = b[-2:] if b[-2:] in self.units and a[-2:] in {"1", b[-2:]} else ""
        fact = self.axioms.get(f"{a.removesuffix(unit)}@{b.removesuffix(unit)}") if not w else None
        return self.value(fill(tree(fact), {}, unit)) if fact else Number({((symbol, 1),): Fraction(1)})

    def riesz(self, functional: Any) -> Vector:
        """The vector u with <u, §> = ``functional`` for the free direction §."""
        out = Vector({})
        for mono, c in self.value(functional).items():
            ((left, word, right),) = (symbol for symbol, _ in mono if "§" in symbol)
            key = (word, right) if left == "§" else (mirrored(word), left)
            out = out + Vector({key: Number({tuple(item for item in mono if "§" not in item[0]): c})})
        return out


class Point(Formal):
    """One exact instance, by the same axioms; the loss downstream is L(u) = <g,u-z> + (u-z)'H(u-z)/2."""

    def __init__(self, item: dict[str, Any]) -> None:
        super().__init__(item, "let ")
        self.data = data = item["instance"]
        self.extra, size, X = dict(data["extra"]), len(data["y"]), data["X"] or []
        if self.units != [""] or ("d n" in self.axioms and "let n" not in self.axioms):
            raise NotImplementedError(f"at a point, the setting {item['setting']}")
        H = [list(map(Fraction, row)) for row in data["H"] or [[0] * size] * size]
        if [list(row) for row in zip(*H, strict=True)] != H:
            raise ArithmeticError("the Hessian of the instance is not symmetric")
        self.matrices = self.extra | {"H": H, "X": X, "T": list(zip(*X, strict=True))}
        self.matrices["D"] = [[0] * i + [c] for i, c in enumerate(self.extra.get("scale", []))]
        self.known = {"1": column([1] * size), "y": column(data["y"]), "g": column(data["g"])}
        self.known |= {"m": Number.of(size), "root_m": Number.of(size).sqrt()}
        for name, matched in (("eps", ""), ("lam", ""), ("gamma", "s"), ("beta", "mu")):
            self.known[name] = self.named("sym", matched) if data[name] == matched else Number.of(data[name])
        self.known |= {"bias": self.known["1"] * self.known["beta"], "W": column(data["W"] or [])}
        self.named("vec", "yhat")  # the batch has one
        if X and any(c.sign() for c in (self.known["y"] - self.apply(("X",), self.known["W"])).values()):
            raise ArithmeticError("the instance says y = X W, but X W is another vector")

    def elsewhere(self, X: Any, W: Any) -> Point:
        """The same network and loss at other inputs or weights."""
        rest = {"y": [self.dot(row, column(W)) for row in map(column, X)], "X": X, "W": W, "extra": []}
        here = {"gamma": self.known["gamma"], "beta": self.known["beta"]}
        there = Point(self.item | {"instance": self.data | rest | here})
        there.known["g"] += self.apply(("H",), there.named("vec", "z") - self.named("vec", "z"))
        return there

    def dot(self, u: Vector, w: Vector) -> Any:
        return sum((c * w[i] for i, c in u.items() if i in w), Number({}))

    def apply(self, word: tuple[str, ...], u: Vector) -> Vector:
        for letter in reversed(word):
            if letter == "HW_other":
                return self.elsewhere(self.extra["X_other"], self.data["W"]).op("HW", u)
            if not self.matrices.get(letter):
                raise ArithmeticError(f"the instance holds no {letter}")
            u = Vector({i: self.dot(column(row), u) for i, row in enumerate(self.matrices[letter])})
        return u

    def riesz(self, functional: Any) -> Vector:
        """The same, coordinate by coordinate."""
        out = {}
        for i in self.known["1"]:
            self.known["§"] = Vector({i: Number.of(1)})
            out[i] = self.value(functional)
        return Vector(out)

    def other(self, kind: str, name: str) -> Any:
        """What the instance alone knows."""
        if name == "dW_hat":
            return self.elsewhere(self.data["X"], self.extra["What"]).named("vec", "dW")
        if name == "dW_other":
            return self.elsewhere(self.extra["X_other"], self.data["W"]).named("vec", "dW")
        if name == "frobenius_other":
            return sum((self.dot(row, row) for row in map(column, self.extra["X_other"])), Number({}))
        if name not in self.extra or name in {"lambda_min_H", "gamma_max"}:
            raise NotImplementedError(f"at a point, the name {name}")
        return (column if kind == "vec" else Number.of)(self.extra[name])

    def verify(self) -> str:
        """Every hypothesis holds here; the statement fails at a counterexample and holds at a witness."""
        kind = self.item["kind"]
        expected = [(assumed["statement"], True) for assumed in self.item["hypotheses"]]
        for statement, holds in [*expected, (self.item["statement"], kind == "witness")]:
            lhs, rhs = self.sides(statement)
            sign = (lhs - rhs).sign()
            if {"le": sign <= 0, "lt": sign < 0, "eq": not sign}[statement["op"]] != holds:
                raise ArithmeticError(
                    f"no {kind}: {lhs} against {rhs} for {statement['lhs']} {statement['rhs']}"
                )
        return f"{kind} at m = {len(self.data['y'])}, {lhs} against {rhs}"


def column(numbers: Any) -> Vector:
    return Vector({i: Number.of(number) for i, number in enumerate(numbers)})


def check(item: dict[str, Any]) -> tuple[str, str]:
    """One piece of evidence: (verified | trusted | not checked | FAILS, why)."""
    if item["kind"] == "lemma":
        return "trusted", f"lemma {item['lemma']}: {item['text']}"
    if item["kind"] not in {"certificate", "counterexample", "witness"}:
        return "not checked", f"evidence of the kind {item['kind']}"
    shown = "{lhs} {op} {rhs}".format(**item["statement"])
    shown += "".join(f", given {assumed['name']}" for assumed in item["hypotheses"])
    try:
        room = Formal(item) if item["kind"] == "certificate" else Point(item)
        found = room.verify() + f" in the setting {item['setting']}" * (item["setting"] != "activations")
    except (NotImplementedError, ArithmeticError) as reason:
        return "FAILS" if isinstance(reason, ArithmeticError) else "not checked", f"{reason}: {shown}"
    return "verified", f"{found}: {shown}" + "".join(f" [trusting {x}]" for x in sorted(room.trusted))


def main(arguments: list[str]) -> int:
    root, found, name, listed = Path(*arguments[:1]), list[str](), MANIFEST, None
    present = {path.name: path for path in sorted(root.glob("*.json"))}
    if len(arguments) != 1 or not present:
        print(
            "usage: python -I checker.py DIR, a folder of certificates written by bnverify", file=sys.stderr
        )
        return 2
    try:
        if MANIFEST in present:
            listed = dict(json.loads(present.pop(MANIFEST).read_bytes()))
        else:
            print(f"no {MANIFEST}: whatever verifies below is true as it stands")
        for name in sorted(present.keys() | (listed or {}).keys()):
            raw = (root / name).read_bytes()
            if listed is not None and listed.get(name) != hashlib.sha256(raw).hexdigest():
                found.append("CHANGED")
                print(f"CHANGED     {name}: not the file that {MANIFEST} lists", file=sys.stderr)
            data = json.loads(raw)
            if data["format"] != FORMAT:
                raise ValueError(f"format {data['format']!r}, this checker reads format {FORMAT}")
            for item in data["items"]:
                state, why = check(item)
                found.append(state)
                print(f"{state:<12}{data['claim']} {item['about']}: {why}")
    except UNREADABLE as reason:
        found.append("CANNOT READ")
        print(f"CANNOT READ {name}: no certificate of this format ({reason!r})", file=sys.stderr)
    print(", ".join(f"{found.count(kind)} {kind}" for kind in sorted(set(found))))
    return 2 if "CANNOT READ" in found else int("FAILS" in found or "CHANGED" in found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
