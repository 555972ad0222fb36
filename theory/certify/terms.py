"""What a certificate may be made of: terms with a sign, as polynomials and as texts that the kernel reads."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, combinations_with_replacement
from typing import Any

from bnverify.theory.certify.algebra import Algebra
from bnverify.theory.certify.equations import Equations
from bnverify.theory.certify.texts import literal
from bnverify.theory.certify.unknowns import Irreducible
from bnverify.theory.grammar import Node, nodes, parse, unparse
from bnverify.theory.kernel import Number, Refused, Vector, image_form, mirror, walk
from bnverify.theory.kernel import parse as kernel_parse
from bnverify.theory.points.case import Case

ONE = Number.of(1)


@dataclass(frozen=True)
class Term:
    """A candidate: its polynomial, its text, whether its coefficient may have either sign, and whether it is positive.

    full: the polynomial before equations were put in, where that is another one. unsaid: it is 0 and has no text.
    """

    poly: Number
    text: str
    free: bool = False
    positive: bool = False
    full: Number | None = None
    unsaid: bool = False

    @property
    def whole(self) -> Number:
        return self.poly if self.full is None else self.full


def has_sign(algebra: Algebra, monomial: Any) -> bool:
    """Whether a monomial is defined and cannot be negative."""
    for atom, power in monomial:
        name = atom[1]
        if power < 0 and name not in algebra.nonzero:
            return False
        if power % 2 and name not in algebra.nonnegative and name not in algebra.positive:
            return False
    return True


def defined(algebra: Algebra, monomial: Any) -> bool:
    """Whether a monomial divides by nothing that can be 0."""
    return all(power > 0 or atom[1] in algebra.nonzero for atom, power in monomial)


def quotient(top: Any, bottom: Any) -> Any:
    """The quotient of two monomials."""
    return Number.times(top, tuple((atom, -power) for atom, power in bottom))[0]


def generators(algebra: Algebra, full: bool, left: Callable[[], float]) -> list[Term]:
    """What has a sign and is no monomial: hypotheses, natural forms, and products of two of them; ``full``: also
    what the texts of the case mention."""
    single: list[Term] = [Term(ONE, "", positive=True)]
    equal: list[Term] = []
    case = algebra.case
    for (gap, relation), label in zip(case.given, case.labels, strict=True):
        if isinstance(gap, Vector):
            if relation == "==":
                equal += along_axes(algebra, gap, label)
            continue
        poly = algebra.value(gap)
        if relation == "==":
            equal.append(Term(poly, label, free=True))
        elif relation != "!=" and poly:
            single.append(Term(poly, label, positive=relation == "<"))
    if case.goal[1] == "==":
        return [term for term in (*equal, *silent(algebra)) if term.poly]
    forms = [*natural_forms(algebra), *beyond(algebra)]
    if full:
        forms += read_terms(algebra, left)
    hypotheses = single[1:]
    double = [
        Term(algebra.clean(a.poly * b.poly), f"{a.text}*{b.text}", positive=a.positive and b.positive)
        for a, b in combinations_with_replacement(hypotheses, 2)
    ]
    mixed = [
        Term(algebra.clean(a.poly * b.poly), f"{a.text}*{b.text}") for a in hypotheses[:3] for b in forms[:12]
    ]
    return [term for term in (*single, *equal, *silent(algebra), *forms, *double, *mixed) if term.poly]


def silent(algebra: Algebra) -> Iterator[Term]:
    """What a root or a divisor stands for, minus itself: 0, and so without a text."""
    for atom, meaning in algebra.formal.meaning.items():
        known = algebra.known.get(atom)
        if known is None or len(known.parts) != 1 or atom in algebra.formal.basic:
            continue
        try:
            inside = algebra.value(meaning)
        except Irreducible:
            continue
        square = known * known if atom[0] == "root" else known
        difference = square - inside
        if difference.parts:
            yield Term(difference, "", free=True, unsaid=True)


def beyond(algebra: Algebra) -> Iterator[Term]:
    """m minus the smallest batch size."""
    least = algebra.case.claim.min_m
    yield Term(Number.atom(("number", "m")) - Number.of(least), f"(m - {least})")


def read_terms(algebra: Algebra, left: Callable[[], float]) -> Iterator[Term]:
    """What the texts of the case mention: |x| - x, Cauchy and Schwarz for inner products, and sides with a sign."""
    texts = [algebra.case.claim.statement, *algebra.case.claim.hypotheses]
    found: dict[str, None] = {}
    for text in texts:
        tree = parse(text)
        for node in nodes(tree):
            if node.head == "abs":
                inside = unparse(node.args[0])
                found |= dict.fromkeys((f"(abs({inside}) - ({inside}))", f"(abs({inside}) - (-({inside})))"))
            if node.head in {"min", "max"} and len(node.args) == 2:
                one, other = map(unparse, node.args)
                inside = f"({one}) - ({other})"
                found |= dict.fromkeys((f"(abs({inside}) - ({inside}))", f"(abs({inside}) - (-({inside})))"))
            if node.head == "maximum":
                found |= dict.fromkeys(attained(node))
            if node.head in {"@", "mean"}:
                for a, b in halves(algebra.case, node):
                    if a != b:
                        found[f"(({a} @ {a})*({b} @ {b}) - ({a} @ {b})**2)"] = None
    for a, b in (("one", "g"), ("yhat", "g"), ("v", "g")):
        if {a, b} <= {*algebra.formal.names, "v"} and "g" in algebra.rows:
            found[f"(({a} @ {a})*({b} @ {b}) - ({a} @ {b})**2)"] = None
    for side in parse(algebra.case.claim.statement).args[:2]:
        if isinstance(side, Node):
            found |= dict.fromkeys(
                unparse(part) for part in summands(side) if part.head not in {"number", "name"}
            )
    for text in list(found)[:24]:
        if left() < 0.2:
            return
        try:
            read = kernel_parse(text)
            sign = algebra.formal.sign(read)
            if sign not in {"nonnegative", "positive"}:
                continue
            value = walk(read, algebra.formal)
            poly = algebra.value(algebra.formal.normal(value)) if isinstance(value, Number) else None
        except (Refused, Irreducible, KeyError):
            continue
        if poly is not None and len(poly.parts) > 1:
            yield Term(poly, f"({text})", positive=sign == "positive")


def attained(node: Node) -> Iterator[str]:
    """A maximum of (X @ T @ u) @ K @ (X @ T @ u) over norm(X) <= lam, minus its value where X X'u = lam^2 u."""
    try:
        u, form = image_form(kernel_parse(unparse(node.args[0])), kernel_parse(unparse(node.args[2])))
    except Refused:
        return
    if form is not None:
        w = f"(({unparse(node.args[2])})**2*({ast.unparse(u)}))"
        whole = f"max({unparse(node.args[0])}, norm(X) <= {unparse(node.args[2])})"
        yield f"({whole} - {w} @ ({ast.unparse(form)}) @ {w})"


