"""What an audit found, as a plain value: tables per layer call, one row a group; JSON and pandas of it."""

from __future__ import annotations

import importlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bnverify.numerics.audit.findings.fault import Fault
from bnverify.numerics.audit.findings.words import verdict
from bnverify.numerics.audit.gradient.backward import Backward
from bnverify.numerics.audit.table.column import plain
from bnverify.numerics.audit.table.statements import Finding
from bnverify.numerics.audit.uncovered import NotCovered

from bnverify.base.errors import InputError
from bnverify.base.files import finite


@dataclass(frozen=True)
class StatementRows:
    """One statement at every row of a layer.

    id, form, text, op, asserted: as in `bnverify.numerics.audit.table.statements.Statement`; op is le, lt or eq.
    lhs, rhs: actual and bound. residual: |lhs - rhs| relative to the scale before cancellations.
    """

    id: str
    form: str
    text: str
    op: str
    asserted: bool
    lhs: Sequence[float]
    rhs: Sequence[float]
    residual: Sequence[float]
    finding: Sequence[str]

    @property
    def key(self) -> str:
        return f"{self.id}:{self.form}"

    def count(self, finding: Finding) -> int:
        return self.finding.count(finding)

    @property
    def failed(self) -> int:
        """Rows at which a proved statement is contradicted by the numbers."""
        return self.count(Finding.VIOLATED) if self.asserted else 0


@dataclass(frozen=True)
class SecondOrder:
    """Curvature at one call of a layer.

    whole: ``bn_hess_bn`` v'Bv, ``chain`` (Jv)'H(Jv), ``bend`` their difference, ``hess_bn`` v'Hv, ``hess_grad`` g'Hg,
        ``smoothness`` |Bv|/|v|, ``hess_smoothness`` |Hg|/|g|, over the whole layer with all cross blocks.
    probes: u'Hu/|u|^2 along every probed direction at z.
    labels: the rows of ``exact``: the same forms of single groups, one product each, and |B_jj v_j|/|v_j|.
    extremes: the least and the greatest eigenvalue of H at z (of F H F where gamma is folded) that ``steps`` Lanczos
        steps find, each with the distance within which an eigenvalue is certain to lie.
    estimate, error: the same forms of all rows from random signs, unbiased, with standard errors; empty where no
        probes were asked for.
    """

    whole: dict[str, float | None]
    probes: tuple[float, ...]
    labels: tuple[str, ...] = ()
    exact: dict[str, tuple[float, ...]] = field(default_factory=dict)
    statements: tuple[StatementRows, ...] = ()
    estimate: dict[str, tuple[float, ...]] = field(default_factory=dict)
    error: dict[str, tuple[float, ...]] = field(default_factory=dict)
    extremes: dict[str, float] = field(default_factory=dict)

    @property
    def psd(self) -> float:
        """Share of the probed directions along which the curvature of L at z is not negative."""
        return sum(value >= 0 for value in self.probes) / len(self.probes) if self.probes else math.nan


COLUMNS = {
    "size": "m, the numbers that share one mean and one spread",
    "mean": "mu",
    "sigma": "sqrt of the biased variance (of the running variance in eval mode)",
    "s": "sqrt(sigma^2 + eps), or the divisor of an l_p layer",
    "rho": "sigma^2/s^2",
    "gamma": "the affine factor; 1 where it is folded into g",
    "grad_in_sq": "|dL^/dy|^2, squared norm of the gradient at the layer's input",
    "grad_out_sq": "|dL/dz|^2, squared norm of the gradient at the layer's output",
    "grad_sq": "|g|^2; differs from grad_out_sq where gamma is folded into g",
    "grad_sum": "<1, g>",
    "grad_proj": "<g, yhat>",
    "scale_sq": "gamma^2/s^2",
    "term_mean": "<1,g>^2/m as a share of |g|^2: what the first reduction of Theorem 4.1 removes",
    "term_yhat": "(2 - rho)/m <g,yhat>^2 as a share of |g|^2: what the second reduction removes",
    "kept": "|dL^/dy|^2 s^2/gamma^2 as a share of |g|^2: what is left; the three shares add up to 1",
    "cosine": "<g, yhat>/(|g| |yhat|), its sign decides the additive term of Theorem 4.2",
    "cosine_error": "what rounding can do to it; within, its sign is undecided",
    "digits": "decimal digits that the conditioning 1 + |mu|/s leaves the numbers of the row",
}
"""The measured columns of a row, in the order they are printed."""


