"""Data sets are read as they are, and damaged ones are named."""

from __future__ import annotations

import gzip
import hashlib
import http.server
import io
import struct
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from bnverify.experiments.data import cifar, idx
from bnverify.experiments.data import sets as data
from bnverify.experiments.measure.compact import compact
from bnverify.experiments.run import record, train
from bnverify.experiments.run.recipes import VggRecipe

from bnverify.base.errors import InputError

RNG = np.random.default_rng(0)


def records(n: int) -> bytes:
    rows = RNG.integers(0, 256, (n, cifar.RECORD), dtype=np.uint8)
    rows[:, 0] %= 10
    return rows.tobytes()


def write_archive(path: Path, files: dict[str, bytes], link: str | None = None) -> None:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        if link is not None:
            member = tarfile.TarInfo(link)
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(member)


@pytest.fixture
def files() -> dict[str, bytes]:
    return {f"{cifar.FOLDER}/{name}": records(3) for name in (*cifar.TRAIN_FILES, cifar.TEST_FILE)}


@pytest.fixture
def archive(tmp_path: Path, files: dict[str, bytes]) -> Path:
    path = tmp_path / cifar.ARCHIVE
    write_archive(path, files)
    return path


def test_the_binary_archive_is_read_record_by_record(
    archive: Path, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cifar, "SHA256", hashlib.sha256(archive.read_bytes()).hexdigest())
    raw = data.read(str(archive.parent))
    assert raw.train_x.shape == (15, 3, 32, 32)
    second = files[f"{cifar.FOLDER}/{cifar.TRAIN_FILES[0]}"][cifar.RECORD : 2 * cifar.RECORD]
    assert raw.train_y[1] == second[0]
    assert raw.train_x[1, 2, 31, 31] == second[-1]
    assert raw.train_x[1, 1, 0, 0] == second[1 + 1024]


def test_unpacked_files_read_like_the_archive(tmp_path: Path, archive: Path) -> None:
    folder = tmp_path / "unpacked"
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    for one, other in zip(cifar.from_archive(archive), cifar.from_files(folder / cifar.FOLDER), strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("name", ["../escape.bin", "/tmp/escape.bin", f"{cifar.FOLDER}/../../escape.bin"])
def test_a_member_that_points_outside_is_refused(tmp_path: Path, files: dict[str, bytes], name: str) -> None:
    write_archive(tmp_path / cifar.ARCHIVE, {**files, name: b"x"})
    with pytest.raises(InputError, match="points outside"):
        cifar.from_archive(tmp_path / cifar.ARCHIVE)


def test_a_link_in_the_archive_is_refused(tmp_path: Path, files: dict[str, bytes]) -> None:
    write_archive(tmp_path / cifar.ARCHIVE, files, link=f"{cifar.FOLDER}/link")
    with pytest.raises(InputError, match="is a link"):
        cifar.from_archive(tmp_path / cifar.ARCHIVE)


def test_an_archive_with_one_byte_changed_is_refused(archive: Path) -> None:
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)
    with pytest.raises(InputError, match="fetch it again"):
        cifar.from_archive(archive)
    with pytest.raises(InputError, match=r"has the SHA-256 .*tampered with"):
        data.read(str(archive.parent))


@pytest.mark.parametrize("keep", [0, 20, 0.5, 0.95, -3])
def test_a_truncated_archive_is_named(archive: Path, keep: float) -> None:
    content = archive.read_bytes()
    archive.write_bytes(content[: int(keep * len(content) if 0 < keep < 1 else keep)])
    with pytest.raises(InputError, match="fetch"):
        cifar.from_archive(archive)


def test_missing_short_and_mislabelled_files_are_named(tmp_path: Path, files: dict[str, bytes]) -> None:
    name = f"{cifar.FOLDER}/{cifar.TRAIN_FILES[2]}"
    for content, message in [
        (None, "lacks"),
        (records(2)[:-1], "multiple of"),
        (b"\xff" * 3073, "label 255"),
    ]:
        changed = {k: v for k, v in {**files, name: content}.items() if v is not None}
        write_archive(tmp_path / cifar.ARCHIVE, changed)
        with pytest.raises(InputError, match=message):
            cifar.from_archive(tmp_path / cifar.ARCHIVE)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server(archive: Path) -> Iterator[str]:
    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(archive.parent)))
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_address[1]}"
    httpd.shutdown()
    httpd.server_close()
    thread.join()


def test_download_checks_the_checksum_and_keeps_the_file(tmp_path: Path, archive: Path, server: str) -> None:
    pytest.importorskip("pooch")
    sha256 = hashlib.sha256(archive.read_bytes()).hexdigest()
    url = f"{server}/{cifar.ARCHIVE}"
    folder = cifar.download(tmp_path / "cache", url, sha256)
    assert (folder / cifar.ARCHIVE).read_bytes() == archive.read_bytes()
    archive.unlink()
    assert cifar.download(tmp_path / "cache", url, sha256) == folder
    with pytest.raises(InputError, match=r"check the network"):
        cifar.download(tmp_path / "other", url, sha256)


