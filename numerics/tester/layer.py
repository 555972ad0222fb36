"""A person's own layer as a batch: along which dimension it normalises, and which definition its numbers are."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from bnverify.numerics.measure.raw import RawRoom, Vec, define
from bnverify.numerics.tester.parameters import wrong_gradients
from bnverify.theory.grammar import Node, lines
from bnverify.theory.normalisations import normalisation
from torch import Tensor, nn

from bnverify.base.errors import InputError

CANDIDATES = {"features": ("layer-norm", "rms-norm-elementwise"), "batch": ("batch-norm",)}
ROOT = re.compile(r"sqrt\((\w) @ \1 / m \+ eps\)")
SLIPS = {
    "adds eps outside the root": r"sqrt(\1 @ \1 / m) + eps",
    "divides the variance by m - 1": r"sqrt(\1 @ \1 / (m - 1) + eps)",
    "divides the variance by m - 1 and adds eps outside the root": r"sqrt(\1 @ \1 / (m - 1)) + eps",
}
"""What layers divide by where they are meant to divide by the root of the variance and eps."""
TRIED = (0.0, 1e-12, 1e-8, 1e-6, 1e-5, 1e-3)
"""Values of eps that are tried beside the float attributes of a layer."""


@dataclass(frozen=True)
class Own:
    """A layer as a function in float64: its size, along what it normalises, and where it is known, its definition.

    unit: the unit roundoff of what it computes in.
    definition: the lines of the normalisation, empty where the layer is none that is known.
    scale, shift: D and bias as the forward pass has them, of each feature or channel. residual: the largest relative
        misfit. nearest: the definition that comes nearest. slip: what would make the layer that definition, in words.
    remarks: where D or the gradient of a parameter is not what its reader takes it to be.
    """

    size: int
    along: Literal["features", "batch"]
    forward: Callable[[Tensor], Tensor]
    unit: float
    name: str = ""
    eps: float = 0.0
    scale: Tensor | None = None
    shift: Tensor | None = None
    residual: float = float("inf")
    nearest: str = ""
    slip: str = ""
    remarks: tuple[str, ...] = ()
    lines: tuple[tuple[str, Node], ...] = field(default=())

    @property
    def computes(self) -> bool:
        """Whether it is its definition, but for rounding; otherwise it is only held against it."""
        return self.residual <= _misfit(self.unit)


def _eps(layer: nn.Module, dtype: torch.dtype) -> Iterator[float]:
    if isinstance(layer, nn.RMSNorm) and layer.eps is None:
        yield torch.finfo(dtype).eps  # as PyTorch takes it
        return
    for value in vars(layer).values():
        if isinstance(value, float) and 0 <= value < 1:
            yield value
    yield from (*TRIED, torch.finfo(dtype).eps)


SHAPES: tuple[Callable[[Tensor], Tensor], ...] = (
    lambda y: y,
    lambda y: y.unsqueeze(1),
    lambda y: y.unsqueeze(-1).unsqueeze(-1),
)
"""A batch of features as layers take it: (N, n), tokens (N, 1, n), images (N, n, 1, 1)."""
DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
"""From fine to coarse."""


def _called(
    layer: nn.Module, dtype: torch.dtype, shape: Callable[[Tensor], Tensor]
) -> Callable[[Tensor], Tensor]:
    """The layer as a function of (N, n) in float64: on its own device, in its own dtype, on a copy of its input."""
    held = next((t for t in (*layer.parameters(), *layer.buffers())), None)
    device = "cpu" if held is None else held.device

    def forward(y: Tensor) -> Tensor:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            out = layer(shape(y).to(device, dtype, copy=True))
        if not isinstance(out, Tensor):
            raise TypeError(f"it returns {type(out).__name__}, not one tensor")
        return out.reshape(y.shape).to(y.device, y.dtype)

    return forward


def _taken(layer: nn.Module) -> tuple[int, torch.dtype, Callable[[Tensor], Tensor]]:
    """How many features a layer takes, in which dtype and how: its shapes say so, or the first size that runs."""
    numbers = [t.numel() for t in layer.parameters() if t.dim() == 1]
    said = [getattr(layer, name, None) for name in ("num_features", "normalized_shape", "dim", "hidden_size")]
    sizes = [value if isinstance(value, int) else value[-1] for value in said if value]
    own_ = [value for value in vars(layer).values() if type(value) is int and 2 <= value <= 4096]
    last: Exception | None = None
    for dtype in DTYPES:
        model = layer.to(dtype)
        for size in dict.fromkeys([*sizes, *numbers, *own_, *range(3, 65), 2]):
            for shape in SHAPES:
                forward = _called(model, dtype, shape)
                try:
                    with torch.no_grad():
                        out = forward(torch.randn(4, size, dtype=torch.float64))
                    if out.shape == (4, size):
                        return size, dtype, forward
                except Exception as error:  # whatever somebody's layer raises says that it does not take this
                    last = error if last is None else last
    why = f" ({type(last).__name__}: {' '.join(str(last).split())[:160]})" if last is not None else ""
    raise InputError(
        f"{type(layer).__name__} takes no (batch, features) tensor of up to 64 features{why}; "
        "wrap it in a function or a module that does"
    )


def _repeats(layer: nn.Module, forward: Callable[[Tensor], Tensor], size: int) -> None:
    x = torch.randn(6, size, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        if not torch.equal(forward(x), forward(x)):
            raise InputError(
                f"{type(layer).__name__} gives another output when it is called again: it is random or keeps a state; "
                "a statement speaks of one function of y, so test the part that is one"
            )


def _computes_in(forward: Callable[[Tensor], Tensor], size: int, dtype: torch.dtype) -> torch.dtype:
    """The coarsest dtype that holds what the layer gives, or to which its input can be rounded without a trace."""
    x = torch.randn(6, size, dtype=torch.float64, generator=torch.Generator().manual_seed(4))
    with torch.no_grad():
        out = forward(x)
        for coarse in reversed(DTYPES):
            held = torch.equal(out, out.to(coarse).to(out.dtype))
            if coarse == dtype or held or torch.equal(out, forward(x.to(coarse).to(torch.float64))):
                return coarse
    return dtype


def _along(layer: nn.Module, forward: Callable[[Tensor], Tensor], size: int) -> Literal["features", "batch"]:
    """Which outputs move with one number: those of its sample, or those of its feature."""
    x = torch.randn(6, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    moved = x.clone()
    moved[0, 0] += 0.5
    with torch.no_grad():
        change = (forward(moved) - forward(x)).abs() > 1e-12
    row, column = bool(change[0, 1:].any()), bool(change[1:, 0].any())
    name = type(layer).__name__
    if row and column:
        raise InputError(
            f"{name} normalises a sample and a feature together; a statement speaks of one group of numbers that are "
            "normalised together"
        )
    if not row and not column:
        raise InputError(
            f"{name} normalises nothing: one number of its input moves that one of its output alone"
        )
    return "features" if row else "batch"


def own(layer: nn.Module, like: str | None = None) -> Own:
    """What a layer is; ``layer`` is a copy in train mode, whose dtype may be changed.

    Raises:
        InputError: it takes no (batch, features) tensor, is not one function of it, or normalises along both or none.
    """
    size, dtype, called = _taken(layer)
    _repeats(layer, called, size)
    unit = torch.finfo(_computes_in(called, size, dtype)).eps / 2
    along = _along(layer, called, size)

    def forward(y: Tensor) -> Tensor:
        return called(y) if along == "features" else called(y.transpose(0, 1)).transpose(0, 1)

    generator = torch.Generator().manual_seed(2)
    shapes = [(64, size)] if along == "features" else [(size, 64), (size, 7)]
    blocks = [0.3 + torch.randn(shape, generator=generator, dtype=torch.float64) for shape in shapes]
    if along == "features" and dtype is torch.float64:
        blocks.append(2.0**-20 * blocks[0])  # beside these also an eps of an ulp is seen
    texts = {name: normalisation(name).text for name in ([like] if like else CANDIDATES[along])}
    best = _nearest(layer, Own(size, along, forward, unit), blocks, dtype, texts)
    x = blocks[0] if along == "features" else blocks[0].transpose(0, 1)
    remarks = tuple(wrong_gradients(layer, called, x, unit))
    if not best.computes:
        slip = _slip(layer, best, blocks, dtype) if best.name else ""
        if like is not None:
            return replace(best, slip=slip, remarks=remarks)
        return Own(
            size, along, forward, unit, nearest=best.name, residual=best.residual, slip=slip, remarks=remarks
        )
    return replace(
        best, remarks=(*_other_eps(layer, best, blocks, dtype), *_misread(best, layer, blocks[0]), *remarks)
    )


def _other_eps(layer: nn.Module, found: Own, blocks: list[Tensor], dtype: torch.dtype) -> Iterator[str]:
    """An attribute eps that is not what the forward pass adds, nor explains its digits."""
    for name in ("eps", "epsilon", "variance_epsilon"):
        said = getattr(layer, name, None)
        if not isinstance(said, float) or said == found.eps:
            continue
        blank, texts = replace(found, residual=float("inf")), {found.name: normalisation(found.name).text}
        if _nearest(layer, blank, blocks, dtype, texts, (said,)).residual > _misfit(found.unit):
            yield f"the forward pass adds eps = {found.eps:g}, and its attribute `{name}` says {said:g}"


def _nearest(
    layer: nn.Module,
    known: Own,
    blocks: list[Tensor],
    dtype: torch.dtype,
    texts: dict[str, str],
    eps_tried: Iterable[float] | None = None,
) -> Own:
    """The definition and the eps with the least misfit over all blocks, with one scale and one shift for all."""
    best, dim = known, 0 if known.along == "features" else 1
    with torch.no_grad():
        outputs = [known.forward(y) for y in blocks]
    for name, text in texts.items():
        parts = tuple(lines(text))
        for eps in dict.fromkeys(_eps(layer, dtype) if eps_tried is None else eps_tried):
            yhats = [_yhat(parts, y, eps) for y in blocks]
            scale, shift = _fit(yhats[0], outputs[0], dim)
            residual = max(
                float((scale * yhat + shift - z).abs().max() / z.abs().max().clamp(min=1e-300))
                for yhat, z in zip(yhats, outputs, strict=True)
            )
            if residual < best.residual:
                best = replace(best, name=name, eps=eps, residual=residual, lines=parts)
                best = replace(best, scale=scale.squeeze(dim), shift=shift.squeeze(dim))
    return best


def _slip(layer: nn.Module, nearest: Own, blocks: list[Tensor], dtype: torch.dtype) -> str:
    """The slip that makes another layer of the nearest definition, in words, where one explains every digit."""
    text = normalisation(nearest.name).text
    blank = replace(nearest, residual=float("inf"))
    slips = {said: ROOT.sub(instead, text) for said, instead in SLIPS.items()}
    found = _nearest(layer, blank, blocks, dtype, slips)
    if found.residual > _misfit(nearest.unit):
        return ""
    return f"it {found.name} (it divides by {dict(found.lines)['s']}, eps = {found.eps:g})"


def _misread(own: Own, layer: nn.Module, y: Tensor) -> Iterator[str]:
    """Parameters that scale y-hat in the forward pass, but not by what they are."""
    if own.along == "batch" or own.scale is None:
        return
    yhat, D = _yhat(own.lines, y, own.eps), own.scale
    for name, p in layer.named_parameters():
        if p.numel() != own.size:
            continue
        held, step = p.detach().clone(), 0.25
        with torch.no_grad():
            z = own.forward(y)
            p.copy_(held + step)
            change = (own.forward(y) - z) / step
            p.copy_(held)
        factor, rest = (t.squeeze(0) for t in _fit(yhat, change, 0))
        weight, near = held.reshape(-1).to(D), 2 * _misfit(own.unit) * D.abs().max()
        linear = bool((change - factor * yhat - rest).abs().max() <= near) and bool(rest.abs().max() <= near)
        if not linear or bool(((factor - 1).abs() <= near).all()) or not bool((factor.abs() > near).any()):
            continue
        said = f"D, by which the forward pass scales yhat, is not `{name}`"
        ratio = float(factor.mean())
        if bool(((D - ratio * weight).abs() <= near).all()):
            unbiased = abs(ratio - (1 - 1 / own.size) ** 0.5) <= near
            yield f"{said}, but {ratio:.6g} times it" + (
                ", as where the variance is divided by m - 1" if unbiased else ""
            )
        else:
            yield f"{said}: D = {[float(f'{x:.6g}') for x in D]}"


def _misfit(unit: float) -> float:
    """How far from a definition, relative to its size, a layer may be that is said to compute it."""
    return max(1e-10, 64 * unit)


def _yhat(parts: tuple[tuple[str, Node], ...], y: Tensor, eps: float) -> Tensor:
    """y-hat of a definition; what the definition multiplies it with is left aside."""
    rows = y.shape[0]
    names: dict[str, Any] = {"y": Vec(y), "one": Vec(torch.ones_like(y)), "m": y.shape[1]}
    names["eps"] = torch.full((rows,), eps, dtype=y.dtype)
    before = [line for line in parts if line[0] != "z"]
    return define(before, names, RawRoom)["yhat"].x


def _fit(yhat: Tensor, z: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """z = scale yhat + shift along a dimension by least squares."""
    mean, out = yhat.mean(dim, keepdim=True), z.mean(dim, keepdim=True)
    around = yhat - mean
    scale = (around * (z - out)).sum(dim, keepdim=True) / around.square().sum(dim, keepdim=True)
    return scale, out - scale * mean
