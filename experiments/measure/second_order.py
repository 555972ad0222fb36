"""The second order at every normalisation layer of a training network (Theorem 4.2 and the prose after it).

Is the Hessian H = d2L/dz2 of what follows a layer positive semi-definite, as Section 4.2 has it? A direction u with
u'Hu < 0 says no. It is looked for in the span of z, dL/dz and dL/dy: what follows a BatchNorm hardly depends on the
scale of what goes in, and where <z, g> = 0 and Hz = -g, the span of z and g holds such a direction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from bnverify.experiments.measure.landscape import LossFn
from bnverify.numerics.audit.capture.capture import Capture
from bnverify.numerics.audit.capture.selection import choose, covered_layers
from bnverify.numerics.audit.passes import loss_of, setting, shared_loss, twice_differentiable
from bnverify.numerics.audit.subject import converted
from bnverify.numerics.audit.table.curvature import Point, points, whole
from torch import Tensor, nn


@dataclass(frozen=True)
class SecondOrder:
    """One normalisation layer as a whole; y goes in, z comes out, v = dL/dy, B = d2L/dy2, J = dz/dy.

    Attributes:
        layer: the module's name.
        chain: (Jv)'H(Jv) / |v|^2, gamma^2/sigma^2 v'Hv / |v|^2 for BatchNorm. bend: v'Bv / |v|^2 - chain, what
        the layer itself adds, -gamma/(m sigma^2) <g, y-hat> for a unit of BatchNorm.
        hess_bn: v'Hv / |v|^2, None where H was not probed or v is 0.
        smallest, largest: u'Hu/|u|^2 over the span of z, g and v; None likewise.
    """

    layer: str
    chain: float
    bend: float
    hess_bn: float | None
    smallest: float | None
    largest: float | None


def second_order(model: nn.Module, x: Tensor, y: Tensor, loss_fn: LossFn, psd: bool) -> list[SecondOrder]:
    """Measure every normalisation layer of ``model`` in training mode on one batch; the model is left
    untouched to the bit.

    Args:
        psd: look for negative curvature downstream, on a copy in float64: three products a layer more.
    """
    if psd:
        model, x = converted(model, torch.float64, None), x.double() if x.is_floating_point() else x
    capture = Capture(choose(covered_layers(model), None), retain=True)
    with setting(model, "train", twice=True), twice_differentiable(), capture.attached():
        loss = loss_of(model, loss_fn, x, y)
        capture.recording = False
        found = points(shared_loss(loss, capture.calls), capture.calls)
        return [_layer(name, point, psd) for (name, _), point in found]


def _layer(name: str, point: Point, psd: bool) -> SecondOrder:
    form, v = whole(point, forms=False), point.v.detach()
    square = float((v * v).sum())
    chain, bend = (part / square if square > 0 else 0.0 for part in (form.chain, form.bend))
    if not psd or square == 0:
        return SecondOrder(name, chain, bend, None, None, None)
    matrix = on_span(point.hvp, [v, point.gradient, point.z.detach()])
    values = torch.linalg.eigvalsh(matrix)
    return SecondOrder(name, chain, bend, float(matrix[0, 0]), float(values[0]), float(values[-1]))


def on_span(hvp: Callable[[Tensor], Tensor], vectors: list[Tensor]) -> Tensor:
    """The quadratic form of a symmetric H on the span of some vectors.

    Args:
        hvp: u -> H u, of the shape of u. vectors: of one shape; one that lies in the span of those before it, up
        to rounding, adds nothing.

    Returns:
        Q'HQ ``(r, r)``, Q an orthonormal basis that begins with the first vector; its eigenvalues lie between
        those of H.
    """
    basis: list[Tensor] = []
    for vector in vectors:
        rest = vector
        for _ in range(2):
            for b in basis:
                rest = rest - (rest * b).sum() * b
        if rest.norm() > 1e-6 * vector.norm():
            basis.append(rest / rest.norm())
    images = [hvp(b) for b in basis]
    form = torch.tensor([[float((b * image).sum()) for image in images] for b in basis], dtype=torch.float64)
    return (form + form.T) / 2
