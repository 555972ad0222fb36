r"""Weight space at the actual input X, without any maximum over X.

The gradient in W is X'v and the Hessian X'BX. No bound by |X'g| holds in general: BatchNorm projects in the space of
activations, and seen through X' that projection is oblique. It becomes orthogonal, and Theorems 4.1 and 4.2.1 hold
in weight space as equalities, where X is centred and W an eigenvector of X'X, for instance for whitened inputs.
"""

from __future__ import annotations

from functools import partial

from bnverify.theory.claim import (
    SCOPE,
    Corrected,
    Data,
    Hypothesis,
    Instance,
    Proof,
    Reading,
    Refutation,
    Step,
)
from bnverify.theory.equation import formula, question
from bnverify.theory.equation import projected as P
from bnverify.theory.normalisations import IN_WEIGHTS

WHERE = "beyond the sources: weight space at the actual input"
AT_X = Data(fixed="X, gamma, beta", varies="W, L", parameters="weights of one unit")
GRADIENT_NORM = f"dW @ dW == gamma**2/s**2 * ((T @ {P('g')}) @ (T @ {P('g')}))"
QUADRATIC_FORM = (
    f"dW @ HW @ dW == gamma**2/s**2 * ({P('X @ dW')} @ H @ {P('X @ dW')}) - gamma/(m*s**2) * (2 * "
    f"({P('g')} @ X @ dW) * (yhat @ X @ dW) + (g @ yhat) * ((X @ dW) @ {P('X @ dW')}))"
)
CENTRED = Hypothesis("centred", r"X^\top \mathbf{1} = 0", "T @ one == 0")
CHAIN = Step(text="the gradient in W is X'v", says="dW == T @ v")


_formula = partial(
    formula,
    "ext-weight-fixed-X",
    WHERE,
    "an identity at every X and W",
    AT_X,
    (*SCOPE[:3], ("eps", ">= 0")),
    norm=IN_WEIGHTS,
)
OPPOSITE = Instance(X=((0, 1), (1, 0), (-1, -1)), W=(1, 0), y=(0, 1, -1), g=(-1, 1, 0))
ORIGIN = Instance(
    X=((0, 0), (0, 1), (1, 0)),
    W=(1, 0),
    y=(0, 0, 1),
    g=(1, 0, 0),
    note="X'g = 0: the plain gradient is 0, X'X = I, but X is not centred",
)
FIRST_PART_ORIGIN = Instance(
    X=((0, 0), (0, 1), (1, 0)), W=(1, 0), y=(0, 0, 1), g=(0, 1, 0), note="H = 0, X'X = I, X is not centred"
)

CLAIMS = (
    _formula(
        "gradient",
        "The gradient of the weights at the actual input",
        GRADIENT_NORM,
        "X'v with v = (gamma/s) P g",
        (CHAIN,),
        norm=IN_WEIGHTS,
    ),
    _formula(
        "hessian",
        "The Hessian of the weights at the actual input",
        QUADRATIC_FORM,
        "X'BX, and its form along the gradient",
        (CHAIN, Step(text="the Hessian in W is X'BX", says="HW @ u == T @ B @ X @ u")),
        norm=IN_WEIGHTS,
    ),
    _formula(
        "scale-invariance",
        "Weight space along W: no gradient, no curvature, a Hessian that is indefinite wherever it matters",
        "(W @ HW @ W) * (dW @ HW @ dW) - (W @ HW @ dW)**2 == -(dW @ dW)**2",
        "the loss does not change along W, and the gradient shrinks as 1/|W|",
        (
            Step(text="the gradient is at right angles to W", says="W @ dW == 0"),
            Step(text="the Hessian maps W to minus the gradient", says="HW @ W == -dW"),
            Step(text="there is no curvature along W", says="W @ HW @ W == 0"),
        ),
        eps="= 0",
    ),
    _formula(
        "scale-invariance-eps",
        "Weight space along W at eps > 0",
        "W @ dW == gamma * (1 - rho) * (g @ yhat)",
        "not invariant: the derivative along W is gamma (1 - rho) <g, y-hat>",
    ),
    question(
        "ext-weight-fixed-X.thm-4.4",
        "Theorem 4.4 at the actual input: is the weight gradient at most gamma/sigma times the plain one?",
        WHERE,
        Reading(
            slug="any-input",
            summary="for every X",
            says="dW @ dW <= gamma**2/sigma**2 * ((T @ g) @ (T @ g))",
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
            norm=IN_WEIGHTS,
        ),
        corrected=Corrected(
            says=GRADIENT_NORM,
            proof=Proof(steps=(CHAIN,)),
            text="what the weights see is X'Pg; for X'1 = 0 and W an eigenvector of X'X it loses its part along W",
            norm=IN_WEIGHTS,
        ),
        scope=(*SCOPE[:3], ("eps", ">= 0")),
        why="the projection of the activations is an oblique one of the weights unless W is an eigenvector of X'X",
        remarks=(
            "With one input feature the weight gradient is always 0.",
            "For centred X whose columns are independent the eigenvector is necessary for all losses at once: "
            "see ext-weight-fixed-X.increase.",
        ),
    ),
    question(
        "ext-weight-fixed-X.increase",
        "Centred inputs for which BatchNorm increases the weight gradient",
        WHERE,
        Reading(
            slug="opposed",
            quantifier="exists",
            summary="an X with columns of sum 0 and a loss for which the weight gradient is longer",
            says="gamma**2/sigma**2 * ((T @ g) @ (T @ g)) < dW @ dW",
            data=AT_X,
            hypotheses=(CENTRED,),
            assumptions=("X'1 = 0",),
            proof=Proof(steps=(CHAIN,), at=OPPOSITE),
            norm=IN_WEIGHTS,
        ),
        why="unless X'y-hat is parallel to W there are such losses",
    ),
    question(
        "ext-weight-fixed-X.thm-4.2.1",
        "Theorem 4.2, first part, in weight space at the actual input",
        WHERE,
        Reading(
            slug="any-input",
            summary="for every X, with X dW in place of v",
            says="dW @ HW @ dW <= gamma**2/sigma**2 * ((X @ dW) @ H @ (X @ dW)) - gamma/(m*sigma**2) * (g @ "
            "yhat) * ((X @ dW) @ (X @ dW))",
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
            norm=IN_WEIGHTS,
        ),
        corrected=Corrected(
            says=QUADRATIC_FORM,
            proof=Proof(steps=(CHAIN,)),
            text="at every X, with P X dW and both of its products",
            norm=IN_WEIGHTS,
        ),
        scope=(*SCOPE[:3], ("eps", ">= 0")),
        why="X dW keeps a part along 1 and y-hat unless X is centred and W an eigenvector of X'X",
    ),
)
