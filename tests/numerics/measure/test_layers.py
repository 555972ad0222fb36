"""The extensions hold for PyTorch's own layers, at their own eps: every side by autograd of the layer."""

import pytest
import torch
from bnverify.theory.registry import registry
from torch import nn

from bnverify.testing import assert_holds

pytestmark = pytest.mark.property


def proved(*ids: str) -> list[tuple[str, str]]:
    """What is proved without hypotheses in these claims, as names and texts."""
    found = []
    for claim in map(registry().__getitem__, ids):
        stated = [(reading.slug, reading) for reading in claim.readings]
        stated += [("corrected", claim.corrected)] if claim.corrected else []
        found += [
            (f"{claim.id}-{slug}", item.says)
            for slug, item in stated
            if item.proof is not None and not item.hypotheses and getattr(item, "refutation", None) is None
        ]
    return found


def layer(kind: type[nn.Module], **more: object) -> nn.Module:
    made = kind(5, **more).to(torch.float64)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.linspace(-1, 2, 5))
    return made


CASES = [
    *((nn.BatchNorm1d, text, name) for name, text in proved("ext-eps.gradient", "ext-eps.thm-4.1")),
    *((nn.LayerNorm, text, name) for name, text in proved("ext-groups.layer-norm")),
    *((nn.RMSNorm, text, name) for name, text in proved("ext-groups.rms-norm")),
]


@pytest.mark.parametrize(("kind", "text"), [pytest.param(k, t, id=n) for k, t, n in CASES])
def test_a_statement_that_is_proved_holds_for_the_layer(kind: type[nn.Module], text: str) -> None:
    made = layer(kind, eps=0.01) if kind is nn.RMSNorm else layer(kind)
    assert_holds(text, made, examples=40, vectors=[x for x in ("a", "b") if f" {x}" in f" {text} "])


def test_a_slip_in_such_a_statement_is_seen() -> None:
    (_, text), *_ = proved("ext-groups.rms-norm")
    left, right = text.split(" == ")
    with pytest.raises(AssertionError, match="does not hold"):
        assert_holds(f"{left} == 2*({right})", layer(nn.RMSNorm, eps=0.01), examples=40)
