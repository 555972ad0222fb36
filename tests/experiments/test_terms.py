"""Theorem terms along a training are those of plain differentiation of the network's own loss."""

from __future__ import annotations

import copy

import pytest
import torch
from bnverify.experiments.measure.moments import units
from bnverify.experiments.measure.terms import theorem_terms
from bnverify.experiments.networks.models import Block, Network, vgg
from bnverify.experiments.run.recipes import NormKind, VggRecipe
from torch import Tensor, nn

CE = nn.functional.cross_entropy


def network(norm: NormKind) -> tuple[Network, Tensor, Tensor]:
    model = vgg(VggRecipe(depth=9, width=1 / 32, size=8, norm=norm), 1, 4).double()
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(12, 1, 8, 8, generator=generator, dtype=torch.float64)
    return model, x, torch.randint(0, 4, (12,), generator=generator)


def test_sigma_actual_and_sign_are_those_of_autograd() -> None:
    model, x, y = network("batchnorm")
    terms = theorem_terms(model, x, y, CE, 0)
    assert len(terms) == 8
    layer, inputs = 2, x
    for block in list(model.blocks)[:layer]:
        inputs = block(inputs)
    block = model.blocks[layer]
    assert isinstance(block, Block)
    into = block.linear(inputs).detach().requires_grad_()
    out = block.norm(into)
    rest = block.tail(block.act(out))
    for later in list(model.blocks)[layer + 1 :]:
        rest = later(rest)
    v, g = torch.autograd.grad(CE(rest, y), (into, out))
    y_rows, g_rows = units(into.detach()), units(g)
    hat = (y_rows - y_rows.mean(0)) / y_rows.std(0, unbiased=False)
    found = terms[layer]
    assert found.sigma == pytest.approx(float(y_rows.std(0, unbiased=False).log().mean().exp()), rel=1e-6)
    assert found.actual == pytest.approx(float(v.square().sum()), rel=1e-6)
    assert found.positive == pytest.approx(float(((g_rows * hat).sum(0) > 0).double().mean()))
    assert found.term_mean + found.term_yhat + found.kept == pytest.approx(1, abs=1e-6)
    assert found.actual == pytest.approx(found.kept * found.scaled, rel=1e-6)


@pytest.mark.parametrize("norm", ["batchnorm", "noisy-batchnorm", "l1", "linf"])
def test_no_proved_statement_fails_at_any_layer_and_the_network_is_untouched(norm: NormKind) -> None:
    model, x, y = network(norm)
    before = copy.deepcopy(model.state_dict())
    generator = torch.get_rng_state()
    terms = theorem_terms(model, x, y, CE, 5)
    assert len(terms) == 8
    assert all(t.failed == 0 for t in terms)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert torch.equal(generator, torch.get_rng_state())
    assert all(m.step == 0 for m in model.modules() if hasattr(m, "n_sigma"))


def test_a_plain_network_has_no_terms() -> None:
    model, x, y = network("none")
    assert theorem_terms(model, x, y, CE, 0) == []
