r"""A whole layer of BatchNorm units, with the cross blocks H_jk of the downstream Hessian; and convolutions.

Unit j's statistics depend on y_j alone, so the gradient of the layer is that of its units, the cross block B_jk is
H_jk between the two Jacobians, and only the diagonal blocks get the terms of curvature. A block involves two
units: they are named j and k, all others are held fixed.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

from bnverify.theory.claim import (
    Claim,
    Data,
    Hypothesis,
    Instance,
    Proof,
    Reading,
    Refutation,
    Relation,
    Says,
    Step,
    Term,
    eq,
    le,
    veq,
)
from bnverify.theory.claims import ext_weight_fixed_x
from bnverify.theory.settings import Setting

WHERE = "beyond the sources: a whole layer"
SCOPE = (("m", ">= 2"), ("gamma", "any real, one for each unit"), ("sigma", "> 0"), ("eps", "= 0"))
UNITS = ("j", "k")
LAYER = Data(parameters="activations of all units of a layer", varies="y_j of every unit, L")


def rate(q: Setting, unit: str) -> Any:
    """gamma_j / s_j"""
    return q.sym(f"gamma_{unit}") / q.sym(f"s_{unit}")


def projected(q: Setting, u: Any, unit: str) -> Any:
    """P_j u = u - 1 <1,u>/m - y-hat_j <y-hat_j,u>/m"""
    yhat = q.vec(f"yhat_{unit}")
    return q.center(u) - yhat * (q.dot(yhat, u) / q.m)


def _proj(q: Setting, unit: str) -> Any:
    return q.dot(q.vec(f"g_{unit}"), q.vec(f"yhat_{unit}"))


def _sum(parts: Any) -> Any:
    return reduce(lambda a, b: a + b, parts)


def gradient_of_unit(q: Setting) -> Relation:
    g = q.vec("g_j")
    v = q.vec("v_j")
    return eq(
        q.dot(v, v),
        rate(q, "j") ** 2
        * (q.dot(g, g) - q.dot(q.one, g) ** 2 / q.m - (2 - q.sym("rho_j")) / q.m * _proj(q, "j") ** 2),
    )


def gradient(q: Setting) -> Relation:
    return eq(
        _sum(q.dot(q.vec(f"v_{u}"), q.vec(f"v_{u}")) for u in UNITS),
        _sum(
            rate(q, u) ** 2
            * (
                q.dot(q.vec(f"g_{u}"), q.vec(f"g_{u}"))
                - q.dot(q.one, q.vec(f"g_{u}")) ** 2 / q.m
                - _proj(q, u) ** 2 / q.m
            )
            for u in UNITS
        ),
    )


def cross_block(q: Setting) -> Relation:
    return veq(
        q.op("B_jk", q.b),
        projected(q, q.op("H_jk", projected(q, q.b, "k")), "j") * (rate(q, "j") * rate(q, "k")),
    )


def own_block(q: Setting) -> Relation:
    Pg, Pb, yhat = projected(q, q.vec("g_j"), "j"), projected(q, q.b, "j"), q.vec("yhat_j")
    return veq(
        q.op("B_jj", q.b),
        projected(q, q.op("H_jj", Pb), "j") * rate(q, "j") ** 2
        - (Pg * q.dot(yhat, q.b) + yhat * q.dot(Pg, q.b) + Pb * _proj(q, "j"))
        * (rate(q, "j") / (q.m * q.sym("s_j"))),
    )


def _form(q: Setting, operator: str, vector: str, weighted: bool = False) -> Any:
    """sum over j, k of u_j' K_jk u_k, with u_j times gamma_j/s_j where weighted"""

    def u(unit: str) -> Any:
        return q.vec(f"{vector}_{unit}") * (rate(q, unit) if weighted else 1)

    return _sum(q.dot(u(a), q.op(f"{operator}_{a}{b}", u(b))) for a in UNITS for b in UNITS)


def _additive(q: Setting) -> Any:
    return _sum(
        rate(q, u) / (q.m * q.sym(f"s_{u}")) * _proj(q, u) * q.dot(q.vec(f"v_{u}"), q.vec(f"v_{u}"))
        for u in UNITS
    )


def first_part(q: Setting) -> Relation:
    return le(_form(q, "B", "v"), _form(q, "H", "v", weighted=True) - _additive(q))


def second_part(q: Setting) -> Relation:
    return le(_form(q, "B", "v"), _form(q, "H", "g", weighted=True) - _additive(q))


def _each_unit(unit: str) -> Says:
    def says(q: Setting) -> Relation:
        g, v = q.vec(f"g_{unit}"), q.vec(f"v_{unit}")
        return le(q.dot(v, q.op(f"H_{unit}{unit}", v)), q.dot(g, q.op(f"H_{unit}{unit}", g)))

    return says


