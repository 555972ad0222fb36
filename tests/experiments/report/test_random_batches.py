"""What the report says of random batches is what the check found."""

from __future__ import annotations

import pytest
import torch
from bnverify.experiments.report.random_batches import breakdown, chosen, measured
from bnverify.numerics.check.run import ClaimFindings, Finding, check_claims


@pytest.fixture(scope="module")
def findings() -> dict[str, ClaimFindings]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return {found.id: found for found in check_claims(["thm-4.1", "thm-4.2.1", "thm-4.2.2"], trials=700)}
    finally:
        torch.set_num_threads(threads)


def test_the_printed_statement_stands_beside_the_corrected_one(findings: dict[str, ClaimFindings]) -> None:
    left, right = chosen(findings["thm-4.1"])
    assert left is not None
    assert right is not None
    assert (left.verdict, right.role) == ("refuted", "corrected")


def test_of_several_readings_one_that_fails_stands_beside_what_is_true(
    findings: dict[str, ClaimFindings],
) -> None:
    left, right = chosen(findings["thm-4.2.2"])
    assert left is not None
    assert right is not None
    assert (left.verdict, right.verdict) == ("refuted", "proved")


def test_a_statement_that_is_true_as_printed_stands_alone(findings: dict[str, ClaimFindings]) -> None:
    left, right = chosen(findings["thm-4.2.1"])
    assert left is not None
    assert left.verdict == "proved"
    assert right is None


def test_the_sentence_gives_the_counts_of_the_check(findings: dict[str, ClaimFindings]) -> None:
    found = measured(findings["thm-4.1"])
    assert found is not None
    printed = findings["thm-4.1"].statements[0]
    assert f"{printed.count(Finding.VIOLATED):,} (" in found.sentence
    assert "none violates it" in found.sentence


def test_tables_have_a_row_for_every_loss(findings: dict[str, ClaimFindings]) -> None:
    found = measured(findings["thm-4.1"])
    assert found is not None
    for table, statement in zip(found.tables, chosen(findings["thm-4.1"]), strict=True):
        assert statement is not None
        assert len(table.rows) == len(statement.losses)
        assert all(len(row) == len(table.columns) for row in table.rows)


def test_shares_of_the_terms_add_up_to_one(findings: dict[str, ClaimFindings]) -> None:
    for name in ("thm-4.1", "thm-4.2.1"):
        found = breakdown(findings[name].statements[0])
        assert found is not None
        labels, parts = found
        for index in range(len(labels)):
            assert sum(values[index] for values in parts.values()) == pytest.approx(1)


def test_printed_and_corrected_stand_side_by_side(findings: dict[str, ClaimFindings]) -> None:
    found = measured(findings["thm-4.1"])
    assert found is not None
    assert [picture.name.rsplit("-", 1)[1] for picture in found.figures] == [
        "scatter", "scatter", "terms",
    ]  # fmt: skip
