"""What the graph of a loss says of the order of things: what follows a layer, what fed it, what every path passes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from bnverify.numerics.audit.findings.watch import NormCall, Point, Producer, Watch

PASSING = (
    "View",
    "Reshape",
    "Dropout",
    "Clone",
    "ToCopy",
    "Alias",
    "Unsqueeze",
    "Squeeze",
    "Transpose",
    "Permute",
)
"""Nodes that hand their input on unchanged in value, up to its shape and a mask."""
SUMMING = (*PASSING, "Add")
"""And a sum, as at the end of a residual block."""
CLOSING = ("Relu", "Threshold", "Hardtanh")
"""Activations that are constant, with derivative exactly 0, below 0 (`Hardtanh` is ReLU6)."""
POINTWISE = (
    *CLOSING,
    "Gelu",
    "Silu",
    "Elu",
    "LeakyRelu",
    "Tanh",
    "Sigmoid",
    "Softplus",
    "Hardswish",
    "Prelu",
)
_MODULUS = (1 << 61) - 1


@dataclass(frozen=True)
class Graph:
    """nodes in topological order from the loss; users: node -> the nodes that read its output."""

    nodes: tuple[Any, ...]
    users: dict[Any, list[Any]]

    @staticmethod
    def of(loss: torch.Tensor) -> Graph:
        root: Any = loss.grad_fn
        users: dict[Any, list[Any]] = {root: []}
        order: list[Any] = []
        waiting: list[tuple[Any, bool]] = [(root, False)]
        entered: set[Any] = set()
        while waiting:
            node, done = waiting.pop()
            if done:
                order.append(node)
                continue
            if node in entered:
                continue
            entered.add(node)
            waiting.append((node, True))
            for child, _ in node.next_functions:
                if child is not None:
                    users.setdefault(child, []).append(node)
                    if child not in entered:
                        waiting.append((child, False))
        return Graph(tuple(reversed(order)), users)

    def trunk(self, source: Any) -> set[Any]:
        """The nodes that lie on every path from the loss to ``source``, by counting paths."""
        if source not in self.users:
            return set()
        down: dict[Any, int] = {self.nodes[0]: 1}
        for node in self.nodes[1:]:
            down[node] = sum(down[user] for user in self.users[node]) % _MODULUS
        up: dict[Any, int] = {source: 1}
        for node in reversed(self.nodes):
            if node is not source:
                up[node] = sum(up.get(child, 0) for child, _ in node.next_functions) % _MODULUS
        total = down[source]
        return {node for node in self.nodes if up.get(node) and down[node] * up[node] % _MODULUS == total}

    def closing(
        self, node: Any, activations: tuple[str, ...] = CLOSING, passing: tuple[str, ...] = PASSING
    ) -> bool:
        """Whether everything that reads the output passes through an activation that is constant below 0."""
        users = self.users.get(node, [])
        if not users:
            return False
        return all(
            _is(user, activations) or (_is(user, passing) and self.closing(user, activations, passing))
            for user in users
        )

    def twice(self, alias: Any) -> bool:
        """Whether the loss reads a call's input through the derivative of the call as well."""
        return any("BackwardBackward" in user.name() for user in self.users.get(alias, []))


def _is(node: Any, names: tuple[str, ...]) -> bool:
    name = node.name().rpartition("::")[2]
    return any(name.startswith(prefix) for prefix in names)


@dataclass(frozen=True)
class Feed:
    """What feeds a normalisation: the map before it, and at which axis of the input its channels arrive.

    axis: None where channels were merged with positions. direct: nothing but reshaping lies between.
    """

    producer: Producer
    axis: int | None
    direct: bool


