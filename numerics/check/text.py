"""A statement that somebody typed, on random batches: where it holds, where it is violated, and the worst of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from bnverify.numerics.measure.batch import Absent, Batch, Given
from bnverify.numerics.measure.downstream import Coupled
from bnverify.numerics.measure.graph import given_alone
from bnverify.numerics.measure.instances import (
    LOSSES,
    SIZES,
    Drawn,
    Kind,
    Source,
    blocks,
    chunks,
    downstream,
    draw,
    streams,
)
from bnverify.numerics.measure.leaves import Leaves
from bnverify.numerics.measure.sides import Finding, judge, met, sides
from bnverify.theory import circle, sorts
from bnverify.theory.decide.conjecture import scopes_of_eps
from bnverify.theory.grammar import Node, lines, names_in
from bnverify.theory.normalisations import Normalisation, declared, names_of, normalisation, units
from bnverify.theory.sorts import Sort

from bnverify.base.errors import InputError

Progress = Callable[[int, int, str], None]
FEATURES = 3
"""Inputs of a unit, where the definition starts with y = X W."""


@dataclass(frozen=True)
class Asked:
    """A statement with what it is asked of.

    hypotheses: those of ``given`` by their text, without what says of eps only whether it is 0.
    lines: the definition. positive: eps > 0 is drawn, because a text speaks of it. sorts: of the names that are free.
    """

    text: str
    given: tuple[str, ...]
    norm: Normalisation
    tree: Node
    hypotheses: dict[str, Node]
    lines: tuple[tuple[str, Node], ...]
    free: dict[str, Sort]
    positive: bool


@dataclass
class Answer:
    """What random batches say of a statement: counts of each `Finding`, of all and by loss, and the worst violation.

    trials: instances asked for. worst: (excess, m, left, right, loss).
    drowned, unmet: leaves of the statement, and of hypotheses, that rounding hides on every batch; the batches where
    it held are then undecided, or outside the hypotheses.
    """

    asked: Asked
    trials: int
    seed: int
    dtype: str
    device: str
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys((f.name.lower() for f in Finding), 0)
    )
    losses: dict[str, dict[str, int]] = field(default_factory=dict)
    worst: tuple[float, int, float, float, str] | None = None
    drowned: tuple[str, ...] = ()
    unmet: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0: it holds wherever it could be decided; 1: it is violated; 3: nothing could be decided."""
        if self.counts["violated"]:
            return 1
        return 0 if self.counts["holds"] else 3


def ask(
    text: str,
    given: Iterable[str] = (),
    norm: str = "batch-norm",
    vectors: Iterable[str] = (),
    numbers: Iterable[str] = (),
) -> Asked:
    """Read a statement and its hypotheses.

    Raises:
        GrammarError: a text is not in the grammar, or something in it is of the wrong sort.
        InputError: there is no such normalisation, a name is declared twice, or a hypothesis is the statement.
    """
    known = normalisation(norm)
    extra = declared(tuple(vectors), tuple(numbers))
    names = names_of(known, extra)
    hypotheses = tuple(given)
    tree = sorts.statement(text, names)
    trees = tuple(sorts.statement(one, names) for one in hypotheses)
    circle.refuse(tree, trees)
    scopes, left = scopes_of_eps(known, tree, trees)
    assumed = {one: node for one, node in zip(hypotheses, trees, strict=True) if node in left}
    return Asked(
        text, hypotheses, known, tree, assumed, tuple(lines(known.text)), extra, "positive" in scopes
    )


