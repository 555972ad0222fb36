"""First order of an audit against plain autograd, on networks in the shapes of well-known ones."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from bnverify.numerics.audit.capture.capture import _unviewed
from bnverify.numerics.audit.capture.selection import covered_layers
from bnverify.numerics.audit.report import LayerAudit
from bnverify.numerics.audit.run import audit
from bnverify.numerics.measure.norms import LpNorm, Noise, NoisyBatchNorm, SyncBatchNorm
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


def groups_of(kind: str, module: Any, t: Tensor) -> Tensor:
    """(groups, m): the reference reading of a layer's tensor, written out per type."""
    match kind:
        case "LayerNorm" | "RMSNorm":
            return t.flatten(-len(module.normalized_shape)).reshape(-1, module.normalized_shape[-1])
        case "GroupNorm":
            return t.reshape(t.shape[0] * module.num_groups, -1)
        case "InstanceNorm1d" | "InstanceNorm2d" | "InstanceNorm3d":
            return t.flatten(2).flatten(0, 1)
        case _:
            return t.transpose(0, 1).flatten(1)


def expected(layer: LayerAudit, module: Any, y: Tensor, g: Tensor, v: Tensor) -> dict[str, Tensor]:
    y2, g2, v2 = (groups_of(layer.kind, module, t) for t in (y, g, v))
    m = y2.shape[1]
    weight = getattr(module, "weight", None)
    mean = y2.mean(1) * (layer.kind != "RMSNorm")
    var = (y2 - mean[:, None]).square().mean(1)
    if layer.family == "fixed":
        mean, var = module.running_mean, module.running_var
    yhat = (y2 - mean[:, None]) / (var + layer.eps).sqrt()[:, None]
    out_sq = g2.square().sum(1)
    if layer.folded:
        shape = (1, -1, *[1] * (y.dim() - 2)) if layer.kind == "GroupNorm" else weight.shape
        g2 = groups_of(layer.kind, module, g * weight.reshape(shape))
    return {
        "size": torch.full((len(y2),), float(m), dtype=y.dtype),
        "mean": mean,
        "sigma": var.sqrt(),
        "grad_in_sq": v2.square().sum(1),
        "grad_out_sq": out_sq,
        "grad_sq": g2.square().sum(1),
        "grad_sum": g2.sum(1),
        "grad_proj": (g2 * yhat).sum(1),
    }


def assert_parity(item: Any, reference: Any, **options: Any) -> None:
    report = audit(*item.args, **options)
    names = list(covered_layers(item.model))
    assert [layer.name for layer in report.layers if layer.call == 0] == names
    loss, probes = reference(item, names)
    assert report.environment["loss"] == pytest.approx({report.layers[0].mode: loss.item()}, rel=1e-12)
    for layer in report.layers:
        seen = probes[layer.name].seen[layer.call]
        v, g = torch.autograd.grad(loss, [seen.before, seen.after], retain_graph=True)
        want = expected(layer, probes[layer.name].layer, seen.y.detach(), g, v)
        for column, values in want.items():
            got = torch.tensor(layer.columns[column], dtype=values.dtype)
            scale = values.abs().max()
            if column in ("grad_sum", "grad_proj"):
                scale = (want["grad_sq"] * want["size"]).max().sqrt()
            assert (got - values).abs().max() <= 1e-11 * scale, (layer.title, column)
    assert report.failures == ()


def test_every_architecture_agrees_with_plain_autograd(architecture: Any, reference: Any) -> None:
    assert_parity(architecture, reference)


def test_every_identity_holds_to_rounding_on_every_architecture(architecture: Any) -> None:
    for layer in audit(*architecture.args, mode="both").layers:
        for rows in layer.statements:
            if rows.op == "eq" and rows.asserted:
                idle = [grad == 0 for grad in layer.columns["grad_sq"]]
                want = tuple("outside_assumptions" if none else "holds" for none in idle)
                assert rows.finding == want, (layer.title, rows.key)
                assert max(rows.residual) < 1e-13, (layer.title, rows.key)


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_each_mode_is_that_mode_of_the_model(case: Any, reference: Any, mode: str) -> None:
    item = case("vgg")
    item.model.train(mode == "train")
    report = audit(*item.args, mode=mode)
    assert {layer.mode for layer in report.layers} == {mode}
    assert {layer.family for layer in report.layers} == ({"centred"} if mode == "train" else {"fixed"})
    assert_parity(item, reference)


