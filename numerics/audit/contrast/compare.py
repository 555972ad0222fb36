"""Two audits of one model, layer by layer: before and after training, two normalisations, two batches."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnverify.base.errors import InputError


@dataclass(frozen=True)
class Row:
    """A layer call in two audits: name -> (in the first, in the second), nan where it was not measured."""

    title: str
    mode: str
    values: dict[str, tuple[float, float]]


@dataclass(frozen=True)
class Comparison:
    """rows: of the calls that both have. gone, new: findings, as (kind, layer), of the first or the second alone."""

    rows: tuple[Row, ...]
    gone: tuple[tuple[str, str], ...]
    new: tuple[tuple[str, str], ...]


QUANTITIES = ("gradient in", "gradient out", "in/out", "removed", "curvature")


def read(path: Path) -> dict[str, Any]:
    """What ``bnverify audit --json`` printed.

    Raises:
        InputError: the file cannot be read, or holds no audit.
    """
    way_out = "expected what `bnverify audit --json` printed, or audit.json of an --out folder"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"--compare {path} cannot be read ({error.strerror}); {way_out}") from None
    except ValueError:
        raise InputError(f"--compare {path} is no JSON; {way_out}") from None
    if not isinstance(data, dict) or not isinstance(data.get("layers"), list):
        raise InputError(f"--compare {path} holds no audit; {way_out}")
    return data


def compared(first: dict[str, Any], second: dict[str, Any]) -> Comparison:
    """The two, layer by layer.

    Raises:
        InputError: they are not of the same layers.
    """
    try:
        left, right = ({_key(layer): layer for layer in audit["layers"]} for audit in (first, second))
        odd = next((key for key in (*left, *right) if key not in left or key not in right), None)
        if odd is not None:
            raise InputError(
                f"the two audits are not of one model: layer {odd[0]} ({odd[2]} mode) is in one of them alone; compare "
                "audits of the same layers and modes"
            )
        rows = tuple(Row(left[key]["title"], key[2], _values(left[key], right[key])) for key in left)
        known = [
            {(item["kind"], item["layer"]) for item in audit.get("findings", ())} for audit in (first, second)
        ]
    except (KeyError, TypeError, AttributeError):
        raise InputError(
            "one of the two files is no audit of this version; run `bnverify audit --json` again"
        ) from None
    return Comparison(rows, tuple(sorted(known[0] - known[1])), tuple(sorted(known[1] - known[0])))


def _key(layer: dict[str, Any]) -> tuple[str, int, str]:
    return layer["name"], layer["call"], layer["mode"]


def _values(first: dict[str, Any], second: dict[str, Any]) -> dict[str, tuple[float, float]]:
    one, two = _quantities(first), _quantities(second)
    return {name: (one[name], two[name]) for name in QUANTITIES}


def _quantities(layer: dict[str, Any]) -> dict[str, float]:
    columns = layer["columns"]
    into, out = (math.sqrt(_total(columns[name])) for name in ("grad_in_sq", "grad_out_sq"))
    kept = layer["shares"]["kept"]
    second = (layer.get("second") or {}).get("whole") or {}
    bend = second.get("bn_hess_bn")
    return {
        "gradient in": into,
        "gradient out": out,
        "in/out": into / out if out > 0 else math.nan,
        "removed": math.nan if kept is None else 1 - kept,
        "curvature": bend / into**2 if bend is not None and into > 0 else math.nan,
    }


def _total(values: Sequence[float | None]) -> float:
    return math.fsum(value for value in values if value is not None)