def test_a_tampered_or_missing_download_is_refused_and_not_kept(tmp_path: Path, server: str) -> None:
    pytest.importorskip("pooch")
    with pytest.raises(InputError, match="another checksum"):
        cifar.download(tmp_path / "cache", f"{server}/{cifar.ARCHIVE}", "0" * 64)
    assert not (tmp_path / "cache" / cifar.ARCHIVE).exists()
    with pytest.raises(InputError, match="check the network"):
        cifar.download(tmp_path / "cache", f"{server}/nothing.tar.gz", "0" * 64)


def write_parquet(folder: Path, size: int = 32, kind: str = "PNG") -> dict[str, np.ndarray]:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    image_module = pytest.importorskip("PIL.Image")
    written = {}
    for part, n in (("train", 4), ("test", 2)):
        pictures = RNG.integers(0, 256, (n, size, size, 3), dtype=np.uint8)
        encoded = []
        for picture in pictures:
            buffer = io.BytesIO()
            image_module.fromarray(picture).save(buffer, kind)
            encoded.append({"bytes": buffer.getvalue(), "path": None})
        pq.write_table(pa.table({"img": encoded, "label": list(range(n))}), folder / f"{part}-00000.parquet")
        written[part] = pictures
    return written


def test_parquet_pictures_come_out_as_they_went_in(tmp_path: Path) -> None:
    written = write_parquet(tmp_path)
    raw = data.read(str(tmp_path))
    assert raw.name == "cifar10"
    assert np.array_equal(raw.train_x.transpose(0, 2, 3, 1), written["train"])
    assert raw.test_y.tolist() == [0, 1]


def test_a_parquet_file_is_read_with_its_other_part_or_with_a_sixth_held_out(tmp_path: Path) -> None:
    written = write_parquet(tmp_path)
    pair = data.read(str(tmp_path / "train-00000.parquet"))
    assert np.array_equal(pair.train_x.transpose(0, 2, 3, 1), written["train"])
    assert np.array_equal(pair.test_x.transpose(0, 2, 3, 1), written["test"])
    (tmp_path / "test-00000.parquet").unlink()
    alone = data.read(str(tmp_path / "train-00000.parquet"))
    assert alone.name == "cifar10, a sixth held out"
    assert len(alone.test_y) == 1
    assert sorted([*alone.train_y, *alone.test_y]) == sorted(pair.train_y)
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InputError, match="nor a folder"):
        data.read(str(tmp_path / "notes.txt"))


def test_a_lossy_parquet_copy_says_so_in_its_name(tmp_path: Path) -> None:
    write_parquet(tmp_path, kind="JPEG")
    assert data.read(str(tmp_path)).name == "cifar10 (JPEG copy)"


def test_parquet_with_wrong_pictures_or_missing_or_truncated_files_is_named(tmp_path: Path) -> None:
    write_parquet(tmp_path, size=28)
    with pytest.raises(InputError, match="28x28 pixels, expected 32x32"):
        data.read(str(tmp_path))
    write_parquet(tmp_path)
    path = tmp_path / "test-00000.parquet"
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="truncated"):
        data.read(str(tmp_path))
    path.unlink()
    with pytest.raises(InputError, match=r"has no test\*"):
        data.read(str(tmp_path))


@pytest.mark.parametrize("label", [-1, 10, None])
def test_parquet_labels_that_are_none_of_the_ten_are_named(tmp_path: Path, label: int | None) -> None:
    write_parquet(tmp_path)
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "train-00000.parquet"
    table = pq.read_table(path)
    pq.write_table(table.set_column(1, "label", pa.array([0, 1, 2, label])), path)
    with pytest.raises(InputError, match=f"row 3 has label {label}, expected 0 to 9"):
        data.read(str(tmp_path))


def write_idx(folder: Path, zipped: bool, side: int = 28, labels: int = 4) -> None:
    for images, names, n in ((idx.TRAIN_IMAGES, idx.TRAIN_LABELS, 4), (idx.TEST_IMAGES, idx.TEST_LABELS, 4)):
        pixels = np.arange(n * side * side, dtype=np.uint32).astype(np.uint8).tobytes()
        for name, content in (
            (images, bytes([0, 0, 8, 3]) + struct.pack(">3I", n, side, side) + pixels),
            (names, bytes([0, 0, 8, 1]) + struct.pack(">I", labels) + bytes(range(labels))),
        ):
            (folder / f"{name}{'.gz' if zipped else ''}").write_bytes(
                gzip.compress(content) if zipped else content
            )


@pytest.mark.parametrize("zipped", [False, True])
def test_idx_files_are_read_zipped_or_not(tmp_path: Path, zipped: bool) -> None:
    write_idx(tmp_path, zipped)
    raw = data.read(str(tmp_path))
    assert raw.train_x.shape == (4, 1, 28, 28)
    assert raw.train_x[1, 0, 0, 3] == (28 * 28 + 3) % 256
    assert raw.train_y.tolist() == [0, 1, 2, 3]