@dataclass(frozen=True)
class LayerAudit:
    """One call of one layer in one mode: a table with one row per group.

    unit: what a row is (channel; sample, channel; ...). local: the batch is this process's own.
    folded: gamma varies within a group and is part of g. columns: see `COLUMNS`. diagnosis: where a proved statement
    fails, whether the layer is outside the assumptions or the tool is wrong. constant: the indices of rows whose
    spread is rounding, so that y-hat is 0 (eps > 0) or not defined (eps = 0). recognised: how a hand-written layer was
    known. outside_theory: why no theorem speaks of this call; "" where they do. backward: the layer's own gradients
    beside the derivatives of its definition; None where a recorder of a training did not ask.
    """

    name: str
    kind: str
    family: str
    unit: str
    call: int
    mode: str
    eps: float
    dtype: str
    folded: bool
    synchronised: bool
    labels: Sequence[str]
    columns: dict[str, Sequence[float]]
    statements: tuple[StatementRows, ...]
    second: SecondOrder | None = None
    diagnosis: str = ""
    constant: tuple[int, ...] = ()
    recognised: str = ""
    outside_theory: str = ""
    backward: Backward | None = None

    @property
    def grad_in(self) -> float:
        """|dL^/dy| over the whole layer."""
        return self.total("grad_in_sq") ** 0.5

    @property
    def grad_out(self) -> float:
        """|dL/dz| over the whole layer."""
        return self.total("grad_out_sq") ** 0.5

    @property
    def eps_share(self) -> float:
        """Median over the rows of sigma^2/(sigma^2 + eps): near 0 where eps decides the scale and not the spread."""
        return median(self.columns["rho"])

    @property
    def title(self) -> str:
        return self.name if self.call == 0 else f"{self.name} (call {self.call + 1})"

    def total(self, column: str) -> float:
        return math.fsum(self.columns[column])

    def statement(self, key: str) -> StatementRows | None:
        return next((rows for rows in self.statements if rows.key == key), None)

    @property
    def shares(self) -> dict[str, float]:
        """Over the whole layer: the parts of sum gamma^2/s^2 |g|^2 that each term removes, and what is kept."""
        weights = [
            scale * grad
            for scale, grad in zip(self.columns["scale_sq"], self.columns["grad_sq"], strict=True)
        ]
        total = math.fsum(weights)
        if total == 0:
            return {"term_mean": 0.0, "term_yhat": 0.0, "kept": 0.0}
        return {
            term: math.fsum(w * x for w, x in zip(weights, self.columns[term], strict=True) if w) / total
            for term in ("term_mean", "term_yhat", "kept")
        }

    @property
    def signs(self) -> tuple[int, int, int]:
        """Rows in which <g, yhat> is positive, negative, and not to be told from 0."""
        pairs = zip(self.columns["cosine"], self.columns["cosine_error"], strict=True)
        decided = [value > 0 for value, error in pairs if abs(value) > error]
        return sum(decided), len(decided) - sum(decided), len(self.labels) - len(decided)

    @property
    def ascent(self) -> float:
        """Share of the rows whose sign is decided with <g, yhat> > 0, the first condition of Theorem 4.2."""
        positive, negative, _ = self.signs
        return positive / (positive + negative) if positive + negative else math.nan

    @property
    def ill_conditioned(self) -> bool:
        """In half of the rows the conditioning leaves less than two digits."""
        return median(self.columns["digits"]) < 2

    @property
    def conditions(self) -> dict[str, float] | None:
        """The two conditions of Theorem 4.2: how often they hold here and how strongly; None under running statistics.

        ``ascent``: see there; ``undecided``: rows whose <g, yhat> rounding cannot tell from 0; ``cosine_*``: of g and
        yhat over the rows. With second order, over the probed directions at z: ``psd``, the share with u'Hu >= 0;
        ``quotient_*``, of u'Hu/|u|^2.
        """
        if self.family == "fixed":
            return None
        found = {"ascent": self.ascent, "undecided": float(self.signs[2])} | _spread(
            "cosine", self.columns["cosine"]
        )
        if self.second is not None:
            found |= {"psd": self.second.psd} | _spread("quotient", self.second.probes)
        return found


def _spread(name: str, values: Sequence[float]) -> dict[str, float]:
    return {f"{name}_median": median(values), f"{name}_least": min(values), f"{name}_most": max(values)}


