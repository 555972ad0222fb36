"""Compile Rocq files in the order of their needs, and read back what their theorems rest on.

What has not changed since the last time (the file, the files that it needs, the compiler) is not compiled again.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from bnverify.base.errors import InputError
from bnverify.base.files import require_folder, write_text

PREFIX = "BN"
PACKAGES = "coq libcoq-coquelicot"
ALLOWED = frozenset(
    {
        "ClassicalDedekindReals.sig_not_dec",
        "ClassicalDedekindReals.sig_forall_dec",
        "FunctionalExtensionality.functional_extensionality_dep",
    }
)
"""The axioms of the real numbers in Rocq's standard library; no theorem may rest on another."""

_FORBIDDEN = re.compile(
    r"\b(Axioms?|Parameters?|Conjectures?|Admitted|Admit|admit|give_up|bypass_check|Unset\s+\w+\s+Checking|Declare\s+ML|"
    r"Load|Primitive|Rewrite\s+Rules?)\b"
)
_HIDING = re.compile(r'"[^"\n]*(?:\(\*|\*\))[^"\n]*"')
_WORDING = re.compile(
    r"(?<!Tactic )\b(Notation|Infix|Coercion|Canonical|(?:Open|Close|Declare|Delimit|Bind|Undelimit)\s+\w*\s*Scope)\b"
)
_WORDED = ("Vectors", "Weights")
"""The files that say how statements are written; another may not change it."""
_DEFINED = re.compile(r"^\s*(?:Definition|Fixpoint|Inductive|Record|Class|Module)\s+(\w+)", re.MULTILINE)
_KNOWN = frozenset(
    ["R", "nat", "sqrt", "Rabs", "Rmin", "Rmax", "Derive", "is_derive", "sign", "exists", "list"]
)
"""Words of the standard library that statements use."""
_NEEDS = re.compile(rf"From {PREFIX} Require (?:Export|Import) ([\w\s]+?)\.\s")
_THEOREM = re.compile(r"^\s*(?:Theorem|Lemma|Corollary)\s+(\w+)", re.MULTILINE)


class Restated(Exception):
    """A theorem, as (file, name), that proves something else than its file says to a reader."""

    def __init__(self, theorem: tuple[str, str], said: str) -> None:
        super().__init__(said)
        self.theorem = theorem


@dataclass(frozen=True)
class Compiled:
    """What came of one file: ``error`` is empty where it was accepted; ``seconds`` is 0 where it had been before."""

    name: str
    seconds: float
    error: str


def compiler() -> str:
    """The version of ``coqc``, such as ``8.16.1``.

    Raises:
        InputError: it is not installed, or its library Coquelicot is not.
    """
    if not shutil.which("coqc"):
        raise InputError(
            f"coqc is not on the path; the Debian packages {PACKAGES} bring Rocq and its library"
        )
    return _version()


@cache
def _version() -> str:
    said = _run(["coqc", "--version"], None).stdout
    where = Path(_run(["coqc", "-where"], None).stdout.strip())
    if not (where / "user-contrib" / "Coquelicot").is_dir():
        raise InputError(f"Rocq has no Coquelicot in {where}; the Debian package libcoq-coquelicot brings it")
    return found[0] if (found := re.findall(r"version ([\d.]+)", said)) else said.strip()


