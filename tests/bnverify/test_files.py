"""A file is whole or absent."""

import os

import pytest

from bnverify.base import options
from bnverify.base.errors import InputError
from bnverify.base.files import write_bytes, write_text


def test_a_file_is_written_with_its_folders(tmp_path):
    write_text(tmp_path / "a" / "b.txt", "γ")
    assert (tmp_path / "a" / "b.txt").read_text(encoding="utf-8") == "γ"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.txt"]


def test_what_is_no_plain_file_is_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="no plain file"):
        write_bytes(pipe, b"x")
    with pytest.raises(InputError, match="no plain file"):
        options.writable(pipe)
    assert pipe.is_fifo()


def test_a_link_is_written_through(tmp_path):
    (tmp_path / "there").mkdir()
    link = tmp_path / "link.txt"
    link.symlink_to(tmp_path / "there" / "out.txt")
    write_text(link, "said")
    assert link.is_symlink()
    assert (tmp_path / "there" / "out.txt").read_text() == "said"
    assert len(list(tmp_path.rglob("*.txt"))) == 2


def test_what_interrupts_a_write_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    write_text(path, "old")

    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_an_input_error_that_leaves_nothing(tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left on device"):
        write_bytes(tmp_path / "a", b"x")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_an_input_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="name a folder that can be written"):
        write_text(tmp_path / "file" / "a.txt", "")
