"""First and second derivatives through BatchNorm against PyTorch's kernel, plain SymPy, and the algebra for every m."""

from typing import Any

import pytest
import sympy as sp
import torch
from bnverify.numerics.measure.derivatives import (
    dense_oracle,
    gradient,
    jacobian_product,
    matrix,
    product,
    standardise,
)
from bnverify.numerics.measure.downstream import DenseQuadratic
from bnverify.numerics.measure.observe import Batch
from bnverify.theory.claim import Instance
from bnverify.theory.exact import Exact
from bnverify.theory.observe import Gram

DOUBLE = torch.float64


def normal(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=DOUBLE)


@pytest.mark.parametrize("m", [2, 3, 8, 64])
@pytest.mark.parametrize("eps", [0.0, 1e-5, 0.25])
def test_derivatives_agree_with_pytorchs_kernel_in_reverse_over_reverse(m: int, eps: float) -> None:
    """The kernel takes instances as channels of one sample; `functional.batch_norm` itself refuses eps = 0."""
    N = 6
    y, gamma, beta = normal(N, m), normal(N), normal(N, 1).squeeze(1)
    c, d, u = normal(N, m + 1)[:, :m], normal(N, m + 2)[:, :m], normal(N, m + 3)[:, :m]

    def derivatives(network: Any) -> tuple[torch.Tensor, ...]:
        leaf = y.clone().requires_grad_()
        z = network(leaf)
        v = gradient((c * z + d * z.square() / 2 + z.sin()).sum(1), leaf, keep=True)
        return z.detach(), v.detach(), product(v, leaf, u)

    def kernel(leaf: torch.Tensor) -> torch.Tensor:
        batch = leaf.unsqueeze(0)
        return torch.batch_norm(batch, gamma, beta, None, None, True, 0.0, eps, False).squeeze(0)

    def composed(leaf: torch.Tensor) -> torch.Tensor:
        return standardise(leaf, eps).yhat * gamma.unsqueeze(1) + beta.unsqueeze(1)

    for ours, theirs in zip(derivatives(composed), derivatives(kernel), strict=True):
        size = 1 if m > 2 or eps else 100
        assert torch.allclose(ours, theirs, rtol=1e-9, atol=1e-10 * size)


def test_products_agree_with_the_dense_oracle() -> None:
    m, u = 7, normal(1, 7)

    def loss(y: torch.Tensor) -> torch.Tensor:
        z = 1.5 * standardise(y.unsqueeze(0), 0.1).yhat - 0.3
        return (z.sin() * z.exp()).sum() + z.prod()

    point = normal(m)
    first, second = dense_oracle(loss, point)
    leaf = point.unsqueeze(0).clone().requires_grad_()
    grad = gradient(loss(leaf.squeeze(0)).reshape(1), leaf, keep=True)
    assert torch.allclose(grad[0], first)
    assert torch.allclose(product(grad, leaf, u)[0], second @ u[0])
    assert torch.allclose(matrix(grad, leaf)[0], second)


def test_a_loss_without_curvature_has_a_zero_product() -> None:
    leaf = normal(2, 3).requires_grad_()
    grad = gradient((leaf * 2).sum(1), leaf, keep=True)
    assert not product(grad, leaf, torch.ones(2, 3, dtype=DOUBLE)).any()


def test_a_jacobian_product_agrees_with_the_dense_jacobian() -> None:
    y, u = normal(3, 5).requires_grad_(), normal(3, 5)
    out = standardise(y, 0.2).yhat.exp()
    J = torch.autograd.functional.jacobian(
        lambda row: standardise(row.unsqueeze(0), 0.2).yhat.exp()[0], y[1].detach()
    )
    assert torch.allclose(jacobian_product(out, y, u)[1], J @ u[1])


INSTANCES = (
    Instance(y=(0, 1, 3), g=(1, "1/2", -2), H=((2, 1, 0), (1, -1, "1/3"), (0, "1/3", 0)), gamma=-2, beta=1),
    Instance(y=(1, 0, 5), g=(0, 0, 1), H=((1, 0, 0), (0, 0, 0), (0, 0, -3)), gamma="1/3", eps="1/4"),
    Instance(y=(0, 2), g=(3, 1), H=((1, 2), (2, 5)), gamma=3),
    Instance(
        y=(0, 1, 1, 4),
        g=(1, 2, 0, -1),
        H=((0, 1, 0, 0), (1, 0, 0, 2), (0, 0, 3, 0), (0, 2, 0, 1)),
        gamma="s",
        beta="mu",
    ),
)


