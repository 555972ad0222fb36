"""LaTeX to MathML for pages that must work without a network, and the ASCII mathematics of plain text.

What `latex2mathml` leaves to scripts or old browsers is repaired: bold and italic letters become characters
of their own (MathML Core knows no other mathvariant than normal), `aligned` becomes a table, ``\\tag`` is
moved out. The result is rebuilt from a list of allowed elements and attributes, so no input can bring markup
along.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from difflib import SequenceMatcher
from functools import cache

from bnverify.experiments.report.linebreak import LIMIT, lines
from bnverify.theory.writing.words import ascii_math
from latex2mathml.converter import convert
from markupsafe import Markup, escape

_NAMES = """
    math mrow mi mn mo mtext mspace msup msub msubsup mover munder munderover mfrac msqrt mroot mtable mtr mtd mstyle
    mpadded mphantom menclose
"""
_KNOWN = """
    display accent accentunder stretchy fence form separator largeop movablelimits symmetric minsize maxsize lspace
    rspace width height depth displaystyle scriptlevel linethickness columnalign columnlines rowlines columnspan rowspan
    mathvariant
"""
_ELEMENTS, _ATTRIBUTES = frozenset(_NAMES.split()), frozenset(_KNOWN.split())
_REPLACED = (
    (re.compile(r"\\bm(?![a-zA-Z])"), r"\\boldsymbol"),
    (re.compile(r"\\(?:middle)\s*\|"), r"\\vert "),
    (re.compile(r"\\(?:label|nonumber|notag)\s*(?:\{[^{}]*\})?"), ""),
    (re.compile(r"\\begin\{(?:aligned|align\*?|split|gathered)\}"), r"\\begin{array}{rlrlrl}"),
    (re.compile(r"\\end\{(?:aligned|align\*?|split|gathered)\}"), r"\\end{array}"),
    (re.compile(r"\\mathbbm"), r"\\mathbb"),
    (re.compile(r"(?<!\\)\|\|"), r"\\|"),
)
_TAG = re.compile(r"\\tag\*?\s*\{([^{}]*)\}")
_TEXT = re.compile(r"\\text\{([^{}]*\$[^{}]*)\}")
_LETTERS = {
    "bold": (0x1D400, 0x1D41A, 0x1D7CE),
    "bold-italic": (0x1D468, 0x1D482, 0x1D7CE),
    "double-struck": (0x1D538, 0x1D552, 0x1D7D8),
    "sans-serif": (0x1D5A0, 0x1D5BA, 0x1D7E2),
    "monospace": (0x1D670, 0x1D68A, 0x1D7F6),
}
_GREEK = "ΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡϴΣΤΥΦΧΨΩ∇αβγδεζηθικλμνξοπρςστυφχψω∂ϵϑϰϕϱϖ"
_GREEK_START = {"bold": 0x1D6A8, "bold-italic": 0x1D71C}
_UNDER = {"msub": "munder", "msup": "mover", "msubsup": "munderover"}
_WITH_LIMITS = frozenset(["∑", "∏", "max", "min", "sup", "inf", "lim"])
_ARROWS = frozenset("⟹⟸⟺→←↔⇒⇐⇔↦∘")
_OPENING = frozenset("([{⟨,=<≤>≥")
_ACCENTS = frozenset("^ˆ~˜¯‾→⃗˙¨ˇ˘´`")


def styled(text: str, variant: str) -> str:
    """``text`` in the Mathematical Alphanumeric letters of ``variant``; other characters stay."""
    upper, lower, digit = _LETTERS[variant]
    out = []
    for char in text:
        if "A" <= char <= "Z":
            out.append(chr(upper + ord(char) - ord("A")))
        elif "a" <= char <= "z":
            out.append(chr(lower + ord(char) - ord("a")))
        elif char.isdigit() and char.isascii():
            out.append(chr(digit + int(char)))
        elif char in _GREEK and variant in _GREEK_START:
            out.append(chr(_GREEK_START[variant] + _GREEK.index(char)))
        else:
            out.append(char)
    return "".join(out)


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _limits(name: str, node: ET.Element, display: bool) -> str:
    """In a displayed formula the bounds of a sum, a maximum and the like stand under and over it."""
    base = (node[0].text or "").strip() if len(node) else ""
    return _UNDER.get(name, name) if display and base in _WITH_LIMITS else name


def _set_signs(row: ET.Element) -> None:
    """A sign after an opening bracket, a comma or a relation belongs to what follows: no space in between."""
    for before, node in zip(row, list(row)[1:], strict=False):
        opened = before.tag == "mo" and (before.text or "").strip() in _OPENING
        if opened and node.tag == "mo" and (node.text or "").strip() in {"−", "-", "+"}:
            node.set("form", "prefix")


def _rebuilt(node: ET.Element, display: bool) -> ET.Element:
    name = _limits(_local(node.tag), node, display)
    name = name if name in _ELEMENTS else "mrow"
    attributes = {key: value for key, value in node.attrib.items() if key in _ATTRIBUTES}
    text = node.text
    variant = attributes.pop("mathvariant", "normal" if name == "mi" and node.get("mathvariant") else "")
    if text and variant in _LETTERS:
        text = styled(text, variant)
    elif variant == "normal" and name == "mi":
        attributes["mathvariant"] = "normal"
    if name == "mo" and text and len(text.strip()) > 1 and text.strip().isalpha():
        # A named function set as an operator would get the wide spaces of a relation.
        name, attributes = "mi", {"mathvariant": "normal"}
    elif name == "mi" and text in _ARROWS:
        name, attributes = "mo", {}
    made = ET.Element(name, attributes)
    made.text = text
    made.extend(_rebuilt(child, display) for child in node)
    _set_signs(made)
    if name in {"mover", "munder"} and len(made) == 2 and (made[1].text or "").strip() in _ACCENTS:
        made.set("accent", "true")
    return made


def _split_text(match: re.Match[str]) -> str:
    """Mathematics between dollar signs inside ``\\text`` is taken out of it."""
    pieces = match.group(1).split("$")
    return "".join(
        piece if index % 2 else rf"\text{{{piece}}}" for index, piece in enumerate(pieces) if piece
    )


def _balanced(source: str) -> str:
    """A fragment of a formula may open a bracket that a later line closes: an invisible partner is added."""
    opened, depth, lowest = 0, 0, 0
    for match in re.finditer(r"\\(left|right)(?![a-zA-Z])", source):
        depth += 1 if match.group(1) == "left" else -1
        lowest = min(lowest, depth)
        opened = depth
    return r"\left." * -lowest + source + r"\right." * (opened - lowest)


@cache
def _converted(latex: str, display: bool) -> tuple[str, tuple[str, ...]] | None:
    """The MathML of a formula as text, and its tags; None where it cannot be converted."""
    tags = tuple(_TAG.findall(latex))
    source = _TAG.sub("", latex).strip()
    source = _TEXT.sub(_split_text, source)
    for pattern, replacement in _REPLACED:
        source = pattern.sub(replacement, source)
    try:
        tree = ET.fromstring(convert(_balanced(source), display="block" if display else "inline"))
    except Exception:
        return None
    if _local(tree.tag) != "math":
        return None
    return ET.tostring(_rebuilt(tree, display), encoding="unicode"), tags


@cache
def mathml(latex: str, display: bool = False) -> Markup:
    """``latex`` (without dollar signs) as one MathML element; the source stands in its ``alttext``.

    A ``\\tag{17}`` is set to the right as (17). What cannot be converted is shown as its source.
    """
    found = _converted(latex, display)
    if found is None:
        return Markup("<code>{}</code>").format(latex)
    root = ET.fromstring(found[0])
    for tag in found[1]:
        ET.SubElement(root, "mspace", {"width": "2em"})
        ET.SubElement(root, "mtext").text = f"({tag})"
    root.attrib = {"display": "block" if display else "inline", "alttext": " ".join(latex.split())}
    return Markup(ET.tostring(root, encoding="unicode"))


@cache
def pieces(latex: str, against: str = "", limit: float = LIMIT) -> Markup:
    """A displayed formula as pieces that a narrow screen sets under each other: cut before signs and relations.

    What differs from ``against`` is of the class ``changed``.
    """
    found = _converted(latex, True)
    if found is None:
        return Markup("<code>{}</code>").format(latex)
    root, other = ET.fromstring(found[0]), _converted(against, True) if against else None
    if other is not None:
        mark(root, ET.fromstring(other[0]))
    nodes = list(root[0]) if len(root) == 1 and root[0].tag == "mrow" else list(root)
    made = []
    for number, row in enumerate(lines(nodes, limit)):
        piece = ET.Element("math", {"displaystyle": "true"})
        if number == 0:
            piece.set("alttext", " ".join(latex.split()))
        elif row and row[0].tag == "mo":
            row[0].set("form", "infix")
        ET.SubElement(piece, "mrow").extend(row)
        made.append(ET.tostring(piece, encoding="unicode"))
    made += [f"<span>({escape(tag)})</span>" for tag in found[1]]
    return Markup("".join(made))


def mark(node: ET.Element, other: ET.Element) -> None:
    """Mark what of ``node`` differs from ``other``: the smallest parts that do."""
    own, theirs = list(node), list(other)
    if not own or not theirs or node.tag != other.tag:
        if ET.tostring(node) != ET.tostring(other):
            _set_off(node)
        return
    texts = [ET.tostring(child, encoding="unicode") for child in own]
    before = [ET.tostring(child, encoding="unicode") for child in theirs]
    for tag, i, j, k, n in SequenceMatcher(None, before, texts, autojunk=False).get_opcodes():
        if tag == "replace" and j - i == n - k:
            for left, right in zip(theirs[i:j], own[k:n], strict=True):
                mark(right, left)
        elif tag != "equal":
            for child in own[k:n]:
                _set_off(child)


def _set_off(node: ET.Element) -> None:
    """Of the class ``changed``; a letter gets a box of its own, which can have a background."""
    if node.tag in ("mi", "mn"):
        letter = ET.Element(node.tag, node.attrib)
        letter.text, node.text, node.tag = node.text, None, "mrow"
        node.attrib = {}
        node.append(letter)
    node.set("class", "changed")


def displayed(latex: str, left: bool = False) -> Markup:
    """A displayed formula whose pieces wrap where the screen is narrow."""
    return contrasted(latex, "", left)


def contrasted(latex: str, against: str, left: bool = False) -> Markup:
    """A displayed formula; what differs from ``against`` is set off."""
    box = Markup('<div class="display{}" tabindex="0">{}</div>')
    return box.format((" left" if left else "") + (" true" if against else ""), pieces(latex, against))


_PIECE = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$", re.DOTALL)


_BARS = re.compile(r"\|[^|\s]+\|(?: [<>≤≥=] \S+)?")


def words(text: str) -> Markup:
    """Plain words, escaped, their ASCII mathematics in Unicode; |gamma| > sigma, whose bars break a line, in one."""
    made, position, said = Markup(""), 0, ascii_math(text)
    for match in _BARS.finditer(said):
        made += escape(said[position : match.start()])
        made += Markup('<span class="nobreak">{}</span>').format(match[0])
        position = match.end()
    return made + escape(said[position:])


def prose(text: str, setting: Callable[[str], Markup] = words) -> Markup:
    """Text with ``$...$`` and ``$$...$$`` as paragraphs and displayed formulas; ``setting`` sets the words."""
    parts: list[Markup] = []
    line: list[Markup] = []

    def flush() -> None:
        joined = Markup("").join(line)
        if joined.strip():
            parts.append(Markup("<p>{}</p>").format(joined.strip()))
        line.clear()

    position = 0
    for match in _PIECE.finditer(text):
        line.append(setting(text[position : match.start()]))
        if match.group(1) is not None:
            flush()
            parts.append(displayed(match.group(1)))
        else:
            line.append(mathml(match.group(2)))
        position = match.end()
    line.append(setting(text[position:]))
    flush()
    return Markup("").join(parts)


_BARE_LATEX = re.compile(r"\\[a-zA-Z]+|\\\||[_^]\{")
_COMMAND = re.compile(r"\\[a-zA-Z]+|\{[a-z]+\}")
_WORD = re.compile(r"(?<![a-zA-Z])[a-z]{3,}(?![a-zA-Z])")


def inline(text: str) -> Markup:
    """One line of text: ``$...$`` as mathematics, bare LaTeX too, ASCII mathematics in Unicode.

    Bare LaTeX may end in ": words"; between words it is taken token by token.
    """
    if "$" in text:
        out, position = Markup(""), 0
        for match in _PIECE.finditer(text):
            out += words(text[position : match.start()]) + mathml(match.group(1) or match.group(2))
            position = match.end()
        return out + words(text[position:])
    if not _BARE_LATEX.search(text):
        return words(text)
    formula, colon, rest = text.partition(": ")
    if len(_WORD.findall(_COMMAND.sub("", formula))) < 2:
        return mathml(formula) + colon + inline(rest)
    tokens = [mathml(t) if _BARE_LATEX.search(t) else escape(ascii_math(t)) for t in text.split(" ")]
    return Markup(" ").join(tokens)
