"""Definition 2.1 against copies of the network whose layers are overwritten one by one."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from bnverify.experiments.measure.landscape import Objective
from bnverify.experiments.measure.shift import compare, internal_covariate_shift
from bnverify.experiments.networks.models import Network, vgg
from bnverify.experiments.run.recipes import NormKind, VggRecipe
from torch import Tensor, nn

CE = nn.functional.cross_entropy


def network(norm: NormKind) -> tuple[Network, Tensor, Tensor]:
    model = vgg(VggRecipe(depth=9, width=1 / 32, size=8, norm=norm), 1, 4).double()
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(12, 1, 8, 8, generator=generator, dtype=torch.float64)
    return model, x, torch.randint(0, 4, (12,), generator=generator)


def gradients(model: Network, x: Tensor, y: Tensor) -> list[Tensor]:
    parameters = list(model.parameters())
    return list(torch.autograd.grad(CE(model(x), y), parameters))


@pytest.mark.parametrize("norm", ["none", "batchnorm", "l1"])
@pytest.mark.parametrize("own", ["everything", "weight"])
def test_only_layers_before_i_are_new(norm: NormKind, own: str) -> None:
    model, x, y = network(norm)
    old_g = gradients(model, x, y)
    new_model = copy.deepcopy(model)
    with torch.no_grad():
        for p, g in zip(new_model.parameters(), old_g, strict=True):
            p.sub_(0.5 * g)
    objective = Objective(model, x, y, CE)
    old, g = objective.point(), torch.cat([v.reshape(-1) for v in old_g])
    found = internal_covariate_shift(objective, old, old - 0.5 * g, g)
    shifts = found.layers if own == "everything" else found.weights
    assert len(shifts) == 9
    assert shifts[0].l2 == 0
    for i, shift in enumerate(shifts):
        mixed = copy.deepcopy(model)
        for j in range(i):
            mixed.blocks[j].load_state_dict(new_model.blocks[j].state_dict())
        count = len(list(mixed.blocks[i].parameters())) if own == "everything" else 1
        first = sum(len(list(block.parameters())) for block in list(mixed.blocks)[:i])
        before = torch.cat([v.reshape(-1) for v in old_g[first : first + count]])
        after = torch.cat([v.reshape(-1) for v in gradients(mixed, x, y)[first : first + count]])
        assert shift.l2 == pytest.approx(float((before - after).norm()), rel=1e-9, abs=1e-15)
        assert shift.relative == pytest.approx(
            float((before - after).norm() / before.norm()), rel=1e-9, abs=1e-15
        )
        assert shift.cosine == pytest.approx(float(before @ after / before.norm() / after.norm()), rel=1e-9)


def test_cosine_and_relative_change_are_undefined_at_norm_0() -> None:
    zero, one = torch.zeros(3), torch.ones(3)
    assert math.isnan(compare(zero, one).cosine)
    assert math.isnan(compare(zero, one).relative)
    assert math.isnan(compare(one, zero).cosine)
    assert compare(one, zero).relative == 1


def test_cosine_of_tiny_gradients_does_not_underflow() -> None:
    g = torch.full((4,), 1e-30, dtype=torch.float32) * 1e-5
    assert compare(g, g).cosine == pytest.approx(1, rel=1e-2)


def test_a_step_of_length_0_shifts_nothing() -> None:
    model, x, y = network("noisy-batchnorm")
    objective = Objective(model, x, y, CE)
    w = objective.point()
    g = objective.value_and_grad(w)[1]
    assert all(shift.l2 == 0 for shift in internal_covariate_shift(objective, w, w, g).layers)
