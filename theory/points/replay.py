"""The float64 witness of an instance: v and B by plain differentiation of the quadratic loss that has g and H at z(y).

Numbers carry their value, gradient and Hessian in y (second-order forward differentiation), and nothing here knows how
the kernel derives v and B. `script` writes the same as lines of torch that run without this package.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from bnverify.theory.grammar import lines, parse
from bnverify.theory.kernel import Claim
from bnverify.theory.room import Room, walk
from bnverify.theory.writing.words import number

Array = np.ndarray


@dataclass
class Jet:
    """A number or vector with its first and second derivatives in y: shapes (..., ), (..., m), (..., m, m)."""

    value: Array
    first: Array
    second: Array
    __array_ufunc__ = None

    @classmethod
    def constant(cls, value: Any, size: int) -> Jet:
        array = np.asarray(value, dtype=float)
        return cls(array, np.zeros((*array.shape, size)), np.zeros((*array.shape, size, size)))

    def lift(self, other: Any) -> Jet:
        return other if isinstance(other, Jet) else Jet.constant(other, self.first.shape[-1])

    def __add__(self, other: Any) -> Jet:
        other = self.lift(other)
        return Jet(self.value + other.value, self.first + other.first, self.second + other.second)

    __radd__ = __add__

    def __neg__(self) -> Jet:
        return Jet(-self.value, -self.first, -self.second)

    def __sub__(self, other: Any) -> Jet:
        return self + -self.lift(other)

    def __rsub__(self, other: Any) -> Jet:
        return self.lift(other) - self

    def __mul__(self, other: Any) -> Jet:
        a, b = self, self.lift(other)
        if a.value.ndim < b.value.ndim:
            a, b = b, a
        x, dx, ddx = b.value, b.first, b.second
        if a.value.ndim > b.value.ndim:
            dx, ddx = dx[None], ddx[None]
        value = a.value * x
        grown = np.asarray(a.value)
        first = a.first * np.asarray(x)[..., None] + grown[..., None] * dx
        cross = a.first[..., :, None] * dx[..., None, :]
        second = (
            a.second * np.asarray(x)[..., None, None]
            + grown[..., None, None] * ddx
            + cross
            + np.swapaxes(cross, -1, -2)
        )
        return Jet(value, first, second)

    __rmul__ = __mul__

    def mapped(self, value: Any, slope: Any, bend: Any) -> Jet:
        """f of a number, from f, f' and f'' there."""
        outer = self.first[..., :, None] * self.first[..., None, :]
        return Jet(np.asarray(value), slope * self.first, slope * self.second + bend * outer)

    def __truediv__(self, other: Any) -> Jet:
        other = self.lift(other)
        x = other.value
        return self * other.mapped(1 / x, -1 / x**2, 2 / x**3)

    def __rtruediv__(self, other: Any) -> Jet:
        return self.lift(other) / self

    def __pow__(self, power: int) -> Jet:
        if power < 0:
            return 1 / self**-power
        out: Any = Jet.constant(1.0, self.first.shape[-1])
        for _ in range(power):
            out = out * self
        return out

    def sqrt(self) -> Jet:
        root = np.sqrt(self.value)
        return self.mapped(root, 0.5 / root, -0.25 / root**3)

    def __matmul__(self, other: Any) -> Jet:
        product = self * self.lift(other)
        return Jet(product.value.sum(axis=0), product.first.sum(axis=0), product.second.sum(axis=0))

    def __rmatmul__(self, other: Any) -> Jet:
        """An operator applied, or an inner product with a constant vector."""
        if np.ndim(other) == 2:
            return Jet(
                other @ self.value,
                np.tensordot(other, self.first, axes=(1, 0)),
                np.tensordot(other, self.second, axes=(1, 0)),
            )
        return self @ other


class Floats(Room):
    """Names with float64 values, or with jets."""

    def sqrt(self, value: Any) -> Any:
        return value.sqrt() if isinstance(value, Jet) else np.sqrt(value)

    def sign(self, value: Any) -> Any:
        return np.sign(value.value if isinstance(value, Jet) else value)

    def absolute(self, value: Any) -> Any:
        if isinstance(value, Jet):
            signs = Jet.constant(np.sign(value.value), value.first.shape[-1])
            return value * signs
        return np.abs(value)

    def smallest(self, left: Any, right: Any) -> Any:
        return min(left, right)

    def largest(self, *values: Any) -> Any:
        if len(values) == 2:
            return max(values)
        (value,) = values
        if not isinstance(value, Jet):
            return np.max(value)
        top = int(np.argmax(value.value))
        return Jet(value.value[top], value.first[top], value.second[top])

    def psd(self, operator: Any) -> Any:
        return float(np.linalg.eigvalsh((operator + operator.T) / 2).min())


