"""The file in which the empirical claims are fixed is read whole, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from bnverify.theory.preregistered import preregistration

from bnverify.base.errors import InputError


def test_a_file_that_is_no_preregistration_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text("[[claim]]\ncolour = 1\n")
    with pytest.raises(InputError, match="is no preregistration"):
        preregistration(tmp_path / "x.toml")


def test_a_claim_that_is_fixed_twice_is_refused(tmp_path: Path) -> None:
    entry = '[[claim]]\nid = "fig-1a"\nplace = "Figure 1(a)"\nquote = "a gain"\ntest = []\n'
    (tmp_path / "x.toml").write_text(entry)
    assert list(preregistration(tmp_path / "x.toml")) == ["fig-1a"]
    (tmp_path / "x.toml").write_text(2 * entry)
    with pytest.raises(InputError, match="fig-1a stands there twice"):
        preregistration(tmp_path / "x.toml")