def test_under_running_statistics_nothing_is_removed(case: Any) -> None:
    for layer in audit(*case("vgg").args, mode="eval").layers:
        assert layer.shares == pytest.approx({"term_mean": 0, "term_yhat": 0, "kept": 1})


def test_a_frozen_layer_in_a_training_network_keeps_its_running_statistics(case: Any, reference: Any) -> None:
    item = case("vgg")
    item.model[1].eval()
    assert_parity(item, reference)
    families = [layer.family for layer in audit(*item.args).layers]
    assert families == ["fixed", "centred"]


class Twice(nn.Module):
    """One layer object, called three times; its input also goes on elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm, self.mix = nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.Conv2d(6, 6, 1)
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        h = self.stem(x)
        for _ in range(3):
            h = h + torch.tanh(self.mix(self.norm(h)))
        return self.head(h.mean((2, 3)))


def test_every_call_of_a_shared_layer_has_its_own_rows(case: Any, reference: Any) -> None:
    item = case(Twice())
    assert_parity(item, reference)
    assert [layer.call for layer in audit(*item.args).layers] == [0, 1, 2]


class Checkpointed(nn.Module):
    def __init__(self, reentrant: bool) -> None:
        super().__init__()
        self.reentrant = reentrant
        self.stem = nn.Conv2d(3, 6, 3)
        self.norm = nn.BatchNorm2d(6)
        self.block = nn.Sequential(
            nn.ReLU(inplace=True), nn.Conv2d(6, 6, 3), nn.Dropout(0.2), nn.BatchNorm2d(6)
        )
        self.head = nn.Linear(6, 5)

    def segment(self, h: Tensor) -> Tensor:
        return self.block(self.norm(h))

    def forward(self, x: Tensor) -> Tensor:
        h = self.stem(x)
        for _ in range(2):
            h = h + F.pad(checkpoint(self.segment, h, use_reentrant=self.reentrant), (1, 1, 1, 1))
        return self.head(h.mean((2, 3)))


@pytest.mark.parametrize("reentrant", [False, True], ids=["non-reentrant", "reentrant"])
def test_checkpointing_changes_no_number(case: Any, reentrant: bool) -> None:
    item, plain = case(Checkpointed(reentrant)), case(Checkpointed(reentrant))
    plain.model.load_state_dict(item.model.state_dict())
    plain.model.forward = lambda x: _unchecked(plain.model, x)
    torch.manual_seed(3)
    got = audit(*item.args)
    torch.manual_seed(3)
    want = audit(*plain.args)
    assert [layer.title for layer in got.layers] == [layer.title for layer in want.layers]
    assert len(got.layers) == 4
    for a, b in zip(got.layers, want.layers, strict=True):
        for column in a.columns:
            assert a.columns[column] == pytest.approx(b.columns[column], rel=1e-11, abs=1e-14), (
                a.title,
                column,
            )


def _unchecked(model: Any, x: Tensor) -> Tensor:
    h = model.stem(x)
    for _ in range(2):
        h = h + F.pad(model.segment(h), (1, 1, 1, 1))
    return model.head(h.mean((2, 3)))


@pytest.mark.parametrize(
    "norm",
    [
        nn.BatchNorm2d(6, affine=False),
        nn.BatchNorm2d(6, track_running_stats=False).eval(),
        nn.BatchNorm2d(6, momentum=None),
        nn.SyncBatchNorm(6),
        SyncBatchNorm(6),
        nn.GroupNorm(3, 6),
        nn.GroupNorm(2, 6, affine=False),
        nn.InstanceNorm2d(6, track_running_stats=True),
        nn.LayerNorm([6, 6, 6]),
        nn.LayerNorm(6, elementwise_affine=False),
        nn.RMSNorm(6),
        nn.RMSNorm([6], eps=0.1, elementwise_affine=False),
    ],
    ids=str,
)
def test_every_covered_layer_is_measured_right(case: Any, reference: Any, norm: nn.Module) -> None:
    item = case(nn.Sequential(nn.Conv2d(3, 6, 3), norm, nn.Sigmoid(), nn.Flatten(), nn.Linear(216, 5)))
    if isinstance(norm, nn.LayerNorm) and len(norm.normalized_shape) == 3:
        report = audit(*item.args)
        assert report.layers[0].columns["size"] == (216.0,) * 6
        assert report.failures == ()
        return
    assert_parity(item, reference)


@pytest.mark.parametrize("rank", [1, 3])
@pytest.mark.parametrize("kind", ["BatchNorm", "InstanceNorm"])
def test_layers_of_other_ranks_are_measured_right(case: Any, reference: Any, kind: str, rank: int) -> None:
    norm = getattr(nn, f"{kind}{rank}d")(3, affine=True)
    shape = (3, 64) if rank == 1 else (3, 4, 4, 4)
    head = nn.Linear(192, 5)
    item = case(
        nn.Sequential(nn.Flatten(), nn.Linear(192, 192), nn.Unflatten(1, shape), norm, nn.Flatten(), head)
    )
    assert_parity(item, reference)


@pytest.mark.parametrize("p", [1, 2, float("inf")])
@pytest.mark.parametrize("average", ["power-mean", "norm-over-m", "layer-mean", "sample-mean"])
@pytest.mark.parametrize("of", ["raw", "centred"])
def test_lp_layers_close_their_identity(case: Any, p: float, average: Any, of: Any) -> None:
    norm = LpNorm(6, p, average=average, of=of)
    item = case(nn.Sequential(nn.Conv2d(3, 6, 3), norm, nn.Tanh(), nn.Flatten(), nn.Linear(216, 5)))
    report = audit(*item.args, mode="both")
    assert [layer.family for layer in report.layers] == ["lp", "fixed"]
    assert report.failures == ()
    key = "ext-lp.shared:unit" if average in ("layer-mean", "sample-mean") else "ext-lp.shared:corrected"
    gradient = report.layers[0].statement(key)
    assert gradient is not None
    assert max(gradient.residual) < 1e-13


@pytest.mark.parametrize("place", ["output", "whitened"])
def test_noisy_layers_close_the_identities_of_the_layer_inside(case: Any, place: Any) -> None:
    norm = NoisyBatchNorm(nn.BatchNorm2d(6), Noise(6, seed=4), place=place)
    item = case(nn.Sequential(nn.Conv2d(3, 6, 3), norm, nn.Tanh(), nn.Flatten(), nn.Linear(216, 5)))
    report = audit(*item.args)
    assert [(layer.name, layer.kind, layer.folded) for layer in report.layers] == [
        ("1", "NoisyBatchNorm", True)
    ]
    assert report.failures == ()
    assert {rows.key for rows in report.layers[0].statements if set(rows.finding) == {"holds"}} >= {
        "ext-groups.layer-norm:formula",
        "fact-C.1:mean",
    }


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_other_precisions_agree_to_their_own_rounding(case: Any, dtype: torch.dtype) -> None:
    item = case("resnet-pre", dtype=dtype)
    low, high = audit(*item.args), audit(*item.args, dtype=torch.float64)
    assert {layer.dtype for layer in low.layers} == {str(dtype).removeprefix("torch.")}
    assert {layer.dtype for layer in high.layers} == {"float64"}
    assert low.failures == high.failures == ()
    tolerance = 2e-3 if dtype is torch.float32 else 0.5
    for a, b in zip(low.layers, high.layers, strict=True):
        assert a.total("grad_in_sq") == pytest.approx(b.total("grad_in_sq"), rel=tolerance)


def test_the_first_layer_of_frozen_data_has_a_gradient_too(case: Any, reference: Any) -> None:
    item = case(
        nn.Sequential(
            nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 5)
        )
    )
    item.model.requires_grad_(False)
    assert_parity(item, reference)


def test_the_printed_theorem_fails_and_the_corrected_one_holds(case: Any) -> None:
    for layer in audit(*case("vgg").args).layers:
        printed, corrected = (
            layer.statement("thm-4.1:printed"),
            layer.statement("ext-eps.thm-4.1:sigma-read-as-s"),
        )
        assert printed is not None
        assert corrected is not None
        assert "violated" in printed.finding
        assert "violated" not in corrected.finding


def test_rows_name_mode_layer_and_channel(case: Any) -> None:
    report = audit(*case("vgg").args, mode="both", layers=["1"], channels=[0, 5])
    keys = [(row["mode"], row["layer"], row["channel"]) for row in report.rows]
    assert keys == [("train", "1", "0"), ("train", "1", "5"), ("eval", "1", "0"), ("eval", "1", "5")]
    assert report.rows[0]["ext-eps.gradient:formula:finding"] == "holds"


def test_a_layer_whose_output_is_off_is_outside_the_theory(case: Any) -> None:
    item = case("vgg")
    layer = item.model[1]
    layer.forward = lambda y: 2 * type(layer).forward(layer, y)
    report = audit(*item.args)
    off, other = report.layers
    assert report.failures == ()
    assert "outside the assumptions" in off.outside_theory
    assert {finding for rows in off.statements for finding in rows.finding} == {"outside_assumptions"}
    assert (other.outside_theory, other.diagnosis) == ("", "")


@pytest.mark.parametrize("name", ["vgg", "unet", "transformer", "mlp"])
def test_a_failing_identity_is_blamed_on_the_tool_where_the_output_is_right(
    case: Any, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from bnverify.numerics.audit import passes
    from bnverify.numerics.audit.table import reductions

    def off(*args: Any) -> dict[str, Tensor]:
        return {
            key: value * 1.01 if key == "v.v" else value
            for key, value in reductions.first_order(*args).items()
        }

    monkeypatch.setattr(passes, "first_order", off)
    item = case(name)
    for mode in ("train", "eval"):
        report = audit(*item.args, mode=mode)
        assert report.failures
        assert all("bug in bnverify" in layer.diagnosis for layer, _ in report.failures)


def test_the_three_shares_add_up_and_the_cosine_has_the_sign_of_its_product(architecture: Any) -> None:
    for layer in audit(*architecture.args).layers:
        columns = layer.columns
        for index, grad in enumerate(columns["grad_sq"]):
            if grad == 0:
                continue
            shares = (columns[name][index] for name in ("term_mean", "term_yhat", "kept"))
            assert sum(shares) == pytest.approx(1, rel=1e-9)
            size = (columns["size"][index] * columns["rho"][index] * grad) ** 0.5
            assert columns["cosine"][index] == pytest.approx(columns["grad_proj"][index] / size, rel=1e-9)


def test_a_view_of_part_of_a_tensor_is_not_taken_for_the_whole() -> None:
    base = torch.randn(4, 3, requires_grad=True) * 2
    assert _unviewed(base) is base
    assert _unviewed(base.view(12)) is base
    assert _unviewed(base[:2]) is None
    assert _unviewed(base.t()) is None


def test_rows_become_a_data_frame(case: Any) -> None:
    pytest.importorskip("pandas", reason="pandas is in the extra [pandas]")
    report = audit(*case("vgg").args)
    frame = report.to_pandas()
    assert len(frame) == len(report.rows) == 14
    assert set(frame["layer"]) == {"1", "5"}
    assert list(frame["grad_in_sq"][:6]) == list(report.layers[0].columns["grad_in_sq"])


def test_the_front_exports_it() -> None:
    import bnverify

    assert bnverify.audit.__name__ == audit.__name__
