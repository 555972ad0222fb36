"""A room in motion: one variable moves along a direction, what depends on it follows, and a function is observed.

Rooms that can differentiate run the function of a statement in here and read off the rate: the Gram room with a
nilpotent step, the exact room with a symbol that it differentiates by.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from bnverify.theory.batchnorm import affine
from bnverify.theory.settings import Setting

VARIABLES = ("y", "z", "yhat", "W")
_FIXED_VECTORS = frozenset({"1", "a", "b", "u", "w"})
_FIXED_SYMBOLS = frozenset({"m", "gamma", "beta", "eps", "lam"})


class Moving(Setting):
    """``room`` with one variable moved by ``step`` times ``direction``.

    Args:
        room: a room with ``standardise(y)``.
        variable: ``y``: y-hat, sigma, z and g follow through the definition of BatchNorm, and v by B; ``W``: the
            same for y = X W; ``z``: moves freely, y-hat = (z - beta)/gamma and g follow, y and what depends on it
            do not; ``yhat``: moves freely, z = gamma y-hat + beta and g follow.
        direction: a vector of the room.
        step: the small number, in the room's arithmetic.
        root: the square root of that arithmetic.

    Raises:
        ValueError: ``variable`` is none of `VARIABLES`.
        KeyError: the function asks for something whose rate is not defined here, such as H or B.
    """

    def __init__(self, room: Any, variable: str, direction: Any, step: Any, root: Any) -> None:
        if variable not in VARIABLES:
            raise ValueError(f"no derivative in {variable!r}; expected one of {', '.join(VARIABLES)}")
        self.room, self.root, self.step = room, root, step
        self.moved = direction * 0
        one, gamma, beta = room.vec("1"), room.sym("gamma"), room.sym("beta")
        if variable in {"y", "W"}:
            self.moved = room.op("X", direction) if variable == "W" else direction
            y = room.vec("y") + self.moved * step
            stats = room.standardise(y)
            eps, square = room.sym("eps"), stats.s * stats.s
            sigma = stats.s if eps == 0 else root(square - eps)
            self.symbols = {"mu": stats.mu, "s": stats.s, "sigma": sigma, "rho": 1 - eps / square}
            self.vectors = {"y": y, "yhat": stats.yhat, "z": affine(stats.yhat, one, gamma, beta)}
        else:
            moved = room.vec(variable) + direction * step
            yhat = moved if variable == "yhat" else (moved - one * beta) / gamma
            self.symbols = {name: room.sym(name) for name in ("mu", "s", "sigma", "rho")}
            self.vectors = {"y": room.vec("y"), "yhat": yhat, "z": affine(yhat, one, gamma, beta)}
        self.vectors["g"] = room.vec("g") + room.op("H", self.vectors["z"] - room.vec("z"))

    def vec(self, name: str) -> Any:
        if name in _FIXED_VECTORS:
            return self.room.vec(name)
        if name == "v":
            return self.room.vec("v") + self.room.op("B", self.moved) * self.step
        return self.vectors[name]

    def op(self, name: str, u: Any) -> Any:
        if name not in {"X", "T"}:
            raise KeyError(name)
        return self.room.op(name, u)

    def dot(self, u: Any, w: Any) -> Any:
        return self.room.dot(u, w)

    def sym(self, name: str) -> Any:
        return self.room.sym(name) if name in _FIXED_SYMBOLS else self.symbols[name]

    def sqrt(self, value: Any) -> Any:
        return self.root(value)

    def num(self, value: Fraction) -> Any:
        return self.room.num(value)
