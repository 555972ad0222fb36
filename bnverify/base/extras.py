"""What the extras of the package bring, so that a missing one is one line with the way out."""

from __future__ import annotations

from bnverify.base.errors import InputError

EXTRAS = {
    "torch": ("torch", "scipy", "sympy", "hypothesis"),
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
    for extra, modules in EXTRAS.items():
        if name in modules:
            return InputError(
                f"this needs {name}, which is not installed; pip install 'bnverify[{extra}]' brings it"
            )
    return None
