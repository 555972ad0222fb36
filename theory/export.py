"""Exact instances as plain data."""

from __future__ import annotations

from typing import Any

from bnverify.theory.claim import Instance


def _plain(value: Any) -> Any:
    """Nested tuples of exact numbers as nested lists of strings."""
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return str(value)


def instance_data(instance: Instance) -> dict[str, Any]:
    """An exact instance as plain data, every number a string."""
    return {
        "y": _plain(instance.y),
        "g": _plain(instance.g),
        "H": None if instance.H is None else _plain(instance.H),
        "gamma": str(instance.gamma),
        "beta": str(instance.beta),
        "eps": str(instance.eps),
        "lam": str(instance.lam),
        "X": None if instance.X is None else _plain(instance.X),
        "W": None if instance.W is None else _plain(instance.W),
        "extra": [[name, _plain(value)] for name, value in instance.extra],
    }
