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
from functools import cache

from bnverify.experiments.report.linebreak import broken
from latex2mathml.converter import convert
from markupsafe import Markup, escape

_ELEMENTS = frozenset(
    [
        "math",
        "mrow",
        "mi",
        "mn",
        "mo",
        "mtext",
        "mspace",
        "msup",
        "msub",
        "msubsup",
        "mover",
        "munder",
        "munderover",
        "mfrac",
        "msqrt",
        "mroot",
        "mtable",
        "mtr",
        "mtd",
        "mstyle",
        "mpadded",
        "mphantom",
        "menclose",
    ]
)
_ATTRIBUTES = frozenset(
    [
        "display",
        "accent",
        "accentunder",
        "stretchy",
        "fence",
        "form",
        "separator",
        "largeop",
        "movablelimits",
        "symmetric",
        "minsize",
        "maxsize",
        "lspace",
        "rspace",
        "width",
        "height",
        "depth",
        "displaystyle",
        "scriptlevel",
        "linethickness",
        "columnalign",
        "columnlines",
        "rowlines",
        "columnspan",
        "rowspan",
        "mathvariant",
    ]
)
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
def mathml(latex: str, display: bool = False) -> Markup:
    """``latex`` (without dollar signs) as one MathML element; the source stands in its ``alttext``.

    A ``\\tag{17}`` is set to the right as (17). What cannot be converted is shown as its source.
    """
    tags = _TAG.findall(latex)
    source = _TAG.sub("", latex).strip()
    source = _TEXT.sub(_split_text, source)
    for pattern, replacement in _REPLACED:
        source = pattern.sub(replacement, source)
    source = _balanced(source)
    try:
        tree = ET.fromstring(convert(source, display="block" if display else "inline"))
    except Exception:
        return Markup("<code>{}</code>").format(latex)
    root = _rebuilt(tree, display)
    if display:
        broken(root)
    for tag in tags:
        ET.SubElement(root, "mspace", {"width": "2em"})
        ET.SubElement(root, "mtext").text = f"({tag})"
    if _local(tree.tag) != "math":
        return Markup("<code>{}</code>").format(latex)
    root.attrib = {"display": "block" if display else "inline", "alttext": " ".join(latex.split())}
    return Markup(ET.tostring(root, encoding="unicode"))


def displayed(latex: str, left: bool = False) -> Markup:
    """A displayed formula in a box that scrolls by itself where the screen is narrow."""
    box = Markup(
        '<div class="display left" tabindex="0">{}</div>'
        if left
        else '<div class="display" tabindex="0">{}</div>'
    )
    return box.format(mathml(latex, display=True))


_PIECE = re.compile(r"\$\$(.+?)\$\$|\$(.+?)\$", re.DOTALL)


def words(text: str) -> Markup:
    """Plain words, escaped, their ASCII mathematics in Unicode."""
    return escape(ascii_math(text))


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
            out += escape(ascii_math(text[position : match.start()])) + mathml(
                match.group(1) or match.group(2)
            )
            position = match.end()
        return out + escape(ascii_math(text[position:]))
    if not _BARE_LATEX.search(text):
        return escape(ascii_math(text))
    formula, colon, rest = text.partition(": ")
    if len(_WORD.findall(_COMMAND.sub("", formula))) < 2:
        return mathml(formula) + colon + inline(rest)
    tokens = [mathml(t) if _BARE_LATEX.search(t) else escape(ascii_math(t)) for t in text.split(" ")]
    return Markup(" ").join(tokens)


_ASCII = (
    (re.compile(r"\by-hat\b|\byhat\b"), "ŷ"),
    (re.compile(r"\bg-hat\b"), "ĝ"),
    (re.compile(r"\bL\^(?![\w{])"), "L̂"),
    (re.compile(r"\bd2?L\^/"), lambda m: m.group(0).replace("L^", "L̂")),
    (re.compile(r"\bsqrt\(([^()\s]+)\)"), r"√\1"),
    (re.compile(r"(?<=\d)\*(?=√)"), ""),
    (re.compile(r"\bgamma(?![a-zA-Z])"), "γ"),
    (re.compile(r"\bsigma(?![a-zA-Z])"), "σ"),
    (re.compile(r"\blambda\b"), "λ"),
    (re.compile(r"\balpha\b"), "α"),
    (re.compile(r"\bkappa\b"), "κ"),
    (re.compile(r"\bW0\b"), "W₀"),
    (re.compile(r"\bepsilon\b|\beps\b"), "ε"),
    (re.compile(r"\bbeta\b(?!-)"), "β"),
    (re.compile(r"\bmu\b"), "μ"),
    (re.compile(r"\brho\b"), "ρ"),
    (re.compile(r"\b([gvuwpy])'(?=[A-Z(]|[a-z]\b)"), r"\1ᵀ"),
    (re.compile(r"<([^<>=,]{1,12}), ?([^<>=,]{1,12})>"), r"⟨\1, \2⟩"),
    (re.compile(r"(?<![<>=!-])<=(?!=)"), "≤"),
    (re.compile(r"(?<![<>=!])>=(?!=)"), "≥"),
    (re.compile(r"!="), "≠"),
    (re.compile(r"(?<=[\w)²⟩]) - (?=[\w(‖|⟨])"), " − "),
    (re.compile(r"(?<=[\w)⟩γσλεβμρ|])\^2\b"), "²"),
    (re.compile(r"(?<=[\w)⟩γσλεβμρ|])\^4\b"), "⁴"),
    (re.compile(r"(?<=\s)->(?=\s)"), "→"),
    (re.compile(r"(?<![A-Za-z])([a-zA-Zμσ])_j\b"), r"\1ⱼ"),
)


def ascii_math(text: str) -> str:
    """The ASCII mathematics of a sentence ("v'Hv <= g'Hg", "sigma > 0") in Unicode; LaTeX is not touched."""
    for pattern, replacement in _ASCII:
        text = pattern.sub(replacement, text)
    return text
