"""Many runs give what one process gives, through loky and dask, whoever dies on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from bnverify.experiments.run import plans, train
from bnverify.experiments.run.begin import begin
from bnverify.experiments.run.engines import Backend
from bnverify.experiments.run.plans import Planned
from bnverify.experiments.run.recipes import RECIPES, DlnRecipe, VggRecipe
from bnverify.experiments.run.reproduce import AtWork, at_most, run_all

from bnverify.base.errors import InputError

pytest.importorskip("joblib")
# Loky's resource tracker warns about the semaphores of workers that were killed on purpose.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:joblib")

DLN = DlnRecipe(
    layers=4, dim=3, samples=20, seeds=1, steps=200, save_every=50, checkpoints=3, probes=2, lanczos=1
)


def planned(count: int = 3, steps: int = 200) -> list[Planned]:
    return [Planned(f"dln/{seed}", "dln", replace(DLN, seed=seed, steps=steps)) for seed in range(count)]


def metrics(folder: Path, runs: list[Planned]) -> list[bytes]:
    return [(folder / p.path / "metrics.jsonl").read_bytes() for p in runs]


@pytest.fixture
def alone(tmp_path: Path) -> Path:
    for p in planned():
        train.run(p.recipe, tmp_path / "alone" / p.path)
    return tmp_path / "alone"


def test_two_workers_give_what_one_process_gives(tmp_path: Path, alone: Path) -> None:
    seen: list[str] = []
    outcomes = run_all(planned(), tmp_path / "out", workers=2, on_done=lambda path, _: seen.append(path))
    assert {o.status for o in outcomes.values()} == {"finished"}
    assert sorted(seen) == [p.path for p in planned()]
    assert metrics(tmp_path / "out", planned()) == metrics(alone, planned())


def test_a_budget_stops_at_checkpoints_and_the_next_call_goes_on(tmp_path: Path, alone: Path) -> None:
    outcomes = run_all(planned(), tmp_path / "out", minutes=1e-9)
    assert {o.status for o in outcomes.values()} == {"paused"}
    outcomes = run_all(planned(), tmp_path / "out")
    assert {o.status for o in outcomes.values()} == {"finished"}
    assert metrics(tmp_path / "out", planned()) == metrics(alone, planned())
    spent = run_all(planned(), tmp_path / "out", minutes=1e-9)
    assert {o.status for o in spent.values()} == {"finished"}


def holder(folder: Path) -> int | None:
    """The process that holds a run's folder."""
    for open_file in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            if os.readlink(open_file) == str(folder / "lock"):
                return int(open_file.parts[2])
        except OSError:
            continue
    return None