def _whole_layer(q: Setting) -> Relation:
    return le(_form(q, "H", "v", weighted=True), _form(q, "H", "g", weighted=True))


EACH_UNIT = tuple(
    Hypothesis(
        f"relative-norms-{unit}",
        rf"v_{unit}^\top H_{{{unit}{unit}}} v_{unit} \le g_{unit}^\top H_{{{unit}{unit}}} g_{unit}",
        _each_unit(unit),
    )
    for unit in UNITS
)
WHOLE_LAYER = Hypothesis(
    "relative-norms",
    r"the form of H over the whole layer, each unit weighted with \gamma_j/\sigma_j, is not larger at v than at g",
    _whole_layer,
)


def _by_whole_layer(q: Setting) -> list[Term]:
    return [Term(1, "hypothesis", "relative-norms")]


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


def _formula(
    slug: str, title: str, says: Says, why: str, steps: tuple[Step, ...] = (), eps: bool = False
) -> Claim:
    return Claim(
        id=f"ext-layer.{slug}",
        title=title,
        where=WHERE,
        kind="extension",
        quotation="",
        readings=(
            Reading(
                slug="formula",
                summary="for any two units j and k of the layer, all others held fixed",
                says=says,
                data=LAYER,
                proof=Proof(steps=steps, eps=eps),
                setting="layer",
            ),
        ),
        scope=(*SCOPE[:3], ("eps", ">= 0")) if eps else SCOPE,
        why=why,
    )


CLAIMS = (
    _formula(
        "gradient",
        "The gradient of a whole layer",
        gradient,
        "each unit's part depends on g of that unit alone: Theorem 4.1 corrected adds up",
    ),
    _formula(
        "blocks",
        "The blocks of the Hessian of a whole layer",
        cross_block,
        "B_jk is H_jk between the Jacobians of the two units; only B_jj has terms of curvature",
        (Step(text="the block of one unit is equation (40)", says=own_block),),
        eps=True,
    ),
    _formula(
        "thm-4.2.1",
        "Theorem 4.2, first part, for a whole layer",
        first_part,
        "an equality, with H weighted by gamma_j/sigma_j on both sides: no common factor gamma^2/sigma^2",
    ),
    Claim(
        id="ext-layer.thm-4.2.2",
        title="Theorem 4.2, second part, for a whole layer",
        where=WHERE,
        kind="extension",
        quotation="",
        readings=(
            Reading(
                slug="unit-by-unit",
                summary="the hypothesis v'Hv <= g'Hg of every unit by itself",
                says=second_part,
                data=LAYER,
                hypotheses=EACH_UNIT,
                refutation=Refutation(CROSS_ONLY, CROSS_GENERIC),
                setting="layer",
            ),
            Reading(
                slug="whole-layer",
                summary="the hypothesis for the weighted form of the whole layer, cross blocks included",
                says=second_part,
                data=Data(
                    parameters=LAYER.parameters,
                    varies=LAYER.varies,
                    norm="the form induced by H over the layer, weighted with gamma_j/sigma_j",
                ),
                hypotheses=(WHOLE_LAYER,),
                assumptions=("the weighted form of H over the layer is not larger at v than at g",),
                proof=Proof(
                    steps=(Step(text="the first part for the layer", says=first_part),), terms=_by_whole_layer
                ),
                setting="layer",
            ),
        ),
        scope=SCOPE,
        why="the cross blocks count: the hypothesis unit by unit is not enough",
        remarks=("For the layer the hypothesis is also necessary: it is the slack.",),
    ),
    Claim(
        id="ext-layer.convolution",
        title="Convolutions: the batch is N H W, the input the matrix of patches",
        where=WHERE,
        kind="extension",
        quotation="",
        readings=(
            Reading(
                slug="activations",
                summary="a channel is a unit of m = N H W samples: nothing changes in y",
                says=gradient_of_unit,
                data=Data(parameters="activations of one channel, all positions of all samples"),
                proof=Proof(eps=True),
                setting="layer",
            ),
            Reading(
                slug="shared-weights",
                summary="y = X w with X the N H W x C k^2 matrix of patches: the gradient of the kernel is X'v",
                says=ext_weight_fixed_x.gradient_norm,
                data=Data(parameters="the kernel of one channel", fixed="X, the matrix of patches"),
                proof=Proof(steps=(ext_weight_fixed_x.CHAIN,), eps=True),
                setting="weights",
            ),
        ),
        scope=(("m", "= N H W"), *SCOPE[1:3], ("eps", ">= 0")),
        why="weights are shared by the rows of X, as always; a pixel that lies in several patches occurs in X as often",
    ),
)
