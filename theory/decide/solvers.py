"""z3 and cvc5 as child processes: asked in SMT-LIB, ended on time, gone when their parent is.

Run with the name of a solver, ``python -I solvers.py z3``, this file is such a child: it reads one JSON question a line
(``smt``, ``unknowns``, ``milliseconds``) and writes one JSON answer a line (``answer``: sat, unsat or
unknown; ``model``).
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bnverify.theory.decide.reduce import Problem
    from bnverify.theory.kernel import Number

SOLVERS = ("z3", "cvc5")
MEMORY = 900 * 2**20
"""Bytes of address space that a child may have."""


@dataclass(frozen=True)
class Answer:
    """What a solver said: ``sat`` with a model, ``unsat`` or ``unknown``; by whom, and after how long.

    A model maps unknowns to texts: a whole number, ``p/q``, or ``root c0 c1 c2 ... i x``: the i-th real root of
    c0 + c1 x + ..., which is about x.
    """

    word: str
    model: dict[str, str] = field(default_factory=dict)
    by: tuple[str, ...] = ()
    seconds: float = 0.0


# ---------------------------------------------------------------- the question


def smt(
    problem: Problem, conditions: Iterable[tuple[Number, str]], any_of: Iterable[tuple[Number, str]] = ()
) -> str:
    """The SMT-LIB text: the conditions hold, and at least one of ``any_of`` where there are such."""
    conditions, any_of = list(conditions), list(any_of)
    names: set[str] = set()
    for poly, _ in (*conditions, *any_of):
        names |= {atom[1] for atom in poly.atoms()}
    lines = ["(set-logic QF_NRA)"] + [f"(declare-const {name} Real)" for name in sorted(names)]
    for name in sorted(names):
        if name in problem.positive:
            lines.append(f"(assert (> {name} 0))")
        elif name in problem.nonnegative:
            lines.append(f"(assert (>= {name} 0))")
    lines += [f"(assert {relation(problem, poly, word)})" for poly, word in conditions]
    if any_of:
        inside = [relation(problem, poly, word) for poly, word in any_of]
        lines.append(f"(assert {inside[0] if len(inside) == 1 else '(or ' + ' '.join(inside) + ')'})")
    return "\n".join([*lines, "(check-sat)"])


def relation(problem: Problem, poly: Number, word: str) -> str:
    """``poly word 0``, with the divisors multiplied away."""
    text = polynomial(cleared(problem, poly))
    return f"(not (= {text} 0))" if word == "!=" else f"({'=' if word == '==' else word} {text} 0)"


def cleared(problem: Problem, poly: Number) -> Number:
    """The polynomial times a positive monomial, so that no power is negative."""
    for atom in sorted(poly.atoms()):
        lowest = min(dict(monomial).get(atom, 0) for monomial in poly.parts)
        if lowest < 0:
            times = -lowest if atom[1] in problem.positive else -lowest + (-lowest) % 2
            poly = poly * type(poly).atom(atom, times)
        elif lowest > 0 and atom[1] in problem.positive:
            poly = poly * type(poly).atom(atom, -lowest)
    return poly


def polynomial(poly: Number) -> str:
    if not poly:
        return "0"
    terms = []
    for monomial, c in sorted(poly.parts.items()):
        factors = [atom[1] for atom, power in monomial for _ in range(power)]
        top = f"(- {-c.numerator})" if c < 0 else str(c.numerator)
        number = top if c.denominator == 1 else f"(/ {top} {c.denominator})"
        if not factors:
            terms.append(number)
        elif c == 1 and len(factors) == 1:
            terms.append(factors[0])
        else:
            terms.append(f"(* {' '.join([*([number] if c != 1 else []), *factors])})")
    return terms[0] if len(terms) == 1 else f"(+ {' '.join(terms)})"


# ---------------------------------------------------------------- the parent's side


class Child:
    """One solver's process; started when it is first asked, and again after it had to be ended."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.process: subprocess.Popen[str] | None = None
        self.busy = False

    def send(self, text: str, unknowns: list[str], seconds: float) -> None:
        if self.process is None or self.process.poll() is not None:
            self.process = subprocess.Popen(
                [sys.executable, "-I", __file__, self.name],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        question = {"smt": text, "unknowns": unknowns, "milliseconds": int(seconds * 1000)}
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
        self.busy = True

    @property
    def output(self) -> IO[str]:
        assert self.process is not None
        assert self.process.stdout is not None
        return self.process.stdout

    def receive(self) -> dict[str, Any]:
        line = self.output.readline()
        self.busy = False
        if not line:
            self.stop()
            return {"answer": "unknown", "model": {}}
        return json.loads(line)

    def stop(self) -> None:
        """End the process, at once."""
        if self.process is not None:
            self.process.kill()
            for stream in (self.process.stdin, self.process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
            self.process.wait()
        self.process, self.busy = None, False


class TimeUp(BaseException):
    """The time of a decision is over; no Exception, so that nothing takes it for a refusal."""


class Portfolio:
    """The solvers that are installed, asked with one deadline for all questions.

    ``alarm`` has the main thread stop at the deadline with `TimeUp`, whatever it computes.
    """

    def __init__(self, seconds: float, names: Iterable[str] | None = None, alarm: bool = False) -> None:
        self.alarm = alarm and threading.current_thread() is threading.main_thread()
        self.deadline = time.monotonic() + seconds
        self.names = installed() if names is None else list(names)
        self.children = {name: Child(name) for name in self.names}
        self.questions = 0

    def __enter__(self) -> Portfolio:
        if self.alarm:
            self.before = signal.signal(signal.SIGALRM, self._ring)
            signal.setitimer(signal.ITIMER_REAL, max(self.left(), 0.001) + 0.1)
        return self

    @staticmethod
    def _ring(*_: object) -> None:
        raise TimeUp

    def __exit__(self, *_: object) -> None:
        if self.alarm:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self.before)
        for child in self.children.values():
            child.stop()

    def left(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - time.monotonic()

    def ask(
        self, text: str, unknowns: list[str], seconds: float, patience: float = 0.7, only: str | None = None
    ) -> Answer:
        """The first decisive answer; the second solver joins when the first has thought for ``patience`` seconds."""
        start = time.monotonic()
        end = min(start + seconds, self.deadline)
        self.questions += 1
        waiting = [self.children[name] for name in self.names if only in (None, name)]
        asked: list[Child] = []
        while True:
            now = time.monotonic()
            if now >= end:
                break
            if waiting and (not asked or now - start >= patience):
                child = waiting.pop(0)
                child.send(text, unknowns, end - now)
                asked.append(child)
            if not asked:
                break
            pause = max(0.0, min(end, start + patience if waiting else end) - now)
            ready, _, _ = select.select([child.output for child in asked], [], [], pause)
            for child in [child for child in asked if child.output in ready]:
                found = child.receive()
                if found["answer"] != "unknown":
                    self._halt(asked)
                    return Answer(found["answer"], found["model"], (child.name,), time.monotonic() - start)
                asked.remove(child)
            if not asked and not waiting:
                break
            if not asked:
                patience = 0.0
        self._halt(asked)
        return Answer("unknown", {}, tuple(self.names), time.monotonic() - start)

    @staticmethod
    def _halt(asked: list[Child]) -> None:
        for child in asked:
            if child.busy:
                child.stop()


def installed() -> list[str]:
    """The solvers that can be imported here."""
    from importlib.util import find_spec

    return [name for name in SOLVERS if find_spec(name) is not None]


# ---------------------------------------------------------------- the child's side


def _die_with_parent() -> None:
    """Ask the kernel of the operating system for an end when the parent ends, and keep to the memory."""
    import resource

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    if os.getppid() == 1:
        sys.exit(0)


def _z3(question: dict[str, Any]) -> dict[str, Any]:
    import z3

    solver = z3.Solver()
    solver.set("timeout", max(question["milliseconds"], 1))
    solver.from_string(question["smt"])
    word = str(solver.check())
    model = {}
    if word == "sat":
        found = solver.model()
        for declaration in found.decls():
            value = found[declaration]
            if z3.is_algebraic_value(value):
                digits = value.approx(40).as_fraction()
                inside = " ".join(c.as_string() for c in value.poly())
                model[declaration.name()] = f"root {inside} {value.index()} {digits}"
            elif z3.is_rational_value(value):
                model[declaration.name()] = str(value.as_fraction())
    return {"answer": word, "model": model}


def _cvc5(question: dict[str, Any]) -> dict[str, Any]:
    import cvc5

    solver = cvc5.Solver()
    solver.setOption("tlimit-per", str(max(question["milliseconds"], 1)))
    solver.setOption("produce-models", "true")
    parser = cvc5.InputParser(solver)
    parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, question["smt"], "question")
    manager, word = parser.getSymbolManager(), "unknown"
    while not (command := parser.nextCommand()).isNull():
        printed = command.invoke(solver, manager).strip()
        if printed in {"sat", "unsat"}:
            word = printed
    model = {}
    if word == "sat":
        for term in manager.getDeclaredTerms():
            value = solver.getValue(term)
            if value.isRealValue():
                model[term.getSymbol()] = str(value.getRealValue())
            elif value.isRealAlgebraicNumber():
                low = value.getRealAlgebraicNumberLowerBound().getRealValue()
                high = value.getRealAlgebraicNumberUpperBound().getRealValue()
                model[term.getSymbol()] = f"about {low} {high}"
    return {"answer": word, "model": model}


def main(name: str) -> None:
    """Answer questions until there are none."""
    _die_with_parent()
    solve = {"z3": _z3, "cvc5": _cvc5}[name]
    for line in sys.stdin:
        try:
            found = solve(json.loads(line))
        except Exception as reason:
            found = {"answer": "unknown", "model": {}, "reason": repr(reason)[:200]}
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
