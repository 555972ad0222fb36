"""The extensions: every certificate verifies, and every identity holds at exact points by plain differentiation."""

from __future__ import annotations

import random
import time
from fractions import Fraction
from typing import Any

import pytest
from bnverify.theory.claim import Claim, Corrected, Instance, Reading, Relation, status_of
from bnverify.theory.judged import evidence_of
from bnverify.theory.observe import Syntax, simplified
from bnverify.theory.prove import additive_terms, compare
from bnverify.theory.registry import registry
from bnverify.theory.rooms import formal, point
from bnverify.theory.said import WITNESSED
from bnverify.theory.syntax import Scalar, Vector, evaluate

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


@pytest.mark.slow
def test_the_certificates_of_all_extensions_take_less_than_a_minute() -> None:
    start = time.process_time()
    for claim in EXTENSIONS.values():
        evidence_of(claim)
    assert time.process_time() - start < 60


def _proved(claim: Claim) -> list[Reading | Corrected]:
    """What is proved and what the second witness has a room for."""
    stated: list[Reading | Corrected] = [item for item in claim.readings if item.proof is not None]
    stated += [claim.corrected] if claim.corrected is not None else []
    return [item for item in stated if item.setting in WITNESSED]


def _rational(rng: random.Random, low: int = -3, high: int = 3) -> Fraction:
    return Fraction(rng.randint(low, high), rng.randint(1, 2))


def _shuffled(rng: random.Random, values: tuple[int, ...], shift: int = 0) -> list[int]:
    factor = rng.choice((-2, -1, 1, 2))
    return [factor * value + shift for value in rng.sample(values, len(values))]


def _activations(rng: random.Random, setting: str, eps: bool, pair: bool) -> list[int]:
    """y with rational sigma, or rational l_2 norm where that is the divisor: the plain derivatives stay short."""
    if pair and (setting == "unbiased" or (eps and setting == "activations")):
        return _shuffled(rng, (1, 3))
    if eps or setting in {"lp-1", "lp-inf"}:
        return _shuffled(rng, (1, -2, 4, 7))
    if setting == "unbiased":
        return _shuffled(rng, (-1, -1, 0, 1, 1), rng.randint(-2, 2))
    if setting == "lp-2-layer":
        return [value for _ in range(2) for value in _shuffled(rng, (1, 7))]
    if setting == "layer":
        return [value for _ in range(2) for value in _shuffled(rng, (-1, -1, 1, 1), rng.randint(-2, 2))]
    if setting in {"lp-2", "lp-any", "rms-norm", "weights-centred"}:
        return _shuffled(rng, (-7, -1, 1, 7))
    return _shuffled(rng, (-7, -1, 1, 7), rng.randint(-2, 2))


def _squared_scale(y: list[int], setting: str) -> Fraction:
    """What eps is added to."""
    m = len(y)
    mu = Fraction(0) if setting in {"rms-norm", "lp-2"} else Fraction(sum(y), m)
    square = sum((value - mu) ** 2 for value in y)
    return square / (m - 1 if setting == "unbiased" else m)


