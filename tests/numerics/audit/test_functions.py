"""Normalisation that is called as a function is one entry a call, whatever class calls it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from bnverify.numerics.audit.run import audit
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


class Own(nn.BatchNorm1d):
    """A subclass with a forward pass of its own, as many libraries have."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(super().forward(x))


class Channels(nn.Module):
    """Layer normalisation over the channels of an image: the layer is not the module, the axes are moved."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.randn(count)), nn.Parameter(torch.randn(count))

    def forward(self, x: Tensor) -> Tensor:
        moved = x.permute(0, 2, 3, 1)
        return F.layer_norm(moved, (x.shape[1],), self.weight, self.bias, 1e-6).permute(0, 3, 1, 2)


def function(name: str) -> Callable[[Tensor], Tensor]:
    weight, bias = torch.rand(6).double() + 0.5, torch.randn(6).double()
    return {
        "F.batch_norm": lambda y: F.batch_norm(y, None, None, weight, bias, True, eps=1e-4),
        "torch.batch_norm": lambda y: torch.batch_norm(
            y, weight, bias, None, None, training=True, momentum=0.1, eps=1e-4, cudnn_enabled=False
        ),
        "native_batch_norm": lambda y: torch.native_batch_norm(y, weight, bias, None, None, True, 0.1, 1e-4)[
            0
        ],
        "F.layer_norm": lambda y: F.layer_norm(y, [4], eps=1e-4),
        "torch.layer_norm": lambda y: torch.layer_norm(y, [4], eps=1e-4),
        "native_layer_norm": lambda y: torch.native_layer_norm(y, [4], None, None, 1e-4)[0],
        "aten.native_layer_norm": lambda y: torch.ops.aten.native_layer_norm(y, [4], None, None, 1e-4)[0],
        "F.group_norm": lambda y: F.group_norm(y, 2, weight, bias, eps=1e-4),
        "torch.group_norm": lambda y: torch.group_norm(y, 2, weight, bias, 1e-4),
        "aten.group_norm": lambda y: torch.ops.aten.group_norm.default(y, 2, weight, bias, 1e-4),
        "F.instance_norm": lambda y: F.instance_norm(y, weight=weight, bias=bias, eps=1e-4),
        "F.rms_norm": lambda y: F.rms_norm(y, [4], eps=1e-4),
        "torch.rms_norm": lambda y: torch.rms_norm(y, [4], None, 1e-4),
    }[name]


EVERY = (
    *("F.batch_norm", "torch.batch_norm", "native_batch_norm", "F.layer_norm", "torch.layer_norm"),
    *("native_layer_norm", "aten.native_layer_norm", "F.group_norm", "torch.group_norm", "aten.group_norm"),
    *("F.instance_norm", "F.rms_norm", "torch.rms_norm"),
)


class Calls(nn.Module):
    def __init__(self, called: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.mix, self.called = nn.Linear(4, 4), called

    def forward(self, x: Tensor) -> Tensor:
        return self.called(self.mix(x)).pow(3)


@pytest.mark.parametrize("name", EVERY)
def test_every_form_of_a_function_is_seen_with_its_arguments(name: str) -> None:
    torch.manual_seed(0)
    x = torch.randn(5, 6, 4)
    model = Calls(function(name)).double()
    report = audit(model, lambda out: out.sum(), x.double())
    (layer,) = report.layers
    groups = {"batch": 6, "layer": 30, "group": 10, "instance": 30, "rms": 30}
    assert layer.name == "Calls"
    assert layer.eps == 1e-4
    assert len(layer.labels) == next(count for key, count in groups.items() if key in name)
    y = model.mix(x.double()).detach().requires_grad_()
    (v,) = torch.autograd.grad(model.called(y).pow(3).sum(), y)
    assert layer.total("grad_in_sq") == pytest.approx(float(v.square().sum()), rel=1e-12)
    assert report.failures == ()


def test_a_subclass_with_a_forward_pass_of_its_own_is_one_layer() -> None:
    model = nn.Sequential(nn.Linear(4, 6), Own(6), nn.Linear(6, 1))
    plain = nn.Sequential(model[0], nn.BatchNorm1d(6), nn.Tanh(), model[2])
    x = torch.randn(32, 4)
    (got,), (want,) = (audit(m, lambda out: out.pow(2).mean(), x).layers for m in (model, plain))
    assert (got.name, got.kind) == ("1", "Own")
    assert got.columns == want.columns


def test_a_functional_layer_has_the_name_of_the_module_that_calls_it() -> None:
    model = nn.Sequential(nn.Conv2d(3, 6, 3), Channels(6), nn.Flatten(), nn.Linear(6 * 49, 1))
    report = audit(model, lambda out: out.pow(2).sum(), torch.randn(8, 3, 9, 9), dtype=torch.float64)
    (layer,) = report.layers
    assert (layer.name, layer.kind, layer.eps, layer.folded) == ("1", "F.layer_norm", 1e-6, True)
    assert set(layer.columns["size"]) == {6.0}
    assert report.failures == ()
    assert report.not_covered == ()


def test_layers_that_were_not_asked_for_are_no_entries_and_have_no_say() -> None:
    model = nn.Sequential(nn.Linear(4, 6), Own(6), nn.Linear(6, 6), Own(6), nn.Linear(6, 1))
    report = audit(model, lambda out: out.pow(2).mean(), torch.randn(9, 4), layers=["3"])
    assert [layer.name for layer in report.layers] == ["3"]


def test_a_model_that_is_the_layer_has_a_name() -> None:
    for norm, x in ((nn.LayerNorm(6), torch.randn(4, 6)), (Own(6), torch.randn(4, 6))):
        (layer,) = audit(norm, lambda out: out.pow(3).sum(), x).layers
        assert layer.name == type(norm).__name__


class Projected(nn.Module):
    """A loss with a batch normalisation and a buffer of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.Linear(6, 6), nn.BatchNorm1d(6))
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, out: Tensor) -> Tensor:
        self.seen += 1
        return -F.cosine_similarity(self.head(out), out.detach()).mean()


