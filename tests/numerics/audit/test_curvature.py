"""Second order of an audit against dense Hessians of composed normalisation, and against curvlinops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from bnverify.numerics.audit.run import audit
from bnverify.numerics.measure.norms import LpNorm, SyncBatchNorm
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from bnverify.base.errors import InputError


class Composed(nn.Module):
    """The normalisation written out in elementary operations, for a dense Hessian that no fused kernel touches."""

    def __init__(self, norm: Any) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, y: Tensor) -> Tensor:
        norm: Any = self.norm
        if isinstance(norm, LpNorm | SyncBatchNorm):
            return norm(y)
        affine = getattr(norm, "weight", None)
        if isinstance(norm, nn.GroupNorm):
            t = y.reshape(y.shape[0], norm.num_groups, -1)
            z = _standardise(t, (2,), norm.eps, True).reshape(y.shape)
            return z if affine is None else z * norm.weight.view(1, -1, 1) + norm.bias.view(1, -1, 1)
        if isinstance(norm, nn.LayerNorm):
            z = _standardise(y, (-1,), norm.eps, True)
            return z if affine is None else z * norm.weight + norm.bias
        if isinstance(norm, nn.RMSNorm):
            z = _standardise(y, (-1,), torch.finfo(y.dtype).eps if norm.eps is None else norm.eps, False)
            return z if affine is None else z * norm.weight
        dims = (2,) if isinstance(norm, nn.InstanceNorm1d) else (0, 2)
        if norm.training or norm.running_mean is None:
            z = _standardise(y, dims, norm.eps, True)
        else:
            z = (y - norm.running_mean.view(1, -1, 1)) / (norm.running_var.view(1, -1, 1) + norm.eps).sqrt()
        return z if affine is None else z * norm.weight.view(1, -1, 1) + norm.bias.view(1, -1, 1)


def _standardise(t: Tensor, dims: tuple[int, ...], eps: float, centre: bool) -> Tensor:
    c = t - t.mean(dims, keepdim=True) if centre else t
    return c / (c.square().mean(dims, keepdim=True) + eps).sqrt()


class Small(nn.Module):
    """y = stem(x), z = norm(y), L = head(z): batch 4, 3 channels, 2 positions."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv1d(2, 3, 1), norm
        self.head = nn.Sequential(nn.Tanh(), nn.Flatten(), nn.Linear(6, 7), nn.Sigmoid(), nn.Linear(7, 5))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.stem(x)))


NORMS: dict[str, Callable[[], nn.Module]] = {
    "batch": lambda: nn.BatchNorm1d(3),
    "batch-eps": lambda: nn.BatchNorm1d(3, eps=0.3),
    "batch-eval": lambda: nn.BatchNorm1d(3).eval(),
    "batch-plain": lambda: nn.BatchNorm1d(3, affine=False),
    "batch-untracked": lambda: nn.BatchNorm1d(3, track_running_stats=False),
    "sync": lambda: SyncBatchNorm(3),
    "instance": lambda: nn.InstanceNorm1d(3, affine=True),
    "group": lambda: nn.GroupNorm(1, 3),
    "layer": lambda: nn.LayerNorm(2, eps=0.2),
    "rms": lambda: nn.RMSNorm(2, eps=0.2),
    "l1": lambda: LpNorm(3, 1, of="centred"),
    "l2-raw": lambda: LpNorm(3, 2),
}


def small(norm: nn.Module) -> tuple[Small, Tensor, Tensor]:
    torch.manual_seed(5)
    model = Small(norm).double()
    if getattr(norm, "weight", None) is not None:
        nn.init.uniform_(norm.weight, -2, 2)
    return model, torch.randn(4, 2, 2).double(), torch.randint(0, 5, (4,))


def dense(model: Small, x: Tensor, t: Tensor) -> dict[str, Tensor]:
    """g, v, H, B by plain differentiation of the composed functions of y and of z; flat, float64."""
    norm = Composed(model.norm)
    y = model.stem(x).detach()

    def loss_at_z(z: Tensor) -> Tensor:
        return F.cross_entropy(model.head(z.view(y.shape)), t)

    def loss_at_y(flat: Tensor) -> Tensor:
        return loss_at_z(norm(flat.view(y.shape)))

    z = norm(y).detach().flatten()
    flat = y.flatten()
    return {
        "z": z,
        "g": torch.autograd.functional.jacobian(loss_at_z, z),
        "v": torch.autograd.functional.jacobian(loss_at_y, flat),
        "H": torch.autograd.functional.hessian(loss_at_z, z),
        "B": torch.autograd.functional.hessian(loss_at_y, flat),
        "J": torch.autograd.functional.jacobian(lambda f: norm(f.view(y.shape)).flatten(), flat),
    }