def instance(claim: Claim, data: dict[str, Any]) -> dict[str, Any]:
    """Every name of a claim at an exact point, in float64, with v and B by differentiation."""
    size = len(data["X"] if "X" in data else data["y_j"] if "y_j" in data else data["y"])
    base: dict[str, Any] = {"m": float(size), "one": np.ones(size), "eps": 0.0}
    for name, value in data.items():
        if isinstance(value, list):
            base[name] = np.array(
                [[number(x) for x in row] if isinstance(row, list) else number(row) for row in value]
            )
        else:
            base[name] = number(value)
    return names_at(claim, base)


def names_at(claim: Claim, base: dict[str, Any]) -> dict[str, Any]:
    """Every name of a claim from the float64 values of m, one, eps and what an instance gives."""
    base = dict(base)
    base |= {f"{name}_T": value.T for name, value in base.items() if np.ndim(value) == 2}
    if "X" in base:
        base |= {"T": base["X"].T, "y": base["X"] @ base["W"]}
        weight = loss_in(
            claim, base, {"y": Jet(base["y"], base["X"], np.zeros((*base["X"].shape, len(base["W"]))))}
        )
        base |= {"dW": weight.first, "HW": weight.second}
    units = [unit for unit in ("", "_j", "_k") if f"y{unit}" in base]
    size = len(base["one"])
    every = np.eye(size * len(units))
    places = {unit: slice(i * size, (i + 1) * size) for i, unit in enumerate(units)}
    flat = np.zeros((size, len(every), len(every)))
    moving = {f"y{unit}": Jet(base[f"y{unit}"], every[place], flat) for unit, place in places.items()}
    loss = loss_in(claim, base, moving)
    for unit, place in places.items():
        base[f"v{unit}"] = loss.first[place]
        for other, second in places.items():
            base[f"B{unit}{other[1:]}"] = loss.second[place, second]
    found = defined(claim, base).names
    if units == [""]:
        found["g_own"] = found["g"] + found["H"] @ (found["y"] - found["z"])
        if "X" in base:
            found |= {"dW_plain": base["T"] @ found["g_own"], "HW_plain": base["T"] @ base["H"] @ base["X"]}
    return found


def defined(claim: Claim, base: dict[str, Any]) -> Floats:
    """The names of the definition, of sigma and of rho, from those that it starts from."""
    room = Floats(dict(base))
    for name, tree in lines(claim.definition):
        if name != "y":
            room.names[name] = walk(tree, room)
    for name in [name for name, _ in lines(claim.definition) if name in {"s", "s_j", "s_k"}]:
        if isinstance(s := room.names[name], Jet):
            continue  # no definition names them
        with np.errstate(invalid="ignore"):  # where eps stands outside the root, s**2 may be less
            sigma = room.sqrt(s**2 - base["eps"]) if base["eps"] else s
        room.names[f"sigma{name[1:]}"] = sigma
        room.names[f"rho{name[1:]}"] = sigma**2 / s**2
    return room


def loss_in(claim: Claim, base: dict[str, Any], moving: dict[str, Jet]) -> Jet:
    """The quadratic loss that has g and H at z, as the y of its units move."""
    there, here = defined(claim, base | moving).names, defined(claim, base).names
    units = [name[1:] for name in moving]
    shift = {unit: there[f"z{unit}"] - here[f"z{unit}"] for unit in units}
    total: Any = 0.0
    for unit in units:
        total = shift[unit] @ base[f"g{unit}"] + total
        for other in units:
            first, second = sorted((unit, other))
            table = base.get(f"H{first}{second[1:]}")
            if table is not None:
                table = table if (first, second) == (unit, other) else table.T
                total = total + (shift[unit] @ (table @ shift[other])) * 0.5
    return total


def sides(claim: Claim, data: dict[str, Any]) -> tuple[Any, Any]:
    """Both sides of the statement at an exact point, in float64."""
    room = Floats(instance(claim, data))
    return walk(parse(claim.statement), room)


def agrees(exact: str, seen: Any) -> bool:
    """Whether a float64 value is the exact one up to rounding."""
    value = number(exact)
    return bool(abs(value - float(seen)) <= 1e-8 * (1 + abs(value)))
