r"""A whole layer of BatchNorm units, with the cross blocks H_jk of the downstream Hessian; and convolutions.

Unit j's statistics depend on y_j alone, so the gradient of the layer is that of its units, the cross block B_jk is
H_jk between the two Jacobians, and only the diagonal blocks get the terms of curvature. A block involves two
units: they are named j and k, all others are held fixed.
"""

from __future__ import annotations

from functools import partial

from bnverify.theory.claim import Data, Hypothesis, Instance, Proof, Reading, Refutation, Step
from bnverify.theory.claims.santurkar_2018 import ext_weight_fixed_x
from bnverify.theory.equation import formula, question
from bnverify.theory.normalisations import BATCH_NORM, IN_WEIGHTS, two_units

WHERE = "beyond the sources: a whole layer"
NORM = two_units(BATCH_NORM)
SCOPE = (("m", ">= 2"), ("gamma", "any real, one for each unit"), ("sigma", "> 0"), ("eps", "= 0"))
UNITS = ("j", "k")
LAYER = Data(parameters="activations of all units of a layer", varies="y_j of every unit, L")
GRADIENT_OF_UNIT = (
    "v_j @ v_j == (gamma_j/s_j)**2 * (g_j @ g_j - (one @ g_j)**2/m - (2 - rho_j)/m * (g_j @ yhat_j)**2)"
)


def part_of(u: str, unit: str) -> str:
    """P u of one unit: a vector minus its mean and minus its part along the unit's y-hat."""
    return f"({u} - mean({u})*one - (yhat_{unit} @ {u})/m*yhat_{unit})"


def form(u: str) -> str:
    """The form of H over the two units at u, each weighted with gamma/s."""
    one, other = (f"(gamma_{unit}/s_{unit}*{u}_{unit})" for unit in UNITS)
    return (
        f"{one} @ H_jj @ {one} + {one} @ H_jk @ {other} + {other} @ H_kj @ {one} + {other} @ H_kk @ {other}"
    )


CROSS_BLOCK = (
    f"B_jk @ b == gamma_j/s_j * (gamma_k/s_k) * (H_jk @ {part_of('b', 'k')} - mean(H_jk @ {part_of('b', 'k')})*one - "
    f"(yhat_j @ H_jk @ {part_of('b', 'k')})/m*yhat_j)"
)
OWN_BLOCK = (
    f"B_jj @ b == (gamma_j/s_j)**2 * (H_jj @ {part_of('b', 'j')} - mean(H_jj @ {part_of('b', 'j')})*one - "
    f"(yhat_j @ H_jj @ {part_of('b', 'j')})/m*yhat_j) - gamma_j/s_j/(m*s_j) * ((yhat_j @ b) * "
    f"{part_of('g_j', 'j')} + ({part_of('g_j', 'j')} @ b)*yhat_j + (g_j @ yhat_j) * {part_of('b', 'j')})"
)
_CURVATURE = "v_j @ B_jj @ v_j + v_j @ B_jk @ v_k + v_k @ B_kj @ v_j + v_k @ B_kk @ v_k"
_ADDED = (
    "gamma_j/s_j/(m*s_j) * (g_j @ yhat_j) * (v_j @ v_j) + gamma_k/s_k/(m*s_k) * (g_k @ yhat_k) * (v_k @ v_k)"
)
FIRST_PART = f"{_CURVATURE} <= {form('v')} - ({_ADDED})"
SECOND_PART = f"{_CURVATURE} <= {form('g')} - ({_ADDED})"
EACH_UNIT = tuple(
    Hypothesis(
        f"relative-norms-{unit}",
        rf"v_{unit}^\top H_{{{unit}{unit}}} v_{unit} \le g_{unit}^\top H_{{{unit}{unit}}} g_{unit}",
        f"v_{unit} @ H_{unit}{unit} @ v_{unit} <= g_{unit} @ H_{unit}{unit} @ g_{unit}",
    )
    for unit in UNITS
)
WHOLE_LAYER = Hypothesis(
    "relative-norms",
    r"the form of H over the whole layer, each unit weighted with \gamma_j/\sigma_j, is not larger at v than at g",
    f"{form('v')} <= {form('g')}",
)
BY_WHOLE_LAYER = ("given0",)
CROSS_ONLY = Instance(
    y=(0, 1, 0, 1),
    g=(0, 1, 0, 1),
    H=((0, 0, 0, 0), (0, 0, 0, -1), (0, 0, 0, 0), (0, -1, 0, 0)),
    note="two units of two samples: H_jj = H_kk = 0, only the cross block is not, and v = 0",
)
CROSS_GENERIC = Instance(
    y=(0, 0, 1, 0, 0, 1),
    g=(-1, 1, 1, 0, -1, 0),
    H=(
        (0, 0, 0, 0, 0, 0),
        (0, 0, 0, 0, -1, 0),
        (0, 0, 1, 0, 0, 0),
        (0, 0, 0, 0, 0, 0),
        (0, -1, 0, 0, -1, 0),
        (0, 0, 0, 0, 0, 0),
    ),
    note="two units of three samples, every term non-zero",
)


