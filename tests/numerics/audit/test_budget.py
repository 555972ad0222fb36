"""The second order tells how long it takes, fits a budget, and finds extremes with an error bound that holds."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from bnverify.numerics.audit.run import audit
from bnverify.numerics.audit.subject import Request
from bnverify.numerics.audit.table.curvature import extremes
from bnverify.numerics.audit.table.second import Clock
from torch import Tensor, nn

from bnverify.base.errors import InputError


def deep() -> tuple[nn.Module, Tensor]:
    torch.manual_seed(0)
    blocks = [m for _ in range(5) for m in (nn.Linear(6, 6), nn.BatchNorm1d(6), nn.Tanh())]
    return nn.Sequential(*blocks, nn.Linear(6, 1)).double(), torch.randn(16, 6).double()


def ask(**options: Any) -> Any:
    model, x = deep()
    return audit(model, lambda out: out.pow(2).mean(), x, second_order=True, **options)


def test_an_estimate_stands_before_and_progress_after_every_layer() -> None:
    lines: list[str] = []
    report = ask(probes=2, progress=lines.append)
    assert lines[0].startswith("second order: 5 of 5 layers, about 12 passes each, about ")
    assert [line.split(",")[0] for line in lines[1:]] == [
        f"second order: {k} of 5 layers" for k in range(1, 6)
    ]
    assert all(layer.second is not None for layer in report.layers)


def test_a_budget_takes_probes_before_it_takes_layers() -> None:
    clock = Clock(Request(True, None, 8, budget=1.0), 5)
    assert clock.products == 36
    enough = ask(probes=8, budget=600.0)
    assert all(layer.second is not None for layer in enough.layers)
    with pytest.raises(InputError, match=r"a budget of 1e-09 s is too small: one layer takes about"):
        ask(probes=2, budget=1e-9)
    with pytest.raises(InputError, match="expected more than 0"):
        ask(probes=2, budget=0.0)


@pytest.mark.parametrize("steps", [3, 8, 30])
def test_an_eigenvalue_lies_within_the_bound_of_each_extreme(steps: int) -> None:
    torch.manual_seed(1)
    size = 5 * 6

    class Given:
        """A point whose Hessian is known."""

        z = torch.zeros(5, 6, dtype=torch.float64)
        matrix = (lambda a: a + a.T)(torch.randn(size, size, dtype=torch.float64))

        def hvp(self, u: Tensor) -> Tensor:
            return (self.matrix @ u.flatten()).reshape(u.shape)

    found = extremes(Given(), steps)  # type: ignore[arg-type]
    values = torch.linalg.eigvalsh(Given.matrix)
    for name in ("least", "most"):
        assert float((values - found[name]).abs().min()) <= found[f"{name}_error"] + 1e-12
    assert float(values[0]) - 1e-12 <= found["least"] <= found["most"] <= float(values[-1]) + 1e-12
    if steps == 30:
        assert found["least"] == pytest.approx(float(values[0]), rel=1e-9)
        assert found["most"] == pytest.approx(float(values[-1]), rel=1e-9)


def test_every_audited_layer_has_its_extremes() -> None:
    for layer in ask(probes=4).layers:
        assert layer.second is not None
        assert layer.second.extremes["least"] <= layer.second.extremes["most"]
        assert (
            min(layer.second.probes)
            >= layer.second.extremes["least"] - layer.second.extremes["least_error"] - 1e-9
        )
