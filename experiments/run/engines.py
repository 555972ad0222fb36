"""What runs many jobs through joblib: this machine's processes, or a dask or ray cluster."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Literal

from bnverify.base.errors import InputError

Backend = Literal["loky", "dask", "ray"]
Errors = tuple[type[Exception], ...]


@contextmanager
def engine(name: Backend, workers: int) -> Iterator[Errors]:
    """The backend made ready for `joblib.parallel_config`; yields what it raises when a worker has died.

    A cluster is the one that this process is connected to, else the one that DASK_SCHEDULER_ADDRESS or
    RAY_ADDRESS names, else one of ``workers`` processes on this machine, which ends with the block.

    Raises:
        InputError: the backend is not installed, or no cluster answers at that address.
    """
    with ExitStack() as ending:
        if name == "dask":
            yield _dask(workers, ending)
        elif name == "ray":
            yield _ray(workers, ending)
        else:
            from joblib.externals.loky.process_executor import TerminatedWorkerError

            yield (TerminatedWorkerError,)


def _dask(workers: int, ending: ExitStack) -> Errors:
    try:
        import dask
        from distributed import Client, KilledWorker, LocalCluster, get_client
    except ImportError:
        raise InputError("backend dask needs distributed; pip install 'bnverify[dask]'") from None
    try:
        get_client()
    except ValueError:
        address = dask.config.get("scheduler-address", None)
        where = address or ending.enter_context(
            LocalCluster(workers, threads_per_worker=1, dashboard_address=None, silence_logs=logging.ERROR)
        )
        try:
            ending.enter_context(Client(where, timeout=10))
        except (OSError, ValueError) as error:
            raise InputError(
                f"no dask scheduler answers at {address} ({type(error).__name__}); start one there or unset "
                "DASK_SCHEDULER_ADDRESS"
            ) from None
    return (KilledWorker,)


def _ray(workers: int, ending: ExitStack) -> Errors:
    try:
        import ray
        from ray.exceptions import RayActorError, WorkerCrashedError
        from ray.util.joblib import register_ray
    except ImportError:
        raise InputError("backend ray needs ray; pip install 'bnverify[ray]'") from None
    register_ray()
    if not ray.is_initialized():
        address = os.environ.get("RAY_ADDRESS")
        size = {} if address else {"num_cpus": workers, "include_dashboard": False}
        try:
            ray.init(log_to_driver=False, logging_level=logging.ERROR, **size)
        except (ConnectionError, ValueError) as error:
            raise InputError(
                f"no ray cluster answers at {address} ({type(error).__name__}); start one there or unset "
                "RAY_ADDRESS"
            ) from None
        ending.callback(ray.shutdown)
    return (RayActorError, WorkerCrashedError)
