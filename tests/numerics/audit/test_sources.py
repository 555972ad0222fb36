"""Models of other libraries by name: small, random, audited whole; bad names are one line."""

from __future__ import annotations

import pytest
from bnverify.numerics.audit import sources
from bnverify.numerics.audit.run import audit

from bnverify.base.errors import InputError


def installed(name: str) -> None:
    try:
        sources.imported(name)
    except ImportError:
        pytest.skip(f"{name} is in the extra [models]")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "layers", "kind", "said"),
    [
        ("timm:test_vit", 0, "LayerNorm", ""),
        ("timm:test_byobnet", 0, "BatchNormAct2d", ""),
        ("torchvision:shufflenet_v2_x0_5", 0, "BatchNorm2d", ""),
        ("transformers:llama", 5, "LlamaRMSNorm", "recognised as RMSNorm"),
        ("transformers:bert", 6, "LayerNorm", ""),
    ],
)
def test_every_layer_of_a_library_model_is_audited(name: str, layers: int, kind: str, said: str) -> None:
    installed(name.partition(":")[0])
    subject = sources.from_library(name)
    own = isinstance(subject.inputs, dict) and "labels" in subject.inputs
    loss = subject.loss_fn or (None if own else lambda out: out.square().mean())
    report = audit(subject.model, loss, subject.inputs)
    assert report.failures == ()
    assert kind in {layer.kind for layer in report.layers}
    assert layers in (0, len(report.layers))
    assert all(layer.recognised.startswith(said) for layer in report.layers)
    assert all(layer.backward is not None and layer.backward.verdict == "right" for layer in report.layers)
    assert report.not_covered == ()


@pytest.mark.parametrize("name", ["timm", "keras:resnet", "timm:", ":"])
def test_a_name_without_a_known_library_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="expected timm:NAME, torchvision:NAME, transformers:NAME"):
        sources.from_library(name)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["timm:resnet9999", "torchvision:resnet9999", "transformers:lama"])
def test_a_model_that_a_library_does_not_have_is_refused_with_the_nearest(name: str) -> None:
    installed(name.partition(":")[0])
    with pytest.raises(InputError, match="there is no such model; did you mean"):
        sources.from_library(name)
