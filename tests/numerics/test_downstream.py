"""Every loss downstream is what its name says, of each row alone, and bounds what its derivatives are formed from."""

import pytest
import torch
from bnverify.numerics.measure.derivatives import gradient, matrix
from bnverify.numerics.measure.downstream import (
    MLP,
    Convolution,
    DenseQuadratic,
    Downstream,
    SecondBatchNorm,
    Tilted,
)
from bnverify.numerics.measure.instances import LOSSES, SIZES, Source, downstream
from torch import nn

ROWS = 5


def made(name: str, m: int = 6, rows: int = ROWS) -> tuple[Downstream, torch.Tensor]:
    source = Source("test", name, m)
    return downstream(name, source, rows, m), source.normal(rows, m)


def hessian(loss: Downstream, z: torch.Tensor) -> torch.Tensor:
    leaf = z.clone().requires_grad_()
    grad = gradient(loss(leaf), leaf, keep=True)
    return matrix(grad, leaf)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("m", SIZES)
def test_a_row_depends_on_itself_alone(name: str, m: int) -> None:
    loss, z = made(name, m)
    before = loss(z)
    assert before.shape == (ROWS,)
    z[2] += 0.5
    changed = loss(z) != before
    assert changed.tolist() in ([False, False, True, False, False], [False] * ROWS)


@pytest.mark.parametrize("name", LOSSES)
def test_the_gradient_is_real_and_the_hessian_is_not_vacuous(name: str) -> None:
    loss, z = made(name, 8, 40)
    leaf = z.clone().requires_grad_()
    assert int((gradient(loss(leaf), leaf).norm(dim=1) > 1e-6).sum()) >= 36
    H = hessian(loss, z)
    assert torch.allclose(H, H.transpose(1, 2), atol=1e-12)
    if name == "linear":
        assert not H.any()
    else:
        assert int((H.flatten(1).norm(dim=1) > 1e-6).sum()) >= 36


@pytest.mark.parametrize("name", LOSSES)
def test_scales_bound_gradient_and_curvature(name: str) -> None:
    loss, z = made(name, 8, 60)
    g_scale, h_scale = loss.scales(z)
    leaf = z.clone().requires_grad_()
    assert bool((gradient(loss(leaf), leaf).norm(dim=1) <= g_scale * (1 + 1e-12)).all())
    largest = torch.linalg.eigvalsh(hessian(loss, z)).abs().amax(1)
    assert bool((largest <= h_scale * (1 + 1e-12)).all())


def test_definiteness_is_as_named() -> None:
    convex, z = made("quadratic-psd", 6, 50)
    assert float(torch.linalg.eigvalsh(hessian(convex, z)).min()) > -1e-12
    saddle, z = made("quadratic-indefinite", 6, 50)
    values = torch.linalg.eigvalsh(hessian(saddle, z))
    assert int(((values[:, 0] < 0) & (values[:, -1] > 0)).sum()) > 25


def test_rows_and_dtype_pick_the_same_losses() -> None:
    for name in LOSSES:
        loss, z = made(name)
        assert torch.allclose(loss.rows(slice(1, 3))(z[1:3]), loss(z)[1:3])
        low = loss.to("cpu", torch.float32)(z.float())
        assert low.dtype == torch.float32
        assert torch.allclose(low.double(), loss(z), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_mlp_is_a_network_of_which_one_unit_moves(activation: str) -> None:
    m, units, hidden, classes = 7, 3, 4, 5
    act = nn.ReLU() if activation == "relu" else nn.Tanh()
    first, second = nn.Linear(units, hidden).double(), nn.Linear(hidden, classes, bias=False).double()
    others, z = torch.randn(m, units - 1).double(), torch.randn(m).double()
    target = torch.randint(classes, (m,))
    network = nn.Sequential(act, first, act, second)
    whole = nn.functional.cross_entropy(network(torch.cat([z.unsqueeze(1), others], dim=1)), target)
    rest = act(others) @ first.weight[:, 1:].T + first.bias
    loss = MLP(
        w=first.weight[:, 0].unsqueeze(0),
        C=rest.T.unsqueeze(0),
        V=second.weight.T.unsqueeze(0),
        target=target.unsqueeze(0),
        activation=activation,
    )
    assert torch.allclose(loss(z.unsqueeze(0))[0], whole)


def test_the_convolution_is_one_of_which_one_channel_moves() -> None:
    n, h, w, out, classes = 3, 4, 4, 5, 3
    conv, readout = nn.Conv2d(2, out, 3, padding=1).double(), nn.Linear(out, classes, bias=False).double()
    images, target = torch.randn(n, 2, h, w).double(), torch.randint(classes, (n,))
    whole = nn.functional.cross_entropy(readout(torch.relu(conv(images)).mean((-2, -1))), target)
    rest = nn.functional.conv2d(images[:, 1:], conv.weight[:, 1:], conv.bias, padding=1)
    loss = Convolution(
        C=rest.unsqueeze(0),
        R=readout.weight.T.unsqueeze(0),
        target=target.unsqueeze(0),
        K=conv.weight[:, :1],
    )
    assert torch.allclose(loss(images[:, 0].reshape(1, -1))[0], whole)


def test_the_second_batchnorm_is_pytorchs() -> None:
    m, units, classes = 9, 4, 3
    layer = nn.BatchNorm1d(units).double()
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    z, w, C = torch.randn(m).double(), torch.randn(units).double(), torch.randn(m, units).double()
    V, target = torch.randn(units, classes).double(), torch.randint(classes, (m,))
    whole = nn.functional.cross_entropy(torch.relu(layer(torch.relu(z).unsqueeze(1) * w + C)) @ V, target)
    loss = SecondBatchNorm(
        w=w.unsqueeze(0),
        C=C.T.unsqueeze(0),
        scale=layer.weight.unsqueeze(0),
        shift=layer.bias.unsqueeze(0),
        V=V.unsqueeze(0),
        target=target.unsqueeze(0),
    )
    assert torch.allclose(loss(z.unsqueeze(0))[0], whole)


def test_the_dense_quadratic_has_the_given_gradient_and_hessian() -> None:
    g, at = torch.randn(2, 4).double(), torch.randn(2, 4).double()
    H = torch.randn(2, 4, 4).double()
    H = H + H.transpose(1, 2)
    loss, leaf = DenseQuadratic(g, H, at), at.clone().requires_grad_()
    assert torch.allclose(gradient(loss(leaf), leaf), g)
    assert torch.allclose(hessian(loss, at + 1), H)


def test_a_tilt_makes_a_point_stationary_and_keeps_the_curvature() -> None:
    loss, z = made("mlp-tanh")
    leaf = z.clone().requires_grad_()
    tilted = Tilted(loss, gradient(loss(leaf), leaf))
    assert float(gradient(tilted(leaf), leaf).abs().max()) < 1e-15
    assert torch.allclose(hessian(tilted, z), hessian(loss, z))
