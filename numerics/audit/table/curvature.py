"""Second order at one layer: true Hessian-vector products by double backward, at y and at z.

With v = dL^/dy and g = dL/dz taken with their graphs,

    B u = d<v, u>/dy,    H u = d<g, u>/dz,    B = d2L^/dy2, H = d2L/dz2          (Theorem 4.2)

over the whole layer; a channel j is asked by a direction that is zero elsewhere, so that u'Bu = u_j'B_jj u_j.
Double backward only: other nestings of derivative modes through PyTorch's fused normalisation kernels are not
all right (pytorch issues 196699, 196700, 186256).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from bnverify.numerics.audit.capture.call import Call
from bnverify.numerics.audit.capture.watching import differentiating
from bnverify.numerics.audit.layers import Spec
from torch import Tensor


@dataclass(frozen=True)
class Point:
    """One call of a layer, with first derivatives that can be differentiated again.

    y, z: in the graph of the loss. v, g: gradients there, with their graphs. fold: see `Spec.fold`.
    """

    spec: Spec
    y: Tensor
    z: Tensor
    v: Tensor
    g: Tensor

    def bn_hvp(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """(B u, H J u) in one pass, shaped like y and z, with J = dz/dy of the layer alone.

        v = J'g, so the sweep that yields d<v, u>/dy passes z with H d<v, u>/dg = H J u.
        """
        if not self.v.requires_grad:
            return torch.zeros_like(self.y), torch.zeros_like(self.z)
        bu, hju = torch.autograd.grad(
            self.v, (self.y, self.z), u.to(self.v.dtype), retain_graph=True, allow_unused=True
        )
        return (
            torch.zeros_like(self.y) if bu is None else bu.detach(),
            torch.zeros_like(self.z) if hju is None else hju.detach(),
        )

    def jvp(self, u: Tensor) -> Tensor:
        """J u, the shape of z: J'w is linear in w, so J u = d<J'w, u>/dw, at the layer alone."""
        w = torch.zeros_like(self.z, requires_grad=True)
        (back,) = torch.autograd.grad(self.z, self.y, w, create_graph=True)
        (ju,) = torch.autograd.grad(back, w, u.to(back.dtype))
        return ju.detach()

    def hvp(self, u: Tensor) -> Tensor:
        """H u, the shape of z; with a fold F, F H F u: the Hessian at y-hat."""
        fold = self.spec.fold
        if fold is None:
            return _again(self.g, self.z, u)
        return _again(self.g, self.z, (u * fold).to(u.dtype)) * fold

    @property
    def gradient(self) -> Tensor:
        """g, folded where the layer folds, detached."""
        g = self.g.detach()
        return g if self.spec.fold is None else g * self.spec.fold


def _again(gradient: Tensor, at: Tensor, u: Tensor) -> Tensor:
    if not gradient.requires_grad:
        return torch.zeros_like(at)
    (product,) = torch.autograd.grad(gradient, at, u.to(gradient.dtype), retain_graph=True, allow_unused=True)
    return torch.zeros_like(at) if product is None else product.detach()


def points(loss: Tensor, calls: list[Call]) -> list[tuple[tuple[str, int], Point]]:
    """First derivatives at every call in one backward pass, ready to be differentiated again.

    Args:
        loss: scalar, in a graph in which ``calls`` were captured with ``retain``.

    Returns:
        ((layer, how many calls of it came before), point), in the order of the forward pass; calls that the loss
        does not depend on are left out and not counted.
    """
    seen = [call for call in calls if call.y is not None and call.z is not None]
    tensors = [tensor for call in seen for tensor in (call.y, call.z) if tensor is not None]
    with differentiating():
        grads = torch.autograd.grad(loss, tensors, create_graph=True, allow_unused=True)
    found: list[tuple[tuple[str, int], Point]] = []
    before: dict[str, int] = {}
    for call, v, g in zip(seen, grads[::2], grads[1::2], strict=True):
        if v is None or g is None or call.spec is None or call.y is None or call.z is None:
            continue
        key = (call.name, before.get(call.name, 0))
        before[call.name] = key[1] + 1
        found.append((key, Point(call.spec, call.y, call.z, v, g)))
    return found


@dataclass(frozen=True)
class Layer2:
    """Second order of a whole layer, cross blocks between its groups included.

    bn_hess_bn: v'Bv. chain: (Jv)'H(Jv), J = dz/dy of the layer alone. bend: v'Bv - (Jv)'H(Jv), what the layer's
    own curvature adds. hess_bn: v'Hv. hess_grad: g'Hg. smoothness: |Bv|/|v|. hess_smoothness: |Hg|/|g|.
    probes: u'Hu/|u|^2 along Jv, v, g and every further direction.
    """

    bn_hess_bn: float
    chain: float
    hess_bn: float | None
    hess_grad: float | None
    smoothness: float
    hess_smoothness: float | None
    probes: tuple[float, ...]

    @property
    def bend(self) -> float:
        return self.bn_hess_bn - self.chain


@dataclass(frozen=True)
class Groups2:
    """Second order of single groups, exact or estimated, each ``(K,)`` over the groups ``index``.

    products: "v.Bv" and the like -> value ("Jv.HJv": J v with H J v; "e" stands for the vector of ones).
    errors: the standard error of each, zero where exact.
    smoothness: |B_jj v_j| / |v_j|, exact groups only.
    """

    index: tuple[int, ...]
    products: dict[str, Tensor]
    errors: dict[str, Tensor]
    smoothness: Tensor | None
    exact: bool


def whole(point: Point, probes: tuple[float, ...] = (), forms: bool = True) -> Layer2:
    """The quadratic forms of Theorem 4.2 over a whole layer.

    Args:
        probes: quotients u'Hu/|u|^2 that other calls found, kept in the list.
        forms: also v'Hv and g'Hg, two more products; without them one product gives both v'Bv and its bound.
    """
    spec, v, g = point.spec, point.v.detach(), point.gradient
    bv, hjv = point.bn_hvp(v)
    jv = point.jvp(v)

    def dot(a: Tensor, b: Tensor) -> float:
        return float(spec.dot(a, b).sum())

    def quotient(a: float, b: float) -> float:
        return a / b if b > 0 else 0.0

    vv, chain = dot(v, v), dot(jv, hjv)
    quotients = [quotient(chain, dot(jv, jv))]
    hess_bn = hess_grad = hess_smoothness = None
    if forms:
        hv, hg, gg = point.hvp(v), point.hvp(g), dot(g, g)
        hess_bn, hess_grad = dot(v, hv), dot(g, hg)
        hess_smoothness = quotient(dot(hg, hg), gg) ** 0.5
        quotients += [quotient(hess_bn, vv), quotient(hess_grad, gg)]
    return Layer2(
        bn_hess_bn=dot(v, bv),
        chain=chain,
        hess_bn=hess_bn,
        hess_grad=hess_grad,
        smoothness=quotient(dot(bv, bv), vv) ** 0.5,
        hess_smoothness=hess_smoothness,
        probes=(*quotients, *probes),
    )


def extremes(point: Point, steps: int, seed: int = 0) -> dict[str, float]:
    """The least and the greatest eigenvalue of H at z that ``steps`` Lanczos steps find, with error bounds.

    With an orthonormal basis Q of a Krylov space and T = Q'HQ, an eigenpair (theta, x) of T has the residual
    |H Q x - theta Q x| = beta |x_k|, and some eigenvalue of the symmetric H is within that distance of theta (Parlett,
    The Symmetric Eigenvalue Problem, section 4.5). One product a step, orthogonalised in full.
    """
    generator = torch.Generator().manual_seed(seed)
    start = torch.randn(point.z.shape, generator=generator, dtype=torch.float64)
    q = start.to(point.z).detach()
    basis, along, off = [q / q.norm()], [], []
    for _ in range(min(steps, q.numel())):
        u = point.hvp(basis[-1])
        along.append(float((u * basis[-1]).sum()))
        for _ in range(2):
            for other in basis:
                u = u - (u * other).sum() * other
        beta = float(u.norm())
        off.append(beta)
        if beta <= 1e-12 * max(map(abs, along)):
            break
        basis.append(u / beta)
    if not along or not all(map(math.isfinite, (*along, *off))):
        return {}
    inner = torch.tensor(off[:-1], dtype=torch.float64)
    tridiagonal = (
        torch.diag(torch.tensor(along, dtype=torch.float64)) + torch.diag(inner, 1) + torch.diag(inner, -1)
    )
    values, vectors = torch.linalg.eigh(tridiagonal)
    least, most = float(values[0]), float(values[-1])
    errors = (off[-1] * vectors[-1].abs()).tolist()
    return {
        "least": least,
        "least_error": errors[0],
        "most": most,
        "most_error": errors[-1],
        "steps": float(len(along)),
    }


def exact_groups(point: Point, chosen: list[int], yhat: Tensor | None = None) -> Groups2:
    """One group at a time: u is v (or g) of that group and zero elsewhere, so no cross block enters.

    One product a group; with ``yhat``, shaped like y, four more: H along v, g, yhat and 1.
    """
    spec, v, g = point.spec, point.v.detach(), point.gradient
    rows: dict[str, list[Tensor]] = {}
    smooth = []
    for j in chosen:
        select = torch.zeros(spec.groups, dtype=v.dtype, device=v.device)
        select[j] = 1
        mask = spec.spread(select, v)
        vj, gj = v * mask, g * mask
        bv, hjv = point.bn_hvp(vj)
        jv = point.jvp(vj)
        inner = hjv * mask if spec.fold is None else hjv * mask * spec.fold
        found = {"v.Bv": (vj, bv), "Jv.HJv": (jv, hjv), "HJv.HJv": (inner, inner)}
        found["Bv.Bv"] = (bv * mask, bv * mask)
        if spec.scale is not None and not spec.one_divisor:
            nv = _divisor_hvp(spec.scale, point.y, vj)
            found |= {"v.Nv": (vj, nv), "Nv.Nv": (nv, nv)}
        if yhat is not None:
            words = {"v": vj, "g": gj, "yhat": yhat * mask, "e": mask}
            images = {name: point.hvp(u) for name, u in words.items()}
            for right, image in images.items():
                found |= {f"{left}.H{right}": (u, image) for left, u in words.items()}
                found[f"H{right}.H{right}"] = (image * mask, image * mask)
        for key, (a, b) in found.items():
            rows.setdefault(key, []).append(spec.dot(a, b)[j])
        vv = spec.dot(vj, vj)[j]
        smooth.append(torch.where(vv > 0, (rows["Bv.Bv"][-1] / vv).sqrt(), torch.zeros_like(vv)))
    products = {key: torch.stack(values) for key, values in rows.items()}
    errors = {key: torch.zeros_like(values) for key, values in products.items()}
    return Groups2(tuple(chosen), products, errors, torch.stack(smooth), True)


def _divisor_hvp(scale: Callable[[Tensor], Tensor], y: Tensor, u: Tensor) -> Tensor:
    """N u with N the Hessian of the divisor of an l_p layer."""
    at = y.detach().requires_grad_()
    (slope,) = torch.autograd.grad(scale(at).sum(), at, create_graph=True)
    return _again(slope, at, u)


def sign_probes(spec: Spec, count: int, like: Tensor, seed: int) -> Tensor:
    """``(count, G)`` independent signs, the same on every process that shares the groups."""
    generator = torch.Generator().manual_seed(seed)
    signs = torch.randint(0, 2, (count, spec.groups), generator=generator) * 2 - 1
    return signs.to(dtype=like.dtype, device=like.device)


def estimated_groups(point: Point, count: int, seed: int = 0) -> tuple[Groups2, tuple[float, ...]]:
    """All groups at once from ``count`` >= 2 sign probes: three products a probe, however many groups.

    With e_j = +-1 and u = sum_j e_j v_j,  e_j v_j'(B u)_j = v_j'B_jj v_j + sum_{k != j} e_j e_k v_j'B_jk v_k,
    whose mean over the signs is v_j'B_jj v_j (Hutchinson's estimator, in blocks). Likewise for H.

    Returns:
        the means with their standard errors, and u'Hu/|u|^2 along the probes.
    """
    spec, v, g = point.spec, point.v.detach(), point.gradient
    rows: dict[str, list[Tensor]] = {"v.Bv": [], "v.Hv": [], "g.Hg": []}
    quotients = []
    for signs in sign_probes(spec, count, v, seed):
        signed = spec.spread(signs, v)
        u, w = signed * v, signed * g
        hu, hw = point.hvp(u), point.hvp(w)
        rows["v.Bv"].append(spec.dot(u, point.bn_hvp(u)[0]))
        rows["v.Hv"].append(spec.dot(u, hu))
        rows["g.Hg"].append(spec.dot(w, hw))
        for direction, product in ((u, hu), (w, hw)):
            norm = float(spec.dot(direction, direction).sum())
            quotients.append(float(spec.dot(direction, product).sum()) / norm if norm else 0.0)
    products, errors = {}, {}
    for key, values in rows.items():
        sample = torch.stack(values)
        products[key] = sample.mean(0)
        errors[key] = sample.std(0) / count**0.5
    return Groups2(tuple(range(spec.groups)), products, errors, None, False), tuple(quotients)
