"""Runs survive being killed, say when they diverge, and never share a folder by accident."""

from __future__ import annotations

import errno
import io
import json
import multiprocessing
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from bnverify.experiments.run import record, seal, train
from bnverify.experiments.run.network_task import NetworkTask
from bnverify.experiments.run.recipes import DlnRecipe, NormKind, VggRecipe
from torch.utils._python_dispatch import TorchDispatchMode

from bnverify.base.errors import InputError

VGG = VggRecipe(
    depth=9,
    width=1 / 32,
    size=8,
    steps=60,
    batch_size=16,
    save_every=10,
    checkpoints=3,
    norm="noisy-batchnorm",
    noise_drawn="together",
    probes=2,
    directions=1,
    lanczos=2,
    momentum=0.5,
    lr=0.05,
)
DLN = DlnRecipe(
    layers=5, dim=4, samples=50, seeds=2, steps=400, save_every=50, checkpoints=5, probes=3, norm="l1"
)

# A process of its own for each run, which begins with torch imported.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(
    ["bnverify.experiments.run.network_task", "bnverify.experiments.run.linear_task"]
)


def child(recipe: VggRecipe | DlnRecipe, folder: Path) -> multiprocessing.process.BaseProcess:
    process = PROCESSES.Process(target=train.run, args=(recipe, folder), kwargs={"resume": True})
    process.start()
    return process


def ended(process: multiprocessing.process.BaseProcess) -> int | None:
    process.join()
    return process.exitcode


def contents(folder: Path) -> tuple[bytes, dict[str, object], object]:
    last = max(folder.glob("checkpoint-*.pt"))
    result = record.read(folder).result
    assert result is not None
    del result["seconds"], result["environment.json"]  # the machine and the commit, not the run
    state = torch.load(io.BytesIO(seal.payload(last.read_bytes())), weights_only=True)["state"]
    return (folder / "metrics.jsonl").read_bytes(), result, state


def same(a: object, b: object) -> bool:
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return isinstance(b, list | tuple) and len(a) == len(b) and all(map(same, a, b))
    return a == b


@pytest.mark.parametrize("recipe", [VGG, DLN], ids=["vgg", "dln"])
def test_a_run_killed_at_any_moment_ends_bit_identical(recipe: VggRecipe | DlnRecipe, tmp_path: Path) -> None:
    assert ended(child(recipe, tmp_path / "whole")) == 0
    killed = 0
    for seen in (0, 2, 4):
        process = child(recipe, tmp_path / "killed")
        before = {p.name for p in (tmp_path / "killed").glob("checkpoint-*.pt")}
        while process.is_alive():
            now = {p.name for p in (tmp_path / "killed").glob("checkpoint-*.pt")}
            if now - before and max(now) > f"checkpoint-{seen * recipe.save_every:09d}":
                process.kill()
                process.join()
                killed += 1
                break
            time.sleep(0.001)
    assert killed >= 2
    assert ended(child(recipe, tmp_path / "killed")) == 0
    assert same(contents(tmp_path / "whole"), contents(tmp_path / "killed"))


def test_measuring_does_not_change_the_training(tmp_path: Path) -> None:
    unseen = replace(VGG, checkpoints=0)
    train.run(VGG, tmp_path / "measured")
    train.run(unseen, tmp_path / "unseen")
    assert record.read(tmp_path / "measured").losses() == record.read(tmp_path / "unseen").losses()
    assert same(contents(tmp_path / "measured")[2], contents(tmp_path / "unseen")[2])


def test_the_recorded_losses_are_those_of_a_bare_loop(tmp_path: Path) -> None:
    # Twenty steps: later ones amplify the rounding of two ways to subtract.
    recipe = replace(VGG, norm="batchnorm", momentum=0.0, steps=20, checkpoints=2)
    train.run(recipe, tmp_path / "run")
    task = NetworkTask(recipe)
    bare = []
    for step in range(recipe.steps):
        x, y = task.batch(step)
        loss = torch.nn.functional.cross_entropy(task.model(x), y)
        task.model.zero_grad()
        loss.backward()
        with torch.no_grad():
            for p in task.model.parameters():
                assert p.grad is not None
                p.sub_(recipe.lr * p.grad)
        bare.append(float(loss.detach()))
    assert record.read(tmp_path / "run").losses() == pytest.approx(bare, rel=1e-4)


