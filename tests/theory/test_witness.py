"""A claim names a witness only where that witness really looked."""

from __future__ import annotations

import pytest
from bnverify.numerics.check.statements import kind_of
from bnverify.theory import store
from bnverify.theory.registry import registry
from bnverify.theory.rocq.witnesses import witnesses
from bnverify.theory.witness import unasked, witnesses_of

ALONE = {
    "eq-10 symmetric": "about matrices",
    "eq-10 any-matrix": "about matrices",
    "eq-10 corrected": "about matrices",
    "eq-16 attained-in-the-open-ball": "every input in a ball",
    "ext-weight-fixed-X.increase opposed": "one exact point",
    "lem-4.5 no-bias": "one set of weights",
    "prose-4.2-taylor corrected": "second rate of a random loss",
}
"""The readings that no random batch can say anything of."""


def test_random_batches_are_named_where_the_checker_can_ask_them() -> None:
    found = {}
    for claim in registry().values():
        for stated in (*claim.readings, *filter(None, [claim.corrected])):
            if why := unasked(stated):
                found[f"{claim.id} {getattr(stated, 'slug', 'corrected')}"] = why
                assert kind_of(claim, stated) == (None, why)
    assert found.keys() == ALONE.keys()
    assert all(ALONE[name] in why for name, why in found.items())


def test_theorem_4_1_has_every_witness_and_a_figure_none() -> None:
    items = {name: entry.item["witnesses"] for name, entry in store.load(["thm-4.1", "fig-1a"]).items()}
    assert items["fig-1a"] == {}
    assert {"kernel", "exact point", "SymPy", "random batches"} <= items["thm-4.1"].keys()
    assert items["thm-4.1"]["kernel"] == ["corrected"]
    assert "same-point" in items["thm-4.1"]["exact point"]


@pytest.mark.parametrize(
    "name", ["eq-11", "def-2.1.first-layer", "ext-layer.gradient", "obs-4.3.activations"]
)
def test_sympy_is_no_witness_of_what_it_does_not_differentiate(name: str) -> None:
    assert "SymPy" not in store.load([name])[name].item["witnesses"]


def test_nothing_stands_behind_what_was_neither_proved_nor_refuted() -> None:
    claim = registry()["thm-4.1"]
    assert witnesses_of(claim, ()) == (
        {"Rocq": list(found)} if (found := witnesses("thm-4.1").theorems) else {}
    )
