"""The views of many runs, found by what they are runs of."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bnverify.experiments.measure.views import View, views
from bnverify.experiments.run.recipes import DlnRecipe, VggRecipe
from bnverify.experiments.run.record import Run

from bnverify.base.errors import InputError

# Folders of a reproduction whose runs differ in a field that the others share; the model's name says in which.
PARTS = ("depth", "effects", "init", "full-batch", "start", "screen")


class Shelf:
    """The views of finished runs by model, normalisation, learning rate and seed, and by factor of initialisation.

    Raises:
        InputError: a seed is there twice.
    """

    def __init__(self, runs: Iterable[Run]) -> None:
        self._views: dict[tuple[str, str, float, float], dict[int, View]] = {}
        self._pictures: dict[str, str] = {}
        for run in runs:
            if run.result is None:
                continue
            if known := run.environment.get("data"):
                # By hash: a data set may have been moved, and two may have one name.
                self._pictures[known.get("sha256", known["name"])] = known["name"]
            recipe, model = run.recipe, model_of(run)
            if model == "screen":
                # It chose what the others are; nothing is judged by it.
                continue
            for view in views(run):
                gain = recipe.init_gain if model == "init" else 1.0
                seeds = self._views.setdefault((model, recipe.norm, recipe.lr, gain), {})
                if view.seed in seeds:
                    raise InputError(
                        f"{run.folder} repeats seed {view.seed} of {model} {recipe.norm} at learning rate "
                        f"{recipe.lr}; judge one reproduction at a time"
                    )
                seeds[view.seed] = view

    def seeds(self, model: str, norm: str, lr: float) -> dict[int, View]:
        """Seed -> view."""
        return self._views.get((model, norm, lr, 1.0), {})

    @property
    def data(self) -> tuple[str, ...]:
        """The name of every data set that a run was trained on, sorted; one name twice where pictures differ."""
        return tuple(sorted(self._pictures.values()))

    @property
    def compact(self) -> bool:
        """Whether its runs are in compact form, at least some."""
        return any(view.compact for seeds in self._views.values() for view in seeds.values())

    def models(self) -> set[str]:
        return {model for model, *_ in self._views}

    def rates(self, model: str, norm: str, seed: int) -> dict[float, View]:
        """All learning rates at which this network was trained from this seed, ascending."""
        return self._over(model, norm, seed, lambda lr, gain: (lr, gain == 1.0))

    def gains(self, model: str, norm: str, seed: int) -> dict[float, View]:
        """All factors of initialisation from which this network was trained, ascending."""
        return self._over(model, norm, seed, lambda lr, gain: (gain, True))

    def _over(
        self, model: str, norm: str, seed: int, place: Callable[[float, float], tuple[float, bool]]
    ) -> dict[float, View]:
        found = {}
        for (of, network, lr, gain), seeds in self._views.items():
            key, wanted = place(lr, gain)
            if wanted and (of, network) == (model, norm) and seed in seeds:
                found[key] = seeds[seed]
        return dict(sorted(found.items()))


def model_of(run: Run) -> str:
    """What a run is a run of: ``vgg``, ``dln``, ``insert``, ``insert-dln``; ``depth/<layers>``, ``effects/<folder>``
    and the like for the runs that `PARTS` names."""
    recipe, part = run.recipe, run.folder.parent.name
    if part in PARTS:
        if part == "depth" and isinstance(recipe, DlnRecipe):
            return f"depth/{recipe.layers}"
        return f"effects/{run.folder.name}" if part == "effects" else part
    if isinstance(recipe, VggRecipe):
        return "insert" if recipe.insert else "vgg"
    return "insert-dln" if recipe.insert else "dln"
