"""What every test runs under: one thread, no display, and the Hypothesis profiles dev, ci and nightly."""

import os
import signal

for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ["PYTHONSAFEPATH"] = (
    "1"  # child processes import what is installed, not the folders of the checkout
)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # a shell that runs the tests in the background passes this on, and interrupts would never arrive
    signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

settings.register_profile("dev", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, max_examples=100, derandomize=True)
settings.register_profile(
    "nightly", deadline=None, max_examples=5000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))

LONG = (
    "test_testing",
    "test_text",
    "test_check",
    "test_reproduce",
    "test_documentation",
    "test_commands_theory",
    "test_figures",
    "test_decide",
    "test_mutants",
    "test_train",
    "test_commands",
)
"""Files with the longest tests; they begin first, so that none is left for the end while another process idles."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.stem not in LONG)
