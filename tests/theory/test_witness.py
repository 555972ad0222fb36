"""A claim names a witness only where that witness really looked."""

from __future__ import annotations

import pytest
from bnverify.numerics.check.statements import kind_of
from bnverify.theory import store
from bnverify.theory.registry import registry
from bnverify.theory.rocq.witnesses import witnesses
from bnverify.theory.witness import unasked, witnesses_of


def test_random_batches_are_named_where_the_checker_can_ask_them() -> None:
    for claim in registry().values():
        for stated in (*claim.readings, *filter(None, [claim.corrected])):
            assert kind_of(claim, stated)[1] == unasked(stated), (
                claim.id,
                stated.norm,
            )


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
