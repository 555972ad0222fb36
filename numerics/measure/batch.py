"""The room of random batches: N instances at once, every derivative by autograd of the composed loss.

The normalisation is its text. ``v`` and ``B`` come from differentiating L(z(y)), ``g`` and ``H`` from differentiating L
at z as a leaf; nothing else is known of either. The z that was computed is the point at which all of them are taken;
tolerances bound the rounding of the definition, of the sweeps and of the statement, from a `tape` of magnitudes.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from bnverify.numerics.measure.derivatives import gradient, jacobian_product, matrix, product
from bnverify.numerics.measure.downstream import Downstream
from bnverify.numerics.measure.extremum import along, input_for, maximum_on_ball
from bnverify.numerics.measure.interval import Interval
from bnverify.numerics.measure.rates import Dual, Over
from bnverify.numerics.measure.raw import Linear, RawRoom, Vec, define, remembered, times
from bnverify.numerics.measure.tape import SWEEP, Map, Tape, TapeRoom, Traced
from bnverify.numerics.measure.tolerance import Measured, MeasuredVector, allowance, exact, length
from bnverify.theory.grammar import Node, names_in, parse
from bnverify.theory.room import Room, walk
from torch import Tensor

Lines = Sequence[tuple[str, Node]]


class Absent(KeyError):
    """The room does not hold what a statement names."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class Given:
    """What an instance consists of, N at a time.

    vectors: (N, n) each; ``y`` (or ``y_j``, ``y_k``), or ``W`` where the definition starts with y = X W.
    numbers: (N,) each; ``gamma``, ``beta``, ``eps``, ``lam`` and free ones.
    operators: (N, n, k) matrices or (N, n) diagonals; ``X`` brings ``T``, its transpose.
    errors: of what was computed rather than given, the bound that a `Measured` carries, (N,).
    """

    vectors: Mapping[str, Tensor]
    numbers: Mapping[str, Tensor]
    operators: Mapping[str, Tensor]
    errors: Mapping[str, Tensor] = field(default_factory=dict)

    def put(self, name: str, value: Any) -> Given:
        """The same with another value in one place, and with what rounding can have done to that."""
        errors = {place: error for place, error in self.errors.items() if place != name}
        if isinstance(value, Measured | MeasuredVector):
            errors[name] = value.error
        held = value.x if isinstance(value, Vec) else getattr(value, "value", value)
        if isinstance(value, Vec | MeasuredVector):
            return replace(self, vectors={**self.vectors, name: held}, errors=errors)
        if isinstance(value, Measured | Tensor):
            return replace(self, numbers={**self.numbers, name: held}, errors=errors)
        if isinstance(value, Linear) and value.rows is not None:
            return replace(self, operators={**self.operators, name: value.rows}, errors=errors)
        raise NotImplementedError(f"a batch cannot put another operator for {name}")


