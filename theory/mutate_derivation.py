"""Mutants of the derivation itself: one node of BatchNorm's definition, of the calculus or of the chain rule changed.

The chain rule and the calculus are functions of the kernel, and are changed in its source; the definition is text. Each
mutant must be caught by plain differentiation of the composed loss (`symbols.plain`), which shares no derivative with
the kernel, or derive the same formal vectors.
"""

from __future__ import annotations

import ast
import copy
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import sympy as sp
from bnverify.theory import kernel
from bnverify.theory.grammar import lines, unparse
from bnverify.theory.mutate import OTHER, everywhere
from bnverify.theory.normalisations import NORMALISATIONS
from bnverify.theory.symbols.plain import derived

TARGETS = {
    "Sum": ("__add__", "__neg__"),
    "Number": ("atom", "times", "__mul__", "power"),
    "Vector": ("__mul__", "__matmul__", "inner"),
    "Formal": (
        "derived",
        "moves",
        "following",
        "loss_rate",
        "change",
        "moved",
        "change_of_atom",
        "riesz",
        "inverse",
        "root",
        "name",
        "normal",
    ),
}
"""The functions of the kernel that make up the derivation, by class."""
DEFINITION = NORMALISATIONS["batch-norm"].text
ASKED = "v @ v == v @ B @ v"
POINT: dict[str, Any] = {
    "y": ["1", "2", "4"],
    "g": ["2", "-1", "3"],
    "H": [["1", "2", "-1"], ["2", "-1", "1"], ["-1", "1", "3"]],
    "gamma": "3/2",
    "beta": "1/3",
    "eps": "1/2",
}


@dataclass(frozen=True)
class DerivationMutant:
    """One node changed: of a function of the kernel (``tree`` is the function), or of the ``definition``."""

    module: str
    function: str
    number: int
    text: str
    tree: ast.FunctionDef | None = None
    definition: str = DEFINITION

    @property
    def name(self) -> str:
        return f"{self.module}.{self.function}#{self.number}"


# ---------------------------------------------------------------- the kernel with one part changed


@cache
def _parts() -> tuple[ast.stmt, ...]:
    """The kernel's top-level statements, without what runs it as a program."""
    return tuple(ast.parse(Path(kernel.__file__).read_text(encoding="utf-8")).body[:-1])


@cache
def _code(place: int) -> Any:
    return _compiled(_parts()[place])


def _compiled(part: ast.stmt) -> Any:
    future = ast.ImportFrom("__future__", [ast.alias("annotations")], 0)
    return compile(ast.fix_missing_locations(ast.Module([future, part], [])), "<kernel, changed>", "exec")


def _rebuilt(name: str, changed: ast.FunctionDef) -> Any:
    """A kernel of its own whose class ``name`` has another function."""
    module: Any = ModuleType("changed_kernel")
    sys.modules[module.__name__] = module  # where dataclasses look
    try:
        for place, part in enumerate(_parts()):
            code = _code(place)
            if isinstance(part, ast.ClassDef) and part.name == name:
                body = [changed if getattr(x, "name", "") == changed.name else x for x in part.body]
                code = _compiled(
                    ast.ClassDef(part.name, part.bases, part.keywords, body, part.decorator_list)
                )
            exec(code, module.__dict__)
    finally:
        del sys.modules[module.__name__]
    return module


# ---------------------------------------------------------------- changes


def _changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """(what was done, the node instead)."""
    match node:
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            yield "+ made -", ast.BinOp(left, ast.Sub(), right)
            yield "first term dropped", right
            yield "second term dropped", left
        case ast.BinOp(left=left, op=ast.Sub(), right=right):
            yield "- made +", ast.BinOp(left, ast.Add(), right)
            yield "second term dropped", left
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            yield "first factor dropped", right
            yield "second factor dropped", left
        case ast.BinOp(left=left, op=ast.MatMult(), right=right):
            yield "operator dropped", right
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            yield "sign dropped", operand
        case ast.Constant(value=int(k)) if not isinstance(k, bool):
            yield f"{k} made {k + 1}", ast.Constant(k + 1)
        case ast.Call(func=ast.Name(id="mirror"), args=[inside]):
            yield "mirror dropped", inside


class _Replace(ast.NodeTransformer):
    def __init__(self, target: ast.AST, new: ast.AST) -> None:
        self.target, self.new = target, new

    def visit(self, node: ast.AST) -> Any:
        return self.new if node is self.target else self.generic_visit(node)