@pytest.mark.parametrize("name", NORMS)
def test_the_whole_layer_agrees_with_a_dense_hessian(name: str) -> None:
    model, x, t = small(NORMS[name]())
    layer = audit(model, F.cross_entropy, x, t, second_order=True, probes=0).layers[0]
    d = dense(model, x, t)
    v, jv = d["v"], d["J"] @ d["v"]
    g = d["g"]
    weight = getattr(model.norm, "weight", None)
    if layer.folded and weight is not None:
        shape = (1, -1, 1) if name == "group" else (1, 1, -1)
        fold = weight.detach().view(shape).expand(4, 3, 2).flatten()
        d["H"], g = fold[:, None] * d["H"] * fold, fold * g
        jv = jv / fold
    assert layer.second is not None
    whole = layer.second.whole
    assert whole["bn_hess_bn"] == pytest.approx(float(v @ d["B"] @ v), rel=1e-9)
    assert whole["chain"] == pytest.approx(float(jv @ d["H"] @ jv), rel=1e-9)
    assert whole["hess_bn"] == pytest.approx(float(v @ d["H"] @ v), rel=1e-9)
    assert whole["hess_grad"] == pytest.approx(float(g @ d["H"] @ g), rel=1e-9)
    assert whole["smoothness"] == pytest.approx(float((d["B"] @ v).norm() / v.norm()), rel=1e-9)
    assert whole["hess_smoothness"] == pytest.approx(float((d["H"] @ g).norm() / g.norm()), rel=1e-9)


@pytest.mark.parametrize("name", ["batch", "batch-eps", "batch-eval", "sync", "l1"])
def test_a_single_channel_agrees_with_its_block_of_a_dense_hessian(name: str) -> None:
    model, x, t = small(NORMS[name]())
    layer = audit(model, F.cross_entropy, x, t, second_order=True, probes=0, channels=[2, 0]).layers[0]
    d = dense(model, x, t)
    second = layer.second
    assert second is not None
    assert second.labels == layer.labels == ("2", "0")
    for at, j in enumerate((2, 0)):
        mask = torch.zeros(4, 3, 2, dtype=torch.bool)
        mask[:, j] = True
        own = mask.flatten()
        B, H = d["B"][own][:, own], d["H"][own][:, own]
        v, g = d["v"][own], d["g"][own]
        jv = (d["J"] @ (d["v"] * own))[own]
        assert second.exact["bn_hess_bn"][at] == pytest.approx(float(v @ B @ v), rel=1e-9)
        assert second.exact["hess_bn"][at] == pytest.approx(float(v @ H @ v), rel=1e-9)
        assert second.exact["hess_grad"][at] == pytest.approx(float(g @ H @ g), rel=1e-9)
        assert second.exact["chain"][at] == pytest.approx(float(jv @ H @ jv), rel=1e-9)
        assert second.exact["smoothness"][at] == pytest.approx(float((B @ v).norm() / v.norm()), rel=1e-9)


@pytest.mark.parametrize("name", NORMS)
def test_the_curvature_identities_hold_to_rounding(name: str) -> None:
    model, x, t = small(NORMS[name]())
    layer = audit(model, F.cross_entropy, x, t, second_order=True, probes=0, channels=[0, 1]).layers[0]
    assert layer.second is not None
    keys = (
        "ext-eps.quadratic-form:formula",
        "ext-groups.rms-norm-form:eps",
        "running:curvature",
        "ext-lp.form:any",
    )
    asked = [rows for rows in layer.second.statements if rows.key in keys]
    assert len(asked) == 1
    for rows in asked:
        # At m = 2 the vectors 1 and y-hat span everything: v is 0 but for eps, and so are both sides.
        assert rows.finding == (("vacuous",) * 2 if name == "instance" else ("holds",) * 2)
        assert max(rows.residual) < 1e-13


def test_at_eps_zero_theorem_4_2_1_is_an_equality() -> None:
    model, x, t = small(SyncBatchNorm(3, eps=0.0))
    layer = audit(model, F.cross_entropy, x, t, second_order=True, probes=0, channels=[0, 1, 2]).layers[0]
    assert layer.second is not None
    rows = next(rows for rows in layer.second.statements if rows.key == "thm-4.2.1:printed")
    assert rows.finding == ("within_roundoff",) * 3
    assert rows.lhs == pytest.approx(rows.rhs, rel=1e-9)


class Shift(nn.Module):
    """A layer with a trainable zero added before or after it, so that curvlinops sees y or z as a parameter."""

    def __init__(self, layer: nn.Module, shape: torch.Size, after: bool) -> None:
        super().__init__()
        self.layer, self.after = layer, after
        self.shift = nn.Parameter(torch.zeros(shape).double())

    def forward(self, y: Tensor) -> Tensor:
        return self.layer(y) + self.shift if self.after else self.layer(y + self.shift)


