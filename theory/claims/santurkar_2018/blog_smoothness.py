r"""The blog's formulas about beta-smoothness and gradient descent."""

from __future__ import annotations

from bnverify.theory.claim import Claim, Corrected, Data, Instance, Proof, Reading, Refutation, Step
from bnverify.theory.equation import statement

SADDLE = Instance(
    y=(0, 1),
    g=(0, 0),
    H=((0, 1), (1, 0)),
    extra=(("u", (1, 0)), ("w", (1, 100)), ("b_L", 1)),
    note="L = u1 u2 has beta = 1; sample 1 moves by 1, its gradient by 100",
)
FAR = Instance(
    y=(0, 1),
    g=(0, 0),
    extra=(("a_L", "1/2"), ("b_L", 1), ("x1", 64)),
    note="f = x^2/4, beta = 1, x1 = 64, t = 2: 256 against 128",
)
FLAT = Instance(
    y=(0, 1),
    g=(0, 0),
    extra=(("a_L", "1/2"), ("b_L", 1), ("x1", 1), ("eta", 2)),
    note="f = x^2/4 with beta = 1: the rate 2 reaches the minimum in one step, the rate 1 does not",
)
DOUBLE = Instance(
    y=(0, 1),
    g=(0, 1),
    extra=(("scale", 2), ("eta", 1)),
    note="c = 2, eta = 1: the step is twice as long as without the factor; the rate must change by 4",
)
_ALGEBRA = (("m", "not in question"),)

