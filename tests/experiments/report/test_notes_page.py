"""The Markdown of the notes becomes pages, and brings no markup of its own."""

from __future__ import annotations

import pytest
from bnverify.experiments.report.notes_page import body


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("# Errata", '<h1 id="errata">Errata</h1>'),
        ("### `thm-4.1` The effect", '<h3 id="thm-4.1"><code>thm-4.1</code> The effect</h3>'),
        ("*Why.* because", "<p><em>Why.</em> because</p>"),
        ("- one\n- two\n  more", "<ul><li>one</li><li>two\n  more</li></ul>"),
        ("1. one\n2. two", "<ol><li>one</li><li>two</li></ol>"),
        (
            "| a | `b` |\n|---|---|\n| |x\\|| | 1 |",
            '<div class="table-box" tabindex="0"><table><thead><tr><th>a</th><th><code>b</code></th></tr></thead>'
            "<tbody><tr><td></td><td>x|</td><td></td><td>1</td></tr></tbody></table></div>",
        ),
        ("> said", "<blockquote><p>said</p></blockquote>"),
        ("<!-- generated -->\nwords", "<p>words</p>"),
        ("[title](page.html)", '<p><a href="page.html">title</a></p>'),
    ],
)
def test_markdown_is_set(markdown: str, html: str) -> None:
    assert body(markdown) == html


def test_a_heading_that_returns_has_an_id_of_its_own() -> None:
    assert body("## Why\n\n## Why").count('id="why"') == 1


def test_an_id_leads_to_its_statement() -> None:
    made = body("see `thm-4.1` and `g_j`", lambda name: "#thm-4.1" if name == "thm-4.1" else None)
    assert '<a href="#thm-4.1"><code>thm-4.1</code></a>' in made
    assert "<code>g_j</code>" in made


def test_mathematics_in_and_between_lines_is_set() -> None:
    made = body("Together\n$$a = b$$, which is $c$.\n\n$$ d\n\n= e $$")
    assert made.count("<math") == 3
    assert made.count('class="display"') == 2


@pytest.mark.parametrize(
    "hostile",
    ["<script>x</script>", "<script>x</script> `code`", "[x](javascript:alert(1))", "`<b>`", "# <i>x</i>"],
)
def test_no_markup_comes_in_with_a_note(hostile: str) -> None:
    made = body(hostile)
    assert "<script" not in made
    assert "javascript" not in made
    assert "<b>" not in made
    assert "<i>" not in made
