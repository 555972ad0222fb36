"""From a claim's id to its part of the kill table: the unit of work of ``bnverify mutants --all --store``."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import torch
from bnverify.numerics.tester.exact_points import at_points
from bnverify.numerics.tester.kills import MOST, NAMED, POINTS, Killed, digest
from bnverify.numerics.tester.mutants import Row, judge_statement
from bnverify.theory.mutate import Statement, mutants, spread, statements, unmutated
from bnverify.theory.registry import registry
from bnverify.theory.store import files


def kill(identifier: str, points: int = POINTS, seed: int = 0) -> Killed:
    """The kill table of one claim, from nothing.

    Args:
        points: exact points of every equality.
        seed: of the instances, of the points and of the choice of mutants.
    """
    torch.set_num_threads(1)
    claim = registry()[identifier]
    file = files()[identifier]
    judged = tuple(judged_statement(statement, points, seed) for statement in statements(claim))
    return Killed(identifier, file, digest(file), judged, unmutated(claim))


def judged_statement(statement: Statement, points: int = POINTS, seed: int = 0) -> dict[str, Any]:
    """What is stored of one statement, see `Killed`."""
    made = mutants(statement)
    whole = statement.claim.partition("-")[0] in NAMED
    row = judge_statement(statement, seed, made if whole else spread(made, MOST, seed))
    return {
        "about": statement.about,
        "op": statement.op,
        "made": len(made),
        "judged": len(row.verdicts),
        "killed": row.killed,
        "exact_alone": row.exact_alone,
        **{proof: row.count(proof) for proof in ("false", "equivalent", "weaker", "open")},
        "sound": row.sound,
        "skipped": row.skipped,
        "true": _true(row),
        "points": _points(statement, points, seed),
    }


def _true(row: Row) -> list[list[str]]:
    return [[one.mutant.text, one.proof, one.why] for one in row.verdicts if one.proof != "false"]


def _points(statement: Statement, points: int, seed: int) -> dict[str, Any] | None:
    if statement.op != "==" or statement.at is not None:
        return None
    tested = at_points(statement, points, seed)
    return asdict(tested) | {
        "sizes": {str(m): count for m, count in tested.sizes},
        "redrawn": dict(tested.redrawn),
    }
