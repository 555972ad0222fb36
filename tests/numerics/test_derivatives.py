"""First and second derivatives through BatchNorm against PyTorch's kernel and plain SymPy."""

from typing import Any

import pytest
import torch
from bnverify.numerics.measure.derivatives import (
    dense_oracle,
    gradient,
    jacobian_product,
    matrix,
    product,
    standardise,
)
from bnverify.numerics.measure.points import batch_of
from bnverify.theory.normalisations import NORMALISATIONS
from bnverify.theory.symbols.plain import derived

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


POINTS = (
    {
        "y": ["0", "1", "3"],
        "g": ["1", "1/2", "-2"],
        "H": [["2", "1", "0"], ["1", "-1", "1/3"], ["0", "1/3", "0"]],
        "gamma": "-2",
        "beta": "1",
    },
    {
        "y": ["1", "0", "5"],
        "g": ["0", "0", "1"],
        "H": [["1", "0", "0"], ["0", "0", "0"], ["0", "0", "-3"]],
        "gamma": "1/3",
        "beta": "0",
        "eps": "1/4",
    },
    {"y": ["0", "2"], "g": ["3", "1"], "H": [["1", "2"], ["2", "5"]], "gamma": "3", "beta": "0"},
)


@pytest.mark.parametrize("point", POINTS, ids=lambda p: f"m={len(p['y'])}, gamma={p['gamma']}")
@pytest.mark.parametrize("name", ["batch-norm", "unbiased", "rms-norm", "scale-norm", "l2-norm"])
def test_v_and_every_entry_of_B_agree_with_plain_sympy(name: str, point: dict[str, Any]) -> None:
    text = NORMALISATIONS[name].text
    plain = derived(text, point["y"], point.get("eps", 0), point)
    batch = batch_of(text, [point])
    v = torch.tensor([float(x) for x in plain.v], dtype=DOUBLE)
    assert torch.allclose(batch.names["v"].value[0], v, rtol=1e-12, atol=1e-13)
    B = torch.tensor([[float(x) for x in row] for row in plain.B], dtype=DOUBLE)
    assert torch.allclose(matrix(batch.graph.gradient("y"), batch.y)[0], B, rtol=1e-11, atol=1e-12)
