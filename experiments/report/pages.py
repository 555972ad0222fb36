"""Templates to text: the jinja environment of every page, and the filters that set exact numbers."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from bnverify.experiments.report.html import capital, line
from bnverify.experiments.report.mathml import displayed, inline, mathml, prose
from bnverify.theory.writing.legend import LEGEND
from bnverify.theory.writing.words import ascii_math
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def breakable(identifier: str) -> Markup:
    """An id that may break after a hyphen or a point where the column is narrow."""
    return Markup("<wbr>").join(part for part in re.split(r"(?<=[-.])", identifier))


def page_of(identifier: str) -> str:
    """The file of a claim's page; a colon would make the name a scheme in a link, and no file on some systems."""
    return f"{identifier.replace(':', '.')}.html"


@cache
def environment() -> Environment:
    """The templates of this package. HTML is escaped; style sheets, scripts and Markdown are text."""
    made = Environment(
        loader=PackageLoader("bnverify.experiments.report"),
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "math": mathml,
        "display": displayed,
        "inline": inline,
        "line": line,
        "prose": prose,
        "breakable": breakable,
        "page": page_of,
        "plain": ascii_math,
        "capfirst": capital,
        "minus": lambda number: str(number).replace("-", "−"),
    }
    made.globals["legend_of"] = LEGEND
    return made


def render(template: str, **values: Any) -> str:
    """The text of ``template``; every name it uses must be given."""
    return environment().get_template(template).render(**values)
