"""A figure as a record: a module of this folder that has a ``PLATES`` is drawn, planned for and shown, nothing else to
touch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from bnverify.experiments.measure.shelf import Shelf
    from matplotlib.figure import Figure

Needs = tuple[tuple[str, tuple[str, ...]], ...]
Data = Literal["pictures", "synthetic", "both"]


@dataclass(frozen=True)
class Plate:
    """One figure.

    Attributes:
        name: of its files, and of its place in a page.
        sees: a sentence that says what to see in it. caption: what is shown, and how it is read.
        draw: the figure of what was trained; None where its runs are missing.
        needs: (family, networks) of the runs that it shows; see `plans.FAMILIES`.
        data: what its networks were trained on.
        whole: it shows what compact runs do not keep, and is left out where there are no others.
    """

    name: str
    sees: str
    caption: str
    draw: Callable[[Shelf], Figure | None]
    needs: Needs
    data: Data = "pictures"
    whole: bool = False
