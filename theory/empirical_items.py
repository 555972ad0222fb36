"""An empirical claim with its results as plain data: the item that ``--json`` promises, and what ``show`` adds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bnverify.theory.claim import Claim, promised
from bnverify.theory.empirical import Empirical, overall
from bnverify.theory.results import earlier, fixed

NOT_FIXED = "no endpoint was fixed beforehand"
_KEPT = (
    "badge",
    "scale",
    "seeds",
    "needs",
    "asked",
    "counts",
    "endpoint",
    "p",
    "p_holm",
    "change",
    "cells",
    "parts",
)


def item_of(claim: Claim, found: tuple[Empirical, ...]) -> dict[str, Any]:
    """The item of ``bnverify claims --json``; a reading is what one reproduction says."""
    judged_on = ", ".join(f"{item.result.name} ({item.scale})" for item in found)
    return promised(claim) | {
        "verdict": str(overall(found)),
        "scope": dict(claim.scope) | {"judged on": judged_on or "no data"},
        "readings": [_reading(claim, item) for item in found],
    }


def _reading(claim: Claim, item: Empirical) -> dict[str, Any]:
    result = item.result
    return {
        "slug": result.name,
        "summary": item.claim["badge"],
        "statement": latex(item.claim["endpoint"]),
        "data": {
            "data set": result.data,
            "command": result.command,
            "machine": result.machine,
            "date": result.date,
            "note": result.note,
            **{key: item.claim[key] for key in _KEPT},
        },
        "admitted": True,
        "why": "",
        "verdict": str(item.verdict),
        "tight": False,
        "assumptions": [],
        "counterexample": None,
    }


def detail_of(claim: Claim, found: tuple[Empirical, ...]) -> dict[str, Any]:
    """What ``bnverify show`` prints beyond the item: what is measured and why so, and what version 1 said."""
    rule = fixed().get(claim.id)
    return {
        "why": why(found) if rule else f"not judged: {NOT_FIXED}",
        "remarks": list(claim.remarks),
        "part_of": "",
        "readings": [
            {
                "slug": item.result.name,
                "statement": {"latex": latex(item.claim["endpoint"]), "plain": plain(item.claim["endpoint"])},
                "hypotheses": [],
                "necessary": "",
                "proof": [],
                "points": [],
                "contradictions": [],
            }
            for item in found
        ],
        "corrected": None,
        "legend": [],
        "measured": {
            "what": claim.measured,
            "endpoint": plain(rule["primary"]) if rule else "",
            "latex": latex(rule["primary"]) if rule else "",
            "argued": rule["argued"] if rule else "",
            "paper": rule.get("paper", "") if rule else "",
            "asked": rule["primary"]["seeds"] if rule else 0,
            "earlier": [list(pair) for pair in earlier().get(claim.id, ())],
        },
    }


def why(found: Iterable[Empirical]) -> str:
    """One line: the badge of every reproduction."""
    return "; ".join(f"{item.claim['badge']} ({item.result.name})" for item in found) or "not run yet"


def named(what: str | float) -> str:
    """A statistic or a network as people write it."""
    if isinstance(what, int | float):
        return f"{what:g}"
    return {"none": "no normalisation"}.get(what, what.replace("_", " "))


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]


def plain(endpoint: dict[str, Any]) -> str:
    """An endpoint in one line of text."""
    of, against = (_several(endpoint[key]) for key in ("of", "against"))
    each = "each of " if len(of) > 1 else ""
    number = isinstance(against[0], int | float)
    over = f"over {named(against[0])}" if number else f"over that of {' and of '.join(map(named, against))}"
    size, window = endpoint["size"], endpoint.get("window", [0.0, 1.0])
    claimed = {
        "below": f"below {size:g}",
        "above": f"above {size:g}",
        "within": f"between {1 / size:.3g} and {size:g}",
        "at-most": f"at most {size:g}",
        "at-least": f"at least {size:g}",
    }[endpoint["direction"]]
    when = "the whole training"
    if window != [0.0, 1.0]:
        when = (
            f"{100 * window[0]:.3g} to {100 * window[1]:.3g} % of the training"
            if window[1]
            else "initialisation"
        )
    how = endpoint.get("over", "geometric")
    average = {"geometric": "log mean", "arithmetic": "mean"}.get(how, how)
    return (
        f"{named(endpoint['statistic'])} of {each}{', '.join(map(named, of))} {over}: {claimed}; {average} over "
        f"{when}, learning rate {endpoint.get('lr', 0.1):g}, {endpoint.get('test', 'wilcoxon')}"
    )


def latex(endpoint: dict[str, Any]) -> str:
    """An endpoint as a formula: a ratio of a statistic of networks a."""
    of, against = (_several(endpoint[key]) for key in ("of", "against"))
    s, size = _text(endpoint["statistic"]), endpoint["size"]
    a = _text(of[0]) if len(of) == 1 else "a"
    first = against[0]
    below = (
        f"{first:g}"
        if isinstance(first, int | float)
        else rf"{s}({_text(first) if len(against) == 1 else 'b'})"
    )
    ratio = rf"\frac{{{s}({a})}}{{{below}}}"
    formula = {
        "below": rf"{ratio} < {size:g}",
        "above": rf"{ratio} > {size:g}",
        "within": rf"{1 / size:.3g} < {ratio} < {size:g}",
        "at-most": rf"{ratio} \le {size:g}",
        "at-least": rf"{ratio} \ge {size:g}",
    }[endpoint["direction"]]
    for letter, values in (("a", of), ("b", against)):
        if len(values) > 1:
            formula += rf",\; {letter} \in \{{{', '.join(map(_text, values))}\}}"
    return formula


def _text(what: str) -> str:
    return rf"\text{{{named(what)}}}"
