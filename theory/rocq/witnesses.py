"""Which theorems of Rocq stand behind a claim, as a small file that `show` reads without Rocq.

``python -m bnverify.theory.rocq`` writes it once everything compiled; a test compares it with what would be generated.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bnverify.theory.rocq.generate import Written

FILE = Path(__file__).parent / "witnesses.json"

BY_HAND: dict[str, dict[str, tuple[str, ...]]] = {
    "fact-C.2": {"Fact_C_2": ("fact_C_2_line_1", "fact_C_2_line_2")},
    "eq-1": {"Fact_C_2": ("fact_C_2_line_1",)},
    "eq-2": {"Fact_C_2": ("fact_C_2_line_2",)},
    "thm-4.1": {"Thm_4_1": ("thm_4_1_corrected", "thm_4_1_printed_false", "thm_4_1_printed_too_small")},
    "thm-4.2.1": {"Thm_4_2": ("thm_4_2_1", "thm_4_2_1_along_the_gradient")},
    "thm-4.2.2": {"Thm_4_2": ("thm_4_2_2", "thm_4_2_2_only_if", "thm_4_2_2_printed_false")},
    "obs-4.3.activations": {"Obs_4_3": ("obs_4_3_activations",)},
    "obs-4.3.minima": {
        "Obs_4_3": (
            "obs_4_3_minima_in_activations",
            "obs_4_3_minima_with_bias",
            "obs_4_3_minima_no_bias_false",
        )
    },
    "thm-4.4": {
        "Thm_4_4": ("thm_4_4_corrected", "thm_4_4_printed_false", "thm_4_4_without_1_over_m_false"),
        "Inputs": ("max_transposed",),
    },
    "lem-4.5": {"Lem_4_5": ("lem_4_5_with_bias", "lem_4_5_no_bias_false")},
    "thm-C.1": {"Thm_C_1": ("thm_C_1_printed_false", "thm_C_1_not_strict_false")},
}
"""The theorems that are proved by hand, by claim and file."""


def listed(made: Written) -> dict[str, list[str]]:
    """The theorems behind each claim, as ``File.theorem``: those by hand first."""
    found = {
        claim: [f"{file}.{name}" for file, names in files.items() for name in names]
        for claim, files in BY_HAND.items()
    }
    for (claim, _), (file, name, _) in made.theorems.items():
        entry = found.setdefault(claim, [])
        if f"{file}.{name}" not in entry:
            entry.append(f"{file}.{name}")
    return dict(sorted(found.items()))


def text(version: str, made: Written) -> str:
    """The file for what ``version`` of Rocq checked; one claim a line."""
    lines = [f"{json.dumps(claim)}: {json.dumps(names)}" for claim, names in listed(made).items()]
    return f'{{"rocq": {json.dumps(version)}, "claims": {{\n' + ",\n".join(lines) + "\n}}\n"


@cache
def _stored() -> tuple[str, dict[str, list[str]]]:
    data = json.loads(FILE.read_text(encoding="utf-8"))
    return data["rocq"], data["claims"]


def witnesses(claim: str) -> tuple[str, tuple[str, ...]]:
    """The version of Rocq and the theorems that it checked of a claim; none where it checked none."""
    version, claims = _stored()
    return version, tuple(claims.get(claim, ()))