def derivation_mutants() -> tuple[DerivationMutant, ...]:
    """Every single change of every node of the derivation."""
    found: list[DerivationMutant] = []
    parts = tuple(lines(DEFINITION))
    for place, (name, tree) in enumerate(parts):
        for number, (_, text, new) in enumerate(everywhere(tree, OTHER), 1):
            around = [*parts[:place], (name, new), *parts[place + 1 :]]
            said = "; ".join(f"{line} = {unparse(right)}" for line, right in around)
            found.append(
                DerivationMutant("definition", name, number, f"{text} in {unparse(tree)}", definition=said)
            )
    for part in _parts():
        if not isinstance(part, ast.ClassDef) or part.name not in TARGETS:
            continue
        for function in part.body:
            if not isinstance(function, ast.FunctionDef) or function.name not in TARGETS[part.name]:
                continue
            number = 0
            for node in list(ast.walk(function)):
                for text, instead in _changes(node):
                    number += 1
                    changed = _Replace(node, instead).visit(copy.deepcopy(function, {id(node): node}))
                    line = f"line {getattr(node, 'lineno', 0)}: {text} in {ast.unparse(node)}"
                    found.append(DerivationMutant(part.name, function.name, number, line, changed))
    return tuple(found)


# ---------------------------------------------------------------- verdicts


@cache
def _plain() -> tuple[list[Any], list[list[Any]]]:
    """v and B at `POINT` by plain differentiation, as {root: coefficient}."""
    found = derived(DEFINITION, POINT["y"], POINT["eps"], POINT)
    return [_roots(x) for x in found.v], [[_roots(x) for x in row] for row in found.B]


def _roots(value: Any) -> dict[int, Fraction]:
    parts = sp.expand(sp.radsimp(sp.expand(value))).as_coefficients_dict()
    return {int(root**2): Fraction(int(c.p), int(c.q)) for root, c in parts.items() if c}


def _claim(judging: Any, definition: str) -> Any:
    return judging.Claim(definition, ASKED, eps="positive")


def first_difference(judging: Any, definition: str) -> str | None:
    """The first entry of v or B at `POINT` in which a kernel and plain differentiation differ."""
    place = judging.Point(_claim(judging, definition), dict(POINT))
    v, B = place.look("v"), place.look("B")
    columns = [B @ judging.column([int(i == j) for j in range(3)]) for i in range(3)]
    plain_v, plain_B = _plain()
    for i in range(3):
        if _entry(v, i) != plain_v[i]:
            return f"v row {i + 1}"
        for j in range(3):
            if _entry(columns[j], i) != plain_B[i][j]:
                return f"B[.,{j + 1}] row {i + 1}"
    return None


def _entry(column: Any, place: int) -> dict[int, Fraction]:
    return dict(column.parts[place].parts) if place in column.parts else {}


def _formal(judging: Any, definition: str) -> tuple[Any, Any]:
    """The formal v, and the formal B on a probe."""
    room = judging.Formal(_claim(judging, definition))
    image = room.look("B") @ judging.Vector.base("b")
    v, B = ({key: _opened(room, c) for key, c in u.parts.items()} for u in (room.look("v"), image))
    return v, B


def _opened(room: Any, number: Any) -> dict[Any, Any]:
    """The monomials of a formal number, where what is named is opened: roots, and divisors of one monomial."""
    total: dict[Any, Any] = {}
    for monomial, c in number.parts.items():
        powers: dict[Any, int] = {}
        for atom, power in monomial:
            inside = room.meaning[atom].parts if atom[0] == "part" else {}
            ((opened, factor),) = inside.items() if len(inside) == 1 else [(((atom, 1),), Fraction(1))]
            c = c * factor**power
            for one, times in opened:
                if one[0] == "root":
                    one = ("root", *sorted(_opened(room, room.meaning[one]).items(), key=repr))
                powers[one] = powers.get(one, 0) + times * power
        key = tuple(sorted((item for item in powers.items() if item[1]), key=repr))
        total[key] = total.get(key, 0) + c
    return total


@cache
def _unchanged() -> tuple[Any, Any]:
    return _formal(kernel, DEFINITION)


def derivation_verdict(mutant: DerivationMutant) -> tuple[str, str]:
    """(``caught`` | ``equivalent`` | ``survived``, where or why).

    caught: an entry of v or B differs from plain differentiation at `POINT`, or nothing is derived. equivalent: the
    same formal vectors for every m.
    """
    judging = kernel if mutant.tree is None else _rebuilt(mutant.module, mutant.tree)
    judging.Work.done, judging.Work.judging = 0, True
    try:
        entry = first_difference(judging, mutant.definition)
        same = entry is None and _formal(judging, mutant.definition) == _unchanged()
    except Exception as error:
        return "caught", f"derives nothing: {type(error).__name__}"
    finally:
        judging.Work.judging = False
    if entry is not None:
        return "caught", entry
    return ("equivalent", "the same formal vectors") if same else ("survived", "")
