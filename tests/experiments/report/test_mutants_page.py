"""The kill table says what the judges said."""

from __future__ import annotations

from dataclasses import replace

import pytest
from bnverify.experiments.report import content, mutants_page
from bnverify.numerics.tester import kills
from bnverify.numerics.tester.killing import kill


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
