"""Single channels of an audit's second order beside other ways to the same numbers: a section of ``bnverify bench``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from bnverify.experiments.bench.audit_cost import subject
from bnverify.experiments.bench.contestants import absent
from bnverify.experiments.bench.race import Conditions, compared, ranged
from bnverify.experiments.bench.section import Section
from bnverify.numerics.audit.capture.capture import Capture
from bnverify.numerics.audit.capture.selection import covered_layers
from bnverify.numerics.audit.passes import setting, twice_differentiable
from bnverify.numerics.audit.table.curvature import Point, exact_groups, points
from rich.console import Console
from torch import Tensor, nn

LIMITS = {"most downstream": 1.5, "little downstream": 10}
"""How much faster single channels are asked to be than one Hessian-vector product each, by how much of the model lies
downstream of the layer: most, or under a tenth."""


def per_channel(asked: Conditions, batch: int = 16, count: int = 4) -> dict[str, Any]:
    """v_j'B_jj v_j of single channels against one Hessian-vector product a channel by other means.

    At the first BatchNorm layer of the ResNet-18, where almost all of the model lies downstream, and at the last,
    where almost nothing does. The layers keep no running statistics: the others cannot differentiate a model that
    changes its buffers.
    """
    model, x, t = subject("ResNet-18", batch, asked)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.track_running_stats = False
            module.running_mean = module.running_var = module.num_batches_tracked = None
    layers = list(covered_layers(model))
    found = []
    for name, place in ((layers[0], "most downstream"), (layers[-1], "little downstream")):
        capture = Capture(covered_layers(model), retain=True)
        with setting(model, "train", twice=True), twice_differentiable(), capture.attached():
            loss = F.cross_entropy(model(x), t)
            capture.recording = False
            point = next(p for (layer, _), p in points(loss, capture.calls) if layer == name)
        found.append(
            {
                "layer": name,
                "channels": count,
                "downstream": place.partition(" ")[0],
                "limit": LIMITS[place],
                **_channel_race(_Shift(model, name, point.v.detach()), x, t, point, count, asked),
            }
        )
    return {"model": "ResNet-18", "batch": batch, "rounds": 3, "places": found, "absent": absent()}


def _channel_race(
    shift: _Shift, x: Tensor, t: Tensor, point: Point, count: int, asked: Conditions
) -> dict[str, Any]:
    v = point.v.detach()
    masks = torch.zeros(count, *v.shape, device=v.device)
    for j in range(count):
        masks[j, :, j] = 1
    directions = v * masks

    def ours() -> list[float]:
        found: list[float] = exact_groups(point, list(range(count))).products["v.Bv"].tolist()
        return found

    contestants: dict[str, Callable[[], list[float]]] = {"ours": ours}
    contestants["torch.func"] = lambda: [shift.form(shift.func_hvp(x, t, u), u) for u in directions]
    if "curvlinops" not in absent():
        contestants["curvlinops"] = lambda: [shift.form(shift.linear_hvp(x, t, u), u) for u in directions]
    want = ours()
    gaps = {
        which: max(abs(a - b) / abs(b) for a, b in zip(work(), want, strict=True))
        for which, work in contestants.items()
        if which != "ours"
    }
    return compared(contestants, asked.device, 3) | {"largest_disagreement": gaps}


class _Shift(nn.Module):
    """A model as a function of a tensor that is added to the input of one of its layers."""

    def __init__(self, model: nn.Module, name: str, like: Tensor) -> None:
        super().__init__()
        self.model, self.layer = model, model.get_submodule(name)
        self.delta = nn.Parameter(torch.zeros_like(like))

    def shifted(self, x: Tensor, delta: Tensor) -> Tensor:
        handle = self.layer.register_forward_pre_hook(lambda _, args: (args[0] + delta,))
        try:
            out: Tensor = self.model(x)
            return out
        finally:
            handle.remove()

    def forward(self, x: Tensor) -> Tensor:
        return self.shifted(x, self.delta)

    @staticmethod
    def form(product: Tensor, u: Tensor) -> float:
        return float((u * product.detach()).sum())

    def func_hvp(self, x: Tensor, t: Tensor, u: Tensor) -> Tensor:
        """Reverse over reverse, since forward over reverse has no kernel for every normalisation layer."""
        gradient = torch.func.grad(lambda delta: F.cross_entropy(self.shifted(x, delta), t))
        pulled: Any = torch.func.vjp(gradient, torch.zeros_like(u))
        product: Tensor = pulled[1](u)[0]
        return product

    def linear_hvp(self, x: Tensor, t: Tensor, u: Tensor) -> Tensor:
        from curvlinops import HessianLinearOperator

        operator = HessianLinearOperator(
            self, nn.CrossEntropyLoss(), [self.delta], [(x, t)], check_deterministic=False
        )
        product: Tensor = operator @ u.flatten()
        return product.view_as(u)


def _show_channels(data: dict[str, Any], out: Console) -> None:
    for place in data["places"]:
        out.print(
            f"{data['model']}, layer {place['layer']} ({place['downstream']} of the model lies downstream), "
            f"{place['channels']} channels, batch {data['batch']}:"
        )
        for which, found in place["ratio"].items():
            gap = place["largest_disagreement"][which]
            out.print(
                f"  ours is {ranged(found)} faster than {which} (asked: {place['limit']:g}x; largest "
                f"relative disagreement {gap:.0e})"
            )
    for name, why in data["absent"].items():
        out.print(f"  {name}: {why}", style="dim")


SECTIONS = {"audit-per-channel": Section(per_channel, _show_channels)}
