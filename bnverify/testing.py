"""Property tests of your own: does a statement hold for a normalisation, on every small batch that hypothesis tries?

    from bnverify.testing import assert_holds

    def test_the_gradient_is_orthogonal_to_the_activations():
        assert_holds("v @ y == 0", norm=MyNorm(5))

``norm`` is the name of a normalisation, its text, or a layer or function of PyTorch, whose own forward and backward
passes are then what is tested. The statement is text of the grammar (`bnverify vocabulary` lists the names). What fails
is shrunk to a small batch, and both sides are printed.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

try:
    import hypothesis
    import torch
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"bnverify.testing needs {error.name}, which is not installed; pip install 'bnverify[torch]' brings it",
        name=error.name,
    ) from None
from hypothesis import HealthCheck, Phase, settings, target
from hypothesis import strategies as st
from torch import Tensor, nn

from bnverify.base.errors import InputError
from bnverify.numerics.measure.batch import Absent, Batch
from bnverify.numerics.measure.graph import given_alone
from bnverify.numerics.measure.leaves import Leaves
from bnverify.numerics.measure.sides import Finding, Sides, judge, met, sides
from bnverify.numerics.measure.tolerance import Measured, MeasuredVector
from bnverify.numerics.tester.difference import reasons
from bnverify.numerics.tester.subject import Drawn, Subject, at_a_kink, room_of, subject_of
from bnverify.theory import circle, sorts
from bnverify.theory.grammar import Node, names_in
from bnverify.theory.normalisations import declared
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


def assert_holds(
    statement: str,
    norm: str | nn.Module | Callable[[Tensor], Tensor] = "batch-norm",
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
        norm: a name, a definition such as ``n = sqrt(y @ y); z = gamma*y/n``, or a layer or function, such as a
            ``partial`` or the ``apply`` of an autograd Function, that takes (batch, features).
            It is copied, in train mode, and asked in float64 where it takes that, else in float32, float16 or
            bfloat16; one that takes (batch, tokens, features) or (batch, channels, height, width) gets one token or
            pixel. Whether it normalises along the features or along the batch is found out, and which definition it
            is, with its own eps, so that s, sigma, yhat and its scale D (gamma) have their meaning. D is what the
            forward pass scales yhat by; it is not read from a parameter. v is the gradient by the layer's input.
        given: hypotheses; batches at which one does not hold clearly do not count.
        like: the definition that a layer is meant to be, where its numbers do not tell.
        eps: that of a named or typed normalisation.
        vectors, numbers: the free names of the statement.
        kinks: also try batches at which an abs, a max or a min of the definition has no derivative: an entry of y that
            is 0 under the l_1 norm, two largest entries under that of l_infinity. v is then autograd's choice.
        examples, seed: of hypothesis.

    Warns:
        UserWarning: the statement holds, but a parameter has no gradient or one that is not the derivative of the
            forward pass, the layer scales yhat by something else than its parameter, or the statement names nothing
            that the layer computes.

    Raises:
        AssertionError: the statement fails; the message holds the shrunk batch, both sides, the direction in which they
            differ, and whether the layer's backward pass is the derivative of its forward pass.
        InputError: the text is not in the grammar, names what the layer does not have, or assumes itself; an eps is
            given for a layer.
        ValueError: no batch met the hypotheses, or on every one rounding hides a part of the statement, so nothing was
            tested.
    """
    __tracebackhide__ = True  # pytest shows the caller's line and the message
    hypotheses = tuple(given)
    extra = declared(tuple(vectors), tuple(numbers))
    subject = subject_of(norm, like, extra)
    if eps and subject.layer is not None:
        raise InputError(
            f"eps = {eps:g} is that of a named or typed normalisation; {subject.what} computes with its own"
        )
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
    failed: list[tuple[Drawn, Batch]] = []
    tested = clear = 0
    strict = tree.head in ("<", ">")
    seen = Leaves(tree, assumed, as_equality=not strict)

    def attempt(one: Drawn) -> None:
        nonlocal tested, clear
        room = room_of(subject, one)
        try:
            relation, inside = sides(tree, room), met(assumed, room)
            inside = inside if kinks else inside & ~at_a_kink(subject, room)
        except (Absent, NotImplementedError) as error:
            raise subject.explain(error) from None
        codes = judge(relation, room)
        allowed = room.allowance(relation.low, relation.ceiling)
        gap = relation.low.value - relation.ceiling.value
        excess = gap / allowed
        steer = float((excess.abs() if relation.op == "==" else excess).reshape(-1)[0])
        if abs(steer) < 1e300:
            target(steer, label="excess")
        violated = (codes == Finding.VIOLATED) & inside
        if layer is not None and not layer.lines:
            violated = violated & _beyond_an_ulp(tree, subject, one, relation)
        if bool(violated.any()):
            failed[:] = [(one, room)]
            raise AssertionError
        agree = inside & gap.isfinite() & allowed.isfinite()
        tested += int(agree.any())
        clear += int((agree & (gap < -allowed)).any())
        if not clear:
            seen.look(room, agree, inside)

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
        if not failed:
            raise error from None
        raise AssertionError(_report(statement, hypotheses, subject, tree, *failed[0])) from None
    if not tested:
        raise ValueError(
            f"none of {examples} batches met {', '.join(hypotheses) or 'the definition'} clearly, so nothing was "
            "tested; weaken the hypotheses"
        )
    if seen.unmet or (not clear and (strict or seen.drowned)):
        hidden = [leaf for _, leaf in (*seen.unmet, *seen.drowned)]
        what = (
            f"{hidden[0].node} (character {hidden[0].node.column + 1})" if hidden else "whether they differ"
        )
        of = statement if not seen.unmet else hypotheses[seen.unmet[0][0] - 1]
        raise ValueError(
            f"on all of {tested} batches rounding hides {what} in {of}, so nothing was tested"
            + ("" if layer is None else f"; {subject.what} rounds to {layer.unit:.0e}")
        )
    remarks = list(() if layer is None else layer.remarks)
    if given_alone(tree, extra):
        names = ", ".join(sorted(names_in(tree))) or "whole numbers"
        remarks.insert(
            0, f"it names nothing that {subject.what} computes ({names}): only what is drawn was tested"
        )
    for remark in remarks:
        warnings.warn(f"{statement} holds for {subject.what}, but {remark}", stacklevel=2)


