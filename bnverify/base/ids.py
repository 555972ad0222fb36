"""Identifiers that a user typed: all of them known, or one line with the nearest."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable

from bnverify.base.errors import InputError

WORDS = {
    "theorem": "thm",
    "lemma": "lem",
    "observation": "obs",
    "equation": "eq",
    "figure": "fig",
    "definition": "def",
    "section": "prose",
}
"""What people write, and how ids begin."""


def plain(name: str) -> str:
    """An id without case, punctuation and long words: "Theorem 4.1", "THM-4.1" and "thm 4.1" are one."""
    words = re.findall(r"[a-z]+|[0-9]+", name.casefold())
    return " ".join(WORDS.get(word, word) for word in words)


def meant(name: str, known: Collection[str]) -> list[str]:
    """The known names that a person can have meant: the same but for spelling, or ending so ("4.1")."""
    asked = plain(name)
    if not asked:
        return []
    same = [item for item in known if plain(item) == asked]
    return same or [item for item in known if re.fullmatch(rf"[a-z]+ {re.escape(asked)}", plain(item))]


def parts(name: str, known: Collection[str]) -> list[str]:
    """The known numbered names that are parts of what a person named: thm-4.2.1 and thm-4.2.2 of "4.2"."""
    part = re.compile(rf"(?:(?!prose |ext |blog )[a-z]+ )?{re.escape(plain(name))} .+")
    return [item for item in known if plain(name) and part.fullmatch(plain(item))]


def nearest(name: str, known: Collection[str]) -> list[str]:
    """The up to three known names that look most like ``name``, spelling set aside."""
    folded = {plain(item): item for item in known}
    close = difflib.get_close_matches(plain(name), folded, n=3, cutoff=0.5)
    return [folded[item] for item in close]


def select(names: Iterable[str], known: Collection[str], noun: str = "claim", one: bool = False) -> list[str]:
    """``names`` as the known ones are spelt, without repetitions; every known one where none is given.

    The name of a kind, such as obs-4.3, stands for all its `parts`; ``one``: only a single name is wanted.

    Raises:
        InputError: a name is not known, or can mean several.
    """
    chosen: dict[str, None] = {}
    for name in names:
        found = [name] if name in known else meant(name, known)
        whole = [] if found else parts(name, known)
        all_of_it = not one and re.match(r"[a-z]+ \w+ \w+", plain(name)) is not None
        if len(found) > 1 or (len(whole) > 1 and not all_of_it):
            raise InputError(f"{name!r} can mean {', '.join((found or whole)[:6])}; say which {noun}")
        if not found and not (whole and all_of_it):
            close = nearest(name, known)
            hint = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
            raise InputError(f"no {noun} is called {name!r}; {hint}`bnverify claims --all` lists all")
        chosen |= dict.fromkeys(found or whole)
    return list(chosen) or list(known)
