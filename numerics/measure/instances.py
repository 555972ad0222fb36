"""Random instances, the same for the same seed on every device and in every dtype.

Instances of one loss are numbered; number i has the batch size ``SIZES[i % 8]`` and is row i // 8 of that stream.
Streams are drawn in chunks of fixed sizes, so that instance i does not depend on how many are asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
from bnverify.numerics.measure.batch import Batch, Given
from bnverify.numerics.measure.derivatives import gradient, standardise
from bnverify.numerics.measure.downstream import Coupled, Downstream, Quadratic, Tilted
from bnverify.numerics.measure.losses import LOSSES, Source, downstream
from bnverify.numerics.measure.rates import Over
from bnverify.theory.grammar import lines
from bnverify.theory.normalisations import BATCH_NORM, IN_WEIGHTS
from torch import Tensor

from bnverify.base.errors import InputError

SIZES = (3, 4, 6, 8, 16, 32, 64, 2)
CHUNKS = (256, 1024, 2048)
"""Rows of the first, the second and every further chunk of a stream."""

BLOCK = 2**15
"""Numbers y in one room: the derivatives of all its instances are taken at once."""

Family = Literal["batches", "stationary-in-y", "minimum-at-beta", "weights", "optima", "inputs"]


@dataclass(frozen=True)
class Kind:
    """How instances are made.

    family: ``batches`` of activations; ``stationary-in-y``, where g = 0 and z = y;
        ``minimum-at-beta``, of a quadratic loss whose minimum has all z equal to beta; ``weights``, y = XW with W
        stationary for the plain loss; ``optima``, the same with an initialisation W0; ``inputs``, y = XW with a
        second input of small variance.
    bias: whether the range of X contains 1.
    matched: gamma = s and beta = mu.
    eps: whether eps > 0. norm: the lines of the normalisation; of families in weight space a BatchNorm of y = X W.
    loss: the one loss of these instances, where what they assume of it holds for no other.
    """

    family: Family = "batches"
    bias: bool = False
    matched: bool = False
    eps: bool = False
    norm: str = ""
    loss: str = ""

    @property
    def text(self) -> str:
        """The lines of the normalisation."""
        in_weights = self.family not in ("batches", "stationary-in-y", "minimum-at-beta")
        return self.norm or (IN_WEIGHTS if in_weights else BATCH_NORM)

    @property
    def losses(self) -> tuple[str, ...]:
        """The losses that have instances of this kind."""
        return (self.loss,) if self.loss else tuple(LOSSES)


def _shapes(draw: Source, rows: int, m: int) -> Tensor:
    """Bell-shaped, heavy-tailed and two-valued batches, (rows, m)."""
    bell = draw.normal(rows, m)
    heavy = draw.normal(rows, m) / draw.uniform(0.05, 1, rows, m)
    two = draw.signs(rows, m) + 0.01 * draw.normal(rows, m)
    pick = draw.uniform(0, 1, rows, 1)
    return torch.where(pick < 0.6, bell, torch.where(pick < 0.8, heavy, two))


def _affine(draw: Source, spread: Tensor) -> tuple[Tensor, Tensor]:
    """gamma of either sign, half of them within a factor of 3 of the batch's spread, one in sixteen next to 0."""
    rows = spread.shape[0]
    near = spread.clamp(0.01, 10) * draw.powers(-0.5, 0.5, rows)
    gamma = draw.signs(rows) * torch.where(draw.chosen(0.5, rows), near, draw.powers(-2, 1, rows))
    gamma = torch.where(draw.chosen(1 / 16, rows), gamma * 1e-7, gamma)
    return gamma, gamma.abs() * draw.normal(rows)


class Rows(Mapping[str, Tensor]):
    """Some rows of tensors on a device, each brought there when it is asked for."""

    def __init__(self, held: Mapping[str, Tensor], rows: slice, *where: Any) -> None:
        self.held, self.rows, self.where = held, rows, where
        self._there: dict[str, Tensor] = {}

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._there:
            self._there[name] = self.held[name][self.rows].to(*self.where)
        return self._there[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.held)

    def __len__(self) -> int:
        return len(self.held)

    def __contains__(self, name: object) -> bool:
        return name in self.held


