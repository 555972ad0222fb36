"""In which direction the two sides of an equation of vectors differ, and whose fault that is: measured, not guessed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import combinations

import torch
from bnverify.numerics.measure.batch import Absent, Batch
from bnverify.numerics.measure.sides import Finding, judge, sides
from bnverify.numerics.measure.tolerance import MeasuredVector
from bnverify.numerics.tester.layer import Own
from bnverify.numerics.tester.subject import Drawn, Subject, room_of, subject_of
from bnverify.theory.grammar import Node, names_in, parse
from bnverify.theory.room import walk

DIRECTIONS = ("one", "yhat", "D @ g", "g", "y")
TERMS = {
    "one": ": they differ in the mean of the gradient",
    "yhat": ": they differ in the part along yhat",
    "D @ g": ": they differ in the factor of D @ g",
    "g": ": they differ in the factor of g",
}
BATCHES = 3
"""Random batches at which a direction has to be the same: at the shrunk one directions fall together."""
STEP, APART = 2.0**-17, 1e-4
"""The step of a central difference, right to about its square, and from where on it contradicts v."""
SIZES = (2.0**-10, 2.0**10)
"""By what y of a random batch is multiplied, to try a statement away from batches of size 1."""
SURVIVED = f"no counterexample on {BATCHES * (1 + len(SIZES))} random batches"
OTHERS = ("batch-norm", "layer-norm", "rms-norm-elementwise")
"""Definitions of which a statement that fails may be true."""


def reasons(tree: Node, subject: Subject, drawn: Drawn, room: Batch) -> list[str]:
    """What is known of a failed equation: the direction of left - right, the layer's own backward pass, remarks.

    Args:
        tree: the statement. drawn, room: the shrunk batch at which it fails.
    """
    found: list[str] = []
    rooms = [room_of(subject, one) for one in _random(subject, drawn)]
    of_v = bool(names_in(tree) & {"v", "B"})
    if tree.head == "==":
        gaps = _gaps(tree, rooms)
        found += _multiple(tree, rooms) or _direction(gaps, rooms, _gaps(tree, [room]), room, of_v)
        found = [f"left - right {said}" if gaps and said[0] != "t" else said for said in found]
    layer = subject.layer
    if layer is None:
        return found
    if not layer.lines:
        return [*found, *(_by_differences(subject, layer, rooms) if of_v else [])]
    if not layer.computes:
        said = f"{subject.what} is not {layer.name}: its output is off by {layer.residual:.0e}"
        return [*found, f"{said}; {layer.slip}" if layer.slip else said]
    if not of_v:
        return found
    gaps = [own.names["v"] - _plain(own).names["v"] for own in rooms]
    here = [room.names["v"] - _plain(room).names["v"]]
    if not any(map(_seen, [*here, *gaps], [room, *rooms])):
        if "B" in names_in(tree):
            return found
        true_of = [name for name in (layer.name, *OTHERS) if _survives(tree, name, drawn)]
        said = f"the v of {subject.what} is the derivative of what it computes, {layer.name} with eps = {layer.eps:g}:"
        said += " it is the statement that does not fit it"
        return [*found, said + "".join(f"; {SURVIVED} of {name} with eps = 0" for name in true_of[:1])]
    found.append(
        f"the backward pass of {subject.what} is not the derivative of its forward pass, which is {layer.name}"
    )
    return found + [f"v - derivative {said}" for said in _direction(gaps, rooms, here, room, True)]


def _by_differences(subject: Subject, layer: Own, rooms: Sequence[Batch]) -> list[str]:
    """Of a layer that is no definition that is known: whether v is the derivative of what it computes."""
    if layer.unit > torch.finfo(torch.float64).eps:  # too coarse for differences
        return []
    generator, off = torch.Generator().manual_seed(7), []
    for room in rooms:
        y, g, v = (room.names[name].value for name in ("y", "g", "v"))
        d = torch.randn(y.shape, generator=generator, dtype=y.dtype)
        with torch.no_grad():
            change = (g * (layer.forward(y + STEP * d) - layer.forward(y - STEP * d))).sum() / (2 * STEP)
        off.append(float((change - (v * d).sum()).abs() / max(change.abs(), (v * d).sum().abs())))
    said = (
        f"of {subject.what} is the derivative of what it computes, by differences on {BATCHES} random batches"
    )
    if max(off) < APART:
        return [f"the v {said}: it is the statement that does not fit it"]
    if min(off) > APART:
        return [f"the v {said.replace('is the', 'is not the', 1)}: off by {max(off):.0%}"]
    return []


def _random(subject: Subject, drawn: Drawn) -> Iterable[Drawn]:
    """Batches in general position of the size of the layer, or of five."""
    layer = subject.layer
    m = layer.size if layer is not None and layer.along == "features" else 5
    generator = torch.Generator().manual_seed(6)

    def numbers(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    for _ in range(BATCHES):
        A = numbers(m, m)
        free = tuple((name, tuple(numbers(m).tolist())) for name, _ in drawn.vectors)
        scalars = tuple((name, numbers(1).item()) for name, _ in drawn.numbers)
        H = tuple(map(tuple, (A + A.T).tolist()))
        y, g = (tuple(numbers(m).tolist()) for _ in range(2))
        yield replace(drawn, y=y, g=g, H=H, gamma=1.5, beta=0.5, vectors=free, numbers=scalars)


def _gaps(tree: Node, rooms: Sequence[Batch]) -> list[MeasuredVector]:
    """left - right in every room; none where they are numbers."""
    pairs = [walk(tree, room) for room in rooms]
    gaps = [left - right for left, right in pairs]
    return [gap for gap in gaps if isinstance(gap, MeasuredVector)]


def _seen(gap: MeasuredVector, room: Batch) -> bool:
    return bool((gap.norm > 4 * room.unit * gap.error).any())


def _direction(
    gaps: Sequence[MeasuredVector],
    rooms: Sequence[Batch],
    here: Sequence[MeasuredVector],
    room: Batch,
    of_v: bool,
) -> list[str]:
    """The fewest of `DIRECTIONS` that a difference lies along in every room, with its share at the shrunk one."""
    if not gaps or gaps[0].value.shape[-1] < 4:
        return []
    if not any(map(_seen, gaps, rooms)):
        return ["is 0 on batches in general position: it is this batch that is special"]
    known = [name for name in DIRECTIONS if _vector(name, room) is not None]
    known = [name for name in known if {"g": "D @ g", "y": "yhat"}.get(name) not in known]
    for count in (1, 2):
        for names in combinations(known, count):
            if not all(_within(gap, names, one) for gap, one in zip(gaps, rooms, strict=True)):
                continue
            if count == 2:
                return [f"is a combination of {names[0]} and {names[1]} on every batch tried"]
            vector = _vector(names[0], room)
            u, d = vector.value[0] if vector is not None else here[0].value[0], here[0].value[0]
            share = float(d @ u / (u @ u)) if bool(u.any()) else 0.0
            term = TERMS.get(names[0], "") if of_v else ""
            return [f"= {share:.6g} * {names[0]} here, and lies along {names[0]} on every batch tried{term}"]
    return [f"lies along none of {', '.join(known)}, nor in the plane of two of them"]


def _vector(name: str, room: Batch) -> MeasuredVector | None:
    try:
        found = walk(parse(name), room)
    except Absent:
        return None
    return found if isinstance(found, MeasuredVector) else None


def _within(gap: MeasuredVector, names: Sequence[str], room: Batch) -> bool:
    """Whether a difference is a combination of these vectors, but for rounding."""
    vectors = [found for name in names if (found := _vector(name, room)) is not None]
    A = torch.stack([u.value for u in vectors], dim=-1)
    shares = torch.linalg.lstsq(A, gap.value.unsqueeze(-1)).solution
    rest = (gap.value - (A @ shares).squeeze(-1)).norm(dim=-1)
    error = gap.error + sum(shares[:, i, 0].abs() * u.error for i, u in enumerate(vectors))
    return bool((rest <= 4 * room.unit * error).all())


def _multiple(tree: Node, rooms: Sequence[Batch]) -> list[str]:
    """Whether the left side is one multiple of the right on every batch."""
    shares, slack = [], 0.0
    for room in rooms:
        left, right = walk(tree, room)
        if not isinstance(left, MeasuredVector) or not isinstance(right, MeasuredVector):
            return []
        square = right.value.square().sum(-1)
        share = (left.value * right.value).sum(-1) / square
        allowed = 4 * room.unit * (left.error + share.abs() * right.error)
        if bool(((left.value - share.unsqueeze(-1) * right.value).norm(dim=-1) > allowed).any()):
            return []
        shares += share.tolist()
        slack = max(slack, float((allowed / square.sqrt()).max()))
    if max(shares) - min(shares) > 2 * slack or abs(shares[0] - 1) <= 2 * slack:
        return []
    return [f"the left side is {shares[0]:.6g} times the right side on every batch tried"]


def _plain(room: Batch) -> Batch:
    """The same batch of the definition, differentiated by autograd, in the place of the layer."""
    return Batch(room.lines, room.given, room.loss, unit=room.unit)


def _survives(tree: Node, name: str, drawn: Drawn) -> bool:
    """Whether no batch tried refutes the statement for another definition, and a random one bears it out.

    Small and large y are tried too: a bound on the size of v breaks there, far from batches of size 1.
    """
    subject = subject_of(name, None, {})
    try:
        some = list(_random(subject, drawn))
        scaled = [replace(one, y=tuple(size * y for y in one.y)) for one in some for size in SIZES]
        codes = [
            judge(sides(tree, room), room) for room in (room_of(subject, one) for one in (*some, *scaled))
        ]
        refuted = any(bool((code == Finding.VIOLATED).any()) for code in codes)
        return not refuted and all(bool((code == Finding.HOLDS).all()) for code in codes[: len(some)])
    except (Absent, NotImplementedError):
        return False
