"""Which layers of a model are watched: by their class, by name, by pattern."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

from bnverify.numerics.audit.layers import Kind, kind_of
from bnverify.numerics.audit.uncovered import NotCovered
from torch import nn

from bnverify.base.errors import InputError


def covered_layers(model: nn.Module, prefix: str = "") -> dict[str, tuple[nn.Module, Kind]]:
    """Name -> module and kind of every covered layer, outermost where one contains another.

    A model that is itself a layer is called by its class, or by the prefix that all names get.
    """
    found: dict[str, tuple[nn.Module, Kind]] = {}
    for name, module in model.named_modules():
        kind = kind_of(module)
        whole = ".".join(part for part in (prefix, name) if part) or type(model).__name__
        if kind is None or any(whole.startswith(f"{outer}.") for outer in found):
            continue
        found[whole] = (module, kind)
        if not name:
            break
    return found


@dataclass(frozen=True)
class Selection:
    """Layers by exact names or shell patterns; every one where there are none."""

    patterns: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.patterns is not None and not self.patterns:
            raise InputError("layers is empty; name at least one, or leave it out for all of them")

    def __call__(self, name: str) -> bool:
        return self.patterns is None or any(_hits(pattern, name) for pattern in self.patterns)

    def require(self, names: Iterable[str], others: Iterable[NotCovered] = ()) -> None:
        """Raises InputError where a pattern selects none of the layers; ``others`` are named where they are meant."""
        known = list(names)
        for pattern in self.patterns or ():
            if not known or any(_hits(pattern, name) for name in known):
                continue
            other = next((item for item in others if item.name == pattern), None)
            if other is not None:
                raise InputError(f"layer {pattern} ({other.what}) is not covered: it {other.why}")
            near = get_close_matches(pattern, known, n=1, cutoff=0.0)
            raise InputError(
                f"no normalisation layer is called {pattern!r}; did you mean {near[0]!r}? "
                f"The model has {', '.join(known)}"
            )


def _hits(pattern: str, name: str) -> bool:
    return name == pattern or fnmatchcase(name, pattern)


def choose(
    layers: dict[str, tuple[nn.Module, Kind]], names: list[str] | None, others: Iterable[NotCovered] = ()
) -> dict[str, tuple[nn.Module, Kind]]:
    """The layers that ``names`` (exact names or shell patterns) select; all of them where it is None.

    Args:
        others: what else looks like normalisation, to be named where nothing is selected.

    Raises:
        InputError: the model has no covered layer, or a name selects none.
    """
    if not layers:
        seen = "; ".join(f"{item.name or 'the model'} ({item.what}) {item.why}" for item in others)
        raise InputError(
            "the model has no normalisation layer that can be audited; expected BatchNorm1d/2d/3d, SyncBatchNorm, "
            "LayerNorm, GroupNorm, InstanceNorm1d/2d/3d, RMSNorm or a layer of bnverify.numerics.measure.norms"
            + (f"; not covered: {seen}" if seen else "")
        )
    selection = Selection(None if names is None else tuple(names))
    selection.require(layers, others)
    return {name: layer for name, layer in layers.items() if selection(name)}
