"""notes/derivations.md: the gradient, the Hessian and each theorem on two pages.

The prose stands in ``derivations.template.md``; a line ``{ID part}`` becomes the formula of that proved claim, taken
from stored evidence: its ``reading``, the first ``step`` of its proof, its ``hypothesis`` or the ``corrected`` one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from bnverify.theory.notes import GENERATED
from bnverify.theory.store import Stored, load

from bnverify.base.errors import InputError

TEMPLATE = Path(__file__).with_name("derivations.template.md")
_FORMULA = re.compile(r"^\{(\S+) (reading|step|hypothesis|corrected)\}$", re.MULTILINE)


def _formula(entry: Stored, part: str) -> str:
    detail: Mapping[str, Any] = entry.detail
    if part == "corrected":
        return str(detail["corrected"]["proof"][-1]["statement"]["latex"])
    if part == "hypothesis":
        return str(detail["corrected"]["hypotheses"][0]["latex"])
    reading = next(item for item in detail["readings"] if item["proof"])
    chosen = reading["proof"][0] if part == "step" else reading["proof"][-1]
    return str(chosen["statement"]["latex"])


def derivations(entries: Mapping[str, Stored]) -> str:
    """The template with its formulas.

    Raises:
        InputError: a claim that the template quotes has no stored evidence.
    """
    return _filled(TEMPLATE.read_text(encoding="utf-8").replace("{generated}", GENERATED), entries)


def _filled(text: str, entries: Mapping[str, Stored]) -> str:
    def formula(match: re.Match[str]) -> str:
        name, part = match.groups()
        if name not in entries:
            raise InputError(f"{name} has no stored evidence; `bnverify prove {name}` derives it")
        return f"$$ {_formula(entries[name], part)} \\tag{{{name}}} $$"

    return _FORMULA.sub(formula, text)


@cache
def section(title: str) -> str:
    """A part of the derivations as LaTeX, without its heading."""
    parts = TEMPLATE.read_text(encoding="utf-8").split("\n## ")
    (text,) = (part.partition("\n")[2] for part in parts if part.startswith(f"{title}\n"))
    filled = _filled(text.strip(), load({name for name, _ in _FORMULA.findall(text)}))
    return re.sub(r"\$\$\s*(.*?)\s*\$\$", r"\\[ \1 \\]", filled, flags=re.DOTALL).replace("\n\n", "\n")
