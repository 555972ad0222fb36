"""A claim as a page, for every writer: what it says, whether it is true, what is true instead, why, and what to do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bnverify.theory import shelf
from bnverify.theory.grammar import names_in, parse
from bnverify.theory.rocq.witnesses import IN_PART, witnesses
from bnverify.theory.store import Stored
from bnverify.theory.vocabulary import VOCABULARY
from bnverify.theory.writing.blocks import (
    Arrows,
    Block,
    Code,
    Facts,
    Fold,
    Formula,
    Judged,
    Lines,
    Page,
    Part,
    Quote,
    Values,
    Words,
)
from bnverify.theory.writing.points import arrows, given, shown, sides, valued
from bnverify.theory.writing.readers import behind, for_readers
from bnverify.theory.writing.runs import measured
from bnverify.theory.writing.words import scope_text

FIXED = ("quantifiers", "fixed", "varies", "norm", "right_side_at", "bias", "parameters")
_WHY = 5
"""Lines in which a verdict is explained."""
_NUMBERED = {"thm": "Theorem", "lem": "Lemma", "fact": "Fact", "def": "Definition", "obs": "Observation"}


def page(entry: Stored) -> Page:
    """The page of a claim."""
    blocks = measured(entry) if entry.claim.measured else proved(entry)
    return Page(
        entry.id, heading_of(entry.item), f"{entry.item['kind']}; {entry.item['where']}", tuple(blocks)
    )


def heading_of(item: Mapping[str, Any]) -> str:
    """ "Theorem 4.1: title" or "Figure 4(a): title" where the id carries a number, the title alone elsewhere."""
    prefix, _, rest = item["id"].partition("-")
    if prefix == "eq":
        return f"Equation ({rest}): {item['title']}"
    if figure := re.fullmatch(r"(\d+)([a-z]?)(\..*)?", rest) if prefix == "fig" else None:
        panel = f"({figure[2]})" if figure[2] else ""
        return f"Figure {figure[1]}{panel}: {item['title']}"
    name = name_of(item)
    return f"{name}: {item['title']}" if name else str(item["title"])


def name_of(item: Mapping[str, Any]) -> str:
    """ "Theorem 4.1" or "Theorem 4.2, part 1"; empty where the id carries no number of a statement."""
    prefix, _, rest = item["id"].partition("-")
    number = re.match(r"[A-Z0-9]+\.\d+", rest)
    if prefix not in _NUMBERED or not number:
        return ""
    part = rest[number.end() + 1 :]
    return f"{_NUMBERED[prefix]} {number[0]}{f', part {part}' if part.isdigit() else ''}"


def deciding(item: Mapping[str, Any]) -> int | None:
    """The place of the reading that is shown first: one that decides the verdict; None where none counts."""
    counted = [i for i, reading in enumerate(item["readings"]) if reading["admitted"]]
    if not counted:
        return None
    first = counted[0]
    return (
        first
        if item["verdict"] != "refuted"
        else next((i for i in counted if item["readings"][i]["verdict"] == "refuted"), first)
    )


def printed(entry: Stored) -> Formula | None:
    """The statement as printed; None where it is in words alone."""
    place = deciding(entry.item)
    return None if place is None else _formula(entry.detail["readings"][place])


def corrected(entry: Stored) -> Formula | None:
    """What is true instead, as the equality that it is; None where nothing needs to be."""
    said, before = entry.detail["corrected"], printed(entry)
    if said is None:
        return None
    last = said["proof"][-1] if said["proof"] else {"kind": ""}
    attained = said["tight"] and last["kind"] == "identity" and last["statement"] is not None
    made = _formula(said | {"statement": last["statement"]} if attained else said)
    against = (like(before.latex, made.latex), like(before.plain, made.plain)) if before else ()
    return Formula(made.latex, made.plain, made.given, *against)


def like(printed: str, true: str) -> str:
    """``printed`` with W* where it says W and ``true`` says W*, as the paper does: a letter is no difference."""
    star = next((star for star in ("W^{*}", "W*") if star in true and star not in printed), None)
    return re.sub(r"(?<!\{)W(?![_^₀*}])", star, printed) if star else printed


def _formula(data: Mapping[str, Any]) -> Formula:
    conditions = tuple((text["latex"], text["plain"]) for text in data["hypotheses"])
    return Formula(data["statement"]["latex"], data["statement"]["plain"], conditions)


_AS = {False: "As printed", True: "As stated"}


def _asked(item: Mapping[str, Any]) -> bool:
    """Whether the statement is a question beside the sources, so that nothing is printed."""
    return bool(item["kind"] == "extension")


def proved(entry: Stored) -> Iterator[Block]:
    """The page of a statement that mathematics decides."""
    item, detail = entry.item, entry.detail
    yield Part("What it says")
    if (first := printed(entry)) is not None:
        yield first
    if words := behind(item["id"]):
        yield Words(words)
    if item["quotation"]:
        yield Quote(item["quotation"], item["where"])
    yield Part("Is it true?")
    why = detail["why"]
    yield Judged(_AS[_asked(item)], item["verdict"], item["tight"], f"{why[:1]}{why[1:]}." if why else "")
    facts = [("scope", scope_text(item["scope"]))] if item["scope"] else []
    facts += [("assumes", "; ".join(item["assumptions"]))] if item["assumptions"] else []
    facts += [("rests on", ", ".join(item["lemmas"]))] if item["lemmas"] else []
    facts += [("part of", f"`{detail['part_of']}`")] if detail["part_of"] else []
    if facts:
        yield Facts(tuple(facts))
    if (instead := corrected(entry)) is not None:
        yield Part("What is true instead")
        yield Words(f"{detail['corrected']['text']}.")
        yield instead
    if meant := letters(entry):
        yield Facts((("letters", meant),))
    if because := why_lines(entry):
        yield Part("Why")
        yield Lines(tuple(because))
    if (drawn := picture(entry)) is not None:
        yield Part("As a picture")
        yield drawn
    if meaning := for_readers(item["id"]):
        yield Part("What it means for your network")
        yield Words(meaning)
    yield from _evidence(entry)


def letters(entry: Stored) -> str:
    """What the letters of the statement mean, each by its entry in the vocabulary."""
    place = deciding(entry.item)
    if place is None:
        return ""
    used = names_in(parse(entry.detail["readings"][place]["text"], logic=True))
    return "; ".join(f"{name.symbol} is {name.meaning}" for name in VOCABULARY.values() if name.name in used)


def picture(entry: Stored) -> Arrows | None:
    """The smallest counterexample to the statement as shown, where it is a batch of two; None elsewhere."""
    place = told(entry)
    if place is None or not entry.detail["readings"][place]["points"]:
        return None
    point, data = entry.item["readings"][place]["counterexample"], entry.detail["readings"][place]
    return None if point is None else arrows(point, data["points"][0], data["statement"]["plain"])


def told(entry: Stored) -> int | None:
    """The place of the reading that says why: the one shown first, or that with <= where its < fails at equal sides."""
    first = deciding(entry.item)
    if (
        first is None
        or not entry.item["readings"][first]["counterexample"]
        or entry.item["verdict"] != "refuted"
    ):
        return first
    return refuting(entry.item, entry.detail)


def refuting(item: Mapping[str, Any], detail: Mapping[str, Any]) -> int | None:
    """The place of the reading whose counterexample is shown: the first one, or, where its sides are equal under a
    printed <, the same statement with <= where that is refuted too."""
    counted = [i for i, one in enumerate(item["readings"]) if one["admitted"] and one["counterexample"]]
    if not counted:
        return None
    point = item["readings"][counted[0]]["counterexample"]
    weaker = detail["readings"][counted[0]]["text"].replace(" < ", " <= ")
    if point["relation"] == "lt" and point["lhs"] == point["rhs"]:
        return next((i for i in counted[1:] if detail["readings"][i]["text"] == weaker), counted[0])
    return counted[0]


def why_lines(entry: Stored) -> list[str]:
    """Why the verdict is what it is, in at most five lines."""
    item, detail, lines = entry.item, entry.detail, []
    place = told(entry)
    if place is None:
        return list(detail["remarks"][:_WHY])
    reading, more = item["readings"][place], detail["readings"][place]
    point = reading["counterexample"]
    if point is not None and item["verdict"] in ("refuted", "conditional"):
        other = "" if place == deciding(item) else f"Strict or not: {point['note']}. "
        worked = more["points"][0]
        data = ", ".join(text for _, text in given(point, worked["values"]))
        lines.append(f"{other}Take m = {point['m']} and {data}.")
        if rows := shown(point, worked):
            lines.append("Then " + ", ".join(valued(row)[1] for row in rows[:5]) + ".")
        lines.append(sides(point))
    stated = detail["corrected"] or proved_reading(entry)
    if stated is not None and stated["proof"]:
        lines.append(_idea(stated["proof"][-1], " and ".join(one["plain"] for one in stated["hypotheses"])))
    lines += detail["remarks"]
    return lines[:_WHY]


def proved_reading(entry: Stored) -> Mapping[str, Any] | None:
    """The first reading that counts and has a proof."""
    pairs = zip(entry.item["readings"], entry.detail["readings"], strict=True)
    return next((more for data, more in pairs if data["admitted"] and more["proof"]), None)


def _idea(step: Mapping[str, Any], given: str) -> str:
    """The last step of a proof in a sentence; ``given``: its hypotheses."""
    if step["slack"] is not None:
        where = f"where {given}, no term is negative" if given else "no term is ever negative"
        return f"For every m, right side minus left side is {step['slack']['plain']}: {where}."
    if step["lemma"] is not None:
        return f"It follows from the lemma {step['lemma']}: {step['lemma_text']}."
    if step["statement"] is not None:
        return f"Derived from the definition of the layer, for every m: {step['statement']['plain']}."
    return f"{step['text']}."


def _evidence(entry: Stored) -> Iterator[Block]:
    """Proof, readings, counterexamples, LaTeX, certificate and witnesses."""
    item, detail = entry.item, entry.detail
    if detail["corrected"] is not None and detail["corrected"]["proof"]:
        yield Part("Proof of what is true instead")
        yield from proof(detail["corrected"]["proof"], entry.id)
    pairs = list(zip(item["readings"], detail["readings"], strict=True))
    counted = [pair for pair in pairs if pair[0]["admitted"]]
    if counted:
        yield Part("The readings that count" if len(counted) > 1 else f"{_AS[_asked(item)]}, in full")
        for data, more in counted:
            yield from reading(data, more, len(counted) == 1, entry.id)
    others = [pair for pair in pairs if not pair[0]["admitted"]]
    if others:
        inside = [block for data, more in others for block in reading(data, more, False, entry.id)]
        yield Fold(f"Readings that do not count ({len(others)})", tuple(inside))
    yield Part("LaTeX")
    yield Code(latex(entry), "LaTeX")
    yield Part("Certificate and witnesses")
    yield from certificate(entry)
    if detail["legend"]:
        yield Fold("Letters", (Facts(tuple((name, text) for name, text in detail["legend"])),))
    if item["notation"]:
        yield Part("Slips of notation that change no value")
        yield Lines(tuple(item["notation"]))
    if detail["remarks"]:
        yield Part("Remarks")
        yield Lines(tuple(detail["remarks"]))


def reading(data: Mapping[str, Any], more: Mapping[str, Any], only: bool, name: str) -> Iterator[Block]:
    """One way to read the words: its verdict, its formula, what it fixes, proof and counterexample."""
    if not only:
        yield Part(f"Reading {data['slug']}", 3)
    out = "" if data["admitted"] else f" It does not count: {data['why']}."
    yield Judged("", data["verdict"], data["tight"], f"{data['summary']}.{out}")
    yield _formula(more)
    rows = tuple((name.replace("_", " "), data["data"][name]) for name in FIXED if data["data"].get(name))
    yield Fold(
        "What this reading fixes, and the line that is decided",
        (Facts((*rows, ("line", f"`{more['text']}`"))),),
    )
    yield from proof(more["proof"], name)
    yield from counterexamples(data, more)
    for step in more["contradictions"]:
        yield Words(f"Contradicted by: {step['text']}")
        if step["statement"] is not None:
            yield Formula(step["statement"]["latex"], step["statement"]["plain"])
        if step["slack"] is not None:
            yield _slack(step)
    if more["necessary"]:
        yield Words(f"The hypothesis is needed: {more['necessary']}")


def proof(steps: Sequence[Mapping[str, Any]], name: str) -> Iterator[Block]:
    """The steps of a proof for every m. name: the claim's, which `bnverify cite` derives in full."""
    if not steps:
        return
    derived = f"the derivation in full: `bnverify cite {name} --tex`"
    if len(steps) == 1 and steps[0]["kind"] == "identity" and not steps[0]["text"] and steps[0]["holds"]:
        yield Words(
            "Proof, for every m: the kernel expands both sides from the definition of the layer, and they agree term "
            f"by term; {derived}."
        )
        return
    yield Words("Proof, for every m:")
    for number, step in enumerate(steps, 1):
        last = number == len(steps)
        identity = "an identity, both sides expanded from the definition of the layer"
        words = step["text"] or ("the statement" if last else identity)
        if step["lemma"] is not None:
            words = f"{words} (lemma {step['lemma']}, trusted)"
        yield Words(f"{number}. {words}" + ("" if step["holds"] else " THIS STEP DOES NOT VERIFY"))
        if step["statement"] is not None and not (last and step["lemma"]):
            yield _formula({**step, "hypotheses": step["given"]})
        if step["slack"] is not None:
            yield _slack(step)
    yield Words(f"{derived[0].upper()}{derived[1:]}.")


