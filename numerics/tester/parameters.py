"""Whether a layer's backward pass gives its parameters the derivative of its forward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

STEP = 2.0**-6
"""How far a parameter is moved, in its own size or in 1."""
ROUNDINGS = 64
"""Roundings that one output of a layer may have seen."""


def wrong_gradients(
    layer: nn.Module, forward: Callable[[Tensor], Tensor], y: Tensor, unit: float
) -> Iterator[str]:
    """Parameters whose gradient is not the derivative of the forward pass, in words.

    Along a random direction r of each, the gradient of L = sum(G*z) is held against (L(p + hr) - L(p - hr))/2h. What
    the step (seen by halving it) and the rounding ``unit`` explain is left.
    """
    generator = torch.Generator().manual_seed(5)
    learned = [(name, p) for name, p in layer.named_parameters() if p.requires_grad and p.numel()]
    z = forward(y)
    G = torch.randn(z.shape, generator=generator, dtype=torch.float64)
    grads: list[Tensor | None] = [None] * len(learned)
    if learned and z.requires_grad:
        grads = list(torch.autograd.grad((G * z).sum(), [p for _, p in learned], allow_unused=True))
    for (name, p), grad in zip(learned, grads, strict=True):
        held = p.detach().clone()
        r = torch.randn(p.shape, generator=generator, dtype=torch.float64).to(p)
        step = STEP * max(1.0, float(held.abs().max()))

        def moved(h: float, p: Tensor = p, held: Tensor = held, r: Tensor = r) -> tuple[Tensor, Tensor]:
            """The difference of L between p + hr and p - hr, over 2h, and that of p, which may have been rounded."""
            outputs, places = [], []
            for sign in (1, -1):
                p.copy_(held + sign * h * r)
                places.append(p.to(torch.float64, copy=True))
                outputs.append(forward(y))
            p.copy_(held)
            return (G * (outputs[0] - outputs[1])).sum() / (2 * h), (places[0] - places[1]) / (2 * h)

        with torch.no_grad():
            (coarse, way), (fine, _) = moved(step), moved(step / 2)
        rounding = ROUNDINGS * unit * float((G * z).detach().abs().sum()) / step
        allowed = 2 * abs(float(coarse - fine)) + rounding
        given = 0.0 if grad is None else float((grad.to(torch.float64) * way).sum())
        if grad is None and abs(float(coarse)) > allowed:
            yield f"`{name}` moves the output and gets no gradient from the backward pass"
        elif abs(given - float(coarse)) > allowed:
            yield (
                f"the gradient of `{name}` is not the derivative of the forward pass: along a random direction it says "
                f"{given:.6g}, and the forward pass changes by {float(coarse):.6g}"
            )
