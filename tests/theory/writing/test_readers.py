"""What a claim means for a reader stands beside every theorem, figure, refuted and conditional claim."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from bnverify.theory.registry import registry
from bnverify.theory.writing.readers import sentences


@pytest.fixture(scope="module")
def items() -> list[dict]:
    done = subprocess.run(
        [sys.executable, "-m", "bnverify", "claims", "--json"], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_no_theorem_figure_refuted_or_conditional_claim_goes_without(items: list[dict]) -> None:
    named = re.compile(r"(thm|obs|lem|fact|fig)-")
    need = [x["id"] for x in items if x["verdict"] in ("refuted", "conditional") or named.match(x["id"])]
    assert [name for name in need if not sentences().get(name)] == []


def test_every_text_is_about_a_claim_and_at_most_two_sentences() -> None:
    for name, text in sentences().items():
        assert name in registry(), name
        assert 1 <= len(re.findall(r"[.?](?: |$)", text)) <= 2, name
