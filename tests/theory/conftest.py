"""Results of made-up runs, in the form in which `bnverify judge` stores them."""

import hashlib
import json

import pytest

ENDPOINT = {
    "model": "vgg",
    "statistic": "loss_range",
    "of": ["batchnorm"],
    "against": ["none"],
    "lr": 0.1,
    "window": [0.0, 0.334],
    "over": "geometric",
    "weights": "linear",
    "mode": "trained",
    "direction": "below",
    "size": 0.667,
    "design": 0.2,
    "test": "wilcoxon",
}
CELL = {
    "name": "none",
    "statistic": "loss_range",
    "of": "batchnorm",
    "against": "none",
    "word": "reproduced",
    "missing": "",
    "log_ratios": {"0": -3.0, "1": "-inf"},
    "size": "×48 [20, 110], 24 of 24 seeds",
    "centre": -3.9,
    "low": -4.7,
    "high": -3.0,
    "p": 1e-6,
}


def write(path, content):
    """Content with its hash, as `experiments.run.seal` closes a document."""
    body = json.dumps(content, indent=1).removesuffix("\n}")
    path.write_text(f'{body},\n "sha256": "{hashlib.sha256(body.encode()).hexdigest()}"\n}}\n')


class Made:
    """A folder of results, one file a call."""

    write = staticmethod(write)

    def __init__(self, folder):
        self.folder = folder

    def result(self, name, data=("cifar10",), **claims):
        """(verdict, scale) of every claim by its id, dashes as underscores; returns the file."""
        entries = [self.claim(key.replace("_", "-"), *said) for key, said in claims.items()]
        machine = {
            "processor": "a chip",
            "cores": 2,
            "device": "cpu",
            "python": "3",
            "torch": "2",
            "commit": "abc",
        }
        content = {
            "version": 2,
            "command": "bnverify reproduce --preset desk",
            "date": "2026-01-02",
            "note": "",
            "rules": {"date": "2026-01-01", "sha256": "0", "own": ""},
            "machine": machine,
            "data": list(data),
            "claims": entries,
        }
        path = self.folder / f"runs-{name}.json"
        write(path, content)
        return path

    def claim(self, identifier, verdict, scale):
        return {
            "id": identifier,
            "verdict": verdict,
            "badge": f"{verdict} ×48 [20, 110] (×1.5 counts) at {scale}",
            "scale": scale,
            "seeds": 24,
            "needs": 0,
            "asked": 24,
            "counts": "×1.5 counts",
            "paper": "",
            "argued": "because",
            "endpoint": ENDPOINT,
            "p": 1e-6,
            "p_holm": 3e-5,
            "change": "An interval that reached 1.",
            "cells": [CELL],
            "parts": [CELL | {"name": "first tenth"}],
            "grid": [],
            "curve": [],
        }


@pytest.fixture
def made(tmp_path):
    return Made(tmp_path)
