"""A summary is believed for the log ratio of every seed alone; whatever else it says has to follow."""

import json

import pytest
from bnverify.theory import summaries
from bnverify.theory.claim import Status
from bnverify.theory.preregistered import preregistration

from bnverify.base.errors import InputError

HOLDS, FAILS, WIDE = (
    [-1.0, -1.1, -0.9, -1.05, -0.95],
    [1.0, 1.1, 0.9, 1.05, 0.95],
    [-3.0, 3.0, -2.0, 2.5, 0.1],
)


def read(made, path):
    return summaries.read(path, preregistration(made.fixed))


def judged(made, identifier="fig-4a", data="cifar10", **ratios):
    return read(made, made.summary("quick", data, **ratios)).claims[identifier]


@pytest.mark.parametrize(
    ("cells", "verdict"),
    [
        ([HOLDS, HOLDS], Status.REPRODUCED),
        ([HOLDS, FAILS], Status.PARTLY),
        ([HOLDS, WIDE], Status.PARTLY),
        ([HOLDS, [*HOLDS[:4], None]], Status.PARTLY),
        ([FAILS, WIDE], Status.NOT_REPRODUCED),
        ([WIDE, WIDE], Status.OPEN),
        ([[], []], Status.OPEN),
    ],
)
def test_the_verdict_follows_from_the_seeds(made, cells, verdict):
    assert judged(made, fig_4a=cells).verdict is verdict


def test_what_holds_alone_but_not_against_the_family_is_open(made):
    close = [-0.1, -0.45, 0.0, -0.3, -0.1]
    alone, among = (
        judged(made, fig_4a=[close, HOLDS]),
        judged(made, fig_4a=[close, HOLDS], fig_9=[WIDE, WIDE]),
    )
    assert alone.p == among.p < 0.05 < among.p_holm
    assert (alone.verdict, among.verdict) == (Status.REPRODUCED, Status.OPEN)


def test_the_command_the_machine_and_the_date_come_with_it(made):
    found = read(made, made.summary("quick", fig_4a=[HOLDS, HOLDS]))
    assert (found.name, found.data, found.date) == ("quick", "cifar10", "2026-01-02")
    assert found.command == "bnverify reproduce --preset quick"
    assert found.machine == "a chip, 2 cores, cpu, torch 2, commit abc"


def tampered(path, edit):
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))
    return path


def first(content):
    return content["claims"][0]["cells"][0]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda c: first(c).update(decision="fails"), "it says fails, its numbers holds"),
        (lambda c: c["claims"][0].update(verdict="reproduced"), "it says reproduced, its numbers partly"),
        (lambda c: c["claims"][0].update(p_holm=0.01), "it says p_holm = 0.01"),
        (lambda c: first(c)["log_ratios"].update({"0": 2.0}), "where the seeds give"),
        (lambda c: first(c)["comparison"].update(ratio=0.1), "ratio = 0.1"),
        (lambda c: first(c)["comparison"].update(n=50), "n = 50 for 5 seeds"),
        (lambda c: first(c).update(comparison=None), "two seeds give one"),
        (lambda c: first(c).update(missing="a seed"), "missing: 'a seed'"),
        (lambda c: first(c).update(bound=5.0), "not the 2 that were fixed beforehand"),
        (lambda c: c["claims"][0]["cells"].pop(), "not the 2 that were fixed beforehand"),
        (lambda c: c["claims"][0].update(id="fig-99"), "nothing was fixed beforehand for the claim 'fig-99'"),
        (lambda c: c["claims"].append(c["claims"][0]), "fig-4a twice"),
        (lambda c: c.update(data=["digits", "cifar10"]), "mixes the data sets"),
        (lambda c: c.update(date="yesterday"), "Invalid isoformat"),
        (lambda c: c.pop("machine"), "no field 'machine'"),
        (lambda c: c.update(claims={}), "its claims are no list"),
        (lambda c: c.update(claims=[3]), "not subscriptable"),
    ],
)
def test_a_tampered_summary_is_an_input_error_that_says_where_and_how_to_mend_it(made, edit, said):
    path = made.summary("quick", fig_4a=[HOLDS, WIDE])
    read(made, path)
    with pytest.raises(InputError, match="`bnverify figures DIR` writes it anew") as error:
        read(made, tampered(path, edit))
    assert said in str(error.value)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"claims": []}', "\x00"])
def test_an_unreadable_summary_is_an_input_error(made, text):
    path = made.folder / "reproduce-x.json"
    path.write_text(text)
    with pytest.raises(InputError, match="is not the summary of a reproduction"):
        read(made, path)


def test_bytes_that_are_no_text_are_an_input_error(made):
    path = made.folder / "reproduce-x.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="is not the summary of a reproduction"):
        read(made, path)


def test_a_folder_without_summaries_has_none(tmp_path):
    assert summaries.summaries(tmp_path) == ()


def test_every_committed_summary_follows_from_its_seeds(results):
    found = summaries.summaries()
    assert [one.name for one in found] == [path.stem.removeprefix("reproduce-") for path in results]
    assert all(one.claims for one in found)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[[claim]]\nid = 'a'",
        "[[claim]]\nid = 'a'\nplace = ''\nquote = ''\nodd = 1\ntest = []",
        "claim = [1]",
    ],
)
def test_a_damaged_preregistration_is_an_input_error(tmp_path, text):
    path = tmp_path / "preregistration.toml"
    path.write_text(text)
    with pytest.raises(InputError, match="is no preregistration"):
        preregistration(path)


def test_a_missing_preregistration_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="is no preregistration"):
        preregistration(tmp_path / "none.toml")
