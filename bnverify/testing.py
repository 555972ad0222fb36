"""Property tests of your own: does a statement hold for a normalisation, on every small batch that hypothesis tries?

    from bnverify.testing import assert_holds

    def test_the_gradient_is_orthogonal_to_the_activations():
        assert_holds("v @ y == 0", norm=MyNorm(5))

``norm`` is the name of a normalisation, its text, or a layer of PyTorch, whose own forward and backward passes are then
what is tested. The statement is text of the grammar (`bnverify vocabulary` lists the names). What fails is shrunk to a
small batch, and both sides are printed.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import hypothesis
import torch
from hypothesis import HealthCheck, Phase, settings, target
from hypothesis import strategies as st
from torch import Tensor, nn

from bnverify.base.errors import InputError
from bnverify.numerics.measure.batch import Absent, Batch, Given
from bnverify.numerics.measure.downstream import DenseQuadratic
from bnverify.numerics.measure.graph import Graph
from bnverify.numerics.measure.layer import Own, own
from bnverify.numerics.measure.raw import RawRoom, Vec
from bnverify.numerics.measure.sides import Finding, Sides, judge, met, sides
from bnverify.theory import circle, sorts
from bnverify.theory.grammar import Node, lines, names_in, nodes
from bnverify.theory.normalisations import NORMALISATIONS, declared, names_of, normalisation
from bnverify.theory.room import walk

__all__ = ["CORNERS", "assert_holds", "batches", "layers", "losses"]

CORNERS = (
    "inside",
    "two-samples",
    "small-spread",
    "g-along-one",
    "g-along-y",
    "gamma-negative",
    "gamma-zero",
    "large",
    "small",
)
"""Where statements tend to break, by name: m = 2; a spread of 2^-10 of the mean; g parallel to 1 or to y; gamma < 0;
gamma = 0; everything times 2^20 or 2^-20."""


ULPS = 64.0
"""How many times the effect of an ulp in y a failure of an unknown layer must exceed."""
CLOSE = 1e-9
"""How near a kink of a definition, relative to the vector that bends there, counts as on it."""


@dataclass(frozen=True)
class Drawn:
    """One batch: y and g of m numbers, a symmetric H (m, m), gamma, beta, eps, and what a statement declares."""

    y: tuple[float, ...]
    g: tuple[float, ...]
    H: tuple[tuple[float, ...], ...]
    gamma: float
    beta: float
    eps: float
    vectors: tuple[tuple[str, tuple[float, ...]], ...] = ()
    numbers: tuple[tuple[str, float], ...] = ()

    @property
    def m(self) -> int:
        return len(self.y)


def _small(limit: int = 6) -> st.SearchStrategy[float]:
    return st.integers(-limit, limit).map(float)


def _quarters(limit: int = 6) -> st.SearchStrategy[float]:
    return _small(limit) | st.integers(-4 * limit, 4 * limit).map(lambda number: number / 4)


@st.composite
def losses(
    draw: Any, m: int, definite: bool = False
) -> tuple[tuple[float, ...], tuple[tuple[float, ...], ...]]:
    """Gradients g and symmetric Hessians H of a downstream loss at z, small whole numbers; ``definite``: H = A'A."""
    g = tuple(draw(st.lists(_small(), min_size=m, max_size=m)))
    rows = draw(st.lists(st.lists(_small(3), min_size=m, max_size=m), min_size=m, max_size=m))
    A = torch.tensor(rows, dtype=torch.float64)
    H = A.T @ A if definite else (A + A.T)
    return g, tuple(tuple(map(float, row)) for row in H.tolist())


