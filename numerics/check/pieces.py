"""The findings of one statement as they come in, room by room, boiled down so that millions of trials fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from bnverify.numerics.check.findings import Observed
from bnverify.numerics.check.found import KEPT, LEVELS, Floats, LossFindings, Samples, Worst
from bnverify.numerics.measure.batch import Batch
from bnverify.numerics.measure.sides import Finding
from numpy.typing import NDArray

HEAD = 256
"""Rows of a room of which everything is kept, for the samples."""


@dataclass(frozen=True)
class Piece:
    """One statement in one room.

    over_scale, over_bound: slack ratios of the non-vacuous instances, single precision. worst: with its grade,
    larger is worse. head: arrays of the first `HEAD` rows, the terms (T, rows).
    """

    m: int
    counts: NDArray[np.int64]
    non_vacuous: int
    over_scale: NDArray[np.float32]
    over_bound: NDArray[np.float32]
    worst: tuple[float, Worst] | None
    head: Mapping[str, Floats]
    head_code: NDArray[np.int8]


def _floats(t: torch.Tensor) -> Floats:
    return t.detach().to("cpu", torch.float64).numpy()


def _ratios(slack: Floats, over: Floats, chosen: NDArray[np.bool_]) -> NDArray[np.float32]:
    with np.errstate(all="ignore"):
        ratios = (slack[chosen] / over[chosen]).astype(np.float32)
    return ratios[np.isfinite(ratios)]


def divisor(batch: Batch) -> torch.Tensor:
    """sigma of the batch, or what else its normalisation divides by, (N,)."""
    for name in ("sigma", "n", "sigma_j", "s_j"):
        if name in batch.made:
            return batch.names[name].value
    return torch.ones_like(batch.cond)


def scale_of(batch: Batch) -> torch.Tensor:
    """gamma, of the first unit where there are two, (N,)."""
    return batch.names["gamma_j" if len(batch.units) == 2 else "gamma"].value


def piece_of(observed: Observed, batch: Batch, index: NDArray[np.int64], loss: str, equality: bool) -> Piece:
    """What is kept of a room; ``index`` numbers its instances."""
    code, vacuous = observed.codes.cpu().numpy(), observed.vacuous.cpu().numpy()
    terms, sigma = _floats(observed.terms.values), _floats(divisor(batch))
    scale = np.abs(terms).sum(0)
    lhs, rhs, slack, allowed = (
        _floats(t) for t in (observed.lhs, observed.rhs, observed.slack, observed.allowed)
    )
    inside = code <= Finding.WITHIN_ROUNDOFF
    telling = inside & ~vacuous
    with np.errstate(all="ignore"):
        grade = np.abs(slack) / allowed if equality else -slack / scale
    grade = np.where((telling | (code == Finding.VIOLATED)) & np.isfinite(grade), grade, -np.inf)
    row = int(np.argmax(grade))
    worst = Worst(
        loss=loss,
        index=int(index[row]),
        m=batch.size[1],
        finding=Finding(int(code[row])).name,
        lhs=float(lhs[row]),
        rhs=float(rhs[row]),
        slack=float(slack[row]),
        allowed=float(allowed[row]),
    )
    head = {"gamma": _floats(scale_of(batch)), "sigma": sigma, "lhs": lhs, "rhs": rhs, "slack": slack}
    head |= {"scale": scale, "allowed": allowed, "terms": terms}
    return Piece(
        m=batch.size[1],
        counts=np.bincount(code, minlength=len(Finding)),
        non_vacuous=int(telling.sum()),
        over_scale=_ratios(slack, scale, telling),
        over_bound=_ratios(slack, np.abs(rhs), telling),
        worst=(float(grade[row]), worst) if np.isfinite(grade[row]) else None,
        head={name: array[..., :HEAD].copy() for name, array in head.items()},
        head_code=code[:HEAD].copy(),
    )


def _quantiles(ratios: Sequence[NDArray[np.float32]]) -> tuple[float, ...]:
    joined = np.concatenate(ratios).astype(np.float64)
    return tuple(float(x) for x in np.quantile(joined, LEVELS)) if joined.size else ()


def loss_findings(loss: str, pieces: list[Piece]) -> LossFindings:
    """All pieces behind one downstream loss."""
    counts = sum((piece.counts for piece in pieces), np.zeros(len(Finding), dtype=np.int64))
    graded = [piece.worst for piece in pieces if piece.worst is not None]
    return LossFindings(
        loss=loss,
        trials=int(counts.sum()),
        counts={finding.name: int(counts[finding]) for finding in Finding},
        non_vacuous=sum(piece.non_vacuous for piece in pieces),
        slack_scale=_quantiles([piece.over_scale for piece in pieces]),
        slack_bound=_quantiles([piece.over_bound for piece in pieces]),
        worst=max(graded, key=lambda pair: pair[0])[1] if graded else None,
    )


def samples_of(by_loss: Mapping[str, list[Piece]]) -> Samples:
    """The first instances of every loss and batch size, at most `KEPT` together."""
    kept: list[tuple[int, Piece]] = []
    for position, pieces in enumerate(by_loss.values()):
        first = {piece.m: piece for piece in reversed(pieces)}
        kept += [(position, first[m]) for m in dict.fromkeys(piece.m for piece in pieces)]
    quota = max(1, KEPT // len(kept))
    sizes = [len(piece.head_code[:quota]) for _, piece in kept]
    names = kept[0][1].head
    return Samples(
        loss=np.repeat([position for position, _ in kept], sizes),
        m=np.repeat([piece.m for _, piece in kept], sizes),
        code=np.concatenate([piece.head_code[:quota] for _, piece in kept]),
        **{name: np.concatenate([p.head[name][..., :quota] for _, p in kept], axis=-1) for name in names},
    )
