"""Identifiers that a user typed."""

import pytest

from bnverify.base.errors import InputError
from bnverify.base.ids import nearest, select

KNOWN = ["thm-4.1", "thm-4.2.1", "eq-10"]


def test_no_names_means_all_in_their_order():
    assert select([], KNOWN) == KNOWN


def test_names_keep_their_order_and_count_once():
    assert select(["eq-10", "thm-4.1", "eq-10"], KNOWN) == ["eq-10", "thm-4.1"]


def test_an_unknown_name_is_named_with_its_nearest():
    with pytest.raises(InputError, match=r"no claim is called 'thm-4.3'; did you mean 'thm-4.1'"):
        select(["thm-4.3"], KNOWN)


def test_a_statement_stands_for_its_parts_where_several_are_asked_for():
    known = [*KNOWN, "thm-4.2.2"]
    assert select(["Theorem 4.2"], known) == ["thm-4.2.1", "thm-4.2.2"]
    with pytest.raises(InputError, match=r"'thm-4.2' can mean thm-4.2.1, thm-4.2.2"):
        select(["thm-4.2"], known, one=True)


def test_nothing_is_suggested_where_nothing_is_near():
    assert nearest("weather", KNOWN) == []


@pytest.mark.parametrize("typed", ["4.1", "THM-4.1", "Theorem 4.1", "thm 4.1", "thm4.1"])
def test_an_id_may_be_written_as_people_write_it(typed):
    assert select([typed], KNOWN) == ["thm-4.1"]


def test_what_can_mean_several_is_refused():
    with pytest.raises(InputError, match=r"can mean thm-4\.1, eq-4\.1"):
        select(["4.1"], ["thm-4.1", "eq-4.1"])


@pytest.mark.parametrize("typed", ["4.2", "Theorem 4"])
def test_what_has_parts_names_them(typed):
    known = [*KNOWN, "thm-4.2.2", "prose-4.2-taylor"]
    with pytest.raises(InputError, match=r"can mean (thm-4\.1, )?thm-4\.2\.1, thm-4\.2\.2; say which claim"):
        select([typed], known)
