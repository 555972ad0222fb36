"""The room of weight space at the actual input, the setting ``weights-at-X``: X W is y, not just some vector."""

from __future__ import annotations

from typing import Any

import sympy as sp
from bnverify.theory.gram import Basis, Table, transpose
from bnverify.theory.observe import Gram

Images = dict[tuple[str, str], dict[str, sp.Expr]]


class WeightTable(Table):
    """Inner products in which X W is replaced by y, and X'1 and X'y-hat by what is assumed of them."""

    def __init__(self, facts: dict[Any, sp.Expr], images: Images) -> None:
        super().__init__(facts)
        self.images = images

    def inner(self, left: Basis, right: Basis) -> sp.Expr:
        word = transpose(left[0]) + right[0]
        a, b = left[1], right[1]
        if word and (word[-1], b) in self.images:
            image, rest, other = self.images[word[-1], b], word[:-1], ((), a)
        elif word and (transpose(word[:1])[0], a) in self.images:
            image, rest, other = self.images[transpose(word[:1])[0], a], transpose(word[1:]), ((), b)
        else:
            return super().inner(((), a), (word, b))
        total: sp.Expr = sp.Integer(0)
        for base, coefficient in image.items():
            total = total + coefficient * self.inner(other, (rest, base))
        return total


class AtX(Gram):
    """y = X W."""

    table: Table

    def __init__(self, eps: bool = False) -> None:
        super().__init__(eps)
        self.table = WeightTable(self.table.facts, self._images_of_bases())

    def _images_of_bases(self) -> Images:
        return {("X", "W"): {"1": self.symbols["mu"], "yhat": self.symbols["s"]}}