def test_layers_inside_the_loss_are_audited_and_left_as_they_were() -> None:
    loss = Projected()
    before = {key: value.clone() for key, value in loss.state_dict().items()}
    model = nn.Sequential(nn.Linear(4, 6), nn.LayerNorm(6))
    for dtype in (None, torch.float64):
        report = audit(model, loss, torch.randn(16, 4), dtype=dtype)
        assert [layer.name for layer in report.layers] == ["1", "loss.head.1"]
        assert report.failures == ()
    report = audit(model, lambda out: loss(out), torch.randn(16, 4))
    assert [layer.name for layer in report.layers] == ["1", "loss.head.1"]
    assert all(torch.equal(value, before[key]) for key, value in loss.state_dict().items())


class Segment(nn.Module):
    def __init__(self, reentrant: bool | None) -> None:
        super().__init__()
        self.stem, self.conv, self.out = nn.BatchNorm2d(3), nn.Conv2d(3, 3, 3), nn.Linear(48, 1)
        self.norm, self.reentrant = Channels(3), reentrant

    def part(self, x: Tensor) -> Tensor:
        return F.softplus(self.norm(self.conv(x)))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        checked = self.reentrant is not None
        y = checkpoint(self.part, x, use_reentrant=self.reentrant) if checked else self.part(x)
        return self.out(y.flatten(1))


@pytest.mark.parametrize("options", [{}, {"second_order": True, "probes": 2}], ids=["first", "second"])
@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointing_changes_no_number_of_a_functional_layer(
    reentrant: bool, options: dict[str, Any]
) -> None:
    if reentrant and options:
        pytest.skip("re-entrant checkpoints have no second derivative, which another test holds")
    torch.manual_seed(0)
    model, x = Segment(reentrant).double(), torch.randn(8, 3, 6, 6, dtype=torch.float64)
    plain = Segment(None).double()
    plain.load_state_dict(model.state_dict())
    got, want = (audit(m, lambda out: out.pow(2).mean(), x, **options) for m in (model, plain))
    assert [layer.name for layer in got.layers] == ["stem", "norm"]
    for a, b in zip(got.layers, want.layers, strict=True):
        for column, values in a.columns.items():
            assert values == pytest.approx(b.columns[column], rel=1e-11, abs=1e-14), (a.name, column)
        if options:
            assert a.second is not None
            assert b.second is not None
            assert a.second.whole == pytest.approx(b.second.whole, rel=1e-9)


class Decoder(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, dropout=0.0)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(8))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x, src_mask=self.mask)


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_an_infinite_mask_is_no_error(mode: Any) -> None:
    report = audit(Decoder(), lambda out: out.pow(2).mean(), torch.randn(4, 8, 16), mode=mode)
    assert [layer.name for layer in report.layers] == ["layer.norm1", "layer.norm2"]
    assert report.failures == ()


@pytest.mark.parametrize("value", [0.0, 3.7, -1e6])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_constant_channels_have_numbers_like_any_other(value: float, dtype: torch.dtype) -> None:
    x = torch.randn(8, 3, 9, 9, generator=torch.Generator().manual_seed(0)).to(dtype)
    x[:, 1] = value
    model = nn.Sequential(nn.Identity(), nn.BatchNorm2d(3)).to(dtype)
    weights = torch.randn(x.shape, generator=torch.Generator().manual_seed(1)).to(dtype)
    report = audit(model, lambda out: (out * weights).sum(), x)
    (layer,) = report.layers
    assert report.failures == ()
    assert layer.columns["s"][1] == pytest.approx(1e-5**0.5, rel=1e-2 if abs(value) > 1e5 else 1e-3)
    gradient = layer.statement("ext-eps.gradient:formula")
    assert gradient is not None
    # So far from 0, float32 has no digit left that could tell.
    assert set(gradient.finding) == {"holds"} | (
        {"vacuous"} if value < -1e5 and dtype is torch.float32 else set()
    )


