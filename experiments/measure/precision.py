"""How float32 products are rounded: as float32 (IEEE) around every measurement, as TF32 only where training asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch

Rounding = Literal["ieee", "tf32"]


def _switches() -> list[tuple[Any, str, dict[Rounding, Any]]]:
    """(object, attribute, value for each rounding) of every switch that this PyTorch has, none of them twice."""
    backends = torch.backends
    words: dict[Rounding, Any] = {"ieee": "ieee", "tf32": "tf32"}
    if hasattr(backends.cudnn, "conv"):
        # PyTorch 2.9 and later; convolutions of cuDNN are TF32 there unless told otherwise.
        # oneDNN knows TF32 on some CPUs only; there it is never asked for.
        own: dict[Rounding, Any] = {"ieee": "ieee", "tf32": "ieee"}
        places: list[tuple[Any, Any]] = [(backends.cuda.matmul, words), (backends.cudnn.conv, words)]
        places += [(getattr(backends.mkldnn, name), own) for name in ("matmul", "conv")]
        return [(place, "fp32_precision", values) for place, values in places]
    flags: dict[Rounding, Any] = {"ieee": False, "tf32": True}
    return [(backends.cuda.matmul, "allow_tf32", flags), (backends.cudnn, "allow_tf32", flags)]


@contextmanager
def rounded(how: Rounding) -> Iterator[None]:
    """Matrix products and convolutions of float32 with this rounding; afterwards everything is as it was."""
    switches = _switches()
    before = [getattr(place, name) for place, name, _ in switches]
    try:
        for place, name, values in switches:
            setattr(place, name, values[how])
        yield
    finally:
        for (place, name, _), value in zip(switches, before, strict=True):
            setattr(place, name, value)
