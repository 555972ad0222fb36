r"""Weight space at the actual input X, without any maximum over X.

The gradient in W is X'v and the Hessian X'BX. No bound by |X'g| holds in general: BatchNorm projects in the space of
activations, and seen through X' that projection is oblique. It becomes orthogonal, and Theorems 4.1 and 4.2.1 hold
in weight space as equalities, where X is centred and W an eigenvector of X'X, for instance for whitened inputs.
"""

from __future__ import annotations

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
    Term,
    eq,
    le,
    veq,
)
from bnverify.theory.claims.ext_eps import damped
from bnverify.theory.settings import Setting

WHERE = "beyond the sources: weight space at the actual input"
SCOPE = (("m", ">= 2"), ("gamma", "any real"), ("sigma", "> 0"), ("eps", "= 0"))
AT_X = Data(fixed="X, gamma, beta", varies="W, L", parameters="weights of one unit")


def _dW(q: Setting) -> Any:
    return q.vec("dW")


def _through_X(q: Setting) -> Any:
    """u = X dW = X X'v, the step of the activations along the weight gradient"""
    return q.op("X", _dW(q))


def chain_rule(q: Setting) -> Relation:
    return veq(_dW(q), q.op("T", q.v))


def gradient_norm(q: Setting) -> Relation:
    moved = q.op("T", damped(q, q.g))
    return eq(q.dot(_dW(q), _dW(q)), q.gamma**2 / q.s**2 * q.dot(moved, moved))


def hessian(q: Setting) -> Relation:
    return veq(q.op("HW", q.b), q.op("T", q.B(q.op("X", q.b))))


def quadratic_form(q: Setting) -> Relation:
    u = _through_X(q)
    Pu = damped(q, u)
    return eq(
        q.dot(_dW(q), q.op("HW", _dW(q))),
        q.gamma**2 / q.s**2 * q.dot(Pu, q.H(Pu))
        - q.gamma
        / (q.m * q.s**2)
        * (2 * q.dot(damped(q, q.g), u) * q.dot(q.yhat, u) + q.grad_proj * q.dot(u, Pu)),
    )


def along_W(q: Setting) -> Relation:
    return eq(q.dot(q.vec("W"), _dW(q)), 0)


def along_W_eps(q: Setting) -> Relation:
    return eq(q.dot(q.vec("W"), _dW(q)), q.gamma * (1 - q.rho) * q.grad_proj)


def hessian_of_W(q: Setting) -> Relation:
    return veq(q.op("HW", q.vec("W")), -_dW(q))


def flat_along_W(q: Setting) -> Relation:
    return eq(q.dot(q.vec("W"), q.op("HW", q.vec("W"))), 0)


def minor(q: Setting) -> Relation:
    W, d = q.vec("W"), _dW(q)
    KW, Kd = q.op("HW", W), q.op("HW", d)
    return eq(q.dot(W, KW) * q.dot(d, Kd) - q.dot(W, Kd) ** 2, -(q.dot(d, d) ** 2))


def no_larger(q: Setting) -> Relation:
    plain = q.op("T", q.g)
    return le(q.dot(_dW(q), _dW(q)), q.gamma**2 / q.sigma**2 * q.dot(plain, plain))


def reduced(q: Setting) -> Relation:
    plain, W = q.op("T", q.g), q.vec("W")
    return eq(
        q.dot(_dW(q), _dW(q)),
        q.gamma**2 / q.sigma**2 * (q.dot(plain, plain) - q.dot(plain, W) ** 2 / q.dot(W, W)),
    )


def larger(q: Setting) -> Relation:
    plain = q.op("T", q.g)
    return le(q.gamma**2 / q.sigma**2 * q.dot(plain, plain), q.dot(_dW(q), _dW(q)))


def first_part(q: Setting) -> Relation:
    u = _through_X(q)
    return le(
        q.dot(_dW(q), q.op("HW", _dW(q))),
        q.gamma**2 / q.sigma**2 * q.dot(u, q.H(u)) - q.gamma / (q.m * q.sigma**2) * q.grad_proj * q.dot(u, u),
    )


def _centred(q: Setting) -> Relation:
    mean = q.op("T", q.one)
    return eq(q.dot(mean, mean), 0)


def _eigenvector(q: Setting) -> Relation:
    W = q.vec("W")
    KW = q.op("T", q.op("X", W))
    return eq(q.dot(KW, KW) * q.dot(W, W), q.dot(W, KW) ** 2)