def test_a_constant_row_of_a_layer_norm_has_a_finite_and_huge_gradient() -> None:
    norm = nn.Sequential(nn.LayerNorm(256))
    x, g = torch.full((1, 256), 1234.0), torch.arange(256.0)
    (layer,) = audit(norm, lambda out: (out * g).sum(), x, dtype=torch.float64).layers
    largest = 127.5 / 1e-5**0.5
    want = sum(((k - 127.5) / 127.5 * largest) ** 2 for k in range(256))
    assert largest == pytest.approx(40319.04, rel=1e-6)
    assert layer.total("grad_in_sq") == pytest.approx(want, rel=1e-9)


def test_padded_rows_are_counted_and_the_rest_is_audited() -> None:
    emb = nn.Embedding(10, 8, padding_idx=0)
    ids = torch.randint(1, 10, (4, 10))
    ids[0, 6:], ids[1, 7:] = 0, 0
    model = nn.Sequential(emb, nn.LayerNorm(8), nn.Linear(8, 1))
    report = audit(model, lambda out: out.mean(), ids, dtype=torch.float64)
    assert report.layers[0].constant == (6, 7, 8, 9, 17, 18, 19)
    assert report.failures == ()


def test_a_packed_sequence_is_one_input() -> None:
    class Packed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell, self.norm = nn.GRU(4, 6, batch_first=True), nn.LayerNorm(6)

        def forward(self, packed: Any) -> Tensor:
            return self.norm(self.cell(packed)[0].data)

    packed = nn.utils.rnn.pack_sequence([torch.randn(5, 4), torch.randn(3, 4)])
    (layer,) = audit(Packed(), lambda out: out.pow(3).sum(), packed).layers
    assert len(layer.labels) == 8


def test_a_model_that_needs_its_own_dtype_is_audited_in_it() -> None:
    class Fixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.table = nn.LayerNorm(4), [torch.randn(4, 4)]

        def forward(self, x: Tensor) -> Tensor:
            return self.norm(x) @ self.table[0]

    report = audit(Fixed(), lambda out: out.pow(2).sum(), torch.randn(3, 4), dtype=torch.float64)
    assert report.layers[0].dtype == "float32"
    assert "audited in its own dtype" in report.environment["dtype_note"]


def test_a_batch_whose_model_returns_its_loss_needs_no_other() -> None:
    class Output(dict):
        pass

    class Labelled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm, self.head = nn.LayerNorm(4), nn.Linear(4, 3)

        def forward(self, x: Tensor, labels: Tensor) -> Output:
            logits = self.head(self.norm(x))
            return Output(loss=F.cross_entropy(logits, labels), logits=logits)

    batch = {"x": torch.randn(5, 4), "labels": torch.randint(0, 3, (5,))}
    assert audit(Labelled(), None, batch).layers[0].name == "norm"


class Cosine(nn.Module):
    """Directions along an axis, and a weight whose rows are made directions as well."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis, self.weight = axis, nn.Parameter(torch.randn(6, 6))

    def forward(self, x: Tensor) -> Tensor:
        return F.normalize(x, dim=self.axis) @ F.normalize(self.weight, dim=0)


@pytest.mark.parametrize("axis", [1, 2])
def test_a_function_that_divides_by_the_norm_is_a_layer_and_of_a_weight_it_is_none(axis: int) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), Cosine(axis)).double()
    x = torch.randn(3, 5, 4).double()
    report = audit(model, lambda out: out.pow(3).sum(), x)
    assert report.failures == ()
    (layer,) = report.layers
    assert (layer.name, layer.kind, layer.family, len(layer.labels)) == (
        "1",
        "F.normalize",
        "rms",
        15 if axis == 2 else 18,
    )
    y = model[0](x).detach().requires_grad_()
    z = F.normalize(y, dim=axis)
    (g,) = torch.autograd.grad((z @ F.normalize(model[1].weight, dim=0)).pow(3).sum(), z, retain_graph=True)
    (v,) = torch.autograd.grad(z, y, g)
    assert layer.total("grad_in_sq") == pytest.approx(float(v.square().sum()), rel=1e-12)
    assert layer.total("grad_out_sq") == pytest.approx(float(g.square().sum()), rel=1e-12)
    assert layer.backward is not None
    assert layer.backward.verdict == "right"
