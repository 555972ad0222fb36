"""Recipes: every setting of the paper and of this project's own runs, in one place.

A recipe is a frozen dataclass; every field can be overridden by name, and every value is checked for type and
range. Comments give the place in the paper (Santurkar et al. 2018) that a value comes from.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeVar, get_args, get_origin, get_type_hints

from bnverify.experiments.networks import kinds

from bnverify.base.errors import InputError

NormKind = Literal[
    "none", "batchnorm", "noisy-batchnorm", "noise", "l1", "l2", "linf", "last-batchnorm", "batchnorm-relu"
]
Init = Literal["glorot-uniform", "glorot-normal", "he-normal"]
Average = Literal["power-mean", "norm-over-m", "layer-mean", "sample-mean"]
R = TypeVar("R", bound="Recipe")


def _ranged(default: float, low: float, high: float) -> Any:
    return field(default=default, metadata={"range": (low, high)})


@dataclass(frozen=True)
class Recipe:
    """What both kinds of run share. Use `VggRecipe` or `DlnRecipe`.

    Raises (from the constructor):
        InputError: a value has the wrong type or is out of its range; the line names the field.
    """

    norm: NormKind = "none"
    # Section 3.3: "normalizes them by the average of their l_p-norm (before shifting the mean)".
    lp_average: Average = "power-mean"
    lp_of: Literal["raw", "centred"] = "raw"
    norm_eps: float = _ranged(1e-5, 1e-30, 1.0)
    affine: bool = True
    bias: bool = True
    init: Init = "glorot-uniform"  # A.1: "standard Glorot"
    init_gain: float = _ranged(1.0, 1e-3, 1e3)  # Initial weights are multiplied by it.
    seed: int = _ranged(0, 0, 2**31)
    threads: int = _ranged(1, 1, 1024)
    # Points of the measuring grid, the first and the last step included; 0 measures nothing.
    checkpoints: int = _ranged(25, 0, 10_000)
    # "both" has a quarter as many log-spaced points beside the evenly spaced ones.
    grid: Literal["log", "linear", "both"] = "log"
    save_every: int = _ranged(500, 1, 10**9)
    probes: int = _ranged(8, 2, 1000)
    # Probes beyond probe_high, log-spaced up to far times it (Figures 4 and 10: "even larger distances"); 0: none.
    far_probes: int = _ranged(0, 0, 1000)
    far: float = _ranged(8.0, 1.0, 1e6)
    ics: bool = True
    # Theorem terms at every normalisation layer, and at every n-th measured step the second order (0: never).
    audit: bool = True
    curvature_every: int = _ranged(3, 0, 10_000)
    # Then negative curvature downstream of every normalisation layer is looked for as well.
    psd: bool = True
    # Measure matched insertions (Figure 7) of one BatchNorm at every layer instead of everything else.
    insert: bool = False

    def __post_init__(self) -> None:
        ranges = {f.name: f.metadata.get("range", (-math.inf, math.inf)) for f in dataclasses.fields(self)}
        for name, kind in _hints(type(self)).items():
            object.__setattr__(self, name, _checked(name, getattr(self, name), kind, *ranges[name]))
        if self.insert and self.norm != "none":
            raise InputError(f"insert needs a plain network, but norm = {self.norm}; set norm=none")
        low, high = (
            getattr(self, name, default) for name, default in (("probe_low", 0.0), ("probe_high", 1.0))
        )
        if not low < high:
            raise InputError(f"probe_low = {low:g}, probe_high = {high:g}; expected probe_low < probe_high")


@dataclass(frozen=True)
class VggRecipe(Recipe):
    """A VGG network by stochastic gradient descent (A.1, item 1). Losses are batch means, in nats."""

    depth: Literal[9, 11, 13, 16] = 16
    width: float = _ranged(1.0, 1 / 64, 4.0)
    size: Literal[8, 16, 32] = 32
    data: str = "digits"
    device: str = "cpu"
    lr: float = _ranged(0.1, 0.0, 1e6)  # A.1: "a fixed learning rate of 0.1 unless otherwise specified"
    steps: int = _ranged(15_000, 1, 10**9)  # A.1: "train for 15,000 steps"
    batch_size: int = _ranged(128, 2, 10**6)  # A.1: "a batch size of 128"
    momentum: float = _ranged(0.0, 0.0, 0.9999)  # A.1: "standard stochastic gradient descent"
    weight_decay: float = _ranged(0.0, 0.0, 10.0)
    probe_low: float = _ranged(0.5, 1e-6, 1e6)  # A.2.2: "[1/2, 4] x step size"
    probe_high: float = _ranged(4.0, 1e-6, 1e6)
    # A.2.1: "n_mu = 0.5, n_sigma = 1.25 and r_mu = r_sigma = 0.1".
    noise_n_mu: float = _ranged(0.5, 0.0, 1e3)
    noise_n_sigma: float = _ranged(1.25, 1.0, 1e3)
    noise_r_mu: float = _ranged(0.1, 0.0, 1e3)
    noise_r_sigma: float = _ranged(0.1, 0.0, 1e3)
    noise_sigma_reading: Literal["sd", "variance"] = "sd"
    noise_place: Literal["output", "whitened"] = "output"
    noise_at_test: bool = False
    # One generator a layer, or one for all of them, four launches a step; the numbers are others.
    noise_drawn: Literal["by-layer", "together"] = "by-layer"
    # Random directions besides the gradient (Section 3.2, last paragraph); each is probed with both signs.
    directions: int = _ranged(2, 0, 1000)
    lanczos: int = _ranged(8, 0, 1000)
    evaluate: bool = True
    # Measure accuracy instead of everything else.
    accuracy_only: bool = False
    # How training, and nothing that is measured, computes on a GPU.
    tf32: bool = False
    channels_last: bool = False


@dataclass(frozen=True)
class DlnRecipe(Recipe):
    """Deep linear networks by full-batch gradient descent (A.1, item 2); several seeds as one computation.

    The loss is |W_1 ... W_k x - A x|^2 summed over samples and output dimensions, unless ``loss`` says
    otherwise.
    """

    layers: int = _ranged(25, 1, 1000)  # A.1: "We choose k to be 25"
    dim: int = _ranged(10, 1, 1000)  # A.1: "the dimensions of A to be 10 x 10"
    samples: int = _ranged(1000, 2, 10**7)  # A.1: "The size of the dataset is 1000"
    lr: float = _ranged(1e-6, 0.0, 1e6)  # A.1: "the learning rate is 10^-6 unless otherwise specified"
    steps: int = _ranged(10_000, 1, 10**9)  # A.1: "for 10,000 steps"
    seeds: int = _ranged(5, 1, 10_000)
    loss: Literal["sum", "sample-mean", "mean"] = "sum"
    last_norm: bool = False
    probe_low: float = _ranged(0.01, 1e-6, 1e6)  # A.2.2: "[1/100, 30] x step size"
    probe_high: float = _ranged(30.0, 1e-6, 1e6)
    probes: int = _ranged(12, 2, 1000)
    bias: bool = False  # A.1: the loss is |W_1 ... W_k x - A x|^2
    lanczos: int = _ranged(8, 0, 1000)
    audit: bool = False
    # No noise: the paper's linear networks have none.
    networks: ClassVar[tuple[str, ...]] = kinds.of("dln")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.samples <= self.dim:
            raise InputError(
                f"samples = {self.samples}, dim = {self.dim}; expected more samples than dimensions"
            )
        if self.norm not in self.networks:
            raise InputError(
                f"norm = {self.norm}: there is no such network; expected {', '.join(self.networks)}"
            )


@dataclass(frozen=True)
class MlpRecipe(DlnRecipe):
    """Fully connected ReLU networks as they are initialised (He et al.: Glorot's times the square root of 2), for what
    others found: ``dim`` inputs and outputs, ``width`` hidden units, Gaussian data, squares as loss.

    ``batchnorm-relu`` normalises every layer but the last before its ReLU, ``last-batchnorm`` the output alone.
    """

    width: int = _ranged(256, 1, 100_000)
    layers: int = _ranged(4, 2, 1000)
    samples: int = _ranged(200, 2, 10**7)
    dim: int = _ranged(10, 1, 1000)
    steps: int = _ranged(1, 1, 1)
    checkpoints: int = _ranged(1, 0, 1)
    seeds: int = _ranged(16, 1, 10_000)
    lanczos: int = _ranged(20, 0, 1000)
    networks: ClassVar[tuple[str, ...]] = kinds.of("start")


def _hints(kind: type[Recipe]) -> dict[str, Any]:
    """Field -> type."""
    hints = get_type_hints(kind)
    return {f.name: hints[f.name] for f in dataclasses.fields(kind)}


def _checked(name: str, value: Any, kind: Any, low: float, high: float) -> Any:
    if get_origin(kind) is Literal:
        if value not in get_args(kind) or isinstance(value, bool):
            raise InputError(f"{name} = {value!r}; expected one of {', '.join(map(str, get_args(kind)))}")
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise InputError(f"{name} = {value!r}; expected a value of type {kind.__name__}")
    if kind in (int, float) and not low <= value <= high:
        raise InputError(f"{name} = {value}; expected a value from {low:g} to {high:g}")
    return value


def _parsed(name: str, text: str, kind: Any) -> Any:
    if get_origin(kind) is Literal:
        return next((option for option in get_args(kind) if str(option) == text), text)
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise InputError(f"{name} = {text!r}; expected true or false")
        return text.lower() == "true"
    try:
        return kind(text)
    except ValueError:
        raise InputError(f"{name} = {text!r}; expected a value of type {kind.__name__}") from None


# One GPU; two CPU cores and hours, thin networks on real pictures; two cores and minutes.
_GPU: dict[str, Any] = {"data": "cifar10", "device": "cuda", "tf32": True, "channels_last": True}
_DESK: dict[str, Any] = {"data": "cifar10", "depth": 11, "width": 0.125, "steps": 800, "save_every": 200}
_QUICK: dict[str, Any] = {"depth": 9, "width": 0.125, "size": 16, "steps": 800, "save_every": 200}
# The whole of a training, as many measured steps late as early.
_WHOLE: dict[str, Any] = {"checkpoints": 51, "grid": "linear", "far_probes": 3}
# Curvature on the way, as far as the hours allow.
_CURVED: dict[str, Any] = {"directions": 1, "lanczos": 4, "curvature_every": 10}
_LINEAR: dict[str, Any] = {"seeds": 8, "checkpoints": 101, "grid": "both", "far_probes": 3}

RECIPES: dict[str, VggRecipe | DlnRecipe] = {
    # The paper's settings.
    "vgg-paper": VggRecipe(**_GPU, **_WHOLE, noise_drawn="together"),
    "insert-paper": VggRecipe(**_GPU, insert=True),
    "vgg-desk": VggRecipe(**_DESK, **_WHOLE, **_CURVED, probes=6),
    "insert-desk": VggRecipe(**_DESK, checkpoints=6, grid="linear", probes=3, insert=True),
    "vgg-h100": VggRecipe(**_GPU, **_WHOLE, **_CURVED, noise_drawn="together", save_every=5000),
    "vgg-quick": VggRecipe(**_QUICK, probes=6, directions=1, lanczos=5),
    "insert-quick": VggRecipe(**_QUICK, probes=3, checkpoints=6, insert=True),
    "dln-quick": DlnRecipe(steps=2000),
    "dln-quick-slow": DlnRecipe(steps=2000, lr=1e-7),
    # Figures 10 and 13 are about the whole of the training.
    "dln-linear": DlnRecipe(**_LINEAR),
    "dln-linear-slow": DlnRecipe(**_LINEAR, lr=1e-7),
    "insert-dln-linear": DlnRecipe(seeds=8, checkpoints=5, grid="linear", insert=True),
    "insert-dln-quick": DlnRecipe(steps=2000, checkpoints=5, probes=3, insert=True),
    # What others found: sharpness and gradients at initialisation, full-batch training on the digits' training part.
    "start-last": MlpRecipe(),
    "start-deep": MlpRecipe(norm="batchnorm-relu", layers=30, samples=512, lanczos=0),
    "vgg-full-batch": VggRecipe(
        **{**_QUICK, "width": 0.0625, "size": 8, "steps": 400, "save_every": 100},
        batch_size=1438,
        ics=False,
        audit=False,
        curvature_every=0,
        psd=False,
        directions=0,
        checkpoints=41,
        grid="linear",
        probes=2,
        lanczos=10,
    ),
    # How the terms of the theorems, learning rate and smoothness go together, at several depths.
    "dln-depth": DlnRecipe(
        samples=200,
        lr=1e-5,
        steps=120,
        checkpoints=4,
        probes=6,
        ics=False,
        audit=True,
        curvature_every=1,
        psd=False,
    ),
}

NORMS_VGG: tuple[NormKind, ...] = kinds.of("vgg")  # type: ignore[assignment]
NORMS_DLN: tuple[NormKind, ...] = kinds.of("dln")  # type: ignore[assignment]
# Learning rates beside 0.1, of "a broader range of (and thus larger) learning rates" (Section 3.1).
SWEEP: tuple[float, ...] = (0.01, 0.3, 0.5, 1.0, 3.0)
SECOND_RATE = 0.5  # Figure 1 has a second learning rate; there accuracy is measured as often as at the first.
# Factors on Glorot's initialisation, beside 1 (Section 3.1: "sensitive to [...] the initialization").
GAINS: tuple[float, ...] = (0.5, 2.0, 4.0)
# Depths and further learning rates of the linear networks from which smoothness is predicted.
DEPTHS: tuple[int, ...] = (5, 10, 20)
SWEEP_DLN: tuple[float, ...] = (1e-4, 2e-4, 2.5e-4, 3.2e-4, 4e-4, 5e-4, 6.3e-4)
# Fields of the linear networks' recipe whose effect is shown once, one at a time.
EFFECTS: dict[str, str] = {
    "last-norm": "last_norm=true",
    "no-affine": "affine=false",
    "bias": "bias=true",
    "glorot-normal": "init=glorot-normal",
    "loss-sample-mean": "loss=sample-mean",
    "loss-mean": "loss=mean",
}


def override(recipe: R, assignments: Iterable[str]) -> R:
    """``recipe`` with ``field=value`` texts applied.

    Raises:
        InputError: an assignment has no ``=``, names no field, or its value has the wrong type or range.
    """
    hints = _hints(type(recipe))
    changes: dict[str, Any] = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError(f"override {text!r}; expected field=value")
        if name not in hints:
            raise InputError(
                f"field {name!r} is not in {type(recipe).__name__}; its fields are {', '.join(hints)}"
            )
        changes[name] = _parsed(name, value, hints[name])
    return dataclasses.replace(recipe, **changes)


def named(name: str) -> VggRecipe | DlnRecipe:
    """The recipe called ``name``; InputError lists the names there are."""
    if name not in RECIPES:
        raise InputError(f"recipe {name!r} is unknown; expected one of {', '.join(RECIPES)}")
    return RECIPES[name]


def to_json(recipe: Recipe) -> dict[str, Any]:
    """The recipe as plain data, with its kind."""
    return {"kind": type(recipe).__name__, **dataclasses.asdict(recipe)}


def from_json(values: Mapping[str, Any]) -> VggRecipe | DlnRecipe:
    """Inverse of `to_json`; InputError if the kind or a field is unknown or a value is out of range."""
    kinds: dict[str, type[VggRecipe] | type[DlnRecipe]] = {
        kind.__name__: kind for kind in (VggRecipe, DlnRecipe, MlpRecipe)
    }
    kind = kinds.get(str(values.get("kind")))
    if kind is None:
        raise InputError(f"recipe of kind {values.get('kind')!r}; expected one of {', '.join(kinds)}")
    rest = {key: value for key, value in values.items() if key != "kind"}
    unknown = set(rest) - {f.name for f in dataclasses.fields(kind)}
    if unknown:
        raise InputError(
            f"field {sorted(unknown)[0]!r} is not in {kind.__name__}; the recipe was written by another "
            "version"
        )
    return kind(**rest)


def digest(recipe: Recipe) -> str:
    """Twelve hex digits that identify the recipe."""
    return hashlib.sha256(json.dumps(to_json(recipe), sort_keys=True).encode()).hexdigest()[:12]


def measured_steps(recipe: VggRecipe | DlnRecipe) -> list[int]:
    """The steps (counted from 0) at which the run is measured, first and last step included.

    On a log-spaced grid rounding merges early points; it is refined until ``checkpoints`` distinct steps remain, or
    all are in.
    """
    wanted = min(recipe.checkpoints, recipe.steps)
    if wanted < 2:
        return [0] * wanted
    if recipe.grid == "log":
        return _log_spaced(recipe.steps, wanted)
    even = {round(i * (recipe.steps - 1) / (wanted - 1)) for i in range(wanted)}
    return sorted(
        even if recipe.grid == "linear" else even.union(_log_spaced(recipe.steps, max(2, wanted // 4)))
    )


def _log_spaced(steps: int, wanted: int) -> list[int]:
    points = wanted
    while True:
        grid = {round(steps ** (i / (points - 1))) - 1 for i in range(points)}
        if len(grid) >= wanted:
            return sorted(grid)
        points += 1


def curved_steps(recipe: VggRecipe | DlnRecipe) -> set[int]:
    """The measured steps at which the second order of Theorem 4.2 is measured as well."""
    every = recipe.curvature_every
    return set(measured_steps(recipe)[::every]) if every else set()
