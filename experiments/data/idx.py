"""Fashion-MNIST from idx files (magic number, big-endian sizes, bytes), gzipped or not."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from bnverify.base.errors import InputError

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def present(folder: Path) -> bool:
    """Whether ``folder`` looks like a set of idx files."""
    return any((folder / f"{TEST_IMAGES}{end}").exists() for end in ("", ".gz"))


def from_folder(folder: Path) -> Arrays:
    """Train pictures, train labels, test pictures, test labels; pictures are ``(n, 1, 28, 28)`` bytes.

    Raises:
        InputError: a file is missing, truncated or of the wrong kind, a picture is not 28x28, counts differ, or
        a label is not 0 to 9.
    """
    parts: list[np.ndarray] = []
    for images, labels in ((TRAIN_IMAGES, TRAIN_LABELS), (TEST_IMAGES, TEST_LABELS)):
        x, y = _array(folder, images, 3), _array(folder, labels, 1)
        if x.shape[1:] != (28, 28):
            raise InputError(
                f"{folder / images}: pictures of {x.shape[2]}x{x.shape[1]} pixels, expected 28x28"
            )
        if len(x) != len(y):
            raise InputError(
                f"{folder}: {len(x)} pictures in {images}, {len(y)} labels in {labels}; fetch them again"
            )
        if not len(y) or y.max() > 9:
            raise InputError(
                f"{folder}: {labels} has {f'label {y.max()}' if len(y) else 'no labels'}, expected 0 to 9; fetch "
                "it again"
            )
        parts += [x[:, None], y.astype(np.int64)]
    return parts[0], parts[1], parts[2], parts[3]


def _array(folder: Path, name: str, dims: int) -> np.ndarray:
    plain, zipped = folder / name, folder / f"{name}.gz"
    path = plain if plain.exists() else zipped
    try:
        data = plain.read_bytes() if plain.exists() else gzip.decompress(zipped.read_bytes())
    except FileNotFoundError:
        raise InputError(f"data folder {folder} lacks {name}[.gz]; put the four idx files there") from None
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} is damaged ({error}); fetch it again") from None
    head = 4 + 4 * dims
    if len(data) < head or data[:4] != bytes([0, 0, 8, dims]):
        raise InputError(f"{path} is no idx file of {dims}-dimensional bytes; fetch it again")
    shape = struct.unpack(f">{dims}I", data[4:head])
    if len(data) - head != math.prod(shape):
        raise InputError(
            f"{path} has {len(data) - head} bytes of data, its head says {math.prod(shape)}; fetch it again"
        )
    return np.frombuffer(data, dtype=np.uint8, offset=head).reshape(shape)
