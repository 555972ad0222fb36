"""Which statements can be asked of a layer, and what its numbers answer.

The statements come from the registry: the theorems as they are printed and as they are corrected, as they were proved
again for the eps > 0 that PyTorch computes with, and for the other normalisations. A few identities of single rows are
below, in the same vocabulary; v, B and H are measured in either case.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache

import torch
from bnverify.numerics.audit.layers import Family, Spec
from bnverify.numerics.audit.table.column import Column
from bnverify.numerics.audit.table.room import LayerRoom, NotMeasured, Table, Vector
from bnverify.numerics.measure.tolerance import Measured, allowance, roundings, unit_roundoff
from bnverify.theory.claim import Claim, Hypothesis
from bnverify.theory.claims.santurkar_2018.ext_eps import ALONG_YHAT
from bnverify.theory.grammar import names_in, parse
from bnverify.theory.registry import registry
from bnverify.theory.room import walk
from torch import Tensor

ZERO = 64
"""Roundings of the terms that cancel, below which what is left of both sides is 0."""


class Finding(StrEnum):
    """What one group of a layer says of one statement."""

    HOLDS = "holds"
    VIOLATED = "violated"
    WITHIN_ROUNDOFF = "within_roundoff"
    OUTSIDE_ASSUMPTIONS = "outside_assumptions"
    VACUOUS = "vacuous"  # both sides are 0 to rounding


@dataclass(frozen=True)
class Statement:
    """A relation, how to cite it, and what it is expected to do.

    id: of the claim, as ``bnverify show`` knows it. form: printed, corrected, or the name of an identity.
    asserted: there is a proof, so that a violation is a failed check. eps: "= 0", "> 0" or "" (either), the scope.
    """

    id: str
    form: str
    text: str
    says: str
    hypotheses: tuple[Hypothesis, ...] = ()
    asserted: bool = True
    eps: str = ""

    @property
    def key(self) -> str:
        return f"{self.id}:{self.form}"


@dataclass(frozen=True)
class Asked:
    """What of a layer decides which statements apply: see `bnverify.numerics.audit.layers.Spec`."""

    family: Family
    folded: bool = False
    p: float = 0.0
    shared: bool = False

    @staticmethod
    def of(spec: Spec) -> Asked:
        return Asked(spec.family, spec.fold is not None, spec.p, spec.one_divisor)


@dataclass(frozen=True)
class Answer:
    """One statement asked of every group of a layer; tensors are ``(G,)``.

    order: of the derivatives that it needed. findings: values of `Finding`. residual: |lhs - rhs| relative to the
    scale that the sides had before their cancellations.
    """

    statement: Statement
    order: int
    op: str
    lhs: Tensor
    rhs: Tensor
    residual: Tensor
    findings: Column[str]

    def split(self, sizes: Sequence[int]) -> Iterator[Answer]:
        """The answer of each of several layers that were asked together."""
        start = 0
        for size in sizes:
            own = slice(start, start + size)
            yield replace(
                self,
                lhs=self.lhs[own],
                rhs=self.rhs[own],
                residual=self.residual[own],
                findings=Column(self.findings.values[own], _FINDINGS),
            )
            start += size


GRADIENT_FIXED = "v @ v == gamma**2/s**2 * (g @ g)"
"""|v|^2 under running statistics: scaling and nothing else."""

GRADIENT_SHARED = (
    "v @ v == gamma**2/s**2 * (g @ g - (one @ g)**2/m"
    " - 2*shared*(g @ nu - (one @ g)/m * (one @ nu)) + shared**2 * (nu @ nu))"
)
"""|v_j|^2 for one unit of a layer whose units share one divisor n(y), with nu = dn_j its gradient in that unit.

v_j = gamma_j/n (g_j - mean(g_j) 1 - P dn_j), P = sum over k of gamma_k <g_k, yhat_k>, divided by gamma_j.
"""

MEAN_FREE = "one @ v == 0"
"""No gradient towards a shift of the group."""

CURVATURE_RMS = (
    "v @ B @ v == d(z, y, v) @ H @ d(z, y, v) - gamma*(g @ yhat)/(m*s**2) * (v @ v - (v @ yhat)**2/m)"
    " - 2*(v @ yhat)*(v @ v)/(m*s)"
)
"""v'Bv where only the root mean square is divided out, any eps >= 0."""

