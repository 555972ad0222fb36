"""Long formulas are broken where a reader expects it, and nothing of them is lost."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from bnverify.experiments.report.linebreak import LIMIT, width
from bnverify.experiments.report.mathml import mathml

TERM = r"\frac{1}{m}\, \left\langle \mathbf{1}, g\right\rangle\, \hat{y}"
SHORT = rf"a = {TERM}"
LONG = "a = " + " - ".join([TERM] * 12)
BRACKET = rf"a = \frac{{\gamma}}{{\sigma}} \left({' + '.join([TERM] * 12)}\right) \tag{{42}}"


def tree(latex: str, display: bool = True) -> ET.Element:
    return ET.fromstring(mathml(latex, display))


def rows(root: ET.Element) -> list[ET.Element]:
    return root.findall(".//mtable[@class='lines']/mtr/mtd/mrow")


def letters(root: ET.Element) -> str:
    return "".join(root.itertext())


def test_a_short_formula_stays_in_one_line() -> None:
    assert rows(tree(SHORT)) == []


def test_a_formula_in_a_line_of_text_is_never_broken() -> None:
    assert rows(tree(LONG, display=False)) == []


def test_a_long_sum_is_broken_before_its_signs() -> None:
    found = rows(tree(LONG))
    assert len(found) > 1
    assert all(row[0].text == "−" for row in found[1:])
    assert all(width(row) <= LIMIT for row in found)


def test_the_inside_of_a_long_bracket_is_broken() -> None:
    found = rows(tree(BRACKET))
    assert len(found) > 1
    assert all(row[0].text == "+" for row in found[1:])


def test_nothing_is_lost_by_breaking() -> None:
    for latex in (LONG, BRACKET):
        assert letters(tree(latex)) == letters(tree(latex, display=False))


def test_the_number_stands_once_beside_a_broken_formula() -> None:
    assert [node.text for node in tree(BRACKET) if node.tag == "mtext"] == ["(42)"]


def test_a_sign_in_front_of_the_first_term_starts_no_line() -> None:
    root = tree("a = -" + " - ".join([TERM] * 12))
    assert letters(rows(root)[0]).startswith("a=−")
