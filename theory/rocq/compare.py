"""Whether a theorem of a ``.v`` file states what the registry says: parsed back and compared with the claim's text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bnverify.theory import kernel
from bnverify.theory.cases import cases
from bnverify.theory.grammar import Node, parse
from bnverify.theory.registry import registry
from bnverify.theory.rocq import minima
from bnverify.theory.rocq.generate import Written
from bnverify.theory.rocq.reader import Theorem, Unread, propositions, read
from bnverify.theory.rocq.statement import Outside, Statement, canonical, sorts_of, statement_of
from bnverify.theory.rocq.witnesses import BY_HAND, IN_PART, ByHand
from bnverify.theory.rocq.writer import abbreviations, binders, moving, premises, proposition
from bnverify.theory.shelf import example_of
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
        text = texts.get(theorem.file, {}).get(theorem.name, "")
        result += [f"{theorem.claim} ({theorem.name}) has {what} in Rocq" for what in _by_hand(theorem, text)]
    return result


def question(theorem: ByHand) -> kernel.Claim:
    """What the kernel is asked about the reading that a theorem by hand is compared with."""
    asked = (case for case in cases(registry()[theorem.claim]) if case.reading == theorem.reading)
    return next(case.asked for case in asked if case.part in ("", "smallest"))


def registered(theorem: ByHand) -> Statement:
    """The statement of the registry that a theorem by hand is compared with.

    Raises:
        Outside: it has no words in Rocq.
    """
    found = statement_of(question(theorem), negation=theorem.change == "negation")
    if theorem.change == "equation":
        found = replace(found, says=Node("==", found.says.args))
    if theorem.change == "converse":
        hypothesis, *rest = found.given
        found = replace(found, says=hypothesis, given=(*rest, found.says))
    return replace(found, given=(*map(canonical, map(parse, theorem.given)), *found.given))


def expected(theorem: ByHand) -> str:
    """The proposition of a theorem by hand, written from the registry's text.

    Raises:
        Outside: it has no words in Rocq.
    """
    denied = theorem.name.endswith("_false")
    if theorem.full in IN_PART:
        says = minima.sentence(theorem.claim, theorem.reading, theorem.change == "bias")
        return f"~ ({says})" if denied else says
    return proposition(registered(theorem), denied)


def _by_hand(theorem: ByHand, text: str) -> list[str]:
    try:
        if text and theorem.full in IN_PART:
            return ["another sentence"] * (_words(text) != _words(expected(theorem)))
        back = read(theorem.name, text)
        bad = differences(registered(theorem), back)
        if theorem.given:
            asked = question(theorem)
            supposed = replace(asked, hypotheses=(*theorem.given, *asked.hypotheses), example=None)
            bad += ["hypotheses that no instance meets"] * (example_of(supposed) is None)
    except (Unread, Outside, StopIteration) as error:
        return [str(error) or "no reading of that name"]
    return bad + ["the opposite"] * (back.denied != theorem.name.endswith("_false"))


def _words(text: str) -> list[str]:
    return text.replace("(", " ( ").replace(")", " ) ").split()