def _opposed(q: Setting) -> Relation:
    return le(q.grad_proj * q.dot(q.op("T", q.g), q.op("T", q.yhat)), 0)


CENTRED = Hypothesis("centred", r"X^\top \mathbf{1} = 0", _centred)
EIGENVECTOR = Hypothesis("eigenvector", r"X^\top X W is parallel to W", _eigenvector)
OPPOSED = Hypothesis(
    "opposed", r"\langle g, \hat{y}\rangle \langle X^\top g, X^\top \hat{y}\rangle \le 0", _opposed
)


def _increase(q: Setting) -> list[Term]:
    scale = q.gamma**2 / q.sigma**2
    return [
        Term(2 * scale / q.m, "hypothesis", "opposed"),
        Term(scale / q.m**2 * q.grad_proj**2, "normsq", q.op("T", q.yhat)),
    ]


def _removed(q: Setting) -> list[Term]:
    """The component of the plain gradient along W."""
    W = q.vec("W")
    along = W * (q.dot(q.op("T", q.g), W) / q.dot(W, W))
    return [Term(q.gamma**2 / q.sigma**2, "normsq", along)]


CHAIN = Step(text="the gradient in W is X'v", says=chain_rule)


def _formula(
    slug: str,
    title: str,
    says: Says,
    why: str,
    steps: tuple[Step, ...] = (),
    eps: bool = True,
    setting: str = "weights-at-X",
) -> Claim:
    return Claim(
        id=f"ext-weight-fixed-X.{slug}",
        title=title,
        where=WHERE,
        kind="extension",
        quotation="",
        readings=(
            Reading(
                slug="formula",
                summary="an identity at every X and W",
                says=says,
                data=AT_X,
                proof=Proof(steps=steps, eps=eps),
                setting=setting,
            ),
        ),
        scope=(*SCOPE[:3], ("eps", ">= 0")) if eps else SCOPE,
        why=why,
    )


def _weaker(slug: str, summary: str, says: Says, hypotheses: tuple[Hypothesis, ...], at: Instance) -> Reading:
    return Reading(
        slug=slug,
        summary=summary,
        says=says,
        data=AT_X,
        hypotheses=hypotheses,
        refutation=Refutation(at),
        admitted=False,
        why="one hypothesis is left out, to show that it is needed",
        setting="weights",
    )


ORIGIN = Instance(
    X=((0, 0), (0, 1), (1, 0)),
    W=(1, 0),
    y=(0, 0, 1),
    g=(1, 0, 0),
    note="X'g = 0: the plain gradient is 0, X'X = I, but X is not centred",
)
OBLIQUE = Instance(
    X=((0, 1), (1, 0), (-1, -1)),
    W=(1, 0),
    y=(0, 1, -1),
    g=(1, -1, 0),
    note="X is centred, but W is no eigenvector of X'X",
)
FIRST_PART_ORIGIN = Instance(
    X=((0, 0), (0, 1), (1, 0)), W=(1, 0), y=(0, 0, 1), g=(0, 1, 0), note="H = 0, X'X = I, X is not centred"
)
FIRST_PART_OBLIQUE = Instance(
    X=((0, 1), (1, 0), (-1, -1)),
    W=(1, 0),
    y=(0, 1, -1),
    g=(0, 0, 1),
    note="H = 0, X is centred, W is no eigenvector of X'X",
)

