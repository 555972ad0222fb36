"""Findings as lines of text, for a terminal and for a page."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from bnverify.numerics.audit.findings.fault import Fault
from bnverify.numerics.audit.findings.kinds import Kind

CLAIMS = {
    "thm-4.1": "the layer multiplies the squared gradient by gamma^2/sigma^2 and takes out what lies along 1 and y-hat",
    "thm-4.2.1": "the curvature at a layer's input is gamma^2/sigma^2 times the one behind it, and less",
    "fact-C.1": "the gradient at the layer's input adds up to 0",
    "ext-eps.gradient": "with eps > 0, <v, y-hat> = gamma/s eps/(sigma^2 + eps) <g, y-hat>",
    "eq-4": "the gradient through BatchNorm as a vector",
    "ext-groups.rms-norm": "the gradient through RMSNorm, from which the part along y-hat is taken and no mean",
    "prose-4.1-whitened": "y-hat has mean 0, and |y-hat|^2 = m sigma^2/(sigma^2 + eps)",
    "def-2.1.reparametrisation": "a layer that divides by the spread makes the loss blind to the size of the weights",
}
"""The claims that findings rest on, each in a sentence."""
LINES = 12


def number(item: Fault) -> str:
    """ "0.035, below 0.5"; nothing where it is a matter of yes or no."""
    if item.threshold == 0:
        return ""
    unit = " times what rounding explains" if item.kind == "wrong-backward" else ""
    return (
        f"{item.value:.3g}{unit}, {'below' if item.value < item.threshold else 'above'} {item.threshold:.3g}"
    )


def head(item: Fault) -> str:
    """Kind, what and where, and the number beside its threshold."""
    beside = number(item)
    return f"{item.severity} {item.kind}: {item.text}" + (f" [{beside}]" if beside else "")


def body(item: Fault) -> str:
    """Why it matters, what to do, and the claim behind it."""
    claim = f" ({item.claim}: {CLAIMS[item.claim]})" if item.claim in CLAIMS else ""
    return f"  {item.why} {item.advice}{claim}"


def lines(findings: Sequence[Fault], looked_at: str, width: int = 100, limit: int = LINES) -> list[str]:
    """At most ``limit`` lines of a screen ``width`` wide.

    The first finding with reason and advice, then the others in a sentence each, then their reasons where room is left.
    """
    if not findings:
        return [f"nothing found: {looked_at}"]
    room = limit - _height(_tail(findings[0], len(findings)), width)
    shown: list[list[str]] = []
    for item in findings:
        block = [head(item)] if shown else [head(item), body(item)]
        cost = sum(_height(line, width) for line in block)
        if shown and cost > room:
            break
        shown.append(block)
        room -= cost
    for item, block in zip(findings[1:], shown[1:], strict=False):
        cost = _height(body(item), width)
        if cost > room:
            break
        block.append(body(item))
        room -= cost
    told = [line for block in shown for line in block]
    brief = next((item for item, block in zip(findings, shown, strict=False) if len(block) == 1), findings[0])
    return [*told, _tail(brief, len(findings) - len(shown))]


def _tail(first: Fault, more: int) -> str:
    return (f"{more} more with --json; " if more else "") + f"bnverify explain {first.kind} tells more"


def _height(line: str, width: int) -> int:
    return max(1, len(textwrap.wrap(line, max(20, width))))


def verdict(findings: Sequence[Fault], calls: int) -> str:
    """One sentence on the whole."""
    bad = [item for item in findings if item.alarming]
    if not bad:
        extra = f", {_count(len(findings), 'note')}" if findings else ""
        return f"Nothing wrong was found in {_count(calls, 'call')} of normalisation layers{extra}."
    first = bad[0]
    others = f", and {len(bad) - 1} more" if len(bad) > 1 else ""
    return f"{_count(len(bad), 'problem')}: {first.kind} at {first.where}{others}."


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def where(kind: Kind) -> str:
    """On which side of its threshold a kind is a finding; what has no sign is never below 0."""
    if kind.side == "below" and kind.threshold == 0:
        return "at 0"
    return f"{kind.side} {kind.threshold:g}"


def explained(kind: Kind) -> list[str]:
    """Everything the table says of a kind."""
    told = [
        f"{kind.name} ({kind.severity})",
        kind.why,
        f"Measured: {kind.measure}; a finding {where(kind)}.",
        f"Why there: {kind.reason}.",
        f"Margin: {kind.margin}.",
        f"What to do: {kind.advice}",
    ]
    if kind.more:
        told.append(kind.more)
    if kind.claim:
        told.append(f"Behind it: {kind.claim} ({CLAIMS[kind.claim]}); bnverify show {kind.claim}")
    return told
