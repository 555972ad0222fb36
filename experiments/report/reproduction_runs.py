"""What only the runs themselves tell: every network, matched insertions by layer, other protocols, what is missing."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean, median

from bnverify.experiments.figures import fig_7
from bnverify.experiments.judge.rules import registered
from bnverify.experiments.judge.verdicts import judge
from bnverify.experiments.judge.words import said
from bnverify.experiments.measure.shelf import Shelf
from bnverify.experiments.measure.views import View, statistic, views
from bnverify.experiments.report.content import Column, Table
from bnverify.experiments.report.labels import NETWORKS, QUANTITIES, power
from bnverify.experiments.report.numbers import number, percent
from bnverify.experiments.run.record import Run

GROUPS = {
    "The paper's networks": ("vgg", "dln"),
    "Networks for insertions": ("insert", "insert-dln"),
    "Linear networks of other depths, and with one field changed": ("depth", "effects"),
}
"""Networks by folder, and what they are for."""
_FAMILIES = {
    "vgg": "VGG",
    "dln": "DLN",
    "insert": "VGG, for insertions",
    "insert-dln": "DLN, for insertions",
    "depth": "DLN of other depths",
    "effects": "DLN, one field changed",
}


def _family(run: Run) -> str:
    return _FAMILIES.get(run.folder.parent.name, run.folder.parent.name)


def _variant(run: Run) -> str:
    """The folder's name without its seed: runs that differ in it alone are one network."""
    return re.sub(r"-?seeds?\d+(-\d+)?$", "", run.folder.name)


def _spread(values: Iterable[float], shown: Callable[[float], str]) -> str:
    """Median, smallest and largest of what is known."""
    known = sorted(value for value in values if math.isfinite(value))
    if not known:
        return "–"
    if shown(known[0]) == shown(known[-1]):
        return shown(known[0])
    return f"{shown(median(known))}\n({shown(known[0])} … {shown(known[-1])})"


def _ended(view: View) -> str | None:
    """At which step a network diverged; None if it did not."""
    if view.status != "diverged":
        return None
    known = [i for i, loss in enumerate(view.losses) if loss is None]
    step = view.final.get("diverged_at") or (known[0] if known else len(view.losses))
    return f"seed {view.seed} at step {step + 1}"


def networks(runs: Sequence[Run], group: str) -> Table:
    """Every network of a group that was trained to its end: losses, accuracies, and which seeds diverged."""
    groups: dict[tuple[str, str], list[View]] = {}
    for run in runs:
        if run.result is not None and run.folder.parent.name in GROUPS[group]:
            groups.setdefault((_family(run), _variant(run)), []).extend(views(run))
    rows = []
    known = list(_FAMILIES.values())
    for (family, variant), found in sorted(
        groups.items(), key=lambda item: known.index(item[0][0]) if item[0][0] in known else len(known)
    ):
        recipe = found[0].recipe
        diverged = [at for view in found if (at := _ended(view))]
        trained = family in ("VGG", "DLN")
        name = NETWORKS[recipe.norm] if trained else variant or NETWORKS[recipe.norm]
        rows.append(
            (
                family,
                name,
                power(recipe.lr),
                str(len(found)),
                f"{recipe.steps:,}",
                _spread([statistic("final_loss", v) for v in found if not _ended(v)], number),
                _spread([v.final.get("accuracy", {}).get("train", math.nan) for v in found], percent),
                _spread([v.final.get("accuracy", {}).get("test", math.nan) for v in found], percent),
                "; ".join(diverged) or "none",
            )
        )
    columns = (
        Column("model"),
        Column("network"),
        Column("learning rate", True),
        Column("seeds", True),
        Column("steps", True),
        Column("final loss", True),
        Column("training accuracy", True),
        Column("test accuracy", True),
        Column("diverged"),
    )
    return Table(columns, tuple(rows))


def insertions(shelf: Shelf, model: str, lr: float) -> Table | None:
    """Inserted over plain, per layer and quantity; None without such runs. ± counts changes of sign."""
    seeds = shelf.seeds(model, "none", lr)
    found = {
        quantity: {seed: fig_7.log_ratios(view, quantity) for seed, view in seeds.items()}
        for quantity in QUANTITIES
    }
    layers = sorted({key[1] for of_seed in found.values() for logs in of_seed.values() for key in logs})
    if not layers:
        return None
    rows = []
    for layer in layers:
        row = [str(layer)]
        for quantity in QUANTITIES:
            means = [
                10 ** fmean(here)
                for logs in found[quantity].values()
                if (here := [value for key, value in logs.items() if key[1] == layer])
            ]
            turned = sum(key[1] == layer for view in seeds.values() for key in fig_7.flips(view, quantity))
            total = sum(key[1] == layer for logs in found[quantity].values() for key in logs)
            sign = f"\n± {turned}/{total}" if turned else ""
            row.append(_spread(means, number) + sign)
        rows.append(tuple(row))
    columns = (Column("layer", True), *(Column(title, True) for title in QUANTITIES.values()))
    return Table(columns, tuple(rows))


def band_over_rates(runs: Sequence[Run], common: bool) -> tuple[str, str] | None:
    """The band over the two rates of the linear networks, each trained apart, over the window of the paper's probe on
    the same runs: what it is, and its size. The registered claim is of VGG; this stands beside it, without a badge."""
    rules = registered()
    band, probe = (rules.claims[name] for name in ("ext-protocol-band-over-rates", "fig-10a"))
    asked = replace(probe.primary, statistic=band.primary.statistic)
    own = replace(rules, claims={band.id: replace(band, primary=asked)})
    (found,) = judge(own, runs, common=common, grid=False)
    if found.verdict == "not-run":
        return None
    return "elsewhere, deep linear networks: range of the losses of those trained apart, a rate each", said(
        found.cells[0]
    )


def missing(runs: Sequence[Run], root: Path) -> tuple[str, ...]:
    """What keeps a reproduction from being whole, a line each: runs on their way, and seeds that others have."""
    lines = []
    seeds: dict[tuple[str, str], set[int]] = {}
    for run in runs:
        place = run.folder.relative_to(root)
        key = (run.folder.parent.name, _variant(run))
        seeds.setdefault(key, set())
        if run.result is None:
            steps = len(run.losses())
            lines.append(f"{place} stands at step {steps:,} of {run.recipe.steps:,}")
        if re.search(r"seed\d+$", run.folder.name):
            seeds[key].add(run.recipe.seed)
    for family in {family for family, _ in seeds}:
        everyone = set().union(*(found for (of, _), found in seeds.items() if of == family))
        for (of, variant), found in seeds.items():
            if of == family and found and found != everyone:
                lacking = ", ".join(str(seed) for seed in sorted(everyone - found))
                lines.append(f"{of}/{variant}: seed{'s' if ',' in lacking else ''} {lacking} not begun")
    return tuple(sorted(lines))
