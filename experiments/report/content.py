"""What the report says, as plain data: the page, the Markdown and the JSON are three views of this."""

from __future__ import annotations

import platform
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bnverify.experiments.report.pages import page_of
from bnverify.theory.kernel import LEMMAS
from bnverify.theory.store import Stored
from bnverify.theory.writing.blocks import Page
from bnverify.theory.writing.claim_page import page as written_page
from bnverify.theory.writing.words import ascii_math, scope_text

if TYPE_CHECKING:
    from bnverify.experiments.report.reproduction_content import Source

NAMED = ("thm", "obs", "lem", "fact")
"""Prefixes of the ids of the theorems, which stand on the first page."""
_ORDER = (
    "proved",
    "conditional",
    "refuted",
    "reproduced",
    "mixed",
    "too-small",
    "no-effect",
    "opposite",
    "underpowered",
    "not-run",
    "definition",
    "open",
    "absent",
)


_GROUPS = {
    **dict.fromkeys(NAMED, "Theorems, observations, lemmas and facts"),
    "def": "Definition 2.1",
    "eq": "Numbered equations of Appendix C",
    "fig": "Figures",
    "prose": "Claims in prose",
    "blog": "The blog post",
    "ext": "Beyond the sources",
}
_COUNTED = {
    "proved": "{} true for every batch size",
    "conditional": "{} true under a further hypothesis or in one reading only",
    "refuted": "{} false as printed",
    "reproduced": "{} reproduced by measurement",
    "mixed": "{} reproduced in one part and not in another",
    "too-small": "{} smaller than said",
    "no-effect": "{} without the effect",
    "opposite": "{} measured the other way round",
    "underpowered": "{} with too few seeds to tell",
    "not-run": "{} whose training runs are not made yet",
    "definition": "{} that define something and claim nothing",
    "open": "{} left open",
    "absent": "{} whose words are lost in the copy of the paper that was read",
}


@dataclass(frozen=True)
class Column:
    """A column of a table; numbers are set flush right, codes in a fixed-width face."""

    name: str
    numeric: bool = False
    code: bool = False


