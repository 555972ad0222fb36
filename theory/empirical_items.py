"""An empirical claim with its evidence as plain data: the item that ``--json`` promises, and what ``show`` adds."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from bnverify.theory.claim import Claim, Status
from bnverify.theory.empirical import NOT_FIXED, Empirical, fixed_for, overall
from bnverify.theory.preregistered import Block, Fixed
from bnverify.theory.summaries import Cell

_PHASES = ("early", "middle", "late")


def item_of(claim: Claim, found: tuple[Empirical, ...]) -> dict[str, Any]:
    """The item of ``bnverify claims --json``; a reading is what the runs of one summary say."""
    judging = [item.summary.name for item in found if item.admitted]
    return {
        "id": claim.id,
        "title": claim.title,
        "where": claim.where,
        "kind": claim.kind,
        "verdict": str(overall(found)),
        "tight": False,
        "scope": {**dict(claim.scope), "judged on": ", ".join(judging) or "no data"},
        "assumptions": list(claim.assumptions),
        "notation": [],
        "readings": [_reading(item) for item in found],
        "corrected": None,
        "counterexample": None,
        "lemmas": [],
        "quotation": claim.quotation,
    }


def _reading(item: Empirical) -> dict[str, Any]:
    summary, judged = item.summary, item.judged
    return {
        "slug": summary.name,
        "summary": f"trained on {_data(judged.fixed, summary.data)}: {tally(item)}",
        "statement": r" \quad\text{and}\quad ".join(latex(block) for block in judged.fixed.blocks),
        "data": {
            "data set": _data(judged.fixed, summary.data),
            "command": summary.command,
            "machine": summary.machine,
            "date": summary.date,
            "note": summary.note,
            "p": _short(judged.p),
            "p_holm": _short(judged.p_holm),
            "cells": [_cell(cell) for cell in judged.cells],
        },
        "admitted": item.admitted,
        "why": item.why,
        "verdict": str(item.verdict),
        "tight": False,
        "assumptions": [],
        "counterexample": None,
    }


def _data(fixed: Fixed, name: str) -> str:
    return "synthetic data" if all(block.model.endswith("dln") for block in fixed.blocks) else name


def _cell(cell: Cell) -> dict[str, Any]:
    model, statistic, of, against, claim, bound, phase, lr = cell.key
    found = cell.comparison
    return {
        "networks": model,
        "statistic": statistic,
        "of": of,
        "against": against,
        "claim": claim,
        "margin": bound,
        "learning rate": lr,
        "phase": phase,
        "seeds": 0 if found is None else found.n,
        "ratio": None if found is None else _short(found.ratio),
        "interval": None if found is None else [_short(found.low), _short(found.high)],
        "p": None if found is None else _short(found.p),
        "p_holm": None if found is None else _short(cell.p_holm),
        "decision": cell.decision,
        "missing": cell.missing,
    }


def _short(value: float) -> float | None:
    return float(f"{value:.4g}") if math.isfinite(value) else None


def detail_of(claim: Claim, found: tuple[Empirical, ...]) -> dict[str, Any]:
    """What ``bnverify show`` prints beyond the item: what is measured, the tests, and where they hold."""
    fixed = fixed_for(claim.id)
    blocks = () if fixed is None else fixed.blocks
    return {
        "why": why(found) if fixed is not None else f"not judged: {NOT_FIXED}",
        "remarks": list(claim.remarks),
        "part_of": "",
        "readings": [
            {
                "slug": item.summary.name,
                "statement": {
                    "latex": r" \quad\text{and}\quad ".join(latex(block) for block in blocks),
                    "plain": "; and ".join(plain(block) for block in blocks),
                },
                "hypotheses": [],
                "necessary": "",
                "proof": [],
                "points": [],
                "contradictions": [],
                "places": {
                    decision: places(item.judged.cells, decision)
                    for decision in ("holds", "fails", "undecided")
                },
            }
            for item in found
        ],
        "corrected": None,
        "legend": [],
        "measured": {
            "what": claim.measured,
            "tests": [{"latex": latex(block), "plain": plain(block)} for block in blocks],
            "paper": "" if fixed is None else fixed.paper,
        },
    }


def why(found: Iterable[Empirical]) -> str:
    """One line: what every data set says, and where a part of it holds."""
    parts = []
    for item in found:
        words = tally(item) if item.admitted else item.why
        if item.admitted and item.verdict is Status.PARTLY:
            words += f"; holds for {'; '.join(_few(places(item.judged.cells, 'holds')))}"
        verdict = f"{item.verdict}, " if item.admitted else ""
        parts.append(f"{item.summary.name}: {verdict}{words}")
    return ". ".join(parts) if parts else "not judged on any data yet"


def tally(item: Empirical) -> str:
    """How many tests hold and fail, in words; the others are undecided."""
    judged = item.judged
    hold, fail = judged.count("holds"), judged.count("fails")
    words = f"{hold} of {len(judged.cells)} tests {'holds' if hold == 1 else 'hold'}, "
    words += f"{fail} {'fails' if fail == 1 else 'fail'}"
    whole = item.verdict is Status.OPEN and judged.count("holds") == len(judged.cells)
    return words + (", though not against the whole family" if whole else "")


def _few(listed: list[str], most: int = 3) -> list[str]:
    return listed if len(listed) <= most + 1 else [*listed[:most], f"{len(listed) - most} more"]


def places(cells: Iterable[Cell], decision: str) -> list[str]:
    """Where the tests have this decision: statistic and networks, then the learning rate and the phases."""
    every = tuple(cells)
    several = {key: len({cell.key[place] for cell in every}) > 1 for key, place in _TELLING.items()}
    groups: dict[str, list[str]] = {}
    for cell in every:
        if cell.decision == decision:
            _, statistic, of, against, _, _, phase, lr = cell.key
            words = named(statistic)
            words += f" of {named(of)}" if several["of"] else ""
            words += f" over {named(against)}" if several["against"] else ""
            words += f" at rate {lr:g}" if several["lr"] else ""
            groups.setdefault(words, []).append(phase)
    return [_with_phases(words, phases) for words, phases in groups.items()]


_TELLING = {"of": 2, "against": 3, "lr": 7}


def _with_phases(words: str, phases: list[str]) -> str:
    if "all" in phases:
        return words
    return f"{words} ({'throughout' if set(phases) == set(_PHASES) else ', '.join(phases)})"


def named(what: str | float) -> str:
    """A statistic or a network as people write it."""
    if isinstance(what, float):
        return f"{what:g}"
    return {"none": "no normalisation"}.get(what, what.replace("_", " "))


def plain(block: Block) -> str:
    """A test in one line of text."""
    of, statistics = " or ".join(map(named, block.of)), ", ".join(map(named, block.statistics))
    ratio = f"{{{statistics}}} of {of} over that of {named(block.against)}"
    if isinstance(block.against, float):
        ratio = f"{{{statistics}}} of {of} over {block.against:g}"
    bound = {
        "below": f"< {block.bound:g}",
        "above": f"> {block.bound:g}",
        "within": f"between {1 / block.bound:.3g} and {block.bound:g}",
    }[block.claim]
    rates = f"; at the learning rates {', '.join(f'{lr:g}' for lr in block.lr)}" if len(block.lr) > 1 else ""
    phases = "" if block.phases == ("all",) else f"; {', '.join(block.phases)}"
    return f"{ratio} {bound}{rates}{phases}"


def latex(block: Block) -> str:
    """A test as a formula: a ratio of statistics s of networks a, at every learning rate and in every phase."""
    s = _text(block.statistics[0]) if len(block.statistics) == 1 else "s"
    a = _text(block.of[0]) if len(block.of) == 1 else "a"
    below = f"{block.against:g}" if isinstance(block.against, float) else rf"{s}({_text(block.against)})"
    ratio = rf"\frac{{{s}({a})}}{{{below}}}"
    formula = {
        "below": rf"{ratio} < {block.bound:g}",
        "above": rf"{ratio} > {block.bound:g}",
        "within": rf"{1 / block.bound:.3g} < {ratio} < {block.bound:g}",
    }[block.claim]
    for letter, values in (("s", block.statistics), ("a", block.of)):
        if len(values) > 1:
            formula += rf",\; {letter} \in \{{{', '.join(map(_text, values))}\}}"
    return formula


def _text(what: str) -> str:
    return rf"\text{{{named(what)}}}"