@st.composite
def batches(
    draw: Any,
    m: int | None = None,
    eps: float = 0.0,
    corner: str | None = None,
    vectors: Iterable[str] = (),
    numbers: Iterable[str] = (),
    definite: bool = False,
) -> Drawn:
    """Batches that are not constant, with a loss downstream; ``corner`` is one of `CORNERS`, all in turn by default.

    Raises:
        InputError: there is no such corner.
    """
    if corner is not None and corner not in CORNERS:
        raise InputError(f"there is no corner {corner!r}; there are {', '.join(CORNERS)}")
    where = corner or draw(st.sampled_from(CORNERS))
    size = m or (2 if where == "two-samples" else draw(st.integers(2, 5)))
    rest = draw(st.lists(_small(), min_size=size - 1, max_size=size - 1))
    step = draw(st.integers(1, 5))
    y = [rest[0] - step, *rest] if rest else [float(step)]
    g, H = draw(losses(size, definite))
    gamma, beta = draw(st.sampled_from((1.0, 2.0, 0.5, -1.0, -2.0, 3.0))), draw(_small(2))
    if where == "small-spread":
        y = [3 + one / 1024 for one in y]
    if where == "g-along-one":
        g = (g[0] or 1.0,) * size
    if where == "g-along-y":
        mean = sum(y) / size
        g = tuple(one - mean for one in y)
    gamma = {"gamma-negative": -abs(gamma), "gamma-zero": 0.0}.get(where, gamma)
    scale = {"large": 2.0**20, "small": 2.0**-20}.get(where, 1.0)
    y, g = [scale * one for one in y], tuple(scale * one for one in g)
    free = tuple((name, tuple(draw(st.lists(_small(), min_size=size, max_size=size)))) for name in vectors)
    return Drawn(tuple(y), g, H, gamma, beta, eps, free, tuple((name, draw(_quarters())) for name in numbers))


def layers(
    kinds: Iterable[type[nn.Module]] = (nn.LayerNorm, nn.RMSNorm), size: int = 5
) -> st.SearchStrategy[nn.Module]:
    """Layers of PyTorch over ``size`` features with random weights, in float64."""

    def make(kind: type[nn.Module], seed: int) -> nn.Module:
        layer = kind(size).to(torch.float64)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
        return layer

    return st.builds(make, st.sampled_from(list(kinds)), st.integers(0, 2**16))


@dataclass(frozen=True)
class _Subject:
    """What a statement is asked of: a definition's lines and the sorts of its names, and a layer where there is one."""

    what: str
    lines: tuple[tuple[str, Node], ...]
    names: dict[str, Any]
    operators: frozenset[str]
    layer: Own | None = None

    def explain(self, error: Exception) -> InputError:
        """The error, and why a name has no meaning where the layer is no normalisation that is known."""
        layer = self.layer
        if layer is None or layer.lines:
            return InputError(str(error))
        off = (
            f"the nearest is {layer.nearest}, off by {layer.residual:.0e}"
            if layer.nearest
            else "none is near"
        )
        return InputError(
            f"{error}; {self.what} computes no normalisation that is known ({off}), so a statement about it may name "
            f"y, z, g, H, v, B, one and m alone, or say like='layer-norm' to bind the rest"
        )


def _subject(norm: str | nn.Module, like: str | None, extra: dict[str, Any]) -> _Subject:
    layer = None
    if isinstance(norm, nn.Module):
        layer = own(copy.deepcopy(norm).train(), like)
        what, known = type(norm).__name__, normalisation(layer.name if layer.lines else "identity")
    elif isinstance(norm, str):
        what, known = norm, normalisation(norm)
    else:
        raise InputError(
            f"norm is {norm!r}; expected a layer, or the name or text of a normalisation ({', '.join(NORMALISATIONS)})"
        )
    operators = declared((), (), known.operators).keys()
    return _Subject(what, tuple(lines(known.text)), names_of(known, extra), frozenset(operators), layer)


