"""Run a recipe in a folder: steps, measurements, checkpoints, resume, divergence as a result."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from bnverify.experiments.measure.precision import rounded
from bnverify.experiments.run import record
from bnverify.experiments.run.recipes import DlnRecipe, MlpRecipe, VggRecipe, measured_steps

# Steps between two looks at the clock; the boundaries of loss rows in the metrics, so part of what is
# bit-identical.
STRIDE = 50

Status = Literal["finished", "diverged", "paused"]


class Task(Protocol):
    """One training run, stepped from outside. Everything it does is a function of its recipe and its step."""

    step: int

    def advance(self, until: int) -> list[Any]:
        """Take the steps up to ``until``; return the loss before each of them."""

    def measure(self) -> record.Row:
        """Everything that is measured before taking the present step; changes nothing."""

    def diverged_at(self, losses: list[Any]) -> int | None:
        """Index into ``losses`` from which on the whole run is lost; None while it is not."""

    def final(self) -> record.Row:
        """What is recorded once, at the end."""

    def state(self) -> record.Row: ...

    def restore(self, state: record.Row) -> None: ...

    def data(self) -> record.Row | None:
        """Name and checksum of the data set, for the environment."""


@dataclass(frozen=True)
class Progress:
    """Where a run is, for whoever draws it."""

    step: int
    steps: int
    loss: float
    steps_per_second: float


@dataclass(frozen=True)
class Outcome:
    """How `run` ended: ``paused`` runs go on with ``resume``; ``notes`` are lines for the user.

    ``seconds`` is the wall time of all sittings at a run that came to its end in this one.
    """

    status: Status
    step: int
    notes: tuple[str, ...] = ()
    seconds: float = 0.0


def make_task(recipe: VggRecipe | DlnRecipe) -> Task:
    """The training that a recipe describes."""
    if isinstance(recipe, VggRecipe):
        from bnverify.experiments.run.network_task import InsertionTask, NetworkTask

        return InsertionTask(recipe) if recipe.insert else NetworkTask(recipe)
    if isinstance(recipe, MlpRecipe):
        from bnverify.experiments.run.start_task import StartTask

        return StartTask(recipe)
    from bnverify.experiments.run.linear_task import LinearInsertionTask, LinearTask

    return LinearInsertionTask(recipe) if recipe.insert else LinearTask(recipe)


def run(
    recipe: VggRecipe | DlnRecipe,
    folder: Path,
    *,
    resume: bool = False,
    deadline: float | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    patience: float = 0.0,
) -> Outcome:
    """Train ``recipe`` in ``folder`` to its end, to divergence, or to the first stop after ``deadline``.

    A run that was killed at any moment and goes on with ``resume`` ends with the same metrics, bit for bit,
    as one that was not, on one processor and number of threads.

    Args:
        deadline: a `time.monotonic` value; None means no limit.
        patience: seconds to wait for a process that holds the folder.

    Raises:
        InputError: see `record.hold`; the data or a value of the recipe is unusable.
    """
    if isinstance(recipe, VggRecipe) and not (folder / "result.json").exists():
        from bnverify.experiments.run import network_task

        network_task.require(recipe)  # A folder in use hides no fault of the recipe.
    with record.hold(
        folder, recipe, resume=resume, patience=patience, pictures=lambda: _pictures(recipe)
    ) as log:
        if (folder / "result.json").exists():
            result = record.read(folder).result
            assert result is not None
            return Outcome(result["status"], result["steps"])
        torch.set_num_threads(recipe.threads)
        task = make_task(recipe)
        log.write_environment(getattr(recipe, "device", "cpu"), task.data())
        state = log.load()
        if state is not None:
            task.restore(state)
        return _train(recipe, task, log, deadline, on_progress)


def _pictures(recipe: VggRecipe | DlnRecipe) -> str | None:
    """The hash of the data set; None for the synthetic ones, which have no place."""
    if not isinstance(recipe, VggRecipe):
        return None
    from bnverify.experiments.run import network_task

    return network_task.pictures(recipe)


def _train(
    recipe: VggRecipe | DlnRecipe,
    task: Task,
    log: record.Log,
    deadline: float | None,
    on_progress: Callable[[Progress], None],
) -> Outcome:
    measured = set(measured_steps(recipe))
    stops = sorted(
        measured
        | set(range(recipe.save_every, recipe.steps, recipe.save_every))
        | set(range(STRIDE, recipe.steps, STRIDE))
        | {recipe.steps}
    )
    began, first, status = time.monotonic(), task.step, "finished"
    diverged_at = None
    for stop in stops:
        if stop < task.step or (stop == task.step and stop == recipe.steps):
            continue
        if stop > task.step:
            start = task.step
            losses = task.advance(stop)
            lost = task.diverged_at(losses)
            log.append({"from": start, "losses": losses if lost is None else losses[: lost + 1]})
            on_progress(
                _progress(task, recipe.steps, losses, (task.step - first) / (time.monotonic() - began))
            )
            if lost is not None:
                status, diverged_at = "diverged", start + lost
                break
        # Every sitting gets somewhere, however short it is.
        late = first < task.step < recipe.steps and deadline is not None and time.monotonic() >= deadline
        if late or (task.step % recipe.save_every == 0 and task.step > first):
            log.save(task.step, task.state())
        if late:
            log.session({"from": first, "to": task.step, "seconds": time.monotonic() - began})
            return Outcome("paused", task.step, tuple(log.notes))
        if task.step in measured:
            with rounded("ieee"):
                log.append({"step": task.step, **task.measure()})
    log.save(task.step, task.state())
    log.session({"from": first, "to": task.step, "seconds": time.monotonic() - began})
    with rounded("ieee"):
        final = task.final() if status == "finished" else {}
    log.finish(
        {"status": status, "steps": task.step, "diverged_at": diverged_at, **final, "seconds": log.seconds()}
    )
    return Outcome(status, task.step, tuple(log.notes), log.seconds())  # type: ignore[arg-type]


def _progress(task: Task, steps: int, losses: list[Any], rate: float) -> Progress:
    last = losses[-1]
    if isinstance(last, list):
        last = sum(last) / len(last)
    return Progress(task.step, steps, float(last), rate)