@dataclass(frozen=True)
class Drawn:
    """Arguments of a `Batch`, float64 on the CPU.

    stationary: make y stationary for the plain loss, in the dtype of the room, along all of R^m or the range of X.
    """

    y: Tensor
    gamma: Tensor
    beta: Tensor
    loss: Downstream
    matched: bool
    eps: Tensor | None
    tensors: dict[str, Tensor]
    vectors: dict[str, Tensor]
    symbols: dict[str, Tensor]
    stationary: Literal["", "y", "X"] = ""
    text: str = BATCH_NORM

    def batch(self, rows: slice, device: torch.device, dtype: torch.dtype) -> Batch:
        """Some of the instances as a room."""

        def moved(held: Mapping[str, Tensor]) -> Rows:
            return Rows(held, rows, device, dtype)

        operators = moved({name: t for name, t in self.tensors.items() if t.dim() > 1 and name != "W"})
        numbers: dict[str, Tensor] = self.symbols | {"gamma": self.gamma, "beta": self.beta}
        numbers |= {"lam": self.tensors["lam"]}
        numbers["eps"] = torch.zeros_like(self.gamma) if self.eps is None else self.eps
        named: Mapping[str, Tensor] = moved(numbers)
        y: Mapping[str, Tensor] = moved({"y": self.y})
        vectors: Mapping[str, Tensor] = moved(self.vectors)
        if "W" in self.tensors:
            W = moved({"W": self.tensors["W"]})["W"]
            y = {"y": (operators["X"] @ W.unsqueeze(-1)).squeeze(-1)}
            vectors = Over(vectors, "W", W)
        elif "y_j" not in vectors:
            vectors = moved({"y": self.y} | self.vectors)
        loss = self.loss.rows(rows).to(device, dtype)
        if self.stationary:
            loss = _tilted(loss, y["y"], operators["X"] if self.stationary == "X" else None)
        if self.matched:
            mu, s, _, _ = standardise(y["y"], named["eps"].unsqueeze(-1))
            named = Over(Over(named, "gamma", s.squeeze(-1)), "beta", mu.squeeze(-1))
        return Batch(lines(self.text), Given(vectors, named, operators), loss, matched=self.matched)


def draw(kind: Kind, loss: str, m: int, seed: int, chunk: int, rows: int = 0) -> Drawn:
    """One chunk of the stream of (kind, loss, m): `CHUNKS` rows of it, or another stream of ``rows`` rows."""
    rows = rows or CHUNKS[min(chunk, len(CHUNKS) - 1)]
    source = Source(seed, kind, loss, m, chunk)
    spread = torch.where(source.chosen(0.5, rows), source.powers(-1, 1, rows), source.powers(-3, 3, rows))
    gamma, beta = _affine(source, spread)
    inner = downstream(loss, source, rows, m)
    spread = spread.unsqueeze(-1)
    offset = torch.where(
        source.chosen(0.25, rows, 1), 0.0, source.signs(rows, 1) * source.powers(-2, 3, rows, 1)
    )
    vectors = {"a": source.normal(rows, m), "b": source.normal(rows, m)}
    symbols = {"alpha": source.powers(-2, 2, rows)}
    tensors = {"lam": source.powers(-1, 1, rows)}
    free = Source(seed, kind, loss, m, chunk, "free")
    eps = source.powers(-1, 1, rows) * spread.squeeze(-1).square() if kind.eps else None
    y = spread * (_shapes(source, rows, m) + offset)
    vectors |= {name: free.normal(rows, m) for name in ("u", "w", "zstar", "bias")}
    symbols |= {
        name: free.normal(rows) * free.powers(-1, 1, rows) for name in ("t", "x0", "x1", "eta", "gamma_max")
    }
    symbols |= {name: free.powers(-1, 1, rows) for name in ("a_L", "beta_L")}
    symbols["gamma_max"] = symbols["gamma_max"].abs()
    tensors |= {"D": free.normal(rows, m)}
    if "y_j" in kind.text:
        vectors |= {"y_j": y, "y_k": free.normal(rows, m) * y.std(dim=1, keepdim=True)}
        vectors |= {"bias_j": free.normal(rows, m), "bias_k": free.normal(rows, m)}
        tensors |= {"D_j": free.normal(rows, m), "D_k": free.normal(rows, m)}
        symbols |= {f"{name}{unit}": free.normal(rows) for name in ("gamma", "beta") for unit in ("_j", "_k")}
        inner = Coupled(inner, downstream(loss, free, rows, m), free.normal(rows), free.normal(rows))
    more, operators = _declared(
        Source(seed, kind, loss, m, chunk, "declared"), kind.text, rows, m, symbols, tensors["D"]
    )
    symbols, tensors = symbols | more, tensors | operators
    drawn = Drawn(y, gamma, beta, inner, kind.matched, eps, tensors, vectors, symbols, text=kind.text)
    if kind.family == "batches":
        return drawn
    if kind.family == "stationary-in-y":
        return replace(drawn, stationary="y")
    if isinstance(inner, Quadratic) and kind.family == "minimum-at-beta":
        bent = inner.d + (inner.U * (inner.e * inner.U.sum(2)).unsqueeze(-1)).sum(1)
        return replace(drawn, loss=replace(inner, c=-bent * beta.unsqueeze(-1)))
    return _in_weights(drawn, kind, source)


