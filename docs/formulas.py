"""Formulas of the documentation as MathML, which browsers typeset without a script, when the site is built."""

from __future__ import annotations

import html
import re
from typing import Any

from bnverify.experiments.report.mathml import mathml


def on_page_content(text: str, **_: Any) -> str:
    """The page with each formula that `pymdownx.arithmatex` set apart written out."""
    text = re.sub(
        r'<span class="arithmatex">\\\((.*?)\\\)</span>',
        lambda found: mathml(html.unescape(found[1])),
        text,
        flags=re.S,
    )
    return re.sub(
        r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>',
        lambda found: f'<div style="overflow: auto hidden">{mathml(html.unescape(found[1]), True)}</div>',
        text,
        flags=re.S,
    )
