"""The smallest network with an internal covariate shift: L(w1, w2) = (w2 w1 x - t)^2 / 2.

Definition 2.1 is evaluated on it by plain differentiation; the rescaled network has w1 = c u1, w2 = u2 / c.
"""

from __future__ import annotations

from typing import Any

import sympy as sp
from bnverify.theory.exact import Exact, number
from bnverify.theory.observe import Gram

w1, w2, x, t, eta, c = sp.symbols("w1 w2 x t eta c", real=True)


def _loss(first: sp.Expr, second: sp.Expr) -> sp.Expr:
    return (second * first * x - t) ** 2 / 2


def _shift(loss: sp.Expr, first: sp.Symbol, second: sp.Symbol) -> sp.Expr:
    """G'_2 - G_2: the second layer's gradient after and before the first layer's gradient step of rate eta."""
    G1, G2 = sp.diff(loss, first), sp.diff(loss, second)
    return G2.subs(first, first - eta * G1) - G2


def quantities() -> dict[str, sp.Expr]:
    """The named scalars of the room, as expressions in w1, w2, x, t, eta, c.

    shift: G'_2 - G_2 of Definition 2.1. shift_rate: its derivative in eta at 0. mixed: d2L/dw2 dw1, G1: dL/dw1.
    shift_first: the first layer's own difference, with no layer before it. shift_rescaled: the shift of the network
    in u, a step of the same rate taken in u1.
    """
    loss = _loss(w1, w2)
    shift = _shift(loss, w1, w2)
    u1, u2 = sp.symbols("u1 u2", real=True)
    rescaled = _shift(_loss(c * u1, u2 / c), u1, u2).subs({u1: w1 / c, u2: w2 * c})
    G1 = sp.diff(loss, w1)
    return {
        "shift": sp.expand(shift),
        "shift_rate": sp.expand(sp.diff(shift, eta).subs(eta, 0)),
        "mixed": sp.expand(sp.diff(loss, w2, w1)),
        "G1": sp.expand(G1),
        "shift_first": sp.expand(G1 - sp.diff(_loss(w1, w2), w1)),
        "shift_rescaled": sp.expand(rescaled),
    }


class TwoLayer(Gram):
    """The formal room: every quantity a polynomial in the weights, the sample and the rate."""

    def sym(self, name: str) -> sp.Expr:
        return quantities()[name] if name in quantities() else super().sym(name)


class TwoLayerPoint(Exact):
    """The quantities at numbers given in the instance's ``extra``."""

    def sym(self, name: str) -> sp.Expr:
        values = {symbol: number(self.extra[symbol.name]) for symbol in (w1, w2, x, t, eta, c)}
        return quantities()[name].subs(values) if name in quantities() else super().sym(name)

    def vec(self, name: str) -> Any:
        raise KeyError(f"the two-layer network has no vector {name}")
