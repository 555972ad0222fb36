"""The kill table says what the judges said."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bnverify.experiments.report import content, mutants_page
from bnverify.numerics.tester import kills
from bnverify.numerics.tester.killing import kill
from bnverify.numerics.tester.mutants import Row


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


@pytest.fixture(scope="module")
def stored() -> dict[str, kills.Killed]:
    return {name: kill(name) for name in ("thm-4.1", "eq-28")}


def test_the_page_has_a_row_for_every_proved_statement(stored: dict[str, kills.Killed]) -> None:
    some = list(stored.values())
    page = mutants_page.html(some, "1.0", lambda name: f"claims/{name}.html")
    for one in some:
        for statement in one.statements:
            assert f"<td>{statement['about']}" in page
    assert '<tbody id="eq-28">' in page
    assert 'href="claims/thm-4.1.html"' in page
    assert "exact points alone: it speaks of derivative" in page


def test_a_claim_says_what_became_of_its_mutants(stored: dict[str, kills.Killed]) -> None:
    words = content.tested(stored["thm-4.1"])
    count = stored["thm-4.1"].total("judged")
    assert words.startswith(f"{count} mutants of 1 proved statement: {count} false, {count} of them caught")
    assert words.endswith("The equality holds at 100 exact points, m from 2 to 12.")


def test_what_got_away_is_a_failure_of_the_report(stored: dict[str, kills.Killed]) -> None:
    one = stored["thm-4.1"]
    unsound = replace(one, statements=({**one.statements[0], "sound": False},))
    different = replace(one, statements=({**one.statements[0], "points": {"differs": {"y": []}}},))
    assert mutants_page.failures([one]) == []
    assert len(mutants_page.failures([unsound, different])) == 2
