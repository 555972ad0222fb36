"""The room of random batches: one pass for all instances gives what one dense differentiation of each gives."""

from dataclasses import dataclass

import pytest
import torch
from bnverify.numerics.measure.batch import Absent, Batch, Given
from bnverify.numerics.measure.derivatives import dense_oracle, matrix, standardise
from bnverify.numerics.measure.downstream import DenseQuadratic, Downstream
from bnverify.numerics.measure.extremum import maximum_on_ball
from bnverify.numerics.measure.instances import LOSSES, Drawn, Kind, draw
from bnverify.numerics.measure.tolerance import MeasuredVector
from bnverify.theory.grammar import lines, parse
from bnverify.theory.normalisations import BATCH_NORM
from bnverify.theory.room import walk

DOUBLE = torch.float64
CPU = torch.device("cpu")


def room(kind: Kind, loss: str, m: int, rows: int = 3, dtype: torch.dtype = DOUBLE) -> tuple[Batch, Drawn]:
    drawn = draw(kind, loss, m, seed=5, chunk=0)
    return drawn.batch(slice(0, rows), CPU, dtype), drawn


def near(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Equal to nine digits of the larger."""
    return float((a - b).norm()) <= 1e-9 * float(torch.maximum(a.norm(), b.norm())) + 1e-13


def row_of(batch: Batch, i: int) -> tuple[torch.Tensor, torch.Tensor]:
    gamma, beta = batch.names["gamma"].value, batch.names["beta"].value
    return gamma[i : i + 1].unsqueeze(1), beta[i : i + 1].unsqueeze(1)


def said(text: str, batch: Batch):  # type: ignore[no-untyped-def]
    """The value of an expression in the room."""
    return walk(parse(text), batch)


@pytest.mark.parametrize("m", [3, 8, 16])
@pytest.mark.parametrize("eps", [False, True])
@pytest.mark.parametrize("name", LOSSES)
def test_gradients_and_hessians_agree_with_the_dense_oracle(name: str, m: int, eps: bool) -> None:
    batch, _ = room(Kind(eps=eps), name, m)
    dense = {"B": matrix(batch.graph.gradient("y"), batch.y), "H": matrix(batch.graph.g, batch.z)}
    u = batch.names["b"]
    assert near((batch.names["B"] @ u).value, (dense["B"] @ u.value.unsqueeze(-1)).squeeze(-1))
    assert near((batch.names["H"] @ u).value, (dense["H"] @ u.value.unsqueeze(-1)).squeeze(-1))
    for i in range(3):
        loss, (gamma, beta) = batch.loss.rows(slice(i, i + 1)), row_of(batch, i)
        eps_i = batch.names["eps"].value[i]
        composed = dense_oracle(
            lambda y, loss=loss, gamma=gamma, beta=beta, eps_i=eps_i: loss(
                gamma * standardise(y.unsqueeze(0), eps_i).yhat + beta
            )[0],
            batch.y[i].detach(),
        )
        plain = dense_oracle(lambda z, loss=loss: loss(z.unsqueeze(0))[0], batch.z[i].detach())
        assert near(batch.names["v"].value[i], composed[0])
        assert near(dense["B"][i], composed[1])
        assert near(batch.names["g"].value[i], plain[0])
        assert near(dense["H"][i], plain[1])


@pytest.mark.parametrize("name", ["quadratic-indefinite", "mlp-tanh", "second-batchnorm"])
def test_weight_space_agrees_with_the_dense_oracle(name: str) -> None:
    batch, _ = room(Kind("inputs"), name, 6)
    X, W = batch.given.operators["X"], batch.given.vectors["W"]
    other = batch.given.operators["K"]
    u = batch.names["W0"]
    for i in range(3):
        loss, (gamma, beta) = batch.loss.rows(slice(i, i + 1)), row_of(batch, i)

        def through(w: torch.Tensor, inputs: torch.Tensor, loss=loss, gamma=gamma, beta=beta) -> torch.Tensor:  # type: ignore[no-untyped-def]
            return loss(gamma * standardise((inputs @ w).unsqueeze(0)).yhat + beta)[0]

        for first_text, second_text, inputs in (
            ("dW", "HW @ W0", X[i]),
            ("at(dW, X, K)", "at(HW @ W0, X, K)", other[i]),
        ):
            first, second = dense_oracle(lambda w, inputs=inputs: through(w, inputs), W[i])
            assert near(walk(parse(first_text), batch).value[i], first)
            assert near(walk(parse(second_text), batch).value[i], second @ u.value[i])
        first, second = dense_oracle(lambda w, X=X[i], loss=loss: loss((X @ w).unsqueeze(0))[0], W[i])
        assert near(batch.names["dW_plain"].value[i], first)
        assert near((batch.names["HW_plain"] @ u).value[i], second @ u.value[i])
        assert near((batch.names["T"] @ (batch.names["X"] @ u)).value[i], X[i].T @ X[i] @ u.value[i])


def test_jacobians_agree_with_the_dense_ones() -> None:
    batch, _ = room(Kind(eps=True), "mlp-relu", 6)
    u = batch.names["b"]
    for i in range(3):
        gamma, beta = row_of(batch, i)
        eps = batch.names["eps"].value[i]
        for name, scale, shift in (("yhat", 1.0, 0.0), ("z", gamma, beta)):
            J = torch.autograd.functional.jacobian(
                lambda y, scale=scale, shift=shift, eps=eps: (
                    scale * standardise(y.unsqueeze(0), eps).yhat + shift
                )[0],
                batch.y[i].detach(),
            )
            assert near(said(f"d({name}, y, b)", batch).value[i], J @ u.value[i])


def test_the_matched_network_has_the_same_activations() -> None:
    batch, _ = room(Kind("stationary-in-y", matched=True), "mlp-tanh", 8, 50)
    assert torch.allclose(batch.names["z"].value, batch.names["y"].value, rtol=1e-9)
    assert torch.equal(batch.names["gamma"].value, batch.names["s"].value)


@dataclass(frozen=True)
class Shifted(Downstream):
    """L(z + by)"""

    loss: Downstream
    by: torch.Tensor

    def __call__(self, z: torch.Tensor) -> torch.Tensor:
        return self.loss(z + self.by)

    def scales(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.loss.scales(z + self.by)

    @property
    def depth(self) -> int:
        return self.loss.depth


@pytest.mark.parametrize("name", ["linear", "quadratic-psd", "quadratic-indefinite"])
@pytest.mark.parametrize("m", [3, 16, 64])
def test_float32_differs_from_float64_by_no_more_than_the_tolerance(name: str, m: int) -> None:
    """Both differentiate the same loss at the same y and at the z that float32 computed."""
    drawn = draw(Kind(), name, m, seed=6, chunk=0)
    low = drawn.batch(slice(0, 250), CPU, torch.float32)
    y = low.y.detach().double()
    numbers = {name: t.double() for name, t in low.given.numbers.items()}
    z = standardise(y).yhat * numbers["gamma"].unsqueeze(1) + numbers["beta"].unsqueeze(1)
    loss = Shifted(low.loss.to(CPU, DOUBLE), low.z.detach().double() - z)
    vectors = {"y": y} | {name: low.given.vectors[name].double() for name in ("a", "b")}
    high = Batch(tuple(lines(BATCH_NORM)), Given(vectors, numbers, {}), loss)
    texts = ("v @ v", "v @ B @ v", "a @ v", "a @ B @ b", "g @ H @ g", "a @ d(z, y, b)", "sigma")
    pairs = {text: (said(text, low), said(text, high)) for text in texts}
    spread = y.mean(1).abs() / standardise(y).s.squeeze(-1)
    moderate = spread < 1e3
    assert int(moderate.sum()) > 200
    for what, (ours, truth) in pairs.items():
        gap = (ours.value.double() - truth.value).abs()[moderate]
        allowed = low.allowance(ours).double().expand(250)[moderate]
        assert bool((gap <= allowed).all()), what


@pytest.mark.parametrize("operator", ["H", "B"])
def test_no_input_beats_the_bound_and_one_attains_it(operator: str) -> None:
    batch, _ = room(Kind(), "quadratic-indefinite", 4, 60)
    name = "v" if operator == "B" else "g"
    u, lam = batch.names[name], batch.names["lam"].value
    form = said(f"max((X @ T @ {name}) @ {operator} @ (X @ T @ {name}), norm(X) <= lam)", batch)
    grad = said(f"max((T @ {name}) @ (T @ {name}), norm(X) <= lam)", batch)
    assert torch.allclose(grad.attained.value, grad.bound.value, rtol=1e-10)
    slack = form.bound.value - form.attained.value
    assert bool((slack >= -batch.allowance(form.bound, form.attained)).all())
    assert bool((slack <= 1e-6 * form.bound.scale).all())
    generator = torch.Generator().manual_seed(3)
    for _ in range(200):
        X = torch.randn(60, 4, 3, generator=generator, dtype=DOUBLE)
        X = X * (lam / torch.linalg.matrix_norm(X, 2)).reshape(-1, 1, 1)
        pulled = (X.transpose(1, 2) @ u.value.unsqueeze(-1)).squeeze(-1)
        assert bool((pulled.square().sum(1) <= grad.bound.value * (1 + 1e-9)).all())
        Su = (X @ pulled.unsqueeze(-1)).squeeze(-1)
        value = (Su * (batch.names[operator] @ MeasuredVector(Su, Su.norm(dim=1))).value).sum(1)
        assert bool((value <= form.bound.value + batch.allowance(form.bound)).all())


def test_the_maximum_over_a_ball_beats_every_point_of_a_fine_grid() -> None:
    angles = torch.linspace(0, 2 * torch.pi, 721, dtype=DOUBLE)
    for K in (
        [[2.0, 1.0], [1.0, -3.0]],
        [[-1.0, 0.0], [0.0, -2.0]],
        [[0.0, 0.0], [0.0, 0.0]],
        [[1.0, 0.0], [0.0, 1.0]],
    ):
        matrix, center = torch.tensor([K], dtype=DOUBLE), torch.tensor([[0.5, -0.25]], dtype=DOUBLE)
        radius = center.norm(dim=1)
        ball = maximum_on_ball(matrix, center, radius)
        best = -torch.inf
        for share in torch.linspace(0, 1, 41, dtype=DOUBLE):
            w = center + share * radius * torch.stack([angles.cos(), angles.sin()], dim=1)
            best = max(best, float((w @ matrix[0] * w).sum(1).max()))
        reached = float((ball.point @ matrix[0] * ball.point).sum())
        assert float(ball.bound) >= best - 1e-12
        assert best - 1e-3 <= reached <= float(ball.bound) + 1e-12
        assert float((ball.point - center).norm()) <= float(radius) + 1e-12


def test_a_maximum_with_a_negative_definite_form_is_reached_by_no_input_at_all() -> None:
    m = 3
    y, g = torch.tensor([[0.0, 1.0, 3.0]], dtype=DOUBLE), torch.tensor([[1.0, 0.0, 1.0]], dtype=DOUBLE)
    one = torch.ones(1, dtype=DOUBLE)
    numbers = {"gamma": one, "beta": 0 * one, "eps": 0 * one, "lam": one}
    loss = DenseQuadratic(g, -torch.eye(m, dtype=DOUBLE).unsqueeze(0), y)
    batch = Batch(tuple(lines(BATCH_NORM)), Given({"y": y}, numbers, {}), loss)
    form = said("max((X @ T @ g) @ H @ (X @ T @ g), norm(X) <= lam)", batch)
    assert float(form.attained.value) == pytest.approx(0, abs=1e-12)
    assert float(form.bound.value) == pytest.approx(0, abs=1e-9)


def test_what_a_batch_does_not_hold_is_named() -> None:
    batch, _ = room(Kind(), "linear", 3)
    for name in ("nothing", "dW", "v_j"):
        with pytest.raises(Absent, match=name):
            batch.names[name]
