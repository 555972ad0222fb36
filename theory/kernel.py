"""The independent checker: one file, standard library only, nothing of the rest of the project.

``python -I theory/kernel.py DIR`` re-verifies what ``bnverify prove --export DIR`` wrote. It holds the definition
of BatchNorm as axioms: how the mean, s = sqrt(sigma^2 + eps) and y-hat change along a direction (`Formal.along`),
the Gram facts <1,1> = m, <1,y-hat> = 0, <y-hat,y-hat> = m rho, and the chain rule dL = <g,dz>,
d2L = <dz,H dz'> + <g,d2z>. From these it expands v, B, the Jacobians and their weight-space forms: for every m
with its own polynomials, and at a point in Q(sqrt d1, sqrt d2, ...). Exit code: 0 what it can check verifies,
1 something does not, 2 something cannot be read. What rests on a named lemma is printed as trusted; evidence of
another kind is listed by name as not checked.
"""

from __future__ import annotations

import hashlib
import json
import operator
import sys
from fractions import Fraction
from functools import cache
from math import gcd, isqrt
from pathlib import Path
from typing import Any

FORMAT, MANIFEST = 1, "manifest.json"
POSITIVE = {("√m",), ("√rho",), ("s",), ("lam",), ("alpha",)}


class Vector:
    """A linear combination: of formal vectors (word, name) for every m, of coordinates at a point."""

    def __init__(self, terms: dict[Any, Any]) -> None:
        self.terms = terms

    of: Any = staticmethod(lambda u: u)

    def __add__(self: Any, other: Any) -> Any:
        out = dict(self.terms)
        for key, c in self.of(other).terms.items():
            out[key] = out[key] + c if key in out else c
        return type(self)(out)

    def __mul__(self: Any, factor: Any) -> Any:
        return type(self)({key: c * factor for key, c in self.terms.items()})

    def __sub__(self: Any, other: Any) -> Any:
        return self + other * -1


class Number(Vector):
    """A linear combination over Q of ``unit`` and other keys that multiply by ``join``."""

    unit: Any = ()

    def __init__(self, terms: dict[Any, Fraction]) -> None:
        self.terms = {key: c for key, c in terms.items() if c}

    @classmethod
    def of(cls, value: Any) -> Any:
        return value if isinstance(value, cls) else cls({cls.unit: Fraction(value)})

    def __mul__(self: Any, other: Any) -> Any:
        if type(other) is Vector:
            return other * self
        out: dict[Any, Fraction] = {}
        for a, c in self.terms.items():
            for b, d in self.of(other).terms.items():
                key, factor = self.join(a, b)
                out[key] = out.get(key, Fraction(0)) + c * d * factor
        return type(self)(out)

    def __truediv__(self: Any, other: Any) -> Any:
        return self * self.of(other).inverse()

    def __pow__(self: Any, k: int) -> Any:
        out = self.of(1)
        for _ in range(abs(k)):
            out = out * self
        return out if k >= 0 else out.inverse()


