"""``bnverify`` and ``python -m bnverify``."""

from __future__ import annotations

import codecs
import errno
import io
import os
import signal
import sys
from types import FrameType

BUG = 70
"""The exit code of an error that is ours (EX_SOFTWARE of sysexits.h); 1 means that a check failed."""


def main() -> None:
    """Run the command line and exit.

    0 as claimed; 1 a check failed; 2 the input or the machine is at fault; 3 undecided; 70 a bug of ours; 130 stopped;
    141 nobody reads any more; 143 ended from outside.
    """
    if sys.stdout is None:
        print("bnverify: the standard output is closed; send it to a file or to /dev/null", file=sys.stderr)
        sys.exit(2)
    codecs.register_error("spelt", spelt)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="spelt")  # a terminal without ≤ shows <=
    signal.signal(signal.SIGTERM, _end)
    try:
        from bnverify.commands.cli import application

        application()(prog_name="bnverify")
    except SystemExit as end:
        _leave(_flushed(end.code))
    except KeyboardInterrupt:
        print("bnverify: interrupted", file=sys.stderr)
        _leave(130)
    except OSError as error:
        _leave(_broken(error))
    except Exception as error:
        if "BNVERIFY_TRACEBACK" in os.environ:
            raise
        said = " ".join(str(error).split())[:200]
        print(
            f"bnverify: this is a bug in bnverify: {type(error).__name__}: {said}; please report it with the command "
            "and what BNVERIFY_TRACEBACK=1 prints",
            file=sys.stderr,
        )
        _leave(BUG)


ASCII = {
    "≤": "<=", "≥": ">=", "≠": "!=", "≈": "~", "−": "-", "–": "-", "·": "*", "×": "x", "√": "sqrt ", "→": "->",
    "γ": "gamma", "σ": "sigma", "ε": "eps", "β": "beta", "λ": "lambda", "μ": "mu", "α": "alpha", "κ": "kappa",
    "ρ": "rho", "ŷ": "yhat", "ĝ": "ghat", "𝟏": "1", "‖": "||", "⟨": "<", "⟩": ">", "ᵀ": "'", "∇": "grad ",
    "²": "^2", "³": "^3", "⁴": "^4", "₀": "_0", "ⱼ": "_j", "…": "...", "“": '"', "”": '"', "’": "'", "Σ": "sum ",
    "′": "'", "∞": "inf", "ą": "a", "\u0302": "^", "\u00a0": " ", "●": "*", "│": "|", "─": "-", "━": "-",
}  # fmt: skip
"""How a terminal that knows ASCII alone is told of the letters and signs."""


def spelt(error: UnicodeError) -> tuple[str, int]:
    """An error handler of codecs: what cannot be encoded, by its name; ? where it has none."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(ASCII.get(letter, "?") for letter in text), error.end


def _end(number: int, frame: FrameType | None) -> None:
    """A request to end is an exit, so that pools and files are closed on the way."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(128 + number)


def _flushed(code: object) -> int:
    """The exit code, once what was printed has arrived."""
    number = code if isinstance(code, int) else 0 if code is None else 2
    try:
        sys.stdout.flush()
    except OSError as error:
        return _broken(error)
    return number


def _broken(error: OSError) -> int:
    """Of a pipe that nobody reads, and of a disk that is full; other errors of the machine are named."""
    if error.errno == errno.EPIPE:
        return 141
    reason = "there is no space left" if error.errno == errno.ENOSPC else str(error)
    print(
        f"bnverify: the output could not be written: {reason}; free some space or write elsewhere",
        file=sys.stderr,
    )
    return 2


def _leave(code: int) -> None:
    """Exit without a second attempt to write what could not be written."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(code)


if __name__ == "__main__":
    main()