def test_the_probe_at_the_step_size_is_the_next_full_batch_loss(tmp_path: Path) -> None:
    recipe = replace(DLN, norm="none", probe_low=0.1, probe_high=1.0)
    train.run(recipe, tmp_path / "run")
    run = record.read(tmp_path / "run")
    losses = run.losses()
    for row in run.measured()[:-1]:
        for s in range(recipe.seeds):
            assert row["ray"][s]["loss"] == losses[row["step"]][s]
            assert row["ray"][s]["losses"][-1] == pytest.approx(losses[row["step"] + 1][s], rel=1e-12)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_the_update_that_ics_uses_is_the_one_the_optimiser_takes(momentum: float) -> None:
    task = NetworkTask(replace(VGG, norm="batchnorm", momentum=momentum, weight_decay=0.01))
    task.advance(3)
    objective = task._objective(3)
    w = objective.point()
    expected = task._updated(w, objective.value_and_grad(w)[1])
    task.advance(4)
    torch.testing.assert_close(task._objective(4).point(), expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("drawn", ["by-layer", "together"])
def test_a_restored_task_goes_on_as_the_one_it_was_saved_from(drawn: Literal["by-layer", "together"]) -> None:
    recipe = replace(VGG, noise_drawn=drawn)
    one = NetworkTask(recipe)
    one.advance(3)
    buffer = io.BytesIO()
    torch.save(one.state(), buffer)
    buffer.seek(0)
    other = NetworkTask(recipe)
    other.restore(torch.load(buffer, weights_only=True))
    assert other.advance(6) == one.advance(6)


class Calls(TorchDispatchMode):
    """How many operations of some names were called."""

    def __init__(self, *names: str) -> None:
        super().__init__()
        self.names, self.count = names, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += any(name in str(func) for name in self.names)
        return func(*args, **(kwargs or {}))


def test_noise_of_all_layers_is_four_draws_a_step_and_by_layer_four_for_each() -> None:
    counts = []
    for drawn in ("together", "by-layer"):
        task = NetworkTask(replace(VGG, noise_drawn=drawn))  # type: ignore[arg-type]
        with Calls("aten.rand") as calls:
            task.advance(1)
        counts.append(calls.count)
    assert counts == [4, 4 * len(task.noises)]


@pytest.mark.parametrize("norm", ["none", "noisy-batchnorm"])
def test_numbers_leave_the_device_as_often_from_a_deep_network_as_from_a_shallow_one(norm: NormKind) -> None:
    counts = []
    for depth in (9, 16):
        task = NetworkTask(replace(VGG, norm=norm, depth=depth, audit=False))  # type: ignore[arg-type]
        with Calls("_local_scalar_dense") as calls:
            task.measure()
        counts.append(calls.count)
    assert counts[0] == counts[1] < 30


def test_divergence_is_a_result(tmp_path: Path) -> None:
    recipe = replace(DLN, norm="none", lr=1.0)
    assert train.run(recipe, tmp_path / "run").status == "diverged"
    run = record.read(tmp_path / "run")
    assert run.result is not None
    assert run.result["status"] == "diverged"
    losses = run.losses()
    assert len(losses) == run.result["diverged_at"] + 1
    assert losses[-1] == [None, None]
    assert None not in losses[0]
    assert train.run(recipe, tmp_path / "run", resume=True).status == "diverged"


def test_a_network_that_diverges_is_recorded_too(tmp_path: Path) -> None:
    recipe = replace(VGG, norm="none", lr=1e6, checkpoints=3)
    assert train.run(recipe, tmp_path / "run").status == "diverged"


def test_a_deadline_pauses_at_a_checkpoint_and_resume_goes_on(tmp_path: Path) -> None:
    train.run(DLN, tmp_path / "whole")
    outcome = train.run(DLN, tmp_path / "run", deadline=time.monotonic())
    assert outcome.status == "paused"
    assert 0 < outcome.step < DLN.steps
    assert record.read(tmp_path / "run").result is None
    assert train.run(DLN, tmp_path / "run", resume=True).status == "finished"
    assert same(contents(tmp_path / "whole"), contents(tmp_path / "run"))


def paused(tmp_path: Path) -> Path:
    for _ in range(3):
        train.run(DLN, tmp_path / "run", resume=True, deadline=time.monotonic())
    return tmp_path / "run"


def test_a_checkpoint_cut_short_is_passed_over_for_the_one_before(tmp_path: Path) -> None:
    train.run(DLN, tmp_path / "whole")
    folder = paused(tmp_path)
    newest = max(folder.glob("checkpoint-*.pt"))
    newest.write_bytes(newest.read_bytes()[:-200])
    outcome = train.run(DLN, folder, resume=True)
    assert "cut short or damaged" in outcome.notes[0]
    assert newest.name in outcome.notes[0]
    assert same(contents(tmp_path / "whole"), contents(folder))


def test_metrics_behind_the_checkpoint_send_it_back_too(tmp_path: Path) -> None:
    train.run(DLN, tmp_path / "whole")
    folder = paused(tmp_path)
    metrics = folder / "metrics.jsonl"
    metrics.write_bytes(metrics.read_bytes()[:-10])
    outcome = train.run(DLN, folder, resume=True)
    assert "ahead of the metrics" in outcome.notes[0]
    assert same(contents(tmp_path / "whole"), contents(folder))


def test_with_no_checkpoint_left_the_run_begins_again(tmp_path: Path) -> None:
    train.run(DLN, tmp_path / "whole")
    folder = paused(tmp_path)
    for path in folder.glob("checkpoint-*.pt"):
        path.write_bytes(b"")
    assert len(train.run(DLN, folder, resume=True).notes) == 2
    assert same(contents(tmp_path / "whole"), contents(folder))


def test_a_folder_of_another_recipe_or_of_other_files_is_refused(tmp_path: Path) -> None:
    folder = paused(tmp_path)
    with pytest.raises(InputError, match=r"its lr is 1e-06, not 0.1"):
        train.run(replace(DLN, lr=0.1), folder, resume=True)
    with pytest.raises(InputError, match="add --resume"):
        train.run(DLN, folder)
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("x")
    with pytest.raises(InputError, match="holds other files"):
        train.run(DLN, tmp_path / "letters")
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="cannot write"):
        train.run(DLN, tmp_path / "file")


