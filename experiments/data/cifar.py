"""CIFAR-10 from the original binary archive: download with a checksum, read without trusting it."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
import zlib
from pathlib import Path, PurePosixPath

import numpy as np

from bnverify.base.errors import InputError
from bnverify.base.terminal import Tick, meter

URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
SHA256 = "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd"
ARCHIVE = "cifar-10-binary.tar.gz"
FOLDER = "cifar-10-batches-bin"
TRAIN_FILES = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
TEST_FILE = "test_batch.bin"
RECORD = 1 + 3 * 32 * 32  # One label byte, then the red, green and blue planes, row by row.

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


class _Bar:
    """What `pooch` expects of a progress bar: bytes as they come, told to `terminal.meter`."""

    def __init__(self, tick: Tick) -> None:
        self.tick, self.total, self.come = tick, 0, 0

    def update(self, n: int) -> None:
        self.come += n
        self.tick("downloading CIFAR-10, bytes", min(self.come, self.total), self.total)

    def reset(self) -> None:
        self.come = 0

    def close(self) -> None:
        """The meter ends by itself."""


def download(folder: Path | None = None, url: str = URL, sha256: str = SHA256) -> Path:
    """Folder that holds the checked archive; downloads it (162 MB) unless it is there.

    Args:
        folder: where to keep it; None means the user's cache.

    Raises:
        InputError: `pooch` is not installed, the server does not answer, or the file has another checksum.
    """
    try:
        import pooch
        import requests
    except ImportError:
        raise InputError(
            f"downloading needs pooch and requests; pip install 'bnverify[train]', or fetch {url} yourself "
            "and name its folder with --data"
        ) from None
    folder = folder or Path(pooch.os_cache("bnverify"))
    try:
        pooch.get_logger().setLevel("WARNING")
        with meter() as tick:
            pooch.retrieve(
                url,
                known_hash=f"sha256:{sha256}",
                fname=ARCHIVE,
                path=folder,
                downloader=pooch.HTTPDownloader(progressbar=_Bar(tick), timeout=30),
            )
    except ValueError:
        raise InputError(
            f"{url}: the file that came has another checksum than {sha256[:12]}...; it was truncated or "
            "tampered with; try again or fetch it elsewhere"
        ) from None
    except (OSError, requests.RequestException) as error:
        raise InputError(
            f"{url}: {type(error).__name__}; check the network, or name a folder or a parquet file with --data"
        ) from None
    return folder


def check(path: Path) -> None:
    """InputError if the archive has another checksum than the published one."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != SHA256:
        raise InputError(
            f"{path} has the SHA-256 {found[:12]}..., expected {SHA256[:12]}...; it was truncated or tampered "
            f"with, fetch it again from {URL}"
        )


def from_archive(path: Path) -> Arrays:
    """Pictures and labels out of the binary archive, read in memory; nothing is unpacked to disk.

    Raises:
        InputError: the archive is damaged, lacks a file, or has a member that points outside its folder.
    """
    wanted = {f"{FOLDER}/{name}": name for name in (*TRAIN_FILES, TEST_FILE)}
    found: dict[str, bytes] = {}
    try:
        with gzip.open(path) as unzipped, tarfile.open(fileobj=unzipped, mode="r:") as archive:
            for member in archive:
                name = PurePosixPath(member.name)
                if name.is_absolute() or ".." in name.parts or not (member.isfile() or member.isdir()):
                    raise InputError(
                        f"{path}: member {member.name!r} is a link or points outside the archive's folder; "
                        "do not use this file, fetch the original"
                    )
                if str(name) in wanted:
                    file = archive.extractfile(member)
                    found[wanted[str(name)]] = file.read() if file else b""
            # The checksum of gzip stands behind the last byte.
            while unzipped.read(2**20):
                pass
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise InputError(f"{path} is truncated or no gzipped tar file ({error}); fetch it again") from None
    return _assembled(found, path)


def from_files(folder: Path) -> Arrays:
    """Pictures and labels out of the unpacked ``.bin`` files; raises like `from_archive`."""
    found = {
        name: (folder / name).read_bytes() for name in (*TRAIN_FILES, TEST_FILE) if (folder / name).is_file()
    }
    return _assembled(found, folder)


def _assembled(found: dict[str, bytes], where: Path) -> Arrays:
    parts: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for name in (*TRAIN_FILES, TEST_FILE):
        if name not in found:
            raise InputError(f"{where} lacks {name}; fetch the archive again")
        if not found[name] or len(found[name]) % RECORD:
            raise InputError(
                f"{where}: {name} has {len(found[name])} bytes, expected a positive multiple of {RECORD}; "
                "fetch the archive again"
            )
        records = np.frombuffer(found[name], dtype=np.uint8).reshape(-1, RECORD)
        labels = records[:, 0].astype(np.int64)
        if labels.max() > 9:
            raise InputError(
                f"{where}: {name} has label {labels.max()}, expected 0 to 9; fetch the archive again"
            )
        parts[name] = records[:, 1:].reshape(-1, 3, 32, 32), labels
    train = [parts[name] for name in TRAIN_FILES]
    return (np.concatenate([x for x, _ in train]), np.concatenate([y for _, y in train]), *parts[TEST_FILE])