def _room(subject: _Subject, drawn: Drawn) -> Batch:
    """The batch of a drawn instance; of a layer along the batch every channel is one, with y turned round."""
    layer, m = subject.layer, drawn.m
    count = layer.size if layer is not None and layer.along == "batch" else 1

    def rows(values: Any) -> Tensor:
        return torch.stack([torch.tensor(values, dtype=torch.float64).roll(i, 0) for i in range(count)])

    def each(value: float) -> Tensor:
        return torch.full((count,), value, dtype=torch.float64)

    vectors = {"y": rows(drawn.y)} | {name: rows(values) for name, values in drawn.vectors}
    numbers = {name: each(value) for name, value in drawn.numbers}
    scale, shift, eps = each(drawn.gamma), each(drawn.beta), drawn.eps if layer is None else layer.eps
    operators: dict[str, Tensor] = {}
    if "D" in subject.operators:
        operators["D"] = drawn.gamma * torch.linspace(-1, 2, m, dtype=torch.float64).expand(count, -1)
        vectors["bias"] = torch.full((count, m), drawn.beta, dtype=torch.float64)
    if "C" in subject.operators:
        operators["C"] = (torch.eye(m, dtype=torch.float64) - 1 / m).expand(count, m, m)
    if layer is not None and layer.scale is not None and layer.shift is not None:
        if layer.along == "batch":
            scale, shift = layer.scale, layer.shift
        elif "D" in subject.operators:
            operators["D"], vectors["bias"] = layer.scale.expand(1, -1), layer.shift.expand(1, -1)
    placed = Given(vectors, numbers | {"gamma": scale, "beta": shift, "eps": each(eps)}, operators)
    forward = None if layer is None else layer.forward
    g, H = rows(drawn.g), torch.tensor(drawn.H, dtype=torch.float64).expand(count, m, m)
    none = DenseQuadratic(torch.zeros_like(g), torch.zeros_like(H), torch.zeros_like(g))
    at = Batch(subject.lines, placed, none, forward).z.detach()
    unit = None if layer is None else layer.unit
    return Batch(subject.lines, placed, DenseQuadratic(g, H, at), forward, unit=unit)


