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
    r"\b(Axioms?|Parameters?|Conjectures?|Admitted|admit|give_up|bypass_check|Unset\s+\w+\s+Checking|Declare\s+ML)\b"
)
_NEEDS = re.compile(rf"From {PREFIX} Require (?:Export|Import) ([\w\s]+?)\.\s")
_THEOREM = re.compile(r"^\s*(?:Theorem|Lemma|Corollary)\s+(\w+)", re.MULTILINE)


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


def forbidden(source: str) -> str:
    """The first word in a file that could let something pass unproved, or nothing."""
    return seen[0] if (seen := _FORBIDDEN.search(without_comments(source))) else ""


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
            for name in ready:
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
    if word := forbidden(source):
        return Compiled(name, 0.0, f"says {word}, which would let something pass unproved")
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


def assumptions(sources: Mapping[str, str], folder: Path) -> frozenset[str]:
    """The axioms on which the theorems of the compiled ``sources`` rest, taken together.

    Raises:
        InputError: Rocq does not know one of the theorems.
    """
    known = [f"@{name}.{theorem}" for name, source in sources.items() for theorem in theorems(source)]
    if not known:
        return frozenset()
    stamp = folder / "Assumptions.key"
    key = hashlib.sha256("\0".join([compiler(), *known, *sources.values()]).encode()).hexdigest()
    if stamp.exists() and stamp.read_text().split()[:1] == [key]:
        return frozenset(stamp.read_text().split()[1:])
    lines = [f"From {PREFIX} Require {' '.join(sources)}."]
    lines += [f"Definition t{i} := {name}." for i, name in enumerate(known)]
    together = ", ".join(f"t{i}" for i in range(len(known)))
    lines += [f"Definition together := ({together}, tt).", "Print Assumptions together."]
    write_text(folder / "Assumptions.v", "\n".join(lines) + "\n")
    result = _run(["coqc", "-q", "-w", "none", "-Q", ".", PREFIX, "Assumptions.v"], folder)
    if result.returncode:
        raise InputError(f"the assumptions cannot be printed: {' '.join(result.stderr.split())}")
    names: set[str] = set()
    if "Closed under the global context" not in result.stdout:
        listed = result.stdout.partition("Axioms:")[2]
        names = set(re.findall(r"^([\w.']+)\s*(?::|$|is assumed)", listed, re.MULTILINE)) or {listed.strip()}
    write_text(stamp, "\n".join([key, *sorted(names)]))
    return frozenset(names)
