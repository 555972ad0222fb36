"""``decide``: a conjecture in, a proof or a counterexample out."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bnverify.base import options
from bnverify.base.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from bnverify.theory.decide.decision import Decision

LONGEST_FILE = 1000
"""Statements in one file."""

LONGEST_TIME = 86_400
"""Seconds that one statement may take."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(decide)


def decide(
    what: Annotated[
        str,
        typer.Argument(
            metavar="STATEMENT|FILE|ID",
            help="A statement such as 'v @ v <= g @ g', a file with one a line, or the id of a claim.",
        ),
    ],
    given: Annotated[list[str] | None, typer.Option(help="A hypothesis; may be repeated.")] = None,
    norm: Annotated[
        str, typer.Option(help="A normalisation by name, or its lines: 'n = sqrt(y @ y); z = gamma*y/n'.")
    ] = "batch-norm",
    min_m: Annotated[int, typer.Option(help="The smallest batch size asked about.")] = 2,
    timeout: Annotated[float, typer.Option(help="Seconds for each statement.")] = 30.0,
    vector: Annotated[list[str] | None, typer.Option(help="A free vector; may be repeated.")] = None,
    number: Annotated[list[str] | None, typer.Option(help="A free number; may be repeated.")] = None,
    best: Annotated[
        str | None, typer.Option(help="'max c' or 'min c': the best value of the free constant c.")
    ] = None,
    repair: Annotated[
        bool, typer.Option(help="Of a refuted statement, look for what is true instead.")
    ] = False,
    script: Annotated[
        bool, typer.Option(help="Print lines of torch that replay the counterexample without this package.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Also write the decision as a folder: page, LaTeX, certificate, script."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the decision as JSON.")] = False,
) -> None:
    """Decide a statement about v and B for every batch size: proved (0), refuted (1), open or vacuous (3).

    A proof is a certificate, and a counterexample an exact point, that the kernel accepts. Names such as y_j and v_k
    ask about two units, W and dW about y = X W, and max((T @ v) @ (T @ v), norm(X) <= lam) about all inputs X.
    """
    from bnverify.theory.decide.ask import answered
    from bnverify.theory.decide.conjecture import Conjecture
    from bnverify.theory.decide.solvers import Portfolio

    if not 0 < timeout <= LONGEST_TIME:
        raise InputError(
            f"--timeout is {timeout:g}; expected a number of seconds above 0 and up to {LONGEST_TIME}"
        )
    options.own_folder(out, "**/decision.json")
    if is_claim(what):
        asked_too: dict[str, object] = {
            "given": given,
            "vector": vector,
            "number": number,
            "best": best,
            "out": out,
        }
        asked_too |= {"norm": norm != "batch-norm", "min-m": min_m != 2}
        if own := [f"--{name}" for name, value in asked_too.items() if value]:
            raise InputError(
                f"{what} has its own statement and hypotheses, so {', '.join(own)} cannot be asked with it; "
                f"`bnverify decide {what}` prints its text, to be changed and asked as a statement"
            )
        registered(what, timeout, as_json, repair, script)
        return
    texts = statements(what)
    found: list[Decision] = []
    for text in texts:
        asked = Conjecture(text, tuple(given or ()), norm, tuple(vector or ()), tuple(number or ()), min_m)
        with Portfolio(timeout, alarm=True) as portfolio:
            found.append(answered(asked, portfolio, best, repair))
        if not as_json and len(texts) > 1:
            print(f"{found[-1].word:9} {text}", flush=True)
    if as_json:
        shown = [decision.to_json() for decision in found]
        print(json.dumps(shown if is_file(what) else shown[0], ensure_ascii=False, indent=2))
    elif len(texts) == 1:
        from bnverify.base.terminal import console

        show(found[0], console())
    if script:
        print_scripts(found)
    if out is not None:
        from bnverify.experiments.report.notes_page import page
        from bnverify.theory.decide.page import write

        command = re.sub(r" --out[ =]\S+", "", shlex.join(["bnverify", *sys.argv[1:]]))
        for i, decision in enumerate(found):
            written = write(decision, out if len(found) == 1 else out / f"{i + 1:03}", command, page)
            print(f"wrote {', '.join(written)} to {out}", file=sys.stderr)
    need_solvers(found)
    codes = {decision.exit_code for decision in found}
    if code := 1 if 1 in codes else 3 if 3 in codes else 0:
        raise typer.Exit(code)


def is_claim(what: str) -> bool:
    """Whether the argument has the form of a claim's id."""
    return re.fullmatch(r"[a-z0-9]+[-:][A-Za-z0-9.:-]*[A-Za-z0-9]", what) is not None and not is_file(what)


def registered(what: str, timeout: float, as_json: bool, repair: bool, script: bool) -> None:
    """Decide the readings of a registered claim anew, and compare."""
    from bnverify.base.ids import select
    from bnverify.theory.decide.decision import said_repair
    from bnverify.theory.decide.registered import decided, mended, parts
    from bnverify.theory.decide.solvers import Portfolio
    from bnverify.theory.registry import registry

    (name,) = select([what], registry(), one=True)
    asked = list(parts(registry()[name]))
    correction = next((part for part in asked if part.name == "corrected"), None)
    found = []
    for part in asked:
        with Portfolio(timeout, alarm=True) as portfolio:
            decision = decided(part, portfolio)
        if repair and decision.answer == "refuted" and part is not correction:
            with Portfolio(timeout, alarm=True) as portfolio:
                decision = mended(part, decision, correction, portfolio)
        found.append((part, decision))
        if not as_json:
            same = "as registered" if decision.word == part.verdict else f"registered as {part.verdict}"
            print(f"{decision.word:9} {part.name} ({same})\n            {part.asked.statement}", flush=True)
            print("".join(f"            given {text}\n" for text in part.asked.hypotheses), end="")
            for line in said_repair(decision.repair) if decision.repair else ():
                print(f"          {line}")
    if not found:
        raise InputError(f"{name} is outside the reach of decide; `bnverify show {name}` prints its evidence")
    if as_json:
        items = [{"claim": name, "reading": p.name, "registered": p.verdict} | d.to_json() for p, d in found]
        print(json.dumps(items, ensure_ascii=False, indent=2))
    if script:
        print_scripts([decision for _, decision in found])
    need_solvers([decision for _, decision in found])
    printed = [d.exit_code for p, d in found if p.name != "corrected"] or [d.exit_code for _, d in found]
    if code := 1 if 1 in printed else 3 if 3 in printed else 0:
        raise typer.Exit(code)


def need_solvers(found: list[Decision]) -> None:
    """Say which solver is missing where something stays open.

    Raises:
        InputError: a decision is open, and a solver is not installed.
    """
    from bnverify.theory.decide.solvers import SOLVERS, installed

    missing = [name for name in SOLVERS if name not in installed()]
    if missing and any(decision.answer == "open" for decision in found):
        raise InputError(
            f"without {' and '.join(missing)}, not installed here, this stays open; "
            f"install the extra: pip install 'bnverify[decide]'"
        )


def is_file(what: str) -> bool:
    """Whether the argument names a file."""
    try:
        return len(what) < 4096 and "\n" not in what and Path(what).is_file()
    except OSError:
        return False


def statements(what: str) -> list[str]:
    """The statement, or those of a file, one a line; empty lines and what follows # are left out.

    Raises:
        InputError: the file cannot be read or holds none.
    """
    if not is_file(what):
        if re.fullmatch(r"\.{0,2}/\S*|[^\s/]+\.[A-Za-z]+", what):
            raise InputError(
                f"there is no file {what}; expected a statement, a file with one a line, or an id"
            )
        return [what]
    try:
        content = Path(what).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"cannot read {what}: {error}; expected UTF-8 text with one statement a line"
        ) from None
    found = [line.partition("#")[0].strip() for line in content.splitlines()]
    found = [line for line in found if line]
    if not found:
        raise InputError(f"{what} holds no statement; expected one a line")
    if len(found) > LONGEST_FILE:
        raise InputError(f"{what} holds {len(found)} statements; at most {LONGEST_FILE} are read at once")
    return found


def print_scripts(found: list[Decision]) -> None:
    from bnverify.theory.points.script import script

    for decision in found:
        bad = next((outcome for outcome in decision.outcomes if outcome.instance), None)
        if bad is not None and bad.instance is not None:
            print(script(bad.case.claim, bad.instance))
        else:
            print("bnverify: no counterexample, so no script", file=sys.stderr)


def show(decision: Decision, out: Console) -> None:
    """The decision for a reader."""
    for line in decision.lines():
        out.print(line, markup=False, soft_wrap=True)
    next_step = _next_step(decision)
    if next_step:
        out.print(f"  next: {next_step}", markup=False, soft_wrap=True, style="dim")


def _next_step(decision: Decision) -> str:
    """What to ask for after this answer."""
    if decision.answer == "proved":
        return "--out FOLDER writes page, LaTeX and certificate"
    if decision.answer == "refuted" and decision.m is not None:
        repair = "--repair looks for what is true instead, " if decision.repair is None else ""
        return repair + "--script prints lines of torch that replay the counterexample"
    if decision.answer == "vacuous":
        if not decision.given:
            return "correct the definition that --norm gives: no batch has a number for it"
        return "leave out a --given or --min-m, or correct it: together they allow no instance"
    open_ = decision.answer == "open" and not decision.decided_by
    return "give it longer with --timeout, or a hypothesis with --given" if open_ else ""