def summands(node: Node) -> list[Node]:
    """The parts of a sum."""
    return [*summands(node.args[0]), *summands(node.args[1])] if node.head == "+" else [node]


def halves(case: Case, node: Node) -> Iterator[tuple[str, str]]:
    """An inner product as pairs of vectors: v @ H @ g is that of v and H @ g, and of H @ v and g; mean(u*w) too."""
    if node.head == "mean":
        (inside,) = node.args
        pair = (
            ["one", unparse(inside)]
            if inside.head == "name"
            else [unparse(x) for x in inside.args if isinstance(x, Node)]
        )
        vectors = {"v", *(n for n, x in case.formal.names.items() if isinstance(x, Vector))}
        if inside.head in {"name", "*"} and set(pair) <= vectors:
            yield pair[0], pair[1]
        return
    items = [unparse(item) if item.head == "name" else f"({unparse(item)})" for item in node.args]
    letters = {*case.operators, "B"}
    if any(item not in letters for item in items[1:-1]) or items[0] in letters:
        return
    for cut in range(1, len(items)):
        left, right = items[:cut][::-1], items[cut:]
        yield tuple(f"({' @ '.join(side)})" if len(side) > 1 else side[0] for side in (left, right))  # type: ignore[misc]


def along_axes(algebra: Algebra, gap: Vector, label: str) -> list[Term]:
    """Inner products of a vector that is 0 with the axes, and with their images."""
    rows = algebra.row(gap)
    found = []
    letters = [(), *((name,) for name in ("H",) if "H" in algebra.case.operators)]
    for i, axis in enumerate(algebra.axes):
        for word in letters:
            total = Number({})
            for inner, row in rows:
                total = total + algebra.form({i: ONE}, (*word, *inner), row)
            text = " @ ".join((axis.text, *word, label))
            found.append(Term(algebra.clean(total), f"({text})", free=True))
    for name in (f"{letter}{unit}" for letter in ("g", "v") for unit in algebra.formal.units):
        value = algebra.formal.look(name)
        if not algebra.rows.keys() >= {base for _, base in value.parts}:
            continue
        total = Number({})
        for outer, left in algebra.row(value):
            for inner, right in rows:
                total = total + algebra.form(left, (*mirror(outer), *inner), right)
        found.append(Term(algebra.clean(total), f"({name} @ {label})", free=True))
    return [term for term in found if term.poly]


