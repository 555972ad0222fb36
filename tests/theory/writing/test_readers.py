"""What a claim means for a reader stands beside every theorem, figure, refuted and conditional claim, and is judged."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import pytest
from bnverify.theory.decide.ask import decide
from bnverify.theory.registry import registry
from bnverify.theory.store import Stored
from bnverify.theory.writing.readers import rests, sentences

from bnverify.commands.theory import _stored

CARRIED = [name for name in sentences() if rests(name)]
QUESTION = "asks what runs answer; experiments/judge answers it"
UNCARRIED = {
    **{name: QUESTION for name in registry() if name.startswith("fig-")},
    "prose-review-initialization": "is about the text of a review",
}
"""Sentences that no statement carries, and why."""
IN_PART = {
    "thm-4.2.2": "the second is advice",
    "obs-4.3.activations": "that a network makes no jump is what z = y says",
    "thm-4.4": "the three slips are counted by hand: a power, a factor lambda^2, a factor 1/m",
    "lem-4.5": "that the layer has no bias is the paper's y = Wx",
    "thm-C.1": "that nothing else rests on it was seen by reading: Theorem C.1 is the last line of the paper",
    "fact-C.1": "the second says what right means",
    "def-2.1.reparametrisation": "the second is advice",
    "eq-10": "that the proof uses it for symmetric matrices was read",
    "prose-4.2-better-lipschitz": "the columns of an audit are tested there",
    "prose-4.2-bounded-away": "what happens in training is a question for runs",
    "prose-4.2-psd": "that piecewise-linear layers keep H positive semi-definite is the quotation's own argument",
    "prose-summary-lipschitzness": "of the gradients: read as the condition of prose-4.2-more-predictive",
    "blog-beta-hessian": "that it is right for the supremum is the mean value theorem",
    "ext-eps.thm-4.2.2": "that the differences vanish is continuity in eps",
    "ext-groups.stationary": "stationary means that d(L, gamma) and d(L, beta) are 0",
    "ext-layer.thm-4.2.2": "two units are decided in the claim",
    "ext-weight-fixed-X.thm-4.2.1": "centred inputs and an eigenvector W give u = XX'v with 1'u = 0 and yhat'u = 0",
}
"""Sentences of which a part is carried by no statement, and what that part is."""


@cache
def stored() -> dict[str, Stored]:
    return {entry.id: entry for entry in _stored(list(registry()))}


@cache
def answer(statement: str, *more: tuple[str, Any]) -> str:
    return decide(statement, detail=False, **dict(more)).answer


def verdict(rest: dict[str, Any]) -> tuple[str, str]:
    """(what is presumed, what the judge says)."""
    if "claim" not in rest:
        (presumed,) = {"proved", "refuted"} & set(rest)
        more = [(key, tuple(x) if isinstance(x, list) else x) for key, x in rest.items() if key != presumed]
        return presumed, answer(rest[presumed], *more)
    entry = stored()[rest["claim"]]
    if "reading" not in rest:
        return rest["is"], entry.verdict
    (one,) = [x for x in entry.item["readings"] if x["slug"] == rest["reading"]]
    return rest["is"], one["verdict"]


def test_no_theorem_figure_refuted_or_conditional_claim_goes_without() -> None:
    named = re.compile(r"(thm|obs|lem|fact|fig)-")
    need = [
        x for x, entry in stored().items() if entry.verdict in ("refuted", "conditional") or named.match(x)
    ]
    assert [name for name in need if not sentences().get(name)] == []


def test_every_text_is_about_a_claim_and_at_most_two_sentences() -> None:
    for name, text in sentences().items():
        assert name in registry(), name
        assert 1 <= len(re.findall(r"[.?](?: |$)", text)) <= 2, name


@pytest.mark.parametrize("name", CARRIED)
def test_the_judge_says_what_a_sentence_presumes(name: str) -> None:
    for rest in rests(name):
        presumed, said = verdict(rest)
        assert said == presumed, rest


def test_a_sentence_that_rests_on_nothing_is_named_with_a_reason() -> None:
    assert set(sentences()) - set(CARRIED) == set(UNCARRIED)
    assert set(IN_PART) <= set(CARRIED)


def test_a_false_presumption_is_found() -> None:
    """The sentence that stood here: a smaller gradient *only* where |gamma| <= sigma."""
    presumed, said = verdict({"proved": "g @ g <= v @ v", "given": ["sigma**2 < gamma**2"]})
    assert said != presumed
