"""Measurements of the landscape against slow, obviously right ones; the network is left untouched to the bit."""

from __future__ import annotations

import copy
import math
from dataclasses import asdict, replace

import pytest
import torch
from bnverify.experiments.measure.landscape import Objective, along, lambda_max, lengths, random_direction
from bnverify.experiments.measure.views import RAY
from bnverify.experiments.networks.models import vgg
from bnverify.experiments.run.recipes import NORMS_VGG, NormKind, VggRecipe
from bnverify.numerics.measure.norms import set_noise_step
from torch import Tensor, nn

CE = nn.functional.cross_entropy


def objective(norm: NormKind = "batchnorm", *, moving: str = "all", step: int = 3) -> Objective:
    model = vgg(VggRecipe(depth=9, width=1 / 64, size=8, norm=norm), 1, 4).double()
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(12, 1, 8, 8, generator=generator, dtype=torch.float64)
    y = torch.randint(0, 4, (12,), generator=generator)
    return Objective(model, x, y, CE, step, moving)  # type: ignore[arg-type]


def by_optimiser(obj: Objective, t: float) -> tuple[Tensor, Tensor]:
    """Loss and gradient after one SGD step of length t, by a copy of the network and PyTorch's optimiser."""
    model = copy.deepcopy(obj.model)
    set_noise_step(model, obj.step)
    optimiser = torch.optim.SGD(model.parameters(), lr=t)
    CE(model(obj.x), obj.y).backward()
    optimiser.step()
    optimiser.zero_grad()
    loss = CE(model(obj.x), obj.y)
    loss.backward()
    return loss.detach(), torch.cat([p.grad.reshape(-1) for p in model.parameters() if p.grad is not None])


@pytest.mark.parametrize("norm", NORMS_VGG)
def test_a_probe_is_what_an_optimiser_step_of_that_length_sees(norm: NormKind) -> None:
    obj = objective(norm)
    ray = along(obj, [0.01, 0.1])
    _, g = by_optimiser(obj, 0.0)
    for k, t in enumerate(ray.lengths):
        loss, grad = by_optimiser(obj, t)
        assert ray.losses[k] == pytest.approx(float(loss), rel=1e-10)
        assert ray.changes[k] == pytest.approx(float((grad - g).norm()), rel=1e-8)
        assert ray.cosines[k] == pytest.approx(float(grad @ g / grad.norm() / g.norm()), rel=1e-8)
    assert ray.grad_norm == pytest.approx(float(g.norm()), rel=1e-10)


@pytest.mark.parametrize("norm", NORMS_VGG)
def test_measuring_leaves_parameters_buffers_gradients_mode_and_generators_untouched(norm: NormKind) -> None:
    obj = objective(norm)
    obj.model.eval()
    set_noise_step(obj.model, 77)
    state = copy.deepcopy(obj.model.state_dict())
    generator = torch.get_rng_state()
    along(obj, [0.1, 0.2])
    obj.hvp(obj.point())(obj.point())
    assert all(torch.equal(v, state[k]) for k, v in obj.model.state_dict().items())
    assert torch.equal(generator, torch.get_rng_state())
    assert all(p.grad is None for p in obj.model.parameters())
    assert not obj.model.training
    assert all(m.step == 77 for m in obj.model.modules() if hasattr(m, "n_sigma"))


def test_all_probes_of_a_step_share_the_noise_and_another_step_has_another() -> None:
    here = along(objective("noisy-batchnorm"), [1e-9]).changes[0]
    w = objective("noisy-batchnorm").point()
    loss, grad = objective("noisy-batchnorm").value_and_grad(w)
    other, _ = objective("noisy-batchnorm", step=4).value_and_grad(w)
    assert here < 1e-5 * float(grad.norm())
    assert abs(float(other - loss)) > 1e-3


class Quadratic(nn.Module):
    """L(w) = w' diag(h) w / 2, as a network whose output is w."""

    def __init__(self, w: list[float]) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor([w], dtype=torch.float64))

    def forward(self, _x: Tensor) -> Tensor:
        return self.w[0]


def quadratic(w: list[float], h: list[float]) -> Objective:
    diagonal = torch.tensor(h, dtype=torch.float64)
    return Objective(
        Quadratic(w), torch.zeros(1), torch.zeros(1), lambda out, _: (diagonal * out * out).sum() / 2
    )