class Killer(threading.Thread):
    """Kills the worker of a run once it has written a checkpoint; ``seen`` is that checkpoint's step."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder, self.seen = folder, 0

    def run(self) -> None:
        while not (written := sorted(self.folder.glob("checkpoint-*.pt"))):
            time.sleep(0.002)
        process = holder(self.folder)
        if process is not None:
            os.kill(process, signal.SIGKILL)
            self.seen = int(written[-1].stem.removeprefix("checkpoint-"))


def survives_a_kill(tmp_path: Path, backend: Backend) -> None:
    runs = planned(2, steps=3000)
    for p in runs:
        train.run(p.recipe, tmp_path / "alone" / p.path)
    killer = Killer(tmp_path / "out" / runs[0].path)
    killer.start()
    outcomes = run_all(runs, tmp_path / "out", workers=2, backend=backend)
    killer.join()
    assert {o.status for o in outcomes.values()} == {"finished"}
    assert metrics(tmp_path / "out", runs) == metrics(tmp_path / "alone", runs)
    sitting = json.loads((killer.folder / "sessions.jsonl").read_text())
    assert sitting["from"] >= killer.seen > 0


def test_a_worker_killed_in_the_middle_costs_no_more_than_its_last_checkpoint(tmp_path: Path) -> None:
    survives_a_kill(tmp_path, "loky")


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_of_two_dask_workers_gives_what_one_process_gives_though_one_is_killed(
    tmp_path: Path,
) -> None:
    pytest.importorskip("distributed")
    survives_a_kill(tmp_path, "dask")


@pytest.mark.filterwarnings("ignore")
def test_two_ray_workers_give_what_one_process_gives_though_one_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("HOME", str(tmp_path))
    pytest.importorskip("ray")
    survives_a_kill(tmp_path, "ray")


def test_what_stops_one_run_is_said_in_its_own_words(tmp_path: Path) -> None:
    run_all(planned(1), tmp_path)
    (tmp_path / "dln/0/result.json").unlink()
    other = [Planned("dln/0", "dln", replace(DLN, lr=0.5))]
    with pytest.raises(InputError, match=r"^\S+dln/0 belongs to another recipe \(its lr"):
        run_all(other, tmp_path)


def test_bad_worker_counts_and_missing_backends_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="expected at least 1"):
        run_all(planned(), tmp_path, workers=0)
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(InputError, match="bnverify\\[dask\\]"):
        run_all(planned(), tmp_path, backend="dask")


def test_data_that_is_missing_is_said_before_any_run_begins(tmp_path: Path) -> None:
    runs = [*planned(1), Planned("vgg/0", "vgg", VggRecipe(data=str(tmp_path / "nowhere")))]
    with pytest.raises(InputError, match="neither digits, cifar10, a parquet file nor a folder"):
        run_all(runs, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_that_does_not_answer_is_named(tmp_path: Path) -> None:
    dask = pytest.importorskip("dask")
    pytest.importorskip("distributed")
    with (
        dask.config.set(
            {"scheduler-address": "tcp://127.0.0.1:9", "distributed.comm.timeouts.connect": "1s"}
        ),
        pytest.raises(
            InputError, match=r"tcp://127.0.0.1:9 .*; start one there or unset DASK_SCHEDULER_ADDRESS"
        ),
    ):
        run_all(planned(), tmp_path, backend="dask")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_named_before_anything_is_trained(tmp_path: Path) -> None:
    planned = plans.plan("paper", data="digits", needs=(("vgg", ("none",)),))
    with pytest.raises(InputError, match="device 'cuda' cannot be used"):
        run_all(planned, tmp_path / "out")
    assert not (tmp_path / "out").exists()


PARENT = """
import sys
from pathlib import Path
from dataclasses import replace
from bnverify.experiments.run.plans import Planned
from bnverify.experiments.run.recipes import DlnRecipe
from bnverify.experiments.run.begin import begin
from bnverify.experiments.run.reproduce import AtWork, at_most, run_all
recipe = DlnRecipe(layers=3, dim=3, samples=20, steps=10**8, save_every=10**4, checkpoints=0)
runs = [Planned(f"dln/{seed}", "dln", replace(recipe, seed=seed)) for seed in range(2)]
run_all(runs, Path(sys.argv[1]), workers=2)
"""


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stderr=subprocess.DEVNULL)
    folders = [tmp_path / "dln" / str(seed) for seed in range(2)]
    until = time.monotonic() + 60
    while not all((folder / "metrics.jsonl").exists() for folder in folders):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    workers = {found for folder in folders if (found := holder(folder)) is not None}
    assert len(workers) == 2
    process.kill()
    process.wait()
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < until, "a worker outlived its parent"
        time.sleep(0.05)
    assert all(holder(folder) is None for folder in folders)


def test_no_more_workers_than_runs_or_cores_are_begun() -> None:
    cores = len(os.sched_getaffinity(0))
    assert at_most(99_999, 10**6, "loky") == cores
    assert at_most(99_999, 1, "loky") == 1
    assert at_most(99_999, 300, "dask") == 300


def test_a_reproduction_goes_on_in_its_own_folder_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    for folder, resume, message in (
        (tmp_path / "file", False, "is a file; name a folder"),
        (tmp_path / "file", True, "is a file; name a folder"),
        (tmp_path / "empty", True, "holds no reproduction to go on with"),
        (tmp_path / "mistyped", True, "holds no reproduction to go on with"),
        (tmp_path, False, "is not empty"),
    ):
        with pytest.raises(InputError, match=message):
            begin(folder, "quick", resume=resume)
    assert not (tmp_path / "mistyped").exists()
    begin(tmp_path / "new", "quick", resume=False)
    begin(tmp_path / "new", "quick", resume=True)
    with pytest.raises(InputError, match="holds preset quick, not paper"):
        begin(tmp_path / "new", "paper", resume=True)


def test_damaged_pictures_are_named_before_any_network_is_trained(tmp_path: Path) -> None:
    (tmp_path / "train.parquet").write_bytes(b"PAR1 junk PAR1")
    linear = planned(1)
    runs = [
        *linear,
        Planned("vgg/0", "vgg", replace(RECIPES["vgg-quick"], data=str(tmp_path / "train.parquet"))),
    ]
    with pytest.raises(InputError, match=r"train.parquet is truncated or no CIFAR-10"):
        run_all(runs, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_first_run_that_ends_tells_of_those_under_way_and_what_had_ended_is_no_pace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    runs = planned(12)
    for had_ended in runs[:4]:
        (tmp_path / had_ended.path).mkdir(parents=True)
        (tmp_path / had_ended.path / "result.json").touch()
    at_work = AtWork(runs, tmp_path, workers=2)
    one = plans.effort(DLN)
    assert (at_work.done(), at_work.total) == (4 * one, 12 * one)
    now = 15.0
    at_work.end(runs[0].path, train.Outcome("finished", 200))
    at_work.end(runs[4].path, train.Outcome("finished", 200, seconds=15.0))
    # Eight runs, two at a time, 15 s each: the other worker is at the end of its first.
    assert at_work.done() == 6 * one
    at_work.end(runs[5].path, train.Outcome("finished", 200, seconds=15.0))
    assert at_work.done() == 6 * one
    now = 1000.0
    assert 6 * one < at_work.done() < at_work.total


def test_a_run_that_diverged_early_is_no_sign_of_a_fast_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    runs = planned(10)
    at_work = AtWork(runs, tmp_path, workers=1)
    now = 2.0
    at_work.end(runs[0].path, train.Outcome("diverged", 20, seconds=2.0))
    one = plans.effort(DLN)
    assert at_work.done() == one
    now = 22.0
    at_work.end(runs[1].path, train.Outcome("finished", 200, seconds=20.0))
    assert at_work.done() == 2 * one
