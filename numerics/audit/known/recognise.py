"""Hand-written layers, known by their numbers.

A module is the layer whose definition explains its output: z = a yhat + b with one a and one b for each feature,
channel or element, at the rounding bound, on two batches. The first is large, so that eps does not matter: it tells
which numbers share a spread, and whether a mean is taken off. The second is as small as eps: it tells eps. At last the
definition has to explain what the module makes of the user's own batch.
"""

from __future__ import annotations

import math

import torch
from bnverify.numerics.audit.capture.watching import looking_away
from bnverify.numerics.audit.known.forms import (
    Form,
    Recognised,
    axes,
    forms,
    regress,
    spread_out,
    with_eps_beside,
    yhat_of,
)
from bnverify.numerics.audit.known.probe import (
    LOOSE,
    _eps,
    _least,
    _misfit,
    _parameters,
    _Probe,
    _single,
    _snapped,
)
from bnverify.numerics.audit.known.register import PLACES
from bnverify.numerics.audit.layers import Family
from bnverify.numerics.audit.restore import same_draws
from bnverify.numerics.measure.tolerance import roundings, unit_roundoff
from bnverify.theory.grammar import lines, names_in
from bnverify.theory.normalisations import normalisation
from torch import Tensor, nn

from bnverify.base.errors import InputError

LARGE = 1e4
"""The first batch is so large that an eps of 1 would be 1e-8 of a variance."""

NUMBERS = 200_000
"""A batch has about so many numbers."""


def recognise(module: nn.Module, y: Tensor, definition: str | None = None) -> Recognised | None:
    """The layer that a module is; None where it is none that is known, or calls a normalisation function itself.

    Args:
        y: an input of the module in the user's batch.
        definition: a name or a text that it is said to be.

    Raises:
        InputError: it is said to be a definition that does not explain its output; by how much is told.
    """
    with looking_away(), same_draws():
        try:
            return _recognised(module, y.detach(), definition)
        except InputError:
            raise
        except Exception:
            # Whatever somebody's module does with a probe, it is then not recognised.
            if definition is not None:
                raise
            return None


