"""Long formulas are broken where a reader expects it, and nothing of them is lost."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from bnverify.experiments.report.linebreak import LIMIT, width
from bnverify.experiments.report.mathml import mathml, pieces

TERM = r"\frac{1}{m}\, \left\langle \mathbf{1}, g\right\rangle\, \hat{y}"
SHORT = rf"a = {TERM}"
LONG = "a = " + " - ".join([TERM] * 12)
BRACKET = rf"a = \frac{{\gamma}}{{\sigma}} \left({' + '.join([TERM] * 12)}\right) \tag{{42}}"


def rows(latex: str) -> list[ET.Element]:
    """The pieces of a displayed formula."""
    return list(ET.fromstring(f"<div>{pieces(latex)}</div>"))


def letters(root: ET.Element) -> str:
    return "".join(root.itertext())


def test_a_short_formula_is_one_piece() -> None:
    assert len(rows("a = b")) == 1


def test_a_formula_in_a_line_of_text_is_never_cut() -> None:
    assert mathml(LONG).count("<math") == 1


def test_a_long_sum_is_cut_before_its_signs() -> None:
    found = rows(LONG)
    assert len(found) > 1
    assert all(letters(row)[0] in "−=" for row in found[1:])
    assert all(row[0][0].get("form") == "infix" for row in found[1:])
    assert all(width(row) <= LIMIT for row in found)


def test_the_inside_of_a_long_bracket_is_cut() -> None:
    found = [row for row in rows(BRACKET) if row.tag == "math"]
    assert len(found) > 1
    assert all(letters(row)[0] in "+=" for row in found[1:])


def test_nothing_is_lost_by_cutting() -> None:
    for latex in (LONG, BRACKET):
        assert "".join(map(letters, rows(latex))).replace("(42)", "") == letters(
            ET.fromstring(mathml(latex))
        ).replace("(42)", "")


def test_the_number_stands_once_beside_a_formula() -> None:
    assert [node.text for node in rows(BRACKET) if node.tag == "span"] == ["(42)"]


def test_a_sign_in_front_of_the_first_term_starts_no_piece() -> None:
    assert "".join(map(letters, rows("a = -" + " - ".join([TERM] * 12)))).startswith("a=−")


def test_what_differs_is_marked_and_nothing_else() -> None:
    changed = [
        letters(node)
        for node in ET.fromstring(f"<div>{pieces('a - b/m', 'a - b/n')}</div>").iter()
        if node.get("class") == "changed"
    ]
    assert changed == ["m"]
