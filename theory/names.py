"""How the vocabulary of `settings` is written and what each name means, in LaTeX and in plain Unicode."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Names:
    """The names of one script. A name without an entry is written as it is spelt, with its index lowered.

    compounds: vectors that need brackets before a transpose.
    word: how a name of several letters is set.
    """

    scalars: Mapping[str, str]
    vectors: Mapping[str, str]
    operators: Mapping[str, str]
    compounds: frozenset[str] = frozenset()
    word: str = "{}"

    def scalar(self, name: str) -> str:
        return self.scalars.get(name) or self._spelt(name, self.scalars)

    def vector(self, name: str) -> str:
        return self.vectors.get(name) or self._spelt(name, self.vectors)

    def operator(self, name: str) -> str:
        return self.operators.get(name) or self._spelt(name, self.operators)

    def compound(self, name: str) -> bool:
        return name.partition("_")[0] in self.compounds or name in self.compounds

    def _spelt(self, name: str, table: Mapping[str, str]) -> str:
        """x0 and dW_other as a letter with an index, where nothing better is known."""
        head, digits, tail = re.fullmatch(r"(.*?)(\d*)(?:_(.*))?", name, re.DOTALL).groups()  # type: ignore[union-attr]
        letter = table.get(head) or (head if len(head) == 1 else self.word.format(head))
        index = digits or (tail or "").replace("_", " ")
        return letter + (self.index(index) if index else "")

    def index(self, text: str) -> str:
        if self.word == "{}":
            return text.translate(_LOWERED) if text.isdigit() else f"_{text}"
        return f"_{{{text if len(text) == 1 or text.isdigit() else self.word.format(text)}}}"


_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")

LATEX_NAMES = Names(
    scalars={
        "m": "m",
        "gamma": r"\gamma",
        "beta": r"\beta",
        "mu": r"\mu",
        "sigma": r"\sigma",
        "s": "s",
        "eps": r"\epsilon",
        "rho": r"\rho",
        "lam": r"\lambda",
        "alpha": r"\alpha",
        "dbeta": r"g_{\beta}",
        "dgamma": r"g_{\gamma}",
        "dscale": r"\frac{d\widehat{\mathcal{L}}}{d \log \gamma}",
        "dshift": r"\frac{d\widehat{\mathcal{L}}}{d \beta}\gamma",
        "lambda0": r"\lambda_{0}",
        "eta": r"\eta",
        "b_L": r"\beta_{\mathcal{L}}",
        "a_L": r"a_{\mathcal{L}}",
        "x0": "x_{0}",
        "x1": "x_{1}",
        "c_scale": "c",
        "D0": "D",
        "t_minus_1": "(t-1)",
        "sup": r"\sup\|\nabla^2 f\|",
        "lambda_min_H": r"\lambda_{\min}(H)",
        "frobenius_other": r"\|X'\|_{F}^{2}",
        "shift": r"(G'_{2} - G_{2})",
        "shift_rate": r"\left.\frac{d}{d\eta}(G'_{2} - G_{2})\right|_{\eta=0}",
        "shift_first": r"(G'_{1} - G_{1})",
        "shift_rescaled": r"(G'_{2} - G_{2})_{u}",
        "mixed": r"\frac{\partial^{2}\mathcal{L}}{\partial w_{2}\,\partial w_{1}}",
        "G1": "G_{1}",
    },
    vectors={
        "1": r"\mathbf{1}",
        "yhat": r"\hat{y}",
        "nu": r"\nu",
        "sgn": r"\mathrm{sgn}(y)",
        "top": r"\mathrm{top}(y)",
        "dscale": r"\nabla_{\gamma}\widehat{\mathcal{L}}",
        "dshift": r"\nabla_{\beta}\widehat{\mathcal{L}}",
        "yhat_scaled": r"\hat{y}(\alpha y)",
        "g": "g",
        "v": r"\nabla_{y}\widehat{\mathcal{L}}",
        "g_own": r"\nabla_{y}\mathcal{L}",
        "dW": r"\nabla_{W}\widehat{\mathcal{L}}",
        "dW_plain": r"\nabla_{W}\mathcal{L}",
        "W0": "W_{0}",
        "Wstar": "W^{*}",
        "What": r"\widehat{W}^{*}",
        "Whatstar": r"\widehat{W}^{*}",
        "What_star": r"\widehat{W}^{*}",
        "zstar": "z^{*}",
        "Jb": "J b",
        "dW_hat": r"\nabla_{W}\widehat{\mathcal{L}}(\widehat{W}^{*})",
        "dW_other": r"\nabla_{W}\widehat{\mathcal{L}}|_{X'}",
    },
    operators={
        "H": "H",
        "HW_other": r"\nabla^{2}_{W}\widehat{\mathcal{L}}|_{X'}",
        "B": r"\frac{\partial^{2} \widehat{\mathcal{L}}}{\partial y\, \partial y}",
        "B_jj": r"\frac{\partial^{2} \widehat{\mathcal{L}}}{\partial y_{j}\, \partial y_{j}}",
        "B_jk": r"\frac{\partial^{2} \widehat{\mathcal{L}}}{\partial y_{j}\, \partial y_{k}}",
        "B_kj": r"\frac{\partial^{2} \widehat{\mathcal{L}}}{\partial y_{k}\, \partial y_{j}}",
        "B_kk": r"\frac{\partial^{2} \widehat{\mathcal{L}}}{\partial y_{k}\, \partial y_{k}}",
        "H_jj": "H_{jj}",
        "H_jk": "H_{jk}",
        "H_kj": "H_{kj}",
        "H_kk": "H_{kk}",
        "P": "P",
        "Dyhat": r"\frac{\partial \hat{y}}{\partial y}",
        "Dz": r"\frac{\partial z}{\partial y}",
        "X": "X",
        "T": r"X^{\top}",
        "S": r"X X^{\top}",
        "HW": r"\nabla^{2}_{W}\widehat{\mathcal{L}}",
        "HW_plain": r"\nabla^{2}_{W}\mathcal{L}",
    },
    compounds=frozenset(
        {"v", "g_own", "dW", "dW_plain", "yhat_scaled", "W0", "Wstar", "What", "Whatstar", "What_star"}
    ),
    word=r"\mathrm{{{}}}",
)

PLAIN_NAMES = Names(
    scalars={
        "gamma": "γ",
        "beta": "β",
        "mu": "μ",
        "sigma": "σ",
        "eps": "ε",
        "rho": "ρ",
        "lam": "λ",
        "alpha": "α",
        "dbeta": "g_β",
        "dgamma": "g_γ",
        "dscale": "dL̂/dlog γ",
        "dshift": "(dL̂/dβ)γ",
        "lambda0": "λ₀",
        "eta": "η",
        "b_L": "β_L",
        "a_L": "a",
        "c_scale": "c",
        "D0": "D",
        "t_minus_1": "(t−1)",
        "sup": "sup‖∇²f‖",
        "lambda_min_H": "λ_min(H)",
        "frobenius_other": "‖X′‖²_F",
        "shift": "(G₂′−G₂)",
        "shift_rate": "d(G₂′−G₂)/dη",
        "shift_first": "(G₁′−G₁)",
        "shift_rescaled": "(G₂′−G₂)ᵤ",
        "mixed": "∂²L/∂w₂∂w₁",
        "G1": "G₁",
    },
    vectors={
        "1": "𝟏",
        "yhat": "ŷ",
        "nu": "ν",
        "sgn": "sgn(y)",
        "top": "top(y)",
        "dscale": "∇_γ L̂",
        "dshift": "∇_β L̂",
        "yhat_scaled": "ŷ(αy)",
        "g_own": "g₀",
        "dW": "ŵ",
        "dW_plain": "w",
        "W0": "W₀",
        "Wstar": "W*",
        "What": "Ŵ*",
        "Whatstar": "Ŵ*",
        "What_star": "Ŵ*",
        "zstar": "z*",
        "Jb": "Jb",
        "dW_hat": "ŵ(Ŵ*)",
        "dW_other": "ŵ(X′)",
    },
    operators={"Dyhat": "∂ŷ/∂y", "Dz": "∂z/∂y", "T": "Xᵀ", "S": "XXᵀ", "HW": "Ĥ", "HW_plain": "H₀"},
    compounds=frozenset({"yhat_scaled"}),
)

MEANINGS: dict[tuple[str, str], str] = {
    ("vec", "v"): "the gradient of the BatchNorm network's loss in y",
    ("vec", "g"): "the gradient of the downstream loss at z = γŷ + β",
    ("vec", "g_own"): "the gradient of the plain network's loss at its own output y",
    ("op", "B"): "the Hessian of the BatchNorm network's loss in y",
    ("op", "H"): "the Hessian of the downstream loss at z",
    ("op", "P"): "I − 𝟏𝟏ᵀ/m − ŷŷᵀ/m where ε = 0: centring, then (I − ŷŷᵀ/m)",
    ("op", "Dyhat"): "the Jacobian of ŷ in y",
    ("op", "Dz"): "the Jacobian of z in y",
    ("vec", "dW"): "the gradient of the BatchNorm network's loss in the weights of one unit",
    ("vec", "dW_plain"): "the gradient of the plain network's loss in the weights of one unit",
    ("op", "HW"): "the Hessian of the BatchNorm network's loss in the weights of one unit",
    ("op", "HW_plain"): "the Hessian of the plain network's loss in the weights of one unit",
    ("op", "X"): "the m × d matrix of inputs",
    ("op", "T"): "the transposed matrix of inputs",
    ("vec", "yhat"): "y standardised over the batch: mean 0, biased variance 1 where ε = 0",
    ("vec", "1"): "the vector of ones",
    ("sym", "dbeta"): "the gradient of the loss in β",
    ("sym", "dgamma"): "the gradient of the loss in γ",
    ("sym", "n"): "the divisor: the average l_p norm of y",
    ("vec", "nu"): "the gradient of the divisor n in y",
    ("op", "N"): "the Hessian of the divisor n in y",
    ("op", "D"): "diag(γ₁, ..., γ_m), one γ for each element",
    ("sym", "dscale"): "the derivative of the loss along a common factor of all γ",
    ("sym", "dshift"): "the derivative of the loss along β + tγ",
    ("vec", "sgn"): "the signs of y",
    ("vec", "top"): "the sign of the entry of y of largest size, 0 elsewhere",
    ("op", "C"): "I − 𝟏𝟏ᵀ/m: centring",
    ("sym", "sigma"): "the biased standard deviation of y over the batch",
    ("sym", "s"): "√(σ² + ε)",
    ("sym", "rho"): "σ²/(σ² + ε)",
    ("sym", "lam"): "the bound on the spectral norm of X",
    ("vec", "a"): "any vector",
    ("vec", "b"): "any vector",
}
