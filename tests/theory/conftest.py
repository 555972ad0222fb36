"""A small preregistration, and summaries of made-up runs as the reproduction writes them."""

import dataclasses
import json
import math

import pytest
from bnverify.experiments.judge import statistics
from bnverify.theory.preregistered import preregistration
from bnverify.theory.summaries import RESULTS

PREREGISTERED = """
[[claim]]
id = "fig-4a"
place = "Section 3.2"
quote = "the loss varies less"
judge_on_digits = false
[[claim.test]]
model = "vgg"
statistics = ["loss_range"]
of = ["batchnorm"]
against = "none"
claim = "below"
bound = 1.0
phases = ["early", "late"]

[[claim]]
id = "fig-9"
place = "Appendix B"
quote = "sigma is large"
paper = "none given"
[[claim.test]]
model = "dln"
statistics = ["deviation", "spread"]
of = ["none"]
against = 1.0
claim = "above"
bound = 1.5
"""

HOLDS, FAILS, WIDE = (
    [-1.0, -1.1, -0.9, -1.05, -0.95],
    [1.0, 1.1, 0.9, 1.05, 0.95],
    [-3.0, 3.0, -2.0, 2.5, 0.1],
)


class Made:
    """A folder with what was fixed beforehand and one summary per call, whole and free of contradiction."""

    def __init__(self, folder):
        self.folder = folder
        self.fixed = folder / "preregistration.toml"
        self.fixed.write_text(PREREGISTERED)

    def summary(self, name, data="cifar10", **ratios):
        """Log ratios of every cell by the id of the claim, dashes as underscores; returns the file."""
        known = preregistration(self.fixed)
        entries = [self.claim(known[key.replace("_", "-")], cells, data) for key, cells in ratios.items()]
        for entry, p_holm in zip(entries, statistics.holm([entry["p"] for entry in entries]), strict=True):
            entry["p_holm"] = float(f"{p_holm:.4g}")
            decisions = {cell["decision"] for cell in entry["cells"]}
            if entry["verdict"]:
                continue
            if p_holm <= 0.05:
                entry["verdict"] = "reproduced"
            elif "holds" in decisions:
                entry["verdict"] = "partly" if len(decisions) > 1 else "open"
            else:
                entry["verdict"] = "not-reproduced" if "fails" in decisions else "open"
        machine = {
            "processor": "a chip",
            "cores": 2,
            "device": "cpu",
            "python": "3",
            "torch": "2",
            "commit": "abc",
        }
        content = {
            "command": "bnverify reproduce --preset quick",
            "date": "2026-01-02",
            "note": "",
            "machine": machine,
            "data": [data],
            "claims": entries,
        }
        path = self.folder / f"reproduce-{name}.json"
        path.write_text(json.dumps(content))
        return path

    def claim(self, fixed, cells, data):
        rows = [self.cell(key, ratios) for key, ratios in zip(fixed.cells(), cells, strict=True)]
        compared = [row for row in rows if row["comparison"]]
        for row, p in zip(
            compared, statistics.holm([row["comparison"]["p"] for row in compared]), strict=True
        ):
            holds = p <= 0.05 and not row["missing"]
            row["decision"] = "fails" if row["comparison"]["fails"] else "holds" if holds else "undecided"
        p = max(1.0 if row["missing"] else row["comparison"]["p"] for row in rows)
        excluded = data == "digits" and not fixed.judge_on_digits
        verdict = "not judged on this data" if excluded else ""
        return {"id": fixed.id, "verdict": verdict, "p": p, "cells": rows}

    def cell(self, key, ratios):
        names = ("model", "statistic", "of", "against", "claim", "bound", "phase", "lr")
        there = [value for value in ratios if value is not None]
        found = None
        if len(there) >= 2:
            compared = dataclasses.asdict(statistics.compare(there, key[4], key[5]))
            found = {
                name: float(f"{value:.4g}") if isinstance(value, float) and math.isfinite(value) else value
                for name, value in compared.items()
            }
        short = len(there) < max(2, len(ratios))
        return dict(zip(names, key, strict=True)) | {
            "log_ratios": {str(seed): value for seed, value in enumerate(ratios)},
            "comparison": found,
            "decision": "undecided",
            "missing": "seeds without it" if short else "",
        }


@pytest.fixture
def made(tmp_path):
    return Made(tmp_path)


@pytest.fixture
def results():
    """The committed summaries."""
    found = sorted(RESULTS.glob("reproduce-*.json"))
    if not found:
        pytest.skip("no summary is committed")
    return found