def assert_holds(
    statement: str,
    norm: str | nn.Module = "batch-norm",
    *,
    given: Iterable[str] = (),
    like: str | None = None,
    eps: float = 0.0,
    vectors: Iterable[str] = (),
    numbers: Iterable[str] = (),
    kinks: bool = False,
    examples: int = 200,
    seed: int = 0,
) -> None:
    """Search small batches, with quadratic losses downstream, for one at which ``statement`` fails.

    v and B are what autograd gives for L(z(y)); a failure is one that rounding cannot explain: in float64, or in what a
    layer computes in.

    Args:
        statement: text of the grammar, for example ``v @ v <= gamma**2/s**2 * (g @ g)``.
        norm: a name, a definition such as ``n = sqrt(y @ y); z = gamma*y/n``, or a layer that takes (batch, features).
            It is copied, in train mode, and asked in float64 where it takes that, else in float32, float16 or
            bfloat16; one that takes (batch, tokens, features) or (batch, channels, height, width) gets one token or
            pixel. Whether it normalises along the features or along the batch is found out, and which definition it
            is, with its own eps, so that s, sigma, yhat and its scale D (gamma) have their meaning.
        given: hypotheses; batches at which one does not hold clearly do not count.
        like: the definition that a layer is meant to be, where its numbers do not tell.
        eps: that of a named or typed normalisation.
        vectors, numbers: the free names of the statement.
        kinks: also try batches at which an abs, a max or a min of the definition has no derivative: an entry of y that
            is 0 under the l_1 norm, two largest entries under that of l_infinity. v is then autograd's choice.
        examples, seed: of hypothesis.

    Raises:
        AssertionError: the statement fails; the message holds the shrunk batch and both sides.
        InputError: the text is not in the grammar, names what the layer does not have, or assumes itself.
        ValueError: no batch met the hypotheses, or the layer computes in too few digits, so nothing was tested.
    """
    __tracebackhide__ = True  # pytest shows the caller's line and the message
    hypotheses = tuple(given)
    extra = declared(tuple(vectors), tuple(numbers))
    subject = _subject(norm, like, extra)
    try:
        tree = sorts.statement(statement, subject.names)
        assumed = [sorts.statement(text, subject.names) for text in hypotheses]
    except InputError as error:
        raise subject.explain(error) from None
    circle.refuse(tree, assumed)
    used = names_in(tree).union(*map(names_in, assumed))
    free = [name for name in extra if name in used]
    layer = subject.layer
    drawn = batches(
        layer.size if layer is not None and layer.along == "features" else None,
        eps,
        vectors=[name for name in free if extra[name].kind == "vector"],
        numbers=[name for name in free if extra[name].kind == "number"],
        definite=any(text.replace(" ", "") == "psd(H)" for text in hypotheses),
    )
    failed: list[str] = []
    tested = clear = 0

    def attempt(one: Drawn) -> None:
        nonlocal tested, clear
        room = _room(subject, one)
        try:
            relation, inside = sides(tree, room), met(assumed, room)
            inside = inside if kinks else inside & ~_at_a_kink(subject, room)
        except (Absent, NotImplementedError) as error:
            raise subject.explain(error) from None
        codes = judge(relation, room)
        tested += int(inside.any())
        allowed = room.allowance(relation.low, relation.ceiling)
        clear += int((allowed < torch.maximum(relation.low.scale, relation.ceiling.scale)).any())
        excess = (relation.low.value - relation.ceiling.value) / allowed
        steer = float((excess.abs() if relation.op == "==" else excess).reshape(-1)[0])
        if abs(steer) < 1e300:
            target(steer, label="excess")
        violated = (codes == Finding.VIOLATED) & inside
        if layer is not None and not layer.lines:
            violated = violated & _beyond_an_ulp(tree, subject, one, relation)
        if bool(violated.any()):
            failed[:] = [_report(statement, hypotheses, subject, one, tree, room)]
            raise AssertionError(failed[0])

    test = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        print_blob=False,
        report_multiple_bugs=False,
        phases=(Phase.generate, Phase.target, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )(hypothesis.given(drawn)(attempt))
    try:
        hypothesis.seed(seed)(test)()
    except AssertionError as error:
        # What a layer asserts itself has ended the search, and is no answer.
        raise AssertionError(failed[0]) if failed else error from None
    if not tested:
        raise ValueError(
            f"none of {examples} batches met {', '.join(hypotheses) or 'the definition'} clearly, so nothing was "
            "tested; weaken the hypotheses"
        )
    if not clear and layer is not None:
        raise ValueError(
            f"{subject.what} rounds to {layer.unit:.0e}, which explains whatever both sides are on all of {tested} "
            "batches, so nothing was tested; test it where it computes in more digits"
        )


def _at_a_kink(subject: _Subject, room: Batch) -> Tensor:
    """Where something in the definition has no derivative in y, (N,).

    Entries that are the largest together bend it, unless they are the same function of y: those of a centred y of two
    samples are. They are where they stay equal as y moves.
    """
    found = torch.zeros_like(room.cond, dtype=torch.bool)
    bends = _bends(subject)
    if not bends:
        return found
    y = room.y.detach()
    generator = torch.Generator().manual_seed(3)
    steps = torch.randn(3, *y.shape, generator=generator, dtype=y.dtype) * y.abs().amax(-1, keepdim=True) / 16
    near = [Graph(room.lines, room.given.put("y", Vec(y + step)), room.loss, None).made for step in steps]
    for tree in bends:
        entries = _rivals(tree, room.made)
        top = entries.amax(-1, keepdim=True)
        tied = top - entries <= CLOSE * entries.abs().amax(-1, keepdim=True)
        for made in near:
            moved = _rivals(tree, made)
            highest = moved.masked_fill(~tied, -torch.inf).amax(-1)
            lowest = moved.masked_fill(~tied, torch.inf).amin(-1)
            found = found | (highest - lowest > CLOSE * moved.abs().amax(-1))
    return found


