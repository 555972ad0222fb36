"""Presets: which runs a reproduction consists of, and which of them a figure needs."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, fields, replace
from typing import Literal

from bnverify.experiments.run.recipes import (
    DEPTHS,
    EFFECTS,
    NORMS_DLN,
    NORMS_VGG,
    RECIPES,
    SWEEP,
    SWEEP_DLN,
    DlnRecipe,
    NormKind,
    VggRecipe,
    override,
)

from bnverify.base.errors import InputError

Preset = Literal["quick", "paper"]
# Model and normalisations of the runs that each figure shows; "sweep" is VGG at the other learning rates,
# half as long, since it is asked only whether they train; "depth" is linear networks of several depths at several
# learning rates; "effects" is linear networks with one field of the recipe changed.
NORMALISED = tuple(norm for norm in NORMS_DLN if norm != "none")
NEEDS: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "1": (("vgg", ("none", "batchnorm")), ("sweep", ("none", "batchnorm"))),
    "2": (("vgg", ("none", "batchnorm", "noisy-batchnorm", "noise")),),
    "3": (("vgg", ("none", "batchnorm")), ("dln", ("none", "batchnorm"))),
    "4": (("vgg", ("none", "batchnorm")),),
    "5": (("vgg", ("none", "batchnorm", "l1", "l2", "linf")), ("dln", tuple(NORMS_DLN))),
    "6": (("vgg", ("none", "batchnorm", "l1", "l2", "linf")),),
    "7": (("insert", ("none",)), ("insert-dln", ("none",))),
    "8": (("vgg", ("none", "batchnorm", "noisy-batchnorm")),),
    "9": (("dln", ("none", "batchnorm")),),
    "10": (("dln", ("none", "batchnorm")),),
    "11": (("vgg", ("none", "batchnorm")),),
    "12": (("vgg", ("none", "batchnorm", "l1", "l2", "linf")),),
    "13": (("dln", tuple(NORMS_DLN)),),
    "predict": (("vgg", ("batchnorm", "noisy-batchnorm", "l1", "l2", "linf")), ("depth", NORMALISED)),
    "effects": (("effects", ("none", "batchnorm")),),
}
# No figure and no claim has the shift, random directions or curvature of these networks.
UNSHOWN: tuple[NormKind, ...] = ("noise", "l1", "l2", "linf")
# The unchanged network among the effects, effects that a plain network does not have, and steps with the quick
# preset.
DEFAULT = "default"
OF_NORMALISATION = ("last-norm", "no-affine")
EFFECT_STEPS = 500
# Fields that tell the runs of the family "depth" apart; no override changes them.
STUDIED = {"layers", "lr"}


@dataclass(frozen=True)
class Planned:
    """One run of a reproduction: where it goes below the output folder, and its recipe."""

    path: str
    family: str
    recipe: VggRecipe | DlnRecipe


def _vgg(name: str, data: str, device: str | None) -> VggRecipe:
    recipe = RECIPES[name]
    assert isinstance(recipe, VggRecipe)
    return replace(recipe, data=data, device=device or recipe.device)


def plan(
    preset: Preset,
    *,
    seeds: int | None = None,
    data: str | None = None,
    device: str | None = None,
    figures: tuple[str, ...] = (),
    overrides: tuple[str, ...] = (),
) -> list[Planned]:
    """The runs of ``preset``, the longest first, so that workers end together.

    Args:
        seeds: 5 for quick, 3 (VGG) and 10 (linear) for paper, unless given.
        data: digits for quick, cifar10 for paper, unless given.
        device: of the VGG runs; cpu for quick, cuda for paper, unless given.
        figures: numbers of figures; none means all.
        overrides: ``field=value`` texts, for every recipe that has the field (but `STUDIED` ones).

    Raises:
        InputError: a figure has no such number, there are fewer than two seeds, or no recipe has a field.
    """
    for figure in figures:
        if figure not in NEEDS:
            raise InputError(f"figure {figure!r} is unknown; expected one of {', '.join(NEEDS)}")
    if seeds is not None and seeds < 2:
        raise InputError(f"seeds = {seeds}; expected at least 2, since every interval is over seeds")
    quick = preset == "quick"
    data = data or ("digits" if quick else "cifar10")
    network_seeds, linear_seeds = seeds or (5 if quick else 3), seeds or (5 if quick else 10)
    wanted = {
        (model, norm)
        for figure in (figures or tuple(NEEDS))
        for model, norms in NEEDS[figure]
        for norm in norms
    }
    vgg = _vgg(f"vgg-{preset}", data, device)
    insertion = _vgg(f"insert-{preset}", data, device)
    runs: list[Planned] = []
    for norm in NORMS_DLN:
        for name in ("dln-quick", "dln-quick-slow") if quick else ("dln-paper",):
            linear = RECIPES[name]
            assert isinstance(linear, DlnRecipe)
            linear = replace(linear, norm=norm, seeds=linear_seeds)
            runs.append(Planned(f"dln/{norm}-lr{linear.lr:g}", "dln", linear))
    for norm in NORMS_VGG:
        for seed in range(network_seeds):
            recipe = replace(vgg, norm=norm, seed=seed)
            if norm != "batchnorm":
                recipe = replace(recipe, psd=False)
            if norm in UNSHOWN:
                recipe = replace(recipe, ics=False, directions=0, lanczos=0)
            runs.append(Planned(f"vgg/{norm}-lr{recipe.lr:g}-seed{seed}", "vgg", recipe))
    for seed in range(network_seeds):
        runs.append(Planned(f"insert/seed{seed}", "insert", replace(insertion, seed=seed)))
    for norm in ("none", "batchnorm"):
        for lr in SWEEP:
            for seed in range(network_seeds):
                bare = replace(vgg, norm=norm, lr=lr, seed=seed, checkpoints=0, steps=vgg.steps // 2)
                runs.append(Planned(f"vgg/{norm}-lr{lr:g}-seed{seed}", "sweep", bare))
    runs.append(Planned("insert-dln/none", "insert-dln", _linear(f"insert-dln-{preset}", linear_seeds)))
    runs += [*_depths(linear_seeds), *_effects(preset, linear_seeds)]
    return [_overridden(run, overrides) for run in runs if (run.family, run.recipe.norm) in wanted]


def _linear(name: str, seeds: int) -> DlnRecipe:
    recipe = RECIPES[name]
    assert isinstance(recipe, DlnRecipe)
    return replace(recipe, seeds=seeds)


def _depths(seeds: int) -> list[Planned]:
    """Normalised linear networks of several depths, each measured at one learning rate and trained at more."""
    base = _linear("dln-depth", seeds)
    runs = []
    for norm, layers, lr in itertools.product(NORMALISED, DEPTHS, (base.lr, *SWEEP_DLN)):
        recipe = replace(base, norm=norm, layers=layers, lr=lr)
        if lr != base.lr:
            recipe = replace(recipe, checkpoints=0)
        runs.append(Planned(f"depth/{norm}-layers{layers}-lr{lr:g}", "depth", recipe))
    return runs


def _effects(preset: Preset, seeds: int) -> list[Planned]:
    """Linear networks with and without BatchNorm, unchanged and with one field changed at a time."""
    base = replace(_linear(f"dln-{preset}", seeds), checkpoints=5)
    if preset == "quick":
        base = replace(base, steps=EFFECT_STEPS)
    runs = []
    for unchanged in (replace(base, norm="none"), replace(base, norm="batchnorm")):
        norm = unchanged.norm
        runs.append(Planned(f"effects/{norm}-{DEFAULT}", "effects", unchanged))
        runs += [
            Planned(f"effects/{norm}-{name}", "effects", override(unchanged, (change,)))
            for name, change in EFFECTS.items()
            if norm != "none" or name not in OF_NORMALISATION
        ]
    return runs


def _overridden(run: Planned, overrides: tuple[str, ...]) -> Planned:
    own = {f.name for f in fields(run.recipe)} - (STUDIED if run.family == "depth" else set())
    everything = {f.name for kind in (VggRecipe, DlnRecipe) for f in fields(kind)}
    # What is in neither kind goes through, so that `override` names it.
    fitting = [
        text for text in overrides if (name := text.partition("=")[0]) in own or name not in everything
    ]
    return replace(run, recipe=override(run.recipe, fitting))