def batch_at(instance: Instance) -> tuple[Batch, Exact]:
    """The same point in both rooms."""
    exact = Exact(instance)

    def row(values: Any) -> torch.Tensor:
        return torch.tensor([[float(x) for x in values]], dtype=DOUBLE)

    H = torch.tensor(exact.H_.evalf().tolist(), dtype=DOUBLE).reshape(1, instance.m, instance.m)
    loss = DenseQuadratic(row(exact.g_), H, row(exact.z))
    gamma, beta = row([exact.gamma_])[0], row([exact.beta_])[0]
    return Batch(row(exact.y), gamma, beta, loss, eps=float(exact.eps_)), exact


@pytest.mark.parametrize("instance", INSTANCES, ids=lambda i: f"m={i.m}, gamma={i.gamma}, eps={i.eps}")
def test_v_and_every_entry_of_B_agree_with_plain_sympy(instance: Instance) -> None:
    batch, exact = batch_at(instance)
    v = torch.tensor([float(x) for x in exact.v_], dtype=DOUBLE)
    assert torch.allclose(batch.v.value[0], v, rtol=1e-12, atol=1e-13)
    B = torch.tensor(exact.B_.evalf(20).tolist(), dtype=DOUBLE).reshape(instance.m, instance.m)
    dense = matrix(batch._v, batch.y)[0]
    assert torch.allclose(dense, B, rtol=1e-11, atol=1e-12)
    assert float(batch.sym("sigma").value[0]) == pytest.approx(float(exact.sym("sigma")))


def algebra(q: Gram, name: str, batch: Batch, H: torch.Tensor) -> torch.Tensor:
    """v or B a as the algebra for every m writes it, with the numbers of one batch put in."""
    bases = {base: batch.vec(base).value[0] for base in ("1", "yhat", "g", "a")}

    def applied(word: tuple[str, ...], base: str) -> torch.Tensor:
        vector = bases[base]
        for letter in reversed(word):
            assert letter == "H"
            vector = H @ vector
        return vector

    formal = q.vec("v") if name == "v" else q.op("B", q.vec("a"))
    numbers = {q.symbols[k]: float(batch.sym(k).value.reshape(-1)[0]) for k in ("m", "s", "gamma")}
    if q.eps_positive:
        numbers[q.symbols["rho"]] = float(batch.sym("rho").value[0])
    total = torch.zeros_like(bases["1"])
    for (word, base), coefficient in formal.terms.items():
        products = {
            symbol: float(bases[left] @ applied(inner, right))
            for symbol, (left, inner, right) in q.table.keys.items()
            if left in bases and right in bases and symbol in sp.sympify(coefficient).free_symbols
        }
        total = total + float(sp.sympify(coefficient).subs(numbers | products)) * applied(word, base)
    return total


@pytest.mark.parametrize("m", [2, 3, 5, 16, 64])
@pytest.mark.parametrize("eps", [0.0, 0.3])
def test_v_and_B_agree_with_the_algebra_for_every_m(m: int, eps: float) -> None:
    H = normal(m, m)
    H = H + H.T
    y, g, z = normal(1, m), normal(1, m + 1)[:, :m], normal(1, m)
    gamma, beta = torch.tensor([-1.7], dtype=DOUBLE), torch.tensor([0.4], dtype=DOUBLE)
    batch = Batch(y, gamma, beta, DenseQuadratic(g, H.unsqueeze(0), z), eps=eps)
    q = Gram(eps=eps > 0)
    at_z = gradient(batch.loss(batch.z), batch.z)
    assert torch.allclose(batch.g.value, at_z)
    for name, measured in (("v", batch.v.value[0]), ("B", batch.B(batch.a).value[0])):
        formula = algebra(q, name, batch, H)
        assert torch.allclose(measured, formula, rtol=1e-9, atol=1e-9 * float(H.norm())), name
