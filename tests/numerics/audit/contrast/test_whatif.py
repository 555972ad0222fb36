"""Another normalisation with the same activations: exact cases by hand, and the two that have to agree."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from bnverify.numerics.audit.contrast.whatif import OTHERS, what_if
from bnverify.numerics.audit.run import audit
from torch import nn

from bnverify.base.errors import InputError


def images() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(3, 8, 3, bias=False),
        nn.BatchNorm2d(8, eps=1e-12),
        nn.ReLU(inplace=True),
        nn.Conv2d(8, 16, 3),
        nn.GroupNorm(1, 16, eps=1e-12),
        nn.Softplus(),
        nn.Flatten(),
        nn.Linear(256, 5),
    ).double()
    for layer in (model[1], model[4]):
        nn.init.uniform_(layer.weight, 0.5, 2.0)
    return model, torch.randn(6, 3, 8, 8).double(), torch.randint(0, 5, (6,))


def tokens() -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 16), nn.LayerNorm(16, eps=1e-12), nn.Tanh(), nn.Linear(16, 5)).double()
    nn.init.uniform_(model[1].weight, 0.5, 2.0)
    return model, torch.randn(6, 7, 4).double(), torch.randint(0, 5, (6, 7))


def sequence_loss(out: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(out.transpose(1, 2), targets)


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.parametrize("make", [images, tokens])
def test_the_activations_stay_what_they_are(make: object, other: str) -> None:
    model, x, t = make()  # type: ignore[operator]
    loss = F.cross_entropy if make is images else sequence_loss
    for item in what_if(model, loss, x, t, other=other):
        assert item.activations_apart < 1e-12


@pytest.mark.parametrize(
    ("make", "layer", "other"),
    [(images, "1", "batch-norm"), (images, "4", "layer-norm"), (tokens, "1", "layer-norm")],
)
def test_a_layer_in_its_own_place_changes_nothing(make: object, layer: str, other: str) -> None:
    model, x, t = make()  # type: ignore[operator]
    loss = F.cross_entropy if make is images else sequence_loss
    (item,) = what_if(model, loss, x, t, other=other, layers=[layer])
    assert item.after.gradient == pytest.approx(item.before.gradient, rel=1e-10)
    assert item.after.curvature == pytest.approx(item.before.curvature, rel=1e-8)


def test_without_a_normalisation_the_gradient_is_scaled_and_the_bound_is_met() -> None:
    model, x, t = images()
    for item in what_if(model, F.cross_entropy, x, t, other="none"):
        assert item.after.tightness == pytest.approx(1.0, rel=1e-12)


def test_the_side_as_it_is_is_that_of_the_audit() -> None:
    model, x, t = images()
    report = audit(model, F.cross_entropy, x, t, second_order=True, probes=0)
    for item, layer in zip(what_if(model, F.cross_entropy, x, t, other="none"), report.layers, strict=True):
        assert item.before.gradient == pytest.approx(layer.total("grad_in_sq") ** 0.5, rel=1e-12)
        assert layer.second is not None
        want = layer.second.whole["bn_hess_bn"] / layer.total("grad_in_sq")
        assert item.before.curvature == pytest.approx(want, rel=1e-9)


def test_the_model_is_left_as_it_was() -> None:
    model, x, t = images()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    what_if(model, F.cross_entropy, x, t, other="group-norm")
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert "forward" not in model[1].__dict__


@pytest.mark.parametrize(
    ("options", "message"),
    [({"other": "weight-norm"}, "is unknown"), ({"other": "none", "layers": ["9"]}, "did you mean")],
)
def test_bad_input_is_answered_with_the_way_out(options: dict[str, object], message: str) -> None:
    model, x, t = images()
    with pytest.raises(InputError, match=message):
        what_if(model, F.cross_entropy, x, t, **options)  # type: ignore[arg-type]
