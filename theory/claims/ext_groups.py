r"""LayerNorm, GroupNorm, InstanceNorm and RMSNorm, with one gamma and beta per element.

With D = diag(gamma_1, ..., gamma_m) every formula of BatchNorm holds with D g for gamma g and D H D for gamma^2 H:
the reductions are those of D g, not of g. RMSNorm has no reduction of the mean. What does not carry over is that
the reductions vanish where gamma and beta are stationary: these are shared by samples that are normalised apart.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bnverify.theory.claim import (
    Claim,
    Corrected,
    Data,
    Hypothesis,
    Instance,
    Proof,
    Reading,
    Refutation,
    Relation,
    Says,
    Step,
    eq,
    le,
    veq,
)
from bnverify.theory.claims import ext_layer
from bnverify.theory.claims.ext_eps import damped
from bnverify.theory.settings import Setting

WHERE = "beyond the sources: normalisation within one sample"
SCOPE = (("m", ">= 2 elements in a group"), ("gamma", "one for each element"), ("sigma", "> 0"))
FEATURES = Data(
    quantifiers="for all y, D, beta, eps >= 0 and every twice differentiable L",
    fixed="D = diag(gamma_1, ..., gamma_m), beta",
    parameters="the elements of one group of one sample",
)
Project = Callable[[Setting, Any], Any]


def _Dg(q: Setting) -> Any:
    return q.op("D", q.g)


def _proj(q: Setting) -> Any:
    """<D g, y-hat>"""
    return q.dot(_Dg(q), q.yhat)


def _gradient(project: Project) -> Says:
    def says(q: Setting) -> Relation:
        return veq(q.v, project(q, _Dg(q)) * (1 / q.s))

    return says


def _hessian(project: Project) -> Says:
    def says(q: Setting) -> Relation:
        Ph, Pb = project(q, _Dg(q)), project(q, q.b)
        return veq(
            q.B(q.b),
            project(q, q.op("D", q.H(q.op("D", Pb)))) * (1 / q.s**2)
            - (Ph * q.dot(q.yhat, q.b) + q.yhat * q.dot(Ph, q.b) + Pb * _proj(q)) * (1 / (q.m * q.s**2)),
        )

    return says


def layer_norm_gradient(q: Setting) -> Relation:
    Dg = _Dg(q)
    return eq(
        q.bn_grad_sq,
        (q.dot(Dg, Dg) - q.dot(q.one, Dg) ** 2 / q.m - (2 - q.rho) / q.m * _proj(q) ** 2) / q.s**2,
    )


def rms_norm_gradient(q: Setting) -> Relation:
    Dg = _Dg(q)
    return eq(q.bn_grad_sq, (q.dot(Dg, Dg) - (2 - q.rho) / q.m * _proj(q) ** 2) / q.s**2)


def rms_norm_with_mean(q: Setting) -> Relation:
    Dg = _Dg(q)
    return le(
        q.bn_grad_sq,
        (q.dot(Dg, Dg) - q.dot(q.one, Dg) ** 2 / q.m - _proj(q) ** 2 / q.m) / q.s**2,
    )


def form(q: Setting) -> Relation:
    Dv = q.op("D", q.v)
    return le(q.bn_hess_bn, (q.dot(Dv, q.H(Dv)) - _proj(q) / q.m * q.bn_grad_sq) / q.s**2)


def scale_gradient(q: Setting) -> Relation:
    return eq(q.sym("dscale"), _proj(q))


def shift_gradient(q: Setting) -> Relation:
    return eq(q.sym("dshift"), q.dot(q.one, _Dg(q)))


def with_plain_gradient(q: Setting) -> Relation:
    return le(
        q.bn_grad_sq,
        q.sym("gamma_max") ** 2 / q.s**2 * (q.grad_sq - q.grad_sum**2 / q.m - q.grad_proj**2 / q.m),
    )


def group_gradient(q: Setting) -> Relation:
    Dg, v, yhat = q.op("D_j", q.vec("g_j")), q.vec("v_j"), q.vec("yhat_j")
    rho = q.sym("rho_j")
    return eq(
        q.dot(v, v),
        (q.dot(Dg, Dg) - q.dot(q.one, Dg) ** 2 / q.m - (2 - rho) / q.m * q.dot(Dg, yhat) ** 2)
        / q.sym("s_j") ** 2,
    )


def group_cross_block(q: Setting) -> Relation:
    moved = q.op("D_j", q.op("H_jk", q.op("D_k", ext_layer.projected(q, q.b, "k"))))
    return veq(
        q.op("B_jk", q.b),
        ext_layer.projected(q, moved, "j") * (1 / (q.sym("s_j") * q.sym("s_k"))),
    )


def no_reduction(q: Setting) -> Relation:
    Dg, v = q.op("D", q.vec("g_j")), q.vec("v_j")
    return le(q.dot(Dg, Dg) / q.sym("sigma_j") ** 2, q.dot(v, v))


def _zero(name: str) -> Says:
    def says(q: Setting) -> Relation:
        return eq(q.dot(q.vec(name), q.vec(name)), 0)

    return says


def off_yhat(q: Setting, u: Any) -> Any:
    """P u = u - y-hat <y-hat,u>/m, the projection of RMSNorm"""
    return q.off_yhat(u)


AFFINE = (
    Step(
        text="<D g, y-hat> is the derivative of the loss along a common factor of all gamma_i",
        says=scale_gradient,
    ),
    Step(
        text="<1, D g> is the derivative of the loss along beta_i -> beta_i + t gamma_i", says=shift_gradient
    ),
)


def _formula(
    slug: str,
    title: str,
    says: Says,
    setting: str,
    why: str,
    steps: tuple[Step, ...] = (),
    eps: bool = True,
) -> Claim:
    return Claim(
        id=f"ext-groups.{slug}",
        title=title,
        where=WHERE,
        kind="extension",
        quotation="",
        readings=(
            Reading(
                slug="formula",
                summary="for every number m of elements in a group",
                says=says,
                data=FEATURES,
                proof=Proof(steps=steps, eps=eps),
                setting=setting,
            ),
        ),
        scope=(*SCOPE, ("eps", ">= 0" if eps else "= 0")),
        why=why,
    )


UNEQUAL = Instance(
    y=(0, 0, 1),
    g=(1, 1, 0),
    extra=(("scale", (1, 2, 1)),),
    note="g is a combination of 1 and y-hat, so the bracket is 0; D g is not",
)
CLAIMS = (
    _formula(
        "layer-norm",
        "The gradient through LayerNorm",
        layer_norm_gradient,
        "layer-norm",
        "Theorem 4.1 corrected, with D g for gamma g",
        (Step(text="the gradient itself: v = P D g / s", says=_gradient(damped)), *AFFINE),
    ),
    _formula(
        "layer-norm-hessian",
        "The Hessian through LayerNorm",
        _hessian(damped),
        "layer-norm",
        "equation (40) with D H D and D g",
    ),
    _formula(
        "layer-norm-form",
        "Theorem 4.2, first part, for LayerNorm",
        form,
        "layer-norm",
        "an equality, with D v for gamma v in the form of H",
        eps=False,
    ),
    _formula(
        "rms-norm",
        "The gradient through RMSNorm",
        rms_norm_gradient,
        "rms-norm",
        "one reduction, that along y-hat; the mean of the gradient passes",
        (
            Step(text="the gradient itself: v = (I - y-hat y-hat'/m) D g / s", says=_gradient(off_yhat)),
            *AFFINE,
        ),
    ),
    _formula(
        "rms-norm-hessian",
        "The Hessian through RMSNorm",
        _hessian(off_yhat),
        "rms-norm",
        "equation (40) with I - y-hat y-hat'/m for P",
    ),
    _formula(
        "rms-norm-form",
        "Theorem 4.2, first part, for RMSNorm",
        form,
        "rms-norm",
        "an equality as for LayerNorm",
        eps=False,
    ),
    _formula(
        "group-norm",
        "GroupNorm: the gradient of a group and the blocks between groups",
        group_cross_block,
        "group-norm",
        "each group is a LayerNorm of its own, and groups meet in H alone",
        (Step(text="the gradient of one group", says=group_gradient),),
    ),
    _formula(
        "instance-norm",
        "InstanceNorm: one channel of one sample",
        ext_layer.gradient_of_unit,
        "layer",
        "BatchNorm of one unit with m = H W: the channel's gamma is one number",
        (Step(text="the blocks between samples and channels", says=ext_layer.cross_block),),
    ),
    Claim(
        id="ext-groups.thm-4.1",
        title="Theorem 4.1 for LayerNorm with the reductions of g instead of D g",
        where=WHERE,
        kind="extension",
        quotation="",
        readings=(
            Reading(
                slug="largest-gamma",
                summary="with the largest gamma_i in the prefactor and 1/m",
                says=with_plain_gradient,
                data=FEATURES,
                refutation=Refutation(UNEQUAL, UNEQUAL),
                setting="layer-norm",
            ),
        ),
        corrected=Corrected(
            says=layer_norm_gradient,
            proof=Proof(eps=True),
            text="the reductions are those of D g",
            setting="layer-norm",
        ),
        scope=(*SCOPE, ("eps", ">= 0")),
        why="unequal gamma_i turn the removed directions into others",
    ),
    Claim(
        id="ext-groups.rms-norm-mean",
        title="Theorem 4.1 for RMSNorm with the reduction of the mean",
        where=WHERE,
        kind="extension",
        quotation="",
        readings=(
            Reading(
                slug="both-reductions",
                summary="with 1/m in both reductions",
                says=rms_norm_with_mean,
                data=FEATURES,
                refutation=Refutation(
                    Instance(
                        y=(0, 1), g=(1, 0), extra=(("scale", (1, 1)),), note="m = 2, g at right angles to y"
                    ),
                    Instance(
                        y=(0, 1), g=(1, 1), extra=(("scale", (1, 1)),), note="m = 2, every term non-zero"
                    ),
                ),
                setting="rms-norm",
            ),
        ),
        corrected=Corrected(
            says=rms_norm_gradient,
            proof=Proof(eps=True),
            text="without the reduction of the mean",
            setting="rms-norm",
        ),
        scope=(*SCOPE, ("eps", ">= 0")),
        why="RMSNorm does not subtract the mean",
    ),
    Claim(
        id="ext-groups.stationary",
        title="Do the reductions of LayerNorm vanish where gamma and beta are stationary?",
        where=WHERE,
        kind="extension",
        quotation="",
        readings=(
            Reading(
                slug="two-samples",
                summary="gamma and beta shared by two samples, both stationary, element by element",
                says=no_reduction,
                data=Data(parameters="the elements of one sample; gamma, beta shared by all samples"),
                hypotheses=(
                    Hypothesis(
                        "gamma-stationary",
                        r"\partial\widehat{\mathcal{L}}/\partial\gamma_i = 0",
                        _zero("dscale"),
                    ),
                    Hypothesis(
                        "beta-stationary",
                        r"\partial\widehat{\mathcal{L}}/\partial\beta_i = 0",
                        _zero("dshift"),
                    ),
                ),
                refutation=Refutation(
                    Instance(
                        y=(0, 1, 0, 1),
                        g=(0, 1, 0, -1),
                        extra=(("scale", (1, 1)),),
                        note="the two samples' contributions to gamma and beta cancel, v = 0",
                    ),
                    Instance(
                        y=(0, 0, 1, 0, 0, 1),
                        g=(0, 1, 0, 0, -1, 0),
                        extra=(("scale", (1, 1, 1)),),
                        note="two samples of three features, every term non-zero",
                    ),
                ),
                setting="shared-affine",
            ),
        ),
        scope=(*SCOPE, ("eps", "= 0")),
        why="the gradients of gamma and beta are sums over samples, the reductions are not",
        remarks=(
            "For BatchNorm, where the whole batch is one group, they do: ext-affine-gradients.stationary.",
        ),
    ),
)
