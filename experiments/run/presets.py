"""Presets: how large a reproduction is, where it runs, and which networks it has."""

from __future__ import annotations

from dataclasses import dataclass

from bnverify.experiments.run.recipes import NORMS_VGG, Init, NormKind

from bnverify.base.errors import InputError

PLAIN: tuple[NormKind, ...] = ("none", "batchnorm")


@dataclass(frozen=True)
class Preset:
    """One size of a reproduction.

    Attributes:
        says: what it is and how long it takes, for people.
        data, device: what the VGG networks are trained on, and where.
        families: kinds of runs, in the order in which they begin; see `plans.FAMILIES`.
        vgg, insert, linear, insert_linear, full_batch, start: names of recipes; "" where the preset has none.
        seeds, linear_seeds: of every network. block: linear seeds that are one computation; 0 means all of them.
        norms: of the VGG networks. sweep: share of ``steps`` that other learning rates take.
        by_seed: all runs of a seed before the next seed, so that a stop leaves whole seeds; else the longest first.
        rounding: TF32, float32 and float64 are compared first, see `rounding`.
        screened: ``depth`` and ``init`` of VGG are chosen by `screen` before anything else.
        workers: runs at a time, unless asked for otherwise. Several share a GPU: one alone waits for its launches, and
        the linear networks take the cores meanwhile.
    """

    name: str
    says: str
    data: str
    device: str
    families: tuple[str, ...]
    vgg: str
    insert: str
    linear: tuple[str, ...]
    insert_linear: str
    seeds: int
    linear_seeds: int
    full_batch: str = ""
    start: tuple[str, ...] = ()
    block: int = 0
    norms: tuple[NormKind, ...] = NORMS_VGG
    sweep: float = 0.5
    by_seed: bool = False
    screened: bool = False
    rounding: bool = False
    workers: int = 2
    depth: int | None = None
    init: Init | None = None


EVERYTHING = ("dln", "vgg", "insert", "sweep", "insert-dln", "depth", "effects")
PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            "quick",
            "a demonstration on scikit-learn's digits: 15 minutes on two CPU cores",
            "digits",
            "cpu",
            EVERYTHING,
            "vgg-quick",
            "insert-quick",
            ("dln-quick", "dln-quick-slow"),
            "insert-dln-quick",
            seeds=5,
            linear_seeds=5,
        ),
        Preset(
            "linear",
            "every deep linear network at the paper's full size: 30 minutes on two idle CPU cores",
            "digits",
            "cpu",
            ("dln", "insert-dln"),
            "",
            "",
            ("dln-linear", "dln-linear-slow"),
            "insert-dln-linear",
            seeds=0,
            linear_seeds=24,
            block=8,
            by_seed=True,
        ),
        Preset(
            "beyond",
            "what others found about BatchNorm, on scikit-learn's digits: an hour on two CPU cores",
            "digits",
            "cpu",
            ("start", "full-batch", "vgg", "init", "sweep"),
            "vgg-quick",
            "",
            (),
            "",
            seeds=16,
            linear_seeds=16,
            full_batch="vgg-full-batch",
            start=("start-last", "start-deep"),
            norms=PLAIN,
            by_seed=True,
        ),
        Preset(
            "desk",
            "thin VGG networks on real 32x32 pictures, screened first: three hours on two CPU cores",
            "cifar10",
            "cpu",
            ("vgg", "sweep", "init", "insert"),
            "vgg-desk",
            "insert-desk",
            (),
            "",
            seeds=16,
            linear_seeds=0,
            sweep=0.25,
            by_seed=True,
            screened=True,
        ),
        Preset(
            "h100",
            "VGG at the paper's width on one large GPU, the linear networks on the CPU meanwhile: 9 minutes",
            "cifar10",
            "cuda",
            ("vgg", "sweep", "dln"),
            "vgg-h100",
            "",
            ("dln-linear", "dln-linear-slow"),
            "",
            seeds=3,
            linear_seeds=24,
            block=8,
            sweep=0.1,
            by_seed=True,
            screened=True,
            rounding=True,
            workers=16,
        ),
        Preset(
            "paper",
            "the paper's own sizes, everything, on a GPU: an hour",
            "cifar10",
            "cuda",
            EVERYTHING,
            "vgg-paper",
            "insert-paper",
            ("dln-linear", "dln-linear-slow"),
            "insert-dln-linear",
            seeds=3,
            linear_seeds=24,
            block=8,
            by_seed=True,
            screened=True,
            rounding=True,
            workers=16,
        ),
    )
}


def preset(name: str) -> Preset:
    """The preset called ``name``; InputError lists the names there are."""
    if name not in PRESETS:
        raise InputError(f"--preset {name!r}; expected one of {', '.join(PRESETS)}")
    return PRESETS[name]