def _instance(setting: str, eps: bool, seed: int) -> Instance:
    """An exact point of a setting; every third is one at which gamma and beta are stationary and H = I."""
    setting = "weights-at-X" if setting == "weights" else setting
    rng = random.Random(f"{setting}/{eps}/{seed}")
    more: dict[str, Any] = {}
    extra: dict[str, Any] = {"t": _rational(rng)}
    y = _activations(rng, setting, eps, seed % 3 == 1)
    size = len(y)
    if setting in {"layer", "lp-2-layer"}:
        extra |= {"units": 2, "gammas": (_rational(rng, 1), _rational(rng, -3, -1))}
    if setting in {"layer-norm", "rms-norm"}:
        extra["scale"] = tuple(_rational(rng, 1) for _ in y)
    if setting in {"weights-at-X", "weights-centred"}:
        other = _shuffled(rng, (-3, 1, 0, 2))
        more = {"X": tuple((a - b, b) for a, b in zip(y, other, strict=True)), "W": (1, 1)}
    if setting == "weights-eigen":
        first, second = rng.sample([(1, 1, -1, -1), (1, -1, 1, -1), (1, -1, -1, 1)], 2)
        y = list(first)
        more = {"X": tuple(zip(first, second, strict=True)), "W": (1, 0)}
    if setting.startswith("weights"):
        extra |= {"a": (_rational(rng), 1), "b": (1, _rational(rng))}
        extra |= {"u": (_rational(rng), 1), "w": (1, _rational(rng))}
    g = [_rational(rng) for _ in range(size)]
    H = [[Fraction(0)] * size for _ in range(size)]
    for i in range(size):
        for j in range(i + 1):
            H[i][j] = H[j][i] = _rational(rng)
    if seed % 3 == 2:
        centred = [Fraction(value) - Fraction(sum(y), size) for value in y]
        along = sum(a * b for a, b in zip(g, centred, strict=True)) / sum(value**2 for value in centred)
        g = [a - sum(g) / size - along * b for a, b in zip(g, centred, strict=True)]
        H = [[Fraction(int(i == j)) for j in range(size)] for i in range(size)]
    square = _squared_scale(y, setting)
    added = Fraction(int(square) + rng.randint(1, 3)) ** 2 - square if eps else Fraction(0)
    return Instance(
        y=tuple(y),
        g=tuple(map(str, g)),
        H=None if setting == "linear-loss" else tuple(tuple(map(str, row)) for row in H),
        gamma=str(_rational(rng, 1, 3)),
        beta=str(_rational(rng)),
        eps=str(added),
        lam=2,
        extra=tuple((name, _text(value)) for name, value in extra.items()),
        **more,
    )


def _text(value: Any) -> Any:
    return tuple(map(str, value)) if isinstance(value, tuple) else str(value)


CASES = [
    pytest.param(item, id=f"{name}:{getattr(item, 'slug', 'corrected')}")
    for name, claim in EXTENSIONS.items()
    for item in _proved(claim)
    if item.setting != "group-norm"
    and item.proof is not None
    and item.proof.lemma is None
    and item.proof.at is None
]


@pytest.mark.slow
@pytest.mark.parametrize("stated", CASES)
def test_what_is_proved_for_every_m_holds_at_exact_points_by_plain_differentiation(
    stated: Reading | Corrected,
) -> None:
    assert stated.proof is not None
    tried = 0
    for seed in range(12):
        q = point(stated.setting, _instance(stated.setting, stated.proof.eps, seed))
        if not all(compare(h.says(q), q)[0] == 1 for h in stated.hypotheses):
            continue
        tried += 1
        for says in (stated.says, *(step.says for step in stated.proof.steps if step.says is not None)):
            lhs, rhs = says(q).sides(q)
            if says(q).vector:
                assert simplified(lhs - rhs) == 0
            else:
                assert compare(says(q), q)[0] == 1
        break
    assert tried > 0, "no point met the hypotheses"


def _slips(relation: Relation) -> Any:
    """The right side with one of its terms counted twice, or with the other sign."""
    terms = _terms(relation.rhs)
    for term in terms:
        yield relation.rhs + term
        yield relation.rhs - term * 2


def _terms(side: Any) -> list[Any]:
    if isinstance(side, Scalar):
        return additive_terms(side)
    if side.head in {"vadd", "vsub"}:
        return [*_terms(side.args[0]), *_terms(side.args[1])]
    return [side]


@pytest.mark.parametrize("name", sorted(EXTENSIONS))
def test_an_identity_with_one_slip_is_not_proved(name: str) -> None:
    for item in _proved(EXTENSIONS[name]):
        assert item.proof is not None
        if item.proof.lemma is not None or item.proof.terms is not None or item.proof.at is not None:
            continue
        relation = item.says(Syntax())
        if not isinstance(relation.rhs, Scalar | Vector):
            continue
        q = formal(item.setting, item.proof.eps)
        lhs = evaluate(relation.lhs, q)
        for slip in list(_slips(relation))[:6]:
            rhs = evaluate(slip, q)
            sides = (q.dot(q.a, lhs), q.dot(q.a, rhs)) if relation.vector else (lhs, rhs)
            assert simplified(sides[1] - sides[0]) != 0
