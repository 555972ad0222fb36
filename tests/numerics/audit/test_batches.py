"""Batches of words: packed, padded, masked, and as keyword arguments to a model that returns its own loss."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from bnverify.numerics.audit.findings.audit import audit
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence


class Packed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm, self.cell, self.last = nn.LayerNorm(4), nn.GRU(4, 6, batch_first=True), nn.LayerNorm(6)

    def forward(self, x: PackedSequence) -> Tensor:
        normed = PackedSequence(self.norm(x.data), x.batch_sizes, x.sorted_indices, x.unsorted_indices)
        out, _ = pad_packed_sequence(self.cell(normed)[0], batch_first=True)
        return self.last(out).sum(1)


def test_a_packed_sequence_is_one_batch_of_its_words() -> None:
    torch.manual_seed(0)
    words = torch.randn(3, 4)[torch.randint(0, 3, (5, 7))]
    x = pack_padded_sequence(words, torch.tensor([7, 3, 5, 2, 6]), batch_first=True, enforce_sorted=False)
    report = audit(Packed(), lambda out: out.pow(2).sum(), x, dtype=torch.float64)
    assert [(layer.name, len(layer.labels)) for layer in report.layers] == [("norm", 23), ("last", 35)]
    assert report.failures == ()
    assert "duplicate-batch" not in {item.kind for item in report.findings}
    # The padded places of the output are rows of zeros.
    (told,) = [item for item in report.findings if item.kind == "constant-input"]
    assert (told.layer, "12 of 35 rows" in told.text) == ("last", True)


class Masked(nn.Module):
    """As Hugging Face's models: keyword arguments in, a loss among what comes out."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(20, width), nn.Linear(width, 20)
        self.body = nn.TransformerEncoderLayer(width, 2, 16, 0.0, batch_first=True)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor | None = None
    ) -> dict[str, Any]:
        out = self.head(self.body(self.embed(input_ids), src_key_padding_mask=attention_mask == 0))
        loss = (
            None
            if labels is None
            else F.cross_entropy(out.flatten(0, 1), labels.flatten(), ignore_index=-100)
        )
        return {"loss": loss, "logits": out}


@pytest.mark.parametrize("padded", [False, True])
def test_a_masked_batch_of_keyword_arguments_has_the_loss_of_the_model(padded: bool) -> None:
    torch.manual_seed(0)
    ids, mask = torch.randint(1, 20, (6, 9)), torch.ones(6, 9, dtype=torch.long)
    if padded:
        mask[1, 5:], mask[4, 2:] = 0, 0
    batch = {"attention_mask": mask, "input_ids": ids, "labels": ids.masked_fill(mask == 0, -100)}
    model = Masked()
    report = audit(model, None, batch, dtype=torch.float64)
    want = float(model.double()(**batch)["loss"].detach())
    assert report.environment["loss"]["train"] == pytest.approx(want, rel=1e-12)
    assert [layer.name for layer in report.layers] == ["body.norm1", "body.norm2"]
    assert report.ok
