"""Equalities at random exact points: every m from 2 to 12, rational y, g and H, gamma in Q(sqrt d).

The arithmetic and the derivatives are those of the independent checker `bnverify.theory.kernel`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from bnverify.numerics.drawing import draw, needs_of
from bnverify.numerics.falsify import Target, searchable
from bnverify.theory.export import instance_data, statement_data
from bnverify.theory.mutate import Statement
from bnverify.theory.observe import Syntax
from bnverify.theory.surds import Surd, sides_at
from bnverify.theory.syntax import walk

SIZES = tuple(range(2, 13))


@dataclass(frozen=True)
class Tested:
    """How many points an equality was evaluated at, and the first at which its sides differ (None: nowhere)."""

    points: int
    differs: dict[str, Any] | None


def why_not(statement: Statement) -> str | None:
    """None where random points of the statement's setting can be drawn and checked, otherwise the reason."""
    relation = statement.says(Syntax())
    for side in (relation.lhs, relation.rhs):
        for _, node in walk(side):
            if getattr(node, "head", "") == "sqrt" and node.args[0] != Syntax().m:
                return "it takes the square root of more than m"
    return searchable(Target(statement.says, (), statement.setting, statement.proof.eps))


def random_point(rng: random.Random, statement: Statement, m: int) -> dict[str, Any]:
    """The data of one instance; every other gamma is p + q sqrt(d)."""
    needs = needs_of(statement.says)
    data = instance_data(draw(rng, m, needs, statement.proof.eps, statement.setting))
    if rng.random() < 0.5 and data["gamma"] != "s":
        root = Surd({rng.choice((2, 3, 5)): Fraction(rng.choice((-1, 1, 2)), rng.choice((1, 2)))})
        data["gamma"] = root + Fraction(data["gamma"])
    return data


def at_points(statement: Statement, points: int = 100, seed: int = 0) -> Tested:
    """Both sides of an equality at ``points`` exact points, the batch sizes in turn.

    Points at which a side is not defined (a division by zero) are drawn again.
    """
    rng = random.Random(seed)
    stored = statement_data(statement.says(Syntax()))
    done = tries = 0
    while done < points and tries < 3 * points:
        data = random_point(rng, statement, SIZES[tries % len(SIZES)])
        tries += 1
        try:
            lhs, rhs = sides_at(data, stored)
        except ZeroDivisionError:
            continue
        done += 1
        if (lhs - rhs).sign() != 0:
            return Tested(done, data)
    return Tested(done, None)
