"""Check everything that is stated in Rocq: the library, the theorems by hand, and what the certificates generate."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

from bnverify.theory.cases import cases
from bnverify.theory.registry import registry
from bnverify.theory.rocq.compare import misread
from bnverify.theory.rocq.compile import ALLOWED, Compiled, assumptions, compile_files, compiler, theorems
from bnverify.theory.rocq.files import library
from bnverify.theory.rocq.generate import POINT, Written, write


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
    if wrong := misread(sources, made):
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
        complain(f"{made.claim_at(done)} does not compile: {done.error}")
    if broken:
        return None
    rest = assumptions(sources, folder)
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


def left_out(made: Written) -> list[str]:
    """What is not written in Rocq: a line a reason, with the claims; a counterexample stays the kernel's alone."""
    by_reason: dict[str, list[str]] = {}
    for (claim, label), reason in made.outside.items():
        by_reason.setdefault(reason, []).append(f"{claim} ({label})")
    points = by_reason.pop(POINT, [])
    lines = [f"not in Rocq: {', '.join(claims)}: {reason}" for reason, claims in by_reason.items()]
    return lines + [f"not in Rocq: {len(points)} counterexamples: {POINT}"] * bool(points)
