"""Identifiers that a user typed: all of them known, or one line with the nearest."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

from bnverify.base.errors import InputError


def nearest(name: str, known: Collection[str]) -> list[str]:
    """The up to three known names that look most like ``name``, case set aside."""
    folded = {item.casefold(): item for item in known}
    close = difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.5)
    return [folded[item] for item in close]


def select(names: Iterable[str], known: Collection[str], noun: str = "claim") -> list[str]:
    """``names`` without repetitions, or every known one where none is given.

    Raises:
        InputError: a name is not known.
    """
    chosen = list(dict.fromkeys(names))
    for name in chosen:
        if name not in known:
            close = nearest(name, known)
            hint = f"did you mean {' or '.join(close)}? " if close else ""
            raise InputError(f"no {noun} is called {name!r}; {hint}`bnverify claims` lists all")
    return chosen or list(known)