def _slack(step: Mapping[str, Any]) -> Formula:
    return Formula(
        rf"\text{{right}} - \text{{left}} = {step['slack']['latex']} \ge 0",
        f"right − left = {step['slack']['plain']} ≥ 0",
    )


def counterexamples(data: Mapping[str, Any], more: Mapping[str, Any]) -> Iterator[Block]:
    """The smallest exact counterexample, and the smallest with every term non-zero where it is another."""
    point = data["counterexample"]
    if point is None:
        return
    points = [("Smallest counterexample", point)]
    if point["generic"] is not None:
        if len(more["points"]) == 1:
            points = [("Smallest counterexample; every term is non-zero", point)]
        else:
            points.append(("Smallest counterexample with every term non-zero", point["generic"]))
    for (label, one), worked in zip(points, more["points"], strict=True):
        yield Part(f"{label}, m = {one['m']}", 3)
        if one["note"]:
            yield Words(f"{one['note']}.")
        yield Values(tuple(given(one, worked["values"])))
        yield Values(tuple(map(valued, shown(one, worked))))
        yield Words(sides(one))


def latex(entry: Stored) -> str:
    """Every formula of a claim, each after a comment with its name."""
    parts = [f"% {data['slug']}\n{data['statement']}" for data in entry.item["readings"]]
    true = corrected(entry)
    return "\n".join([*parts, *([f"% corrected\n{true.latex}"] if true else [])])


