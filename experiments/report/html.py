"""A page in HTML: the writer of the blocks of `bnverify.theory.writing.blocks`."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from bnverify.experiments.report import labels
from bnverify.experiments.report.mathml import contrasted, displayed, inline, mathml, prose
from bnverify.experiments.report.numbers import number
from bnverify.experiments.report.strips import Axis, axis_of, strip
from bnverify.theory.store import Stored
from bnverify.theory.writing.blocks import (
    Arrows,
    Block,
    Cells,
    Code,
    Facts,
    Fold,
    Formula,
    Judged,
    Lines,
    Part,
    Quote,
    Values,
    Words,
)
from bnverify.theory.writing.claim_page import page
from bnverify.theory.writing.words import ascii_math
from markupsafe import Markup, escape

Link = Callable[[str], str | None]


def written(blocks: Iterable[Block], link: Link = lambda name: None) -> Markup:
    """The blocks one after the other. link: where an id in backquotes leads, if anywhere."""
    taken: set[str] = set()
    return Markup("\n").join(_block(block, link, taken) for block in blocks)


def badge(word: str) -> Markup:
    """A verdict with its sign, its colour and its word."""
    kind = "not-judged" if word.startswith("not judged") else word
    return Markup('<span class="badge {}">{}</span>').format(kind, word.replace("-", " ").replace("_", " "))


def line(text: str, link: Link = lambda name: None) -> Markup:
    """Words with `codes`, $LaTeX$ and ASCII mathematics; a code that ``link`` knows leads there."""
    made = Markup("")
    for index, piece in enumerate(text.split("`")):
        made += code(piece, link) if index % 2 else inline(piece)
    return made


def code(name: str, link: Link) -> Markup:
    """A name as code; one that ``link`` knows leads there."""
    target, said = link(name), Markup("<code>{}</code>").format(name)
    return Markup('<a href="{}">{}</a>').format(target, said) if target else said


def capital(text: str) -> str:
    """``text`` with a capital first letter where it starts with a word of prose and not with a symbol."""
    if re.match(r"a [a-z]{2}", text):
        return f"A{text[1:]}"
    word = re.match(r"[a-z]+", text)
    symbol = re.match(r"[a-z]+[-_^']?[_^=('/]|(?:y-hat|g-hat|m =|eps\b|mu_|exp\(|sup\b\W|max\b\W)", text)
    if word is None or len(word[0]) < 2 or symbol or ascii_math(word[0]) != word[0]:
        return text
    return text[0].upper() + text[1:]


def anchor(title: str, taken: set[str]) -> str:
    """The id of a heading: the name in backquotes it starts with, or its words; a repetition gets a number."""
    name = re.match(r"`([^`]+)`", title)
    stem = name[1] if name else re.sub(r"\W+", "-", title.lower()).strip("-") or "part"
    found, number = stem, 2
    while found in taken:
        found, number = f"{stem}-{number}", number + 1
    taken.add(found)
    return found


def _block(block: Block, link: Link, taken: set[str]) -> Markup:
    match block:
        case Part(title, level):
            return Markup('<h{0} id="{1}">{2}</h{0}>').format(level, anchor(title, taken), inline(title))
        case Words(text, muted):
            step = re.match(r"(\d+\. )(.*)", text, re.S)
            said = step[1] + capital(step[2]) if step else capital(text)
            return Markup("<p{}>{}</p>").format(Markup(' class="muted"') if muted else "", line(said, link))
        case Judged(lead, word, tight, why):
            return Markup("<p>{}{}{} {}</p>").format(
                f"{lead}: " if lead else "",
                badge(word),
                Markup(" ") + badge("tight") if tight else "",
                line(why, link),
            )
        case Formula(latex, _, given, against):
            shown = contrasted(latex, against) if against else displayed(latex)
            return shown + Markup("").join(
                Markup('<div class="given"><span class="muted">if</span> {}</div>').format(mathml(text))
                for text, _ in given
            )
        case Quote(text, where):
            return Markup("<blockquote>{}<footer>{}</footer></blockquote>").format(prose(text), inline(where))
        case Facts(rows):
            made = (Markup("<dt>{}</dt><dd>{}</dd>").format(name, line(text, link)) for name, text in rows)
            return Markup('<dl class="facts">{}</dl>').format(Markup("").join(made))
        case Lines(items, numbered):
            made = (Markup("<li>{}</li>").format(line(capital(item), link)) for item in items)
            return Markup("<{0}>{1}</{0}>").format(Markup("ol" if numbered else "ul"), Markup("").join(made))
        case Values(pairs):
            made = (Markup("<span>{}</span>").format(mathml(text)) for text, _ in pairs)
            return Markup('<div class="worked">{}</div>').format(Markup(" ").join(made))
        case Code(text, language):
            return Markup(
                '<div class="copy"><button class="plain" type="button" data-copy>Copy {}</button>'
                '<pre tabindex="0">{}</pre></div>'
            ).format(language, text)
        case Cells(rows, endpoint):
            return cells(rows, endpoint)
        case Arrows(vectors, caption):
            return Markup("<figure>{}<figcaption>{}</figcaption></figure>").format(
                plane(vectors, caption), inline(caption)
            )
        case Fold(title, inside):
            body = Markup("\n").join(_block(one, link, taken) for one in inside)
            return Markup("<details><summary>{}</summary>{}</details>").format(inline(title), body)


def cells(rows: Sequence[Mapping[str, Any]], endpoint: Mapping[str, Any], axis: Axis | None = None) -> Markup:
    """Each comparison with its interval and its seeds as a picture: shaded what is claimed, a dot a seed; below it the
    value of every seed. axis: one that several tables share."""
    known = [row for row in rows if row.get("log_ratios")]
    axis = axis or (axis_of(known, endpoint) if known else None)
    head = Markup(
        '<thead><tr><th scope="col">part</th><th scope="col">of / against</th>'
        '<th scope="col">size, 95 % interval and seeds</th><th scope="col">answer</th></tr></thead>'
    )
    body = Markup("").join(_cell(row, endpoint, axis) for row in rows)
    return Markup(
        '<div class="table-box" tabindex="0"><table class="cells">{}<tbody>{}</tbody></table></div>'
    ).format(head, body)


def _cell(row: Mapping[str, Any], endpoint: Mapping[str, Any], axis: Axis | None) -> Markup:
    values = seeds_of(row, endpoint)
    seeds = " · ".join("∞" if math.isinf(value) else number(value) for value in values)
    # A single comparison has the name of what it is against, which stands beside it.
    part = "endpoint" if row["name"] == str(row["against"]) else row["name"]
    under = (("small muted", seeds), ("small", row["missing"]))
    return Markup(
        '<tr><td>{}</td><td>{}</td><td class="measured">{}<div><b>{}</b></div>{}</td><td>{}</td></tr>'
    ).format(
        labels.statistic(row["name"]) if row["name"] == row["statistic"] else part.replace("_", " "),
        compared(row, endpoint["model"]),
        strip(row, endpoint, axis) if axis and row["log_ratios"] else "",
        row.get("size", "not measured"),
        Markup("").join(
            Markup('<div class="{}">{}</div>').format(kind, text) for kind, text in under if text
        ),
        badge(row["word"]),
    )


def compared(cell: Mapping[str, Any], model: str) -> str:
    """What is divided by what: "BatchNorm / Standard", or the network alone where it is held against a number."""
    if model.startswith("insert"):
        return "with / without the BatchNorm"
    named = labels.FEATURES if model.startswith("predict") else labels.NETWORKS
    words = [str(named.get(name, name)).removeprefix("Standard + ") for name in (cell["of"], cell["against"])]
    return " / ".join(words if isinstance(cell["against"], str) else words[:1])


def seeds_of(cell: Mapping[str, Any], endpoint: Mapping[str, Any]) -> list[float]:
    """The value of every seed, nan where it was not measured, said as the size beside it: how many times smaller or
    larger, or the statistic itself against a number."""
    ratio = isinstance(cell["against"], str)
    factor, sign = (
        (1.0 if ratio else float(cell["against"])),
        -1 if ratio and endpoint["direction"] == "below" else 1,
    )
    logs = (math.nan if log is None else sign * float(log) for log in cell["log_ratios"].values())
    return [factor * math.exp(log) if log < 700 else log for log in logs]


LIGHT = {
    "fg": "#1d1d1f",
    "muted": "#5f6065",
    "grid": "#dcdad4",
    "rule": "#dad8d1",
    "printed": "#c2410c",
    "corrected": "#0369a1",
    "proved": "#0b6b50",
    "third": "#047857",
    "fourth": "#7e3a8c",
    "bg": "#ffffff",
}
"""The colours of the light theme, for pictures that stand outside a page."""


def standalone(svg: str) -> str:
    """A picture of a page as a file of its own: with a ground, and with colours for variables."""
    for name, colour in LIGHT.items():
        svg = svg.replace(f"var(--{name})", colour)
    return re.sub(r"(<svg [^>]*>)", r'\1<rect width="100%" height="100%" fill="#ffffff"/>', svg, count=1)


def picture_file(entry: Stored) -> str:
    """The picture of a claim as an SVG file; empty where it has none."""
    drawn = next((block for block in page(entry).blocks if isinstance(block, Arrows)), None)
    if drawn is None:
        return ""
    style = (
        "<style>text{font:16px serif}.axis{stroke:#dad8d1}.diagonal{stroke:#5f6065;stroke-dasharray:2 4}"
        ".faint{fill:#5f6065;font-size:12px}</style>"
    )
    svg = standalone(str(plane(drawn.vectors, drawn.caption)))
    svg = re.sub(r"(<svg [^>]*>)", rf"\1{style}", svg, count=1)
    return svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"


_SIDE, _EDGE = 300, 34
_INKS = {"y": "muted", "ŷ": "corrected", "g": "printed", "v": "proved"}


def plane(vectors: Iterable[tuple[str, float, float]], caption: str) -> Markup:
    """Vectors of two entries as arrows from the origin; one that is 0 is a ring there."""
    vectors = list(vectors)
    most = max(1.0, *(abs(value) for _, *pair in vectors for value in pair))
    scale, middle = (_SIDE / 2 - _EDGE) / most, _SIDE / 2
    parts = [
        f'<line x1="8" y1="{middle}" x2="{_SIDE - 8}" y2="{middle}" class="axis"/>'
        f'<line x1="{middle}" y1="8" x2="{middle}" y2="{_SIDE - 8}" class="axis"/>'
        f'<line x1="{middle - most * scale:.0f}" y1="{middle + most * scale:.0f}" x2="{middle + most * scale:.0f}" '
        f'y2="{middle - most * scale:.0f}" class="diagonal"/>'
        f'<text x="{middle + most * scale - 2:.0f}" y="{middle - most * scale - 4:.0f}" class="faint">(1, 1)</text>'
    ]
    seen: dict[tuple[float, float], int] = {}
    for name, first, second in vectors:
        ink = f"var(--{_INKS[name]})"
        x, y = middle + first * scale, middle - second * scale
        nth = seen[(first, second)] = seen.get((first, second), 0) + 1
        if first == second == 0:
            parts.append(
                f'<circle cx="{middle}" cy="{middle}" r="6" fill="none" stroke="{ink}" stroke-width="2.5"/>'
            )
            parts.append(f'<text x="{middle + 10}" y="{middle + 20}" fill="{ink}">{name} = 0</text>')
            continue
        length = (first**2 + second**2) ** 0.5
        ux, uy = first / length, -second / length
        head = [
            (x, y),
            (x - 10 * ux - 4 * uy, y - 10 * uy + 4 * ux),
            (x - 10 * ux + 4 * uy, y - 10 * uy - 4 * ux),
        ]
        tip = " ".join(f"{a:.1f},{b:.1f}" for a, b in head)
        dash = ' stroke-dasharray="6 4"' if nth > 1 else ""
        parts.append(
            f'<line x1="{middle}" y1="{middle}" x2="{x - 8 * ux:.1f}" y2="{y - 8 * uy:.1f}" stroke="{ink}" '
            f'stroke-width="2.5"{dash}/><polygon points="{tip}" fill="{ink}"/>'
            f'<text x="{x + 8 * ux + 16 * (nth - 1) + 4:.0f}" y="{y + 14 * uy + 4:.0f}" fill="{ink}">{name}</text>'
        )
    return Markup(
        f'<svg class="plane" viewBox="0 0 {_SIDE} {_SIDE}" width="{_SIDE}" height="{_SIDE}" role="img" '
        f'aria-label="{escape(ascii_math(caption))}">{"".join(parts)}</svg>'
    )
