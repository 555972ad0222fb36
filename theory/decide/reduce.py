"""Gram coordinates: what a statement says of real vectors, as polynomials in finitely many real unknowns.

A first- or second-order statement mentions vectors only through inner products. In orthogonal axes u_1, u_2, ... of
their span, each of squared length m, the k-th vector has coordinates on the first k axes alone, the k-th not
negative; an operator is a free symmetric table on the span and on as many further axes as its images need. So the
Gram matrix is positive semidefinite by construction, and every choice of the unknowns is realised by real vectors
as soon as m is at least the number of axes. For smaller m there are only m axes: these are cases of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import isqrt
from typing import Any

from bnverify.theory.certify.unknowns import Irreducible, evaluated, inner_products, names_of, raised, unknown
from bnverify.theory.kernel import EPS, Formal, Number, Vector, walk
from bnverify.theory.kernel import parse as kernel_parse
from bnverify.theory.points.case import Case

Coordinates = dict[int, Number]


Matrix = dict[tuple[int, int], Number]


ZERO, ONE = Number({}), Number.of(1)


@dataclass
class Problem:
    """Real algebra: unknowns, and what is demanded of Laurent polynomials in them.

    ``given`` and ``goal`` hold pairs of a polynomial and ``==``, ``!=``, ``>=`` or ``>``, each compared with 0. The
    goal holds if all its pairs do.
    """

    size: int | None  # the batch size, or None for every real m of at least `axes`
    axes: int
    given: list[tuple[Number, str]] = field(default_factory=list)
    scope: list[tuple[Number, str]] = field(default_factory=list)
    goal: list[tuple[Number, str]] = field(default_factory=list)
    positive: set[str] = field(default_factory=set)
    nonnegative: set[str] = field(default_factory=set)
    relaxed: bool = False  # whether some solutions are realised by no vectors

    def unknowns(self) -> list[str]:
        """The unknowns that occur in the goal and the given, and in the scope of those, in a fixed order."""
        found = {atom[1] for poly, _ in (*self.goal, *self.given) for atom in poly.atoms()}
        while True:
            more = {atom[1] for poly, _ in self.scope for atom in poly.atoms() if found & names_of(poly)}
            if more <= found:
                return sorted(found)
            found |= more

    def side_conditions(self) -> list[tuple[Number, str]]:
        """The scope as far as it concerns the unknowns that occur."""
        known = set(self.unknowns())
        return [(poly, relation) for poly, relation in self.scope if names_of(poly) & known]


class Frame:
    """The room of coordinates: every formal number has a Laurent polynomial as its value here."""

    def __init__(
        self,
        formal: Formal,
        names: list[str],
        images: list[tuple[tuple[str, ...], str]],
        operators: dict[str, str],
        size: int | None,
        lengths: list[Fraction] | None = None,
    ) -> None:
        """``operators`` maps names to their kinds, where a diagonal one is any that is symmetric; ``lengths`` are
        the squared lengths of the axes."""
        self.formal, self.order, self.size = formal, names, size
        self.rank = len(names)
        self.axes = self.rank + len(images)
        if size is not None:
            self.axes = min(self.axes, size)
        self.m = unknown("m") if size is None else Number.of(size)
        self.lengths = (
            [self.m] * self.axes if lengths is None else [Number.of(x) for x in lengths[: self.axes]]
        )
        self.problem = Problem(size, self.axes)
        self.images, self.alone = bool(images), len(operators) == 1
        self.values: dict[Any, Number] = {}
        self.vectors: dict[str, Coordinates] = {}
        self.matrices: dict[str, Matrix] = {}
        self.powers: dict[Any, Number] = {}
        if size is None:
            self.problem.positive.add("m")
        self._place_vectors()
        for name, kind in operators.items():
            self.matrices[name] = self._matrix(name, kind)
        self._eliminate_eps()
        self._scope()

    # ---- unknowns

    def _place_vectors(self) -> None:
        for place, name in enumerate(self.order):
            if name == "one":
                self.vectors[name] = {0: ONE}
                continue
            plain = name.replace("'", "_")
            row = {i: unknown(f"{plain}_{i + 1}") for i in range(min(place + 1, self.axes))}
            if place < self.axes:
                self.problem.nonnegative.add(f"{plain}_{place + 1}")
            self.vectors[name] = row
            if name.startswith("sign'"):
                self.problem.relaxed = True
                self.problem.scope.append((self.dot(row, row) - self.m, "=="))

    def _matrix(self, name: str, kind: str) -> Matrix:
        """A symmetric table k with operator = sum k_ij u_i u_j'; under psd it is L L'."""
        n = self.axes
        turned = self.images and self.alone  # the further axes are turned to suit one operator's images
        table: Matrix = {}
        if "psd" in kind:
            low = {(i, j): unknown(f"{name}L_{i + 1}{j + 1}") for i in range(n) for j in range(i + 1)}
            self.problem.nonnegative |= {f"{name}L_{i + 1}{i + 1}" for i in range(n)}
            for i in range(n):
                for j in range(n):
                    entry = ZERO
                    for k in range(min(i, j) + 1):
                        entry = entry + low[i, k] * low[j, k]
                    table[i, j] = entry
            return table
        for i in range(n):
            for j in range(i, n):
                # an image leaves the span along the further axes in turn, the last vector's image first
                free = not (turned and i < self.rank <= j and j - self.rank > self.rank - 1 - i)
                table[i, j] = table[j, i] = unknown(f"{name}_{i + 1}{j + 1}") if free else ZERO
        return table

    def _eliminate_eps(self) -> None:
        """A divisor s with s^2 = X + eps is the unknown, and eps = s^2 - X."""
        eps = ("number", "eps")
        for atom, meaning in self.formal.meaning.items():
            share = Number({k: c for k, c in meaning.parts.items() if dict(k).get(eps)})
            if atom[0] == "root" and share.parts == {((eps, 1),): Fraction(1)} and eps not in self.values:
                name = f"root_{atom[1]}"
                self.values[atom] = unknown(name)
                self.problem.positive.add(name)
                self.values[eps] = unknown(name) * unknown(name) - self.value(meaning - share)
                self.problem.scope.append((self.values[eps], ">"))
        if eps not in self.values:
            self.values[eps] = unknown("eps")
            self.problem.positive.add("eps")

    def _scope(self) -> None:
        for atom in sorted(self.formal.nonzero | self.formal.nonnegative, key=str):
            if atom in {("number", "m"), EPS}:
                continue
            poly = self.value(Number.atom(atom))
            strict = atom in self.formal.nonzero
            if self.formal.is_nonnegative(atom):
                self._note(poly, ">" if strict else ">=")
            elif strict:
                self._note(poly, "!=")

    def _note(self, poly: Number, relation: str) -> None:
        """Keep a side condition; one on a single unknown becomes its sign."""
        if len(poly.parts) == 1:
            ((monomial, c),) = poly.parts.items()
            if len(monomial) == 1 and c > 0 and monomial[0][1] > 0:
                name = monomial[0][0][1]
                if monomial[0][1] % 2 == 0 and relation == ">=":
                    return
                if monomial[0][1] % 2 == 1 and relation == ">=":
                    self.problem.nonnegative.add(name)
                    return
                if relation == ">" and monomial[0][1] % 2 == 1:
                    self.problem.positive.add(name)
                    return
                if relation in {"!=", ">"} and name in self.problem.nonnegative:
                    self.problem.positive.add(name)
                    return
        self.problem.scope.append((poly, relation))

    # ---- values

    def dot(self, left: Coordinates, right: Coordinates) -> Number:
        total = ZERO
        for i, a in left.items():
            if i in right:
                total = total + a * right[i] * self.lengths[i]
        return total

    def apply(self, name: str, u: Coordinates) -> Coordinates:
        table = self.matrices[name]
        out: Coordinates = {}
        for i in range(self.axes):
            total = ZERO
            for j, c in u.items():
                total = total + table[i, j] * self.lengths[j] * c
            if total:
                out[i] = total
        return out

    def image(self, word: tuple[str, ...], name: str) -> Coordinates:
        found = self.vectors[name]
        for letter in reversed(word):
            found = self.apply(letter, found)
        return found

    def value(self, number: Number) -> Number:
        """The polynomial that a formal number is here."""
        return evaluated(number, self._power)

    def coordinates(self, vector: Vector) -> list[Number]:
        """The coordinates of a formal vector."""
        out = [ZERO] * self.axes
        for (word, name), c in vector.parts.items():
            factor = self.value(c)
            for i, x in self.image(word, name).items():
                out[i] = out[i] + x * factor
        return out

    def _power(self, atom: Any, power: int) -> Number:
        if (atom, power) not in self.powers:
            base = self.atom(atom)
            if power < 0 and len(base.parts) != 1:
                base = self._stand_in(atom, base)
            self.powers[atom, power] = raised(base, power)
        return self.powers[atom, power]

    def _stand_in(self, atom: Any, base: Number) -> Number:
        """A new unknown for a divisor that is a sum."""
        name = "part_" + "_".join(str(x) for x in atom if x != ()).replace("'", "")
        self.values[atom] = unknown(name)
        self.problem.scope += [(unknown(name) - base, "=="), (unknown(name), "!=")]
        return self.values[atom]

    def atom(self, atom: Any) -> Number:
        if atom not in self.values:
            self.values[atom] = self._atom(atom)
        return self.values[atom]

    def _atom(self, atom: Any) -> Number:
        match atom:
            case ("number", "m"):
                return self.m
            case ("number", name):
                return unknown(name)
            case ("smooth", _):
                return unknown("smooth")
            case ("dot", a, word, b):
                half = len(word) // 2
                return self.dot(self.image(word[:half][::-1], a), self.image(word[half:], b))
            case ("part", _):
                return self.value(self.formal.meaning[atom])
            case ("root", index):
                return self._root(self.value(self.formal.meaning[atom]), index)
        raise Irreducible(f"{atom} has no coordinates")

    def _root(self, value: Number, index: int) -> Number:
        """The root itself where it is one, else a new unknown that is not negative."""
        if not value:
            return value
        signed = self.problem.positive | self.problem.nonnegative
        if len(value.parts) == 1:
            ((monomial, c),) = value.parts.items()
            top, bottom = isqrt(abs(c.numerator)), isqrt(c.denominator)
            whole = c > 0 and top * top == c.numerator and bottom * bottom == c.denominator
            if whole and all(p % 2 == 0 and (p % 4 == 0 or a[1] in signed) for a, p in monomial):
                return Number({tuple((a, p // 2) for a, p in monomial): Fraction(top, bottom)})
        name = f"root_{index}"
        self.problem.nonnegative.add(name)
        self.problem.scope.append((unknown(name) * unknown(name) - value, "=="))
        return unknown(name)


SLACK = {"==": "==", "!=": "!=", "<=": ">=", "<": ">"}
"""How right minus left compares with 0."""


OPPOSITE = {"==": "!=", "!=": "==", ">=": "<", ">": "<="}


class Shape:
    """What the statement and the hypotheses of a case mention: vectors in their order, and images of operators."""

    def __init__(self, case: Case) -> None:
        self.case = case
        products = set().union(*(inner_products(gap, case.formal) for gap, _ in (case.goal, *case.given)))
        for atom in case.formal.nonzero:
            products |= inner_products(Number.atom(atom), case.formal)
        for operator in (walk(kernel_parse(text), case.formal) for text in case.definite):
            for name in ("one", "y", "g") if operator.source == "batch" else ():
                products |= inner_products(operator(Vector.base(name)), case.formal)
        if any(atom[0] == "max" for gap, _ in (case.goal, *case.given) for atom in case.formal.reach(gap)):
            raise Irreducible("a maximum over inputs of a form with an operator has no coordinates")
        names = {name for a, _, b in products for name in (a, b)}
        spaces = case.claim.declared_vectors()
        if strange := [n for n in names if spaces.get(n, "batch") != "batch" or n == "W'"]:
            raise Irreducible(f"{', '.join(sorted(strange)).rstrip(chr(39))} is no vector of the batch")
        letters = {letter for _, word, _ in products for letter in word}
        first = [name for name in ("one", "y", "g") if name in names]
        self.names = first + sorted(names - set(first))
        self.operators = {
            name: kind for name, kind in case.operators.items() if name in letters or "psd" in kind
        }
        if letters - set(self.operators):
            raise Irreducible(f"operators {sorted(letters - set(self.operators))} have no table of unknowns")
        self.images: list[tuple[tuple[str, ...], str]] = []
        for a, word, b in sorted(products):
            half = len(word) // 2
            for side, name in ((word[:half][::-1], a), (word[half:], b)):
                for k in range(1, half + 1):
                    if len(word) >= 2 and (side[-k:], name) not in self.images:
                        self.images.append((side[-k:], name))
        # along the vectors alone more images than vectors, one step deep, are not independent of each other
        if all(len(word) == 1 for word, _ in self.images) and len({word for word, _ in self.images}) == 1:
            del self.images[len(self.names) :]
        self.rank = self._axes()

    def frame(self, size: int | None, lengths: list[Fraction] | None = None) -> Frame:
        """The room of coordinates at a batch size, or for every real one; with the goal and the given in
        its problem."""
        frame = Frame(self.case.formal, self.names, self.images, self.operators, size, lengths)
        problem = frame.problem
        for (gap, relation), into in [
            (self.case.goal, problem.goal),
            *((entry, problem.given) for entry in self.case.given),
        ]:
            values = frame.coordinates(gap) if isinstance(gap, Vector) else [frame.value(gap)]
            if isinstance(gap, Vector) and relation == "!=":
                total = ZERO
                for x in values:
                    total = total + x * x
                values = [total]
            into += [(x, SLACK[relation]) for x in values]
        for operator in (walk(kernel_parse(text), self.case.formal) for text in self.case.definite):
            problem.relaxed = True  # more is demanded of it than on two of the named vectors
            named, half = [Vector.base(name) for name in self.names], Number.of(Fraction(1, 2))
            try:
                forms = {
                    (i, j): half * frame.value(self.case.formal.normal(u @ operator(w) + w @ operator(u)))
                    for i, u in enumerate(named)
                    for j, w in enumerate(named)
                    if i <= j
                }
            except KeyError:
                continue
            for (i, j), form in forms.items():
                minor = form if i == j else forms[i, i] * forms[j, j] - form * form
                problem.given.append((minor, ">="))
        if size is None:
            problem.scope.append((frame.m - Number.of(max(self.rank, self.case.claim.min_m)), ">="))
        return frame

    def _axes(self) -> int:
        """How many axes the polynomials really use."""
        self.rank = len(self.names) + len(self.images)
        if not self.images:
            return self.rank
        used = self.frame(None).problem.unknowns()
        pairs = [
            name.rpartition("_")[2] for name in used if name.partition("_")[0].rstrip("L") in self.operators
        ]
        last = max((int(pair[1:]) for pair in pairs if pair.isdigit() and len(pair) == 2), default=0)
        needed = max(len(self.names), last)
        del self.images[needed - len(self.names) :]
        return needed


def demanded(problem: Problem) -> list[tuple[Number, str]]:
    """The hypotheses and the side conditions on what occurs."""
    return [*problem.given, *problem.side_conditions()]


def violated(problem: Problem) -> list[tuple[Number, str]]:
    """The negation of the goal, as alternatives."""
    return [(poly, OPPOSITE[relation]) for poly, relation in problem.goal]
