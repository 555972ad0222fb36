"""``python -m bnverify.theory.rocq [FOLDER]``: check every theorem in Rocq, in FOLDER (build/rocq)."""

from __future__ import annotations

import sys
from pathlib import Path

from bnverify.theory.rocq import witnesses
from bnverify.theory.rocq.check import check, generated
from bnverify.theory.rocq.compile import compiler

from bnverify.base.errors import InputError
from bnverify.base.files import write_text


def main(arguments: list[str]) -> int:
    """0 where all compiles and rests on the allowed axioms alone, 1 where one does not, 2 where Rocq is absent."""
    try:
        axioms = check(
            Path(arguments[0]) if arguments else Path("build/rocq"),
            lambda line: print(line, flush=True),
            lambda line: print(line, file=sys.stderr),
        )
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    if axioms is None:
        return 1
    text = witnesses.text(compiler(), axioms, generated())
    if text != witnesses.FILE.read_text(encoding="utf-8"):
        write_text(witnesses.FILE, text)
        print(f"{witnesses.FILE.name} is new: commit it")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
