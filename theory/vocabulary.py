"""Every name that a text may use: symbol, sort, meaning, unit, and its definition where it has one.

y is a batch of outputs of one unit, z what the normalisation makes of it, L the loss of z; the composed loss is
L^(y) = L(z(y)). Units: [y] and [z] of the activations before and after, [L] of the loss, [W] of the weights.
"""

from __future__ import annotations

from dataclasses import dataclass

from bnverify.theory.sorts import LOSS, NUMBER, Sort, operator, vector


@dataclass(frozen=True)
class Name:
    """One name of the vocabulary.

    symbol, latex: as people write it. unit: in [y], [z], [L], [W]; 1 for a pure number.
    text: its definition in other names, in the grammar; empty where a normalisation or a room gives it.
    """

    name: str
    sort: Sort
    symbol: str
    latex: str
    meaning: str
    unit: str = "1"
    text: str = ""


BATCH, WEIGHTS = vector("batch"), vector("weights")
GIVEN = (
    Name("m", NUMBER, "m", "m", "the number of samples in the batch, at least 2"),
    Name("one", BATCH, "𝟏", r"\mathbf{1}", "the vector of ones"),
    Name("y", BATCH, "y", "y", "the outputs of one unit over the batch, before normalisation", "[y]"),
    Name("gamma", NUMBER, "γ", r"\gamma", "the learned scale", "[z]"),
    Name("beta", NUMBER, "β", r"\beta", "the learned shift", "[z]"),
    Name(
        "eps",
        NUMBER,
        "ε",
        r"\epsilon",
        "what is added to the variance; 0 unless a claim says otherwise",
        "[y]^2",
    ),
)
"""What a normalisation starts from."""

MADE = (
    Name("mu", NUMBER, "μ", r"\mu", "the mean of y over the batch", "[y]"),
    Name("c", BATCH, "c", r"(y - \mu\mathbf{1})", "y minus its mean", "[y]"),
    Name("s", NUMBER, "s", "s", "the divisor: √(σ² + ε)", "[y]"),
    Name("n", NUMBER, "n", "n", "the divisor, where it is a norm of y", "[y]"),
    Name("yhat", BATCH, "ŷ", r"\hat{y}", "y standardised: mean 0 and biased variance 1 where ε = 0"),
    Name("z", BATCH, "z", "z", "what the normalisation gives", "[z]"),
)
"""What the lines of a normalisation give; each gives z and such of the others as it has."""

DERIVED = (
    Name(
        "L",
        LOSS,
        "L",
        r"\mathcal{L}",
        "the loss as a function of z; only its rates d(L, ...) can be said",
        "[L]",
    ),
    Name("g", BATCH, "g", "g", "the gradient of the downstream loss at z", "[L]/[z]"),
    Name("H", operator(), "H", "H", "the Hessian of the downstream loss at z", "[L]/[z]^2"),
    Name(
        "v",
        BATCH,
        "v",
        r"\nabla_{y}\widehat{\mathcal{L}}",
        "the gradient of the composed loss in y",
        "[L]/[y]",
    ),
    Name(
        "B",
        operator(),
        "B",
        r"\frac{\partial^{2} \widehat{\mathcal{L}}}{\partial y\, \partial y}",
        "the Hessian of the composed loss in y",
        "[L]/[y]^2",
    ),
    Name(
        "sigma",
        NUMBER,
        "σ",
        r"\sigma",
        "the standard deviation of y over the batch",
        "[y]",
        "sqrt(s**2 - eps)",
    ),
    Name("rho", NUMBER, "ρ", r"\rho", "σ²/(σ² + ε), 1 where ε = 0", "1", "sigma**2/s**2"),
    Name("dgamma", NUMBER, "g_γ", r"g_{\gamma}", "the gradient of the loss in γ", "[L]/[z]", "d(L, gamma)"),
    Name("dbeta", NUMBER, "g_β", r"g_{\beta}", "the gradient of the loss in β", "[L]/[z]", "d(L, beta)"),
)
"""What rooms derive by differentiating L(z(y)), and what is made of it."""

WEIGHT_SPACE = (
    Name("X", operator("weights", "batch"), "X", "X", "the m × d matrix of inputs, y = X W", "[y]/[W]"),
    Name("T", operator("batch", "weights"), "Xᵀ", r"X^{\top}", "the transposed matrix of inputs", "[y]/[W]"),
    Name("W", WEIGHTS, "W", "W", "the weights of one unit", "[W]"),
    Name("lam", NUMBER, "λ", r"\lambda", "the bound on the spectral norm of X", "[y]/[W]"),
    Name(
        "dW",
        WEIGHTS,
        "ŵ",
        r"\nabla_{W}\widehat{\mathcal{L}}",
        "the gradient of the composed loss in W",
        "[L]/[W]",
    ),
    Name(
        "HW",
        operator("weights", "weights"),
        "Ĥ",
        r"\nabla^{2}_{W}\widehat{\mathcal{L}}",
        "the Hessian of the composed loss in W",
        "[L]/[W]^2",
    ),
    Name(
        "g_own",
        BATCH,
        "g₀",
        r"\nabla_{y}\mathcal{L}",
        "the gradient of the plain network's loss at its y",
        "[L]/[z]",
    ),
    Name(
        "dW_plain",
        WEIGHTS,
        "w",
        r"\nabla_{W}\mathcal{L}",
        "the gradient of the plain network's loss in W",
        "[L]/[W]",
    ),
    Name(
        "HW_plain",
        operator("weights", "weights"),
        "H₀",
        r"\nabla^{2}_{W}\mathcal{L}",
        "the Hessian of the plain network's loss in W",
        "[L]/[W]^2",
    ),
)
"""Names of a claim whose definition starts with y = X @ W."""

SMOOTH = (
    Name("nu", BATCH, "ν", r"\nu", "the gradient of the divisor n in y"),
    Name("N", operator(), "N", "N", "the Hessian of the divisor n in y", "1/[y]"),
)
"""What a definition with smooth(y) brings."""

VOCABULARY = {name.name: name for name in (*GIVEN, *MADE, *DERIVED, *WEIGHT_SPACE, *SMOOTH)}
"""Every name, in the order in which a reader meets it."""