def certificate(entry: Stored) -> Iterator[Block]:
    """What the kernel is handed, and who else says so."""
    items = [
        json.dumps(one, ensure_ascii=False) for (name, _), one in shelf.load().items() if name == entry.id
    ]
    found = entry.item["witnesses"]
    rows = []
    if "kernel" in found:
        judge = f"from the definition of the layer: `bnverify prove {entry.id}`"
        rows.append(("kernel", f"{', '.join(found['kernel'])}: `theory/kernel.py`, for every m, {judge}"))
    if "exact point" in found:
        rows.append(("exact point", f"{', '.join(found['exact point'])}: the kernel, in exact arithmetic"))
    if "SymPy" in found:
        compared = (
            "v and B of the layer, every entry, by differentiating the composed loss at small m, in the tests"
        )
        rows.append(("second witness", f"SymPy, {', '.join(found['SymPy'])}: {compared}"))
    if "Rocq" in found:
        rocq = witnesses(entry.id)
        axioms = f"on {len(rocq.axioms)} axioms, those of the standard library's reals: `make rocq`"
        rows.append(("third witness", f"Rocq {rocq.version}, {', '.join(found['Rocq'])}; {axioms}"))
        if IN_PART.intersection(rocq.theorems):
            told = "no word for a minimum; of these theorems gamma, beta and the bound are the claim's text"
            rows.append(
                ("in part", f"the grammar has {told}, the rest is a sentence of `theory/rocq/minima.py`")
            )
    if "random batches" in found:
        rows.append(("random batches", f"{', '.join(found['random batches'])}: `bnverify check {entry.id}`"))
    yield Facts(tuple(rows))
    if items:
        yield Fold(
            f"The certificate, {len(items)} line{'s' if len(items) > 1 else ''}",
            (Code("\n".join(items), "JSON"),),
        )
