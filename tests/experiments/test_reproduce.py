"""Many runs give what one process gives, through loky and dask, whoever dies on the way."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from bnverify.experiments import train
from bnverify.experiments.plans import Planned
from bnverify.experiments.recipes import DlnRecipe
from bnverify.experiments.reproduce import run_all

from bnverify.errors import InputError

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


def test_a_worker_killed_in_the_middle_costs_no_more_than_its_last_checkpoint(tmp_path: Path) -> None:
    runs = planned(2, steps=1500)
    for p in runs:
        train.run(p.recipe, tmp_path / "alone" / p.path)
    killed: list[int] = []

    def kill_one() -> None:
        target = tmp_path / "out" / runs[0].path
        while not list(target.glob("checkpoint-*.pt")):
            time.sleep(0.005)
        me = os.getpid()
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                fields = dict(
                    line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line
                )
                command = (status.parent / "cmdline").read_bytes()
            except OSError:
                continue
            if int(fields["PPid"]) == me and b"popen_loky" in command:
                os.kill(int(fields["Pid"]), signal.SIGKILL)
                killed.append(int(fields["Pid"]))
                return

    thread = threading.Thread(target=kill_one)
    thread.start()
    outcomes = run_all(runs, tmp_path / "out", workers=2)
    thread.join()
    assert killed
    assert {o.status for o in outcomes.values()} == {"finished"}
    assert metrics(tmp_path / "out", runs) == metrics(tmp_path / "alone", runs)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_of_two_dask_workers_gives_what_one_process_gives(tmp_path: Path, alone: Path) -> None:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
    ):
        outcomes = run_all(planned(), tmp_path / "out", workers=2, backend="dask")
    assert {o.status for o in outcomes.values()} == {"finished"}
    assert metrics(tmp_path / "out", planned()) == metrics(alone, planned())


def test_bad_worker_counts_and_missing_backends_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="expected at least 1"):
        run_all(planned(), tmp_path, workers=0)
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    with pytest.raises(InputError, match="bnverify\\[dask\\]"):
        run_all(planned(), tmp_path, backend="dask")
