"""Instances do not depend on how many are asked for, and each kind is what it says."""

import pytest
import torch
from bnverify.numerics.measure.instances import (
    BLOCK,
    CHUNKS,
    LOSSES,
    SIZES,
    Kind,
    blocks,
    chunks,
    draw,
    locate,
    parse_replay,
    streams,
)

from bnverify.base.errors import InputError

CPU = torch.device("cpu")


def test_the_streams_hold_every_trial_once() -> None:
    for trials in (1, 7, 8, 9, 1429, 100_003):
        assert sum(streams(trials)) == trials
        for rows in streams(trials):
            assert sum(count for _, count in chunks(rows)) == rows


def test_an_index_finds_its_row() -> None:
    assert locate(0) == (SIZES[0], 0, 0)
    assert locate(len(SIZES) - 1) == (SIZES[-1], 0, 0)
    assert locate(len(SIZES) * CHUNKS[0]) == (SIZES[0], 1, 0)
    assert locate(len(SIZES) * (sum(CHUNKS) + CHUNKS[-1] + 5) + 2) == (SIZES[2], len(CHUNKS) + 1, 5)


def test_blocks_cover_the_rows_and_bound_the_memory() -> None:
    for rows, m in ((1, 3), (1000, 64), (4096, 8), (100, 100_000)):
        parts = blocks(rows, m)
        assert [i for part in parts for i in range(part.start, part.stop)] == list(range(rows))
        assert all((part.stop - part.start) * m <= max(BLOCK, 64 * m) for part in parts)


@pytest.mark.parametrize("name", LOSSES)
def test_the_same_seed_gives_the_same_instances_and_another_seed_others(name: str) -> None:
    first, again, other = (draw(Kind(), name, 6, seed, 0) for seed in (1, 1, 2))
    assert torch.equal(first.y, again.y)
    assert not torch.equal(first.y, other.y)
    few, many = (first.batch(slice(0, n), CPU, torch.float64) for n in (3, 50))
    assert torch.allclose(few.names["v"].value, many.names["v"].value[:3], rtol=1e-12)


def test_gamma_has_both_signs_and_comes_near_zero_and_sigma_spans_scales() -> None:
    drawn = draw(Kind(), "linear", 16, 0, 0)
    sigma = drawn.y.std(dim=1)
    assert 0.4 < float((drawn.gamma > 0).double().mean()) < 0.6
    assert int((drawn.gamma.abs() < 1e-5).sum()) > 3
    assert float(sigma.max() / sigma.min()) > 1e4
    assert bool((sigma > 0).all())


def test_stationary_points_of_the_plain_loss_have_no_gradient_there() -> None:
    batch = draw(Kind("stationary-in-y", matched=True), "mlp-tanh", 8, 0, 0).batch(
        slice(0, 60), CPU, torch.float64
    )
    assert bool((batch.names["g_own"].value.norm(dim=1) <= 1e-12 * batch.names["g_own"].scale).all())


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("m", SIZES)
def test_stationary_weights_of_the_plain_loss_have_no_gradient_there(bias: bool, m: int) -> None:
    batch = draw(Kind("weights", bias=bias, matched=True), "mlp-tanh", m, 0, 0).batch(
        slice(0, 60), CPU, torch.float64
    )
    grad = batch.names["dW_plain"]
    assert bool((grad.value.norm(dim=1) <= 1e-11 * grad.scale).all())
    X, W = batch.given.operators["X"], batch.given.vectors["W"]
    assert bool(((X[:, :, -1] == 1).all(1) == bias).all())
    assert torch.equal(batch.names["Wstar"].value, W)


def test_second_inputs_stay_below_lambda() -> None:
    batch = draw(Kind("inputs"), "linear", 8, 0, 0).batch(slice(0, 100), CPU, torch.float64)
    lam = batch.names["lam"].value
    assert bool((torch.linalg.matrix_norm(batch.given.operators["K"]) <= lam).all())
    assert bool((torch.linalg.matrix_norm(batch.given.operators["X"], 2) <= lam).all())


def test_a_replay_that_names_nothing_is_refused() -> None:
    assert parse_replay("linear:17") == ("linear", 17)
    for text in ("linar:17", "linear", "linear:-1", "linear:x", ""):
        with pytest.raises(InputError, match="--replay"):
            parse_replay(text)