CLAIMS = (
    Claim(
        id="blog-beta-smooth",
        title="beta-smoothness",
        where="Blog, beta-smoothness, first formula",
        kind="definition",
        quotation=r"$$ \forall x,y \in \mathbb{R}^n : \| \nabla f(x) - \nabla f(y) \| \leq \beta \| x - y \| $$",
        state="definition",
        scope=_ALGEBRA,
        why="the usual definition, the paper's footnote 3",
    ),
    statement(
        "blog-beta-hessian",
        "beta as the largest Hessian norm",
        "Blog, beta-smoothness, second formula",
        r"""$$\beta = \max_{ x,y\in\mathbb{R}^n } \frac{ \| \nabla f(x) - \nabla f(y) \| }{ \| x - y \| } =
\max_{ x\in\mathbb{R}^n } \left\Vert \frac{\partial f}{\partial x\partial x} \right\Vert$$""",
        Reading(
            slug="attained-maximum",
            summary="a point with the largest Hessian norm exists",
            says="(x0**2 + 1)/(1 + (x0**2 + 1)) <= x0**2/(1 + x0**2)",
            data=Data(quantifiers="for every twice differentiable f there is x0", parameters="f on R"),
            refutation=Refutation(
                negation=Step(
                    text="f'' = x^2/(1 + x^2) grows without end in x^2: no point has the largest value",
                    says="x0**2/(1 + x0**2) <= (x0**2 + 1)/(1 + (x0**2 + 1))",
                    terms=("1/((1 + x0**2) * (2 + x0**2))*1**2",),
                )
            ),
        ),
        kind="equation",
        scope=_ALGEBRA,
        notation=("the second derivative lacks its square",),
        why="the maxima need not be attained",
        remarks=("With sup for max it is the mean value inequality: true for f in C^2 on a convex domain.",),
    ),
    Claim(
        id="blog-beta-star",
        title="Effective beta-smoothness",
        where="Blog, beta-smoothness, third formula",
        kind="definition",
        quotation=r"""$$\beta^*_t = \max_{ 1 \leq b \leq n } \frac{ \| \nabla_{y_t}\mathcal{L}_t^{(b)} -
\nabla_{y_{t+1}}\mathcal{L}_{t+1}^{(b)} \| }{ \| y_t^{(b)} - y_{t+1}^{(b)} \| }$$""",
        state="definition",
        scope=_ALGEBRA,
        why="a definition of its own: per sample, in activations, between two steps",
        remarks=(
            "The paper's effective beta (Figure 4c) is another quantity: the gradient in the parameters, one loss, "
            "the largest quotient along the gradient direction.",
            "It is undefined where a sample's activation does not change between the steps.",
        ),
    ),
    statement(
        "blog-beta-star.at-most-beta",
        "Effective beta is a smoothness observed, so at most beta",
        "Blog, beta-smoothness, text before the third formula",
        r"The authors were actually measuring the *effective* *β*-smoothness, that is the *β*-smoothness we "
        "observe as we move along the gradient.",
        Reading(
            slug="per-sample",
            summary="the blog's quotient is at most the beta of the loss",
            says="(u @ H @ w)**2 <= b_L**2 * (u @ w)**2",
            data=Data(norm="one sample's block of the gradient over the same block of y"),
            refutation=Refutation(SADDLE),
        ),
        kind="prose",
        scope=_ALGEBRA,
        why="a block of the gradient can change more than beta times the same block of y",
    ),
    statement(
        "blog-gd-bound",
        "The gradient-descent bound",
        "Blog, How does smoothness improve training time, first formula",
        r"$$f(x_t) - f(x^*) \leq \frac{2\beta\|x_1 - x^*\|}{t - 1}$$",
        Reading(
            slug="convex-smooth",
            summary="convex beta-smooth f, rate 1/beta, here f = a x^2/2 with a <= beta and t = 2",
            says="a_L * (x1 - a_L*x1/b_L)**2/2 <= 2*b_L*abs(x1)",
            data=Data(quantifiers="for all convex beta-smooth f, x1 and t >= 2", parameters="x"),
            refutation=Refutation(FAR, FAR),
        ),
        kind="equation",
        corrected=Corrected(
            says="a_L * (x1 - a_L*x1/b_L)**2/2 <= 2*b_L*x1**2",
            proof=Proof(
                terms=(
                    "x1**2/(2*b_L) * (4*a_L**2 + 8*given0*given1 + 3*given1**2)",
                    "x1**2/(2*b_L**2)*given1*given1**2",
                ),
                example=Instance(y=(0, 1), g=(0, 0), extra=(("a_L", "1/2"), ("b_L", 1), ("x1", 64))),
            ),
            text="the distance is squared: f(x_t) - f(x*) <= 2 beta |x_1 - x*|^2/(t - 1), here for f = a x^2/2, t = 2",
            hypotheses=("0 <= a_L", "a_L <= b_L"),
            assumptions=("f is convex and beta-smooth", "the rate is 1/beta"),
            norm="identity",
            needs=("0 < b_L",),
        ),
        scope=_ALGEBRA,
        why="a lost square: the right side must grow like the square of the distance",
    ),
    statement(
        "blog-learning-rate",
        "The optimal learning rate is around 1/beta",
        "Blog, How does smoothness improve training time",
        r"for convex optimization of *β*-smooth functions, the optimal learning rate is around "
        r"$\frac{1}{\beta}$.",
        Reading(
            slug="guaranteed-decrease",
            summary="1/beta has the largest decrease that smoothness alone guarantees",
            says="eta * (1 - lam*eta/2) <= 1/(2*lam)",
            data=Data(quantifiers="for all rates eta", parameters="x"),
            assumptions=("the criterion is the decrease guaranteed by beta",),
            proof=Proof(terms=("lam/2 * (eta - 1/lam)**2",)),
            norm="identity",
            needs=("0 < lam",),
        ),
        Reading(
            slug="best-for-the-function",
            summary="no rate does better on the function at hand",
            says="a_L * (x1 - a_L*x1/b_L)**2/2 <= a_L * (x1 - eta*a_L*x1)**2/2",
            data=Data(quantifiers="for all convex beta-smooth f and rates eta", parameters="x"),
            refutation=Refutation(FLAT),
        ),
        kind="prose",
        scope=_ALGEBRA,
        assumptions=("the criterion is the decrease guaranteed by beta",),
        why="it is the best guarantee; a function flatter along the path is served better by a larger rate",
    ),
    statement(
        "blog-halve-beta",
        "Half of beta gives half of the distance to the optimal loss",
        "Blog, How does smoothness improve training time",
        "if we can halve the *β* constant with all else equal, there's a good chance we can afford to double "
        "the learning rate and we can halve the distance between the current loss and the optimal loss in the same "
        "number of time-steps.",
        Reading(
            slug="of-the-bound",
            summary="the bound (with its square) is proportional to beta at a fixed distance",
            says="at(2*lam*D0**2/steps, lam, lam/2) == 2*lam*D0**2/steps/2",
            data=Data(fixed="the distance to the optimum and t"),
            proof=Proof(
                steps=(Step(text="the rate 1/beta doubles", says="at(1/lam, lam, lam/2) == 2 * (1/lam)"),)
            ),
            norm="identity",
            needs=("0 < lam", "0 < steps"),
        ),
        kind="prose",
        scope=_ALGEBRA,
        why="true of the bound, which is what the sentence rests on; the loss itself need not follow",
    ),
    statement(
        "blog-rescaling",
        "Rescaling the parameters does not help, the learning rate scales by the same factor",
        "Blog, How does smoothness improve training time, last paragraph",
        "simply re-scaling the parameters in a model, though will reduce your *β* constant, won't give you "
        "improvements in convergence rate. ... If you simply re-scale your model parameters, your optimal learning "
        "rate will inevitably be scaled by the same factor, canceling out any reduction in path length",
        Reading(
            slug="no-gain",
            summary="with the rate eta/c^2 gradient descent on f(c w) makes the same iterates",
            says="scale * (y - eta/scale**2*v) == z - eta*g",
            data=Data(quantifiers="for every f, c != 0, eta", parameters="w = x/c"),
            norm="z = scale*y",
            needs=("scale != 0",),
        ),
        Reading(
            slug="same-factor",
            summary="the rate scales by the factor of the path length",
            says="scale * (y - eta/scale*v) == z - eta*g",
            data=Data(quantifiers="for every f, c != 0, eta", parameters="w = x/c"),
            refutation=Refutation(DOUBLE),
            norm="z = scale*y",
            needs=("scale != 0",),
        ),
        kind="prose",
        scope=_ALGEBRA,
        assumptions=("the rate scales by the square of the factor",),
        why="no gain, true; but the rate scales by c^2 where the path scales by c",
    ),
)
