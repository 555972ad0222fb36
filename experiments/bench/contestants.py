"""The ways to get both sides of Theorems 4.1 and 4.2 on the same instances, for the benchmark.

Each contestant takes instances and a count, prepares what is not measured, and returns the work: a function
that yields the two slacks of Theorem 4.1 (with 1/m) and of 4.2 (first part) of every instance, (count, 2).
"""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from bnverify.numerics.check.findings import observe
from bnverify.numerics.measure.derivatives import standardise
from bnverify.numerics.measure.downstream import Downstream
from bnverify.numerics.measure.instances import Drawn, blocks
from bnverify.theory.claims.santurkar_2018 import thm_4_1, thm_4_2_1, thm_4_2_2
from bnverify.theory.grammar import parse
from torch import Tensor, nn

Work = Callable[[], Tensor]
FIRST, SECOND = parse(thm_4_1.CORRECTED), parse(thm_4_2_1.PRINTED)
Contestant = Callable[[Drawn, torch.device, int], Work]


def ours(drawn: Drawn, device: torch.device, count: int) -> Work:
    """What `bnverify check` does: judge both theorems, hypotheses, terms and tolerances included."""

    def block(rows: slice) -> Tensor:
        batch = drawn.batch(rows, device, torch.float64)
        first = observe(FIRST, batch, (), True)
        second = observe(SECOND, batch, (), True)
        observe(parse(thm_4_2_2.PRINTED), batch, (parse(thm_4_2_2.NOT_INCREASED.says),))
        return torch.stack([first.slack, second.slack], dim=1)

    return lambda: torch.cat([block(rows) for rows in blocks(count, drawn.y.shape[1])])


@dataclasses.dataclass(frozen=True)
class _One:
    """One instance as its own tensors of one row."""

    y: Tensor
    gamma: Tensor
    beta: Tensor
    loss: Downstream

    def network(self, y: Tensor) -> Tensor:
        return self.gamma * standardise(y).yhat + self.beta


def _apart(drawn: Drawn, device: torch.device, count: int) -> list[_One]:
    loss = drawn.loss.to(device, torch.float64)
    gamma, beta = drawn.gamma.to(device).unsqueeze(1), drawn.beta.to(device).unsqueeze(1)
    return [
        _One(drawn.y[i : i + 1].to(device), gamma[i : i + 1], beta[i : i + 1], loss.rows(slice(i, i + 1)))
        for i in range(count)
    ]


def _slacks(
    m: int,
    gamma: Tensor,
    sigma: Tensor,
    yhat: Tensor,
    g: Tensor,
    v: Tensor,
    Bv: Tensor,
    Hv: Tensor,
    Hg: Tensor,
) -> Tensor:
    """Slacks of 4.1 and of both parts of 4.2; the last is left out of what is returned."""
    rate = (gamma / sigma) ** 2
    square, along = (v * v).sum(-1), (g * yhat).sum(-1)
    first = rate * ((g * g).sum(-1) - g.sum(-1) ** 2 / m - along**2 / m) - square
    left = (v * Bv).sum(-1)
    second = rate * (v * Hv).sum(-1) - gamma / (m * sigma**2) * along * square - left
    _ = rate * ((g * Hg).sum(-1) - along * square / (m * gamma)) - left
    return torch.stack([first, second], dim=-1)


def loop(drawn: Drawn, device: torch.device, count: int) -> Work:
    """(a) one instance after the other, `torch.autograd.grad(create_graph=True)`."""
    instances = _apart(drawn, device, count)

    def one(q: _One) -> Tensor:
        y = q.y.clone().requires_grad_()
        stats = standardise(y)
        out = q.gamma * stats.yhat + q.beta
        (v,) = torch.autograd.grad(q.loss(out).sum(), y, create_graph=True)
        (Bv,) = torch.autograd.grad(v, y, v.detach(), materialize_grads=True)
        z = out.detach().requires_grad_()
        (g,) = torch.autograd.grad(q.loss(z).sum(), z, create_graph=True)
        (Hv,) = torch.autograd.grad(g, z, v.detach(), retain_graph=True, materialize_grads=True)
        (Hg,) = torch.autograd.grad(g, z, g.detach(), materialize_grads=True)
        sigma, yhat = stats.s.detach().squeeze(-1), stats.yhat.detach()
        return _slacks(y.shape[1], q.gamma.squeeze(-1), sigma, yhat, g.detach(), v.detach(), Bv, Hv, Hg)

    return lambda: torch.cat([one(q) for q in instances])


