"""Which runs a reproduction consists of."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace

from bnverify.experiments.run import presets
from bnverify.experiments.run.presets import PLAIN, Preset
from bnverify.experiments.run.recipes import (
    DEPTHS,
    EFFECTS,
    GAINS,
    NORMS_DLN,
    RECIPES,
    SECOND_RATE,
    SWEEP,
    SWEEP_DLN,
    DlnRecipe,
    Init,
    NormKind,
    VggRecipe,
    override,
)

from bnverify.base.errors import InputError

NORMALISED = tuple(norm for norm in NORMS_DLN if norm != "none")
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


def plan(
    name: str,
    *,
    seeds: int | None = None,
    data: str | None = None,
    device: str | None = None,
    needs: Sequence[tuple[str, tuple[str, ...]]] = (),
    overrides: tuple[str, ...] = (),
    depth: int | None = None,
    init: Init | None = None,
) -> list[Planned]:
    """The runs of a preset, in the order in which they begin.

    Args:
        name: see `presets.PRESETS`. seeds, data, device: the preset's, unless given.
        needs: (family, networks) of the runs that are wanted, see `figures.needs`; none means all.
        overrides: ``field=value`` texts, for every recipe that has the field (but `STUDIED` ones).
        depth, init: of VGG networks, where `screen` chose them.

    Raises:
        InputError: there is no such preset, it has nothing of what is wanted, there are fewer than two seeds, or no
        recipe has a field.
    """
    preset = presets.preset(name)
    if seeds is not None and seeds < 2:
        raise InputError(f"seeds = {seeds}; expected at least 2, since every interval is over seeds")
    preset = replace(
        preset,
        seeds=seeds or preset.seeds,
        linear_seeds=seeds or preset.linear_seeds,
        data=data or preset.data,
        device=device or preset.device,
        depth=depth,
        init=init,
    )
    wanted = {(family, norm) for family, norms in needs for norm in norms}
    runs = [run for family in preset.families for run in FAMILIES[family](preset)]
    found = [
        _overridden(run, overrides) for run in runs if not needs or (run.family, run.recipe.norm) in wanted
    ]
    if not found:
        raise InputError(f"preset {name} trains nothing of what this figure shows; name another preset")
    # Sorting keeps the order of what is alike.
    return sorted(found, key=lambda run: (_stage(run), run.recipe.seed)) if preset.by_seed else found


def effort(recipe: VggRecipe | DlnRecipe) -> int:
    """Roughly how much work a run is, in training steps of a thin VGG on a CPU: for the estimate of what is left.

    What a measured step costs was timed on the presets of two cores, of all statistics, accuracies alone, insertions.
    """
    if isinstance(recipe, VggRecipe):
        return (
            recipe.steps + (300 if recipe.insert else 20 if recipe.accuracy_only else 50) * recipe.checkpoints
        )
    return round(recipe.seeds / 8 * (recipe.steps / 16 + (340 if recipe.insert else 4) * recipe.checkpoints))


def _stage(run: Planned) -> int:
    """What comes first where a stop may come: the two networks that most figures compare, then noise, then l_p, then
    what is asked of other rates, initialisations and layers, then other rates of the linear networks."""
    if run.family not in ("vgg", "dln"):
        return 3
    if run.family == "dln" and run.recipe.lr != DlnRecipe().lr:
        return 4
    return 0 if run.recipe.norm in PLAIN else 1 if "nois" in run.recipe.norm else 2


def _linear(name: str, norm: NormKind | None = None) -> DlnRecipe:
    recipe = RECIPES[name]
    assert isinstance(recipe, DlnRecipe)
    return recipe if norm is None else replace(recipe, norm=norm)


def _vgg(preset: Preset, name: str) -> VggRecipe:
    recipe = RECIPES[name]
    assert isinstance(recipe, VggRecipe)
    chosen = {"depth": preset.depth, "init": preset.init}
    return replace(
        recipe,
        data=preset.data,
        device=preset.device,
        **{name: value for name, value in chosen.items() if value is not None},  # type: ignore[arg-type]
    )


def _blocks(preset: Preset, path: str, family: str, recipe: DlnRecipe) -> Iterator[Planned]:
    """The linear seeds of a preset, as one run or as one a block."""
    size = preset.block or preset.linear_seeds
    for first in range(0, preset.linear_seeds, size):
        count = min(size, preset.linear_seeds - first)
        ending = f"-seeds{first}-{first + count - 1}" if preset.block else ""
        yield Planned(path + ending, family, replace(recipe, seed=first, seeds=count))


def _dln(preset: Preset) -> Iterator[Planned]:
    for name in preset.linear:
        for norm in NORMS_DLN:
            recipe = _linear(name, norm)
            yield from _blocks(preset, f"dln/{norm}-lr{recipe.lr:g}", "dln", recipe)


def _networks(preset: Preset) -> Iterator[Planned]:
    vgg = _vgg(preset, preset.vgg)
    for norm in preset.norms:
        for seed in range(preset.seeds):
            recipe = replace(vgg, norm=norm, seed=seed)
            if norm != "batchnorm":
                recipe = replace(recipe, psd=False)
            if norm in UNSHOWN:
                recipe = replace(recipe, ics=False, directions=0, lanczos=0)
            yield Planned(f"vgg/{norm}-lr{recipe.lr:g}-seed{seed}", "vgg", recipe)


def _insertions(preset: Preset) -> Iterator[Planned]:
    for seed in range(preset.seeds):
        yield Planned(f"insert/seed{seed}", "insert", replace(_vgg(preset, preset.insert), seed=seed))


def _sweep(preset: Preset) -> Iterator[Planned]:
    vgg = _vgg(preset, preset.vgg)
    steps = max(1, round(preset.sweep * vgg.steps))
    for norm, lr, seed in itertools.product(PLAIN, SWEEP, range(preset.seeds)):
        recipe = replace(vgg, norm=norm, lr=lr, seed=seed, checkpoints=0, steps=steps)
        if lr == SECOND_RATE:
            recipe = replace(recipe, checkpoints=vgg.checkpoints, grid="linear", accuracy_only=True)
        yield Planned(f"vgg/{norm}-lr{lr:g}-seed{seed}", "sweep", recipe)


def _initialisations(preset: Preset) -> Iterator[Planned]:
    """Networks from Glorot's weights times a factor, as long and as bare as those of the sweep."""
    vgg = _vgg(preset, preset.vgg)
    steps = max(1, round(preset.sweep * vgg.steps))
    for norm, gain, seed in itertools.product(PLAIN, GAINS, range(preset.seeds)):
        recipe = replace(vgg, norm=norm, init_gain=gain, seed=seed, checkpoints=0, steps=steps)
        yield Planned(f"init/{norm}-gain{gain:g}-seed{seed}", "init", recipe)


