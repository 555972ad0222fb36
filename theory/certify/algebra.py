"""The algebra in which certificates are looked for: inner products in axes that have a text.

The axes are the vectors of a statement, each made orthogonal to those before it whose squared length is known not to
be 0 (for BatchNorm: one, the centred y, and what is left of g). A formal number is a Laurent polynomial in numbers,
coordinates, inner products of axes and forms of operators; every unknown of it has a text, so that what is found can
be handed to the kernel.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from bnverify.theory.certify.texts import _is_atom, bracket, is_bracketed, literal, written
from bnverify.theory.certify.unknowns import Irreducible, evaluated, inner_products, names_of, raised, unknown
from bnverify.theory.grammar import nodes, parse, unparse
from bnverify.theory.kernel import EPS, Number, Refused, Vector, mirror, walk
from bnverify.theory.kernel import parse as kernel_parse
from bnverify.theory.points.case import Case

ZERO, ONE = Number({}), Number.of(1)


Row = dict[int, Number]


@dataclass(frozen=True)
class Axis:
    """A vector with a text; ``base`` is the name it was made from."""

    text: str
    base: str


class Algebra:
    """Formal numbers of a case as polynomials whose unknowns have texts."""

    def __init__(self, case: Case, orthogonal: bool = True) -> None:
        """With ``orthogonal`` false the centred y is an axis and the other vectors are axes as they stand."""
        self.case, self.formal, self.orthogonal = case, case.formal, orthogonal
        self.texts: dict[str, str] = {"m": "m"}
        self.positive, self.nonnegative, self.nonzero = {"m"}, set(), {"m"}
        self.axes: list[Axis] = []
        self.rows: dict[str, Row] = {}
        self.gram: dict[tuple[int, int], Number] = {}
        self.forms: dict[str, tuple[tuple[str, ...], int, int]] = {}
        self.known: dict[Any, Number] = {}
        self.signs = {
            base: known
            for known, value in self.formal.names.items()
            if isinstance(value, Vector) and known in {n for n, _ in case.claim.lines()}
            for base in self.formal.names
            if base.startswith("sign'") and value.parts == Vector.base(base).parts
        }
        self.roots = self._root_texts()
        for atom in self.formal.nonzero | self.formal.nonnegative:
            if atom[0] == "number" and atom != ("number", "m"):
                self._sign(atom[1], atom)
        products = set().union(*(inner_products(gap, self.formal) for gap, _ in (case.goal, *case.given)))
        for atom in self.formal.nonzero:
            products |= inner_products(Number.atom(atom), self.formal)
        names = {name for a, _, b in products for name in (a, b)}
        for name in [
            *(n for n in ("one", "y") if n in names),
            *sorted(names - {"one", "y", "g"}),
            *(["g"] if "g" in names else []),
        ]:
            self._add(name)
            if name == "y" or "y" not in names:
                self._divisors()
        self._divisors()
        for atom in self.formal.nonzero | self.formal.nonnegative:
            if atom[0] == "dot" and set(atom[1::2]) <= self.rows.keys():
                value = self.value(Number.atom(atom))
                if len(value.parts) == 1:
                    ((monomial, c),) = value.parts.items()
                    unsure = [a[1] for a, p in monomial if p % 2 and a[1] not in self.positive]
                    if len(unsure) == 1 and c > 0 and self.formal.is_nonnegative(atom):
                        self.nonnegative.add(unsure[0])
                    if atom in self.formal.nonzero and all(
                        p > 0 or a[1] in self.nonzero for a, p in monomial
                    ):
                        self.nonzero |= {a[1] for a, _ in monomial}
        self.positive |= self.nonzero & self.nonnegative

    def _sign(self, name: str, atom: Any) -> None:
        if atom in self.formal.nonzero:
            self.nonzero.add(name)
        if self.formal.is_nonnegative(atom):
            self.nonnegative.add(name)
        if name in self.nonzero and name in self.nonnegative:
            self.positive.add(name)

    def _root_texts(self) -> dict[Any, str]:
        """The text of every root and part: the name of a line, or the root as a text of the case writes it."""
        found: dict[Any, str] = {}

        def note(value: Any, text: str) -> None:
            if isinstance(value, Number) and len(value.parts) == 1:
                ((monomial, c),) = value.parts.items()
                if (
                    c == 1
                    and len(monomial) == 1
                    and monomial[0][1] == 1
                    and monomial[0][0] in self.formal.meaning
                ):
                    found.setdefault(monomial[0][0], text)

        for name, value in self.formal.names.items():
            note(value, name)
        for name in ("sigma", "rho"):
            if "s" in self.formal.names:
                note(self.formal.look(name), name)
        for text in (self.case.claim.statement, *self.case.claim.hypotheses):
            for node in nodes(parse(text)):
                if node.head in {"sqrt", "norm", "abs"} or (
                    node.head == "**" and node.args[1].denominator == 2
                ):
                    inside = unparse(node)
                    try:
                        note(self.formal.normal(walk(kernel_parse(inside), self.formal)), inside)
                    except Refused:
                        continue
        for atom, meaning in self.formal.meaning.items():
            if atom not in found:
                plain = self._plain(meaning, found)
                if plain is not None:
                    found[atom] = f"sqrt({plain})" if atom[0] == "root" else f"({plain})"
        return found

    def _plain(self, number: Number, known: dict[Any, str]) -> str | None:
        """The text of a formal number as it stands."""
        terms = ""
        for monomial, c in number.parts.items():
            top = [str(abs(c.numerator))] if abs(c.numerator) != 1 else []
            bottom = [str(c.denominator)] if c.denominator != 1 else []
            for atom, power in monomial:
                match atom:
                    case ("number", name):
                        text = name
                    case ("dot", a, word, b):
                        ends = (self.signs.get(x, x.rstrip("'")) for x in (a, b))
                        text = f"({' @ '.join((next(ends), *map(written, word), next(ends)))})"
                    case _ if atom in known:
                        text = known[atom]
                    case _:
                        return None
                (top if power > 0 else bottom).append(text + (f"**{abs(power)}" if abs(power) > 1 else ""))
            below = f"/({'*'.join(bottom)})" if bottom else ""
            sign = "-" if c < 0 else "+" if terms else ""
            terms += (
                f" {sign} {'*'.join(top) or '1'}{below}" if terms else f"{sign}{'*'.join(top) or '1'}{below}"
            )
        return terms or None

    # ---- axes

    def _add(self, name: str) -> None:
        row: Row = {}
        text = start = self.signs.get(name, name.rstrip("'"))
        for i, axis in enumerate(self.axes):
            length = self.gram[i, i]
            if (
                not (self.orthogonal or name == "y")
                or len(length.parts) != 1
                or not names_of(length) <= self.nonzero
            ):
                continue
            share = f"{name}_{i + 1}"
            row[i] = unknown(share)
            self.texts[share] = f"({axis.text} @ {start})/{bracket(self.text(length))}"
            text += f" - {self.texts[share]}*{axis.text}"
        here = len(self.axes)
        row[here] = ONE
        given = next(
            (known for known, value in self.formal.names.items() if self._same(value, row, name, known)), None
        )
        self.axes.append(Axis(given or (text if text == start else f"({text})"), name))
        for i in range(here):
            if i in row:
                self.gram[i, here] = self.gram[here, i] = ZERO
            else:
                self._inner(i, here)
        if name == "one" or name.startswith("sign'"):
            square = unknown("m")
            for i, x in row.items():
                if i < here:
                    square = square - x * x * self.gram[i, i]
            self.gram[here, here] = square
        else:
            self._inner(here, here)
            self.nonnegative.add(f"G_{here + 1}{here + 1}")
        self.rows[name] = row

    def _same(self, value: Any, row: Row, name: str, known: str) -> bool:
        """Whether a line of the definition already names the axis."""
        if not isinstance(value, Vector) or known in {"z", "v", name}:
            return False
        try:
            difference = Vector.base(name) - value
            for i, _x in row.items():
                if i < len(self.axes):
                    share = Vector.base(self.axes[i].base) @ Vector.base(name)
                    length = Vector.base(self.axes[i].base) @ Vector.base(self.axes[i].base)
                    if self.axes[i].base != "one":
                        return False
                    difference = difference - Vector.base("one") * (share * self.formal.inverse(length, None))
            return not difference.parts or self.formal.is_zero(difference)
        except Refused:
            return False

    def _inner(self, i: int, j: int) -> None:
        name = f"G_{i + 1}{j + 1}"
        self.texts[name] = f"({self.axes[i].text} @ {self.axes[j].text})"
        self.gram[i, j] = self.gram[j, i] = unknown(name)

    def _divisors(self) -> None:
        """A root or part of the definition takes the place of the squared length that it is made of."""
        for atom, meaning in self.formal.meaning.items():
            if atom in self.known or atom not in self.roots:
                continue
            try:
                value = self.value(meaning)
            except (KeyError, Irreducible):
                continue
            name = f"r_{atom[1]}"
            self.texts[name] = self.roots[atom]
            self._sign(name, atom)
            square = unknown(name) * unknown(name) if atom[0] == "root" else unknown(name)
            for i in range(len(self.axes)):
                own = f"G_{i + 1}{i + 1}"
                share = Number({k: c for k, c in value.parts.items() if dict(k).get(("number", own))})
                if self.gram[i, i].parts == unknown(own).parts and len(share.parts) == 1:
                    slope = share * Number.atom(("number", own), -1)
                    if names_of(slope) <= self.nonzero:
                        self.gram[i, i] = (square - value + share) * raised(slope, -1)
                        self.known[atom] = unknown(name)
                        break

    # ---- values

    def value(self, number: Number) -> Number:
        """The polynomial that a formal number is here."""
        return self.clean(evaluated(number, lambda atom, power: raised(self.atom(atom), power)))

    def clean(self, value: Number) -> Number:
        """The same polynomial in normal form, after a product: even powers of roots that stand for nothing else are
        opened."""
        for atom, name in list(self.known.items()):
            if atom[0] != "root" or len(name.parts) != 1 or atom in self.formal.basic:
                continue
            ((monomial, _),) = name.parts.items()
            key = monomial[0][0]
            if key not in value.atoms():
                continue
            inside = self.value(self.formal.meaning[atom])
            opens = len(inside.parts) == 1 and names_of(inside) <= self.nonzero
            by_times: dict[int, dict[Any, Fraction]] = {}
            for parts, c in value.parts.items():
                times = dict(parts).get(key, 0) // 2
                by_times.setdefault(times if times > 0 or opens else 0, {})[parts] = c
            total = Number(by_times.pop(0, {}))
            for times, share in by_times.items():
                total = total + Number(share) * Number.atom(key, -2 * times) * raised(inside, times)
            value = total
        return value

    def atom(self, atom: Any) -> Number:
        if atom not in self.known:
            self.known[atom] = self._atom(atom)
        return self.known[atom]

    def _atom(self, atom: Any) -> Number:
        match atom:
            case ("number", name):
                if atom == EPS and self.case.claim.eps == "zero":
                    return ZERO
                self.texts[name] = name
                return unknown(name)
            case ("dot", a, word, b):
                return self.form(self.rows[a], word, self.rows[b])
        if atom[0] == "smooth":
            same = {name for name, value in self.formal.names.items() if _is_atom(value, atom)}
            self.texts["smooth"] = min(same)
            self._sign("smooth", atom)
            return unknown("smooth")
        if atom[0] == "max":
            name = f"M_{sum(text.startswith('M_') for text in self.texts) + 1}"
            self.texts[name] = f"max({atom[1]}, norm(X) <= {atom[2]})"
            self.nonnegative.add(name)
            return unknown(name)
        if atom not in self.roots:
            raise Irreducible(f"the root {atom} has no text")
        if atom[0] == "part" and len((inside := self.value(self.formal.meaning[atom])).parts) == 1:
            return inside
        name = f"r_{atom[1]}"
        self.texts[name] = self.roots[atom]
        self._sign(name, atom)
        return unknown(name)

    def form(self, left: Row, word: tuple[str, ...], right: Row) -> Number:
        """The inner product of two rows with a word of operators between them."""
        total = ZERO
        for i, a in left.items():
            for j, b in right.items():
                inner = self.gram[i, j] if not word else self._form(i, word, j)
                total = total + a * b * inner
        return total

    def _form(self, i: int, word: tuple[str, ...], j: int) -> Number:
        if (j, mirror(word)) < (i, word):
            i, j, word = j, i, mirror(word)
        name = f"F{''.join(word)}_{i + 1}{j + 1}"
        if name not in self.texts:
            one, other, half = self.axes[i].text, self.axes[j].text, len(word) // 2
            self.texts[name] = f"({' @ '.join((one, *map(written, word), other))})"
            if i == j and word == mirror(word) and len(word) % 2 == 0:  # a square, as the kernel reads it
                image = f"({' @ '.join((*map(written, word[half:]), other))})"
                self.texts[name] = f"({image} @ {image})"
            self.forms[name] = (word, i, j)
            if i == j and self.is_psd(word):
                self.nonnegative.add(name)
        return unknown(name)

    def is_psd(self, word: tuple[str, ...]) -> bool:
        """Whether x @ word @ x is known not to be negative."""
        if word == mirror(word) and len(word) % 2 == 0:
            return True
        return word == mirror(word) and "psd" in self.case.operators.get(word[len(word) // 2], "")

    def row(self, vector: Vector, word: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Row]]:
        """A formal vector as words applied to rows."""
        found: dict[tuple[str, ...], Row] = {}
        for (inner, name), c in vector.parts.items():
            into = found.setdefault((*word, *inner), {})
            factor = self.value(c)
            for i, x in self.rows[name].items():
                into[i] = into.get(i, ZERO) + x * factor
        return list(found.items())

    # ---- texts

    def text(self, poly: Number) -> str:
        """The text of a polynomial."""
        if not poly:
            return "0"
        out = ""
        for monomial, c in sorted(poly.parts.items()):
            term = self.monomial(monomial, abs(c))
            sign = "-" if c < 0 else ""
            out += (f" {'-' if c < 0 else '+'} {term}") if out else f"{sign}{term}"
        return out

    def monomial(self, monomial: Any, c: Fraction = Fraction(1)) -> str:
        """The text of a coefficient times a monomial."""
        top = [literal(c.numerator)] if c.numerator != 1 else []
        bottom = [literal(c.denominator)] if c.denominator != 1 else []
        for atom, power in monomial:
            text = self.texts[atom[1]]
            whole = (
                text
                if text.isidentifier()
                or text.startswith(("sqrt(", "norm(", "abs(", "max("))
                or is_bracketed(text)
                else f"({text})"
            )
            (top if power > 0 else bottom).append(whole + (f"**{abs(power)}" if abs(power) > 1 else ""))
        if bottom:
            below = bottom[0] if len(bottom) == 1 else f"({'*'.join(bottom)})"
            return f"{'*'.join(top) or '1'}/{below}"
        return "*".join(top) or "1"