def natural_forms(algebra: Algebra) -> list[Term]:
    """x @ x and, under psd, x @ A @ x, for the named vectors x and their sums and differences."""
    named: list[tuple[str, Vector]] = []
    formal = algebra.formal
    letters = [f"{letter}{unit}" for letter in ("g", "v", "yhat") for unit in formal.units]
    for name in (*letters, *algebra.case.claim.declared_vectors()):
        value = formal.look(name) if name[0] in "gv" and name in letters else formal.names.get(name)
        if isinstance(value, Vector) and all(not word and base in algebra.rows for word, base in value.parts):
            named.append((name, value))
    named += [entry for entry in written_vectors(algebra) if entry[0] not in dict(named)][:3]
    found = list(definite_forms(algebra, named)) if algebra.case.definite else []
    words = [()] + [(name,) for name, kind in algebra.case.operators.items() if "psd" in kind]
    wanted = {tuple(word) for word, _, _ in algebra.forms.values()}
    for word in words:
        if word and word not in wanted:
            continue
        vectors = list(named)
        for (one, a), (other, b) in combinations(named, 2):
            if a.space != b.space:
                continue
            vectors += [(f"({one} - {other})", a - b), (f"({one} + {other})", a + b)]
        for text, value in vectors:
            total = Number({})
            for outer, left in algebra.row(value):
                for inner, right in algebra.row(value):
                    total = total + algebra.form(left, (*mirror(outer), *word, *inner), right)
            poly = algebra.clean(total)
            if len(poly.parts) > 1:
                found.append(Term(poly, f"({' @ '.join((text, *word, text))})"))
    return found


def definite_forms(algebra: Algebra, named: list[tuple[str, Vector]]) -> Iterator[Term]:
    """x @ A @ x for the operators A that a hypothesis calls psd and that are no single letter."""
    for inside in algebra.case.definite:
        operator = walk(kernel_parse(inside), algebra.formal)
        for text, value in named:
            if operator.source != value.space:
                continue
            try:
                poly = algebra.clean(algebra.value(algebra.formal.normal(value @ operator(value))))
            except (Irreducible, KeyError):
                continue
            yield Term(poly, f"({text} @ ({inside}) @ {text})")


def written_vectors(algebra: Algebra) -> Iterator[tuple[str, Vector]]:
    """The vectors x of which the statement has x @ x or x @ A @ x, beside the named ones."""
    for node in nodes(parse(algebra.case.claim.statement)):
        if node.head == "@" and node.args[0] == node.args[-1] and node.args[0].head in {"+", "-"}:
            text = f"({unparse(node.args[0])})"
            try:
                value = walk(kernel_parse(text), algebra.formal)
            except Refused:
                continue
            if isinstance(value, Vector) and all(
                not word and base in algebra.rows for word, base in value.parts
            ):
                yield text, value


def key_of(term: Term) -> tuple[Any, ...]:
    lead = min(term.poly.parts)
    return (term.free, tuple((k, c / abs(term.poly.parts[lead])) for k, c in sorted(term.poly.parts.items())))


def spread(algebra: Algebra, equations: Equations, generator: Term, monomials: list[Any]) -> Iterator[Term]:
    """The generator times the monomials that bring one of its own to one of the target's."""
    allowed = defined if generator.free else has_sign
    short = equations.reduced(generator.poly)
    seen = set()
    for wanted in monomials:
        for own in short.parts:
            factor = quotient(wanted, own)
            if factor in seen or not allowed(algebra, factor):
                continue
            seen.add(factor)
            poly = algebra.clean(short * Number({factor: Fraction(1)}))
            if not poly:
                continue
            full = algebra.clean(generator.poly * Number({factor: Fraction(1)})) if equations.solved else None
            text = algebra.monomial(factor) if factor else "1"
            if generator.text:
                text = generator.text if text == "1" else f"{text}*{generator.text}"
            positive = generator.positive and all(
                atom[1] in algebra.positive or (atom[1] in algebra.nonzero and p % 2 == 0)
                for atom, p in factor
            )
            yield Term(poly, text, generator.free, positive, full, generator.unsaid)


def times(c: Fraction, text: str) -> str:
    """The text of a term with its coefficient."""
    if c == 1:
        return text
    sign, top, bottom = "-" if c < 0 else "", abs(c.numerator), c.denominator
    front = literal(top) if bottom == 1 else f"{literal(top)}/{literal(bottom)}"
    if text == "1":
        return f"{sign}{front}"
    return f"{sign}{text}" if front == "1" else f"{sign}{front}*{text}"
