"""Maxima over inputs of a form with an operator: their values in float64, and what certifies them at a point."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from bnverify.theory.grammar import nodes, parse, unparse
from bnverify.theory.kernel import Claim, Formal, Refused, image_form
from bnverify.theory.kernel import parse as kernel_parse
from bnverify.theory.points.batch import Batch, ball_maximum, short, size_of
from bnverify.theory.writing.words import number


def certificate_at(claim: Claim, point: dict[str, Any]) -> dict[str, Any]:
    """A point as a certificate, with what each maximum over inputs attains there and a bound on it."""
    if "norm(X)" not in claim.statement.replace(" ", "").replace("norm(X)<=", "norm(X)"):
        return {"point": point}
    found = []
    formal = Formal(replace(claim, hypotheses=(), needs=()))
    data = {name: np.array([floats(value)]) for name, value in point.items()}
    batch = Batch(formal, size_of(point), data)
    for node in nodes(parse(claim.statement)):
        if node.head != "maximum":
            continue
        inside, lam = unparse(node.args[0]), unparse(node.args[2])
        try:
            if image_form(kernel_parse(inside), kernel_parse(lam))[1] is None:
                continue
            with np.errstate(all="ignore"):
                table, centre = batch.ball(inside, lam)
        except Refused:
            continue
        if not (np.isfinite(table).all() and np.isfinite(centre).all()):
            continue
        (best,), (w,), (t,) = ball_maximum(table, centre)
        inner = centre[0] / 2 + (1 - 1e-4) * (w - centre[0] / 2)
        entry: dict[str, Any] = {"of": f"max({inside}, norm(X) <= {lam})"}
        entry["attained"] = [short(x, 10**5) for x in inner]
        known = max(np.abs(table[0]).sum(axis=1).max(), 0.0) * (
            centre[0] @ centre[0]
        )  # the kernel's own bound
        if known > best + 1e-6 * (1 + abs(best)):
            above = abs(t) * 1.001 + 1e-6
            c = np.linalg.eigh(table[0])[1].T @ centre[0] / 2
            bound = float(((above * c) ** 2 / (above - np.linalg.eigvalsh(table[0]))).sum())
            entry["bound"] = short(bound + 1e-4 * (1e-3 + abs(bound)), 10**6)
            entry["multiplier"] = short(above + 1e-7, 10**8)
        found.append(entry)
    return {"point": point, "maxima": found} if found else {"point": point}


def floats(value: Any) -> Any:
    """An exact text, or a list or table of such, in float64."""
    return [floats(entry) for entry in value] if isinstance(value, list) else number(value)
