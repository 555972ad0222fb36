"""Figures in the paper's arrangement, one module each; they read records and never train."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bnverify.experiments.figures.plate import Needs, Plate
from bnverify.experiments.judge import rules
from bnverify.experiments.report.labels import SYNTHETIC, data_sets

from bnverify.base import ids
from bnverify.base.errors import InputError

if TYPE_CHECKING:
    from bnverify.experiments.measure.shelf import Shelf
    from bnverify.experiments.run.record import Run
    from matplotlib.figure import Figure


TABLES: dict[str, Needs] = {
    "effects": (("effects", ("none", "batchnorm")),),
    "init": (("init", ("none", "batchnorm")),),
    "others": (
        ("start", ("none", "last-batchnorm", "batchnorm-relu")),
        ("full-batch", ("none", "batchnorm")),
        ("vgg", ("none", "batchnorm")),
    ),
}
"""What is asked for like a figure and shown as numbers alone."""


def plates() -> dict[str, Plate]:
    """Every figure there is by name, those of the paper first, in its order."""
    modules = (
        importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)
    )
    found = [plate for module in modules for plate in getattr(module, "PLATES", ())]
    return {plate.name: plate for plate in sorted(found, key=_order)}


def _order(plate: Plate) -> tuple[bool, int, str]:
    number = re.match(r"fig_(\d+)", plate.name)
    return number is None, int(number[1]) if number else 0, plate.name


def caption(name: str) -> str:
    """What to see in a figure, what it shows and how it is read."""
    plate = plates()[name]
    return f"{plate.sees} {plate.caption}"


def needs(figures: tuple[str, ...]) -> Needs:
    """The runs that the figures or `TABLES` show, see `named`."""
    known: dict[str, list[Plate]] = {}
    for plate in plates().values():
        known.setdefault(_number(plate.name), []).append(plate)
    wanted = {name: tuple(need for plate in found for need in plate.needs) for name, found in known.items()}
    wanted |= TABLES
    return tuple(need for figure in figures for need in wanted[named(figure)])


def named(text: str) -> str:
    """What a person calls a figure, as its number or word: "Figure 10", "10b", "fig-10.larger-distances" are "10".

    Raises:
        InputError: there is no such figure.
    """
    known = list(dict.fromkeys(map(_number, plates()))) + list(TABLES)
    parts = {ids.plain(part).removeprefix("fig ") for part in (*plates(), *rules.registered().claims)}
    asked = ids.plain(text).removeprefix("fig ")
    number, _, part = asked.partition(" ")
    if number in known and (asked in parts or re.fullmatch("[a-d]?", part)):
        return number
    close = ids.nearest(
        text, [*known, *(name for name in rules.registered().claims if name.startswith("fig-"))]
    )
    hint = f"did you mean {' or '.join(close)}? There are " if close else "expected one of "
    raise InputError(f"figure {text!r} is unknown; {hint}{', '.join(known)}")


def _number(name: str) -> str:
    """Of ``fig_10``, ``10``."""
    return name.removeprefix("fig_").partition("_")[0]


def _data(plate: Plate, shelf: Shelf) -> str:
    """What the networks of a figure were trained on."""
    pictures = data_sets(shelf.data)
    if plate.data == "synthetic" or pictures == SYNTHETIC:
        return SYNTHETIC
    return (
        f"VGG: {pictures}; DLN: {SYNTHETIC}" if plate.data == "both" and "dln" in shelf.models() else pictures
    )


def draw(shelf: Shelf, chosen: Sequence[str] = ()) -> Iterator[tuple[str, Figure]]:
    """Every figure whose runs are there, or of the ``chosen`` ones, with its name; to be saved inside `style.look`."""
    from bnverify.experiments.figures import style

    numbers = {named(text) for text in chosen}
    kept = (
        "; from compact records: statistics of a step, no bands, layers or accuracies"
        if shelf.compact
        else ""
    )
    for name, plate in plates().items():
        wanted = (not numbers or _number(name) in numbers) and not (plate.whole and shelf.compact)
        figure = plate.draw(shelf) if wanted else None
        if figure is not None:
            style.legend(figure)
            style.footnote(figure, f"{_data(plate, shelf)}; steps count from 1{kept}")
            yield name, figure


def draw_all(runs: list[Run], folder: Path, chosen: Sequence[str] = ()) -> list[Path]:
    """Draw every figure whose runs are there, or of the ``chosen`` ones, into ``folder``; return the files written."""
    from bnverify.experiments.figures import style
    from bnverify.experiments.measure.shelf import Shelf

    paths = []
    with style.look():
        for name, figure in draw(Shelf(runs), chosen):
            paths += style.save(figure, folder, name.replace("_", "-"))
    return paths
