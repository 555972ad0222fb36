"""Many independent runs through joblib, on this machine or on a cluster, each in its own folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

from bnverify.experiments import recipes, train
from bnverify.experiments.plans import Planned

from bnverify.errors import InputError

Backend = Literal["loky", "dask", "ray"]
RETRIES = 3
PATIENCE = 60.0
"""Seconds in which a worker that is being ended lets go of its folder."""


def _one(
    recipe: dict[str, Any], folder: str, deadline: float | None, patience: float
) -> tuple[str, train.Outcome | str]:
    """What a worker does: how the run ended, or the line that says why it could not.

    ``deadline`` is wall-clock time, which machines share; a run goes on where it is. An error travels as text,
    since backends wrap what is raised.
    """
    left = None if deadline is None else deadline - time.time()
    if left is not None and left <= 0:
        return folder, train.Outcome("paused", 0)
    until = None if left is None else time.monotonic() + left
    try:
        run = recipes.from_json(recipe)
        return folder, train.run(run, Path(folder), resume=True, deadline=until, patience=patience)
    except InputError as error:
        return folder, str(error)


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
        workers: processes at a time. backend: ``dask`` and ``ray`` use the cluster of the present client.
        minutes: budget; runs stop at a checkpoint after it, and those not begun stay so.
        on_done: called with the run's path and outcome as each ends.

    Raises:
        InputError: joblib or the backend is not installed, or workers kept dying; and what `train.run`
        raises.
    """
    try:
        import joblib
    except ImportError:
        raise InputError("running a reproduction needs joblib; pip install 'bnverify[repro]'") from None
    if workers < 1:
        raise InputError(f"workers = {workers}; expected at least 1")
    deadline = None if minutes is None else time.time() + 60 * minutes
    waiting = {str(out / p.path): p for p in planned}
    outcomes: dict[str, train.Outcome] = {}
    order = "list" if backend == "ray" else "generator_unordered"
    lost = _lost_workers(backend)
    for attempt in range(RETRIES + 1):
        patience = PATIENCE if attempt else 0.0
        jobs = [
            joblib.delayed(_one)(recipes.to_json(p.recipe), at, deadline, patience)
            for at, p in waiting.items()
        ]
        try:
            with joblib.parallel_config(backend=backend, n_jobs=workers):
                for folder, outcome in joblib.Parallel(return_as=order, batch_size=1)(jobs):
                    if isinstance(outcome, str):
                        raise InputError(outcome)
                    outcomes[waiting[folder].path] = outcome
                    del waiting[folder]
                    on_done(str(Path(folder).relative_to(out)), outcome)
            return outcomes
        except lost:
            if attempt == RETRIES:
                raise InputError(
                    f"workers died {RETRIES + 1} times (out of memory?); use fewer --workers and add --resume"
                ) from None
    return outcomes


def _lost_workers(name: Backend) -> tuple[type[Exception], ...]:
    """What the backend raises when a worker has died; the backend is made ready."""
    if name == "dask":
        try:
            from distributed import KilledWorker
        except ImportError:
            raise InputError("backend dask needs distributed; pip install 'bnverify[dask]'") from None
        return (KilledWorker,)
    if name == "ray":
        try:
            from ray.exceptions import RayActorError, WorkerCrashedError
            from ray.util.joblib import register_ray
        except ImportError:
            raise InputError("backend ray needs ray; pip install 'bnverify[ray]'") from None
        register_ray()
        return (RayActorError, WorkerCrashedError)
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    return (TerminatedWorkerError,)