def test_damaged_idx_files_are_named(tmp_path: Path) -> None:
    write_idx(tmp_path, True)
    path = tmp_path / f"{idx.TRAIN_LABELS}.gz"
    good = path.read_bytes()
    for content, message in [
        (good[:-3], "damaged"),
        (b"nothing", "damaged"),
        (gzip.compress(gzip.decompress(good)[:-1]), "its head says 4"),
        (gzip.compress(b"\0\0\x08\x03" + b"\0" * 40), "no idx file of 1"),
    ]:
        path.write_bytes(content)
        with pytest.raises(InputError, match=message):
            data.read(str(tmp_path))
    path.unlink()
    with pytest.raises(InputError, match="lacks"):
        data.read(str(tmp_path))


def test_idx_files_of_other_sizes_or_counts_are_named(tmp_path: Path) -> None:
    write_idx(tmp_path, False, side=20)
    with pytest.raises(InputError, match="20x20 pixels, expected 28x28"):
        data.read(str(tmp_path))
    write_idx(tmp_path, False, labels=3)
    with pytest.raises(InputError, match="4 pictures"):
        data.read(str(tmp_path))


def test_idx_labels_that_are_none_of_the_ten_are_named(tmp_path: Path) -> None:
    write_idx(tmp_path, False)
    path = tmp_path / idx.TRAIN_LABELS
    path.write_bytes(path.read_bytes()[:-1] + b"\x0a")
    with pytest.raises(InputError, match="label 10, expected 0 to 9"):
        data.read(str(tmp_path))


def test_unknown_sources_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither digits, cifar10, a parquet file nor a folder"):
        data.read("imagenet")
    with pytest.raises(InputError, match="holds none of"):
        data.read(str(tmp_path))


@pytest.mark.parametrize("size", [8, 16, 32])
def test_digits_come_standardised_at_any_size(size: int) -> None:
    digits = data.load("digits", size)
    assert digits.train_x.shape == (1438, 1, size, size)
    assert digits.test_x.shape == (359, 1, size, size)
    assert digits.classes == 10
    assert abs(digits.train_x.mean().item()) < 1e-5
    assert digits.train_x.std().item() == pytest.approx(1, abs=1e-3)


def test_pictures_are_padded_to_whole_cells_before_averaging() -> None:
    x = torch.ones(1, 1, 28, 28)
    small = data.resized(x, 16)
    assert small.shape == (1, 1, 16, 16)
    assert small[0, 0, 8, 8] == 1
    assert small[0, 0, 0, 0] == 0
    assert small.sum() * 4 == x.sum()


def test_an_epoch_shows_every_picture_at_most_once_and_the_next_one_reorders() -> None:
    first = torch.cat([data.batch_indices(0, step, 103, 10) for step in range(10)])
    second = torch.cat([data.batch_indices(0, step, 103, 10) for step in range(10, 20)])
    assert len(first.unique()) == 100
    assert not torch.equal(first, second)
    assert not torch.equal(first, torch.cat([data.batch_indices(1, step, 103, 10) for step in range(10)]))
    with pytest.raises(InputError, match="smaller batch"):
        data.batch_indices(0, 0, 9, 10)


def test_a_run_goes_on_where_its_data_set_was_moved_and_not_with_other_pictures(tmp_path: Path) -> None:
    for name in ("here", "there", "other"):
        (tmp_path / name).mkdir()
    write_parquet(tmp_path / "here")
    write_parquet(tmp_path / "other")
    recipe = VggRecipe(
        depth=9, width=1 / 16, size=8, batch_size=2, steps=4, save_every=1, checkpoints=0, evaluate=False
    )
    here, there, other = (replace(recipe, data=str(tmp_path / name)) for name in ("here", "there", "other"))
    train.run(here, tmp_path / "whole")
    assert train.run(here, tmp_path / "run", deadline=0.0).status == "paused"
    for path in (tmp_path / "here").iterdir():
        path.rename(tmp_path / "there" / path.name)
    with pytest.raises(InputError, match=r"run belongs to another recipe .its data is"):
        train.run(other, tmp_path / "run", resume=True)
    with pytest.raises(InputError, match="run belongs to another recipe"):
        train.run(replace(there, lr=0.2), tmp_path / "run", resume=True)
    assert train.run(there, tmp_path / "run", resume=True).status == "finished"
    whole, resumed = (record.read(tmp_path / name) for name in ("whole", "run"))
    assert (resumed.recipe, resumed.rows) == (whole.recipe, whole.rows)
    # Compact, a run names its data set and no longer where it lay.
    compact(whole, tmp_path / "small")
    assert train.run(there, tmp_path / "small", resume=True).status == "finished"
    with pytest.raises(InputError, match=r"another recipe .its data is cifar10, not"):
        train.run(other, tmp_path / "small", resume=True)