CURVATURE_FIXED = "v @ B @ v == d(z, y, v) @ H @ d(z, y, v)"
"""v'Bv under running statistics: the layer is affine and bends nothing."""

_ALONG = "<v, yhat> = gamma/s (1 - rho) <g, yhat>"

_MEAN = Statement("fact-C.1", "mean", "<1, v> = 0: the mean of the gradient is removed", MEAN_FREE)

_YHAT = Statement("ext-eps.gradient", "yhat", _ALONG, ALONG_YHAT)

_BEND = Statement("ext-groups.rms-norm-form", "eps", "v'Bv from H and <g, yhat>, at any eps", CURVATURE_RMS)

_SHARED = Statement("ext-lp.shared", "unit", "|v|^2 of one unit of a layer with one divisor", GRADIENT_SHARED)

_RUNNING = (
    Statement("running", "gradient", "|v|^2 = gamma^2/s^2 |g|^2: scaling and nothing else", GRADIENT_FIXED),
    Statement("running", "curvature", "v'Bv = (Jv)'H(Jv): the layer does not bend", CURVATURE_FIXED),
)

THEOREMS = ("thm-4.1", "thm-4.2.1", "thm-4.2.2")

AT_EPS = (
    "ext-eps.gradient",
    "ext-eps.thm-4.1",
    "ext-eps.quadratic-form",
    "ext-eps.thm-4.2.1",
    "ext-eps.thm-4.2.2",
)

LAYER_NORM = ("ext-groups.layer-norm", "ext-groups.layer-norm-form", *AT_EPS[1:])

RMS_NORM = ("ext-groups.rms-norm", "ext-groups.rms-norm-form")


@cache
def statements(asked: Asked) -> tuple[Statement, ...]:
    """The statements that apply to a layer.

    Layers that divide out mean and standard deviation get the theorems, as printed (in the reading that has a proof,
    where one has) and as corrected, and what was proved of them at eps > 0. Where gamma is folded into g, so that g
    is D g with D = diag(gamma), they get what was proved of layers with one gamma an element.
    """
    match asked.family:
        case Family.CENTRED:
            printed = (item for claim in _known(THEOREMS) for item in _printed_and_corrected(claim))
            return (*printed, *_all_proved(LAYER_NORM if asked.folded else AT_EPS), _MEAN, _YHAT)
        case Family.RMS:
            return (*_all_proved(RMS_NORM), _YHAT, _BEND)
        case Family.LP:
            return (_SHARED,) if asked.shared else tuple(_lp(asked.p))
        case Family.DEFINED:
            return ()
        case _:
            return _RUNNING


def _known(names: tuple[str, ...]) -> list[Claim]:
    known = registry()
    return [known[name] for name in names if name in known]


def _all_proved(names: tuple[str, ...]) -> list[Statement]:
    """Proved readings of these claims; an identity that two claims share is listed once."""
    proved = [item for claim in _known(names) for item in _proved(claim)]
    first = {item.says: item for item in reversed(proved) if not item.hypotheses}
    return [item for item in proved if item.hypotheses or first[item.says] is item]


def _lp(p: float) -> Iterator[Statement]:
    """For one unit with a divisor of its own: is the additive term a reduction, the exact bracket, sum and form."""
    for claim in _known((f"ext-lp.l{'inf' if p == float('inf') else int(p)}",)):
        first = claim.readings[0]
        proved = first.proof is not None
        yield Statement(claim.id, first.slug, f"{claim.title} {first.summary}", first.says, (), proved)
    for claim in _known(("ext-lp.shared", "ext-lp.translation")):
        if claim.corrected is not None:
            yield Statement(claim.id, "corrected", claim.corrected.text, claim.corrected.says)
    for claim in _known(("ext-lp.form",)):
        for reading in claim.readings:
            if reading.slug == "any":
                yield Statement(claim.id, reading.slug, reading.summary, reading.says)


def _printed_and_corrected(claim: Claim) -> Iterator[Statement]:
    eps = dict(claim.scope).get("eps", "")
    printed = next((r for r in claim.readings if r.admitted and r.proof), claim.readings[0])
    text = f"{claim.title}, as printed"
    proved = printed.proof is not None
    yield Statement(claim.id, "printed", text, printed.says, printed.hypotheses, proved, eps)
    fixed = claim.corrected
    if fixed is not None:
        yield Statement(claim.id, "corrected", fixed.text, fixed.says, fixed.hypotheses, True, eps)


