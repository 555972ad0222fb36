"""What the extras of the package bring, so that a missing one is one line with the way out."""

from __future__ import annotations

from pathlib import Path

from bnverify.base.errors import InputError

EXTRAS = {
    "torch": ("torch", "numpy", "scipy", "hypothesis"),
    "report": ("matplotlib", "sklearn"),
    "train": ("joblib", "pooch", "pyarrow", "PIL"),
    "decide": ("z3", "cvc5", "clarabel"),
    "tensorboard": ("tensorboard",),
    "dask": ("distributed", "dask"),
    "ray": ("ray",),
    "pandas": ("pandas",),
    "bench": ("curvlinops",),
    "models": ("timm", "transformers", "torchvision", "diffusers"),
}
"""The modules that each extra brings."""


def missing(error: ModuleNotFoundError) -> InputError | None:
    """One line on a module that an extra would have brought; None where the module is none of these."""
    name = (error.name or "").split(".")[0]
    if name == "numpy" and _passed(error, "decide"):
        return InputError(
            f"this needs {name}, which is not installed; pip install 'bnverify[decide]' brings it"
        )
    for extra, modules in EXTRAS.items():
        if name in modules:
            return InputError(
                f"this needs {name}, which is not installed; pip install 'bnverify[{extra}]' brings it"
            )
    return None


def _passed(error: BaseException, folder: str) -> bool:
    """Whether an import on the way to an error stands in a file of ``folder``."""
    frame = error.__traceback__
    while frame is not None:
        if Path(frame.tb_frame.f_code.co_filename).parent.name == folder:
            return True
        frame = frame.tb_next
    return False
