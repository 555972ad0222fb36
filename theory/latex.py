"""Statements as mathematics: LaTeX, plain Unicode for terminals, and what the names in them mean."""

from __future__ import annotations

from collections.abc import Iterable

from bnverify.theory.grammar import nodes, parse
from bnverify.theory.names import MEANINGS
from bnverify.theory.script import LATEX, PLAIN, Script, jacobian, projected


def written(text: str, script: Script = LATEX, equal: bool = False) -> str:
    """A statement as mathematics: both sides and the sign between them, ``=`` if ``equal``."""
    return script.statement(parse(text), equal)


def legend(statements: Iterable[str], script: Script = PLAIN) -> list[tuple[str, str]]:
    """The names that occur in the statements and what they mean, in the order of `names.MEANINGS`."""
    used: set[str] = set()
    for text in statements:
        for node in nodes(parse(text)):
            if node.head == "name":
                used.add(node.args[0])
            elif projected(node) is not None:
                used.add("P")
            used.add(jacobian(node) or "")
    return [(script.names.of(name), meaning) for name, meaning in MEANINGS.items() if name in used]


def as_data(text: str, equal: bool = False) -> dict[str, str]:
    """A statement for storage: LaTeX and plain Unicode, as an equation where it was found to be one."""
    return {"latex": written(text, LATEX, equal), "plain": written(text, PLAIN, equal)}