_formula = partial(
    formula,
    "ext-layer",
    WHERE,
    "for any two units j and k of the layer, all others held fixed",
    LAYER,
    SCOPE,
    norm=NORM,
)

CLAIMS = (
    _formula(
        "gradient",
        "The gradient of a whole layer",
        "v_j @ v_j + v_k @ v_k == (gamma_j/s_j)**2 * (g_j @ g_j - (one @ g_j)**2/m - (g_j @ "
        "yhat_j)**2/m) + (gamma_k/s_k)**2 * (g_k @ g_k - (one @ g_k)**2/m - (g_k @ yhat_k)**2/m)",
        "each unit's part depends on g of that unit alone: Theorem 4.1 corrected adds up",
    ),
    _formula(
        "blocks",
        "The blocks of the Hessian of a whole layer",
        CROSS_BLOCK,
        "B_jk is H_jk between the Jacobians of the two units; only B_jj has terms of curvature",
        (Step(text="the block of one unit is equation (40)", says=OWN_BLOCK),),
        eps=">= 0",
    ),
    _formula(
        "thm-4.2.1",
        "Theorem 4.2, first part, for a whole layer",
        FIRST_PART,
        "an equality, with H weighted by gamma_j/sigma_j on both sides: no common factor gamma^2/sigma^2",
    ),
    question(
        "ext-layer.thm-4.2.2",
        "Theorem 4.2, second part, for a whole layer",
        WHERE,
        Reading(
            slug="unit-by-unit",
            summary="the hypothesis v'Hv <= g'Hg of every unit by itself",
            says=SECOND_PART,
            data=LAYER,
            hypotheses=EACH_UNIT,
            refutation=Refutation(CROSS_ONLY, CROSS_GENERIC),
            norm=NORM,
        ),
        Reading(
            slug="whole-layer",
            summary="the hypothesis for the weighted form of the whole layer, cross blocks included",
            says=SECOND_PART,
            data=Data(
                parameters=LAYER.parameters,
                varies=LAYER.varies,
                norm="the form induced by H over the layer, weighted with gamma_j/sigma_j",
            ),
            hypotheses=(WHOLE_LAYER,),
            assumptions=("the weighted form of H over the layer is not larger at v than at g",),
            proof=Proof(
                steps=(Step(text="the first part for the layer", says=FIRST_PART),), terms=BY_WHOLE_LAYER
            ),
            norm=NORM,
        ),
        scope=SCOPE,
        why="the cross blocks count: the hypothesis unit by unit is not enough",
        remarks=("For the layer the hypothesis is also necessary: it is the slack.",),
    ),
    question(
        "ext-layer.convolution",
        "Convolutions: the batch is N H W, the input the matrix of patches",
        WHERE,
        Reading(
            slug="activations",
            summary="a channel is a unit of m = N H W samples: nothing changes in y",
            says=GRADIENT_OF_UNIT,
            data=Data(parameters="activations of one channel, all positions of all samples"),
            norm=NORM,
        ),
        Reading(
            slug="shared-weights",
            summary="y = X w with X the N H W x C k^2 matrix of patches: the gradient of the kernel is X'v",
            says=ext_weight_fixed_x.GRADIENT_NORM,
            data=Data(parameters="the kernel of one channel", fixed="X, the matrix of patches"),
            proof=Proof(steps=(ext_weight_fixed_x.CHAIN,)),
            norm=IN_WEIGHTS,
        ),
        scope=(("m", "= N H W"), *SCOPE[1:3], ("eps", ">= 0")),
        why="weights are shared by the rows of X, as always; a pixel that lies in several patches occurs in X as often",
    ),
)
