"""One recorded step, of bounded size: quantiles and totals of every column, and the rows that stand out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from bnverify.numerics.audit.capture.call import Call
from bnverify.numerics.audit.layers import Family
from bnverify.numerics.audit.report import AuditReport
from torch import Tensor

QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)
DIGITS = 6
"""Significant digits in what is written."""
SUMS = ("grad_in_sq", "grad_out_sq", "grad_sq")
"""Columns whose sum over the rows means something."""


@dataclass(frozen=True)
class LayerRecord:
    """One call of one layer in a recorded step.

    micro: which micro batch of the step, where gradients are accumulated over several. rows: groups of the call.
    quantiles: column -> its values at `QUANTILES` over the rows. sums: of `SUMS`. worst: the rows with the largest
    gradient at the input, each as column -> value with its label. asked: statement -> counts of holds, violated and
    undecided. weight: norm of the weights before the layer; divergence: of its running statistics from the batch's,
    median over channels; nan where there are none. roundoff: of the layer's dtype.
    """

    name: str
    call: int
    micro: int
    kind: str
    unit: str
    rows: int
    quantiles: dict[str, tuple[float, ...]]
    sums: dict[str, float]
    worst: tuple[dict[str, Any], ...] = ()
    asked: dict[str, dict[str, int]] = field(default_factory=dict)
    eps: float = 0.0
    weight: float = math.nan
    divergence: float = math.nan
    roundoff: float = 0.0

    @property
    def title(self) -> str:
        parts = [f"micro batch {self.micro + 1}"] if self.micro else []
        parts += [f"call {self.call + 1}"] if self.call else []
        return self.name + (f" ({', '.join(parts)})" if parts else "")

    def median(self, column: str) -> float:
        return self.quantiles[column][2]


@dataclass(frozen=True)
class Recorded:
    """One recorded step.

    loss: None where it was not handed over. layers: the calls whose gradient arrived, in forward order. micro: batches
    that the step accumulated. untouched: layers that no gradient came through. overflow: a gradient was not finite, so
    the step has no layers. scale: the factor of the loss that was divided out. rate: the optimizer's first learning
    rate. report: all rows, where they were asked for.
    """

    step: int
    loss: float | None
    layers: tuple[LayerRecord, ...]
    micro: int = 1
    untouched: tuple[str, ...] = ()
    overflow: bool = False
    scale: float = 1.0
    rate: float = math.nan
    report: AuditReport | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data of bounded size: what a sink writes. Numbers that are not finite are None."""
        return {
            "step": self.step,
            "loss": _short(self.loss),
            "rate": _short(self.rate),
            "micro": self.micro,
            "scale": self.scale,
            "overflow": self.overflow,
            "untouched": list(self.untouched),
            "layers": [_layer(item) for item in self.layers],
        }

    def flat(self) -> list[dict[str, Any]]:
        """One line a layer call with its medians and sums: for tables."""
        return [
            {"step": self.step, "loss": _short(self.loss), "overflow": self.overflow}
            | {
                "layer": item.name,
                "call": item.call,
                "micro": item.micro,
                "kind": item.kind,
                "rows": item.rows,
            }
            | {f"{name}_median": _short(values[2]) for name, values in item.quantiles.items()}
            | {f"{name}_sum": _short(value) for name, value in item.sums.items()}
            | {"weight": _short(item.weight), "divergence": _short(item.divergence)}
            for item in self.layers
        ]


def _layer(item: LayerRecord) -> dict[str, Any]:
    return {
        "name": item.name,
        "call": item.call,
        "micro": item.micro,
        "kind": item.kind,
        "unit": item.unit,
        "rows": item.rows,
        "eps": item.eps,
        "weight": _short(item.weight),
        "divergence": _short(item.divergence),
        "quantiles": {name: [_short(value) for value in values] for name, values in item.quantiles.items()},
        "sums": {name: _short(value) for name, value in item.sums.items()},
        "worst": [{key: _short(value) for key, value in row.items()} for row in item.worst],
        "asked": item.asked,
    }


