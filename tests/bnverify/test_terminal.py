"""Progress is seen where stderr is a file or a pipe, with an estimate; on a terminal it leaves nothing behind."""

import pytest

from bnverify.base import terminal


def test_a_pipe_is_told_how_much_is_done_and_how_long_it_takes(capsys, monkeypatch):
    now = iter([0.0, 0.0, 5.0, 60.0, 65.0, 120.0])
    monkeypatch.setattr(terminal.time, "monotonic", lambda: next(now))
    with terminal.meter() as tick:
        tick("runs", 0, 33)
        tick("runs", 1, 33)  # too soon after the last line
        tick("runs", 11, 33, "seed 0")
        tick("runs", 12, 33)
        tick("runs", 22, 33)
    assert capsys.readouterr().err.splitlines() == [
        "runs: 11 of 33, 1:00 so far, about 2:00 left; seed 0",
        "runs: 22 of 33, 2:00 so far, about 1:00 left",
    ]


@pytest.mark.parametrize(("seconds", "words"), [(4.6, "0:05"), (3599.9, "1:00:00"), (3725, "1:02:05")])
def test_a_clock_says_hours_where_there_are_any(seconds, words):
    assert terminal._clock(seconds) == words


def test_items_pass_through_the_meter(capsys):
    assert list(terminal.track(iter("abc"), 3, "letters")) == ["a", "b", "c"]
    assert capsys.readouterr().err == ""