def vmap(drawn: Drawn, device: torch.device, count: int) -> Work:
    """(b) `torch.func`: gradients and Hessian-vector products of one instance, mapped over all."""
    loss = drawn.loss.rows(slice(0, count)).to(device, torch.float64)
    tensors = {f.name: getattr(loss, f.name) for f in dataclasses.fields(loss)}
    mapped = {name: t for name, t in tensors.items() if isinstance(t, Tensor)}
    y, gamma, beta = (t[:count].to(device) for t in (drawn.y, drawn.gamma, drawn.beta))

    def one(y: Tensor, gamma: Tensor, beta: Tensor, fields: dict[str, Tensor]) -> Tensor:
        rows = {name: t.unsqueeze(0) for name, t in fields.items()}
        own = dataclasses.replace(loss, **rows)

        def plain(z: Tensor) -> Tensor:
            return own(z.unsqueeze(0))[0]

        def composed(y: Tensor) -> Tensor:
            return plain(gamma * standardise(y).yhat + beta)

        v, pull_v, *_ = torch.func.vjp(torch.func.grad(composed), y)
        stats = standardise(y)
        g, pull_g, *_ = torch.func.vjp(torch.func.grad(plain), gamma * stats.yhat + beta)
        (Bv,), (Hv,), (Hg,) = pull_v(v), pull_g(v), pull_g(g)
        return _slacks(y.shape[0], gamma, stats.s.squeeze(-1), stats.yhat, g, v, Bv, Hv, Hg)

    each = torch.func.vmap(one)
    return lambda: each(y, gamma, beta, mapped)


def curvlinops(drawn: Drawn, device: torch.device, count: int) -> Work:
    """(c) `curvlinops.HessianLinearOperator` on the composed loss in y and on the downstream loss in z."""
    from curvlinops import HessianLinearOperator

    instances = _apart(drawn, device, count)

    class Composed(nn.Module):
        """A loss as a module whose only parameter is its argument."""

        def __init__(self, point: Tensor, value: Callable[[Tensor], Tensor]) -> None:
            super().__init__()
            self.point, self.value = nn.Parameter(point), value

        def forward(self, _: Tensor) -> Tensor:
            return self.value(self.point).reshape(1, 1)

    class Itself(nn.Module):
        """The output is the loss."""

        reduction = "sum"

        def forward(self, output: Tensor, _: Tensor) -> Tensor:
            return output.sum()

    data = [(torch.zeros(1, 1, device=device), torch.zeros(1, 1, device=device))]

    def hessian(model: nn.Module) -> Any:
        return HessianLinearOperator(
            model, Itself(), list(model.parameters()), data, check_deterministic=False
        )

    def one(q: _One) -> Tensor:
        through = Composed(q.y.clone(), lambda y: q.loss(q.network(y)))
        stats = standardise(q.y)
        after = Composed((q.gamma * stats.yhat + q.beta).clone(), q.loss)
        (v,) = torch.autograd.grad(through(data[0][0]).sum(), through.point)
        (g,) = torch.autograd.grad(after(data[0][0]).sum(), after.point)
        Bv = (hessian(through) @ v.flatten()).reshape(v.shape)
        both = hessian(after) @ torch.stack([v.flatten(), g.flatten()], dim=1)
        Hv, Hg = (both[:, i].reshape(v.shape) for i in (0, 1))
        sigma, gamma = stats.s.squeeze(-1), q.gamma.squeeze(-1)
        return _slacks(v.shape[1], gamma, sigma, stats.yhat, g, v, Bv, Hv, Hg)

    return lambda: torch.cat([one(q).detach() for q in instances])


CONTESTANTS: dict[str, Contestant] = {"ours": ours, "loop": loop, "vmap": vmap, "curvlinops": curvlinops}


@cache
def absent() -> dict[str, str]:
    """Contestants that cannot run here, and the way out."""
    if importlib.util.find_spec("curvlinops") is None:
        return {"curvlinops": "not installed; pip install 'bnverify[bench]' adds it"}
    return {}


def agreement(drawn: Drawn, device: torch.device, name: str, count: int = 8) -> float:
    """Largest difference between the slacks of a contestant and ours over what rounding explains in ours.

    Both slacks are 0 in exact arithmetic, so a number up to a few units says that they measure the same thing.
    """
    batch = drawn.batch(slice(0, count), device, torch.float64)
    explained = torch.stack([observe(tree, batch, (), True).allowed for tree in (FIRST, SECOND)], dim=1)
    gap = (CONTESTANTS[name](drawn, device, count)() - ours(drawn, device, count)()).abs()
    return float(torch.where(gap > 0, gap / explained, 0.0).max())
