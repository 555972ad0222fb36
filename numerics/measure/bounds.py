"""What rounding can do to the derivatives of a `Graph`: its definition on a tape of magnitudes, swept back."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import Any

from bnverify.numerics.measure.graph import Absent, Graph
from bnverify.numerics.measure.raw import Linear, Vec, define, remembered, times
from bnverify.numerics.measure.tape import Ends, Map, Tape, TapeRoom, Traced
from bnverify.numerics.measure.tolerance import Measured, MeasuredVector, exact, length
from bnverify.theory.grammar import Node, names_in
from bnverify.theory.room import walk
from torch import Tensor


class Bounds:
    """The measured quantities of a graph: what autograd gives, with a bound on its rounding.

    Args:
        graph: the instances.
        matched: the statement speaks of z = y, so the rounding of z moves the point, and H times it the gradient.
    """

    def __init__(self, graph: Graph, matched: bool) -> None:
        self.graph, self.matched = graph, matched
        self.like = graph._ones.new_ones(graph._ones.shape[0])

    @cached_property
    def _scales(self) -> tuple[Tensor, Tensor]:
        z = self.graph.z.detach()
        first, second = self.graph.loss.scales(z)
        return (first + second * length(z), second) if self.matched else (first, second)

    def held(self, name: str) -> Any:
        """A vector or number that was given, with the error that it brings."""
        t = self.graph.raw(name).detach()
        made = MeasuredVector(t, length(t), 0.0) if t.dim() == 2 else Measured(t, t.abs(), 0.0)
        error = self.graph.given.errors.get(name)
        return made if error is None else replace(made, error=error)

    def map(self, name: str) -> Linear:
        """An operator that was given, or its transpose: T of X, A_T of A."""
        of = "X" if name == "T" else name.removesuffix("_T")
        rows = self.graph.given.operators[of]
        rows = rows if name == of or rows.dim() == 2 else rows.transpose(1, 2)
        gain, fan = _gain(rows)
        return Linear(lambda u: u.through(times(rows).action(Vec(u.value)).x, gain, fan), rows)

    def _traced_map(self, name: str) -> Map:
        known = self.map(name)
        return Map(known.action, *_gain(known.rows))

    @cached_property
    def _tape(self) -> tuple[Tape, dict[str, Any]]:
        """The definition on a tape, with every leaf and number of it active."""
        tape, graph = Tape(self.like), self.graph
        names: dict[str, Any] = {}
        for name, value in graph.made.items():
            if isinstance(value, Linear):
                names[name] = self._traced_map(name)
            elif name in graph.given.vectors or name in graph.given.numbers:
                names[name] = tape.leaf(self.held(name))
        ones = graph._ones
        names["one"] = tape.leaf(MeasuredVector(ones, length(ones), 0.0), active=False)
        names["m"] = tape.leaf(exact(ones.shape[-1], self.like), active=False)
        return tape, define(graph.lines, names, lambda known: TapeRoom(tape, known))

    @property
    def found(self) -> dict[str, Any]:
        """The values of the definition on the tape, by name."""
        return self._tape[1]

    @cached_property
    def _whole(self) -> Traced:
        """The outputs of all units as one entry: at most the sum of what each passes back."""
        outs = [self.found[f"z{unit}"] for unit in self.graph.units]
        if len(outs) == 1:
            return outs[0]
        z = self.graph.z.detach()
        joint = MeasuredVector(z, length(z), 0.0)
        return outs[0].tape.record(joint, [(one, 1.0, (), 0) for one in outs])

    @cached_property
    def _slack(self) -> Tensor:
        """What rounding can have done to g, and how far it can be from that at the exact z, where the place itself was
        computed."""
        slack = self._scales[0] * (2 * self.graph.loss.depth + 1)
        if not self.graph.given.errors:
            return slack
        return slack + self._scales[1] * sum(self.found[f"z{unit}"].value.error for unit in self.graph.units)

    @cached_property
    def _back(self) -> Ends:
        return self._tape[0].back(self._whole, self._scales[0], self._slack)

    def settle(self) -> None:
        """Make what the bounds on derivatives rest on, which a further name does not change."""
        _ = self._back

    def downstream(self, part: Any) -> MeasuredVector:
        """g, of which ``part`` takes the entries of one unit."""
        return MeasuredVector(part(self.graph.g.detach()), self._scales[0], 0, self._slack)

    def curved(self, u: MeasuredVector, image: Tensor) -> MeasuredVector:
        """H u, which autograd formed as ``image``."""
        return u.through(image, self._scales[1], 4 * self.graph.loss.depth + 1)

    def gradient(self, name: str) -> Any:
        """The gradient of the composed loss in y, W or a number."""
        self.refuse_own(name)
        value = self.graph.gradient(name).detach()
        index, none = (self.found[name].index if name in self.found else -1), 0 * self.like
        scale, error = (self._back[0][index], self._back[1][index]) if index >= 0 else (0.0, 0.0)
        return (MeasuredVector if value.dim() == 2 else Measured)(value, scale + none, 0, error + none)

    def curve(self, of: str, along: str) -> Linear:
        """u -> the change of the gradient in ``of`` as ``along`` moves along u."""
        tape, found = self._tape
        counted = 2.0 * self.graph.loss.depth + 1
        gains, errors = tape.back_moved(self._whole, found[along], self._back, self._scales[1], counted)
        index, none = found[of].index, 0 * self.like
        gain, lost = gains[index] + none, 2 * errors[index] + none

        curvature = remembered(lambda u: self.graph.curvature(of, along, u))

        def action(u: MeasuredVector) -> MeasuredVector:
            return MeasuredVector(curvature(u.value), gain * u.scale, 0, gain * u.error + lost * u.norm)

        return Linear(action)

    def rate(self, inside: Node, moved: str, along: MeasuredVector | None) -> Any:
        """d(expr, x, u), or with ``along`` None d(expr, t)."""
        if moved not in {"z", "yhat"}:
            self.refuse_own(moved)
        found = self.graph.rate(inside, moved, None if along is None else along.value).detach()
        scale, lost = self._speed(inside, moved)
        size, carried = (1.0, 0.0) if along is None else (along.norm, scale * along.error)
        none = 0 * self.like
        return (MeasuredVector if found.dim() == 2 else Measured)(
            found, scale * size + none, 0, lost * size + carried + none
        )

    def refuse_own(self, moved: str) -> None:
        """A layer computes z from y, and what else a definition has does not move it."""
        if self.graph.forward is not None and moved != "y":
            raise Absent(f"a layer of your own moves with y alone, not with {moved}")

    def _speed(self, inside: Node, moved: str) -> tuple[Any, Any]:
        """How fast the expression can change with ``moved``, before anything cancels, and its rounding."""
        tape, graph, given = Tape(self.like), self.graph, self.graph.given
        names: dict[str, Any] = {
            name: tape.leaf(held.value, active=name == moved) if isinstance(held, Traced) else held
            for name, held in self.found.items()
        }
        for name in (names_in(inside) | {moved}) - names.keys():
            if name in given.vectors or name in given.numbers:
                names[name] = tape.leaf(self.held(name), active=name == moved)
            elif name in given.operators:
                names[name] = self._traced_map(name)
        if moved == "z":
            names["yhat"] = (names["z"] - names["one"] * names["beta"]) / names["gamma"]
        elif moved == "yhat":
            names["z"] = names["yhat"] * names["gamma"] + names["one"] * names["beta"]
        else:
            computed = {name for name, _ in graph.lines} - {moved}
            start = {name: held for name, held in names.items() if name not in computed}
            names = define(graph.lines, start, lambda known: TapeRoom(tape, known))
        names["g"] = names["z"].through(self.downstream(lambda g: g), self._scales[1], 2 * graph.loss.depth)
        out = walk(inside, TapeRoom(tape, names))
        if out.index < 0:
            return 0.0, 0.0
        rates, errors = tape.tangents(names[moved])
        return rates[out.index], 2 * errors[out.index]


def _gain(rows: Any) -> tuple[Tensor, float]:
    """A bound on the norms of N matrices or diagonals, (N,), and the roundings of applying one."""
    if rows.dim() == 2:
        return rows.abs().amax(-1), 1.0
    return rows.flatten(1).norm(dim=1), float(max(rows.shape[1:]))