@dataclass(frozen=True)
class Table:
    """A table of cells that are ready to be read."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


@dataclass(frozen=True)
class Picture:
    """A picture: ``name`` of its file, its caption, inline SVG for the page and a file for elsewhere."""

    name: str
    caption: str
    svg: str
    standalone: str


@dataclass(frozen=True)
class Measured:
    """What random batches said of a statement: a sentence, tables, pictures, and the data behind them."""

    sentence: str
    tables: tuple[Table, ...]
    data: Any = None
    figures: tuple[Picture, ...] = ()


@dataclass(frozen=True)
class Entry:
    """A claim in the report: its stored item and detail, its page, where that lies and what finds it."""

    item: dict[str, Any]
    detail: dict[str, Any]
    page: Page
    href: str
    find: str
    measured: Measured | None = None
    stale: bool = False

    @property
    def named(self) -> bool:
        """Whether it is a theorem, an observation, a lemma or a fact."""
        return str(self.item["id"]).partition("-")[0] in NAMED

    @property
    def scope(self) -> str:
        return scope_text(self.item["scope"])

    @property
    def figures(self) -> tuple[Picture, ...]:
        return self.measured.figures if self.measured else ()


@dataclass(frozen=True)
class Group:
    """Statements from one kind of place, under one heading of the verdict table."""

    title: str
    entries: tuple[Entry, ...]

    @property
    def tally(self) -> dict[str, int]:
        return tally_of(self.entries)


@dataclass(frozen=True)
class Section:
    """A part of the report that is no statement: paragraphs, tables, pictures and the data behind them."""

    words: tuple[str, ...]
    tables: tuple[Table, ...]
    figures: tuple[Picture, ...]
    data: Any


@dataclass(frozen=True)
class Note:
    """A further page of the folder, in Markdown."""

    title: str
    href: str
    markdown: str


@dataclass(frozen=True)
class Report:
    """The whole report.

    Attributes:
        failures: what contradicts a certificate; empty unless something is wrong.
        reproduction: the committed summaries of training runs, for a page of their own.
    """

    claims: tuple[Entry, ...]
    digits: Section | None
    environment: dict[str, str]
    commands: tuple[str, ...]
    notes: tuple[Note, ...] = ()
    failures: tuple[str, ...] = ()
    reproduction: tuple[Source, ...] = ()
    lemmas: dict[str, str] = field(default_factory=lambda: dict(LEMMAS))

    @property
    def tally(self) -> dict[str, int]:
        """How many statements have each verdict, in a fixed order."""
        return tally_of(self.claims)

    @property
    def stale(self) -> tuple[str, ...]:
        """Statements whose evidence is older than a source it rests on."""
        return tuple(entry.item["id"] for entry in self.claims if entry.stale)

    @property
    def groups(self) -> tuple[Group, ...]:
        """The statements by source, in the order of the report."""
        found: dict[str, list[Entry]] = {}
        for entry in self.claims:
            prefix = entry.item["id"].partition("-")[0]
            found.setdefault(_GROUPS.get(prefix, "Others"), []).append(entry)
        return tuple(Group(title, tuple(entries)) for title, entries in found.items())

    @property
    def summary(self) -> str:
        """The counts in a sentence: of what the sources say, and apart from it of what is asked beside them."""
        asked = [entry for entry in self.claims if entry.item["kind"] == "extension"]
        said = [entry for entry in self.claims if entry.item["kind"] != "extension"]
        parts = []
        for entries, of in ((said, "of the paper and the texts about it"), (asked, "asked beside them")):
            listed = [_COUNTED[verdict].format(count) for verdict, count in tally_of(entries).items()]
            if listed:
                noun = f"{len(entries)} statement{'' if len(entries) == 1 else 's'} {of}"
                words = (
                    ", ".join(listed).replace(" as printed", "") if entries is asked else ", ".join(listed)
                )
                parts.append(f"{noun}, taken one by one: {words}")
        return "; and ".join(parts) + "."


def tally_of(entries: Iterable[Entry]) -> dict[str, int]:
    """How many statements have each verdict, in a fixed order."""
    count = Counter(entry.item["verdict"] for entry in entries)
    return {verdict: count[verdict] for verdict in _ORDER if count[verdict]}


def equations_in(where: str) -> list[str]:
    """Numbers of the equations that a place names: "(10) to (18)" is all nine."""
    found: list[str] = []
    for first, last in re.findall(r"\((\d+)\)(?:\s*(?:to|-|–)\s*\((\d+)\))?", where):
        stop = int(last) if last else int(first)
        found += [str(number) for number in range(int(first), stop + 1)]
    return found


_WORDS = {
    "gradient predictiveness": ("thm-4.1", "thm-4.2.1", "thm-4.2.2"),
    "effective beta-smoothness": ("thm-4.2.1", "thm-4.2.2", "thm-C.1"),
    "lipschitz constant lipschitzness of the loss": ("thm-4.1", "thm-4.4"),
    "loss landscape hessian quadratic form": ("thm-4.2.1", "thm-4.2.2", "thm-C.1"),
    "favorable favourable initialisation initialization": ("lem-4.5",),
    "rescaling reparametrization reparametrisation": ("obs-4.3.activations", "obs-4.3.minima"),
    "internal covariate shift ics": ("def-2.1.gradient", "def-2.1.reparametrisation"),
    "backward pass": ("fact-C.1", "fact-C.2"),
}
"""Words of the paper's other parts by which its theorems are known."""


def find_text(item: dict[str, Any], title: str, why: str) -> str:
    """Lower-case words by which the search finds a claim: its title first, then a bar, then the paper's words."""
    numbers = equations_in(f"{item['where']} {why}")
    prefix, _, rest = item["id"].partition("-")
    number = rest if prefix == "eq" else ""
    tokens = [f"eq-{value}" for value in dict.fromkeys([*numbers, *([number] if number else [])])]
    quoted = dict.fromkeys(re.findall(r"[a-zA-Z]{3,}", re.sub(r"\$[^$]*\$", " ", item["quotation"])))
    more = [words for words, ids in _WORDS.items() if item["id"] in ids]
    words = (item["id"], title, "|", *tokens, item["kind"], item["where"], why, *more, *quoted)
    return re.sub(r"\s+", " ", ascii_math(" ".join(words)).lower()).strip()


def entries_of(stored: Iterable[Stored], measured: Mapping[str, Measured]) -> tuple[Entry, ...]:
    """The claims of the report in the order of ``stored``."""
    made = []
    for one in stored:
        page = written_page(one)
        made.append(
            Entry(
                item=one.item,
                detail=one.detail,
                page=page,
                href=f"claims/{page_of(one.id)}",
                find=find_text(one.item, page.title, one.detail["why"]),
                measured=measured.get(one.id),
                stale=one.stale,
            )
        )
    return tuple(made)


def environment_of(seed: int, trials: int, device: str) -> dict[str, str]:
    """Versions and the machine, as far as they bear on a number; without torch those of the theory alone."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"bnverify": version("bnverify"), "python": platform.python_version()}
    for name in ("torch", "numpy", "sympy", "matplotlib", "scikit-learn"):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    found |= {"system": f"{platform.system()} {platform.machine()}", "device": device, "seed": str(seed)}
    found["instances per statement"] = f"{trials:,}"
    if device.startswith("cuda"):
        import torch

        found["gpu"] = torch.cuda.get_device_name(device)
    return found
