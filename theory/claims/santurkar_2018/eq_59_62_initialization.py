r"""Equations (59) to (62): the distance to the optimum on the ray of W*, the proof of Lemma 4.5.

Right for all real vectors with W* != 0, whatever the sign of <W*, W0>. This copy has a torn line before (61) that
carries its number too.
"""

from __future__ import annotations

from bnverify.theory.claim import Data
from bnverify.theory.equation import equation, follows, step, value

LINE_59 = r"""$$\left| \left| W_0 - \widehat{W} \right| \right|^2 - \left| |W_0 - W^*| \right|^2 = \left| |W_0 - kW^*|
\right|^2 - \left| |W_0 - W^*| \right|^2 \tag{59}$$"""
LINE_60 = r"""$$= \left(\left| |W_0| \right|^2 - k^2 \left| |W^*| \right|^2 \right) - \left(\left| |W_0| \right|^2 - 2k
\left| |W^*| \right|^2 + \left| |W^*| \right|^2 \right) \tag{60}$$"""
LINE_61 = r"""$$= 2k ||W^*||^2 - k^2 ||W^*||^2 - ||W^*||^2 \tag{61}$$"""
LINE_62 = r"""$$= -||W^*||^2 \cdot (1-k)^2 \tag{62}$$"""
W_HAT, K, SQUARE = (
    "(W0 - (Wstar @ W0)/(Wstar @ Wstar)*Wstar)",
    "((Wstar @ W0)/(Wstar @ Wstar))",
    "(Wstar @ Wstar)",
)
GAIN = f"{W_HAT} @ {W_HAT} - (W0 - Wstar) @ (W0 - Wstar)"
TEXT_60 = f"{GAIN} == W0 @ W0 - {K}**2 * {SQUARE} - (W0 @ W0 - 2 * {K} * {SQUARE} + Wstar @ Wstar)"
TEXT_61 = f"{GAIN} == 2 * {K} * {SQUARE} - {K}**2 * {SQUARE} - Wstar @ Wstar"
TEXT_62 = f"{GAIN} == -{SQUARE} * (1 - (Wstar @ W0)/(Wstar @ Wstar))**2"
AS_LEMMA = follows(TEXT_62, f"{GAIN} == -1/{SQUARE} * (Wstar @ Wstar - Wstar @ W0)**2")
VECTORS = Data(
    quantifiers="for all W0 and all W* != 0",
    fixed="nothing",
    varies="W0, W*",
    right_side_at="does not matter",
    parameters="weights",
)
NONZERO = ("W* is not 0",)
NOT_ZERO = ("0 < Wstar @ Wstar",)

CLAIMS = (
    equation(
        59,
        "The gain in distance",
        LINE_59,
        value(f"{GAIN} == {GAIN}", "W-hat := k W* inserted", norm="identity", data=VECTORS, needs=NOT_ZERO),
        assumptions=NONZERO,
        why="it inserts the definition W-hat := k W*",
        notation=("W-hat lacks the star of the lemma",),
        remarks=("That k W* is an optimum of the BatchNorm network is another matter: see Lemma 4.5.",),
    ),
    equation(
        60,
        "The gain in distance, opened",
        LINE_60,
        value(TEXT_60, "the gain |W0 - k W*|^2 - |W0 - W*|^2", norm="identity", data=VECTORS, needs=NOT_ZERO),
        assumptions=NONZERO,
        why="<W0, W*> = k |W*|^2, used twice",
    ),
    equation(
        61,
        "The gain in distance, collected",
        LINE_61,
        value(TEXT_61, "the gain |W0 - k W*|^2 - |W0 - W*|^2", norm="identity", data=VECTORS, needs=NOT_ZERO),
        step(
            follows(TEXT_60, TEXT_61),
            "from (60): |W0|^2 cancels",
            norm="identity",
            data=VECTORS,
            needs=NOT_ZERO,
        ),
        assumptions=NONZERO,
        notation=("this copy has a torn line before it, L^2 |W*|^2 |W*|^2, with the number (61) as well",),
    ),
    equation(
        62,
        "The gain in distance as a square",
        LINE_62,
        value(TEXT_62, "the gain |W0 - k W*|^2 - |W0 - W*|^2", norm="identity", data=VECTORS, needs=NOT_ZERO),
        step(follows(TEXT_61, TEXT_62), "from (61): a square", norm="identity", data=VECTORS, needs=NOT_ZERO),
        step(
            AS_LEMMA,
            "to the lemma: -|W*|^2 (1 - k)^2 = -(|W*|^2 - <W*, W0>)^2/|W*|^2",
            slug="conclusion",
            norm="identity",
            data=VECTORS,
            needs=NOT_ZERO,
            why="the proof leaves it to the reader",
        ),
        assumptions=NONZERO,
        remarks=("Its last step to the lemma is not printed.",),
    ),
)
