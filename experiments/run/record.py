"""A run is a folder: recipe, environment, metrics as they come, checkpoints, result.

``recipe.json`` and ``environment.json`` are written once; ``metrics.jsonl`` only grows (a resumed run cuts it
back to the checkpoint it starts from); ``checkpoint-<step>.pt`` are the two newest; ``sessions.jsonl`` holds
wall times; ``result.json`` closes the run. Numbers that are not finite are null. All but the wall times are under
the hashes of `seal`.
"""

from __future__ import annotations

import fcntl
import gzip
import io
import json
import os
import pickle
import platform
import subprocess
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

from bnverify.experiments.run import recipes, seal
from bnverify.experiments.run.recipes import DlnRecipe, VggRecipe

from bnverify.base.errors import InputError
from bnverify.base.files import finite, write_bytes, write_text

KEPT = 2
SEALED = ("recipe.json", "environment.json")
"""Files whose hashes stand in the result of a run that has ended."""
Row = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """What a run folder says: its recipe, the rows of its metrics, and its result (None while it is unfinished)."""

    folder: Path
    recipe: VggRecipe | DlnRecipe
    rows: list[Row]
    result: Row | None
    environment: Row

    def losses(self) -> list[Any]:
        """The training loss of every step, in order (per seed, a list, for the linear networks).

        A compact run holds means over windows; each of their steps has the mean, up to where a seed was lost.
        """
        found = [loss for row in self.rows if "losses" in row for loss in row["losses"]]
        for row in self.rows:
            if "means" in row:
                found += [_windowed(row, step) for step in range(row["from"], row["count"])]
        return found

    def measured(self) -> list[Row]:
        """The rows of the measuring grid, in order of their ``step``."""
        return [row for row in self.rows if "step" in row]


def _windowed(row: Row, step: int) -> Any:
    mean, lost = row["means"][step // row["window"]], row["lost"]
    if isinstance(mean, list):
        return [m if at is None or step < at else None for m, at in zip(mean, lost, strict=True)]
    return mean if lost is None or step < lost else None


def environment(device: str, data: Row | None) -> Row:
    """Versions, processor, threads, device, commit and data set of this process."""
    commit = subprocess.run(
        ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "python": platform.python_version(),
        "torch": version("torch"),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "cores": os.cpu_count(),
        "device": _accelerator() if device.startswith("cuda") else "cpu",
        "commit": commit.stdout.strip() or None,
        "data": data,
    }


def _accelerator() -> str:
    import torch

    return str(torch.cuda.get_device_name())


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} cannot be read ({error}); it was damaged, run it again in a fresh folder"
        ) from None


def read(folder: Path) -> Run:
    """Read a run folder, finished or not; a last line cut short is left out.

    Raises:
        InputError: the folder holds no run, or its files are damaged.
    """
    if not (folder / "recipe.json").is_file():
        raise InputError(f"{folder} holds no run (no recipe.json); name a folder that bnverify train wrote")
    described = folder / "environment.json"
    metrics, data = _metrics(folder)
    result = seal.read_document(folder / "result.json") if (folder / "result.json").exists() else None
    for name in SEALED:
        if result is not None and name in result and result[name] != _file_digest(folder / name):
            what = "has another hash than was written" if (folder / name).exists() else "is missing"
            raise InputError(f"{folder / name} {what}; {seal.AGAIN}")
    recipe = recipes.from_json(_read_json(folder / "recipe.json"))
    size, whole = len(data), (result or {}).get("metrics_bytes", 0)
    if size < whole:
        raise InputError(
            f"{metrics} has {size} bytes, the finished run wrote {whole}; run it again in a fresh folder"
        )
    rows = seal.rows(data.splitlines(keepends=True), _start(folder), metrics)
    if result is not None and result["metrics_hash"] != seal.last(data, _start(folder)):
        raise InputError(f"{metrics} is not that of result.json beside it; {seal.AGAIN}")
    return Run(folder, recipe, rows, result, _read_json(described) if described.exists() else {})


