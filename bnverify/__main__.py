"""``bnverify`` and ``python -m bnverify``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and exit: 0 as claimed, 1 a check failed, 2 input or machine, 3 undecided."""
    try:
        from bnverify.cli import application

        application()(prog_name="bnverify")
    except KeyboardInterrupt:
        print("bnverify: interrupted", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