def _proved(claim: Claim) -> Iterator[Statement]:
    eps = dict(claim.scope).get("eps", "")
    for reading in claim.readings:
        if reading.admitted and reading.proof is not None:
            text = reading.summary
            yield Statement(claim.id, reading.slug, text, reading.says, reading.hypotheses, True, eps)
    if claim.corrected is not None:
        fixed = claim.corrected
        yield Statement(claim.id, "corrected", fixed.text, fixed.says, fixed.hypotheses, True, eps)


_tree = cache(parse)


@cache
def order_of(text: str) -> int:
    """The order of derivative that a statement needs."""
    return 2 if names_in(_tree(text)) & {"B", "H"} else 1


def sides(text: str, table: Table) -> tuple[Measured, Measured]:
    """Both sides of a statement at every group.

    Raises:
        NotMeasured: the statement needs something outside the measured table.
    """
    left, right = walk(_tree(text), LayerRoom(table))
    if isinstance(left, Vector) or isinstance(right, Vector):
        raise NotMeasured("the entries of a vector")
    return left, right


def ask(statement: Statement, q: Table, dtype: torch.dtype) -> Answer | None:
    """What the groups of a layer answer; None where the statement needs what was not measured.

    Args:
        dtype: of the layer; half precisions round what the layer hands over, not the sums.
    """
    order = order_of(statement.says)
    if order > q.order:
        return None
    if statement.eps == "= 0" and not statement.asserted:
        # A printed statement, which knows no eps, is asked with sigma read as the layer's divisor s.
        with_eps = q.symbols["eps"] > 0
        q = replace(
            q, symbols={**q.symbols, "sigma": torch.where(with_eps, q.symbols["s"], q.symbols["sigma"])}
        )
    try:
        lhs, rhs = sides(statement.says, q)
        met = _hypotheses_met(statement, q)
    except (NotMeasured, NotImplementedError):
        return None
    scale = lhs.scale + rhs.scale
    cond = 1 + q.symbols["mu"].abs() / q.symbols["s"]
    allowed = allowance(cond, lhs, rhs)
    if torch.finfo(dtype).eps > torch.finfo(scale.dtype).eps:
        allowed = allowed + unit_roundoff(dtype) * roundings(order, 1) * cond * scale
    slack = rhs.value - lhs.value
    inside = met & q.defined & (scale > 0) & torch.isfinite(slack)
    if statement.asserted and statement.eps in ("= 0", "> 0"):
        inside &= (q.symbols["eps"] == 0) == (statement.eps == "= 0")
    tree = _tree(statement.says)
    codes = _codes(tree.head, slack, allowed, inside)
    if not any(side.head == "number" for side in tree.args):  # its being 0 is what such a statement says
        nothing = torch.maximum(lhs.value.abs(), rhs.value.abs()) <= torch.minimum(
            allowed, ZERO * unit_roundoff(scale.dtype) * cond * scale
        )
        codes = torch.where((codes > 0) & nothing, 4, codes)
    residual = torch.where((scale > 0) & torch.isfinite(slack), slack.abs() / scale, torch.zeros_like(scale))
    return Answer(statement, order, _OPS[tree.head], lhs.value, rhs.value, residual, Column(codes, _FINDINGS))


def _hypotheses_met(statement: Statement, q: Table) -> Tensor:
    met = torch.ones_like(q.symbols["m"], dtype=torch.bool)
    for hypothesis in statement.hypotheses:
        lhs, rhs = sides(hypothesis.says, q)
        slack, op = rhs.value - lhs.value, _tree(hypothesis.says).head
        met &= slack == 0 if op == "==" else slack > 0 if op == "<" else slack >= 0
    return met


_OPS = {"<=": "le", "<": "lt", "==": "eq"}
_FINDINGS = ("outside_assumptions", "holds", "violated", "within_roundoff", "vacuous")


def _codes(op: str, slack: Tensor, allowed: Tensor, inside: Tensor) -> Tensor:
    """The place in `_FINDINGS` of every group's answer."""
    near = slack.abs() <= allowed
    beyond = torch.where(slack > 0, 1, 2)
    answer = torch.where(near, 1, 2) if op == "==" else torch.where(near, 3, beyond)
    return torch.where(inside, answer, 0)
