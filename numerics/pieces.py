"""The findings of one statement as they come in, room by room, and what is made of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from bnverify.numerics.findings import Finding, Observed
from bnverify.numerics.found import KEPT, LEVELS, Floats, LossFindings, Samples, Worst
from bnverify.numerics.observe import Batch
from numpy.typing import NDArray


@dataclass(frozen=True)
class Piece:
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


def piece_of(observed: Observed, batch: Batch, index: NDArray[np.int64]) -> Piece:
    scale = observed.terms.values.abs().sum(0)
    return Piece(
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


def _quantiles(pieces: list[Piece], over: Callable[[Piece], Floats]) -> tuple[float, ...]:
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratios = np.concatenate([(p.slack / over(p))[p.inside & ~p.vacuous] for p in pieces])
    ratios = ratios[np.isfinite(ratios)]
    return tuple(float(x) for x in np.quantile(ratios, LEVELS)) if ratios.size else ()


def _worst(loss: str, pieces: list[Piece], equality: bool) -> Worst | None:
    best: tuple[float, Piece, int] | None = None
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


def loss_findings(loss: str, pieces: list[Piece], equality: bool) -> LossFindings:
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


def samples_of(by_loss: dict[str, list[Piece]]) -> Samples:
    quota = -(-KEPT // sum(len({piece.m for piece in pieces}) for pieces in by_loss.values()))
    kept: list[tuple[int, Piece]] = []
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