def _beyond_an_ulp(tree: Node, subject: Subject, drawn: Drawn, relation: Sides) -> Tensor:
    """Where the sides differ by far more than an ulp in y moves them: nothing else is known of a black box."""
    gap = relation.ceiling.value - relation.low.value
    moved = torch.zeros_like(gap)
    ulp = 2.0**-52 if subject.layer is None else 2 * subject.layer.unit
    for sign in (1, -1, 3, -3):
        y = tuple(value * (1 + sign * (-1) ** i * ulp) for i, value in enumerate(drawn.y))
        other = sides(tree, room_of(subject, replace(drawn, y=y)))
        moved = torch.maximum(moved, (other.ceiling.value - other.low.value - gap).abs())
    return gap.abs() > ULPS * moved


def _shown(value: Tensor) -> str:
    if value.dim() == 2 and len(value) > 1:
        return ", ".join(map(_shown, value))
    found = [f"{float(one):.12g}" for one in value.reshape(-1)]
    return found[0] if len(found) == 1 else f"[{', '.join(found)}]"


def _clear(side: Measured | MeasuredVector, room: Batch) -> Tensor:
    """The numbers of a side, and 0 for those that rounding explains."""
    error = room.unit * side.error + torch.zeros_like(room.cond)
    seen = side.value.abs() > (error.unsqueeze(-1) if side.value.dim() == 2 else error)
    return side.value.where(seen, 0.0)


def _report(
    text: str, hypotheses: tuple[str, ...], subject: Subject, tree: Node, drawn: Drawn, room: Batch
) -> str:
    relation, layer = sides(tree, room), subject.layer
    known = ""
    if layer is not None and layer.lines:
        known = f" ({layer.name}, eps = {layer.eps:g})" if layer.computes else f", held against {layer.name}"
    pair: tuple[Tensor, ...] = tuple(_clear(side, room) for side in (relation.low, relation.ceiling))
    if tree.head in (">=", ">"):
        pair = pair[::-1]
    if tree.head == "==" and isinstance(both := walk(tree, room), tuple):
        pair = tuple(
            _clear(side, room) if hasattr(side, "value") else old
            for side, old in zip(both, pair, strict=True)
        )
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
    remarks = () if layer is None else layer.remarks
    return "\n".join([*said, *(f"  {line}" for line in (*reasons(tree, subject, drawn, room), *remarks))])
