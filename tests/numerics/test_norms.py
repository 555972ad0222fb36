"""The normalisation layers against slow loops, PyTorch's own layers, and finite differences."""

from __future__ import annotations

import importlib.util
import math
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from bnverify.numerics.measure.norms import (
    AVERAGES,
    Average,
    LpNorm,
    Noise,
    NoisyBatchNorm,
    SyncBatchNorm,
    draw_together,
    lp_scale,
    set_noise_step,
)
from torch import Tensor, nn

from bnverify.base.errors import InputError

P = [1.0, 2.0, math.inf]


WORKER = Path(__file__).with_name("sync_worker.py")


def batch(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 0.3


def norm_by_hand(values: list[float], p: float) -> float:
    return max(abs(v) for v in values) if math.isinf(p) else sum(abs(v) ** p for v in values) ** (1 / p)


@pytest.mark.parametrize("p", P)
@pytest.mark.parametrize("average", AVERAGES)
def test_each_reading_of_the_average_is_what_a_loop_says(p: float, average: Average) -> None:
    y = batch(7, 3)
    m, units = 7, y.T.tolist()
    norms = [norm_by_hand(unit, p) for unit in units]
    mean_factor = 1.0 if math.isinf(p) else m ** (-1 / p)
    expected = {
        "power-mean": [n * mean_factor for n in norms],
        "norm-over-m": [n / m for n in norms],
        "layer-mean": sum(norms) / 3 * mean_factor,
        "sample-mean": sum(norm_by_hand(row, p) for row in y.tolist()) / m,
    }[average]
    got = lp_scale(y, p, average, eps=0.0)
    torch.testing.assert_close(got, torch.tensor(expected, dtype=torch.float64), rtol=1e-13, atol=0)


def test_p_2_of_the_centred_activations_is_batchnorm() -> None:
    y = batch(8, 3, 4, 4)
    ours, theirs = LpNorm(3, 2, of="centred").double(), nn.BatchNorm2d(3).double()
    torch.testing.assert_close(ours(y), theirs(y), rtol=1e-12, atol=1e-12)


def test_readings_raw_and_centred_differ_when_the_mean_is_not_zero() -> None:
    y = batch(8, 3)
    raw, centred = LpNorm(3, 1).double()(y), LpNorm(3, 1, of="centred").double()(y)
    assert (raw - centred).abs().max() > 1e-2


@pytest.mark.parametrize("p", P)
@pytest.mark.parametrize("average", AVERAGES)
def test_output_has_mean_zero_and_second_derivatives_exist(p: float, average: Average) -> None:
    layer = LpNorm(3, p, average=average).double()
    y = batch(6, 3).requires_grad_()
    assert layer(y).mean(0).abs().max() < 1e-13
    assert torch.autograd.gradcheck(layer, (y,))
    assert torch.autograd.gradgradcheck(layer, (y,))


def test_a_unit_that_is_zero_on_the_whole_batch_has_a_finite_gradient() -> None:
    for p in P:
        y = torch.zeros(5, 2, requires_grad=True)
        (grad,) = torch.autograd.grad(LpNorm(2, p)(y).square().sum(), y)
        assert grad.isfinite().all()


def test_test_time_uses_the_running_mean_and_norm() -> None:
    layer = LpNorm(3, 1, momentum=1.0).double()
    y = batch(50, 3)
    trained = layer(y)
    layer.eval()
    torch.testing.assert_close(layer(y), trained, rtol=1e-12, atol=1e-12)


def test_noise_follows_algorithm_1_in_distribution() -> None:
    noise = Noise(4, seed=3)
    s, m = noise.draw(torch.zeros(200_000, 4, dtype=torch.float64))
    mu, sigma = m.mean(0), s.mean(0)
    assert ((mu.abs() <= 0.5) & (sigma >= 0.99) & (sigma <= 1.26)).all()
    assert (m - mu).abs().max() <= 0.1 + 1e-3
    torch.testing.assert_close(
        m.std(0), torch.full((4,), 0.2 / math.sqrt(12), dtype=torch.float64), rtol=0.02, atol=0
    )
    torch.testing.assert_close(s.std(0), torch.full((4,), 0.1, dtype=torch.float64), rtol=0.02, atol=0)
    as_variance, _ = Noise(4, sigma_reading="variance").draw(torch.zeros(200_000, 4, dtype=torch.float64))
    torch.testing.assert_close(
        as_variance.std(0), torch.full((4,), math.sqrt(0.1), dtype=torch.float64), rtol=0.02, atol=0
    )


def test_parameters_of_the_noise_vary_between_units_and_steps_over_their_whole_range() -> None:
    noise = Noise(500)
    _, first = noise.draw(torch.zeros(400, 500))
    noise.step = 1
    _, second = noise.draw(torch.zeros(400, 500))
    assert (first.mean(0) - second.mean(0)).abs().mean() > 0.1
    assert first.mean(0).min() < -0.45
    assert first.mean(0).max() > 0.45


def test_one_step_has_one_draw_and_the_global_generator_stays_untouched() -> None:
    model = nn.Sequential(NoisyBatchNorm(nn.BatchNorm1d(3), Noise(3, layer=1)), Noise(3, layer=2))
    y = batch(9, 3).float()
    before = torch.get_rng_state()
    first, again = model(y), model(y)
    set_noise_step(model, 1)
    fresh = model(y)
    set_noise_step(model, 0)
    back = model(y)
    assert torch.equal(first, again)
    assert torch.equal(first, back)
    assert not torch.equal(first, fresh)
    assert torch.equal(before, torch.get_rng_state())


def joined(seed: int = 3) -> list[Noise]:
    layers = [Noise(2, seed=seed, layer=0), Noise(4, seed=seed, layer=1)]
    draw_together([(layers[0], (5, 5)), (layers[1], ())])
    return layers


def test_layers_that_draw_together_draw_once_a_step_whichever_is_asked_first() -> None:
    shapes = [(6, 2, 5, 5), (6, 4)]
    ahead, behind = joined(), joined()
    first = [layer.draw(torch.zeros(shape)) for layer, shape in zip(ahead, shapes, strict=True)]
    again = [behind[i].draw(torch.zeros(shapes[i])) for i in (1, 0)][::-1]
    for one, other in zip(first, again, strict=True):
        assert all(map(torch.equal, one, other))
    assert len({value for pair in first for part in pair for value in part.flatten().tolist()}) > 600
    behind[0].step = behind[1].step = 1
    assert not torch.equal(behind[0].draw(torch.zeros(shapes[0]))[0], first[0][0])
    # A smaller batch in between, as of the last pictures of a set, leaves nothing behind.
    ahead[1].draw(torch.zeros(3, 4))
    assert all(map(torch.equal, ahead[0].draw(torch.zeros(shapes[0])), first[0]))


def test_noise_drawn_together_has_the_distribution_of_noise_drawn_by_layer() -> None:
    layer = Noise(3, seed=1)
    draw_together([(layer, ())])
    alone = Noise(3, seed=1)
    drawn = []
    for one in (layer, alone):
        means, spreads = [], []
        for step in range(400):
            one.step = step
            scale, shift = one.draw(torch.zeros(50, 3, dtype=torch.float64))
            means.append(torch.stack([scale.mean(0), shift.mean(0)]))
            spreads.append(torch.stack([scale.std(0), shift.std(0)]))
        drawn.append(torch.stack([torch.stack(means).mean((0, 2)), torch.stack(spreads).mean((0, 2))]))
    # 1,200 units: the means of mu and sigma are known to 0.289 / sqrt(1200) = 0.008, so three times that apart.
    torch.testing.assert_close(drawn[0], drawn[1], rtol=0, atol=0.035)


def test_noise_is_off_at_test_time_unless_asked_for() -> None:
    y = batch(9, 3)
    off, on = Noise(3).eval(), Noise(3, at_test=True).eval()
    assert torch.equal(off(y), y)
    assert not torch.equal(on(y), y)


def test_places_of_the_noise_agree_at_unit_gamma_and_differ_otherwise() -> None:
    y = batch(9, 3)
    after = NoisyBatchNorm(nn.BatchNorm1d(3), Noise(3), "output").double()
    before = NoisyBatchNorm(nn.BatchNorm1d(3), Noise(3), "whitened").double()
    torch.testing.assert_close(after(y), before(y), rtol=1e-12, atol=1e-12)
    for layer in (after, before):
        layer.norm.weight.data.fill_(3.0)
    assert (after(y) - before(y)).abs().max() > 0.1
    torch.testing.assert_close(after.norm.running_var, before.norm.running_var)


def test_bad_constants_are_answered() -> None:
    with pytest.raises(InputError, match="expected 1, 2 or inf"):
        LpNorm(3, 3)
    with pytest.raises(InputError, match="n_sigma >= 1"):
        Noise(3, n_sigma=0.5)
    with pytest.raises(InputError, match=r"expected \(batch, 3"):
        LpNorm(3, 1)(torch.zeros(2, 4))


def loss_of(z: Tensor) -> Tensor:
    return (z.sin() * torch.arange(1.0, z.numel() + 1, dtype=z.dtype).view_as(z)).sum()


def test_synchronised_without_processes_is_batchnorm() -> None:
    y = batch(8, 3, 2, 2)
    ours, theirs = SyncBatchNorm(3).double(), nn.BatchNorm2d(3).double()
    torch.testing.assert_close(ours(y), theirs(y), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ours.running_var, theirs.running_var)
    torch.testing.assert_close(ours.eval()(y), theirs.eval()(y), rtol=1e-12, atol=1e-12)


def test_two_processes_with_unequal_batches_give_first_and_second_derivatives_of_the_whole_batch(
    tmp_path: Path,
) -> None:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    spec = importlib.util.spec_from_file_location("sync_worker", WORKER)
    assert spec is not None
    assert spec.loader is not None
    worker = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(worker)
    command = [sys.executable, "-W", "ignore", str(WORKER)]
    started = [subprocess.Popen([*command, str(rank), str(port), str(tmp_path)]) for rank in (0, 1)]
    assert [process.wait(timeout=120) for process in started] == [0, 0]
    parts = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1)]
    whole = worker.derivatives(
        nn.BatchNorm1d(3).double(), batch(8, 3).requires_grad_(), slice(0, 8), batch(8, 3, seed=1)
    )
    for i in (0, 1):
        torch.testing.assert_close(torch.cat([part[i] for part in parts]), whole[i], rtol=1e-10, atol=1e-10)
