"""Every reading and corrected statement of a claim on random instances: what holds, how often, how narrowly.

`check_claims` is the entry; `ClaimFindings` is what it returns. The certificates of `bnverify.theory` are used
for one thing alone: to say which findings would contradict them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from bnverify.numerics.findings import Finding, Observed, observe
from bnverify.numerics.instances import LOSSES, SIZES, Drawn, Kind, blocks, chunks, draw, streams
from bnverify.numerics.observe import Batch
from bnverify.numerics.statements import Stated, stated
from bnverify.theory.registry import registry
from numpy.typing import NDArray

from bnverify.errors import InputError

KEPT = 2000
"""Points of each statement that are kept for plots."""
LEVELS = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
"""The quantiles of a slack distribution."""

Floats = NDArray[np.float64]
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Worst:
    """The non-vacuous instance of one loss at which a statement fares worst.

    Least slack/scale of an inequality, largest gap over ``allowed``, what rounding explains, of an equality.
    """

    loss: str
    index: int
    m: int
    finding: str
    lhs: float
    rhs: float
    slack: float
    allowed: float


@dataclass(frozen=True)
class LossFindings:
    """One statement behind one downstream loss.

    trials: instances drawn. counts: how many of each `Finding`, by name. non_vacuous: how many meet every
    hypothesis and have no term that is 0. slack_scale, slack_bound: over those, quantiles at `LEVELS` of
    (rhs - lhs) over the sum of the magnitudes of all terms, and over |rhs|; empty where there are none.
    """

    loss: str
    trials: int
    counts: dict[str, int]
    non_vacuous: int
    slack_scale: tuple[float, ...]
    slack_bound: tuple[float, ...]
    worst: Worst | None

    @property
    def inside(self) -> int:
        """Instances at which the hypotheses hold and both sides are numbers."""
        return self.trials - self.counts["OUTSIDE_ASSUMPTIONS"] - self.counts["ERROR"]


@dataclass(frozen=True)
class Samples:
    """Up to `KEPT` instances of a statement, one entry each; spread over losses and batch sizes.

    loss indexes `LossFindings` of the statement; code is a `Finding`; scale is the sum of |terms|; terms (T, K)
    are the values of the additive terms of both sides.
    """

    loss: NDArray[np.int64]
    m: NDArray[np.int64]
    gamma: Floats
    sigma: Floats
    lhs: Floats
    rhs: Floats
    slack: Floats
    scale: Floats
    allowed: Floats
    code: NDArray[np.int8]
    terms: Floats


@dataclass(frozen=True)
class StatementFindings:
    """A reading of the printed statement (role ``reading``) or its correction (role ``corrected``).

    verdict, tight: those of the certificate. tested_as: ``le``, ``lt`` or ``eq``; a proved inequality whose two
    sides are identical is tested as the equality it is. why_not: why no number can be had, else empty.
    term_names: what the rows of ``samples.terms`` are, in plain Unicode; lhs_terms of them are of the left side.
    """

    slug: str
    role: str
    summary: str
    statement: str
    verdict: str
    tight: bool
    tested_as: str
    admitted: bool
    kind: Kind | None
    losses: tuple[LossFindings, ...]
    why_not: str = ""
    term_names: tuple[str, ...] = ()
    lhs_terms: int = 0
    samples: Samples | None = field(default=None, repr=False)

    def count(self, finding: Finding) -> int:
        """How many instances of all losses have this finding."""
        return sum(loss.counts[finding.name] for loss in self.losses)

    @property
    def trials(self) -> int:
        return sum(loss.trials for loss in self.losses)

    @property
    def inside(self) -> int:
        return sum(loss.inside for loss in self.losses)

    @property
    def non_vacuous(self) -> int:
        return sum(loss.non_vacuous for loss in self.losses)

    @property
    def contradiction(self) -> bool:
        """Whether a proved statement is violated by a number."""
        return self.verdict == "proved" and self.count(Finding.VIOLATED) > 0


@dataclass(frozen=True)
class ClaimFindings:
    """All statements of one claim, on ``trials`` instances each."""

    id: str
    title: str
    verdict: str
    statements: tuple[StatementFindings, ...]
    trials: int
    seed: int
    dtype: str
    device: str
    seconds: float

    @property
    def contradiction(self) -> bool:
        return any(statement.contradiction for statement in self.statements)

    def replay(self, worst: Worst) -> str:
        """The command that shows this instance again."""
        options = "" if self.dtype == "float64" else f" --dtype {self.dtype}"
        options += "" if self.device == "cpu" else f" --device {self.device}"
        return f"bnverify check {self.id} --seed {self.seed}{options} --replay {worst.loss}:{worst.index}"


@dataclass(frozen=True)
class _Piece:
    """Some rows of one stream, as numbers on the CPU."""

    index: NDArray[np.int64]
    m: int
    gamma: Floats
    sigma: Floats
    lhs: Floats
    rhs: Floats
    slack: Floats
    scale: Floats
    allowed: Floats
    code: NDArray[np.int8]
    vacuous: NDArray[np.bool_]
    terms: Floats

    @cached_property
    def inside(self) -> NDArray[np.bool_]:
        return self.code <= Finding.WITHIN_ROUNDOFF


def _floats(t: torch.Tensor) -> Floats:
    return t.detach().to("cpu", torch.float64).numpy()


def _piece(observed: Observed, batch: Batch, index: NDArray[np.int64]) -> _Piece:
    scale = observed.terms.values.abs().sum(0)
    return _Piece(
        index=index,
        m=batch.size[1],
        gamma=_floats(batch.gamma_),
        sigma=_floats(batch.sym("sigma").value),
        lhs=_floats(observed.lhs),
        rhs=_floats(observed.rhs),
        slack=_floats(observed.slack),
        scale=_floats(scale),
        allowed=_floats(observed.allowed),
        code=observed.codes.cpu().numpy(),
        vacuous=observed.vacuous.cpu().numpy(),
        terms=_floats(observed.terms.values),
    )


def _quantiles(pieces: list[_Piece], over: Callable[[_Piece], Floats]) -> tuple[float, ...]:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratios = np.concatenate([(p.slack / over(p))[p.inside & ~p.vacuous] for p in pieces])
    ratios = ratios[np.isfinite(ratios)]
    return tuple(float(x) for x in np.quantile(ratios, LEVELS)) if ratios.size else ()


def _worst(loss: str, pieces: list[_Piece], equality: bool) -> Worst | None:
    best: tuple[float, _Piece, int] | None = None
    for piece in pieces:
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            grade = np.abs(piece.slack) / piece.allowed if equality else -piece.slack / piece.scale
        telling = piece.inside & (~piece.vacuous | (piece.code == Finding.VIOLATED))
        grade = np.where(telling & np.isfinite(grade), grade, -np.inf)
        row = int(np.argmax(grade))
        if np.isfinite(grade[row]) and (best is None or grade[row] > best[0]):
            best = float(grade[row]), piece, row
    if best is None:
        return None
    _, piece, row = best
    return Worst(
        loss=loss,
        index=int(piece.index[row]),
        m=piece.m,
        finding=Finding(int(piece.code[row])).name,
        lhs=float(piece.lhs[row]),
        rhs=float(piece.rhs[row]),
        slack=float(piece.slack[row]),
        allowed=float(piece.allowed[row]),
    )


def _loss_findings(loss: str, pieces: list[_Piece], equality: bool) -> LossFindings:
    codes = np.concatenate([piece.code for piece in pieces])
    return LossFindings(
        loss=loss,
        trials=int(codes.size),
        counts={finding.name: int((codes == finding).sum()) for finding in Finding},
        non_vacuous=int(sum((~piece.vacuous & piece.inside).sum() for piece in pieces)),
        slack_scale=_quantiles(pieces, lambda piece: piece.scale),
        slack_bound=_quantiles(pieces, lambda piece: np.abs(piece.rhs)),
        worst=_worst(loss, pieces, equality),
    )


def _samples(by_loss: dict[str, list[_Piece]]) -> Samples:
    quota = -(-KEPT // sum(len({piece.m for piece in pieces}) for pieces in by_loss.values()))
    kept: list[tuple[int, _Piece]] = []
    for position, pieces in enumerate(by_loss.values()):
        seen: set[int] = set()
        for piece in pieces:
            if piece.m not in seen:
                seen.add(piece.m)
                kept.append((position, piece))

    def join(name: str) -> Floats:
        return np.concatenate([getattr(piece, name)[..., :quota] for _, piece in kept], axis=-1)

    sizes = [len(piece.code[:quota]) for _, piece in kept]
    return Samples(
        loss=np.repeat([position for position, _ in kept], sizes),
        m=np.repeat([piece.m for _, piece in kept], sizes),
        code=np.concatenate([piece.code[:quota] for _, piece in kept]),
        **{
            name: join(name)
            for name in ("gamma", "sigma", "lhs", "rhs", "slack", "scale", "allowed", "terms")
        },
    )


class _Gathered:
    """The pieces of one statement, by loss."""

    def __init__(self, statement: Stated) -> None:
        self.statement = statement
        self.pieces: dict[str, list[_Piece]] = {}
        self.why_not = statement.why_not

    def add(self, loss: str, batch: Batch, index: NDArray[np.int64]) -> None:
        if self.why_not:
            return
        try:
            seen = observe(self.statement.says, batch, self.statement.hypotheses, self.statement.as_equality)
        except (KeyError, NotImplementedError) as error:
            self.why_not = str(error.args[0]) if error.args else "a batch has no such quantity"
            return
        self.pieces.setdefault(loss, []).append(_piece(seen, batch, index))

    def findings(self) -> StatementFindings:
        s = self.statement
        losses: tuple[LossFindings, ...] = ()
        samples = None
        if not self.why_not:
            losses = tuple(_loss_findings(loss, p, s.tested_as == "eq") for loss, p in self.pieces.items())
            samples = _samples(self.pieces)
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
    if trials <= 0:
        raise InputError(f"--trials {trials} asks for nothing; give a number from 1 on")
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
            verdict=stated(claim)[0].claim_verdict if stated(claim) else "open",
            statements=tuple(item.findings() for item in gathered[claim.id]),
            trials=trials,
            seed=seed,
            dtype=str(dtype).removeprefix("torch."),
            device=device,
            seconds=spent[claim.id],
        )
        for claim in claims
    ]


__all__ = [
    "LOSSES",
    "ClaimFindings",
    "Finding",
    "LossFindings",
    "Samples",
    "StatementFindings",
    "Worst",
    "check_claims",
]
