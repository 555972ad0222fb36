"""What each empirical claim is judged by, fixed beforehand: `notes/preregistration.toml` as data."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bnverify.base.errors import InputError

NOTES = Path(__file__).resolve().parent.parent / "notes"
PREREGISTRATION = NOTES / "preregistration.toml"

Direction = Literal["below", "above", "within"]
Key = tuple[str, str, str, str | float, Direction, float, str, float]
"""A cell: model, statistic, of, against, claim, bound, phase, learning rate."""


@dataclass(frozen=True)
class Block:
    """One test: ``statistics`` of the networks ``of`` over that of ``against`` is ``claim`` ``bound``, everywhere.

    claim: "below" or "above" the bound, or "within" it and its inverse.
    """

    model: str
    statistics: tuple[str, ...]
    of: tuple[str, ...]
    against: str | float
    claim: Direction
    bound: float
    phases: tuple[str, ...] = ("all",)
    lr: tuple[float, ...] = (0.1,)

    def cells(self) -> Iterator[Key]:
        """Every place in which the test is made."""
        for lr, name, of, phase in itertools.product(self.lr, self.statistics, self.of, self.phases):
            yield self.model, name, of, self.against, self.claim, self.bound, phase, lr


@dataclass(frozen=True)
class Fixed:
    """How one claim is judged: its tests, and the figure that the paper gives where it gives one."""

    id: str
    place: str
    quote: str
    blocks: tuple[Block, ...]
    paper: str = ""
    judge_on_digits: bool = True

    def cells(self) -> tuple[Key, ...]:
        return tuple(key for block in self.blocks for key in block.cells())

    def judged_on(self, data: str) -> bool:
        """Whether this data set may judge it: the embedded digits are too easy for some claims about VGG."""
        trained = any(block.model == "vgg" for block in self.blocks)
        return data != "digits" or self.judge_on_digits or not trained


def preregistration(path: Path = PREREGISTRATION) -> dict[str, Fixed]:
    """The claims of the file by id, in its order.

    Raises:
        InputError: the file is missing or says something else.
    """
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))["claim"]
        found: dict[str, Fixed] = {}
        for entry in entries:
            one = _fixed(dict(entry))
            if one.id in found:
                raise ValueError(f"{one.id} stands there twice")
            found[one.id] = one
    except (OSError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} is no preregistration ({_reason(error)}); restore the project's own"
        ) from None
    return found


def _reason(error: Exception) -> str:
    return f"no {error}" if isinstance(error, KeyError) else str(error)


def _fixed(entry: dict[str, Any]) -> Fixed:
    tests = entry.pop("test")
    return Fixed(**entry, blocks=tuple(Block(**{k: _frozen(v) for k, v in test.items()}) for test in tests))


def _frozen(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_frozen(item) for item in value)
    return float(value) if isinstance(value, int) else value
