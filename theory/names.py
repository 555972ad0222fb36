"""How names are written, in LaTeX and in plain Unicode: those of the vocabulary, and those that claims declare."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bnverify.theory.vocabulary import VOCABULARY

_VECTORS = """
one y yhat z g v a b u w x e f g_own W dW dW_plain W0 Wstar What zstar nu sgn g_j g_k v_j v_k yhat_j yhat_k
"""
_OPERATORS = "H B X T M D C N K A I HW HW_plain H_jj H_jk H_kj H_kk B_jj B_jk B_kj B_kk D_j D_k"
VECTORS = frozenset(_VECTORS.split())
OPERATORS = frozenset(_OPERATORS.split())
"""The names that are vectors and operators in the text of a claim; every other is a number."""


def sort_of_name(name: str) -> str:
    """number, vector or operator."""
    if name in OPERATORS or name.endswith("_T"):
        return "operator"
    return "vector" if name in VECTORS or name.startswith("bias") else "number"


@dataclass(frozen=True)
class Names:
    """The letters of one script. A name without an entry is written as it is spelt, with its index lowered.

    word: how a name of several letters is set. latex: in LaTeX, where a letter with a nabla or a star needs brackets
    before a transpose.
    """

    letters: Mapping[str, str]
    word: str
    latex: bool

    def of(self, name: str) -> str:
        """x0 and y_j as a letter with an index, where nothing better is known."""
        if name in self.letters:
            return self.letters[name]
        head, digits, tail = re.fullmatch(r"(.*?)(\d*)(?:_(.*))?", name, re.DOTALL).groups()  # type: ignore[union-attr]
        letter = self.letters.get(head) or (head if len(head) == 1 else self.word % head)
        index = digits or (tail or "").replace("_", " ")
        return letter + (self._index(index) if index else "")

    def _index(self, text: str) -> str:
        if not self.latex:
            return text.translate(_LOWERED) if text.isdigit() else f"_{text}"
        letters = len(text) == 1 or text.isdigit() or text in ("jj", "jk", "kj", "kk")
        return f"_{{{text if letters else self.word % text}}}"

    def compound(self, name: str) -> bool:
        """Whether a vector needs brackets before a transpose."""
        return self.latex and any(sign in self.of(name) for sign in (r"\nabla", "^", "W_"))


_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_DECLARED = {
    "alpha": (r"\alpha", "α"),
    "lambda0": (r"\lambda_{0}", "λ₀"),
    "mu0": (r"\mu_{0}", "μ₀"),
    "eta": (r"\eta", "η"),
    "b_L": (r"\beta_{\mathcal{L}}", "β_L"),
    "a_L": (r"a_{\mathcal{L}}", "a"),
    "D0": ("D", "D"),
    "sgn": (r"\mathrm{sgn}(y)", "sgn(y)"),
    "W0": ("W_{0}", "W₀"),
    "Wstar": ("W^{*}", "W*"),
    "What": (r"\widehat{W}^{*}", "Ŵ*"),
    "zstar": ("z^{*}", "z*"),
    "Dyhat": (r"\frac{\partial \hat{y}}{\partial y}", "∂ŷ/∂y"),
    "Dz": (r"\frac{\partial z}{\partial y}", "∂z/∂y"),
} | {
    f"B_{unit}": (
        rf"\frac{{\partial^{{2}} \widehat{{\mathcal{{L}}}}}}{{\partial y_{{{unit[0]}}}\, \partial y_{{{unit[1]}}}}}",
        f"B_{unit}",
    )
    for unit in ("jj", "jk", "kj", "kk")
}
_SYMBOLS = {name: (entry.latex, entry.symbol) for name, entry in VOCABULARY.items()} | _DECLARED
LATEX_NAMES = Names({name: latex for name, (latex, _) in _SYMBOLS.items()}, r"\mathrm{%s}", True)
PLAIN_NAMES = Names({name: plain for name, (_, plain) in _SYMBOLS.items()}, "%s", False)

MEANINGS = {name: entry.meaning for name, entry in VOCABULARY.items()} | {
    "P": "I − 𝟏𝟏ᵀ/m − ŷŷᵀ/m where ε = 0: centring, then (I − ŷŷᵀ/m)",
    "Dyhat": "the Jacobian of ŷ in y",
    "Dz": "the Jacobian of z in y",
    "D": "diag(γ₁, ..., γ_m), one γ for each element",
    "C": "I − 𝟏𝟏ᵀ/m: centring",
    "sgn": "the signs of y",
    "a": "any vector",
    "b": "any vector",
}
"""What a name means to a reader, those of the vocabulary first."""
