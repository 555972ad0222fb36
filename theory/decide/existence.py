"""Statements that something exists, and statements of which only exact points know what they say."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from bnverify.theory.decide import certify, instances
from bnverify.theory.decide.conjecture import Case, build, negation
from bnverify.theory.decide.settle import Outcome, Proof, Settling
from bnverify.theory.decide.solvers import Portfolio
from bnverify.theory.grammar import parse, unparse
from bnverify.theory.kernel import Claim, Refused, judge

from bnverify.base.errors import InputError

ROUNDS = 60
"""How often points are drawn where no float64 value can choose among them."""


def settle(case: Case, portfolio: Portfolio, seed: int = 0) -> Outcome:
    """A witness that the kernel accepts, or its proof that there is none."""
    work = Settling(case, portfolio, seed)
    low = case.claim.min_m
    points = instances.candidates(case, (low, low + 1, low + 2), 4000, seed, broken=False, goal=True)
    for point in points:
        try:
            verified = judge(case.claim, {"point": point})
        except Refused:
            continue
        work.tried.append("small instances")
        return work.outcome(
            "proved", proofs=(Proof(case.claim, {"point": point}, verified),), verified=verified
        )
    tree = parse(case.claim.statement)
    none = replace(case.claim, statement=unparse(negation(tree)), quantifier="all")
    for certificate in certify.quick(build(none, case.operators), portfolio.left):
        denied: dict[str, Any] = {**certificate, "negation": True}
        try:
            verified = judge(case.claim, denied)
        except Refused:
            continue
        work.tried.append("a certificate that there is none")
        return work.outcome("refuted", proofs=(Proof(case.claim, denied, verified),), verified=verified)
    return work.outcome("open")


def at_points(claim: Claim, portfolio: Portfolio, seed: int, reason: str) -> Outcome:
    """A counterexample among small exact points, of a statement that the room of every m does not know."""
    try:
        case = build(replace(claim, statement="m >= 2"))
    except InputError:  # the hypotheses are such statements too
        case = build(replace(claim, statement="m >= 2", hypotheses=()))
    work = Settling(replace(case, claim=claim), portfolio, seed, tried=[reason])
    low, judged = claim.min_m, 0
    for turn in range(ROUNDS):
        size = low + turn % 3
        for point in instances.candidates(case, (size,), 1000, seed + turn, broken=False):
            if portfolio.left() < 0.2:
                return work.outcome("open")
            judged += 1
            try:
                verified = judge(claim, instances.certificate_at(claim, point))
            except Refused:
                continue
            return work.outcome("refuted", instance=point, verified=verified, smallest=size == low)
    work.tried.append(f"{judged} exact points at m = {low} to {low + 2}")
    return work.outcome("open")