def test_effective_beta_of_a_quadratic_is_the_curvature_in_every_reading() -> None:
    ray = along(quadratic([2.0, 0.0], [3.0, 50.0]), lengths(0.5, 4, 0.1, 8))
    for beta in (ray.beta_max, RAY["beta_farthest"](asdict(ray)), ray.beta_pairs):
        assert beta == pytest.approx(3.0, rel=1e-10)
    assert ray.lengths == pytest.approx([0.05 * 8 ** (i / 7) for i in range(8)])
    assert ray.losses[0] == pytest.approx(3 * (2 - 0.05 * 6) ** 2 / 2)


def test_pairs_see_a_kink_that_the_start_does_not() -> None:
    kink = Objective(
        Quadratic([1.0]),
        torch.zeros(1),
        torch.zeros(1),
        lambda out, _: (out + 50 * (-0.5 - out).relu() ** 2).sum(),
    )
    ray = along(kink, [1.4, 1.6, 1.8])
    assert ray.beta_pairs > 90
    assert ray.beta_max < 60


def test_a_zero_gradient_gives_nan_cosine_not_an_error() -> None:
    ray = along(quadratic([0.0, 0.0], [1.0, 1.0]), [0.1, 0.2])
    assert math.isnan(ray.cosines[0])
    assert math.isnan(RAY["beta_farthest"](asdict(ray)))


def test_lanczos_finds_the_largest_eigenvalue_of_the_dense_hessian() -> None:
    obj = objective("none")
    w = obj.point()
    dense = torch.autograd.functional.hessian(obj.loss, w)
    assert isinstance(dense, Tensor)
    start = torch.randn(w.shape, generator=torch.Generator().manual_seed(1), dtype=w.dtype)
    found = float(lambda_max(obj.hvp(w), start, 40))
    assert found == pytest.approx(float(torch.linalg.eigvalsh((dense + dense.T) / 2)[-1]), rel=1e-6)


def test_lanczos_stops_at_an_invariant_subspace() -> None:
    h = torch.diag(torch.tensor([1.0, 2.0, 7.0], dtype=torch.float64))
    starts = torch.tensor([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]], dtype=torch.float64)
    found = lambda_max(lambda v: v @ h, starts, 6)
    assert found[:2].tolist() == pytest.approx([7.0, 2.0])
    assert math.isnan(float(found[2]))
    assert float(lambda_max(lambda v: -v @ h, starts[1], 6)) == pytest.approx(-1.0)


def test_weights_alone_move_on_request() -> None:
    obj = objective("batchnorm", moving="weights")
    mask, (_, grad) = obj.mask(), obj.value_and_grad(obj.point())
    assert mask is not None
    assert 0 < mask.sum() < len(mask)
    assert (grad[mask == 0] == 0).all()
    everything = objective("batchnorm").value_and_grad(obj.point())[1]
    assert (everything[mask == 0] != 0).any()
    assert torch.equal(grad[mask == 1], everything[mask == 1])


@pytest.mark.parametrize("scaling", ["gradient-norm", "filter"])
def test_random_directions_have_the_asked_norm_and_filters_their_share(scaling: str) -> None:
    obj = objective("none")
    d = random_direction(obj, scaling, 2.5, torch.Generator().manual_seed(0))  # type: ignore[arg-type]
    assert float(d.norm()) == pytest.approx(2.5)
    name = "blocks.4.linear.weight"
    weight, part = dict(obj.model.named_parameters())[name], obj.named(d)[name]
    ratios = part.flatten(1).norm(dim=1) / weight.detach().flatten(1).norm(dim=1)
    spread = float(ratios.std() / ratios.mean())
    assert (spread < 1e-10) == (scaling == "filter")


def test_an_objective_in_eval_mode_takes_running_statistics_and_leaves_the_network_in_training() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).double().train()
    x, y = torch.randn(6, 3, dtype=torch.float64), torch.randint(0, 2, (6,))
    now = Objective(model, x, y, nn.functional.cross_entropy)
    frozen = replace(now, mode="eval")
    seen = frozen.value_and_grad(frozen.point())[0]
    assert model.training
    assert model[1].training
    assert seen != now.value_and_grad(now.point())[0]
    with torch.no_grad():
        assert seen == nn.functional.cross_entropy(model.eval()(x), y)
