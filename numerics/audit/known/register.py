"""Names and definitions that a person gives to classes."""

from __future__ import annotations

from bnverify.theory.normalisations import normalisation
from torch import nn

from bnverify.base.errors import InputError

REGISTERED: dict[type[nn.Module], str] = {}
"""Classes that a person named, with a name or the text of a definition."""

PLACES = {
    "layer-norm": ("last", "channels", "sample", "whole"),
    "rms-norm": ("last", "channels", "sample", "whole"),
    "scale-norm": ("last", "channels", "sample"),
    "batch-norm": ("batch",),
    "instance-norm": ("instance",),
    "group-norm": ("group", "sample"),
}
"""The usual names, and which numbers may share a spread in each."""


def register(cls: type[nn.Module], definition: str) -> None:
    """Say that a class is a normalisation: by name, such as "rms-norm", or by the text of its definition.

    Raises:
        InputError: it is no class of modules, or the definition is not one.
    """
    if not (isinstance(cls, type) and issubclass(cls, nn.Module)):
        raise InputError(f"register was given {cls!r}; expected a class of torch.nn.Module")
    REGISTERED[cls] = known_definition(definition)


def known_definition(text: str) -> str:
    """The text if it names or defines a normalisation.

    Raises:
        InputError: it does neither.
    """
    if text not in PLACES:
        normalisation(text)
    return text
