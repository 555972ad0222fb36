"""Mutants of the derivation itself: one node of the definition of BatchNorm, the jets or the chain rule changed.

They are generated from the source of the three modules that derive v, B and the Jacobians for every m. Each must
be caught by the cross-check against plain differentiation (`crosscheck`), or derive the same formal vectors.
"""

from __future__ import annotations

import ast
import copy
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import sympy as sp
from bnverify.theory.claim import Instance
from bnverify.theory.crosscheck import first_difference
from bnverify.theory.exact import Exact
from bnverify.theory.observe import Gram, simplified

TARGETS = {
    "batchnorm": ("standardise", "affine"),
    "gram": ("batch_facts", "__add__", "__neg__", "__mul__", "taylor", "inverse", "sqrt"),
    "observe": ("input", "_through", "_plain", "_loss"),
}
"""The functions that make up the derivation, by module of this package, in the order of their imports."""

SKIPPED = {"GramVector"}
"""Linear algebra of formal vectors, which the statements exercise, is no part of the derivation."""

POINT = Instance(
    y=(1, 2, 4),
    g=(2, -1, 3),
    H=((1, 2, -1), (2, -1, 1), (-1, 1, 3)),
    gamma="3/2",
    beta="1/3",
    eps="1/2",
)


@dataclass(frozen=True)
class DerivationMutant:
    """One node of one function of the derivation, changed. ``tree`` is the whole module."""

    module: str
    function: str
    number: int
    text: str
    tree: ast.Module

    @property
    def name(self) -> str:
        return f"{self.module}.{self.function}#{self.number}"

    def room(self) -> Any:
        """The Gram room that this derivation gives, at any eps > 0."""
        return _rebuilt(self.module, self.tree).Gram(True)


def _path(module: str) -> str:
    return f"{__package__}.{module}"


def _source(module: str) -> ast.Module:
    return ast.parse(Path(__file__).with_name(f"{module}.py").read_text(encoding="utf-8"))


def _rebuilt(changed: str, tree: ast.Module) -> ModuleType:
    """The module ``observe`` over fresh copies of the three modules, one of them changed."""
    package = sys.modules[str(__package__)]
    fresh: dict[str, ModuleType] = {}
    with mock.patch.dict(sys.modules), mock.patch.multiple(package, create=True, **dict.fromkeys(TARGETS)):
        for name in TARGETS:
            module = fresh[name] = ModuleType(_path(name))
            sys.modules[_path(name)] = module
            setattr(package, name, module)
            code = tree if name == changed else _source(name)
            exec(compile(code, f"<{name}, changed>", "exec"), module.__dict__)
    return fresh["observe"]


def _functions(tree: ast.Module, names: tuple[str, ...]) -> Iterator[ast.FunctionDef]:
    for top in tree.body:
        bodies = [top] if isinstance(top, ast.FunctionDef) else getattr(top, "body", [])
        for node in bodies:
            if (
                isinstance(node, ast.FunctionDef)
                and node.name in names
                and getattr(top, "name", "") not in SKIPPED
            ):
                yield node


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
        case ast.BinOp(left=left, op=ast.Div()):
            yield "divisor dropped", left
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int(k))):
            yield f"exponent {k} made {k + 1}", ast.BinOp(left, ast.Pow(), ast.Constant(k + 1))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            yield "sign dropped", operand
        case ast.Constant(value=int(k)) if not isinstance(k, bool):
            yield f"{k} made {k + 1}", ast.Constant(k + 1)
        case ast.Attribute(value=value, attr="c1" | "c2" as attr, ctx=ast.Load()):
            other = "c2" if attr == "c1" else "c1"
            yield f"{attr} made {other}", ast.Attribute(value, other, ast.Load())


class _Replace(ast.NodeTransformer):
    def __init__(self, target: ast.AST, new: ast.AST) -> None:
        self.target, self.new = target, new

    def visit(self, node: ast.AST) -> Any:
        return self.new if node is self.target else self.generic_visit(node)


def derivation_mutants() -> tuple[DerivationMutant, ...]:
    """Every single change of every node of the derivation."""
    found: list[DerivationMutant] = []
    for module, names in TARGETS.items():
        tree = _source(module)
        for function in _functions(tree, names):
            number = 0
            for node in list(ast.walk(function)):
                for text, new in _changes(node):
                    number += 1
                    changed = _Replace(node, new).visit(_branch(tree, node))
                    line = f"line {getattr(node, 'lineno', 0)}: {text} in {ast.unparse(node)}"
                    found.append(
                        DerivationMutant(
                            module, function.name, number, line, ast.fix_missing_locations(changed)
                        )
                    )
    return tuple(found)


def _branch(tree: ast.Module, node: ast.AST) -> ast.Module:
    """A copy of the tree in which ``node`` is still the same object."""
    return copy.deepcopy(tree, {id(node): node})


@cache
def _point() -> Exact:
    return Exact(POINT)


@cache
def _formal() -> dict[str, dict[Any, sp.Expr]]:
    return _vectors(Gram(True))


def _vectors(room: Any) -> dict[str, dict[Any, sp.Expr]]:
    made = {"v": room.vec("v")} | {name: room.op(name, room.base("b")) for name in ("B", "Dyhat", "Dz")}
    return {name: vector.terms for name, vector in made.items()}


def _same_formally(room: Any) -> bool:
    for name, terms in _vectors(room).items():
        expected = _formal()[name]
        for basis in terms.keys() | expected.keys():
            if simplified(terms.get(basis, 0) - expected.get(basis, 0)) != 0:
                return False
    return True


def derivation_verdict(mutant: DerivationMutant) -> tuple[str, str]:
    """(``caught`` | ``equivalent`` | ``survived``, where or why).

    caught: an entry of v, B or a Jacobian differs from plain differentiation at `POINT`, or nothing is derived.
    equivalent: the same formal vectors for every m.
    """
    try:
        room = mutant.room()
        entry = first_difference(room, _point())
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        return "caught", f"derives nothing: {type(error).__name__}"
    if entry is not None:
        return "caught", entry
    return ("equivalent", "the same formal vectors") if _same_formally(room) else ("survived", "")