def _starts(preset: Preset) -> Iterator[Planned]:
    for name in preset.start:
        base = replace(_linear(name), seeds=preset.linear_seeds)
        for norm in ("none", "last-batchnorm") if base.norm == "none" else (base.norm,):
            yield Planned(f"start/{norm}", "start", replace(base, norm=norm))


def _full_batch(preset: Preset) -> Iterator[Planned]:
    for norm, seed in itertools.product(PLAIN, range(preset.seeds)):
        recipe = replace(_vgg(preset, preset.full_batch), norm=norm, seed=seed)
        yield Planned(f"full-batch/{norm}-seed{seed}", "full-batch", recipe)


def _linear_insertions(preset: Preset) -> Iterator[Planned]:
    yield from _blocks(preset, "insert-dln/none", "insert-dln", _linear(preset.insert_linear))


def _depths(preset: Preset) -> Iterator[Planned]:
    """Normalised linear networks of several depths, each measured at one learning rate and trained at more."""
    base = replace(_linear("dln-depth"), seeds=preset.linear_seeds)
    for norm, layers, lr in itertools.product(NORMALISED, DEPTHS, (base.lr, *SWEEP_DLN)):
        recipe = replace(base, norm=norm, layers=layers, lr=lr)
        if lr != base.lr:
            recipe = replace(recipe, checkpoints=0)
        yield Planned(f"depth/{norm}-layers{layers}-lr{lr:g}", "depth", recipe)


def _effects(preset: Preset) -> Iterator[Planned]:
    """Linear networks with and without BatchNorm, unchanged and with one field changed at a time."""
    base = replace(_linear(preset.linear[0]), checkpoints=5, grid="log", seeds=preset.linear_seeds)
    if preset.name == "quick":
        base = replace(base, steps=EFFECT_STEPS)
    for norm in PLAIN:
        unchanged = replace(base, norm=norm)
        yield Planned(f"effects/{norm}-{DEFAULT}", "effects", unchanged)
        for name, change in EFFECTS.items():
            if norm != "none" or name not in OF_NORMALISATION:
                yield Planned(f"effects/{norm}-{name}", "effects", override(unchanged, (change,)))


FAMILIES: dict[str, Callable[[Preset], Iterator[Planned]]] = {
    "dln": _dln,
    "vgg": _networks,
    "insert": _insertions,
    "sweep": _sweep,
    "insert-dln": _linear_insertions,
    "depth": _depths,
    "effects": _effects,
    "init": _initialisations,
    "start": _starts,
    "full-batch": _full_batch,
}
"""What a preset is made of."""


def _overridden(run: Planned, overrides: tuple[str, ...]) -> Planned:
    own = {f.name for f in fields(run.recipe)} - (STUDIED if run.family == "depth" else set())
    everything = {f.name for kind in (VggRecipe, DlnRecipe) for f in fields(kind)}
    # What is in neither kind goes through, so that `override` names it.
    fitting = [
        text for text in overrides if (name := text.partition("=")[0]) in own or name not in everything
    ]
    return replace(run, recipe=override(run.recipe, fitting))
