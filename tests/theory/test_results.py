"""Stored verdicts are read as data: whole, of this version, with words that are verdicts, or not at all."""

import json

import pytest
from bnverify.theory import results

from bnverify.base.errors import InputError


def test_a_result_is_read_with_what_made_it(made):
    (found,) = results.results(made.result("desk", fig_4a=("mixed", "S1")).parent)
    assert (found.name, found.data, found.date) == ("desk", "cifar10", "2026-01-02")
    assert found.machine == "a chip, 2 cores, cpu, torch 2"
    assert found.claims["fig-4a"]["verdict"] == "mixed"
    assert results.read(made.result("linear", data=(), fig_9=("opposite", "S2"))).data == "synthetic data"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": 1}, "version 1, expected 2"),
        ({"claims": None}, "is no result of bnverify judge"),
        ({"machine": {}}, "no 'processor'"),
    ],
)
def test_what_is_no_result_is_refused_by_name(made, change, words):
    path = made.result("x", fig_4a=("mixed", "S1"))
    made.write(path, {k: v for k, v in json.loads(path.read_text()).items() if k != "sha256"} | change)
    with pytest.raises(InputError, match=words):
        results.results(path.parent)


def test_a_word_that_is_no_verdict_is_refused(made):
    with pytest.raises(InputError, match="fig-4a has the verdict 'partly' at 'S1'"):
        results.read(made.result("x", fig_4a=("partly", "S1")))
    with pytest.raises(InputError, match="at 'S9'"):
        results.read(made.result("x", fig_4a=("mixed", "S9")))


def test_a_flipped_byte_is_found(made):
    path = made.result("x", fig_4a=("mixed", "S1"))
    data = bytearray(path.read_bytes())
    data[data.index(b"24 of 24")] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match="another hash than was written"):
        results.read(path)


def test_words_of_the_first_rules_are_kept_by_run(tmp_path):
    (tmp_path / "reproduce-quick.json").write_text('{"claims": [{"id": "fig-9", "verdict": "partly"}]}')
    assert results.earlier(tmp_path) == {"fig-9": (("quick", "partly"),)}
    (tmp_path / "reproduce-torn.json").write_text("{")
    results.earlier.cache_clear()
    with pytest.raises(InputError, match=r"reproduce-torn.* cannot be read"):
        results.earlier(tmp_path)


def test_the_projects_own_results_are_read():
    results.results()
    assert {word for pairs in results.earlier().values() for _, word in pairs} >= {"partly", "reproduced"}
