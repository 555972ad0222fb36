"""Two audits in files, and one model at several batch sizes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from bnverify.numerics.audit.contrast.compare import compared, read
from bnverify.numerics.audit.contrast.sizes import by_batch_size
from bnverify.numerics.audit.findings.audit import audit
from torch import nn

from bnverify.base.errors import InputError


def net(eps: float = 1e-5) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(6, 16, bias=False), nn.BatchNorm1d(16, eps=eps), nn.ReLU(), nn.Linear(16, 3)
    ).double()


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(1)
    return torch.randn(64, 6).double(), torch.randint(0, 3, (64,))


def test_findings_that_came_and_went_are_named() -> None:
    first, second = (audit(net(eps), F.cross_entropy, *batch()).to_dict() for eps in (1e-5, 10.0))
    told = compared(first, second)
    assert told.new == (("eps-dominates", "1"),)
    assert told.gone == ()
    assert compared(second, first).gone == (("eps-dominates", "1"),)


def test_the_numbers_are_those_of_the_audits() -> None:
    report = audit(net(), F.cross_entropy, *batch())
    (row,) = compared(report.to_dict(), report.to_dict()).rows
    want = report.layers[0].total("grad_in_sq") ** 0.5
    assert row.values["gradient in"] == (pytest.approx(want), pytest.approx(want))


def test_audits_of_different_models_are_refused() -> None:
    deeper = nn.Sequential(*net(), nn.LayerNorm(3)).double()
    with pytest.raises(InputError, match="not of one model"):
        compared(
            audit(net(), F.cross_entropy, *batch()).to_dict(),
            audit(deeper, F.cross_entropy, *batch()).to_dict(),
        )


@pytest.mark.parametrize("text", ["", "[]", '{"layers": 3}'])
def test_a_file_that_is_no_audit_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="--compare"):
        read(path)
    with pytest.raises(InputError, match="cannot be read"):
        read(tmp_path / "b.json")
    with pytest.raises(InputError, match="no audit"):
        compared(json.loads('{"layers": [{}]}'), {"layers": []})


def test_what_is_removed_falls_as_one_over_m() -> None:
    """A gradient without a direction of its own: two of m directions go."""
    model = nn.BatchNorm1d(400).double()
    torch.manual_seed(0)
    x, g = torch.randn(64, 400).double(), torch.randn(64, 400).double()
    told = by_batch_size(model, lambda out, targets: (out * targets).sum(), x, g, [4, 16, 64])
    assert [(item.batch, item.m) for item in told] == [(4, 4), (16, 16), (64, 64)]
    for item in told:
        assert item.removed == pytest.approx(2 / item.m, rel=0.3)


@pytest.mark.parametrize("sizes", [[], [0], [65]])
def test_sizes_that_are_not_there_are_refused(sizes: list[int]) -> None:
    with pytest.raises(InputError, match="batch size"):
        by_batch_size(net(), F.cross_entropy, *batch(), sizes)
