"""What differs between two lines of mathematics, for terminals."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

_TOKEN = re.compile(r"√\w+|\w+|\s+|.")


def marked(text: str, against: str) -> list[tuple[str, bool]]:
    """``text`` in pieces; True where ``against`` has something else."""
    own, other = _TOKEN.findall(text), _TOKEN.findall(against)
    changes = SequenceMatcher(None, other, own, autojunk=False).get_opcodes()
    return [("".join(own[low:high]), tag != "equal") for tag, _, _, low, high in changes if high > low]
