"""A column of a table: one number or word a row, kept as a tensor and told as Python values when somebody reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar, overload

from torch import Tensor

T = TypeVar("T")


class Column(Sequence[T]):
    """The values of a 1-D tensor; with ``words`` the words at these places.

    It is like a tuple of them, and equal to one. An audit of many rows makes far more numbers than are ever looked at.
    """

    def __init__(self, values: Tensor, words: Sequence[T] = ()) -> None:
        self.values, self.words = values.detach().cpu(), words

    @cached_property
    def told(self) -> tuple[T, ...]:
        listed = self.values.tolist()
        return tuple([self.words[place] for place in listed] if self.words else listed)

    def count(self, value: Any) -> int:
        if not self.words:
            return self.told.count(value)
        return int((self.values == self.words.index(value)).sum()) if value in self.words else 0

    def kept(self, places: Sequence[int] | None) -> Column[T]:
        """The rows at these places; all of them where it is None."""
        return self if places is None else Column(self.values[list(places)], self.words)

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[T, ...]: ...
    def __getitem__(self, place: int | slice) -> T | tuple[T, ...]:
        return self.told[place]

    def __len__(self) -> int:
        return len(self.values)

    def __iter__(self) -> Iterator[T]:
        return iter(self.told)

    def __eq__(self, other: object) -> bool:
        return self.told == (other.told if isinstance(other, Column) else other)

    def __hash__(self) -> int:
        return hash(self.told)

    def __repr__(self) -> str:
        return repr(self.told)

    def __reduce__(self) -> tuple[Any, ...]:
        return Column, (self.values.clone(), self.words)


def plain(value: Any) -> Any:
    """Data of a report with columns as tuples; dataclasses as dictionaries."""
    if isinstance(value, Column):
        return value.told
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, type):
        return {key: plain(getattr(value, key)) for key in value.__dataclass_fields__}
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([plain(item) for item in value])
    return value