def _metrics(folder: Path) -> tuple[Path, bytes]:
    """The metrics of a run, as they grew or packed as `measure.compact` leaves them, and their file."""
    plain, packed = folder / "metrics.jsonl", folder / "metrics.jsonl.gz"
    if not packed.exists():
        return plain, plain.read_bytes() if plain.exists() else b""
    try:
        return packed, gzip.decompress(packed.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{packed} cannot be unpacked ({error}); {seal.AGAIN}") from None


def _start(folder: Path) -> str:
    """What the hash of the first metrics row follows."""
    return seal.digest((folder / "recipe.json").read_bytes())


def _file_digest(path: Path) -> str | None:
    return seal.digest(path.read_bytes()) if path.exists() else None


DEPTH = 2
"""A reproduction has its runs two folders below; nobody waits for a whole disk to be searched."""


def recipes_under(folder: Path) -> list[Path]:
    """The recipe of every run in ``folder`` or at most `DEPTH` folders below it, sorted by path.

    Raises:
        InputError: there is a result whose recipe is missing.
    """

    def found(name: str) -> list[Path]:
        return sorted(path for depth in range(DEPTH + 1) for path in folder.glob("*/" * depth + name))

    recipe_of = found("recipe.json")
    lost = {path.parent for path in found("result.json")} - {path.parent for path in recipe_of}
    if lost:
        raise InputError(f"{min(lost)} has a result.json and no recipe.json; {seal.AGAIN}")
    return recipe_of


def runs_under(folder: Path) -> list[Run]:
    """The runs of `recipes_under`; InputError if there is none."""
    found = [read(path.parent) for path in recipes_under(folder)]
    if not found:
        raise InputError(f"{folder} holds no runs; name a folder that bnverify reproduce or train wrote")
    return found


@dataclass
class Log:
    """A run folder held for writing by this process. Made by `hold`."""

    folder: Path
    notes: list[str] = field(default_factory=list)
    _hash: str | None = None

    @property
    def metrics(self) -> Path:
        return self.folder / "metrics.jsonl"

    def append(self, row: Row) -> None:
        """Add one line to the metrics."""
        if self._hash is None:
            self._hash = seal.last(_metrics(self.folder)[1], _start(self.folder))
        line, after = seal.line(self._hash, finite(row))
        self._append(self.metrics, line)
        self._hash = after

    def _append(self, path: Path, line: bytes) -> None:
        try:
            with path.open("ab") as file:
                file.write(line)
        except OSError as error:
            raise self._full(path, error) from None

    @staticmethod
    def _full(path: Path, error: OSError) -> InputError:
        return InputError(f"cannot write {path}: {error.strerror}; free some space and go on with --resume")

    def save(self, step: int, state: Row) -> None:
        """Write a checkpoint of ``state`` (tensors and plain values) at ``step`` and drop all but the newest two."""
        try:
            with self.metrics.open("ab") as file:
                os.fsync(file.fileno())
                size = file.tell()
        except OSError as error:
            raise self._full(self.metrics, error) from None
        import torch

        buffer = io.BytesIO()
        torch.save({"step": step, "metrics_bytes": size, "state": state}, buffer)
        write_bytes(self._checkpoint(step), seal.blob(buffer.getvalue()))
        for old in self._checkpoints()[KEPT:]:
            old.unlink()

    def load(self) -> Row | None:
        """State of the newest readable checkpoint, with the metrics cut back to it; None, and no metrics, if none is.

        A checkpoint that is damaged or ahead of the metrics is passed over; a line in ``notes`` says so.
        """
        import torch

        for path in self._checkpoints():
            size = self.metrics.stat().st_size if self.metrics.exists() else 0
            try:
                content = torch.load(io.BytesIO(seal.payload(path.read_bytes())), weights_only=True)
                ahead = content["metrics_bytes"] > size
            except (RuntimeError, OSError, EOFError, KeyError, TypeError, pickle.UnpicklingError, ValueError):
                self.notes.append(f"{path} is cut short or damaged; going on from the checkpoint before it")
                continue
            if ahead:
                self.notes.append(f"{path} is ahead of the metrics; going on from the checkpoint before it")
                continue
            os.truncate(self.metrics, content["metrics_bytes"])
            self._hash = None
            state: Row = content["state"]
            return state
        self.metrics.unlink(missing_ok=True)
        self._hash = None
        return None

    def finish(self, result: Row) -> None:
        """Write the result, with size and hash of the metrics it stands for and the hashes of `SEALED`."""
        whole = {
            **finite(result),
            "metrics_bytes": self.metrics.stat().st_size,
            "metrics_hash": seal.last(_metrics(self.folder)[1], _start(self.folder)),
            **{name: _file_digest(self.folder / name) for name in SEALED},
        }
        write_text(self.folder / "result.json", seal.document(whole))

    def write_environment(self, device: str, data: Row | None) -> None:
        """Note versions, machine and data once, when the run begins."""
        path = self.folder / "environment.json"
        if not path.exists():
            write_text(path, json.dumps(environment(device, data), indent=1) + "\n")

    def session(self, row: Row) -> None:
        """Note one sitting at the run: its first and last step and its wall time."""
        self._append(self.folder / "sessions.jsonl", (json.dumps(row) + "\n").encode())

    def seconds(self) -> float:
        """Wall time of all sittings that were noted."""
        path = self.folder / "sessions.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return sum(json.loads(line)["seconds"] for line in lines)

    def _checkpoint(self, step: int) -> Path:
        return self.folder / f"checkpoint-{step:09d}.pt"

    def _checkpoints(self) -> list[Path]:
        return sorted(self.folder.glob("checkpoint-*.pt"), reverse=True)


@contextmanager
def hold(
    folder: Path,
    recipe: VggRecipe | DlnRecipe,
    *,
    resume: bool,
    patience: float = 0.0,
    pictures: Callable[[], str | None] = lambda: None,
) -> Iterator[Log]:
    """Take ``folder`` for a run of ``recipe``; no other process can until this one lets go or dies.

    Args:
        patience: seconds to wait for another process to let go of it.
        pictures: the hash of the recipe's data set, asked for where the run that the folder holds names another place.

    Raises:
        InputError: another process holds it; it belongs to another recipe; it holds a run already and
        ``resume`` is
            False; it holds files of another kind; it cannot be written.
    """
    new = _missing(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = _locked(folder, patience)
    except OSError as error:
        _remove(new)
        raise InputError(
            f"cannot write {folder}: {error.strerror}; name a folder that can be written"
        ) from None
    with lock:
        path = folder / "recipe.json"
        if path.exists():
            _require_same(folder, recipe, resume, pictures)
            yield Log(folder)
            return
        if any(entry.name != "lock" for entry in folder.iterdir()):
            (folder / "lock").unlink()
            raise InputError(f"{folder} holds other files; name an empty or a new folder")
        try:
            write_text(path, json.dumps(recipes.to_json(recipe), indent=1) + "\n")
            yield Log(folder)
        except BaseException:
            if not (folder / "metrics.jsonl").exists():
                # What ended before its first row leaves nothing behind.
                for name in ("recipe.json", "environment.json", "lock"):
                    (folder / name).unlink(missing_ok=True)
                _remove(new)
            raise


def _require_same(
    folder: Path, recipe: VggRecipe | DlnRecipe, resume: bool, pictures: Callable[[], str | None]
) -> None:
    theirs = recipes.from_json(_read_json(folder / "recipe.json"))
    if theirs != recipe and not _moved(folder, theirs, recipe, pictures):
        raise InputError(
            f"{folder} belongs to another recipe ({_difference(theirs, recipe)}); name another folder"
        )
    if not resume:
        raise InputError(
            f"{folder} holds a run already; add --resume to go on with it or name another folder"
        )


def _moved(
    folder: Path,
    theirs: VggRecipe | DlnRecipe,
    ours: VggRecipe | DlnRecipe,
    pictures: Callable[[], str | None],
) -> bool:
    """Whether the recipes differ in where the data set lies and in nothing else, and its pictures are the same."""
    if not isinstance(theirs, VggRecipe) or not isinstance(ours, VggRecipe):
        return False
    described = folder / "environment.json"
    if replace(theirs, data=ours.data) != ours or not described.exists():
        return False
    noted = _read_json(described).get("data") or {}
    return "sha256" in noted and noted["sha256"] == pictures()


def _missing(folder: Path) -> list[Path]:
    """``folder`` and those above it that do not exist yet, the deepest first."""
    return [path for path in (folder, *folder.parents) if not path.exists()]


def _remove(new: list[Path]) -> None:
    """Take away those of the folders that are empty, the deepest first."""
    for path in new:
        try:
            path.rmdir()
        except OSError:
            return


def _locked(folder: Path, patience: float) -> IO[str]:
    """The lock of ``folder``, held; InputError where another process has it for longer than ``patience`` seconds."""
    until = time.monotonic() + patience
    while True:
        lock = (folder / "lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # A holder that tidied up has taken the file away.
            if (folder / "lock").exists() and os.fstat(lock.fileno()).st_ino == (
                folder / "lock"
            ).stat().st_ino:
                return lock
        except BlockingIOError:
            pass
        lock.close()
        if time.monotonic() >= until:
            raise InputError(f"{folder} is in use by another process; wait for it or name another folder")
        time.sleep(0.1)


def _difference(theirs: VggRecipe | DlnRecipe, ours: VggRecipe | DlnRecipe) -> str:
    a, b = recipes.to_json(theirs), recipes.to_json(ours)
    name = next(key for key in {**a, **b} if a.get(key) != b.get(key))
    return f"its {name} is {a.get(name)}, not {b.get(name)}"
