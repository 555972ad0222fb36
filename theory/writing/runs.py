"""The page of a claim that training runs judge."""

from __future__ import annotations

from collections.abc import Iterator

from bnverify.theory.store import Stored
from bnverify.theory.writing.blocks import (
    Block,
    Cells,
    Facts,
    Formula,
    Judged,
    Lines,
    Part,
    Quote,
    Words,
)
from bnverify.theory.writing.readers import for_readers
from bnverify.theory.writing.words import scope_text


def measured(entry: Stored) -> Iterator[Block]:
    """The page of a claim that training runs judge."""
    item, detail = entry.item, entry.detail
    found = detail["measured"]
    yield Part("What it says")
    if item["quotation"]:
        yield Quote(item["quotation"], item["where"])
    yield Part("Is it true?")
    yield Judged("By training runs", item["verdict"], False, _rest(detail["why"], item["verdict"]))
    yield Facts((("scope", scope_text(item["scope"])),))
    for data in item["readings"]:
        yield Part(f"Runs {data['slug']}", 3)
        made = data["data"]
        if len(item["readings"]) > 1:
            yield Judged("", data["verdict"], False, _rest(data["summary"], data["verdict"]))
        yield Cells((*made["cells"], *made["parts"]), made["endpoint"])
        rows = [
            (
                "scale",
                f"{made['scale']}, {made['seeds']} of {made['asked']} seeds asked for by power, {made['data set']}",
            ),
            ("p", f"{made['p']:.3g}, after Holm over the primary endpoints {made['p_holm']:.3g}"),
            ("would change it", made["change"]),
            ("made by", f"`{made['command']}` on {made['date']}: {made['machine']}"),
            *([("note", made["note"])] if made["note"] else []),
        ]
        yield Facts(tuple(rows))
    if meaning := for_readers(item["id"]):
        yield Part("What it means for your network")
        yield Words(meaning)
    yield Part("What is measured")
    yield Words(f"{found['what']}.")
    if found["endpoint"]:
        yield Words("What has to hold, fixed beforehand in `notes/preregistration-2.toml`:")
        yield Formula(found["latex"], f"{found['endpoint']}; {found['asked']} seeds")
        yield Words(f"{found['endpoint']}; {found['asked']} seeds. {found['argued']}")
    rows = [("the paper gives", found["paper"])] if found["paper"] else []
    rows += [("words read as", "; ".join(item["assumptions"]))] if item["assumptions"] else []
    if found["earlier"]:
        rows.append(("the first rules said", "; ".join(f"{word} ({run})" for run, word in found["earlier"])))
    if rows:
        yield Facts(tuple(rows))
    if detail["remarks"]:
        yield Part("Remarks")
        yield Lines(tuple(detail["remarks"]))


def _rest(said: str, verdict: str) -> str:
    """What stands after the verdict's own word, as a sentence."""
    rest = said.removeprefix(f"{verdict.replace('-', ' ')} ")
    return f"{rest[:1].upper()}{rest[1:]}."
