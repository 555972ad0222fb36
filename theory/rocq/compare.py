"""Whether a theorem of a ``.v`` file states what the registry says: parsed back and compared with the claim's text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bnverify.theory.cases import Case, cases
from bnverify.theory.grammar import Node, parse, put
from bnverify.theory.registry import registry
from bnverify.theory.rocq.generate import Written
from bnverify.theory.rocq.reader import Theorem, Unread, conclusion, propositions, read
from bnverify.theory.rocq.statement import Outside, Statement, canonical, sorts_of, statement_of
from bnverify.theory.rocq.witnesses import BY_HAND, ByHand
from bnverify.theory.rocq.writer import abbreviations, binders, moving, premises
from bnverify.theory.sorts import sort_of


def differences(found: Statement, theorem: Theorem) -> list[str]:
    """In what a theorem differs from a statement of the registry, each a few words; none where it states the same."""
    result = []
    if theorem.says != found.says:
        result.append("another conclusion")
    if set(theorem.given) != set(found.given):
        result.append("other hypotheses")
    if _sorted(theorem.binders) != _sorted(read("it", f"forall {binders(found)}, 0 = 0").binders):
        result.append("other names")
    if theorem.premises != tuple(premises(found)):
        result.append("another setting")
    if set(theorem.abbreviations) != set(abbreviations(found)):
        result.append("other meanings of names")
    known = sorts_of(found)
    for operand, in_weights in theorem.spaces:
        if in_weights != (found.two_spaces() and sort_of(operand, known).space == "weights"):
            result.append("an inner product in another space")
    places = [place for tree in (*found.given, found.says) for place in _places(found, tree)]
    if sorted(theorem.moved) != sorted(places):
        result.append("other meanings of what moves")
    return list(dict.fromkeys(result))


def _sorted(groups: tuple[tuple[tuple[str, ...], str], ...]) -> list[tuple[str, str]]:
    return sorted((name, sort) for names, sort in groups for name in names)


def _places(found: Statement, tree: Node) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    """What moves in each rate, value elsewhere and maximum of a tree, and what the names inside mean there."""
    result = []
    if tree.head in ("d", "at", "maximum"):
        name = "rows" if tree.head == "maximum" else tree.args[1].args[0]
        names = tuple((word, _spaced(value)) for word, value in moving(found, tree.args[0], name))
        result.append((name, names))
    for inside in tree.args:
        if isinstance(inside, Node):
            result += _places(found, inside)
    return result


def _spaced(value: str) -> str:
    """Rocq text with a space between all its words, and without the marks of scopes, as the reader has it."""
    for mark in ("%V", "%R"):
        value = value.replace(mark, "")
    for mark in "()+-*/":
        value = value.replace(mark, f" {mark} ")
    return " ".join(value.split())


def misread(sources: Mapping[str, str], made: Written) -> list[str]:
    """The theorems, generated and by hand, that do not state what the registry says, each with what differs."""
    result = []
    texts = {file: propositions(source) for file, source in sources.items()}
    for (claim, label), (file, name, found) in made.theorems.items():
        try:
            bad = differences(found, read(name, texts[file].get(name, "")))
        except Unread as error:
            bad = [str(error)]
        result += [f"{claim} ({label}) has {what} in Rocq" for what in bad]
    for theorem in BY_HAND:
        if theorem.reading:
            result += [f"{theorem.claim} ({theorem.name}) has {what}" for what in _by_hand(theorem, texts)]
    return result


def registered_case(theorem: ByHand) -> Case:
    """What the kernel is asked of the reading that a theorem by hand is compared with."""
    return next(
        case
        for case in cases(registry()[theorem.claim])
        if case.reading == theorem.reading and case.part in ("", "smallest")
    )


def registered(theorem: ByHand) -> Statement:
    """The statement of the registry that a theorem by hand is compared with."""
    found = statement_of(registered_case(theorem).asked)
    if theorem.equation:
        found = replace(found, says=Node("==", found.says.args))
    return found


def _by_hand(theorem: ByHand, texts: Mapping[str, Mapping[str, str]]) -> list[str]:
    text = texts.get(theorem.file, {}).get(theorem.name, "")
    try:
        if theorem.claim in _MINIMA:
            return _minima(theorem, text)
        back = read(theorem.name, text)
        bad = differences(registered(theorem), back)
    except (Unread, Outside) as error:
        return [str(error)]
    return bad + ["the opposite"] * (back.denied != theorem.name.endswith("_false"))


_MINIMA = ("obs-4.3.minima", "lem-4.5")
"""Claims about minima, which the grammar cannot say: of these the parts that it can are compared."""
_MATCHED = {
    "gamma == sigma": "let gamma := BatchNorm.s 0 y in",
    "beta == mu": "let beta := BatchNorm.mu y in",
}


def _minima(theorem: ByHand, text: str) -> list[str]:
    """gamma and beta are what the kernel's hypotheses say; the bound of a distance is the claim's."""
    case = registered_case(theorem)
    bad = ["no minimum"] * (text.count("local_min") < 2)
    bad += ["another gamma or beta"] * any(part not in text for part in _MATCHED.values())
    if case.certificate.get("lemma") == "composition":
        return bad + ["other hypotheses"] * (set(case.asked.hypotheses) != set(_MATCHED))
    own = {old: Node("name", (new,)) for old, new in theorem.renamed}
    wanted = canonical(put(parse(case.asked.statement), own))
    return bad + ["another conclusion"] * (conclusion(text) != wanted)