def _short(value: Any) -> Any:
    if not isinstance(value, float):
        return value
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None


NEEDED = ("size", "mean", "var", "s", "gamma", "g.g", "g.yhat", "v.v", "grad_out_sq")


def columns(found: Mapping[str, Tensor], fixed: Tensor) -> dict[str, Tensor]:
    """The columns of `NEEDED` measured numbers, ``(G,)``, without those that others give; fixed: running statistics."""
    m, s, grad_sq, proj = found["size"], found["s"], found["g.g"], found["g.yhat"]
    rho = found["var"] / s**2
    scale_sq = (found["gamma"] / s) ** 2
    kept = found["v.v"] / (scale_sq * grad_sq)
    yhat_sq = torch.where(fixed, m, m * rho)
    return {
        "size": m,
        "mean": found["mean"],
        "sigma": found["var"].sqrt(),
        "rho": rho,
        "gamma": found["gamma"],
        "grad_in_sq": found["v.v"],
        "grad_out_sq": found["grad_out_sq"],
        "grad_sq": grad_sq,
        "kept": torch.where(scale_sq * grad_sq > 0, kept, torch.zeros_like(kept)),
        "cosine": torch.where(
            yhat_sq * grad_sq > 0, proj / (yhat_sq * grad_sq).sqrt(), torch.zeros_like(proj)
        ),
    }


def _tables(calls: Sequence[Call]) -> list[tuple[list[str], Tensor]]:
    """The columns of every call, by name and stacked; those of one dtype and device are made together."""
    alike: dict[tuple[torch.dtype, torch.device], list[int]] = {}
    for index, call in enumerate(calls):
        alike.setdefault((call.measured["s"].dtype, call.measured["s"].device), []).append(index)
    told: list[Any] = [None] * len(calls)
    for indices in alike.values():
        measured = [calls[index].measured for index in indices]
        sizes = [len(one["s"]) for one in measured]
        whole = {key: torch.cat([one[key] for one in measured]) for key in NEEDED}
        fixed = torch.cat(
            [torch.full_like(calls[i].measured["s"], _fixed(calls[i]), dtype=torch.bool) for i in indices]
        )
        named = columns(whole, fixed)
        for index, part in zip(indices, torch.stack(list(named.values())).split(sizes, 1), strict=True):
            told[index] = list(named), part
    return told


def _fixed(call: Call) -> bool:
    return call.spec is not None and call.spec.family is Family.FIXED


def summaries(calls: Sequence[Call], worst: int) -> list[tuple[dict[str, Any], Tensor]]:
    """(quantiles, sums and worst rows, the columns stacked) of every call, moved off the device at once."""
    found = []
    for names, table in _tables(calls):
        ordered = table.sort(dim=1).values
        places = [round(q * (table.shape[1] - 1)) for q in QUANTILES]
        top = table[names.index("grad_in_sq")].topk(min(worst, table.shape[1])).indices
        sums = table[[names.index(name) for name in SUMS]].double().sum(1)
        found.append((names, ordered[:, places], sums, top, table[:, top], table))
    told: list[tuple[dict[str, Any], Tensor]] = []
    for call, (names, quantiles, sums, top, rows, table) in zip(calls, found, strict=True):
        assert call.spec is not None
        picked = top.tolist()
        labels = call.spec.labels().words if len(call.spec.label_shape) == 1 else None
        told.append(
            (
                {
                    "quantiles": dict(zip(names, map(tuple, quantiles.tolist()), strict=True)),
                    "sums": dict(zip(SUMS, sums.tolist(), strict=True)),
                    "worst": tuple(
                        {"row": labels[j] if labels else str(j)} | dict(zip(names, values, strict=True))
                        for j, values in zip(picked, rows.T.tolist(), strict=True)
                    ),
                },
                table,
            )
        )
    return told