def _recognised(module: nn.Module, y: Tensor, definition: str | None) -> Recognised | None:
    if y.dim() < 2 or y.shape[0] == 0:
        return None
    probe = _Probe(module)
    if definition is None and (probe(y[:2].double()) is None or probe.functions):
        return None
    generator = torch.Generator().manual_seed(0)
    count = max(2, min(16, NUMBERS // max(1, y[0].numel())))
    noise = torch.randn((count, *y.shape[1:]), generator=generator, dtype=torch.float64).to(y.device)
    # Rows of different size and mean tell one definition from another.
    sizes = torch.linspace(0.5, 2, count, dtype=torch.float64, device=y.device).view(-1, *[1] * (y.dim() - 1))
    x = (noise + 0.3) * sizes
    own = y[:count].double()
    if definition is not None and definition not in PLACES:
        return _fitted(module, probe, x, own, definition)
    z = probe(x * LARGE)
    again = probe(x * 2 * LARGE)
    if z is None or again is None or (probe.functions and definition is None):
        return None
    # Another batch: over one group alone, or channel by channel, a mean and a spread are an affine map like any other.
    moved = (torch.randn(x.shape, generator=generator, dtype=torch.float64).to(y.device) - 0.6) * sizes.flip(
        0
    )
    other = probe(moved * LARGE)
    if other is None:
        return None
    size = z.abs().amax().clamp_min(1e-300)
    if definition is None and float((z - again).abs().amax() / size) > LOOSE:
        return None
    best, residual = None, math.inf
    for form in forms(x.shape, None if definition is None else PLACES[definition]):
        for family in (Family.CENTRED, Family.RMS):
            if definition is not None and (definition in ("rms-norm", "scale-norm")) != (
                family is Family.RMS
            ):
                continue
            yhat = torch.cat([yhat_of(form, family, batch * LARGE) for batch in (x, moved)])
            for axis in axes(form):
                scale, shift, off = regress(yhat, torch.cat([z, other]), axis)
                if off < residual / 2:
                    best, residual = (form, family, axis, scale, shift), off
    if best is None or residual > LOOSE:
        if definition is None:
            return None
        raise _misfit(module, definition, residual)
    form, family, axis, scale, shift = best
    eps, text = 0.0, ""
    for _ in range(4):
        # Each knows the other better: eps from a and b, then a and b from eps.
        eps, added = _eps(probe, form, family, axis, scale, shift, x)
        eps, text = _snapped(eps, module), with_eps_beside(family) if added and eps else ""
        z = probe(x)
        if z is None:
            return None
        scale, shift, residual = regress(yhat_of(form, family, x, eps, text), z, axis)
    clamped = _named(form, family, 0.0, axis, *regress(yhat_of(form, family, x), z, axis))
    found = _named(form, Family.DEFINED if text else family, eps, axis, scale, shift, residual, text)
    if eps > 0 and clamped.residual < residual / 64:
        # A divisor that is clamped from below shows its eps only where the clamp holds. What rounding leaves of either
        # fit differs by less.
        found = clamped
    return _settled(module, probe, found, own, definition)


def _named(
    form: Form,
    family: Family,
    eps: float,
    axis: str,
    scale: Tensor,
    shift: Tensor,
    residual: float,
    text: str = "",
) -> Recognised:
    name = {Family.CENTRED: "", Family.RMS: "RMSNorm", Family.DEFINED: "a layer with s = sigma + eps"}[family]
    name = name or {"batch": "BatchNorm", "instance": "InstanceNorm", "group": "GroupNorm"}.get(
        form.place, "LayerNorm"
    )
    return Recognised(name, form, family, eps, axis, scale, shift, residual, torch.float64, text=text)


def _settled(
    module: nn.Module, probe: _Probe, found: Recognised, own: Tensor, definition: str | None
) -> Recognised | None:
    """The form if it explains what the module makes of the user's batch, with the parameters that are its a and b."""
    z = probe(own)
    if z is None:
        return None
    yhat = yhat_of(found.form, found.family, own, found.eps, found.text)
    a, b = (spread_out(t, found.axis, own) for t in (found.scale, found.shift))
    parameters, slopes, a, b = _parameters(probe, found, a, b, own, yhat)
    off = float((a * yhat + b - z).abs().amax() / z.abs().amax().clamp_min(1e-300))
    viewed = found.form.view(own)
    dims = [d for d in range(viewed.dim()) if d != 1]
    mean = viewed.mean(dims)
    s = ((viewed.square().mean(dims) - mean.square()).clamp_min(0) + found.eps).sqrt().clamp_min(1e-300)
    cond = 1.0 if found.family is Family.RMS else float((1 + mean.abs() / s).max())
    size = math.prod(viewed.shape) // viewed.shape[1]
    for dtype in (torch.float64, *sorted(probe.dtypes - {torch.float64}, key=unit_roundoff)):
        if off <= 2 * unit_roundoff(dtype) * roundings(0, size) * cond:
            return Recognised(
                found.name
                if parameters.get("weight") is None or not _single(module, parameters)
                else "ScaleNorm",
                found.form,
                found.family,
                found.eps,
                found.axis,
                a.flatten() if found.axis != "element" else a[0],
                b.flatten() if found.axis != "element" else b[0],
                off,
                dtype,
                parameters,
                slopes,
                found.text,
                _said_otherwise(module, found.eps),
            )
    if definition is not None:
        raise _misfit(module, definition, off)
    return None


def _said_otherwise(module: nn.Module, eps: float) -> float | None:
    """The attribute eps of a module that computes with another; a clamp, which shows none, says nothing."""
    for name in ("eps", "epsilon", "variance_epsilon"):
        held = getattr(module, name, None)
        if isinstance(held, float) and eps > 0 and not math.isclose(held, eps, rel_tol=0.01):
            return held
    return None


def _fitted(module: nn.Module, probe: _Probe, x: Tensor, own: Tensor, definition: str) -> Recognised | None:
    """A text that somebody typed: the form, a, b and eps that explain two batches best."""
    text = normalisation(definition).text
    batches = [x, x * 1e-2]
    outputs = [probe(batch) for batch in batches]
    if any(z is None for z in outputs):
        raise InputError(f"{type(module).__name__} does not return one tensor of the shape of its input")
    z = torch.cat([t for t in outputs if t is not None])
    uses_eps = any("eps" in names_in(tree) for _, tree in lines(text))
    held = [value for value in vars(module).values() if isinstance(value, float) and 0 < value < 1]
    tried = [*held, 0.0, 1e-12, 1e-8, 1e-6, 1e-5, 1e-3] if uses_eps else [0.0]

    def at(form: Form, axis: str, eps: float) -> tuple[Tensor, Tensor, float]:
        # Each batch is normalised by itself; a and b are those of both.
        return regress(
            torch.cat([yhat_of(form, Family.DEFINED, batch, eps, text) for batch in batches]), z, axis
        )

    best, residual = None, math.inf
    for form in forms(x.shape):
        for axis in axes(form):
            for eps in tried:
                off = at(form, axis, eps)[2]
                if off < residual:
                    best, residual = (form, axis, eps), off
    if best is None:
        raise _misfit(module, definition, residual)
    form, axis, eps = best
    if uses_eps and residual > 1e-9:
        eps = _snapped(_least(lambda value: at(form, axis, value)[2]), module)
    scale, shift, residual = at(form, axis, eps)
    found = Recognised(
        f"'{definition}'", form, Family.DEFINED, eps, axis, scale, shift, residual, torch.float64, text=text
    )
    return _settled(module, probe, found, own, definition)
