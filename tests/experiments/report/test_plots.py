"""Pictures take their colours from the page, their ids do not clash, and every point is drawn."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import matplotlib as mpl
import pytest
from bnverify.experiments.report.content import Picture
from bnverify.experiments.report.plots import INK, Dots, scatter, shares, strips, themed
from matplotlib.figure import Figure


def made() -> list[Picture]:
    return [
        scatter("a", "one", [Dots([0.0, 0.5, -300.0], [0.1, 0.4, 1.0], "printed", "name")], "x", "y"),
        scatter("b", "two", [Dots([0.0, 0.5], [0.0, 0.5], "corrected")], "x", "y", shade=False),
        shares("d", "four", ["linear", "softmax"], {"⟨𝟏, g⟩²/m": [0.5, 0.2], "rest": [0.5, 0.8]}),
        strips(
            "e",
            "five",
            ["bn1"],
            {"p": [[0.1, 0.2]], "q": [[0.3, 0.1]]},
            ("fg", "printed"),
            "y",
            (True, False),
        ),
        strips("f", "six", ["bn1"], {"p": [[1e-7, 0.2]]}, ("third",), "y", log=True),
    ]


@pytest.fixture(scope="module")
def pictures() -> list[Picture]:
    return made()


def test_inline_pictures_have_no_colour_of_their_own(pictures: list[Picture]) -> None:
    for picture in pictures:
        assert not set(re.findall(r"#0[0-9a-f]0[0-9a-f]0[0-9a-f]\b", picture.svg)) & set(INK.values())
        assert "var(--" in picture.svg
        assert set(re.findall(r"#[0-9a-f]{6}\b", picture.svg)) <= {"#000000"}


def test_pictures_outside_the_page_have_colours_and_a_background(pictures: list[Picture]) -> None:
    for picture in pictures:
        assert "var(--" not in picture.standalone
        assert 'fill="#ffffff"' in picture.standalone


def test_pictures_are_well_formed_described_and_share_no_id(pictures: list[Picture]) -> None:
    seen: set[str] = set()
    for picture in pictures:
        root = ET.fromstring(picture.svg)
        ET.fromstring(picture.standalone)
        assert root.get("role") == "img"
        assert root.get("aria-label") == picture.caption
        ids = {str(node.get("id")) for node in root.iter() if node.get("id")}
        assert not ids & seen
        seen |= ids
        assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', picture.svg)) <= ids


def test_every_point_of_a_scatter_is_drawn(pictures: list[Picture]) -> None:
    paths = re.findall(r'<path d="([^"]*)"[^>]*stroke-linecap: round', pictures[0].svg.replace("\n", " "))
    assert max(path.count("M ") for path in paths) == 3


def test_a_caption_cannot_bring_markup() -> None:
    picture = scatter("g", '"><script>', [Dots([0.0], [0.0], "printed")], "x", "y")
    assert "<script" not in picture.svg


def test_the_same_data_give_the_same_picture(pictures: list[Picture]) -> None:
    assert [picture.svg for picture in made()] == [picture.svg for picture in pictures]


def test_words_in_a_picture_are_not_rounded_and_places_are() -> None:
    figure = Figure()
    figure.text(1 / 7, 0.5, "0.001 and 3.14159")
    with mpl.rc_context({"svg.fonttype": "none"}):
        made = themed(figure, "words", "caption")
    assert ">0.001 and 3.14159<" in made
    assert "65.82" in made
    assert "65.828" not in made
