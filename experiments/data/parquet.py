"""CIFAR-10 from Hugging Face parquet files: columns ``img`` (struct of encoded bytes and path) and ``label``."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from bnverify.base.errors import InputError

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def from_folder(folder: Path) -> tuple[str, Arrays]:
    """Name and arrays of the data set in ``folder``: files called ``train*.parquet`` and ``test*.parquet``, there or in
    folders below. The name is ``cifar10``, or ``cifar10 (JPEG copy)`` where the pictures are lossy.

    Raises:
        InputError: pyarrow or Pillow is not installed, a file is missing or damaged, a picture is not
        32x32, or a label is not 0 to 9.
    """
    train, train_kind = _part(folder, "train")
    test, _ = _part(folder, "test")
    name = "cifar10 (JPEG copy)" if train_kind == "JPEG" else "cifar10"
    return name, (*train, *test)


def from_file(path: Path) -> tuple[str, Arrays]:
    """`from_folder` of one file: with the other part beside it, else with a sixth of it, in a fixed random order, held
    out as test part. Raises likewise."""
    for part, other in (("train", "test"), ("test", "train")):
        if path.name.startswith(part) and any(path.parent.glob(f"{other}*.parquet")):
            return from_folder(path.parent)
    (x, y), kind = _read([path])
    order = np.random.default_rng(0).permutation(len(y))
    cut = len(y) - max(1, len(y) // 6)
    if cut == 0:
        raise InputError(f"{path} has one picture; a part of it has to be held out, name a larger file")
    name = "cifar10 (JPEG copy)" if kind == "JPEG" else "cifar10"
    return f"{name}, a sixth held out", (x[order[:cut]], y[order[:cut]], x[order[cut:]], y[order[cut:]])


def _part(folder: Path, part: str) -> tuple[tuple[np.ndarray, np.ndarray], str]:
    files = sorted(folder.glob(f"**/{part}*.parquet"))
    if not files:
        raise InputError(f"data folder {folder} has no {part}*.parquet; put the whole data set there")
    return _read(files)


def _read(files: list[Path]) -> tuple[tuple[np.ndarray, np.ndarray], str]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
        from PIL import Image
    except ImportError:
        raise InputError(
            "reading parquet files needs pyarrow and Pillow; pip install 'bnverify[train]'"
        ) from None
    pictures: list[np.ndarray] = []
    labels: list[int] = []
    kind = ""
    for path in files:
        try:
            table = pq.read_table(path, columns=["img", "label"])
        except (OSError, pa.ArrowException, KeyError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(
                f"{path} is truncated or no CIFAR-10 parquet file ({reason}); fetch it again"
            ) from None
        for row, encoded in enumerate(table["img"]):
            try:
                with Image.open(io.BytesIO(encoded["bytes"].as_py())) as image:
                    kind = image.format or kind
                    pixels = np.asarray(image.convert("RGB"))
            except (OSError, SyntaxError, TypeError, ValueError, KeyError):
                raise InputError(
                    f"{path}: row {row} holds no readable picture; fetch the file again"
                ) from None
            if pixels.shape != (32, 32, 3):
                raise InputError(
                    f"{path}: row {row} is {pixels.shape[1]}x{pixels.shape[0]} pixels, expected 32x32"
                )
            pictures.append(pixels)
        for row, label in enumerate(table["label"].to_pylist()):
            if not (isinstance(label, int) and 0 <= label <= 9):
                raise InputError(
                    f"{path}: row {row} has label {label!r}, expected 0 to 9; fetch the file again"
                )
            labels.append(label)
    if not pictures:
        raise InputError(f"{files[0]} has no pictures; fetch it again")
    x = np.stack(pictures).transpose(0, 3, 1, 2)
    return (np.ascontiguousarray(x), np.array(labels, dtype=np.int64)), kind