class Poly(Number):
    """A Laurent polynomial: keys are tuples of ((name,), power) or ((left, word, right), power)."""

    @staticmethod
    def symbol(*key: Any) -> Poly:
        return Poly({((key, 1),): Fraction(1)})

    @staticmethod
    def join(a: tuple[Any, ...], b: tuple[Any, ...]) -> tuple[tuple[Any, ...], int]:
        powers = dict(a)
        for symbol, k in b:
            powers[symbol] = powers.get(symbol, 0) + k
        return tuple(sorted(item for item in powers.items() if item[1])), 1

    def monomial(self, what: str) -> tuple[tuple[Any, ...], Fraction]:
        if len(self.terms) != 1:
            raise NotImplementedError(f"for every m, the {what} of 0 or of a sum")
        return next(iter(self.terms.items()))

    def inverse(self) -> Poly:
        mono, c = self.monomial("reciprocal")
        return Poly({tuple((symbol, -k) for symbol, k in mono): 1 / c})

    def sqrt(self) -> Poly:
        mono, c = self.monomial("square root")
        root = Surd.of(c).sqrt()
        if set(root.terms) != {1} or any(k % 2 or symbol not in POSITIVE for symbol, k in mono):
            raise NotImplementedError("for every m, the square root of something that is no square")
        return Poly({tuple((symbol, k // 2) for symbol, k in mono): root.terms[1]})


def mirrored(word: tuple[str, ...]) -> tuple[str, ...]:
    return tuple({"X": "T", "T": "X"}.get(letter, letter) for letter in reversed(word))


@cache
def primes(n: int) -> tuple[int, ...]:
    p = next((p for p in range(2, min(isqrt(n), 10**6) + 1) if n % p == 0), n)
    if p > 10**12:
        raise NotImplementedError(f"the square root of a number with the large factor {p}")
    return () if n == 1 else (p, *primes(n // p))


class Surd(Number):
    """sum of c_d sqrt(d) over square-free d > 0: exact arithmetic and exact signs."""

    unit = 1

    @staticmethod
    def join(d: int, e: int) -> tuple[int, int]:
        return d * e // gcd(d, e) ** 2, gcd(d, e)

    def split(self) -> tuple[int, Any, Surd]:
        """self = a + b sqrt(p), p the largest prime under a root and in neither a nor b; p = 1 if rational."""
        p = max((max(primes(d)) for d in self.terms if d > 1), default=1)
        if p == 1:
            return 1, self.terms.get(1, Fraction(0)), Surd({})
        a = Surd({d: c for d, c in self.terms.items() if d % p})
        return p, a, Surd({d // p: c for d, c in self.terms.items() if d % p == 0})

    def inverse(self) -> Surd:
        p, a, b = self.split()
        if p == 1:
            return Surd({1: 1 / a})
        return (a - b * Surd({p: Fraction(1)})) * (a * a - b * b * p).inverse()

    def sign(self) -> int:
        p, a, b = self.split()
        if p == 1:
            return (a > 0) - (a < 0)
        left, right = a.sign(), b.sign()
        return left or right if left * right >= 0 else left * (a * a - b * b * p).sign()

    def sqrt(self) -> Surd:
        c = self.terms.get(1, Fraction(0))
        if c < 0 or not set(self.terms) <= {1}:
            raise NotImplementedError("the square root of a number that is not a non-negative rational")
        free = root = 1
        found = primes(c.numerator * c.denominator) if c else ()
        for p in set(found):
            free, root = free * p ** (found.count(p) % 2), root * p ** (found.count(p) // 2)
        return Surd({free: Fraction(root if c else 0, c.denominator)})

    def __str__(self) -> str:
        return " + ".join(f"{c}*sqrt({d})" if d > 1 else str(c) for d, c in sorted(self.terms.items())) or "0"


class Formal:
    """Every m at once. With ``eps`` False, rho = 1 and sigma = s; names without a definition are free."""

    def __init__(self, eps: bool) -> None:
        self.trusted: set[str] = set()
        self.m, self.s = Poly.symbol("√m") ** 2, Poly.symbol("s")
        t = Poly.symbol("√rho") if eps else Poly.of(1)
        hat = "yhat"
        self.facts = {("1", (), "1"): self.m, ("1", (), hat): Poly({}), (hat, (), hat): self.m * t**2}
        self.known = {"m": self.m, "sigma": t * self.s, "rho": t**2, "eps": self.s**2 - (t * self.s) ** 2}

    def base(self, name: str) -> Vector:
        return Vector({((), name): Poly.of(1)})

    def apply(self, word: tuple[str, ...], u: Vector) -> Vector:
        return Vector({((*word, *inner), name): c for (inner, name), c in u.terms.items()})

    def dot(self, u: Vector, w: Vector) -> Poly:
        total = Poly({})
        for (left_word, left), a in u.terms.items():
            for (right_word, right), b in w.terms.items():
                word = (*mirrored(left_word), *right_word)
                key = min((left, word, right), (right, mirrored(word), left))
                total = total + a * b * self.facts.get(key, Poly.symbol(*key))
        return total

    def along(self, p: Vector) -> tuple[Poly, Poly, Vector]:
        """The axioms: dmu = <1,p>/m, ds = <y-hat,p>/m, and y = mu 1 + s y-hat changes by p."""
        dmu, ds = (self.dot(self.base(name), p) / self.m for name in ("1", "yhat"))
        return dmu, ds, (p - self.base("1") * dmu - self.base("yhat") * ds) * self.s.inverse()

    def bent(self, p: Vector, q: Vector) -> Vector:
        """d2yhat: s dyhat = p - 1 dmu - yhat ds differentiated once more along q, with d2s = <dyhat', p>/m."""
        (_, ds, dyhat), (_, ds_, dyhat_) = self.along(p), self.along(q)
        rest = dyhat_ * ds + self.base("yhat") * (self.dot(dyhat_, p) / self.m) + dyhat * ds_
        return rest * self.s.inverse() * -1

    def riesz(self, functional: Poly) -> Vector:
        """The vector u with <u, §> = ``functional`` for the free direction §."""
        out = Vector({})
        for mono, c in functional.terms.items():
            ((left, word, right),) = (symbol for symbol, _ in mono if "§" in symbol)
            key = (word, right) if left == "§" else (mirrored(word), left)
            rest = tuple(item for item in mono if "§" not in item[0])
            out = out + Vector({key: Poly({rest: c})})
        return out

    def vec(self, name: str) -> Vector:
        if name in {"y", "z"}:
            factor, shift = (self.s, "mu") if name == "y" else (self.sym("gamma"), "beta")
            return self.base("yhat") * factor + self.base("1") * self.sym(shift)
        if name in {"v", "dW"}:
            free = self.apply(("X",) * (name == "dW"), self.base("§"))
            return self.riesz(self.dot(self.base("g"), self.op("Dz", free)))
        if name == "yhat_scaled":
            scaled = self.vec("y") * self.sym("alpha")
            centered = scaled - self.base("1") * (self.dot(self.base("1"), scaled) / self.m)
            return centered * (self.dot(centered, centered) / self.m + self.known["eps"]).sqrt().inverse()
        return self.apply(("T",), self.base("g_own")) if name == "dW_plain" else self.base(name)

    def op(self, name: str, u: Vector) -> Vector:
        if name in {"Dyhat", "Dz"}:
            return self.along(u)[2] * (1 if name == "Dyhat" else self.sym("gamma"))
        if name in {"B", "HW"}:
            p, q = (self.apply(("X",) * (name == "HW"), w) for w in (self.base("§"), u))
            straight = self.dot(self.op("Dz", p), self.op("H", self.op("Dz", q)))
            return self.riesz(straight + self.dot(self.base("g"), self.bent(p, q)) * self.sym("gamma"))
        if name not in {"H", "X", "T", "HW_plain"}:
            raise NotImplementedError(f"the operator {name}")
        return self.apply((name,) if name != "HW_plain" else ("T", "H", "X"), u)

    def sym(self, name: str) -> Poly:
        return self.known.get(name, Poly.symbol(name))


class Point:
    """One exact instance: `Formal`'s expansion of the axioms, evaluated there.

    The loss downstream is L(u) = <g,u-z> + (u-z)'H(u-z)/2, so the plain network's own gradient is g + H(y-z).
    """

    def __init__(self, data: dict[str, Any]) -> None:
        self.trusted: set[str] = set()
        self.formal, self.data, self.extra, size = Formal(True), data, dict(data["extra"]), len(data["y"])
        H = [list(map(Fraction, row)) for row in data["H"] or [[0] * size] * size]
        if [list(row) for row in zip(*H, strict=True)] != H:
            raise ArithmeticError("the Hessian of the instance is not symmetric")
        self.matrices = {"H": list(map(column, H))}
        one, y, g, eps = column([1] * size), column(data["y"]), column(data["g"]), Surd.of(data["eps"])
        mu = self.dot(one, y) / size
        square = self.dot(y - one * mu, y - one * mu) / size
        s, sigma = (square + eps).sqrt(), square.sqrt()
        if s.sign() == 0:
            raise ArithmeticError("the batch is constant: y-hat does not exist")
        self.values = {"m": Surd.of(size), "√m": Surd.of(size).sqrt(), "mu": mu, "s": s, "sigma": sigma}
        self.values |= {"√rho": sigma / s, "rho": square / s**2, "eps": eps, "lam": Surd.of(data["lam"])}
        self.values["gamma"] = s if data["gamma"] == "s" else Surd.of(data["gamma"])
        self.values["beta"] = mu if data["beta"] == "mu" else Surd.of(data["beta"])
        self.vectors = {"1": one, "y": y, "g": g, "yhat": (y - one * mu) * s.inverse()}
        self.vectors["z"] = self.at(self.formal.vec("z"))
        self.vectors["g_own"] = g + self.apply(("H",), y - self.vectors["z"])
        if data["X"] is not None:
            self.matrices["X"] = list(map(column, data["X"]))
            self.matrices["T"] = list(map(column, zip(*data["X"], strict=True)))
            self.vectors["W"] = column(data["W"])
            if any(c.sign() for c in (y - self.apply(("X",), self.vectors["W"])).terms.values()):
                raise ArithmeticError("the instance says y = X W, but X W is another vector")
            self.vectors["dW_plain"] = self.apply(("T",), self.vectors["g_own"])

    def elsewhere(self, X: Any, W: Any) -> Point:
        """The same network and loss at other inputs or weights."""
        rest = {"y": [self.dot(row, column(W)) for row in map(column, X)], "X": X, "W": W, "extra": []}
        there = Point(self.data | rest | {name: self.values[name] for name in ("gamma", "beta")})
        there.vectors["g"] += self.apply(("H",), there.vectors["z"] - self.vectors["z"])
        return there

    def dot(self, u: Vector, w: Vector) -> Any:
        return sum((c * w.terms[i] for i, c in u.terms.items() if i in w.terms), Surd({}))

    def apply(self, word: tuple[str, ...], u: Vector) -> Vector:
        for letter in reversed(word):
            if letter not in self.matrices:
                raise ArithmeticError(f"the instance holds no {letter}")
            u = Vector({i: self.dot(row, u) for i, row in enumerate(self.matrices[letter])})
        return u

    def at(self, u: Vector) -> Vector:
        """A formal vector at this point."""
        out = Vector({})
        for (word, name), c in u.terms.items():
            for mono, k in c.terms.items():
                number = Surd.of(k)
                for (left, *inner), power in mono:
                    bracket = inner and self.dot(self.vec(left), self.apply(inner[0], self.vec(inner[1])))
                    number = number * (bracket or self.sym(left)) ** power
                out = out + self.apply(word, self.vec(name)) * number
        return out

    def vec(self, name: str) -> Vector:
        if name in {"v", "dW"}:
            return self.at(self.formal.vec(name))
        if name == "yhat_scaled":
            scaled = [Fraction(y) * Fraction(self.given("alpha")) for y in self.data["y"]]
            return Point(self.data | {"y": scaled, "X": None}).vec("yhat")
        if name == "dW_hat":
            return self.elsewhere(self.data["X"], self.extra["What"]).vec("dW")
        if name == "dW_other":
            return self.elsewhere(self.extra["X_other"], self.data["W"]).vec("dW")
        return self.vectors[name] if name in self.vectors else column(self.given(name))

    def op(self, name: str, u: Vector) -> Vector:
        if name == "HW_other":
            return self.elsewhere(self.extra["X_other"], self.data["W"]).op("HW", u)
        self.vectors["§u"] = u
        return self.at(self.formal.op(name, self.formal.base("§u")))

    def sym(self, name: str) -> Any:
        if name == "frobenius_other":
            return sum((self.dot(row, row) for row in map(column, self.extra["X_other"])), Surd({}))
        return self.values[name] if name in self.values else Surd.of(self.given(name))

    def given(self, name: str) -> Any:
        if name not in self.extra:
            raise NotImplementedError(f"at a point, the name {name}")
        return self.extra[name]


def column(values: Any) -> Vector:
    return Vector({i: Surd.of(value) for i, value in enumerate(values)})


SIGNS = {"add": "+", "vadd": "+", "sub": "-", "vsub": "-", "mul": "*", "scale": "*", "div": "/", "pow": "^"}
BINARY = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "^": operator.pow}


def value(room: Any, node: list[Any]) -> Any:
    """A node of a statement's expression tree in a room."""
    head, *args = node
    if head == "num":
        return (Poly if isinstance(room, Formal) else Surd).of(args[0])
    if head in {"sym", "vec"} and (args[0].isidentifier() or args[0] == "1"):
        return getattr(room, head)(args[0])
    inner = [value(room, arg) if isinstance(arg, list) else arg for arg in args]
    if head in SIGNS:
        return BINARY[SIGNS[head]](*inner)
    match head:
        case "op" | "dot":
            return getattr(room, head)(*inner)
        case "neg" | "vneg":
            return inner[0] * -1
        case "sqrt":
            return inner[0].sqrt()
        case "abs" if isinstance(inner[0], Surd):
            return inner[0] * (inner[0].sign() or 1)
        case "max_grad":
            room.trusted.add("quadratic-extremum")
            return room.sym("lam") ** 2 * room.dot(inner[0], inner[0])
    raise NotImplementedError(f"the expression {head}")


def text(node: Any) -> str:
    if not isinstance(node, list):
        return str(node)
    head, *inner = (node[0], *map(text, node[1:]))
    if head in {"num", "sym", "vec"}:
        return inner[0]
    return f"({inner[0]} {SIGNS[head]} {inner[1]})" if head in SIGNS else f"{head}({', '.join(inner)})"


def nonnegative(node: list[Any]) -> bool:
    """Whether the form of an expression alone makes it so."""
    head, *args = node
    if head in {"sym", "num"}:
        known = {"m", "s", "sigma", "rho", "eps", "lam"}
        return args[0] in known if head == "sym" else Fraction(args[0]) >= 0
    if head == "dot" or (head == "pow" and args[1] % 2 == 0):
        return head == "pow" or args[0] == args[1]
    return head in {"add", "mul", "div", "sqrt"} and all(map(nonnegative, args))


def sides(room: Any, statement: dict[str, Any]) -> tuple[Any, Any]:
    """Both sides; an equation of vectors is tested along the free probe a."""
    lhs, rhs = value(room, statement["lhs"]), value(room, statement["rhs"])
    return (room.dot(room.vec("a"), lhs), room.dot(room.vec("a"), rhs)) if statement["vector"] else (lhs, rhs)


def certificate(item: dict[str, Any], room: Formal) -> str:
    """rhs - lhs is exactly 0, or exactly a sum of terms that cannot be negative."""
    op, (lhs, rhs) = item["statement"]["op"], sides(room, item["statement"])
    slack = rhs - lhs
    if not slack.terms and op in {"le", "eq"}:
        return "for every m, and it is an equality"
    if op != "le" or item["equality"]:
        raise ArithmeticError("the two sides differ" if slack.terms else "they are equal: it is strict")
    assumed = {h["name"]: h["statement"] for h in item["hypotheses"]}
    for term in item["terms"]:
        multiplier, kind, factor = value(room, term["multiplier"]), term["kind"], term["factor"]
        if not nonnegative(term["multiplier"]):
            raise ArithmeticError(f"the multiplier {text(term['multiplier'])} is not seen to be non-negative")
        if kind == "product":
            amount = Poly.of(1)
            for x in factor:
                u = value(room, x) if isinstance(x, list) else None
                low, high = (0, room.dot(u, u)) if u else sides(room, assumed[x])
                amount = amount * (high - low)
        elif kind == "square":
            amount = value(room, factor) ** 2
        elif kind == "cauchy":
            a, b = (value(room, node) for node in factor)
            amount = room.dot(a, a) * room.dot(b, b) - room.dot(a, b) ** 2
            room.trusted.add("cauchy-schwarz")
        else:
            raise NotImplementedError(f"the certificate term {kind}")
        slack = slack - multiplier * amount
    if slack.terms:
        raise ArithmeticError("the terms do not add up to the slack")
    return "for every m"


def holds(statement: dict[str, Any], room: Point) -> tuple[bool, str]:
    """Whether it holds at this point, and both sides."""
    lhs, rhs = sides(room, statement)
    found = (lhs - rhs).sign()
    return {"le": found <= 0, "lt": found < 0, "eq": not found}[statement["op"]], f"{lhs} against {rhs}"


def instance(item: dict[str, Any], room: Point) -> str:
    """Every hypothesis holds here; the statement fails at a counterexample and holds at a witness."""
    for assumed in item["hypotheses"]:
        if not holds(assumed["statement"], room)[0]:
            raise ArithmeticError(f"the hypothesis {assumed['name']} does not hold here")
    found, shown = holds(item["statement"], room)
    if found != (item["kind"] == "witness"):
        raise ArithmeticError(f"this is no {item['kind']}, {shown}")
    return f"{item['kind']} at m = {len(item['instance']['y'])}, {shown}"


def check(item: dict[str, Any]) -> tuple[str, str]:
    """One piece of evidence: (verified | trusted | not checked | FAILS, why)."""
    kind = item["kind"]
    if kind == "lemma":
        return "trusted", f"lemma {item['lemma']}: {item['text']}"
    if kind not in {"certificate", "counterexample", "witness"}:
        return "not checked", f"evidence of the kind {kind}"
    shown = " ".join(text(item["statement"][part]) for part in ("lhs", "op", "rhs"))
    try:
        room: Any = Formal(item["eps"]) if kind == "certificate" else Point(item["instance"])
        found = (certificate if kind == "certificate" else instance)(item, room)
    except NotImplementedError as reason:
        return "not checked", f"{reason}: {shown}"
    except ArithmeticError as reason:
        return "FAILS", f"{reason}: {shown}"
    return "verified", f"{found}: {shown}" + "".join(f" [trusting {x}]" for x in sorted(room.trusted))


def check_file(path: Path, listed: dict[str, str] | None) -> list[str]:
    """Prints what is found about a file and every item in it; the findings are returned."""
    raw, found = path.read_bytes(), []
    if listed is not None and listed.get(path.name) != hashlib.sha256(raw).hexdigest():
        found.append("CHANGED")
        print(f"CHANGED     {path.name}: not the file that {MANIFEST} lists", file=sys.stderr)
    data = json.loads(raw)
    if data["format"] != FORMAT:
        raise ValueError(f"format {data['format']!r}, this checker reads format {FORMAT}")
    for item in data["items"]:
        state, why = check(item)
        found.append(state)
        print(f"{state:<12}{data['claim']} {item['about']}: {why}")
    return found


def main(arguments: list[str]) -> int:
    root, found, name, listed = Path(*arguments[:1]), [], MANIFEST, None
    present = {path.name: path for path in sorted(root.glob("*.json"))}
    if len(arguments) != 1 or not present:
        print("usage: python -I kernel.py DIR, a folder of certificates written by bnverify", file=sys.stderr)
        return 2
    try:
        if MANIFEST in present:
            listed = dict(json.loads(present.pop(MANIFEST).read_bytes()))
        else:
            print(f"no {MANIFEST}: whatever verifies below is true as it stands")
        for name in sorted(present.keys() | (listed or {}).keys()):
            found += check_file(root / name, listed)
    except (OSError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as reason:
        found.append("CANNOT READ")
        print(f"CANNOT READ {name}: no certificate of this format ({reason!r})", file=sys.stderr)
    print(", ".join(f"{found.count(kind)} {kind}" for kind in sorted(set(found))))
    return 2 if "CANNOT READ" in found else int("FAILS" in found or "CHANGED" in found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
