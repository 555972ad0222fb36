"""What rounding cannot separate, what is 0 on both sides, and what does not apply are words of their own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from bnverify.numerics.audit.report import LayerAudit
from bnverify.numerics.audit.run import audit
from torch import Tensor, nn

X = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))


def asked(model: nn.Module, loss: Any, x: Tensor = X, **options: Any) -> LayerAudit:
    torch.manual_seed(0)
    return audit(model, loss, x, **{"dtype": torch.float64} | options).layers[0]


def test_the_cosine_is_a_cosine_under_running_statistics_far_from_the_batch() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)).eval()
    layer = asked(model, lambda out: out.mean(), X * 10 + 30)
    assert max(abs(value) for value in layer.columns["cosine"]) <= 1 + 1e-12
    y = model[0].double()((X * 10 + 30).double()).detach()
    yhat = y / (1 + 1e-5) ** 0.5
    g = model[2].weight.detach()[0] / len(X)
    want = [
        float(torch.sign(w) * u.sum() / (u.norm() * len(u) ** 0.5)) for w, u in zip(g, yhat.T, strict=True)
    ]
    assert layer.columns["cosine"] == pytest.approx(want, rel=1e-9)


def test_a_gradient_check_whose_loss_is_the_sum_is_vacuous() -> None:
    layer = asked(nn.BatchNorm1d(4), lambda out: out.sum(), X)
    found = {finding for rows in layer.statements if rows.op != "eq" for finding in rows.finding}
    assert found <= {"vacuous", "outside_assumptions"}
    assert "vacuous" in found
    assert layer.signs == (0, 0, 4)
    assert layer.ascent != layer.ascent


def test_a_loss_outside_the_span_is_not_vacuous() -> None:
    layer = asked(nn.BatchNorm1d(4), lambda out: out.pow(3).sum(), X)
    assert "vacuous" not in {finding for rows in layer.statements for finding in rows.finding}
    assert layer.signs[2] == 0


def test_statements_of_eps_zero_are_asked_with_the_divisor_of_the_layer() -> None:
    norm = nn.BatchNorm1d(4, eps=0.5)
    layer = asked(nn.Sequential(nn.Linear(4, 4), norm), lambda out: out.pow(3).sum())
    printed = layer.statement("thm-4.1:printed")
    assert printed is not None
    columns, m = layer.columns, 64
    for row in range(4):
        proj, total, gsum = (columns[name][row] for name in ("grad_proj", "grad_sq", "grad_sum"))
        want = columns["scale_sq"][row] * (total - gsum**2 / m - proj**2 / m**0.5)
        assert printed.rhs[row] == pytest.approx(want, rel=1e-9)
    corrected = layer.statement("thm-4.1:corrected")
    assert corrected is None or set(corrected.finding) == {"outside_assumptions"}


def test_a_mean_far_from_zero_leaves_few_digits_in_float32() -> None:
    x = 1e3 + 1e-2 * torch.randn(32, 6, generator=torch.Generator().manual_seed(0))
    low = asked(nn.LayerNorm(6), lambda out: out.pow(3).sum(), x, dtype=None)
    high = asked(nn.LayerNorm(6), lambda out: out.pow(3).sum(), x)
    assert max(low.columns["digits"]) < 3
    assert min(high.columns["digits"]) > 9
    far = asked(nn.LayerNorm(6), lambda out: out.pow(3).sum(), 1e4 * x / 100, dtype=None)
    assert far.ill_conditioned == (sorted(far.columns["digits"])[16] < 2)
    assert not high.ill_conditioned


def test_the_curvature_of_a_mean_loss_falls_as_one_over_m() -> None:
    torch.manual_seed(0)
    products = []
    for m in (8, 128):
        model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Tanh(), nn.Linear(4, 1)).double()
        torch.manual_seed(1)
        for p in model.parameters():
            nn.init.normal_(p)
        x = torch.randn(m, 4, generator=torch.Generator().manual_seed(2)).double()
        layer = asked(model, lambda out: out.pow(2).mean(), x, second_order=True, probes=0)
        assert layer.second is not None
        whole = layer.second.whole
        assert whole["smoothness_times_m"] == pytest.approx(whole["smoothness"] * m)
        products.append(whole["smoothness_times_m"])
    assert 0.1 < products[0] / products[1] < 10