class Batch(Room):
    """N independent instances of a normalisation and a loss downstream of its z.

    Args:
        lines: the definition, as pairs of a name and a tree; the vectors that it starts from are in ``given``.
        given: the instance, without anything derived.
        loss: the loss downstream, of the rows of z; of two units, of z_j and z_k one after the other.
        forward: somebody's own layer, (N, m) -> (N, m), that computes z in the place of the definition; its backward
            pass is then what v and B come from, and the definition only bounds the rounding.
        matched: the statement speaks of z = y, so the rounding of z moves the point, and H times it the gradient.

    Attributes:
        size: (N, m).
        cond: ones, (N,); what cancels in y is in the errors themselves.

    Raises (in use):
        Absent: a name that this room does not hold.
        NotImplementedError: an operation that no batch can do.
    """

    def __init__(
        self,
        lines: Lines,
        given: Given,
        loss: Downstream,
        forward: Callable[[Tensor], Tensor] | None = None,
        matched: bool = False,
    ) -> None:
        self.forward, self.matched = forward, matched
        own = {name for name, _ in lines}
        self.units: tuple[str, ...] = ("_j", "_k") if "z_j" in own else ("",)
        self.lines, self.given, self.loss = (*lines, *_scales_of(own, self.units, given)), given, loss
        start = next(iter(given.vectors.values()))
        self._leaves = {name: t.detach().clone().requires_grad_() for name, t in given.vectors.items()}
        self._numbers = {name: t.detach().clone().requires_grad_() for name, t in given.numbers.items()}
        self.made = define(self.lines, self._raw_names(), RawRoom)
        ys = [self._raw(f"y{unit}") for unit in self.units]
        self.size = tuple(ys[0].shape)
        self.cond = torch.ones(start.shape[0], dtype=start.dtype, device=start.device)
        self._cache: dict[Any, Any] = {}
        self.names = _Lazy(self._make)
        self._level = 0

    def _with(self, name: str, value: Any) -> Batch:
        """The same room with another value of a free number, which may be in motion."""
        room = copy.copy(self)
        room.names, room._level = Over(self.names, name, value), self._level + 1  # type: ignore[assignment]
        return room

    # ---- autograd

    def _raw_names(self) -> dict[str, Any]:
        first = self._leaves.get("y", self._leaves.get("y_j"))
        operators = {name: times(rows) for name, rows in self.given.operators.items()}
        if "X" in operators:
            operators["T"] = times(self.given.operators["X"].transpose(1, 2))
            first = self.given.operators["X"][..., 0] if first is None else first
        if first is None:
            first = next(iter(self._leaves.values()))
        named: dict[str, Any] = {name: Vec(leaf) for name, leaf in self._leaves.items()}
        return {
            **named,
            **self._numbers,
            **operators,
            "one": Vec(torch.ones_like(first).detach()),
            "m": first.shape[-1],
        }

    def _raw(self, name: str) -> Tensor:
        value = self.made[name]
        return value.x if isinstance(value, Vec) else value

    @property
    def y(self) -> Tensor:
        """The activations of the first unit, (N, m)."""
        return self._raw(f"y{self.units[0]}")

    @cached_property
    def _out(self) -> Tensor:
        if self.forward is not None:
            return self.forward(self._raw("y"))
        return torch.cat([self._raw(f"z{unit}") for unit in self.units], dim=-1)

    @cached_property
    def z(self) -> Tensor:
        """The numbers z as a leaf, (N, m), or (N, 2m) of two units."""
        return self._out.detach().requires_grad_()

    @cached_property
    def _g(self) -> Tensor:
        return gradient(self.loss(self.z), self.z, keep=True)

    def _composed(self, name: str) -> Tensor:
        """The gradient of the composed loss in a leaf or in y, differentiable again."""
        key = ("grad", name)
        if key not in self._cache:
            self._cache[key] = gradient(self.loss(self._out), self._raw(name), keep=True)
        return self._cache[key]

    # ---- bounds

    @cached_property
    def _scales(self) -> tuple[Tensor, Tensor]:
        first, second = self.loss.scales(self.z.detach())
        return (first + second * length(self.z.detach()), second) if self.matched else (first, second)

    @cached_property
    def _traced(self) -> tuple[Tape, dict[str, Any]]:
        """The definition on a tape, with every leaf and number active."""
        tape = Tape(self.cond)
        names: dict[str, Any] = {}
        for name, leaf in self._leaves.items():
            t = leaf.detach()
            names[name] = tape.leaf(MeasuredVector(t, length(t), 0.0, self._error(name)))
        for name, number in self._numbers.items():
            t = number.detach()
            names[name] = tape.leaf(Measured(t, t.abs(), 0.0, self._error(name)))
        ones = torch.ones(self.size, dtype=self.cond.dtype, device=self.cond.device)
        names["one"] = tape.leaf(MeasuredVector(ones, length(ones), 0.0), active=False)
        names["m"] = tape.leaf(exact(self.size[1], self.cond), active=False)
        for name in (*self.given.operators, *(["T"] if "X" in self.given.operators else [])):
            of = "X" if name == "T" else name
            names[name] = Map(self._measured_map(name).action, self._gain(of), self._fan(of))
        found = define(self.lines, names, lambda known: TapeRoom(tape, known))
        return tape, found

    def _error(self, name: str) -> Tensor:
        return self.given.errors.get(name, 0.0) + 0 * self.cond

    @cached_property
    def _drift(self) -> Tensor:
        """How far g can be from that at the exact z, where the place itself was computed."""
        if not self.given.errors:
            return 0 * self.cond
        _, found = self._traced
        return self._scales[1] * sum(found[f"z{unit}"].value.error for unit in self.units)

    def _loss_gradient(self, suffix: str = "") -> MeasuredVector:
        """g, or the part of one unit."""
        error = self._scales[0] * (2 * self.loss.depth + 1) + self._drift
        return MeasuredVector(self._part(self._g.detach(), suffix), self._scales[0], 0, error)

    def _gain(self, name: str) -> Tensor:
        rows = self.given.operators[name]
        return rows.abs().amax(-1) if rows.dim() == 2 else rows.flatten(1).norm(dim=1)

    def _fan(self, name: str) -> float:
        rows = self.given.operators[name]
        return 1.0 if rows.dim() == 2 else float(max(rows.shape[1:]))

    def _spent(self, order: int) -> Any:
        tape, _ = self._traced
        return SWEEP[order] * tape.spent(self._whole) + 2**order * self.loss.depth

    def _bounded(self, value: Tensor, scale: Tensor, order: int) -> Any:
        kind = MeasuredVector if value.dim() == 2 else Measured
        return kind(value, scale, 0, scale * self._spent(order))

    def _joint(self) -> Traced:
        """The outputs of all units as one entry: at most the sum of what each passes back."""
        _, found = self._traced
        outs = [found[f"z{unit}"] for unit in self.units]
        if len(outs) == 1:
            return outs[0]
        return outs[0].tape.record(
            MeasuredVector(self.z.detach(), length(self.z.detach()), 0.0),
            [(one, 1.0, (), 0) for one in outs],
        )

    @cached_property
    def _whole(self) -> Traced:
        return self._joint()

    def _gradient(self, name: str) -> Any:
        """The gradient of the composed loss in y, W or a number, with the bound on its rounding."""
        self._refuse_own(name)
        tape, found = self._traced
        scale = tape.back(self._whole, self._scales[0])[found[name].index]
        value = self._composed(name).detach()
        drift = tape.back(self._whole, self._drift)[found[name].index]
        found_ = self._bounded(value, torch.as_tensor(scale) + 0 * self.cond, 1)
        return replace(found_, error=found_.error + drift)

    def _refuse_own(self, moved: str) -> None:
        """A layer computes z from y, and what else a definition has does not move it."""
        if self.forward is not None and moved != "y":
            raise Absent(f"a layer of your own moves with y alone, not with {moved}")

    def _curve(self, of: str, along_: str) -> Callable[[MeasuredVector], MeasuredVector]:
        """u -> the change of the gradient in ``of`` as ``along_`` moves along u."""
        tape, found = self._traced
        gain = (
            torch.as_tensor(tape.back_moved(self._whole, found[along_], *self._scales)[found[of].index])
            + 0 * self.cond
        )

        drift = tape.back_moved(self._whole, found[along_], self._drift, 0 * self.cond)[found[of].index]

        def action(u: MeasuredVector) -> MeasuredVector:
            # The Hessian is symmetric: one reverse pass through the gradient in ``along_``, with u as its cotangent,
            # would give the transpose; the pass below starts from the gradient in ``along_`` and ends in ``of``.
            image = (
                torch.autograd.grad(
                    self._composed(along_), self._raw(of), u.value, retain_graph=True, materialize_grads=True
                )[0]
                if self._composed(along_).requires_grad
                else torch.zeros_like(self._raw(of))
            )
            moved = u.through(image, gain, self._spent(2))
            return replace(moved, error=moved.error + drift * u.norm)

        return action

    # ---- names

    def _measured_map(self, name: str) -> Linear:
        of = "X" if name == "T" else name.removesuffix("_T")
        rows = self.given.operators[of]
        rows = rows if name == of or rows.dim() == 2 else rows.transpose(1, 2)
        gain, fan = self._gain(of), self._fan(of)
        return Linear(lambda u: u.through(times(rows).action(Vec(u.value)).x, gain, fan), rows)

    def _own(self, t: Tensor) -> Any:
        return MeasuredVector(t, length(t), 0.0) if t.dim() == 2 else Measured(t, t.abs(), 0.0)

    def _make(self, name: str) -> Any:
        letter, _, unit = name.partition("_")
        suffix = f"_{unit}" if unit and f"z_{unit[:1]}" in self.made else ""
        stem = letter if suffix else name
        if stem == "g":
            return self._loss_gradient(suffix)
        if stem == "H":
            return self._downstream(unit if suffix else "")
        if stem == "v":
            return self._gradient(f"y{suffix}")
        if stem == "B":
            pair = unit if suffix else ""
            first, second = (f"_{pair[0]}", f"_{pair[1]}") if pair else ("", "")
            return remembered(self._curve(f"y{first}", f"y{second}"))
        if stem in {"dW", "dgamma", "dbeta"} and {"dW": "W"}.get(stem, stem[1:]) + suffix in self.made:
            return self._gradient({"dW": "W"}.get(stem, stem[1:]) + suffix)
        if name == "HW" and "W" in self.made:
            return remembered(self._curve("W", "W"))
        if name in {"g_own", "dW_plain", "HW_plain"}:
            return self._plain(name)
        if name in {"nu", "N"}:
            return self._divisor(name)
        if name.removesuffix("_T") in self.given.operators or (name == "T" and "X" in self.given.operators):
            return self._measured_map(name)
        _, found = self._traced
        if name in found:
            bounded = found[name].value
            own = self.forward is not None and name == "z"
            return replace(bounded, value=self.z.detach()) if own else bounded
        raise Absent(f"a batch holds nothing called {name}")

    def _part(self, whole: Tensor, suffix: str) -> Tensor:
        if not suffix:
            return whole
        half = whole.shape[-1] // 2
        return whole[..., :half] if suffix == "_j" else whole[..., half:]

    def _downstream(self, pair: str) -> Linear:
        def action(u: MeasuredVector) -> MeasuredVector:
            direction = u.value
            if pair:
                none = torch.zeros_like(direction)
                direction = torch.cat([direction, none] if pair[1] == "j" else [none, direction], dim=-1)
            image = product(self._g, self.z, direction)
            return u.through(
                self._part(image, f"_{pair[0]}" if pair else ""), self._scales[1], 4 * self.loss.depth + 1
            )

        return remembered(action)

    def _plain(self, name: str) -> Any:
        """The plain network, z = y, with the same loss."""
        lines = tuple(line for line in self.lines if line[0] == "y")
        own = Batch((*lines, ("z", Node("name", ("y",)))), self.given, self.loss, matched=self.matched)
        return own.names[{"g_own": "v", "dW_plain": "dW", "HW_plain": "HW"}[name]]

    def _divisor(self, name: str) -> Any:
        """nu and N: gradient and Hessian of the divisor n in y, by autograd."""
        if "n" not in self.made:
            raise Absent("this normalisation has no divisor n")
        grad = gradient(self._raw("n"), self._leaves["y"], keep=True)
        if name == "nu":
            value = grad.detach()
            return MeasuredVector(value, 1 + length(value), 8.0 * self.size[1])
        return Linear(
            lambda u: u.through(product(grad, self._leaves["y"], u.value), self.cond * 3, 16.0 * self.size[1])
        )

    # ---- operations

    def number(self, whole: int) -> Measured:
        return exact(whole, self.cond)

    def power(self, value: Any, power: Any) -> Any:
        if isinstance(value, Dual):
            return value.power(power)
        root = value.sqrt() if power.denominator == 2 else value
        return root**power.numerator if power > 0 else (root ** (-power.numerator)).inverse()

    def sqrt(self, value: Any) -> Measured:
        return value.sqrt()

    def absolute(self, value: Any) -> Any:
        if isinstance(value, MeasuredVector):
            return MeasuredVector(value.value.abs(), value.scale, value.count, value.error)
        return abs(value)

    def sign(self, value: MeasuredVector) -> MeasuredVector:
        return self._own(value.value.sign())

    def smallest(self, left: Any, right: Any) -> Any:
        return -self.largest(-left, -right)

    def largest(self, *values: Any) -> Any:
        if len(values) == 1:
            top = values[0].value.amax(-1)
            return Measured(top, top.abs(), 0, values[0].error)
        a, b = values
        return Measured(
            torch.maximum(a.value, b.value),
            torch.maximum(a.scale, b.scale),
            0,
            torch.maximum(a.error, b.error),
        )

    def rate(self, inside: Node, moved: str, along_: Any) -> Any:
        """d(expr, x, u) by autograd of the expression; d(L, x, u) is the composed loss's."""
        if names_in(inside) <= self._numbers.keys():
            level = self._level + 1
            value = walk(inside, self._with(moved, Dual(level, self.names[moved], self.number(1))))
            return value.rate if isinstance(value, Dual) and value.level == level else self.number(0)
        if inside == Node("name", ("L",)):
            whole = self._gradient(moved)
            return whole if along_ is None else whole @ along_
        names = self._moving(moved)
        if strange := names_in(inside) - names.keys():
            raise Absent(f"a batch does not differentiate {', '.join(sorted(strange))}")
        value = walk(inside, RawRoom(names))
        leaf = names[moved]
        point = leaf.x if isinstance(leaf, Vec) else leaf
        direction = along_.value if along_ is not None else torch.ones_like(point)
        out = value.x if isinstance(value, Vec) else torch.as_tensor(value).to(point) + 0 * self.cond
        found = jacobian_product(out, point, direction) if out.requires_grad else torch.zeros_like(out)
        scale, spent = self._speed(inside, moved)
        speed = scale * (along_.norm if along_ is not None else 1.0) + 0 * self.cond
        kind = MeasuredVector if found.dim() == 2 else Measured
        carried = scale * along_.error if along_ is not None else 0.0
        return kind(found.detach(), speed, 0, speed * spent + carried)

    def _moving(self, moved: str) -> dict[str, Any]:
        """Raw names in which ``moved`` is a leaf, and what depends on it follows."""
        names = dict(self.made)
        if moved in {"z", "yhat"}:
            own = self.forward is not None and moved == "z"
            leaf = (self.z if own else self._raw(moved)).detach().clone().requires_grad_()
            names = {
                k: Vec(t.x.detach()) if isinstance(t, Vec) else t.detach() if isinstance(t, Tensor) else t
                for k, t in names.items()
            }
            names[moved] = Vec(leaf)
            gamma, beta = names["gamma"], names["beta"]
            if moved == "z":
                names["yhat"] = (Vec(leaf) - names["one"] * beta) / gamma
            else:
                names["z"] = Vec(leaf) * gamma + names["one"] * beta
            out = names["z"].x
        else:
            if moved not in self._leaves and moved not in self._numbers and moved != "y":
                raise NotImplementedError(f"a batch does not move {moved}")
            self._refuse_own(moved)
            out = self._out
            if self.forward is not None:
                names["z"] = Vec(out)
        names["g"] = Vec(gradient(self.loss(out), out, keep=True) if out.requires_grad else self._g.detach())
        return names

    def _speed(self, inside: Node, moved: str) -> tuple[Any, Any]:
        """How fast the expression can change with ``moved``, before anything cancels, and the roundings on the way."""
        tape = Tape(self.cond)
        names: dict[str, Any] = {}
        _, traced = self._traced
        for name, held in traced.items():
            names[name] = tape.leaf(held.value, active=name == moved) if isinstance(held, Traced) else held
        if moved in {"z", "yhat"}:
            root = names[moved]
            gamma, one, beta = names["gamma"], names["one"], names["beta"]
            if moved == "z":
                names["yhat"] = (root - one * beta) / gamma
            else:
                names["z"] = root * gamma + one * beta
        else:
            start = {
                name: names[name]
                for name in (*self._leaves, *self._numbers, "one", "m", *self.given.operators)
                if name in names
            }
            start |= {"T": names["T"]} if "T" in names else {}
            names = define(self.lines, start, lambda known: TapeRoom(tape, known))
        names["g"] = names["z"].through(self._loss_gradient(), self._scales[1], 2 * self.loss.depth)
        out = walk(inside, TapeRoom(tape, names))
        if out.index < 0:
            return 0.0, 1.0
        return tape.tangents(names[moved])[out.index], SWEEP[1] * tape.spent(out) + 4 * self.loss.depth

    def placed(self, inside: Node, moved: str, value: Any) -> Any:
        """at(expr, x, value): another batch of the same loss."""
        if names_in(inside) <= self._numbers.keys():
            return walk(inside, self._with(moved, value))
        if moved == "y" and "y" not in self._leaves:
            raise NotImplementedError("y is X W here; move W")
        if moved not in {**self.given.vectors, **self.given.numbers, **self.given.operators}:
            raise NotImplementedError(f"a batch is not made of {moved}, and so puts no other in its place")
        self._refuse_own(moved)
        there = Batch(self.lines, self.given.put(moved, value), self.loss, self.forward, self.matched)
        return walk(inside, there)

    def psd(self, operator: Any) -> Measured:
        """The least eigenvalue of an operator on the batch, (N,)."""
        size = self.size[1]
        rows = []
        for unit in torch.eye(size, dtype=self.cond.dtype, device=self.cond.device):
            direction = unit.expand(self.size).contiguous()
            rows.append(operator @ MeasuredVector(direction, torch.ones_like(self.cond), 0.0))
        dense = torch.stack([row.value for row in rows], dim=-1)
        least = torch.linalg.eigvalsh((dense + dense.transpose(1, 2)) / 2)[:, 0]
        scale = torch.stack([row.scale for row in rows]).norm(dim=0)
        error = torch.stack([row.error for row in rows]).norm(dim=0) + 4 * size * scale
        return Measured(least, scale, 0, error)

    def maximum(self, inside: Node, moved: str, bound: Measured) -> Interval:
        """max(|T u|^2) and max((S u)'K(S u)), S = X T, over ||X|| <= lam, as intervals [attained, bound]."""
        row, X, T = (
            inside.args[0] if inside.head == "@" else inside,
            Node("name", ("X",)),
            Node("name", ("T",)),
        )
        if row.head == "@" and row.args[0] == T and inside == Node("@", (row, *row.args)):
            return self._max_grad(
                walk(Node("@", row.args[1:]) if len(row.args) > 2 else row.args[1], self), bound
            )
        if row.head == "@" and row.args[:2] == (X, T) and inside.args[2:] == row.args:
            u = walk(Node("@", row.args[2:]) if len(row.args) > 3 else row.args[2], self)
            return self._max_form(u, str(inside.args[1]), bound)
        raise NotImplementedError("a batch knows the maxima of |X'u|^2 and of (XX'u)'K(XX'u) alone")

    def _max_grad(self, u: MeasuredVector, lam: Measured) -> Interval:
        X = along(u.value, lam.value + 0 * self.cond)
        pulled = (X.transpose(1, 2) @ u.value.unsqueeze(-1)).squeeze(-1)
        attained = u.through(pulled, lam.value.abs() + 0 * self.cond, 2 * self.size[1] + 2)
        return Interval(attained.dot(attained), lam**2 * u.dot(u))

    def _max_form(self, u: MeasuredVector, operator: str, lam: Measured) -> Interval:
        size = lam.value + 0 * self.cond
        square, length, m = size.square(), u.norm, self.size[1]
        dense = matrix(self._composed("y"), self._raw("y")) if operator == "B" else matrix(self._g, self.z)
        ball = maximum_on_ball(dense, u.value * square.unsqueeze(-1) / 2, square * length / 2)
        X = input_for(ball.point, u.value, size)
        w = u.through((X @ (X.transpose(1, 2) @ u.value.unsqueeze(-1))).squeeze(-1), square, 4 * m)
        weight = square.square() * length
        K = self.names[operator]
        error = 16 * m * ball.formed + 2 * m**0.5 * weight * (K @ u).error
        bound = Measured(ball.bound, torch.maximum(ball.formed, ball.bound.abs()), 0, error)
        return Interval(w.dot(K @ w), bound)

    def allowance(self, *parts: Measured) -> Tensor:
        """The largest difference of the parts that rounding explains, (N,)."""
        return allowance(self.cond, *parts)


def _scales_of(own: set[str], units: Sequence[str], given: Given) -> Lines:
    """sigma and rho of every unit that divides by s: sigma = s where eps = 0."""
    eps = given.numbers.get("eps")
    positive = eps is not None and bool((eps > 0).any())
    found = []
    for unit in units:
        if f"s{unit}" in own and f"sigma{unit}" not in own:
            text = f"sqrt(s{unit}**2 - eps)" if positive else f"s{unit}"
            found += [(f"sigma{unit}", parse(text)), (f"rho{unit}", parse(f"sigma{unit}**2/s{unit}**2"))]
    if "n" in own and "s" not in own and "rho" not in own:
        found.append(("rho", parse("1 - eps/n**2")))
    return found


class _Lazy(dict[str, Any]):
    """Names that are made when they are first used."""

    def __init__(self, make: Callable[[str], Any]) -> None:
        super().__init__()
        self.make = make

    def __missing__(self, name: str) -> Any:
        self[name] = self.make(name)
        return self[name]
