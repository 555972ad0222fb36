"""Findings in files: what was known, from an earlier audit, and SARIF for code review."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from bnverify.numerics.audit.findings.fault import Fault, Severity
from bnverify.numerics.audit.findings.kinds import KINDS

from bnverify.base.errors import InputError


def known(path: Path) -> tuple[Fault, ...]:
    """The findings of an earlier ``audit --json``, or of the ``audit.json`` in an ``--out`` folder.

    Raises:
        InputError: the file cannot be read, or holds no findings.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"--baseline {path} cannot be read ({error.strerror}); {_EXPECTED}") from None
    except (ValueError, UnicodeDecodeError):
        raise InputError(f"--baseline {path} is no JSON; {_EXPECTED}") from None
    listed = data.get("findings") if isinstance(data, dict) else data
    if not isinstance(listed, list) or not all(isinstance(item, dict) and "kind" in item for item in listed):
        raise InputError(f"--baseline {path} holds no findings; {_EXPECTED}")
    return tuple(_finding(item) for item in listed)


def _finding(item: dict[str, Any]) -> Fault:
    names = {entry.name for entry in fields(Fault)}
    blank = {"layer": "", "call": 0, "value": 0.0, "threshold": 0.0, "text": "", "why": "", "advice": ""}
    given: dict[str, Any] = (
        blank | {"severity": "note"} | {key: value for key, value in item.items() if key in names}
    )
    given["channels"] = tuple(item.get("channels") or ())
    given["layers"] = tuple(item.get("layers") or ())
    given["steps"] = tuple(item["steps"]) if item.get("steps") else None
    return Fault(**given)


_EXPECTED = "expected what `bnverify audit --json` printed earlier"
LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


def sarif(findings: tuple[Fault, ...], source: str, version: str) -> dict[str, Any]:
    """The findings in SARIF 2.1.0, each a result at the file of the model and at the layer as a logical location.

    Args:
        source: the file that the model comes from, relative to where the command ran.
        version: of this package.
    """
    kinds = list(dict.fromkeys(item.kind for item in findings))
    rules = [
        {
            "id": kind,
            "shortDescription": {"text": KINDS[kind].why},
            "help": {"text": KINDS[kind].advice},
            "defaultConfiguration": {"level": LEVELS[KINDS[kind].severity]},
        }
        for kind in kinds
    ]
    results = [
        {
            "ruleId": item.kind,
            "ruleIndex": kinds.index(item.kind),
            "level": LEVELS[Severity(item.severity)],
            "message": {"text": f"{item.text}. {item.why} {item.advice}"},
            "locations": [
                {
                    "physicalLocation": {"artifactLocation": {"uri": source}, "region": {"startLine": 1}},
                    "logicalLocations": [{"fullyQualifiedName": item.layer or "model", "kind": "module"}],
                }
            ],
            "partialFingerprints": {
                "finding/v1": f"{item.kind}:{item.layer}:{item.call}:{','.join(map(str, item.channels))}"
            },
        }
        for item in findings
    ]
    driver = {"name": "bnverify", "version": version, "rules": rules}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }
