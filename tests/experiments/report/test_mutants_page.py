"""The kill table says what the judges said."""

from __future__ import annotations

import pytest
from bnverify.experiments.report import mutants_page
from bnverify.numerics.mutants import Row


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    patch = pytest.MonkeyPatch()
    patch.setattr(mutants_page, "derivation_mutants", lambda: ())
    ticks: list[tuple[int, int]] = []
    try:
        made, derived = mutants_page.judged(["thm-4.2.1"], 0, lambda done, total: ticks.append((done, total)))
    finally:
        patch.undo()
    assert derived == []
    assert ticks[-1][0] == ticks[-1][1] == len(made)
    return made


def test_every_statement_has_a_row_with_its_counts(rows: list[Row]) -> None:
    made = mutants_page.section(
        rows, [("sign", "caught", "a point"), ("same", "equivalent", "a certificate")]
    )
    (table,) = made.tables
    assert [row[0].split()[0] for row in table.rows] == ["thm-4.2.1"] * len(rows)
    assert table.rows[0][1:4] == (
        str(len(rows[0].verdicts)),
        str(rows[0].count("false")),
        str(rows[0].killed),
    )
    assert "1 are caught by plain differentiation, 1 derive the same, 0 got away" in made.words[1]


def test_a_mutant_that_got_away_is_counted(rows: list[Row]) -> None:
    made = mutants_page.section(rows, [("sign", "survived", "")])
    assert made.words[1].endswith("1 got away.")
