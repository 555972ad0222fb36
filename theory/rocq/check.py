"""Check everything that is stated in Rocq: the library, the theorems by hand, and what the certificates generate."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path

from bnverify.theory.cases import cases
from bnverify.theory.registry import registry
from bnverify.theory.rocq.compare import expected, misread
from bnverify.theory.rocq.compile import (
    ALLOWED,
    Compiled,
    Restated,
    assumptions,
    compile_files,
    compiler,
    forbidden,
    redefined,
    theorems,
)
from bnverify.theory.rocq.files import library, words
from bnverify.theory.rocq.generate import POINT, Written, write
from bnverify.theory.rocq.witnesses import BY_HAND
from bnverify.theory.rocq.writer import proposition


@cache
def _all_generated() -> Written:
    return write(case for claim in registry().values() for case in cases(claim))


def generated(ids: Iterable[str] | None = None) -> Written:
    """The files that the certificates of the claims ``ids`` generate; of all claims where none are named."""
    if ids is None:
        return _all_generated()
    return write(case for name in ids for case in cases(registry()[name]))


def check(
    folder: Path,
    say: Callable[[str], None],
    complain: Callable[[str], None],
    ids: Iterable[str] | None = None,
) -> tuple[str, ...] | None:
    """Compile all files in ``folder``: the axioms that all theorems rest on, or None where one is not accepted.

    Accepted: it states what the registry says, compiles, and rests on the standard library's reals alone.

    Raises:
        InputError: Rocq is absent, or ``folder`` cannot be written.
    """
    began, version, made = time.perf_counter(), compiler(), generated(ids)
    sources = library() | made.files
    if wrong := refusals(sources, made):
        for line in wrong:
            complain(line)
        return None
    number = 0

    def progress(done: Compiled) -> None:
        nonlocal number
        number += 1
        state = "FAILED" if done.error else f"{done.seconds:.1f} s" if done.seconds else "unchanged"
        say(f"[{number}/{len(sources)}] {done.name}: {state}")

    broken = [done for done in compile_files(sources, folder, progress=progress) if done.error]
    for done in broken:
        claim = made.claim_at(done)
        where = (
            f" (claims: {', '.join(named)})" if claim == done.name and (named := about(made, claim)) else ""
        )
        complain(f"{claim}{where} does not compile: {done.error}")
    if broken:
        return None
    try:
        rest = assumptions(sources, folder, stated(made), words())
    except Restated as other:
        claims = ", ".join(about(made, *other.theorem))
        complain(
            f"{claims}: {'.'.join(other.theorem)} proves something else than it says to a reader: {other}"
        )
        return None
    if strange := rest - ALLOWED:
        complain(f"theorems rest on {', '.join(sorted(strange))}")
        return None
    for line in left_out(made):
        say(line)
    count = sum(len(theorems(source)) for source in sources.values())
    own = {(file, name) for file, name, _ in made.theorems.values()}
    say(
        f"Rocq {version}: {count} theorems and lemmas in {len(sources)} files, {len(own)} of them generated from "
        f"certificates ({len(made.theorems)} proofs of the registry), on {len(rest)} axioms of the standard library's "
        f"reals alone; {time.perf_counter() - began:.0f} s"
    )
    return tuple(sorted(rest))


def stated(made: Written) -> dict[tuple[str, str], str]:
    """What the theorems of the registry say, as (file, name) -> proposition, written from the text of the claims."""
    generated_ = {(file, name): proposition(found) for file, name, found in made.theorems.values()}
    return generated_ | {(theorem.file, theorem.name): expected(theorem) for theorem in BY_HAND}


def about(made: Written, file: str, name: str = "") -> list[str]:
    """The claims that a theorem, or any theorem of a file, stands behind."""
    pairs = [(claim, own, other) for (claim, _), (own, other, _) in made.theorems.items()]
    pairs += [(theorem.claim, theorem.file, theorem.name) for theorem in BY_HAND]
    return sorted({claim for claim, own, other in pairs if own == file and name in ("", other)})


def refusals(sources: Mapping[str, str], made: Written) -> list[str]:
    """What no theorem may be believed for, seen without Rocq, each with its claims.

    It states something else than the registry says, or a file says a word that lets something pass unproved or be read
    as something else.
    """
    found = [(name, f"says {word}") for name, source in sources.items() if (word := forbidden(source, name))]
    found += [(name, f"defines {word} anew") for name, word in redefined(sources)]
    danger = "which could let something pass that is not proved"
    return misread(sources, made) + [
        f"{', '.join(about(made, name)) or 'every claim'}: {name}.v {what}, {danger}" for name, what in found
    ]


def outside(made: Written) -> dict[tuple[str, str], str]:
    """What no certificate gives and no hand proved, with the reason."""
    own = {(theorem.claim, theorem.reading) for theorem in BY_HAND}
    return {key: reason for key, reason in made.outside.items() if reason == POINT or key not in own}


def left_out(made: Written) -> list[str]:
    """What is not written in Rocq: a line a reason, with the claims; a counterexample stays the kernel's alone."""
    by_reason: dict[str, list[str]] = {}
    for (claim, label), reason in outside(made).items():
        by_reason.setdefault(reason, []).append(f"{claim} ({label})")
    points = by_reason.pop(POINT, [])
    lines = [f"not in Rocq: {', '.join(claims)}: {reason}" for reason, claims in by_reason.items()]
    return lines + [f"not in Rocq: {len(points)} counterexamples: {POINT}"] * bool(points)
