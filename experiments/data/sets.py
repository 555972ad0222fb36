"""Data sets in memory, standardised, batches cut on the device; the order of a run is a function of seed and epoch."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from bnverify.experiments.data import cifar, idx
from torch import Tensor, nn

from bnverify.base.errors import InputError


@dataclass(frozen=True)
class Raw:
    """Pictures as they come: uint8 ``(n, channels, height, width)`` and int64 labels ``(n,)``."""

    name: str
    train_x: np.ndarray
    train_y: np.ndarray
    test_x: np.ndarray
    test_y: np.ndarray


@dataclass(frozen=True)
class Data:
    """A data set ready to train on: float32 pictures, standardised per channel by the training part's moments."""

    name: str
    train_x: Tensor
    train_y: Tensor
    test_x: Tensor
    test_y: Tensor
    classes: int
    sha256: str

    def to(self, device: str) -> Data:
        return replace(
            self,
            train_x=self.train_x.to(device),
            train_y=self.train_y.to(device),
            test_x=self.test_x.to(device),
            test_y=self.test_y.to(device),
        )


def digits() -> Raw:
    """scikit-learn's 1,797 digits of 8x8 pixels; the last fifth in a fixed random order is the test part."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    order = np.random.default_rng(0).permutation(len(bunch.target))
    x = (bunch.images[order] * (255 / 16)).round().astype(np.uint8)[:, None]
    y = bunch.target[order].astype(np.int64)
    cut = len(y) - len(y) // 5
    return Raw("digits", x[:cut], y[:cut], x[cut:], y[cut:])


def read(source: str) -> Raw:
    """The data set that ``source`` names: ``digits``, ``cifar10`` (downloaded to the user's cache), a parquet
    file or a folder.

    A file is CIFAR-10 as Hugging Face has it, see `parquet.from_file`. A folder holds CIFAR-10 as the original binary
    archive or its unpacked files, CIFAR-10 as Hugging Face parquet files, or Fashion-MNIST as idx files (gzipped or
    not).

    Raises:
        InputError: no such name or folder, nothing known in it, or what is in it is damaged.
    """
    folder = located(source)
    if folder is None:
        return digits()
    if folder.is_file():
        from bnverify.experiments.data import parquet

        name, arrays = parquet.from_file(folder)
        return Raw(name, *arrays)
    if (folder / cifar.ARCHIVE).exists():
        cifar.check(folder / cifar.ARCHIVE)
        return Raw("cifar10", *cifar.from_archive(folder / cifar.ARCHIVE))
    if (folder / cifar.TEST_FILE).exists():
        return Raw("cifar10", *cifar.from_files(folder))
    if list(folder.glob("**/*.parquet")):
        from bnverify.experiments.data import parquet

        name, arrays = parquet.from_folder(folder)
        return Raw(name, *arrays)
    return Raw("fashion-mnist", *idx.from_folder(folder))


def located(source: str) -> Path | None:
    """File or folder of the data set that ``source`` names, after a download if it needs one; None for the digits.

    Raises:
        InputError: no such name or folder, or nothing known in it; what is in it is not looked at.
    """
    if source == "digits":
        return None
    folder = cifar.download() if source == "cifar10" else Path(source)
    if folder.is_file() and folder.suffix == ".parquet":
        return folder
    if not folder.is_dir():
        raise InputError(
            f"data {source!r} is neither digits, cifar10, a parquet file nor a folder; name one of these"
        )
    if any((folder / name).exists() for name in (cifar.ARCHIVE, cifar.TEST_FILE)):
        return folder
    if idx.present(folder) or list(folder.glob("**/*.parquet")):
        return folder
    raise InputError(
        f"data folder {folder} holds none of {cifar.ARCHIVE}, {cifar.TEST_FILE}, *.parquet, "
        f"{idx.TEST_IMAGES}[.gz]; put one of these there"
    )


def resized(x: Tensor, size: int) -> Tensor:
    """Float pictures ``(n, c, h, w)`` at ``size`` pixels: zero-padded to the next multiple of ``size`` and
    averaged over whole cells where they are larger, interpolated bilinearly where they are smaller."""
    side = x.shape[-1]
    if side == size:
        return x
    if side < size:
        return nn.functional.interpolate(x, size=(size, size), mode="bilinear", align_corners=False)
    cell = -(-side // size)
    missing = cell * size - side
    before, after = missing // 2, missing - missing // 2
    return nn.functional.avg_pool2d(nn.functional.pad(x, (before, after, before, after)), cell)


def prepare(raw: Raw, size: int) -> Data:
    """Resize to ``size`` pixels and standardise each channel by the mean and deviation of the training part."""
    hashed = hashlib.sha256()
    for array in (raw.train_x, raw.train_y, raw.test_x, raw.test_y):
        hashed.update(np.ascontiguousarray(array).tobytes())
    train, test = (resized(torch.tensor(x).float() / 255, size) for x in (raw.train_x, raw.test_x))
    mean = train.mean((0, 2, 3), keepdim=True)
    deviation = train.std((0, 2, 3), keepdim=True)
    return Data(
        raw.name,
        ((train - mean) / deviation).contiguous(),
        torch.from_numpy(raw.train_y),
        ((test - mean) / deviation).contiguous(),
        torch.from_numpy(raw.test_y),
        int(raw.train_y.max()) + 1,
        hashed.hexdigest(),
    )


def load(source: str, size: int, device: str = "cpu") -> Data:
    """Read, resize, standardise and move a data set; see `read` and `prepare`."""
    return prepare(read(source), size).to(device)


def batch_indices(seed: int, step: int, n: int, batch_size: int) -> Tensor:
    """Indices of the batch of ``step``: a fresh order every epoch, the last partial batch dropped.

    Raises:
        InputError: the data set is smaller than one batch.
    """
    per_epoch = n // batch_size
    if per_epoch == 0:
        raise InputError(
            f"batch_size = {batch_size}, but the training part has {n} pictures; use a smaller batch"
        )
    epoch, position = divmod(step, per_epoch)
    return _order(seed, epoch, n)[position * batch_size : (position + 1) * batch_size]


@functools.lru_cache(maxsize=4)
def _order(seed: int, epoch: int, n: int) -> Tensor:
    digest = hashlib.blake2b(f"order/{seed}/{epoch}".encode(), digest_size=8).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest, "big") >> 1)
    return torch.randperm(n, generator=generator)