def _run(command: list[str], folder: Path | None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def without_comments(source: str) -> str:
    """The text of a ``.v`` file without its comments, which nest."""
    kept, depth, place = [], 0, 0
    for mark in re.finditer(r"\(\*|\*\)", source):
        if depth == 0:
            kept.append(source[place : mark.start()])
        depth = max(depth + (1 if mark[0] == "(*" else -1), 0)
        place = mark.end()
    return "".join(kept) + (source[place:] if depth == 0 else "")


def theorems(source: str) -> tuple[str, ...]:
    """The names of the theorems and lemmas of a file."""
    return tuple(_THEOREM.findall(without_comments(source)))


def forbidden(source: str, name: str = "") -> str:
    """The first word in a file that could let something pass unproved or be read as something else, or nothing."""
    text = without_comments(source)
    found = _FORBIDDEN.search(text) or _HIDING.search(source)
    if not found and name not in _WORDED:
        found = _WORDING.search(text)
    return " ".join(found[0].split()) if found else ""


def redefined(sources: Mapping[str, str]) -> list[tuple[str, str]]:
    """The files, with the name, that define anew what another file or the standard library does; not inside modules."""
    first: dict[str, str] = {}
    found = []
    for file, source in sources.items():
        text = re.sub(
            r"^Module (\w+)\..*?^End \1\.",
            r"Module \1.",
            without_comments(source),
            flags=re.DOTALL | re.MULTILINE,
        )
        for name in _DEFINED.findall(text):
            if name in _KNOWN or name in first:
                found.append((file, name))
            first[name] = file
    return found


def _needs(source: str, known: Iterable[str]) -> list[str]:
    words = [word for names in _NEEDS.findall(without_comments(source)) for word in names.split()]
    return [word for word in words if word in known]


def compile_files(
    sources: Mapping[str, str],
    folder: Path,
    jobs: int = 2,
    progress: Callable[[Compiled], None] = lambda done: None,
) -> list[Compiled]:
    """Write ``sources`` (name without ending -> text) to ``folder`` and compile them there.

    A file is started when those that it needs are done; where one of them failed it is not tried.

    Raises:
        InputError: Rocq is absent, or ``folder`` cannot be written.
    """
    version = compiler()
    require_folder(folder)
    needs = {name: _needs(source, sources) for name, source in sources.items()}
    keys: dict[str, str] = {}

    def key(name: str) -> str:
        if name not in keys:
            parts = [version, sources[name], *(key(other) for other in needs[name])]
            keys[name] = hashlib.sha256("\0".join(parts).encode()).hexdigest()
        return keys[name]

    done: dict[str, Compiled] = {}
    running: dict[Future[Compiled], str] = {}
    waiting = list(sources)
    with ThreadPoolExecutor(jobs) as pool:
        while waiting or running:
            ready = [name for name in waiting if all(other in done for other in needs[name])]
            for name in sorted(ready, key=lambda name: -len(sources[name])):
                waiting.remove(name)
                broken = [other for other in needs[name] if done[other].error]
                if broken:
                    done[name] = Compiled(name, 0.0, f"needs {broken[0]}, which does not compile")
                    progress(done[name])
                else:
                    running[pool.submit(_one, name, sources[name], key(name), folder)] = name
            if not running:
                if waiting and not ready:
                    raise InputError(f"the files {', '.join(waiting)} need each other in a circle")
                continue
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                name = running.pop(future)
                done[name] = future.result()
                progress(done[name])
    return [done[name] for name in sources]


def _one(name: str, source: str, key: str, folder: Path) -> Compiled:
    if word := forbidden(source, name):
        return Compiled(name, 0.0, f"says {word}, which could let something pass that is not proved")
    stamp = folder / f"{name}.key"
    if stamp.exists() and (folder / f"{name}.vo").exists() and stamp.read_text() == key:
        return Compiled(name, 0.0, "")
    stamp.unlink(missing_ok=True)
    write_text(folder / f"{name}.v", source)
    began = time.perf_counter()
    result = _run(["coqc", "-q", "-w", "none", "-Q", ".", PREFIX, f"{name}.v"], folder)
    seconds = time.perf_counter() - began
    if result.returncode:
        return Compiled(name, seconds, " ".join((result.stderr or result.stdout).split()) or "coqc failed")
    write_text(stamp, key)
    return Compiled(name, seconds, "")


def assumptions(
    sources: Mapping[str, str],
    folder: Path,
    stated: Mapping[tuple[str, str], str] = MappingProxyType({}),
    words: Iterable[str] = (),
) -> frozenset[str]:
    """The axioms on which the theorems of the compiled ``sources`` rest, taken together.

    stated: (file, theorem) -> proposition. Each is written once more, where the files ``words`` alone are imported, and
    proved by its theorem: whatever the theorem's own file defines or denotes, it is this proposition that was proved.

    Raises:
        Restated: a theorem is no proof of its proposition.
        InputError: Rocq does not know one of the theorems.
    """
    known = [(name, theorem) for name, source in sources.items() for theorem in theorems(source)]
    known += [pair for pair in stated if pair not in known]
    if not known:
        return frozenset()
    lines = [f"From {PREFIX} Require {' '.join(sources)}."]
    lines += ["Module Stated."]  # what is imported there is forgotten where the axioms are printed
    lines += (
        [f"Import {' '.join(f'{PREFIX}.{word}' for word in words)}.", "Open Scope R_scope."] if words else []
    )
    places = {}
    for number, pair in enumerate(known):
        places[len(lines) + 1] = pair
        says = f" : {' '.join(stated[pair].split())}" if pair in stated else ""
        lines.append(f"Definition t{number}{says} := @{PREFIX}.{'.'.join(pair)}.")
    together = ", ".join(f"t{i}" for i in range(len(known)))
    lines += [
        f"Definition together := ({together}, tt).",
        "End Stated.",
        "Print Assumptions Stated.together.",
    ]
    text = "\n".join(lines) + "\n"
    stamp = folder / "Assumptions.key"
    key = hashlib.sha256("\0".join([compiler(), text, *sources.values()]).encode()).hexdigest()
    if stamp.exists() and stamp.read_text().split()[:1] == [key]:
        return frozenset(stamp.read_text().split()[1:])
    write_text(folder / "Assumptions.v", text)
    result = _run(["coqc", "-q", "-w", "none", "-Q", ".", PREFIX, "Assumptions.v"], folder)
    if result.returncode:
        said = " ".join(result.stderr.split())
        line = int(found[1]) if (found := re.search(r"line (\d+)", said)) else 0
        if places.get(line) in stated:
            raise Restated(places[line], said)
        raise InputError(f"the assumptions cannot be printed: {said}")
    names: set[str] = set()
    if "Closed under the global context" not in result.stdout:
        listed = result.stdout.partition("Axioms:")[2]
        names = set(re.findall(r"^([\w.']+)\s*(?::|$|is assumed)", listed, re.MULTILINE)) or {listed.strip()}
    write_text(stamp, "\n".join([key, *sorted(names)]))
    return frozenset(names)
