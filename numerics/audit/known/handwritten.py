"""Modules that may be layers somebody wrote by hand, and what was found of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from bnverify.numerics.audit.known.forms import Recognised
from bnverify.numerics.audit.known.recognise import recognise
from bnverify.numerics.audit.known.register import REGISTERED
from bnverify.numerics.audit.uncovered import looks_like_norm
from torch import Tensor, nn

from bnverify.base.errors import InputError


@dataclass(frozen=True)
class HandWritten:
    """Modules that may be layers somebody wrote by hand, and what was found of each so far.

    said: class names and what a person says that they are.
    """

    said: Mapping[str, str] = field(default_factory=dict)
    found: dict[int, Recognised | None] = field(default_factory=dict)
    rejected: dict[type, None] = field(default_factory=dict)

    def candidates(self, model: nn.Module, prefix: str, covered: Iterable[str]) -> dict[str, nn.Module]:
        """Name -> module of every leaf that is not PyTorch's own, and of every class that somebody named.

        Raises:
            InputError: a named class does not occur.
        """
        known = tuple(covered)
        chosen: dict[str, nn.Module] = {}
        for name, module in model.named_modules():
            whole = ".".join(part for part in (prefix, name) if part) or type(model).__name__
            if whole in known or any(whole.startswith(f"{outer}.") for outer in known):
                continue
            if self.definition(module) is not None or (_by_hand(module) and _leaf(module)):
                chosen[whole] = module
        return chosen

    def require(self, *roots: nn.Module) -> None:
        """Raises InputError where a class that somebody named does not occur."""
        classes = {type(module).__name__ for root in roots for module in root.modules()}
        for name in self.said:
            if name not in classes:
                near = get_close_matches(name, classes, n=1, cutoff=0.0)
                raise InputError(f"the model has no module of class {name!r}; did you mean {near[0]!r}?")

    def definition(self, module: nn.Module) -> str | None:
        """What somebody says that the module is."""
        return self.said.get(type(module).__name__) or REGISTERED.get(type(module))

    def what(self, module: nn.Module, y: Tensor) -> Recognised | None:
        """What the module is, from its first call."""
        if id(module) not in self.found:
            definition = self.definition(module)
            if definition is None and type(module) in self.rejected:
                return None
            self.found[id(module)] = recognise(module, y, definition)
            if self.found[id(module)] is None and not looks_like_norm(module):
                # One activation function is like another.
                self.rejected[type(module)] = None
        return self.found[id(module)]


def _by_hand(module: nn.Module) -> bool:
    return not type(module).__module__.startswith(("torch.nn.", "torch.ao.", "torch.jit"))


def _leaf(module: nn.Module) -> bool:
    """Nothing inside it learns."""
    return all(next(child.parameters(), None) is None for child in module.children())