@dataclass(frozen=True)
class AuditReport:
    """Everything an audit measured.

    layers: in the order of the forward pass, mode by mode. not_covered: what has no rows, and why.
    environment: versions, device, dtype, batch, loss, seconds. findings: what is wrong, most important first.
    """

    layers: tuple[LayerAudit, ...]
    not_covered: tuple[NotCovered, ...]
    environment: dict[str, Any]
    findings: tuple[Fault, ...] = ()

    @property
    def ok(self) -> bool:
        """No finding is more than a note."""
        return not any(item.alarming for item in self.findings)

    def __repr__(self) -> str:
        """The verdict, and where to look."""
        calls = self.environment.get("looked_at", {}).get("calls", len(self.layers))
        more = "report.findings, .layers, .show(), .write(folder), .to_json()"
        return f"AuditReport({verdict(self.findings, calls)} {more})"

    def _repr_html_(self) -> str:
        """The verdict, the findings and the layers of most interest, for a notebook."""
        return str(_page().snippet(self))

    def show(self, most: int = 25) -> None:
        """Print what ``bnverify audit`` prints. most: layer calls, 0 for all."""
        importlib.import_module("bnverify.commands.display_audit").show(self, most)

    def write(self, folder: str | Path) -> Path:
        """Write ``index.html``, a page that works offline, and ``audit.json``; returns the page.

        Raises:
            InputError: the folder cannot be written.
        """
        return Path(_page().write(self, Path(folder)))

    @property
    def rows(self) -> tuple[dict[str, Any], ...]:
        """One flat record per layer call and group."""
        return tuple(row for layer in self.layers for row in _rows(layer))

    @property
    def uncovered(self) -> tuple[dict[str, Any], ...]:
        """What has no rows, once a class and reason: what, names, why, and the way to name it where there is one."""
        groups: dict[tuple[str, str], list[str]] = {}
        for item in self.not_covered:
            groups.setdefault((item.what, item.why), []).append(item.name)
        return tuple(
            {
                "what": what,
                "names": names,
                "why": why,
                "way": f"--as {what}=rms-norm, or by definition: --as {what}='s = sqrt(y @ y / m + eps); z = gamma*y/s'"
                if "its numbers are not those" in why
                else "",
            }
            for (what, why), names in groups.items()
        )

    @property
    def failures(self) -> tuple[tuple[LayerAudit, StatementRows], ...]:
        """Proved statements that some row contradicts: a bug in the tool, or a layer outside the assumptions."""
        found = []
        for layer in self.layers:
            second = layer.second.statements if layer.second else ()
            found += [(layer, rows) for rows in (*layer.statements, *second) if rows.failed]
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """Plain data: what `to_json` writes and the page is made of."""
        return {
            "version": 1,
            "columns": COLUMNS,
            "environment": self.environment,
            "layers": [
                {
                    **plain(layer),
                    "title": layer.title,
                    "shares": layer.shares,
                    "ascent": layer.ascent,
                    "conditions": layer.conditions,
                }
                for layer in self.layers
            ],
            "not_covered": [plain(item) for item in self.not_covered],
            "uncovered": list(self.uncovered),
            "findings": [item.to_dict() for item in self.findings],
        }

    def to_json(self, indent: int | None = None) -> str:
        """`to_dict` as JSON; numbers that are not finite become null."""
        return json.dumps(finite(self.to_dict()), indent=indent, allow_nan=False)

    def to_pandas(self) -> Any:
        """`rows` as a DataFrame.

        Raises:
            InputError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise InputError(
                "to_pandas needs pandas, which is not installed; pip install bnverify[pandas], or use rows"
            ) from None
        return pd.DataFrame.from_records(list(self.rows))


def _page() -> Any:
    """The writer of pages, which stands above this wing and is looked up only when a page is asked for."""
    return importlib.import_module("bnverify.experiments.report.audit_page")


def _rows(layer: LayerAudit) -> Iterator[dict[str, Any]]:
    second = layer.second
    exact = {label: index for index, label in enumerate(second.labels)} if second else {}
    for index, label in enumerate(layer.labels):
        row: dict[str, Any] = {
            "mode": layer.mode,
            "layer": layer.name,
            "call": layer.call,
            "kind": layer.kind,
            "channel": label,
            "eps": layer.eps,
        }
        row |= {name: values[index] for name, values in layer.columns.items()}
        groups = [(layer.statements, index)]
        if second is not None:
            row |= {f"{name}_estimate": values[index] for name, values in second.estimate.items()}
            row |= {f"{name}_error": values[index] for name, values in second.error.items()}
            if label in exact:
                row |= {name: values[exact[label]] for name, values in second.exact.items()}
                groups.append((second.statements, exact[label]))
        for statements, at in groups:
            for rows in statements:
                row |= {
                    f"{rows.key}:actual": rows.lhs[at],
                    f"{rows.key}:bound": rows.rhs[at],
                    f"{rows.key}:residual": rows.residual[at],
                    f"{rows.key}:finding": rows.finding[at],
                }
        yield row
