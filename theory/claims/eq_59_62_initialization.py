r"""Equations (59) to (62): the distance to the optimum on the ray of W*, the proof of Lemma 4.5.

Right for all real vectors with W* != 0, whatever the sign of <W*, W0>. This copy has a torn line before (61) that
carries its number too.
"""

from __future__ import annotations

from typing import Any

from bnverify.theory.claim import Data, Relation, eq
from bnverify.theory.equation import equation, step, value
from bnverify.theory.settings import Setting

LINE_59 = r"""$$\left| \left| W_0 - \widehat{W} \right| \right|^2 - \left| |W_0 - W^*| \right|^2 = \left| |W_0 - kW^*|
\right|^2 - \left| |W_0 - W^*| \right|^2 \tag{59}$$"""
LINE_60 = r"""$$= \left(\left| |W_0| \right|^2 - k^2 \left| |W^*| \right|^2 \right) - \left(\left| |W_0| \right|^2 - 2k
\left| |W^*| \right|^2 + \left| |W^*| \right|^2 \right) \tag{60}$$"""
LINE_61 = r"""$$= 2k ||W^*||^2 - k^2 ||W^*||^2 - ||W^*||^2 \tag{61}$$"""
LINE_62 = r"""$$= -||W^*||^2 \cdot (1-k)^2 \tag{62}$$"""


def _k(q: Setting) -> Any:
    return q.dot(q.vec("Wstar"), q.vec("W0")) / q.dot(q.vec("Wstar"), q.vec("Wstar"))


def _square(q: Setting, u: Any) -> Any:
    return q.dot(u, u)


def gain(q: Setting) -> Any:
    """|W0 - k W*|^2 - |W0 - W*|^2"""
    W0, Ws = q.vec("W0"), q.vec("Wstar")
    return _square(q, W0 - Ws * _k(q)) - _square(q, W0 - Ws)


def right_of_60(q: Setting) -> Any:
    W0, Ws, k = q.vec("W0"), q.vec("Wstar"), _k(q)
    first = _square(q, W0) - k**2 * _square(q, Ws)
    return first - (_square(q, W0) - 2 * k * _square(q, Ws) + _square(q, Ws))


def right_of_61(q: Setting) -> Any:
    Ws, k = q.vec("Wstar"), _k(q)
    return 2 * k * _square(q, Ws) - k**2 * _square(q, Ws) - _square(q, Ws)


def right_of_62(q: Setting) -> Any:
    return -_square(q, q.vec("Wstar")) * (1 - _k(q)) ** 2


def line_59(q: Setting) -> Relation:
    W0, Ws = q.vec("W0"), q.vec("Wstar")
    nearest = Ws * _k(q)
    return eq(_square(q, W0 - nearest) - _square(q, W0 - Ws), gain(q))


def line_60(q: Setting) -> Relation:
    return eq(gain(q), right_of_60(q))


def line_61(q: Setting) -> Relation:
    return eq(gain(q), right_of_61(q))


def from_60_to_61(q: Setting) -> Relation:
    return eq(right_of_60(q), right_of_61(q))


def line_62(q: Setting) -> Relation:
    return eq(gain(q), right_of_62(q))


def from_61_to_62(q: Setting) -> Relation:
    return eq(right_of_61(q), right_of_62(q))


def as_lemma(q: Setting) -> Relation:
    gap = q.dot(q.vec("Wstar"), q.vec("Wstar")) - q.dot(q.vec("Wstar"), q.vec("W0"))
    return eq(right_of_62(q), -(1 / _square(q, q.vec("Wstar"))) * gap**2)


VECTORS = Data(
    quantifiers="for all W0 and all W* != 0",
    fixed="nothing",
    varies="W0, W*",
    right_side_at="does not matter",
    parameters="weights",
)
NONZERO = ("W* is not 0",)

CLAIMS = (
    equation(
        59,
        "The gain in distance",
        LINE_59,
        value(line_59, "W-hat := k W* inserted", setting="optima", data=VECTORS),
        assumptions=NONZERO,
        why="it inserts the definition W-hat := k W*",
        notation=("W-hat lacks the star of the lemma",),
        remarks=("That k W* is an optimum of the BatchNorm network is another matter: see Lemma 4.5.",),
    ),
    equation(
        60,
        "The gain in distance, opened",
        LINE_60,
        value(line_60, "the gain |W0 - k W*|^2 - |W0 - W*|^2", setting="optima", data=VECTORS),
        assumptions=NONZERO,
        why="<W0, W*> = k |W*|^2, used twice",
    ),
    equation(
        61,
        "The gain in distance, collected",
        LINE_61,
        value(line_61, "the gain |W0 - k W*|^2 - |W0 - W*|^2", setting="optima", data=VECTORS),
        step(from_60_to_61, "from (60): |W0|^2 cancels", setting="optima", data=VECTORS),
        assumptions=NONZERO,
        notation=("this copy has a torn line before it, L^2 |W*|^2 |W*|^2, with the number (61) as well",),
    ),
    equation(
        62,
        "The gain in distance as a square",
        LINE_62,
        value(line_62, "the gain |W0 - k W*|^2 - |W0 - W*|^2", setting="optima", data=VECTORS),
        step(from_61_to_62, "from (61): a square", setting="optima", data=VECTORS),
        step(
            as_lemma,
            "to the lemma: -|W*|^2 (1 - k)^2 = -(|W*|^2 - <W*, W0>)^2/|W*|^2",
            slug="conclusion",
            setting="optima",
            data=VECTORS,
            why="the proof leaves it to the reader",
        ),
        assumptions=NONZERO,
        remarks=("Its last step to the lemma is not printed.",),
    ),
)