def _declared(
    draw: Source, text: str, rows: int, m: int, symbols: dict[str, Tensor], D: Tensor
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Numbers and operators that claims declare, each drawn so that what is assumed of it can hold.

    D0, steps, b_L, k: positive, b_L at least a_L. largest: above every |D_i|. r: the gradient of the two-layer network
    (w2 w1 x1 - t)^2/2 in w1. C: centring, of both halves where they have two samples each. A: any matrix. Both are
    there where the definition ``text`` names them.
    """
    positive = {name: draw.powers(-1, 1, rows) for name in ("D0", "steps", "k")}
    numbers = positive | {name: draw.normal(rows) for name in ("w1", "w2")}
    numbers["scale"] = draw.signs(rows) * draw.powers(-1, 1, rows)
    numbers["b_L"] = symbols["a_L"] * (1 + draw.powers(-2, 1, rows))
    numbers["largest"] = D.abs().amax(1) * draw.uniform(1.01, 2, rows)
    w1, w2, x1, t = numbers["w1"], numbers["w2"], symbols["x1"], symbols["t"]
    numbers["r"] = w2 * x1 * (w2 * w1 * x1 - t)
    operators = {"I": torch.ones_like(D)}
    if re.search(r"\bC\b", text):
        size = m // 2 if m % 2 == 0 and m > 2 else m
        centred = torch.eye(size, dtype=torch.float64) - 1 / size
        operators["C"] = torch.block_diag(*[centred] * (m // size)).expand(rows, m, m)
    if re.search(r"\bA\b", text):
        operators["A"] = draw.normal(rows, m, m) / m**0.5
    return numbers, operators


def _tilted(loss: Downstream, y: Tensor, X: Tensor | None) -> Tilted:
    """The loss minus the linear function that makes y stationary, along all of R^m or the range of X."""
    z = y.detach().requires_grad_()
    g = gradient(loss(z), z)
    if X is not None:
        Q = torch.linalg.qr(X)[0]
        g = (Q @ (Q.transpose(1, 2) @ g.unsqueeze(-1))).squeeze(-1)
    return Tilted(loss, g)


def _in_weights(drawn: Drawn, kind: Kind, source: Source) -> Drawn:
    """y = XW with two features, and a third that is constant where there is a bias."""
    rows, m = drawn.y.shape
    second = drawn.y.std(dim=1, keepdim=True) * source.normal(rows, m)
    X = torch.stack([drawn.y, second, *([torch.ones_like(second)] if kind.bias else [])], dim=-1)
    W = source.normal(rows, X.shape[2])
    y = (X @ W.unsqueeze(-1)).squeeze(-1)
    tensors = drawn.tensors | {"X": X, "W": W}
    norm = X.flatten(1).norm(dim=1)
    tensors["lam"] = norm * source.uniform(1, 2, rows)
    vectors = drawn.vectors | {name: source.normal(*W.shape) for name in ("u", "w", "W0")} | {"Wstar": W}
    drawn = replace(drawn, y=y, tensors=tensors, vectors=vectors)
    if kind.family == "inputs":
        along = W / W.norm(dim=1, keepdim=True)
        other = source.normal(*X.shape)
        shadow = (other @ along.unsqueeze(-1)) * along.unsqueeze(1)
        other = other - shadow * source.uniform(0.9, 1, rows, 1, 1)
        size = tensors["lam"] / other.flatten(1).norm(dim=1) * source.uniform(0.5, 0.95, rows)
        other = other * size[:, None, None]
        return replace(drawn, tensors=tensors | {"K": other})
    return replace(drawn, stationary="X")


def streams(trials: int) -> list[int]:
    """How many of the first ``trials`` instances of a loss belong to each of the `SIZES`."""
    return [trials // len(SIZES) + (i < trials % len(SIZES)) for i in range(len(SIZES))]


def chunks(rows: int) -> Iterator[tuple[int, int]]:
    """(chunk, rows of it) that make up the first ``rows`` rows of a stream."""
    chunk = 0
    while rows > 0:
        size = CHUNKS[min(chunk, len(CHUNKS) - 1)]
        yield chunk, min(size, rows)
        rows -= size
        chunk += 1


def blocks(rows: int, m: int) -> list[slice]:
    """``rows`` instances in parts of at most `BLOCK` numbers, which stay near the processor and bound the memory."""
    size = max(64, BLOCK // m)
    return [slice(start, min(start + size, rows)) for start in range(0, rows, size)]


def locate(index: int) -> tuple[int, int, int]:
    """(m, chunk, row) of instance ``index`` of a loss."""
    row, chunk = index // len(SIZES), 0
    while row >= (size := CHUNKS[min(chunk, len(CHUNKS) - 1)]):
        row -= size
        chunk += 1
    return SIZES[index % len(SIZES)], chunk, row


def parse_replay(text: str) -> tuple[str, int]:
    """LOSS:INDEX, as the worst instance of a check is named.

    Raises:
        InputError: the loss is not known or the index is no number from 0 on.
    """
    loss, _, number = text.partition(":")
    if loss not in LOSSES:
        raise InputError(f"--replay {text!r} names no downstream loss; they are {', '.join(LOSSES)}")
    if not number.isdecimal():
        raise InputError(f"--replay {text!r} names no instance; write LOSS:INDEX, for example {loss}:17")
    return loss, int(number)