def answer(
    asked: Asked,
    trials: int = 10_000,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> Answer:
    """Judge a statement on ``trials`` random instances, over all losses downstream and batch sizes 2 to 64.

    Raises:
        InputError: the statement names what no random batch holds, or divides by zero on every batch.
    """
    found = Answer(asked, trials, seed, str(dtype).removeprefix("torch."), str(device))
    kind = Kind("batches", eps=asked.positive)
    names, seen = list(LOSSES), Leaves(asked.tree, tuple(asked.hypotheses.values()))
    share = [trials // len(names) + (i < trials % len(names)) for i in range(len(names))]
    for done, (loss, count) in enumerate(zip(names, share, strict=True)):
        for m, rows in zip(SIZES, streams(count), strict=True):
            for chunk, size in chunks(rows):
                drawn = draw(kind, loss, m, seed, chunk)
                for part in blocks(size, m):
                    room = room_of(asked, drawn, part, (seed, loss, m, chunk), torch.device(device), dtype)
                    _add(found, room, loss, seen)
        if progress is not None:
            progress(done + 1, len(names), loss)
    _relabel(found, seen)
    if trials and found.counts["error"] == trials:
        raise InputError(
            f"{asked.text!r} is not a number on any of {trials} batches: the normalisation or the statement divides "
            "by zero, or takes a root of a negative number"
        )
    return found


def _relabel(found: Answer, seen: Leaves) -> None:
    """Count batches by what they have said, once all of them are there."""
    where = [found.asked.text, *found.asked.hypotheses]
    found.drowned, found.unmet = (
        tuple(f"{leaf.node} at character {leaf.node.column + 1} of {where[of]!r}" for of, leaf in leaves)
        for leaves in (seen.drowned, seen.unmet)
    )
    for counts in (found.counts, *found.losses.values()):
        gone = (
            ("holds", "violated", "within_roundoff") if found.unmet else ("holds",) if found.drowned else ()
        )
        to = "outside_assumptions" if found.unmet else "within_roundoff"
        counts[to] += sum(counts.pop(name) for name in gone)
        counts |= dict.fromkeys(gone, 0)
    found.worst = None if found.unmet else found.worst


def _add(found: Answer, room: Batch, loss: str, seen: Leaves) -> None:
    try:
        relation, inside = sides(found.asked.tree, room), met(tuple(found.asked.hypotheses.values()), room)
        codes = judge(relation, room)
        seen.look(room, (codes == Finding.HOLDS) & inside, inside)
    except (Absent, NotImplementedError) as error:
        raise InputError(f"{found.asked.text!r} cannot be asked of random batches: {error}") from None
    codes = torch.where(inside, codes, torch.full_like(codes, Finding.OUTSIDE_ASSUMPTIONS))
    counted = found.losses.setdefault(loss, dict.fromkeys(found.counts, 0))
    for finding in Finding:
        number = int((codes == finding).sum())
        found.counts[finding.name.lower()] += number
        counted[finding.name.lower()] += number
    bad = codes == Finding.VIOLATED
    if bool(bad.any()):
        low, high = relation.low.value, relation.ceiling.value
        size = torch.maximum(low.abs(), high.abs()).clamp(min=1e-300)
        gap = ((low - high).abs() if relation.op == "==" else low - high) / size
        gap = torch.where(bad, gap, -1.0)
        row = int(gap.argmax())
        if found.worst is None or float(gap[row]) > found.worst[0]:
            as_typed = (high, low) if found.asked.tree.head in (">=", ">") else (low, high)
            ends = [float(torch.broadcast_to(side, gap.shape)[row]) for side in as_typed]
            found.worst = (float(gap[row]), room.size[1], ends[0], ends[1], loss)


def room_of(
    asked: Asked,
    drawn: Drawn,
    rows: slice,
    words: tuple[object, ...],
    device: torch.device,
    dtype: torch.dtype,
) -> Batch:
    """Some of the drawn instances as a batch of the normalisation that is asked about."""
    draw_ = Source("free", *words)
    count, m = drawn.y.shape

    def move(t: torch.Tensor) -> torch.Tensor:
        return t[rows].to(device, dtype)

    vectors: dict[str, Any] = {}
    numbers = {
        name: move(t)
        for name, t in (("gamma", drawn.gamma), ("beta", drawn.beta), ("lam", drawn.tensors["lam"]))
    }
    operators: dict[str, Any] = {}
    loss = drawn.loss
    which = units(asked.norm.text)
    if len(which) == 2:
        other = draw_.normal(count, m) * drawn.y.std(dim=1, keepdim=True)
        vectors |= {"y_j": move(drawn.y), "y_k": move(other)}
        numbers |= {
            f"{name}{unit}": move(draw_.normal(count)) for name in ("gamma", "beta") for unit in which
        }
        loss = Coupled(
            loss, downstream("quadratic-psd", draw_, count, m), draw_.normal(count), draw_.normal(count)
        )
    elif asked.lines[0][0] == "y":
        X = torch.stack([drawn.y, *(draw_.normal(count, m) for _ in range(FEATURES - 1))], dim=-1)
        operators["X"] = move(X)
        vectors["W"] = move(draw_.normal(count, FEATURES))
    else:
        vectors["y"] = move(drawn.y)
    eps = drawn.eps if drawn.eps is not None else torch.zeros(count, dtype=torch.float64)
    numbers["eps"] = move(eps)
    own = declared(asked.norm.vectors, (), asked.norm.operators)
    for name, sort in (own | asked.free).items():
        if sort.kind == "number":
            numbers[name] = move(draw_.normal(count) * draw_.powers(-1, 1, count))
        elif sort.kind == "vector":
            vectors[name] = move(draw_.normal(count, FEATURES if sort.space == "weights" else m))
        elif name == "C":
            centred = torch.eye(m, dtype=torch.float64) - 1 / m
            operators[name] = move(centred.expand(count, m, m))
        else:
            operators[name] = move(draw_.normal(count, m))
    return Batch(asked.lines, Given(vectors, numbers, operators), loss.rows(rows).to(device, dtype))


def as_data(found: Answer) -> dict[str, Any]:
    """The answer as plain data for ``--json``."""
    worst = None
    if found.worst is not None:
        worst = dict(zip(("excess", "m", "left", "right", "loss"), found.worst, strict=True))
    return {
        "statement": found.asked.text,
        "given": list(found.asked.given),
        "norm": found.asked.norm.text,
        "eps": "positive" if found.asked.positive else "zero",
        "trials": found.trials,
        "seed": found.seed,
        "dtype": found.dtype,
        "device": found.device,
        "counts": found.counts,
        "losses": found.losses,
        "worst": worst,
        "drowned": list(found.drowned),
        "unmet": list(found.unmet),
    }


def in_words(found: Answer) -> list[str]:
    """What the numbers say, in a few lines."""
    counts, asked = found.counts, found.asked
    inside = found.trials - counts["outside_assumptions"] - counts["error"]
    name = asked.norm.text if asked.norm.name == "typed" else asked.norm.name
    where = f"{name}, eps {'> 0' if asked.positive else '= 0'}"
    said = [f"{asked.text}   ({where}{'; given ' + ', '.join(asked.given) if asked.given else ''})"]
    if given_alone(asked.tree, asked.free):
        names = ", ".join(sorted(names_in(asked.tree))) or "whole numbers"
        said.append(
            f"it names nothing that a normalisation computes ({names}): only what is drawn was tested, with m from "
            f"{min(SIZES)} to {max(SIZES)}"
        )
    if not inside:
        why = f"; on every batch rounding hides {found.unmet[0]}" if found.unmet else ""
        return [
            *said,
            f"none of {found.trials:,} random batches met the hypotheses clearly{why}: nothing was tested",
        ]
    if counts["violated"]:
        said.append(
            f"FALSE on {counts['violated']:,} of {inside:,} random batches, beyond what rounding explains"
        )
    elif counts["holds"]:
        said.append(
            f"holds on {counts['holds']:,} of {inside:,} random batches, and none violates it; this is no proof"
        )
    elif found.drowned:
        more = f", and {len(found.drowned) - 1} more" if len(found.drowned) > 1 else ""
        said.append(
            f"undecided: on every batch rounding hides {found.drowned[0]}{more}, so what it says there is not tested"
        )
    else:
        said.append(f"undecided: rounding explains both sides on all {inside:,} random batches")
    if counts["within_roundoff"] and not found.drowned:
        said.append(
            f"undecided on {counts['within_roundoff']:,}, where rounding in {found.dtype} explains both sides"
        )
    if counts["error"]:
        said.append(
            f"{counts['error']:,} batches gave no number, where something is divided by zero or a root taken of "
            "less than 0, and do not count"
        )
    if counts["outside_assumptions"]:
        said.append(
            f"{counts['outside_assumptions']:,} batches did not meet the hypotheses clearly and do not count"
        )
    if found.worst is not None:
        _, m, left, right, loss = found.worst
        digits = next((n for n in (6, 12) if f"{left:.{n}g}" != f"{right:.{n}g}"), 17)
        said.append(f"worst at m = {m}, loss {loss}: left {left:.{digits}g}, right {right:.{digits}g}")
    return said