CLAIMS = (
    _formula(
        "gradient",
        "The gradient of the weights at the actual input",
        gradient_norm,
        "X'v with v = (gamma/s) P g",
        (CHAIN,),
        setting="weights",
    ),
    _formula(
        "hessian",
        "The Hessian of the weights at the actual input",
        quadratic_form,
        "X'BX, and its form along the gradient",
        (CHAIN, Step(text="the Hessian in W is X'BX", says=hessian)),
        setting="weights",
    ),
    _formula(
        "scale-invariance",
        "Weight space along W: no gradient, no curvature, a Hessian that is indefinite wherever it matters",
        minor,
        "the loss does not change along W, and the gradient shrinks as 1/|W|",
        (
            Step(text="the gradient is at right angles to W", says=along_W),
            Step(text="the Hessian maps W to minus the gradient", says=hessian_of_W),
            Step(text="there is no curvature along W", says=flat_along_W),
        ),
        eps=False,
    ),
    _formula(
        "scale-invariance-eps",
        "Weight space along W at eps > 0",
        along_W_eps,
        "not invariant: the derivative along W is gamma (1 - rho) <g, y-hat>",
    ),
    Claim(
        id="ext-weight-fixed-X.thm-4.4",
        title="Theorem 4.4 at the actual input: is the weight gradient at most gamma/sigma times the plain one?",
        where=WHERE,
        kind="extension",
        quotation="",
        readings=(
            Reading(
                slug="any-input",
                summary="for every X",
                says=no_larger,
                data=AT_X,
                refutation=Refutation(
                    ORIGIN,
                    Instance(
                        X=((0, 0), (0, 1), (1, 0)),
                        W=(1, 0),
                        y=(0, 0, 1),
                        g=(2, -1, 0),
                        note="every term non-zero",
                    ),
                ),
                setting="weights",
            ),
            Reading(
                slug="whitened-input",
                summary="where X is centred and W an eigenvector of X'X",
                says=no_larger,
                data=AT_X,
                hypotheses=(CENTRED, EIGENVECTOR),
                assumptions=("X'1 = 0", "X'X W is parallel to W"),
                proof=Proof(steps=(CHAIN,), terms=_removed),
                setting="weights-eigen",
            ),
            _weaker("only-centred", "where X is centred", no_larger, (CENTRED,), OBLIQUE),
            _weaker(
                "only-eigenvector", "where W is an eigenvector of X'X", no_larger, (EIGENVECTOR,), ORIGIN
            ),
        ),
        corrected=Corrected(
            says=reduced,
            proof=Proof(steps=(CHAIN,)),
            text="an equality: what is removed is the component of the plain gradient along W",
            hypotheses=(CENTRED, EIGENVECTOR),
            assumptions=("X'1 = 0", "X'X W is parallel to W"),
            setting="weights-eigen",
        ),
        scope=SCOPE,
        why="the projection of the activations is an oblique one of the weights unless W is an eigenvector of X'X",
        remarks=(
            "With one input feature the weight gradient is always 0.",
            "For centred X whose columns are independent the eigenvector is necessary for all losses at once: "
            "see ext-weight-fixed-X.increase.",
        ),
    ),
    Claim(
        id="ext-weight-fixed-X.increase",
        title="Centred inputs for which BatchNorm increases the weight gradient",
        where=WHERE,
        kind="extension",
        quotation="",
        readings=(
            Reading(
                slug="opposed",
                summary="where <g, y-hat> and <X'g, X'y-hat> are not of one sign",
                says=larger,
                data=AT_X,
                hypotheses=(CENTRED, OPPOSED),
                assumptions=("X'1 = 0", "<g, y-hat> <X'g, X'y-hat> <= 0"),
                proof=Proof(steps=(CHAIN,), terms=_increase),
                setting="weights-centred",
            ),
        ),
        scope=SCOPE,
        why="unless X'y-hat is parallel to W there are such losses",
    ),
    Claim(
        id="ext-weight-fixed-X.thm-4.2.1",
        title="Theorem 4.2, first part, in weight space at the actual input",
        where=WHERE,
        kind="extension",
        quotation="",
        readings=(
            Reading(
                slug="any-input",
                summary="for every X, with X dW in place of v",
                says=first_part,
                data=AT_X,
                refutation=Refutation(
                    FIRST_PART_ORIGIN,
                    Instance(
                        X=((0, 0), (0, 1), (1, 0)),
                        W=(1, 0),
                        y=(0, 0, 1),
                        g=(0, 1, 0),
                        H=((0, 0, 0), (0, -1, 0), (0, 0, 0)),
                        note="every term non-zero",
                    ),
                ),
                setting="weights",
            ),
            Reading(
                slug="whitened-input",
                summary="where X is centred and W an eigenvector of X'X",
                says=first_part,
                data=AT_X,
                hypotheses=(CENTRED, EIGENVECTOR),
                assumptions=("X'1 = 0", "X'X W is parallel to W"),
                proof=Proof(steps=(CHAIN,)),
                setting="weights-eigen",
            ),
            _weaker("only-centred", "where X is centred", first_part, (CENTRED,), FIRST_PART_OBLIQUE),
            _weaker(
                "only-eigenvector",
                "where W is an eigenvector of X'X",
                first_part,
                (EIGENVECTOR,),
                FIRST_PART_ORIGIN,
            ),
        ),
        corrected=Corrected(
            says=quadratic_form,
            proof=Proof(steps=(CHAIN,), eps=True),
            text="at every X, with P X dW and both of its products",
            setting="weights-at-X",
        ),
        scope=SCOPE,
        why="X dW keeps a part along 1 and y-hat unless X is centred and W an eigenvector of X'X",
    ),
)
