"""Hand-written layers, known by their numbers.

A module is the layer whose definition explains its output: z = a yhat + b with one a and one b for each feature,
channel or element, at the rounding bound, on two batches. The first is large, so that eps does not matter: it tells
which numbers share a spread, and whether a mean is taken off. The second is as small as eps: it tells eps. At last the
definition has to explain what the module makes of the user's own batch.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import torch
from bnverify.numerics.audit.functions import FunctionCalls, Seen, looking_away
from bnverify.numerics.audit.known.forms import (
    Form,
    axes,
    forms,
    from_text,
    regress,
    spread_out,
    with_eps_beside,
    yhat_of,
)
from bnverify.numerics.audit.layers import Family, Spec, Unit, looks_like_norm
from bnverify.numerics.audit.restore import same_draws
from bnverify.numerics.measure.tolerance import roundings, unit_roundoff
from bnverify.theory.grammar import lines, names_in
from bnverify.theory.normalisations import NORMALISATIONS, normalisation
from torch import Tensor, nn

from bnverify.base.errors import InputError

REGISTERED: dict[type[nn.Module], str] = {}
"""Classes that a person named, with a name or the text of a definition."""

LARGE = 1e4
"""The first batch is so large that an eps of 1 would be 1e-8 of a variance."""

NUMBERS = 200_000
"""A batch has about so many numbers."""

LOOSE = 1e-4
"""While a form is looked for, arithmetic in float32 inside the module is put up with; the last test is at rounding."""

PLACES = {
    "layer-norm": ("last", "channels", "sample", "whole"),
    "rms-norm": ("last", "channels", "sample", "whole"),
    "scale-norm": ("last", "channels", "sample"),
    "batch-norm": ("batch",),
    "instance-norm": ("instance",),
    "group-norm": ("group", "sample"),
}
"""The usual names, and which numbers may share a spread in each."""


def register(cls: type[nn.Module], definition: str) -> None:
    """Say that a class is a normalisation: by name, such as "rms-norm", or by the text of its definition.

    Raises:
        InputError: it is no class of modules, or the definition is not one.
    """
    if not (isinstance(cls, type) and issubclass(cls, nn.Module)):
        raise InputError(f"register was given {cls!r}; expected a class of torch.nn.Module")
    REGISTERED[cls] = known_definition(definition)


def known_definition(text: str) -> str:
    """The text if it names or defines a normalisation.

    Raises:
        InputError: it does neither.
    """
    if text not in PLACES:
        normalisation(text)
    return text


@dataclass(frozen=True)
class Recognised:
    """What a module is. scale, shift: a and b, along ``axis`` (last, channel, element).

    parameters: weight and bias -> the module's own names. slopes: da/d(weight), db/d(bias). dtype: in whose rounding
    its output is explained. text: the definition where the layer is none of the usual ones.
    """

    name: str
    form: Form
    family: Family
    eps: float
    axis: str
    scale: Tensor
    shift: Tensor
    residual: float
    dtype: torch.dtype
    parameters: dict[str, str] = field(default_factory=dict)
    slopes: dict[str, float] = field(default_factory=dict)
    text: str = ""

    @property
    def words(self) -> str:
        inside = "" if self.dtype is torch.float64 else f" in {str(self.dtype).removeprefix('torch.')}"
        return f"recognised as {self.name}, eps = {self.eps:.3g}, residual {self.residual:.0e}{inside}"

    def spec(self, y: Tensor) -> Spec:
        """How a call of the module reads its input."""
        form = next(
            form
            for form in forms(y.shape, (self.form.place,))
            if self.form.place != "group" or form.label_shape[1] == self.form.label_shape[1]
        )
        wide = torch.float64 if y.dtype is torch.float64 else torch.float32
        view = form.view(y)
        count, scale = view.shape[1], self.scale.to(dtype=wide, device=y.device)
        gamma, fold = torch.ones(count, dtype=wide, device=y.device), None
        if self.axis == "channel" and form.unit in (Unit.CHANNEL, Unit.SAMPLE_CHANNEL):
            gamma = scale.repeat(count // scale.numel())
        elif self.axis == "channel":
            fold = scale.view(1, -1, *[1] * (y.dim() - 2))
        else:
            fold = scale
        return Spec(
            family=self.family,
            unit=form.unit,
            view=form.view,
            groups=count,
            size=y.numel() // count,
            label_shape=form.label_shape,
            eps=self.eps,
            gamma=gamma,
            fold=fold,
            normalise=from_text(self.text, self.eps) if self.family is Family.DEFINED else None,
            restore=form.restore,
        )


class _Probe:
    """A copy of a module in float64 that is asked for values.

    functions: how many normalisation functions it called. dtypes: those that its arithmetic passed through.
    """

    def __init__(self, module: nn.Module) -> None:
        self.twin = copy.deepcopy(module).to(torch.float64)
        self.functions = 0
        self.dtypes: set[torch.dtype] = set()

    def __call__(self, x: Tensor) -> Tensor | None:
        with torch.no_grad(), _Arithmetic(self):
            z = self.twin.forward(x.clone())
        return z if isinstance(z, Tensor) and z.shape == x.shape and z.is_floating_point() else None


@dataclass(frozen=True)
class HandWritten:
    """Modules that may be layers somebody wrote by hand, and what was found of each so far.

    said: class names and what a person says that they are.
    """

    said: Mapping[str, str] = field(default_factory=dict)
    found: dict[int, Recognised | None] = field(default_factory=dict)
    rejected: dict[type, None] = field(default_factory=dict)

    def candidates(self, model: nn.Module, prefix: str, covered: Iterable[str]) -> dict[str, nn.Module]:
        """Name -> module of every leaf that is not PyTorch's own, and of every class that somebody named.

        Raises:
            InputError: a named class does not occur.
        """
        known = tuple(covered)
        chosen: dict[str, nn.Module] = {}
        for name, module in model.named_modules():
            whole = ".".join(part for part in (prefix, name) if part) or type(model).__name__
            if whole in known or any(whole.startswith(f"{outer}.") for outer in known):
                continue
            if self.definition(module) is not None or (_by_hand(module) and _leaf(module)):
                chosen[whole] = module
        return chosen

    def require(self, *roots: nn.Module) -> None:
        """Raises InputError where a class that somebody named does not occur."""
        classes = {type(module).__name__ for root in roots for module in root.modules()}
        for name in self.said:
            if name not in classes:
                near = get_close_matches(name, classes, n=1, cutoff=0.0)
                raise InputError(f"the model has no module of class {name!r}; did you mean {near[0]!r}?")

    def definition(self, module: nn.Module) -> str | None:
        """What somebody says that the module is."""
        return self.said.get(type(module).__name__) or REGISTERED.get(type(module))

    def what(self, module: nn.Module, y: Tensor) -> Recognised | None:
        """What the module is, from its first call."""
        if id(module) not in self.found:
            definition = self.definition(module)
            if definition is None and type(module) in self.rejected:
                return None
            self.found[id(module)] = recognise(module, y, definition)
            if self.found[id(module)] is None and not looks_like_norm(module):
                # One activation function is like another.
                self.rejected[type(module)] = None
        return self.found[id(module)]


def _by_hand(module: nn.Module) -> bool:
    return not type(module).__module__.startswith(("torch.nn.", "torch.ao.", "torch.jit"))


def _leaf(module: nn.Module) -> bool:
    """Nothing inside it learns."""
    return all(next(child.parameters(), None) is None for child in module.children())


class _Arithmetic(FunctionCalls):
    """Notes for a probe what its module calls and in which dtypes it computes."""

    def __init__(self, probe: _Probe) -> None:
        super().__init__(self._counted)
        self.probe = probe

    def _counted(self, call: Seen) -> Any:
        # A layer that divides by a norm and scales by a weight is one layer.
        self.probe.functions += call.function != "normalize"
        return call.run()

    def called(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        output = super().called(func, args, kwargs)
        if isinstance(output, Tensor) and output.is_floating_point():
            self.probe.dtypes.add(output.dtype)
        return output


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
    if text:
        family = Family.DEFINED
    name = {Family.CENTRED: "", Family.RMS: "RMSNorm", Family.DEFINED: "a layer with s = sigma + eps"}[family]
    name = name or {"batch": "BatchNorm", "instance": "InstanceNorm", "group": "GroupNorm"}.get(
        form.place, "LayerNorm"
    )
    found = Recognised(name, form, family, eps, axis, scale, shift, residual, torch.float64, text=text)
    return _settled(module, probe, found, own, definition)


def _eps(
    probe: _Probe, form: Form, family: Family, axis: str, scale: Tensor, shift: Tensor, x: Tensor
) -> tuple[float, bool]:
    """(eps, whether it is added to sigma and not to its square), from two batches as small as eps.

    With a and b known, z - b = a c/s gives the divisor s of every group; eps is s^2 - sigma^2, or s - sigma.
    """
    a, b = spread_out(scale, axis, x), spread_out(shift, axis, x)
    squares: list[Tensor] = []
    roots: list[Tensor] = []
    for power in range(10):
        small = x * 10.0**-power
        z = probe(small)
        if z is None:
            return 0.0, False
        viewed = form.view(small)
        dims = [d for d in range(viewed.dim()) if d != 1]
        c = viewed if family is Family.RMS else viewed - viewed.mean(dims, keepdim=True)
        sigma = c.square().mean(dims).sqrt()
        weighted = form.view((a * torch.ones_like(x)).contiguous()) * c
        along = (form.view((z - b).contiguous()) * weighted).sum(dims)
        s = weighted.square().sum(dims) / along
        to_square, to_root = s.square() - sigma.square(), s - sigma
        if not squares and float((to_square / sigma.square()).median()) < 0.05:
            continue
        squares.append(to_square)
        roots.append(to_root)
        if len(squares) == 2:
            every = torch.cat(squares), torch.cat(roots)
            apart = [float((t.std() / t.mean()).abs()) for t in every]
            added = apart[1] < apart[0]
            return float(every[added].median()), added
    return 0.0, False


def _snapped(eps: float, module: nn.Module) -> float:
    """The nearest number that a person would write, or that the module holds, where it is as near as that."""
    if eps <= 0:
        return 0.0
    short = float(f"{eps:.3g}")
    if abs(short / eps - 1) < 1e-7:
        return short
    own = [value for value in vars(module).values() if isinstance(value, float) and value > 0]
    power = math.floor(math.log10(eps))
    round_ones = [digit * 10.0 ** (power + k) for digit in (1, 2, 5) for k in (0, 1)]
    machine = [torch.finfo(dtype).eps for dtype in (torch.float32, torch.float64)]
    near = min((*own, *round_ones, *machine), key=lambda value: abs(value / eps - 1))
    return float(near) if abs(near / eps - 1) < 2e-3 else eps


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
            )
    if definition is not None:
        raise _misfit(module, definition, off)
    return None


def _single(module: nn.Module, parameters: dict[str, str]) -> bool:
    return dict(module.named_parameters())[parameters["weight"]].numel() == 1


def _parameters(
    probe: _Probe, found: Recognised, a: Tensor, b: Tensor, own: Tensor, yhat: Tensor
) -> tuple[dict[str, str], dict[str, float], Tensor, Tensor]:
    """Which parameters of the module a and b move with, and then a and b from them, to the last digit."""
    names: dict[str, str] = {}
    slopes: dict[str, float] = {}
    for name, parameter in probe.twin.named_parameters(recurse=False):
        if parameter.numel() not in (1, a.numel()):
            continue
        before = parameter.detach().clone()
        parameter.data += 0.5
        z = probe(own)
        parameter.data.copy_(before)
        if z is None:
            continue
        scale, shift, _ = regress(yhat, z, found.axis)
        p = (
            before.reshape(a.shape)
            if before.numel() == a.numel()
            else before.reshape([1] * a.dim()).expand(a.shape)
        )
        for key, moved, value in (("weight", scale, a), ("bias", shift, b)):
            rate = (moved.reshape(value.shape) - value) / 0.5
            slope = float(rate.median())
            steady = float((rate - slope).abs().amax()) <= LOOSE * abs(slope)
            if key in names or abs(slope) < LOOSE or not steady:
                continue
            slope = 1.0 if abs(slope - 1) < LOOSE else slope
            offset = float((value - slope * p).median())
            offset = next((float(k) for k in (0, 1) if abs(offset - k) < LOOSE), offset)
            names[key], slopes[key] = name, slope
            if key == "weight":
                a = offset + slope * p
            else:
                b = offset + slope * p
    if "bias" not in names and float(b.abs().amax()) <= LOOSE * float(a.abs().amax()):
        b = torch.zeros_like(b)
    return names, slopes, a, b


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


def _least(function: Callable[[float], float]) -> float:
    """Where a function of eps is least between 1e-14 and 1: on a grid of its logarithm, then by thirds."""
    grid = [-14 + 0.25 * k for k in range(57)]
    middle = min(grid, key=lambda power: function(10**power))
    low, high = middle - 0.25, middle + 0.25
    for _ in range(60):
        a, b = low + (high - low) / 3, high - (high - low) / 3
        if function(10**a) <= function(10**b):
            high = b
        else:
            low = a
    return float(10 ** ((low + high) / 2))


def _misfit(module: nn.Module, definition: str, residual: float) -> InputError:
    return InputError(
        f"{type(module).__name__} is not {definition!r}: the best fit leaves {residual:.1e} of its output unexplained; "
        f"name another ({', '.join(dict.fromkeys((*PLACES, *NORMALISATIONS)))}) or type its definition"
    )
