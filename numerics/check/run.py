"""Every reading and corrected statement of a claim on random instances: what holds, how often, how narrowly.

`check_claims` is the entry; `ClaimFindings` is what it returns. The certificates of `bnverify.theory` are used
for one thing alone: to say which findings would contradict them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import numpy as np
import torch
from bnverify.numerics.check.findings import observe
from bnverify.numerics.check.found import (
    KEPT,
    LEVELS,
    ClaimFindings,
    LossFindings,
    Samples,
    StatementFindings,
    Worst,
)
from bnverify.numerics.check.pieces import Piece, loss_findings, piece_of, samples_of
from bnverify.numerics.check.statements import Stated, stated
from bnverify.numerics.measure.batch import Batch
from bnverify.numerics.measure.instances import LOSSES, SIZES, Drawn, Kind, blocks, chunks, draw, streams
from bnverify.numerics.measure.sides import Finding
from bnverify.theory.claim import Claim, status_of
from bnverify.theory.empirical import committed, measured_for, overall
from bnverify.theory.registry import registry
from numpy.typing import NDArray

from bnverify.base import options
from bnverify.base.errors import InputError

Progress = Callable[[int, int, str], None]


class _Gathered:
    """The pieces of one statement, by loss."""

    def __init__(self, statement: Stated) -> None:
        self.statement = statement
        self.pieces: dict[str, list[Piece]] = {}
        self.why_not = statement.why_not

    def add(self, loss: str, batch: Batch, index: NDArray[np.int64]) -> None:
        if self.why_not:
            return
        try:
            seen = observe(self.statement.tree, batch, self.statement.hypotheses, self.statement.as_equality)
        except (KeyError, NotImplementedError) as error:
            self.why_not = str(error.args[0]) if error.args else "a batch has no such quantity"
            return
        piece = piece_of(seen, batch, index, loss, self.statement.tested_as == "eq")
        self.pieces.setdefault(loss, []).append(piece)

    def findings(self) -> StatementFindings:
        s = self.statement
        losses: tuple[LossFindings, ...] = ()
        samples = None
        if not self.why_not:
            losses = tuple(loss_findings(loss, p) for loss, p in self.pieces.items())
            samples = samples_of(self.pieces)
        return StatementFindings(
            slug=s.slug,
            role=s.role,
            summary=s.summary,
            statement=s.written,
            verdict=s.verdict,
            tight=s.tight,
            tested_as=s.tested_as,
            admitted=s.admitted,
            kind=s.kind,
            losses=losses,
            exists=s.exists,
            why_not=self.why_not,
            term_names=s.term_names,
            lhs_terms=s.lhs_terms,
            samples=samples,
        )


def validated(trials: int, device: str) -> torch.device:
    """The device.

    Raises:
        InputError: fewer than one trial, or a device that is not there.
    """
    options.trials(trials)
    try:
        found = torch.device(device)
        torch.zeros(1, device=found)
    except (RuntimeError, AssertionError):
        there = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
        raise InputError(f"device {device!r} is not there; this machine has {', '.join(there)}") from None
    return found


def split(trials: int, parts: int) -> list[int]:
    """``trials`` over ``parts``, as evenly as can be."""
    return [trials // parts + (i < trials % parts) for i in range(parts)]


def batches(
    kind: Kind, loss: str, trials: int, seed: int, device: torch.device, dtype: torch.dtype
) -> Iterable[tuple[Batch, NDArray[np.int64]]]:
    """The first ``trials`` instances of a loss, in rooms of one batch size each, with their numbers."""
    for position, (m, rows) in enumerate(zip(SIZES, streams(trials), strict=True)):
        done = 0
        for chunk, count in chunks(rows):
            drawn: Drawn = draw(kind, loss, m, seed, chunk)
            index = (np.arange(count) + done) * len(SIZES) + position
            done += count
            for part in blocks(count, m):
                yield drawn.batch(part, device, dtype), index[part]


def check_claims(
    ids: Iterable[str],
    trials: int = 10_000,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
    device: str = "cpu",
    progress: Progress | None = None,
) -> list[ClaimFindings]:
    """Check every statement of the claims ``ids`` on ``trials`` instances, spread over all downstream losses.

    Args:
        ids: ids of the registry.
        trials: instances per statement.
        seed: the same seed gives the same instances on every device and in every dtype.
        progress: called with (done, total, what) after every batch of instances.

    Raises:
        InputError: fewer than one trial, or a device that is not there.
    """
    place = validated(trials, device)
    claims = [registry()[name] for name in ids]
    gathered = {claim.id: [_Gathered(s) for s in stated(claim)] for claim in claims}
    spent = dict.fromkeys(gathered, 0.0)
    kinds: dict[Kind, list[tuple[str, _Gathered]]] = {}
    for name, group in gathered.items():
        for item in group:
            if item.statement.kind is not None and not item.why_not:
                kinds.setdefault(item.statement.kind, []).append((name, item))
    total, done = sum(len(kind.losses) for kind in kinds), 0
    for kind, members in kinds.items():
        for loss, share in zip(kind.losses, split(trials, len(kind.losses)), strict=True):
            for batch, index in batches(kind, loss, share, seed, place, dtype):
                for name, item in members:
                    start = time.perf_counter()
                    item.add(loss, batch, index)
                    spent[name] += time.perf_counter() - start
            done += 1
            if progress is not None:
                progress(done, total, f"{kind.family}, {loss}")
    return [
        ClaimFindings(
            id=claim.id,
            title=claim.title,
            verdict=_verdict(claim),
            statements=tuple(item.findings() for item in gathered[claim.id]),
            trials=trials,
            seed=seed,
            dtype=str(dtype).removeprefix("torch."),
            device=device,
            seconds=spent[claim.id],
        )
        for claim in claims
    ]


def _verdict(claim: Claim) -> str:
    """That of the evidence; what training runs judge has no statement to check."""
    if claim.measured:
        return str(overall(measured_for(claim.id, committed())))
    found = stated(claim)
    return found[0].claim_verdict if found else str(status_of(claim, ()))


__all__ = [
    "KEPT",
    "LEVELS",
    "LOSSES",
    "ClaimFindings",
    "Finding",
    "LossFindings",
    "Samples",
    "StatementFindings",
    "Worst",
    "check_claims",
]
