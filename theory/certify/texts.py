"""How texts that the kernel reads write numbers, operators and factors."""

from __future__ import annotations

from typing import Any

from bnverify.theory.kernel import LARGEST, Number


def literal(n: int) -> str:
    """A whole number with the literals that the kernel reads, which go up to 10**9."""
    return str(n) if n <= LARGEST else f"({literal(n // LARGEST)}*{LARGEST} + {n % LARGEST})"


def written(letter: str) -> str:
    """How texts name an operator, or a transposed one."""
    name = letter.rstrip("<>!")
    if name == "X'":
        return "T" if letter.endswith("<") else "X"
    if not letter.endswith("<"):
        return name
    return f"H_{name[3]}{name[2]}" if name.startswith("H_") and len(name) == 4 else f"{name}_T"


def _is_atom(value: Any, atom: Any) -> bool:
    return isinstance(value, Number) and value.parts == {((atom, 1),): 1}


def is_bracketed(text: str) -> bool:
    """Whether the first bracket closes at the end."""
    if not (text.startswith("(") and text.endswith(")")):
        return False
    depth = 0
    for i, character in enumerate(text):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth == 0:
            return i == len(text) - 1
    return False


def bracket(text: str) -> str:
    """The text as a single factor."""
    return text if text.isidentifier() or is_bracketed(text) else f"({text})"
