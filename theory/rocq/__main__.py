"""``python -m bnverify.theory.rocq [FOLDER]``: check every theorem in Rocq, in FOLDER (build/rocq)."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from bnverify.theory.rocq.compile import ALLOWED, Compiled, assumptions, compile_files, compiler, theorems
from bnverify.theory.rocq.library import library

from bnverify.base.errors import InputError


def main(arguments: list[str]) -> int:
    """0 where all compiles and rests on the allowed axioms alone, 1 where one does not, 2 where Rocq is absent."""
    folder = Path(arguments[0]) if arguments else Path("build/rocq")
    began = time.perf_counter()
    try:
        version = compiler()
        sources = library()
        number = 0

        def progress(done: Compiled) -> None:
            nonlocal number
            number += 1
            state = "FAILED" if done.error else f"{done.seconds:.1f} s" if done.seconds else "unchanged"
            print(f"[{number}/{len(sources)}] {done.name}: {state}", flush=True)

        results = compile_files(sources, folder, progress=progress)
        for broken in [result for result in results if result.error]:
            print(f"{broken.name} does not compile: {broken.error}", file=sys.stderr)
        if any(result.error for result in results):
            return 1
        rest = assumptions(sources, folder)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    if strange := rest - ALLOWED:
        print(f"theorems rest on {', '.join(sorted(strange))}", file=sys.stderr)
        return 1
    count = sum(len(theorems(source)) for source in sources.values())
    print(
        f"Rocq {version}: {count} theorems and lemmas in {len(sources)} files, "
        f"on the {len(rest)} axioms of the standard library's reals alone; {time.perf_counter() - began:.0f} s"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