@pytest.mark.filterwarnings("ignore:.*torch.jit.script.*")
@pytest.mark.parametrize("name", ["batch-untracked", "layer", "instance"])
def test_the_whole_layer_agrees_with_curvlinops(name: str) -> None:
    curvlinops = pytest.importorskip("curvlinops", reason="curvlinops is in the extra [bench]")
    model, x, t = small(NORMS[name]())
    layer = audit(model, F.cross_entropy, x, t, second_order=True, probes=0).layers[0]
    y = model.stem(x)
    forms = {}
    for key, after in (("bn_hess_bn", False), ("chain", True)):
        shifted = Shift(model.norm, y.shape, after)
        tail = nn.Sequential(shifted, model.head)
        # The shift has a batch in its shape, so the whole batch is one sample to curvlinops.
        operator = curvlinops.HessianLinearOperator(
            tail,
            nn.CrossEntropyLoss(),
            [shifted.shift],
            [(y.detach(), t)],
            check_deterministic=False,
        )
        loss = F.cross_entropy(tail(y.detach()), t)
        (u,) = torch.autograd.grad(loss, shifted.shift)
        if after:
            v = dense(model, x, t)["v"]
            u = (dense(model, x, t)["J"] @ v).view(y.shape)
        forms[key] = float(u.flatten() @ (operator @ u.flatten()))
    assert layer.second is not None
    assert layer.second.whole["bn_hess_bn"] == pytest.approx(forms["bn_hess_bn"], rel=1e-9)
    assert layer.second.whole["chain"] == pytest.approx(forms["chain"], rel=1e-9)


def test_the_estimate_is_unbiased_over_all_signs() -> None:
    """With as many probes as there are sign patterns, the mean over all of them is the exact block."""
    from bnverify.numerics.audit.capture.capture import Capture
    from bnverify.numerics.audit.capture.selection import covered_layers
    from bnverify.numerics.audit.table import curvature

    model, x, t = small(NORMS["batch"]())
    with Capture(covered_layers(model), retain=True).attached() as capture:
        loss = F.cross_entropy(model(x), t)
        ((_, point),) = curvature.points(loss, capture.calls)
    exact = curvature.exact_groups(point, [0, 1, 2], torch.ones_like(point.y))
    patterns = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 3).double()
    original = curvature.sign_probes
    curvature.sign_probes = lambda *_: patterns
    try:
        estimate, _ = curvature.estimated_groups(point, len(patterns))
    finally:
        curvature.sign_probes = original
    for key in ("v.Bv", "v.Hv", "g.Hg"):
        assert estimate.products[key].tolist() == pytest.approx(exact.products[key].tolist(), rel=1e-9)


def test_the_estimate_lies_within_its_standard_error() -> None:
    model, x, t = small(NORMS["batch"]())
    layer = audit(
        model, F.cross_entropy, x, t, second_order=True, probes=400, channels=[0, 1, 2], seed=1
    ).layers[0]
    second = layer.second
    assert second is not None
    for form in ("bn_hess_bn", "hess_bn", "hess_grad"):
        for value, mean, error in zip(
            second.exact[form], second.estimate[form], second.error[form], strict=True
        ):
            assert 0 < error < abs(value)
            assert abs(mean - value) < 5 * error


def test_a_linear_loss_has_no_curvature_but_that_of_the_layer() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)).double()
    x, w = torch.randn(6, 4).double(), torch.randn(6, 3).double()
    second = audit(model, lambda out: (out * w).sum(), x, second_order=True, probes=2).layers[0].second
    assert second is not None
    assert second.whole["chain"] == second.whole["hess_grad"] == 0
    assert second.whole["bend"] == second.whole["bn_hess_bn"] != 0


def test_negative_curvature_downstream_is_seen() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)).double()
    x = torch.randn(6, 4).double()
    for sign, share in ((1, 1.0), (-1, 0.0)):
        report = audit(model, lambda out, s=sign: s * (out + 1).pow(2).sum(), x, second_order=True)
        assert report.layers[0].second is not None
        assert report.layers[0].second.psd == share


class Segments(nn.Module):
    def __init__(self, reentrant: bool) -> None:
        super().__init__()
        self.model, self.reentrant = Small(nn.BatchNorm1d(3)), reentrant

    def forward(self, x: Tensor) -> Tensor:
        return self.model.head(checkpoint(self.model.norm, self.model.stem(x), use_reentrant=self.reentrant))


def test_second_order_passes_through_a_checkpoint() -> None:
    _, x, t = small(nn.BatchNorm1d(3))
    torch.manual_seed(2)
    model = Segments(False).double()
    want = audit(model.model, F.cross_entropy, x, t, second_order=True, probes=0).layers[0].second
    got = audit(model, F.cross_entropy, x, t, second_order=True, probes=0).layers[0].second
    assert got is not None
    assert want is not None
    assert got.whole == pytest.approx(want.whole, rel=1e-11)


def test_second_order_through_a_reentrant_checkpoint_is_refused_with_the_way_out() -> None:
    _, x, t = small(nn.BatchNorm1d(3))
    with pytest.raises(InputError, match="use_reentrant=False"):
        audit(Segments(True).double(), F.cross_entropy, x, t, second_order=True)


def test_second_order_sees_the_dropout_mask_of_first_order() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Dropout(0.5), nn.Tanh(), nn.Linear(6, 5)
    ).double()
    x, t = torch.randn(8, 4).double(), torch.randint(0, 5, (8,))
    layer = audit(model, F.cross_entropy, x, t, second_order=True, probes=0, channels=list(range(6))).layers[
        0
    ]
    assert layer.second is not None
    rows = next(rows for rows in layer.second.statements if rows.id == "ext-eps.quadratic-form")
    assert set(rows.finding) == {"holds"}