def test_a_folder_in_use_hides_no_fault_of_the_recipe(tmp_path: Path) -> None:
    with record.hold(tmp_path / "run", VGG, resume=False):
        with pytest.raises(InputError, match="neither digits"):
            train.run(replace(VGG, data="nowhere"), tmp_path / "run")
        with pytest.raises(InputError, match="in use by another process"):
            train.run(VGG, tmp_path / "run")


def test_two_processes_cannot_hold_one_folder(tmp_path: Path) -> None:
    with record.hold(tmp_path / "run", DLN, resume=False):
        process = child(DLN, tmp_path / "run")
        assert ended(process) != 0
        with pytest.raises(InputError, match="in use by another process"):
            train.run(DLN, tmp_path / "run", resume=True)


def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train.run(DLN, tmp_path / "whole")
    folder = paused(tmp_path)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("bnverify.base.files.os.replace", full)
        with pytest.raises(InputError, match="No space left"):
            train.run(DLN, folder, resume=True)
    assert train.run(DLN, folder, resume=True).status == "finished"
    assert same(contents(tmp_path / "whole"), contents(folder))


def test_a_disk_full_from_the_start_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr("bnverify.base.files.os.replace", full)
        with pytest.raises(InputError, match="No space left"):
            train.run(DLN, tmp_path / "deep" / "run")
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(InputError, match="neither digits"):
        train.run(replace(VGG, data="nowhere"), tmp_path / "deep" / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_without_a_run_and_damaged_metrics_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no run"):
        record.read(tmp_path)
    with pytest.raises(InputError, match="holds no runs"):
        record.runs_under(tmp_path)
    folder = paused(tmp_path)
    metrics = folder / "metrics.jsonl"
    whole = metrics.read_bytes()
    rows = len(record.read(folder).rows)
    metrics.write_bytes(whole + b'{"step": 4')
    assert len(record.read(folder).rows) == rows
    metrics.write_bytes(b"{broken}\n" + whole)
    with pytest.raises(InputError, match="line 1 is damaged or has no hash"):
        record.read(folder)


def test_a_finished_run_whose_metrics_were_cut_is_refused(tmp_path: Path) -> None:
    train.run(DLN, tmp_path / "run")
    metrics = tmp_path / "run" / "metrics.jsonl"
    metrics.write_bytes(metrics.read_bytes().rsplit(b"\n", 2)[0] + b"\n")
    for use in (lambda: record.read(tmp_path / "run"), lambda: train.run(DLN, tmp_path / "run", resume=True)):
        with pytest.raises(InputError, match="the finished run wrote"):
            use()


def flipped(path: Path, at: int) -> bytes:
    """The file's bytes before one bit of the byte at ``at`` is turned."""
    whole = path.read_bytes()
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    return whole


def test_every_flipped_byte_of_a_finished_run_is_found_and_its_file_named(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train.run(DLN, folder)
    for name in ("metrics.jsonl", "result.json", "recipe.json", "environment.json"):
        path = folder / name
        size = path.stat().st_size
        for at in {0, size // 7, size // 3, size // 2, size - 5, size - 1}:
            whole = flipped(path, at)
            with pytest.raises(InputError) as error:
                record.read(folder)
            assert str(path) in str(error.value)
            assert "\n" not in str(error.value)
            path.write_bytes(whole)
    assert record.read(folder).result is not None


def test_a_run_without_its_recipe_is_not_left_out_of_the_verdicts_in_silence(tmp_path: Path) -> None:
    for name in ("whole", "lost"):
        train.run(DLN, tmp_path / "out" / "dln" / name)
    (tmp_path / "out/dln/lost/environment.json").unlink()
    with pytest.raises(InputError, match=r"lost/environment.json is missing"):
        record.runs_under(tmp_path / "out")
    (tmp_path / "out/dln/lost/recipe.json").unlink()
    with pytest.raises(InputError, match=r"dln/lost has a result.json and no recipe.json"):
        record.runs_under(tmp_path / "out")


def test_the_line_of_a_flipped_byte_is_named(tmp_path: Path) -> None:
    train.run(DLN, tmp_path / "run")
    metrics = tmp_path / "run" / "metrics.jsonl"
    lines = metrics.read_bytes().splitlines(keepends=True)
    flipped(metrics, sum(map(len, lines[:2])) + len(lines[2]) // 2)
    with pytest.raises(InputError, match=r"metrics.jsonl: line 3 has another hash"):
        record.read(tmp_path / "run")


def test_a_checkpoint_with_one_flipped_byte_is_passed_over(tmp_path: Path) -> None:
    train.run(DLN, tmp_path / "whole")
    folder = paused(tmp_path)
    newest = max(folder.glob("checkpoint-*.pt"))
    flipped(newest, newest.stat().st_size // 2)
    outcome = train.run(DLN, folder, resume=True)
    assert newest.name in outcome.notes[0]
    assert same(contents(tmp_path / "whole"), contents(folder))


def test_a_run_without_hashes_says_how_to_add_them(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    train.run(DLN, folder)
    rows = record.read(folder).rows
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "result.json").write_text(json.dumps({"status": "finished", "steps": DLN.steps}))
    with pytest.raises(InputError, match=r"experiments.run.seal .*run adds them"):
        record.read(folder)
    seal.seal(folder)
    assert record.read(folder).rows == rows
    with pytest.raises(InputError, match="has hashes already"):
        seal.seal(folder)


def test_the_environment_names_versions_machine_and_data(tmp_path: Path) -> None:
    train.run(replace(VGG, steps=2, checkpoints=0), tmp_path / "run")
    environment = json.loads((tmp_path / "run" / "environment.json").read_text())
    assert environment["torch"] == torch.__version__
    assert environment["data"]["name"] == "digits"
    assert len(environment["data"]["sha256"]) == 64
    assert json.loads((tmp_path / "run" / "recipe.json").read_text())["threads"] == 1


def test_progress_tells_step_loss_and_rate(tmp_path: Path) -> None:
    seen: list[train.Progress] = []
    train.run(DLN, tmp_path / "run", on_progress=seen.append)
    assert seen[-1].step == DLN.steps
    assert seen[-1].loss > 0
    assert all(p.steps_per_second > 0 for p in seen)


def test_theorem_terms_are_recorded_at_every_normalised_layer_and_hold(tmp_path: Path) -> None:
    train.run(replace(VGG, steps=2, checkpoints=2), tmp_path / "run")
    for row in record.read(tmp_path / "run").measured():
        assert len(row["terms"]) == 8
        assert sum(layer["failed"] for layer in row["terms"]) == 0


def test_an_insertion_run_records_every_layer_but_the_last(tmp_path: Path) -> None:
    recipe = replace(VGG, norm="none", insert=True, checkpoints=2, steps=4, momentum=0.0)
    train.run(recipe, tmp_path / "run")
    for row in record.read(tmp_path / "run").measured():
        assert [found["layer"] for found in row["insertions"]] == list(range(1, 9))
        assert all(found["activation_gap"] < 1e-12 for found in row["insertions"])
    with pytest.raises(InputError, match="needs a plain network"):
        replace(recipe, norm="l1")
