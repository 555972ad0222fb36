"""Rules are read whole or refused with the claim and the field; somebody's own change what they name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from bnverify.experiments.judge import rules

from bnverify.base.errors import InputError

REGISTERED = rules.registered()


def own(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "own.toml"
    path.write_text(text)
    return path


def primary(line: str, name: str = "fig-4a") -> str:
    return f'[[claim]]\nid = "{name}"\n[claim.primary]\n{line}\n'


def test_the_preregistration_is_whole_and_older_than_every_result() -> None:
    assert REGISTERED.date.isoformat() == "2026-11-30"
    assert len(REGISTERED.claims) == sum(REGISTERED.size(f) for f in ("network", "linear", "beyond"))
    for path in sorted((rules.NOTES / "results").glob("runs-*.json")):
        date = re.search(r'"date": "([\d-]+)"', path.read_text())
        assert date is not None
        assert date[1] >= REGISTERED.date.isoformat()


@pytest.mark.parametrize("name", list(REGISTERED.claims))
def test_every_claim_is_argued_and_its_size_lies_between_none_and_the_design(name: str) -> None:
    rule = REGISTERED.claims[name]
    one = rule.primary
    assert rule.argued
    assert one.seeds >= 12
    if one.direction in ("below", "above"):
        low, high = sorted((one.null, one.design))
        assert low < one.size < high
    assert rule.parts == () or len(one.of) == len(one.against) == 1


def test_own_rules_change_what_they_name_and_nothing_else(tmp_path: Path) -> None:
    found = rules.overridden(REGISTERED, own(tmp_path, primary("size = 0.1")))
    before, after = REGISTERED.claims["fig-4a"], found.claims["fig-4a"]
    assert (before.primary.size, after.primary.size) == (0.667, 0.1)
    assert after.primary.statistic == before.primary.statistic
    assert after.parts == before.parts
    assert {k: v for k, v in found.claims.items() if k != "fig-4a"} == {
        k: v for k, v in REGISTERED.claims.items() if k != "fig-4a"
    }
    assert found.own.endswith("own.toml")
    assert found.sha256 != REGISTERED.sha256


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (primary("size = 0.1", "fig-99"), "claim 'fig-99' is unknown; bnverify claims lists"),
        (primary('statistic = "beauty"'), "fig-4a has an unknown statistic 'beauty'; expected one of"),
        (
            primary('test = "student"'),
            "fig-4a has an unknown test 'student'; expected one of wilcoxon, sign, tost",
        ),
        (primary('test = "tost"'), "tost.* for below; within is tested by tost"),
        (primary("size = 1.5"), "size = 1.5 on the wrong side for below; expected at most 1"),
        (primary("size = 0.5", "fig-8"), "on the wrong side for above; expected at least 1"),
        (primary("size = 0.5", "fig-1c"), "on the wrong side for within; expected above 1"),
        (primary("size = 0.9", "fig-5.dln"), "on the wrong side for at-most"),
        (primary("size = 1.1", "fig-3.vgg"), "on the wrong side for at-least"),
        (primary("size = -1"), "size = -1; expected a positive number"),
        (primary("size = true"), "size = True; expected a positive number"),
        (primary("window = [0.5, 0.2]"), "expected two shares of training"),
        (primary("window = [0, 2]"), "expected two shares of training"),
        (primary("sise = 0.5"), "unknown field 'sise'; expected one of model, statistic"),
        (primary('model = "resnet"'), "unknown model 'resnet'"),
        (primary("size = 0.1") + primary("size = 0.2"), "fig-4a has two entries; a claim has one primary"),
        (
            primary("size = 0.1") + "[claim.primary]\nsize = 0.2\n",
            "two primaries; a claim has one primary endpoint",
        ),
        (
            '[[claim]]\nid = "fig-4a"\n[[claim.primary]]\nsize = 0.1\n[[claim.primary]]\nsize = 0.2\n',
            "2 primaries",
        ),
        ('[[claim]]\nid = ["fig-4a"]\n', "is unknown"),
        (primary('of = "resnet"'), "unknown network 'resnet'; expected one of none, batchnorm"),
        (primary("against = -1"), "against = -1; expected a positive number"),
        (primary("of = []"), r"of = \[\]; expected one at least"),
        (primary("seeds = 3.5"), "seeds = 3.5; expected a whole number, at least 1"),
        (primary('mode = "now"'), "unknown mode 'now'; expected one of trained, test"),
        (primary("size = 1" + "0" * 400), "expected a positive number"),
        ('[[claim]]\nid = "fig-4a"\nprimary = 3\n', "has 3 for a table of model, statistic"),
        ('[[claim]]\nid = "fig-4a"\npart = [3]\n', "has 3 for a table of name, window"),
        ('[[claim]]\nid = "fig-4a"\nquote = 3\n', "quote = 3; expected text"),
        ('[[claim]]\nid = "fig-4a"\n[claim.grid]\nover = ["x"]\n', "unknown over 'x'; expected one of"),
        ('[[claim]]\nid = "fig-4a"\n[claim.grid]\nmatched_loss = "x"\n', "expected true or false"),
        (
            primary("design = 5"),
            "fig-4a has design = 5 on the wrong side: the ratio if the paper is right does not",
        ),
        (primary("size = 0.1\ndesign = 0.5"), "design = 0.5 on the wrong side: .* below with size = 0.1"),
        (primary("design = 3", "fig-1c"), "design = 3 on the wrong side: .* within with size = 2"),
        (
            primary("null = 0.05"),
            "fig-4a has null = 0.05 on the wrong side: the ratio if the paper is wrong counts as",
        ),
        (primary("size = 3", "fig-5.vgg"), "null = 2 on the wrong side: .* at-most with size = 3"),
        (
            '[[claim]]\nid = "fig-4a"\nfamily = "mine"\n',
            "unknown family 'mine'; expected one of network, linear",
        ),
        ('[[claim]]\nid = "fig-4a"\n', "says what the preregistration says; change"),
        (primary("size = 0.667"), "says what the preregistration says; change"),
        ("[[clam]]\n" + primary("size = 0.5"), "unknown field 'clam'; expected one of version, date"),
        ("", "changes no claim"),
        ("[[claim]\n", "cannot be read as rules"),
        ("claim = 3\n", "expected .*claim.* entries"),
    ],
)
def test_bad_rules_are_one_line_that_names_the_claim(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        rules.overridden(REGISTERED, own(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_one_without_a_primary_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read as rules"):
        rules.overridden(REGISTERED, tmp_path / "none.toml")
    bare = own(tmp_path, 'date = 2026-11-30\n[[claim]]\nid = "x"\n')
    with pytest.raises(InputError, match="x has no primary endpoint"):
        rules.registered(bare)