def feed(call: NormCall, watch: Watch) -> Feed | None:
    """The linear map or convolution that a call's input comes from, through shapes and pointwise activations alone."""
    known = {item.node: item for item in watch.producers}
    node, shape, path, direct = call.node_in, call.shape, [], True
    while node is not None and node not in known:
        before = _shape_before(node, shape)
        if before is None:
            return None
        direct &= not _is(node, POINTWISE)
        path.append((node, before, shape))
        node, shape = _parent(node), before
    if node is None or known[node].shape != shape:
        return None
    axis: int | None = known[node].axis
    for step, before, after in reversed(path):
        if axis is not None:
            axis = _moved(step, axis, before, after)
    return Feed(known[node], axis, direct)


def _parent(node: Any) -> Any:
    parents = [child for child, _ in node.next_functions if child is not None]
    return parents[0] if len(parents) == 1 else None


def _shape_before(node: Any, after: tuple[int, ...]) -> tuple[int, ...] | None:
    name = node.name().rpartition("::")[2]
    if name.startswith(("View", "UnsafeView", "ReshapeAlias", "Squeeze")):
        return tuple(node._saved_self_sym_sizes)
    if name.startswith("Unsqueeze"):
        axis = node._saved_dim % len(after)
        return after[:axis] + after[axis + 1 :]
    if name.startswith(("Permute", "Transpose", "TBackward")):
        order = _order(node, len(after))
        before = [0] * len(after)
        for place, source in enumerate(order):
            before[source] = after[place]
        return tuple(before)
    if name.startswith(("Clone", "ToCopy", "Alias", "NativeDropout", *POINTWISE)):
        return after
    return None


def _order(node: Any, rank: int) -> list[int]:
    name = node.name().rpartition("::")[2]
    if name.startswith("Permute"):
        return [_signed(axis, rank) for axis in node._saved_dims]
    first, second = (
        (0, 1)
        if name.startswith("TBackward")
        else (_signed(node._saved_dim0, rank), _signed(node._saved_dim1, rank))
    )
    order = list(range(rank))
    order[first], order[second] = order[second], order[first]
    return order


def _signed(axis: int, rank: int) -> int:
    """Axes are saved as unsigned 64-bit numbers."""
    return (axis - (1 << 64) if axis >= 1 << 63 else axis) % rank


def _moved(node: Any, axis: int, before: tuple[int, ...], after: tuple[int, ...]) -> int | None:
    """Where the channels of ``axis`` lie after the node; None where they share an axis with something else."""
    name = node.name().rpartition("::")[2]
    if name.startswith(("Permute", "Transpose", "TBackward")):
        return _order(node, len(before)).index(axis)
    if name.startswith(("Clone", "ToCopy", "Alias", "NativeDropout", *POINTWISE)):
        return axis
    ahead = 1
    for size in before[:axis]:
        ahead *= size
    total = 1
    for place, size in enumerate(after):
        if total == ahead and size == before[axis] and (size > 1 or place == axis):
            return place
        total *= size
    return None


def trunk_points(graph: Graph, watch: Watch) -> list[Point]:
    """The activations that every path from the loss to the first of them passes, in forward order, up to the last norm.

    The first is the earliest that the loss depends on; branches of residual blocks are left out.
    """
    reached = [point for point in watch.points if point.node in graph.users]
    if not reached:
        return []
    last = max((place for place, point in enumerate(reached) if point.norm is not None), default=-1)
    on = graph.trunk(reached[0].node)
    return [point for point in reached[: last + 1] if point.node in on]


def ends(trunk: list[Point]) -> tuple[Point, Point, int] | None:
    """The first and the last activation of a trunk, and the normalisations on it; None where it has no two.

    The last is a normalisation where nothing but one more activation follows it.
    """
    # What no gradient reaches at all is shut, and does not fade: a factor of 0, as LoRA starts with, does that.
    moving = [point for point in trunk if point.sd > 0 and point.grad != 0]
    norms = [point for point in moving if point.norm is not None]
    if len(moving) < 2:
        return None
    first, last = moving[0], moving[-1]
    if norms and moving.index(norms[-1]) >= len(moving) - 2:
        last = norms[-1]
    return None if first is last else (first, last, len(norms))
