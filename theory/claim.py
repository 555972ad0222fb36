"""What a claim is: readings of a printed statement, the evidence asked for, and the status computed from it.

No BatchNorm in here. A status is never typed in: `status_of` derives it from verified evidence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import Any


@dataclass(frozen=True)
class Hypothesis:
    """A named formula that a reading assumes; ``text`` is what a person reads."""

    name: str
    text: str
    says: str


def _named(stated: Any) -> None:
    """Name the hypotheses that are given as their text alone."""
    named = tuple(
        Hypothesis(f"given{number}", given, given) if isinstance(given, str) else given
        for number, given in enumerate(stated.hypotheses)
    )
    object.__setattr__(stated, "hypotheses", named)


@dataclass(frozen=True)
class Data:
    """What distinguishes one reading of the printed words from another."""

    quantifiers: str = "for all y, gamma, beta and every twice differentiable L"
    fixed: str = "gamma, beta"
    varies: str = "y, L"
    norm: str = "Euclidean"
    right_side_at: str = "the same point z as the left side"
    bias: str = "not in question"
    parameters: str = "activations y_j of one unit"


@dataclass(frozen=True)
class Step:
    """A step of a proof: a relation verified in Gram algebra, or a named lemma that is trusted."""

    text: str
    says: str = ""
    terms: tuple[str, ...] = ()
    lemma: str | None = None
    norm: str = ""
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proof:
    """A proof for every m. The statement itself is verified in Gram algebra unless ``lemma`` concludes it.

    terms: for an inequality that is no identity, slack = sum of these terms.
    lemma: the named lemma that turns the verified steps into the statement (see `lemmas`).
    at: for "there is an instance with ...": an exact point at which the statement holds.
    multiplier: a positive text by which the slack is multiplied before it is the sum of the terms.
    example: a point at which the hypotheses hold, so that something satisfies them.
    """

    steps: tuple[Step, ...] = ()
    terms: tuple[str, ...] = ()
    lemma: str | None = None
    at: Instance | None = None
    multiplier: str = "1"
    example: Instance | None = None


Rational = int | str


@dataclass(frozen=True)
class Instance:
    """An exact point: rational numbers as ints or strings like "1/2".

    The loss downstream is the quadratic L(u) = <g, u - z> + (u - z)'H(u - z)/2 around z = gamma y-hat + beta,
    so g and H are its gradient and Hessian at z. gamma = "s" and beta = "mu" select the matched network of
    Observation 4.3. With ``W`` given, y = X W.
    """

    y: tuple[Rational, ...]
    g: tuple[Rational, ...]
    H: tuple[tuple[Rational, ...], ...] | None = None
    gamma: Rational = 1
    beta: Rational = 0
    eps: Rational = 0
    lam: Rational = 1
    X: tuple[tuple[Rational, ...], ...] | None = None
    W: tuple[Rational, ...] | None = None
    extra: tuple[tuple[str, Any], ...] = ()
    note: str = ""

    @property
    def m(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Refutation:
    """What shows a reading false.

    smallest, generic: the smallest exact instance (in m, then non-zeros, then height) and the smallest with all
        terms non-zero.
    negation: for "there is": a relation whose certificate for all values contradicts the statement.
    """

    smallest: Instance | None = None
    generic: Instance | None = None
    negation: Step | None = None
    example: Instance | None = None


@dataclass(frozen=True)
class Reading:
    """One reading of a printed statement, proved by itself where it has no refutation.

    norm: its normalisation, by name or as lines of the grammar (``--norm``); z = y where it has none.
    needs: what the instances that it speaks of satisfy beside the claim's scope, as texts.
    quantifier: "all", or "exists" where the words say that there is an instance; one point proves no more.
    admitted: False for a reading that the source itself excludes; it is shown, with the reason in ``why``,
        but does not count towards the verdict of the printed statement.
    """

    slug: str
    summary: str
    says: str
    data: Data = field(default_factory=Data)
    hypotheses: tuple[Any, ...] = ()
    assumptions: tuple[str, ...] = ()
    proof: Proof | None = None
    refutation: Refutation | None = None
    admitted: bool = True
    why: str = ""
    norm: str = "batch-norm"
    necessary: str = ""
    needs: tuple[str, ...] = ()
    quantifier: str = "all"

    def __post_init__(self) -> None:
        _named(self)
        if self.proof is None and self.refutation is None:
            object.__setattr__(self, "proof", Proof())


@dataclass(frozen=True)
class Corrected:
    """The statement that replaces a false one, with its proof for every m."""

    says: str
    text: str
    proof: Proof = field(default_factory=Proof)
    hypotheses: tuple[Any, ...] = ()
    assumptions: tuple[str, ...] = ()
    norm: str = "batch-norm"
    needs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _named(self)


@dataclass(frozen=True)
class Claim:
    """A printed statement with its place, readings, correction and notes.

    scope: structured, as `SCOPE`. kind: theorem, equation, prose, ... as the id says, where none is given.
    notation: slips that change no value.
    state: definition, open or absent where no evidence is asked for; every other word is computed.
    measured: what training runs measure, where they judge the statement (see `empirical`); it has no readings then.

    Raises:
        ValueError: ``state`` is a verdict that evidence decides, or stands beside runs that decide.
    """

    id: str
    title: str
    where: str
    kind: str = ""
    quotation: str = ""
    readings: tuple[Reading, ...] = ()
    corrected: Corrected | None = None
    scope: tuple[tuple[str, str], ...] = ()
    assumptions: tuple[str, ...] = ()
    notation: tuple[str, ...] = ()
    why: str = ""
    remarks: tuple[str, ...] = ()
    state: str = ""
    part_of: str = ""
    measured: str = ""

    def __post_init__(self) -> None:
        if not self.kind:
            object.__setattr__(self, "kind", KINDS[self.id.partition("-")[0]])
        if not self.scope and self.readings:
            object.__setattr__(self, "scope", SCOPE)
        if self.state not in STATES or (self.state and self.measured):
            raise ValueError(
                f"{self.id} has the state {self.state!r}; expected one of {', '.join(STATES[1:])}, or none "
                f"where evidence decides"
            )


SCOPE = (("m", ">= 2"), ("gamma", "any real"), ("sigma", "> 0"), ("eps", "= 0"))
"""The scope of a claim with readings that says none: that of the paper."""

KINDS = {
    "thm": "theorem",
    "obs": "theorem",
    "lem": "lemma",
    "fact": "fact",
    "def": "definition",
    "eq": "equation",
    "fig": "figure",
    "prose": "prose",
    "ext": "extension",
}
"""The kind of a claim that says none, by how its id begins."""

STATES = ("", "definition", "open", "absent")
"""What a claim may say of itself; every other verdict is computed from evidence."""


class Status(StrEnum):
    """The verdict of a printed statement or of one of its readings."""

    PROVED = "proved"
    REFUTED = "refuted"
    CONDITIONAL = "conditional"
    REPRODUCED = "reproduced"
    TOO_SMALL = "too-small"
    NO_EFFECT = "no-effect"
    OPPOSITE = "opposite"
    MIXED = "mixed"
    UNDERPOWERED = "underpowered"
    NOT_RUN = "not-run"
    DEFINITION = "definition"
    OPEN = "open"
    ABSENT = "absent"


@dataclass(frozen=True)
class Check:
    """One verified piece of evidence."""

    kind: str
    holds: bool
    text: str
    lemmas: tuple[str, ...] = ()
    values: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Evidence:
    """Everything verified about one reading."""

    reading: str
    proved: bool
    refuted: bool
    tight: bool
    checks: tuple[Check, ...]

    @property
    def status(self) -> Status:
        if self.proved and self.refuted:
            raise ArithmeticError(f"{self.reading} is both proved and refuted: the kernel contradicts itself")
        if self.proved:
            return Status.PROVED
        return Status.REFUTED if self.refuted else Status.OPEN


def status_of(claim: Claim, evidence: tuple[Evidence, ...]) -> Status:
    """The verdict of the printed statement from the evidence on its admitted readings.

    proved or refuted only if every admitted reading is; conditional where readings differ. A statement that runs
    judge has no readings and is open here; its verdict is `empirical.overall`.
    """
    if claim.state:
        return Status(claim.state)
    admitted = {reading.slug for reading in claim.readings if reading.admitted}
    found = {item.status for item in evidence if item.reading in admitted}
    if not found or Status.OPEN in found:
        return Status.OPEN
    return found.pop() if len(found) == 1 else Status.CONDITIONAL


def promised(claim: Claim) -> dict[str, Any]:
    """The fields of an item of ``bnverify claims --json`` in their order, with what a claim says of itself."""
    return {
        "id": claim.id,
        "title": claim.title,
        "where": claim.where,
        "kind": claim.kind,
        "verdict": claim.state,
        "tight": False,
        "scope": dict(claim.scope),
        "assumptions": list(claim.assumptions),
        "notation": list(claim.notation),
        "readings": [],
        "corrected": None,
        "counterexample": None,
        "lemmas": [],
        "quotation": claim.quotation,
        "witnesses": {},
    }


def reason_of(claim: Claim, evidence: tuple[Evidence, ...]) -> str:
    """Why the verdict is what it is: the claim's own words, which count only where its evidence holds."""
    if claim.state or claim.measured or status_of(claim, evidence) is not Status.OPEN:
        return claim.why
    return "its certificates settle nothing: `bnverify prove` says why"


def rational(value: Rational) -> Fraction:
    """An exact number from an int or a string; floats are refused.

    Raises:
        TypeError: ``value`` is a float.
    """
    if isinstance(value, float):
        raise TypeError(f"exact rooms refuse the float {value!r}; write it as a fraction, e.g. '1/3'")
    return Fraction(value)
