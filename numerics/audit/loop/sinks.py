"""Where records go: files, TensorBoard, and trackers that are installed."""

from __future__ import annotations

import csv
import importlib
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from bnverify.numerics.audit.loop.record import Recorded

from bnverify.base.errors import InputError


class Sink(Protocol):
    """A place for records. where: its name for messages."""

    where: str

    def write(self, record: Recorded) -> None: ...

    def close(self) -> None: ...


class JsonLines:
    """One line of JSON a record, written out at once."""

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        self.file = _opened(path)

    def write(self, record: Recorded) -> None:
        self.file.write(json.dumps(record.to_dict(), allow_nan=False) + "\n")
        self.file.flush()

    def close(self) -> None:
        self.file.close()


class Csv:
    """One line a layer call and step: medians and sums of the columns."""

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        self.file = _opened(path)
        self.table: csv.DictWriter[str] | None = None

    def write(self, record: Recorded) -> None:
        for line in record.flat():
            if self.table is None:
                self.table = csv.DictWriter(self.file, list(line), extrasaction="ignore")
                self.table.writeheader()
            self.table.writerow(line)
        self.file.flush()

    def close(self) -> None:
        self.file.close()


class Parquet:
    """The lines of `Csv` as one Parquet file, written when the training is over and every ``EVERY`` lines."""

    EVERY = 20_000

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        self.arrow = _module("pyarrow", "parquet")
        self.parquet = _module("pyarrow.parquet", "parquet")
        _opened(path).close()
        self.path, self.lines = path, []  # type: ignore[var-annotated]
        self.writer: Any = None

    def write(self, record: Recorded) -> None:
        self.lines += record.flat()
        if len(self.lines) >= self.EVERY:
            self._flush()

    def _flush(self) -> None:
        if not self.lines:
            return
        table = self.arrow.Table.from_pylist(
            self.lines, schema=None if self.writer is None else self.writer.schema
        )
        if self.writer is None:
            self.writer = self.parquet.ParquetWriter(self.path, table.schema)
        self.writer.write_table(table)
        self.lines = []

    def close(self) -> None:
        self._flush()
        if self.writer is not None:
            self.writer.close()
            self.writer = None


def scalars(record: Recorded) -> dict[str, float]:
    """The finite numbers of a record under one name each: loss, and a layer's gradient norms, cosine and share kept."""
    loss = math.nan if record.loss is None else record.loss
    found = {"audit/loss": loss, "audit/overflow": float(record.overflow)}
    for item in record.layers:
        name = f"audit/{item.title}"
        found |= {
            f"{name}/gradient_in": math.sqrt(max(0.0, item.sums["grad_in_sq"])),
            f"{name}/gradient_out": math.sqrt(max(0.0, item.sums["grad_out_sq"])),
            f"{name}/sigma": item.median("sigma"),
            f"{name}/rho": item.median("rho"),
            f"{name}/kept": item.median("kept"),
            f"{name}/cosine": item.median("cosine"),
        }
    return {name: value for name, value in found.items() if math.isfinite(value)}


class TensorBoard:
    """Scalars for TensorBoard."""

    def __init__(self, folder: Path) -> None:
        self.where = f"tensorboard:{folder}"
        _module("tensorboard", "tensorboard")
        from torch.utils.tensorboard import SummaryWriter

        try:
            self.writer = SummaryWriter(str(folder))
        except OSError as error:
            raise InputError(
                f"sink {self.where} cannot be written ({error.strerror}); choose another folder"
            ) from None

    def write(self, record: Recorded) -> None:
        for name, value in scalars(record).items():
            self.writer.add_scalar(name, value, record.step)

    def close(self) -> None:
        self.writer.close()


class Tracker:
    """Weights & Biases or MLflow, in the run that is active."""

    def __init__(self, name: str) -> None:
        self.where = name
        self.module = _module(name, name)

    def write(self, record: Recorded) -> None:
        if self.where == "wandb":
            self.module.log(scalars(record) | {"audit/step": record.step})
        else:
            named = {
                name.replace(" (", "_").replace(")", ""): value for name, value in scalars(record).items()
            }
            self.module.log_metrics(named, step=record.step)

    def close(self) -> None:
        return None


def sinks_of(given: str | Path | Sequence[str] | None) -> list[Sink]:
    """The sinks by their names.

    Raises:
        InputError: a name is unknown, a file cannot be written, or a library is not installed.
    """
    if given is None:
        return []
    names = [given] if isinstance(given, str | Path) else list(given)
    return [_sink(str(name)) for name in names]


FILES: dict[str, Callable[[Path], Sink]] = {".jsonl": JsonLines, ".csv": Csv, ".parquet": Parquet}


def _sink(name: str) -> Sink:
    if name in ("wandb", "mlflow"):
        return Tracker(name)
    if name.startswith("tensorboard:"):
        return TensorBoard(Path(name.removeprefix("tensorboard:")))
    kind = FILES.get(Path(name).suffix)
    if kind is None:
        raise InputError(
            f"sink {name!r} is unknown; expected a path ending in {', '.join(FILES)}, tensorboard:FOLDER, wandb, mlflow"
        )
    return kind(Path(name))


def _opened(path: Path) -> Any:
    try:
        return path.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise InputError(f"sink {path} cannot be written ({error.strerror}); choose another path") from None


def _module(name: str, extra: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise InputError(
            f"the sink needs {name.partition('.')[0]}, which is not installed; pip install bnverify[{extra}]"
        ) from None
