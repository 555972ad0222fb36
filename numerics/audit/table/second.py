"""The second order of an audit: which layers and how many probes the time allows, and their rows."""

from __future__ import annotations

import time
from collections.abc import Iterator

from bnverify.numerics.audit.capture.call import Call
from bnverify.numerics.audit.passes import setting, shared_loss, twice_differentiable
from bnverify.numerics.audit.report import SecondOrder
from bnverify.numerics.audit.subject import Request, Subject, Watched
from bnverify.numerics.audit.table.curvature import (
    Groups2,
    Point,
    estimated_groups,
    exact_groups,
    extremes,
    points,
    whole,
)
from bnverify.numerics.audit.table.rows import second_order_rows
from torch import Tensor, nn

from bnverify.base.errors import InputError


class Clock:
    """Which layers and how many probes the time for the second order allows.

    The first layer is timed; of the others, evenly spaced, as many are taken as fit, with fewer probes first.
    """

    def __init__(self, request: Request, layers: int) -> None:
        self.request, self.layers = request, layers
        self.probes = request.probes

    @property
    def products(self) -> int:
        """Hessian-vector products of a layer: four of its own, three a probe, one a Lanczos step, five a channel."""
        return 4 + 4 * self.probes + 5 * len(self.request.channels or ())

    def chosen(self, points: list[tuple[tuple[str, int], Point]]) -> Iterator[tuple[tuple[str, int], Point]]:
        """The layers in turn.

        Raises:
            InputError: the budget is too small for one layer.
        """
        tell, budget = self.request.progress or (lambda _: None), self.request.budget
        if not points:
            return
        started = time.perf_counter()
        whole(points[0][1], forms=False)
        product = (time.perf_counter() - started) / 2
        each = product * self.products
        if budget is not None:
            while self.probes > 2 and each * self.layers > budget:
                self.probes -= 1
                each = product * self.products
            if product * 4 > budget:
                raise InputError(
                    f"a budget of {budget:g} s is too small: one layer takes about {product * 4:.2g} s; give more, or "
                    "fewer samples"
                )
        fit = self.layers if budget is None else max(1, min(self.layers, int(budget / each)))
        places = [round(i * (self.layers - 1) / max(1, fit - 1)) for i in range(fit)]
        tell(
            f"second order: {fit} of {self.layers} layers, about {self.products} passes each, {_spoken(each * fit)}"
        )
        began = time.perf_counter()
        for index, place in enumerate(places):
            if budget is not None and index and time.perf_counter() - began > budget:
                tell(f"the budget is spent after {index} of {fit} layers")
                return
            yield points[place]
            left = (time.perf_counter() - began) / (index + 1) * (fit - index - 1)
            tell(f"second order: {index + 1} of {fit} layers, {_spoken(left)} left")


def _spoken(seconds: float) -> str:
    return f"about {seconds:.0f} s" if seconds < 100 else f"about {seconds / 60:.0f} min"


def second_order_of(
    subject: Subject,
    watched: Watched,
    mode: str | None,
    request: Request,
    calls: dict[tuple[str, int], Call],
) -> dict[tuple[str, int], SecondOrder]:
    model, others = subject.model, subject.others
    capture = watched.capture(retain=True)
    lengths = path_length(model)
    found = {}
    whole_setting = setting(model, mode, twice=True, others=list(others.values()))
    with whole_setting, twice_differentiable(), capture.attached():
        loss = subject.loss()
        capture.recording = False
        if capture.unseen:
            raise InputError(
                "second order cannot pass through torch.utils.checkpoint(use_reentrant=True); build the model with "
                "use_reentrant=False, or leave out the second order"
            )
        found_points = [
            (key, point)
            for key, point in points(shared_loss(loss, capture.calls), capture.calls)
            if key in calls
        ]
        clock = Clock(request, len(found_points))
        for key, point in clock.chosen(found_points):
            estimate: Groups2 | None = None
            quotients: tuple[float, ...] = ()
            if clock.probes:
                estimate, quotients = estimated_groups(point, clock.probes, request.seed)
            exact = None
            if request.channels:
                exact = exact_groups(point, list(request.channels), yhat(calls[key], point))
            ends = {} if point.spec.synchronised else extremes(point, clock.probes, request.seed)
            found[key] = second_order_rows(
                calls[key], whole(point, quotients), exact, estimate, request.channels, lengths, ends
            )
    return found


def yhat(call: Call, point: Point) -> Tensor:
    """The normalised input of a call, shaped like it."""
    spec, found = point.spec, call.measured
    y = point.y.detach()
    centred = y - spec.spread(found["mean"], y)
    return (centred / spec.spread(found["s"], y)).to(y.dtype)


def path_length(model: nn.Module) -> int:
    """Numbers summed on the longest path through the model's weights: the fan-ins, added up."""
    return sum(p.numel() // p.shape[0] for p in model.parameters() if p.dim() > 1)
