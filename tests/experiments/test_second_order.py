"""Second order along a training is that of dense Hessians, and finds the negative curvature that a BatchNorm
downstream makes."""

from __future__ import annotations

import copy

import pytest
import torch
from bnverify.experiments.measure.second_order import on_span, second_order
from bnverify.experiments.networks.models import Block, Network, vgg
from bnverify.experiments.run.recipes import NormKind, VggRecipe
from torch import Tensor, nn

CE = nn.functional.cross_entropy
F64 = torch.float64


def network(norm: NormKind, dtype: torch.dtype = F64) -> tuple[Network, Tensor, Tensor]:
    model = vgg(VggRecipe(depth=9, width=1 / 64, size=8, norm=norm), 1, 4).to(dtype)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(6, 1, 8, 8, generator=generator, dtype=dtype)
    return model, x, torch.randint(0, 4, (6,), generator=generator)


@pytest.mark.parametrize("layer", [6, 7])
def test_both_terms_and_the_probed_curvatures_are_those_of_dense_hessians(layer: int) -> None:
    model, x, y = network("batchnorm")
    found = second_order(model, x, y, CE, True)[layer]
    inputs = x
    for block in list(model.blocks)[:layer]:
        inputs = block(inputs)
    block = model.blocks[layer]
    assert isinstance(block, Block)
    into = block.linear(inputs).detach()

    def after(z: Tensor) -> Tensor:
        out = block.tail(block.act(z))
        for later in list(model.blocks)[layer + 1 :]:
            out = later(out)
        return CE(out, y)

    z = block.norm(into).detach()
    n = z.numel()
    g = torch.autograd.functional.jacobian(after, z).reshape(n)
    h = torch.autograd.functional.hessian(after, z).reshape(n, n)
    v = torch.autograd.functional.jacobian(lambda u: after(block.norm(u)), into).reshape(n)
    b = torch.autograd.functional.hessian(lambda u: after(block.norm(u)), into).reshape(n, n)
    jv = torch.autograd.functional.jacobian(block.norm, into).reshape(n, n) @ v
    square = v @ v
    assert found.chain == pytest.approx(float(jv @ h @ jv / square), rel=1e-8)
    assert found.chain + found.bend == pytest.approx(float(v @ b @ v / square), rel=1e-8)
    assert found.hess_bn == pytest.approx(float(v @ h @ v / square), rel=1e-8)
    q, _ = torch.linalg.qr(torch.stack([v, g, z.reshape(n)], dim=1))
    ends = torch.linalg.eigvalsh(q.T @ h @ q)[[0, -1]].tolist()
    assert (found.smallest, found.largest) == pytest.approx(ends, rel=1e-6, abs=1e-12)


def test_curvature_is_negative_behind_a_batchnorm_and_nowhere_else() -> None:
    model, x, y = network("batchnorm", torch.float32)
    *before, last = second_order(model, x, y, CE, True)
    assert all(one.smallest is not None and one.smallest < 0 for one in before)
    assert last.smallest is not None
    assert last.largest is not None
    assert last.smallest >= -1e-12 * last.largest


def test_vectors_inside_the_span_add_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(7, 7, generator=generator, dtype=F64)
    h = a + a.T
    u, w = torch.randn(2, 7, generator=generator, dtype=F64)
    form = on_span(lambda d: h @ d, [u, 2 * u, w, u - w, torch.zeros_like(u)])
    assert form.shape == (2, 2)
    assert float(form[0, 0]) == pytest.approx(float(u @ h @ u / (u @ u)))
    q, _ = torch.linalg.qr(torch.stack([u, w], dim=1))
    torch.testing.assert_close(torch.linalg.eigvalsh(form), torch.linalg.eigvalsh(q.T @ h @ q))


@pytest.mark.parametrize("norm", ["batchnorm", "noisy-batchnorm", "linf"])
def test_the_network_is_untouched_and_nothing_is_probed_unasked(norm: NormKind) -> None:
    model, x, y = network(norm, torch.float32)
    before, generator = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    found = second_order(model, x, y, CE, False)
    assert len(found) == 8
    assert all(one.smallest is None and one.largest is None and one.hess_bn is None for one in found)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert torch.equal(generator, torch.get_rng_state())
    assert all(p.requires_grad for p in model.parameters())
