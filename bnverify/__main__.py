"""``bnverify`` and ``python -m bnverify``."""

from __future__ import annotations

import io
import sys


def main() -> None:
    """Run the command line and exit: 0 as claimed, 1 a check failed, 2 input or machine, 3 undecided."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without ≤ shows ?, not a traceback
    try:
        from bnverify.commands.cli import application

        application()(prog_name="bnverify")
    except KeyboardInterrupt:
        print("bnverify: interrupted", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
