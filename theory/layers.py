"""Rooms of LayerNorm and RMSNorm with one gamma and beta per element, and of a whole layer of normalised units.

``layer-norm``: y holds the m features of one sample, z = D y-hat + b with D = diag(gamma_1, ..., gamma_m).
``rms-norm``: the same without the mean, y-hat = y / s with s^2 = |y|^2/m + eps.
``layer``: units j and k, each normalised by its own statistics, and a loss of both; all other units are held
fixed, so that a statement about the pair speaks of a layer of any width. ``group-norm``: the same with D_j, D_k.
"""

from __future__ import annotations

from typing import Any

import sympy as sp
from bnverify.theory import gram
from bnverify.theory.batchnorm import Normalised, affine, standardise
from bnverify.theory.gram import GramVector, Jet, Table, riesz
from bnverify.theory.observe import Gram, root


def rms_standardise(y: Any, m: Any, eps: Any, dot: Any, sqrt: Any) -> Normalised:
    """s = sqrt(|y|^2/m + eps), y-hat = y/s; the mean stays."""
    s = sqrt(dot(y, y) / m + eps)
    return Normalised(mu=sp.Integer(0), s=s, yhat=y / s)


class LayerNormGram(Gram):
    """z = D y-hat + b for every number of features m; D is the letter of a symmetric operator.

    ``dscale`` and ``dshift`` are the derivatives of the loss along gamma_i -> (1 + t) gamma_i for all i, and
    along b_i -> b_i + t gamma_i.
    """

    def _affine(self, yhat: GramVector, scale: Any = 0, shift: Any = 0) -> GramVector:
        spread = self.base("1").apply("D")
        return yhat.apply("D") * (Jet(1) + scale) + self.base("bias") + spread * shift

    def _through(self, p: GramVector, q: GramVector) -> tuple[Normalised, GramVector]:
        out = self.standardise(self.input + p * Jet(0, 1) + q * Jet(0, 0, 1))
        return out, self._affine(out.yhat)

    def vec(self, name: str) -> GramVector:
        if name == "z":
            return self.base("yhat").apply("D") + self.base("bias")
        return super().vec(name)

    def op(self, name: str, u: GramVector) -> GramVector:
        return u.apply("D") if name == "D" else super().op(name, u)

    def sym(self, name: str) -> sp.Expr:
        if name not in {"dscale", "dshift"}:
            return super().sym(name)
        step = Jet(0, 1)
        yhat = self.base("yhat")
        z = self._affine(yhat, scale=step) if name == "dscale" else self._affine(yhat, shift=step)
        return self.base("g").dot(self._part(z, "c1"))


class RMSNormGram(LayerNormGram):
    """y = s y-hat, and nothing is known of <1, y-hat>."""

    def __init__(self, eps: bool = False) -> None:
        super().__init__(eps)
        self.table = Table({("yhat", (), "yhat"): gram.m * self.rho_value, ("1", (), "1"): gram.m})

    @property
    def input(self) -> GramVector:
        return self.base("yhat") * self.symbols["s"]

    def standardise(self, y: GramVector) -> Normalised:
        return rms_standardise(y, self.symbols["m"], self.symbols["eps"], lambda u, w: u.dot(w), root)


UNITS = ("j", "k")


class LayerGram(Gram):
    """Units j and k of a layer, the same m, each with its own mean, s, rho and gamma.

    Names carry the unit: ``g_j``, ``yhat_j``, ``v_j``, ``gamma_j``, ``s_j``; operators two of them: ``H_jk``,
    ``B_jk``.
    """

    elementwise = False

    def __init__(self, eps: bool = False) -> None:
        super().__init__(eps)
        facts: dict[Any, sp.Expr] = {("1", (), "1"): gram.m}
        for unit in UNITS:
            rho = sp.Symbol(f"rho_{unit}", positive=True) if eps else sp.Integer(1)
            s = sp.Symbol(f"s_{unit}", positive=True)
            facts["1", (), f"yhat_{unit}"] = sp.Integer(0)
            facts[f"yhat_{unit}", (), f"yhat_{unit}"] = gram.m * rho
            self.symbols |= {f"rho_{unit}": rho, f"s_{unit}": s, f"sigma_{unit}": sp.sqrt(rho) * s}
            self.symbols |= {f"{n}_{unit}": sp.Symbol(f"{n}_{unit}", real=True) for n in ("gamma", "mu")}
        self.table = Table(facts)

    def _unit(self, unit: str, p: GramVector, q: GramVector) -> GramVector:
        """z of one unit at y + e1 p + e2 q."""
        s, rho = self.symbols[f"s_{unit}"], self.symbols[f"rho_{unit}"]
        one = self.base("1")
        y = one * self.symbols[f"mu_{unit}"] + self.base(f"yhat_{unit}") * s
        moved = y + p * Jet(0, 1) + q * Jet(0, 0, 1)
        eps = (1 - rho) * s**2
        yhat = standardise(moved, one, gram.m, eps, lambda u, w: u.dot(w), root).yhat
        if self.elementwise:
            return yhat.apply(f"D_{unit}")
        return affine(yhat, one, self.symbols[f"gamma_{unit}"], sp.Integer(0))

    def _along(self, p: dict[str, GramVector], q: dict[str, GramVector]) -> tuple[sp.Expr, sp.Expr]:
        """The derivatives of L(z_j, z_k) along p, and along p and q."""
        none = self._zero()
        z = {unit: self._unit(unit, p.get(unit, none), q.get(unit, none)) for unit in UNITS}
        first: Any = sp.Integer(0)
        second: Any = sp.Integer(0)
        for unit in UNITS:
            g, along = self.base(f"g_{unit}"), self._part(z[unit], "c1")
            first = first + g.dot(along)
            second = second + g.dot(self._part(z[unit], "c12"))
            for other in UNITS:
                second = second + along.dot(self._part(z[other], "c2").apply(f"H_{unit}{other}"))
        return first, second

    def vec(self, name: str) -> GramVector:
        if name[:2] != "v_":
            return super().vec(name)
        if name not in self._images:
            first, _ = self._along({name[2:]: self.base("§p")}, {})
            self._images[name] = riesz(self.table, first, "§p")
        return self._images[name]

    def op(self, name: str, u: GramVector) -> GramVector:
        letter, _, units = name.partition("_")
        if letter in {"H", "D"} and units:
            return u.apply(name)
        if letter == "B" and units:
            _, second = self._along({units[0]: self.base("§p")}, {units[1]: u})
            return riesz(self.table, second, "§p")
        return super().op(name, u)


class GroupNormGram(LayerGram):
    """Groups j and k of one sample, with one gamma per element: z_j = D_j y-hat_j + b_j."""

    elementwise = True
