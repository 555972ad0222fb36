"""Which theorems of Rocq stand behind a claim, as a small file that is read without Rocq.

``python -m bnverify.theory.rocq`` writes it once everything compiled, each claim with digests of Rocq's version, the
axioms and the theorems' names, of its text and of the ``.v`` text that it gives. Where these
differ the claim has no witness.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from bnverify.theory.rocq.files import HERE, library

if TYPE_CHECKING:
    from bnverify.theory.claim import Claim
    from bnverify.theory.rocq.generate import Written

FILE = HERE / "witnesses.json"


@dataclass(frozen=True)
class ByHand:
    """A theorem proved by hand, and the text of the registry that it is compared with.

    reading: the slug of a reading, or ``corrected``. change: what is proved of its text: ``equation``, with = for <=;
    ``negation``, that it is false at every instance of ``given``; ``converse``, that it implies its hypothesis;
    ``bias`` and ``no bias``, of claims about minima. A name that ends in ``_false`` is a denial.
    """

    claim: str
    file: str
    name: str
    reading: str
    change: str = ""
    given: tuple[str, ...] = ()

    @property
    def full(self) -> str:
        """The name with its file."""
        return f"{self.file}.{self.name}"


_MINIMA, _LEMMA = ("obs-4.3.minima", "Obs_4_3"), ("lem-4.5", "Lem_4_5")
BY_HAND = (
    ByHand("ext-spectrum.linear-loss", "Ext_spectrum", "ext_spectrum_linear_loss", "formula"),
    ByHand("thm-4.1", "Thm_4_1", "thm_4_1_corrected", "corrected", "equation"),
    ByHand("thm-4.1", "Thm_4_1", "thm_4_1_printed_false", "same-point"),
    ByHand(
        "thm-4.1",
        "Thm_4_1",
        "thm_4_1_printed_too_small",
        "same-point",
        "negation",
        ("gamma != 0", "g @ yhat != 0"),
    ),
    ByHand("thm-4.2.1", "Thm_4_2", "thm_4_2_1", "same-point", "equation"),
    ByHand("thm-4.2.2", "Thm_4_2", "thm_4_2_2", "quadratic-form-not-increased"),
    ByHand("thm-4.2.2", "Thm_4_2", "thm_4_2_2_only_if", "quadratic-form-not-increased", "converse"),
    ByHand("thm-4.2.2", "Thm_4_2", "thm_4_2_2_printed_false", "no-hypothesis"),
    ByHand(*_MINIMA, "obs_4_3_minima_in_activations", "in-activations"),
    ByHand(*_MINIMA, "obs_4_3_minima_with_bias", "in-weights-with-bias", "bias"),
    ByHand(*_MINIMA, "obs_4_3_minima_no_bias_false", "in-weights-no-bias", "no bias"),
    ByHand("thm-4.4", "Thm_4_4", "thm_4_4_printed_false", "to-the-letter"),
    ByHand("thm-4.4", "Thm_4_4", "thm_4_4_without_1_over_m_false", "mean-in-weight-space"),
    ByHand(*_LEMMA, "lem_4_5_with_bias", "no-bias", "bias"),
    ByHand(*_LEMMA, "lem_4_5_no_bias_false", "no-bias", "no bias"),
    ByHand("thm-C.1", "Thm_C_1", "thm_C_1_printed_false", "strict"),
    ByHand("thm-C.1", "Thm_C_1", "thm_C_1_not_strict_false", "not-strict"),
)
"""The theorems that are proved by hand. The files hold more, of which no claim is told."""


IN_PART = frozenset(theorem.full for theorem in BY_HAND if theorem.claim in ("obs-4.3.minima", "lem-4.5"))
"""The theorems about minima. The grammar has no word for one, so that only parts of them are text of the registry."""


def listed(made: Written) -> dict[str, list[str]]:
    """The theorems behind each claim, as ``File.theorem``: those by hand first."""
    found: dict[str, list[str]] = {}
    for theorem in BY_HAND:
        found.setdefault(theorem.claim, []).append(theorem.full)
    for (claim, _), (file, name, _) in made.theorems.items():
        entry = found.setdefault(claim, [])
        if f"{file}.{name}" not in entry:
            entry.append(f"{file}.{name}")
    return dict(sorted(found.items()))


@cache
def _makers() -> str:
    """What makes a ``.v`` file of a claim: the library, the theorems by hand, and the modules that write them."""
    modules = [*sorted(HERE.glob("*.py")), HERE.parent / "cases.py", HERE.parent / "normalisations.py"]
    return _short(*library().values(), *(path.read_text(encoding="utf-8") for path in modules))


def _short(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def asked(claim: Claim, said: Iterable[str]) -> str:
    """A digest of what is said of a claim (Rocq's version, the axioms, the theorems), of the claim, and of what makes a
    ``.v`` file of it: quick to compare."""
    return _short(_makers(), *said, repr((claim.id, claim.scope, claim.readings, claim.corrected)))


def written(claim: Claim, said: Iterable[str]) -> str:
    """A digest of what is said of a claim, of the ``.v`` text that it generates, and of the library."""
    from bnverify.theory.cases import cases
    from bnverify.theory.rocq.generate import write

    return _short(
        *said, *library().values(), *(text for _, text in sorted(write(cases(claim)).files.items()))
    )


def text(version: str, axioms: Sequence[str], made: Written) -> str:
    """The file for what ``version`` of Rocq checked, on which axioms; one claim a line."""
    from bnverify.theory.registry import registry

    known, lines = registry(), []
    for claim, names in listed(made).items():
        said = [version, *axioms, *names]
        entry = [asked(known[claim], said), written(known[claim], said), *names]
        lines.append(f"{json.dumps(claim)}: {json.dumps(entry)}")
    head = f'{{"rocq": {json.dumps(version)}, "axioms": {json.dumps(list(axioms))}, "claims": {{\n'
    return head + ",\n".join(lines) + "\n}}\n"


@dataclass(frozen=True)
class Checked:
    """What Rocq checked of a claim: its version, the axioms that its theorems rest on, the theorems."""

    version: str
    axioms: tuple[str, ...]
    theorems: tuple[str, ...]


@cache
def _stored(file: Path) -> tuple[str, tuple[str, ...], dict[str, list[str]]]:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        claims = {
            str(claim): list(map(str, names)) for claim, names in data["claims"].items() if len(names) > 2
        }
        return str(data["rocq"]), tuple(map(str, data["axioms"])), claims
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return "", (), {}


def witnesses(claim: str, file: Path = FILE) -> Checked:
    """What Rocq checked of a claim; nothing where what it states in Rocq, or its proof, has changed since.

    A damaged file is no witness of anything.
    """
    from bnverify.theory.registry import registry

    version, axioms, claims = _stored(file)
    quick, exact, *names = claims.get(claim) or ["", ""]
    known = registry().get(claim)
    said = [version, *axioms, *names]
    if names and known and (quick == asked(known, said) or exact == written(known, said)):
        return Checked(version, axioms, tuple(names))
    return Checked(version, axioms, ())
