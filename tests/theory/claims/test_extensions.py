"""The extensions: every certificate verifies, and the verdicts are as they were."""

from __future__ import annotations

import time

import pytest
from bnverify.theory.claim import status_of
from bnverify.theory.judged import evidence_of
from bnverify.theory.registry import registry

EXTENSIONS = {
    name: claim for name, claim in registry().items() if name.startswith("ext-") and not claim.measured
}
REQUIRED = ("eps", "affine-gradients", "groups", "lp", "unbiased", "layer", "weight-fixed-X", "spectrum")
VERDICTS = {
    "ext-affine-gradients.stationary": "proved",
    "ext-eps.fact-C.1": "conditional",
    "ext-eps.gradient": "proved",
    "ext-eps.hessian": "proved",
    "ext-eps.thm-4.1": "proved",
    "ext-eps.thm-4.1-printed": "refuted",
    "ext-eps.thm-4.2.1": "refuted",
    "ext-eps.thm-4.2.2": "refuted",
    "ext-groups.stationary": "refuted",
    "ext-groups.thm-4.1": "refuted",
    "ext-layer.thm-4.2.1": "proved",
    "ext-layer.thm-4.2.2": "conditional",
    "ext-lp.l1": "refuted",
    "ext-lp.l2": "conditional",
    "ext-lp.linf": "refuted",
    "ext-spectrum.convexity": "refuted",
    "ext-spectrum.eps-indefinite": "refuted",
    "ext-spectrum.indefinite": "proved",
    "ext-unbiased.thm-4.1": "refuted",
    "ext-unbiased.thm-4.2.1": "refuted",
    "ext-weight-fixed-X.thm-4.2.1": "refuted",
    "ext-weight-fixed-X.thm-4.4": "refuted",
}


def test_every_extension_that_was_asked_for_is_there() -> None:
    for slug in REQUIRED:
        assert any(name.startswith(f"ext-{slug}.") for name in EXTENSIONS), slug


@pytest.mark.parametrize("name", sorted(EXTENSIONS))
def test_every_check_of_an_extension_holds(name: str) -> None:
    evidence = evidence_of(EXTENSIONS[name])
    failed = [(item.reading, check) for item in evidence for check in item.checks if not check.holds]
    assert failed == []
    verdict = str(status_of(EXTENSIONS[name], evidence))
    assert verdict in {"proved", "refuted", "conditional"}
    assert VERDICTS.get(name, verdict) == verdict


def test_the_certificates_of_all_extensions_take_less_than_a_minute() -> None:
    start = time.process_time()
    for claim in EXTENSIONS.values():
        evidence_of(claim)
    assert time.process_time() - start < 60
