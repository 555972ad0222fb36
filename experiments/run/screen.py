"""Which depth and initialisation a preset trains: the first at which a standard network trains at all.

A deep plain network may stay at the loss of a guess, ln(classes), for longer than a short preset lasts; BatchNorm would
then be compared with a network that has not begun. The rule is fixed: of `CANDIDATES`, in this order, the first whose
networks without normalisation, from all `SEEDS`, leave that loss within the first tenth of the training. To leave it is
to have a mean loss over `WINDOW` of the training below it by `MARGIN` nats. How long each needed is a result.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from bnverify.experiments.run import record
from bnverify.experiments.run.plans import Planned
from bnverify.experiments.run.recipes import Init, VggRecipe

from bnverify.base.errors import InputError
from bnverify.base.files import write_text

DEPTHS: tuple[Literal[16, 13, 11, 9], ...] = (16, 13, 11, 9)
INITS: tuple[Init, ...] = ("glorot-uniform", "he-normal")
CANDIDATES = tuple((depth, init) for init, depth in itertools.product(INITS, DEPTHS))
SEEDS = (1000, 1001)
WITHIN, WINDOW, MARGIN = 0.1, 0.01, 0.1


@dataclass(frozen=True)
class Screened:
    """What a screen chose; ``escapes``: for each candidate and seed the step at which it left, None where it did not.

    ``left``: whether the chosen one did; if none did, the last candidate is taken.
    """

    depth: int
    init: Init
    left: bool
    escapes: dict[str, list[int | None]]


def _name(depth: int, init: Init) -> str:
    return f"depth{depth}-{init}"


def planned(recipe: VggRecipe) -> list[Planned]:
    """The runs of the screen: ``recipe`` without normalisation and unmeasured, to the end of its first tenth."""
    bare = replace(
        recipe, norm="none", checkpoints=0, evaluate=False, steps=max(1, round(WITHIN * recipe.steps))
    )
    return [
        Planned(
            f"screen/{_name(depth, init)}-seed{seed}",
            "screen",
            replace(bare, depth=depth, init=init, seed=seed),
        )
        for depth, init in CANDIDATES
        for seed in SEEDS
    ]


def escape(losses: list[float | None], window: int, chance: float) -> int | None:
    """The first step before which the mean of ``window`` losses lies below ``chance`` by `MARGIN`; None if there is
    none before the run ends or diverges."""
    for end in range(window, len(losses) + 1):
        part = [loss for loss in losses[end - window : end] if loss is not None]
        if len(part) < window:
            return None
        if sum(part) / window < chance - MARGIN:
            return end
    return None


def choose(folder: Path, recipe: VggRecipe, run: Callable[[list[Planned]], bool]) -> Screened | None:
    """Run the screen below ``folder``, unless ``folder/screen.json`` has its answer already.

    Args:
        recipe: of the preset's networks. run: runs what is planned; False if it did not come to its end.

    Returns:
        What was chosen, None while the screen is not at its end.

    Raises:
        InputError: screen.json is damaged.
    """
    path = folder / "screen.json"
    if path.exists():
        return _read(path)
    runs = planned(recipe)
    if not run(runs):
        return None
    window = max(1, round(WINDOW * recipe.steps))
    escapes: dict[str, list[int | None]] = {}
    for depth, init in CANDIDATES:
        found = [record.read(folder / p.path) for p in runs if _name(depth, init) in p.path]
        escapes[_name(depth, init)] = [escape(one.losses(), window, math.log(10)) for one in found]
    able = [(d, i) for d, i in CANDIDATES if None not in escapes[_name(d, i)]]
    depth, init = able[0] if able else CANDIDATES[-1]
    screened = Screened(depth, init, bool(able), escapes)
    write_text(
        path, json.dumps({"rule": " ".join((__doc__ or "").split()), **screened.__dict__}, indent=1) + "\n"
    )
    return screened


def _read(path: Path) -> Screened:
    try:
        values = json.loads(path.read_text())
        found = Screened(*(values[name] for name in ("depth", "init", "left", "escapes")))
        if (found.depth, found.init) not in CANDIDATES or found.init not in get_args(Init):
            raise ValueError("no candidate")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged ({error}); remove it, and --resume screens again") from None
    return found


def says(screened: Screened, steps: int) -> str:
    """The result in a line."""
    name = _name(screened.depth, screened.init)
    if not screened.left:
        return (
            f"screen: no standard network leaves ln 10 in the first tenth of {steps} steps; taking {name}, whose own "
            "verdicts say little"
        )
    found = " and ".join(str(step) for step in screened.escapes[name])
    return f"screen: {name}, whose standard network leaves ln 10 at steps {found} of {steps}"
