"""Long displayed formulas in pieces: browsers do not break mathematics by themselves, but they wrap what stands apart.

A formula is cut before a sign or a relation, as far outside as it can be; a bracket that is itself too long is
opened, so that its inside can be cut too.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

LIMIT = 15.0
"""Widest piece, in letters; a few of them fill the screen of a phone."""

_BREAKS = frozenset(["+", "−", "-", "=", "≤", "<", "≥", ">", "±", "∓", "⟹", "⇒", "⟺", "⇔"])
_ROWS = ("mfrac", "munder", "mover", "munderover")


def width(node: ET.Element) -> float:
    """About how many letters wide a formula is: fractions as their wider half, scripts small."""
    name, children = node.tag, list(node)
    if not children:
        return (
            2.0
            if name == "mspace" and "2em" in node.get("width", "")
            else float(len((node.text or "").strip()))
        )
    if name in _ROWS:
        return max(width(child) for child in children)
    if name in {"msub", "msup", "msubsup"}:
        return width(children[0]) + 0.6 * max(width(child) for child in children[1:])
    if name == "mtable":
        return sum(max((width(row[i]) for row in children if i < len(row)), default=0.0) for i in range(8))
    return sum(width(child) for child in children) + (0.7 if name == "msqrt" else 0.0)


def _opened(nodes: list[ET.Element], limit: float) -> list[ET.Element]:
    """The row with every group that is too long for a line replaced by its parts; brackets grow with their line."""
    row: list[ET.Element] = []
    for node in nodes:
        if node.tag == "mrow" and width(node) > limit:
            row += _opened(list(node), limit)
        else:
            row.append(node)
    return row


def _breakable(nodes: list[ET.Element], at: int) -> bool:
    """Whether a line may start here: at a sign between two things, not at one in front of the first."""
    node, before = nodes[at], nodes[at - 1]
    if node.tag != "mo" or (node.text or "").strip() not in _BREAKS:
        return False
    return not (
        before.tag == "mo" and (before.get("form") == "prefix" or (before.text or "").strip() in _BREAKS)
    )


def lines(nodes: list[ET.Element], limit: float = LIMIT) -> list[list[ET.Element]]:
    """The row in lines of at most ``limit`` where signs and relations allow it."""
    row = _opened(nodes, limit)
    pieces: list[list[ET.Element]] = [[]]
    for at, node in enumerate(row):
        if at and _breakable(row, at):
            pieces.append([])
        pieces[-1].append(node)
    found: list[list[ET.Element]] = [[]]
    used = 0.0
    for piece in pieces:
        size = sum(width(node) for node in piece)
        if found[-1] and used + size > limit:
            found.append([])
            used = 0.0
        found[-1] += piece
        used += size
    return found
