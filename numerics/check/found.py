"""What a check found: plain data, for tables, JSON, plots and reports."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from bnverify.numerics.measure.instances import Kind
from bnverify.numerics.measure.sides import Finding
from numpy.typing import NDArray

KEPT = 2000
"""Points of each statement that are kept for plots."""
LEVELS = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
"""The quantiles of a slack distribution."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Worst:
    """The non-vacuous instance of one loss at which a statement fares worst.

    Least slack/scale of an inequality, largest gap over ``allowed``, what rounding explains, of an equality.
    """

    loss: str
    index: int
    m: int
    finding: str
    lhs: float
    rhs: float
    slack: float
    allowed: float


@dataclass(frozen=True)
class LossFindings:
    """One statement behind one downstream loss.

    trials: instances drawn. counts: how many of each `Finding`, by name. non_vacuous: how many meet every
    hypothesis and have no term that is 0. slack_scale, slack_bound: over those, quantiles at `LEVELS` of
    (rhs - lhs) over the sum of the magnitudes of all terms, and over |rhs|; empty where there are none.
    """

    loss: str
    trials: int
    counts: dict[str, int]
    non_vacuous: int
    slack_scale: tuple[float, ...]
    slack_bound: tuple[float, ...]
    worst: Worst | None

    @property
    def inside(self) -> int:
        """Instances at which the hypotheses hold and both sides are numbers."""
        return self.trials - self.counts["OUTSIDE_ASSUMPTIONS"] - self.counts["ERROR"]


@dataclass(frozen=True)
class Samples:
    """Up to `KEPT` instances of a statement, one entry each; spread over losses and batch sizes.

    loss indexes `LossFindings` of the statement; code is a `Finding`; scale is the sum of |terms|; terms (T, K)
    are the values of the additive terms of both sides.
    """

    loss: NDArray[np.int64]
    m: NDArray[np.int64]
    gamma: Floats
    sigma: Floats
    lhs: Floats
    rhs: Floats
    slack: Floats
    scale: Floats
    allowed: Floats
    code: NDArray[np.int8]
    terms: Floats


@dataclass(frozen=True)
class StatementFindings:
    """A reading of the printed statement (role ``reading``) or its correction (role ``corrected``).

    verdict, tight: those of the certificate. tested_as: ``le``, ``lt`` or ``eq``; a proved inequality whose two
    sides are identical is tested as the equality it is. exists: it says "there is an instance with ...".
    why_not: why no number can be had, else empty.
    term_names: what the rows of ``samples.terms`` are, in plain Unicode; lhs_terms of them are of the left side.
    """

    slug: str
    role: str
    summary: str
    statement: str
    verdict: str
    tight: bool
    tested_as: str
    admitted: bool
    kind: Kind | None
    losses: tuple[LossFindings, ...]
    exists: bool = False
    why_not: str = ""
    term_names: tuple[str, ...] = ()
    lhs_terms: int = 0
    samples: Samples | None = field(default=None, repr=False)

    def count(self, finding: Finding) -> int:
        """How many instances of all losses have this finding."""
        return sum(loss.counts[finding.name] for loss in self.losses)

    @property
    def trials(self) -> int:
        return sum(loss.trials for loss in self.losses)

    @property
    def inside(self) -> int:
        return sum(loss.inside for loss in self.losses)

    @property
    def non_vacuous(self) -> int:
        return sum(loss.non_vacuous for loss in self.losses)

    @property
    def contradiction(self) -> bool:
        """Whether a number violates a statement proved for all, or finds what is proved not to be there."""
        if self.exists:
            return self.verdict == "refuted" and self.count(Finding.HOLDS) > 0
        return self.verdict == "proved" and self.count(Finding.VIOLATED) > 0


@dataclass(frozen=True)
class ClaimFindings:
    """All statements of one claim, on ``trials`` instances each."""

    id: str
    title: str
    verdict: str
    statements: tuple[StatementFindings, ...]
    trials: int
    seed: int
    dtype: str
    device: str
    seconds: float

    @property
    def contradiction(self) -> bool:
        return any(statement.contradiction for statement in self.statements)

    def replay(self, worst: Worst) -> str:
        """The command that shows this instance again."""
        options = "" if self.dtype == "float64" else f" --dtype {self.dtype}"
        options += "" if self.device == "cpu" else f" --device {self.device}"
        return f"bnverify check {self.id} --seed {self.seed}{options} --replay {worst.loss}:{worst.index}"
