"""The generated notes as pages: the little Markdown that they are written in, set like the rest of the report."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib.metadata import version

from bnverify.experiments.report.html import Link, anchor, code
from bnverify.experiments.report.mathml import prose, words
from bnverify.experiments.report.pages import render
from markupsafe import Markup

_INLINE = re.compile(r"`([^`]+)`|\*([^*\s][^*]*?)\*|\[([^\]]+)\]\(([^)\s]+)\)")


def body(markdown: str, link: Link = lambda name: None) -> Markup:
    """Markdown as HTML: headings, paragraphs, lists, tables, quotations, code, emphasis and mathematics.

    Comments are dropped, all else is escaped. ``link`` says where an id in backquotes leads, if anywhere.
    """
    text = re.sub(r"<!--.*?-->", "", markdown, flags=re.DOTALL)
    taken: set[str] = set()
    return Markup("\n").join(_block(block, link, taken) for block in _blocks(text))


def page(title: str, markdown: str) -> str:
    """A page of its own, that needs no other file."""
    return render("alone.html", title=title, body=body(markdown), version=version("bnverify"))


def _blocks(text: str) -> Iterator[str]:
    """Blocks are parted by blank lines, but not inside a displayed formula."""
    block: list[str] = []
    for line in text.splitlines():
        inside = sum(part.count("$$") for part in block) % 2 == 1
        if line.strip() or inside:
            block.append(line)
        elif block:
            yield "\n".join(block)
            block = []
    if block:
        yield "\n".join(block)


def _block(block: str, link: Link, taken: set[str]) -> Markup:
    def setting(text: str) -> Markup:
        return _words(text, link)

    if match := re.match(r"(#{1,4}) +(.*)", block):
        level = len(match[1])
        named = Markup(' id="{}"').format(anchor(match[2], taken))
        inside = _unwrapped(prose(match[2], setting))
        rest = block[match.end() :].strip()
        after = _block(rest, link, taken) if rest else Markup("")
        return Markup("<h{0}{1}>{2}</h{0}>{3}").format(level, named, inside, after)
    lines = block.splitlines()
    if lines[0].startswith("```"):
        return Markup("<pre>{}</pre>").format("\n".join(line for line in lines if not line.startswith("```")))
    if all(line.startswith(">") for line in lines):
        quoted = "\n".join(line.removeprefix(">").removeprefix(" ") for line in lines)
        return Markup("<blockquote>{}</blockquote>").format(body(quoted, link))
    if len(lines) > 1 and lines[0].startswith("|") and re.fullmatch(r"[|:\s-]+", lines[1]):
        return _table([_cells(line) for line in (lines[0], *lines[2:])], setting)
    for kind, start in (("ul", r"[-*] +"), ("ol", r"\d+\. +")):
        if re.match(start, lines[0]):
            items = re.split(rf"(?m)^{start}", block)[1:]
            made = (Markup("<li>{}</li>").format(_unwrapped(prose(item.strip(), setting))) for item in items)
            return Markup("<{0}>{1}</{0}>").format(Markup(kind), Markup("").join(made))
    return prose(block, setting)


def _cells(line: str) -> list[str]:
    """The cells of a line of a table; a bar after a backslash is a bar."""
    inside = line.strip().removeprefix("|").removesuffix("|")
    return [cell.replace(r"\|", "|").strip() for cell in re.split(r"(?<!\\)\|", inside)]


def _table(rows: list[list[str]], setting: Callable[[str], Markup]) -> Markup:
    def row(cells: list[str], tag: str) -> Markup:
        made = (Markup("<{0}>{1}</{0}>").format(Markup(tag), setting(cell)) for cell in cells)
        return Markup("<tr>{}</tr>").format(Markup("").join(made))

    body = Markup("").join(row(cells, "td") for cells in rows[1:])
    return Markup(
        '<div class="table-box" tabindex="0"><table><thead>{}</thead><tbody>{}</tbody></table></div>'
    ).format(row(rows[0], "th"), body)


def _unwrapped(paragraphs: Markup) -> Markup:
    """A single paragraph without its tags, for headings and list items."""
    single = paragraphs.count("<p>") == 1 and paragraphs.startswith("<p>") and paragraphs.endswith("</p>")
    return Markup(paragraphs[3:-4]) if single else paragraphs


def _words(text: str, link: Link) -> Markup:
    out, position = Markup(""), 0
    for match in _INLINE.finditer(text):
        out += words(text[position : match.start()])
        named, emphasis, label, address = match.groups()
        if named is not None:
            out += code(named, link)
        elif emphasis is not None:
            out += Markup("<em>{}</em>").format(words(emphasis))
        elif re.match(r"(?:https?://|#|[\w./-]+$)", address):
            out += Markup('<a href="{}">{}</a>').format(address, words(label))
        else:
            out += words(label)
        position = match.end()
    return out + words(text[position:])
