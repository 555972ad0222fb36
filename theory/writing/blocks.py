"""What a page is made of, for the writers of HTML, Markdown and the terminal. Texts hold $LaTeX$, `ids` and words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Part:
    """A heading and what stands under it, up to the next one. level: 2 for the parts of a page, 3 within them."""

    title: str
    level: int = 2


@dataclass(frozen=True)
class Words:
    """A paragraph."""

    text: str
    muted: bool = False


@dataclass(frozen=True)
class Judged:
    """A verdict with its reason in a line. lead: the words before it."""

    lead: str
    word: str
    tight: bool
    why: str


@dataclass(frozen=True)
class Formula:
    """A displayed formula. given: its conditions. against: another one, from which what differs is set off."""

    latex: str
    plain: str
    given: tuple[tuple[str, str], ...] = ()
    against: str = ""
    against_plain: str = ""


@dataclass(frozen=True)
class Quote:
    """What a source says, and where."""

    text: str
    where: str


@dataclass(frozen=True)
class Facts:
    """Names with a line of text each."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Lines:
    """A list of short texts, numbered or not."""

    items: tuple[str, ...]
    numbered: bool = False


@dataclass(frozen=True)
class Values:
    """Formulas of values side by side: (LaTeX, plain text) each."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Code:
    """Text to copy. language: what it is written in."""

    text: str
    language: str


@dataclass(frozen=True)
class Cells:
    """What training runs measured, a comparison a row, with its interval and seeds as a picture beside it."""

    rows: tuple[Mapping[str, Any], ...]
    endpoint: Mapping[str, Any]


@dataclass(frozen=True)
class Arrows:
    """A batch of two as a plane: vectors (name, first entry, second entry) of exact numbers rounded to floats."""

    vectors: tuple[tuple[str, float, float], ...]
    caption: str


@dataclass(frozen=True)
class Fold:
    """What is shown when it is asked for."""

    title: str
    blocks: tuple[Block, ...]


Block = Part | Words | Judged | Formula | Quote | Facts | Lines | Values | Code | Cells | Arrows | Fold


@dataclass(frozen=True)
class Page:
    """A claim as a page."""

    id: str
    title: str
    place: str
    blocks: tuple[Block, ...]
