"""Many independent runs through joblib, on this machine or on a cluster, each in its own folder."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from bnverify.experiments.data import sets as data
from bnverify.experiments.run import plans, recipes, train
from bnverify.experiments.run.engines import Backend, engine
from bnverify.experiments.run.network_task import require_device
from bnverify.experiments.run.plans import Planned
from bnverify.experiments.run.recipes import VggRecipe

from bnverify.base.errors import InputError

RETRIES = 3
PATIENCE = 60.0
"""Seconds in which a worker that is being ended lets go of its folder."""


def _one(
    recipe: dict[str, Any], folder: str, deadline: float | None, patience: float, parent: int | None
) -> tuple[str, train.Outcome | str]:
    """What a worker does: how the run ended, or the line that says why it could not.

    ``deadline`` is wall-clock time, which machines share; a run goes on where it is. An error travels as text,
    since backends wrap what is raised. ``parent``: the process that the worker does not outlive.
    """
    if parent is not None:
        _die_with(parent)
    left = None if deadline is None else deadline - time.time()
    # What has ended is passed over, however late it is.
    if left is not None and left <= 0 and not (Path(folder) / "result.json").exists():
        return folder, train.Outcome("paused", 0)
    until = None if left is None else time.monotonic() + left
    try:
        run = recipes.from_json(recipe)
        return folder, train.run(run, Path(folder), resume=True, deadline=until, patience=patience)
    except InputError as error:
        return folder, str(error)


_watched: set[int] = set()


def _die_with(parent: int) -> None:
    """End this process within a second of the death of ``parent``, so that its run lets go of the folder."""
    if parent in _watched or parent == os.getpid():
        return
    _watched.add(parent)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def run_all(
    planned: Iterable[Planned],
    out: Path,
    *,
    workers: int = 1,
    backend: Backend = "loky",
    minutes: float | None = None,
    on_done: Callable[[str, train.Outcome], None] = lambda *_: None,
) -> dict[str, train.Outcome]:
    """Run everything below ``out``; runs that are finished already are passed over, half-done ones go on.

    A worker that is killed costs what its run did since its last checkpoint: the runs that were lost are
    given out again, up to three times. Ray has no news of single runs; there ``on_done`` is called at the end.

    Args:
        workers: processes at a time; more than there are runs, or cores of this machine, are not begun.
        backend: see `engines.engine`.
        minutes: budget; runs stop at a checkpoint after it, and those not begun stay so.
        on_done: called with the run's path and outcome as each ends.

    Raises:
        InputError: joblib or the backend is not installed, or workers kept dying; and what `train.run`
        raises.
    """
    try:
        import joblib
    except ImportError:
        raise InputError("running a reproduction needs joblib; pip install 'bnverify[train]'") from None
    if workers < 1:
        raise InputError(f"workers = {workers}; expected at least 1")
    planned = list(planned)
    if backend == "loky":
        for device in {p.recipe.device for p in planned if isinstance(p.recipe, VggRecipe)}:
            require_device(device)
    # Read whole, so that a damaged picture is named now and not by the first network that meets it.
    for source in sorted({p.recipe.data for p in planned if isinstance(p.recipe, VggRecipe)}):
        data.read(source)
    workers = at_most(workers, len(planned), backend)
    deadline = None if minutes is None else time.time() + 60 * minutes
    # Workers of a cluster may stand elsewhere.
    waiting = {str((out / p.path).absolute()): p for p in planned}
    outcomes: dict[str, train.Outcome] = {}
    with engine(backend, workers) as lost:
        for attempt in range(RETRIES + 1):
            jobs = [
                joblib.delayed(_one)(
                    recipes.to_json(p.recipe),
                    at,
                    deadline,
                    PATIENCE if attempt else 0.0,
                    os.getpid() if backend == "loky" and workers > 1 else None,
                )
                for at, p in waiting.items()
            ]
            try:
                with closing(_parallel(jobs, backend, workers)) as ended:
                    for folder, outcome in ended:
                        if isinstance(outcome, str):
                            raise InputError(outcome)
                        path = waiting.pop(folder).path
                        outcomes[path] = outcome
                        on_done(path, outcome)
                return outcomes
            except lost:
                continue
    raise InputError(
        f"workers died {RETRIES + 1} times (out of memory?); use fewer --workers and add --resume"
    )


class AtWork:
    """How much of the work of many runs is done, in `plans.effort`, for an estimate of what is left.

    What has ended says how fast a worker is, and so what the runs under way have done: without those, two workers look
    half as fast as they are until the second run has ended. What an earlier sitting did is no part of the pace.
    """

    def __init__(self, runs: Iterable[Planned], folder: Path, workers: int) -> None:
        self._recipes = {run.path: run.recipe for run in runs}
        self._efforts = {path: plans.effort(recipe) for path, recipe in self._recipes.items()}
        self.total, self._workers = sum(self._efforts.values()), workers
        self.ended = {path for path in self._recipes if (folder / path / "result.json").exists()}
        self._before = float(self._whole())
        self._began, self._effort, self._seconds = time.monotonic(), 0.0, 0.0

    def end(self, path: str, outcome: train.Outcome) -> None:
        """Note a run that came to its end, or that had."""
        if path not in self.ended and outcome.status != "paused":
            self.ended.add(path)
            done = self._efforts[path] * outcome.step / self._recipes[path].steps
            # What a diverged run spared costs nobody time.
            self._before += self._efforts[path] - done
            self._effort += done
            self._seconds += outcome.seconds

    def done(self) -> int:
        """The work of all that has ended, and of what is under way as far as the pace tells."""
        whole = self._whole()
        if not self._seconds:
            return whole
        pace = self._workers * self._effort / self._seconds
        under_way = self._before + pace * (time.monotonic() - self._began)
        # Whatever the pace, what has not ended is not done.
        return round(max(whole, min(under_way, whole + 0.9 * (self.total - whole))))

    def _whole(self) -> int:
        return sum(self._efforts[path] for path in self.ended)


def at_most(workers: int, runs: int, backend: Backend) -> int:
    """As many of ``workers`` as have something to do."""
    cores = len(os.sched_getaffinity(0)) if backend == "loky" else workers
    return max(1, min(workers, runs, cores))


def _parallel(
    jobs: list[Any], backend: Backend, workers: int
) -> Generator[tuple[str, train.Outcome | str], None, None]:
    import joblib

    with joblib.parallel_config(backend=backend, n_jobs=workers), warnings.catch_warnings():
        # When one run cannot go on the others are stopped; they lose what --resume does again.
        warnings.filterwarnings("ignore", ".*still being processed by the workers.*", UserWarning)
        # A worker whose memory grew is replaced between two runs; nothing is lost.
        warnings.filterwarnings("ignore", "A worker stopped while some jobs.*", UserWarning)
        order = "list" if backend == "ray" else "generator_unordered"
        yield from joblib.Parallel(return_as=order, batch_size=1)(jobs)