def _bends(subject: _Subject) -> list[Node]:
    """Where the definition has an abs, a sign, a max or a min; of max(abs(x)) the max alone bends it."""
    found = [tree for _, line in subject.lines for tree in nodes(line)]
    inside = {tree.args[0] for tree in found if _is_largest(tree)}
    return [tree for tree in found if tree.head in ("abs", "sign", "max", "min") and tree not in inside]


def _rivals(tree: Node, made: dict[str, Any]) -> Tensor:
    """Numbers of which the largest counts where the tree bends, (N, k): of abs and sign, 0 and -|x|."""
    like = made["one"].x

    def columns(node: Node) -> Tensor:
        value = walk(node, RawRoom(made))
        flat = (
            value.x if isinstance(value, Vec) else torch.as_tensor(value).expand(like.shape[0]).unsqueeze(-1)
        )
        return flat.detach()

    if tree.head in ("abs", "sign"):
        sizes = columns(tree.args[0]).abs()
        return torch.cat([torch.zeros_like(sizes[:, :1]), -sizes], dim=-1)
    entries = torch.cat([columns(one) for one in tree.args], dim=-1)
    return -entries if tree.head == "min" else entries


def _is_largest(tree: Node) -> bool:
    """Whether it is the largest entry of a vector; where that is one of abs(x), it alone bends it."""
    return tree.head == "max" and len(tree.args) == 1


def _beyond_an_ulp(tree: Node, subject: _Subject, drawn: Drawn, relation: Sides) -> Tensor:
    """Where the sides differ by far more than an ulp in y moves them: nothing else is known of a black box."""
    gap = relation.ceiling.value - relation.low.value
    moved = torch.zeros_like(gap)
    ulp = 2.0**-52 if subject.layer is None else 2 * subject.layer.unit
    for sign in (1, -1, 3, -3):
        y = tuple(value * (1 + sign * (-1) ** i * ulp) for i, value in enumerate(drawn.y))
        other = sides(tree, _room(subject, replace(drawn, y=y)))
        moved = torch.maximum(moved, (other.ceiling.value - other.low.value - gap).abs())
    return gap.abs() > ULPS * moved


def _shown(value: Tensor) -> str:
    if value.dim() == 2 and len(value) > 1:
        return ", ".join(map(_shown, value))
    found = [f"{float(one):.12g}" for one in value.reshape(-1)]
    return found[0] if len(found) == 1 else f"[{', '.join(found)}]"


def _report(
    text: str, hypotheses: tuple[str, ...], subject: _Subject, drawn: Drawn, tree: Node, room: Batch
) -> str:
    relation, layer = sides(tree, room), subject.layer
    known = f" ({layer.name}, eps = {layer.eps:g})" if layer is not None and layer.lines else ""
    pair: tuple[Tensor, ...] = (relation.low.value, relation.ceiling.value)
    if tree.head in (">=", ">"):
        pair = pair[::-1]
    if tree.head == "==" and isinstance(both := walk(tree, room), tuple):
        pair = tuple(getattr(side, "value", value) for side, value in zip(both, pair, strict=True))
    curved = any(any(row) for row in drawn.H)
    said = [
        f"{text} does not hold for {subject.what}{known}"
        + (f", given {', '.join(hypotheses)}" if hypotheses else ""),
        f"  left side   {_shown(pair[0])}",
        f"  right side  {_shown(pair[1])}",
        f"  at m = {drawn.m}, y = {list(drawn.y)}, g = {list(drawn.g)}, "
        f"H = {[list(row) for row in drawn.H] if curved else 0}",
    ]
    if layer is not None and layer.scale is not None and "D" in names_in(tree):
        said.append(f"  with D = diag({_shown(layer.scale)})")
    if layer is None:
        said.append(f"  gamma = {drawn.gamma:g}, beta = {drawn.beta:g}, eps = {drawn.eps:g}")
    for name, values in (*drawn.vectors, *drawn.numbers):
        said.append(f"  {name} = {list(values) if isinstance(values, tuple) else values}")
    return "\n".join(said)
