"""The answer to a conjecture, and how it is put together from its cases."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from bnverify.theory.decide.conjecture import Conjecture
from bnverify.theory.decide.settle import Outcome, Proof
from bnverify.theory.decide.solvers import installed
from bnverify.theory.grammar import lines, parse, unparse
from bnverify.theory.kernel import Verified
from bnverify.theory.normalisations import NORMALISATIONS, text_of
from bnverify.theory.points import replay
from bnverify.theory.points.batch import size_of
from bnverify.theory.points.maxima import certificate_at

SIDES = frozenset({"left", "right", "left_float", "right_float"})


LONG = 24
"""Entries up to which a vector is written out; of a longer one equal entries are counted."""


def compact(value: Any) -> str:
    """An exact text, or a list or table of such."""
    if isinstance(value, list):
        texts = list(map(compact, value))
        if len(value) > LONG:
            runs = ((text, len(list(same))) for text, same in groupby(texts))
            texts = [f"{text} ({count} times)" if count > 1 else text for text, count in runs]
        return f"({', '.join(texts)})"
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def said_best(best: dict[str, Any]) -> list[str]:
    """The best constant in words."""
    word = "largest" if best["direction"] == "max" else "smallest"
    if best["none"] is not None:
        sure = "the counterexample is one" if best["certified"] else "as the solvers see it"
        return [f"  no {best['name']} serves: it fails even with {best['none']} ({sure})"]
    if best["all_serve"]:
        return [
            f"  no {word} {best['name']} was found: of all that were tried, up to 1000, none has a counterexample"
        ]
    if best["value"] is None:
        if best["low"] is None:
            return [f"  no {word} {best['name']} was found"]
        ends = f"between {best['low']} and {best['high']}"
        how = (
            "with one end it is proved, with the other refuted"
            if best["certified"]
            else "by the solvers alone"
        )
        return [f"  the {word} {best['name']} lies {ends}: {how}"]
    proof = "proved with it" if best["proved"] else "decided by solvers with it"
    out = [f"  the {word} {best['name']} is {best['value']}: {proof}, refuted at m = {best['beyond']} with"]
    out[0] += " a part in a million beyond"
    if best["certified"]:
        out.append(f"  between {best['low']} and {best['high']}: proved with one, refuted with the other")
    out += [
        f"  this is for m >= {best['from_m']}; at m = {m} it is {x}" for m, x in (best["below"] or {}).items()
    ]
    if best["instance"]:
        out.append(f"  equality is attained: both sides {best['instance']['left']}, at")
        shown = {k: v for k, v in best["instance"].items() if k not in SIDES and not is_zero(v)}
        out += [f"    {name} = {compact(value)}" for name, value in shown.items()]
    elif best["sequence"]:
        how = "as m grows" if best["approached"] else "by a sequence"
        out.append(f"  approached {how}; no instance with equality was found; it fails a part beyond it at:")
        for part, entry in zip(("a tenth", "a hundredth", "a thousandth"), best["sequence"], strict=False):
            shown = {
                k: v for k, v in entry.items() if k in {"y", "g", "gamma", "H", "eps"} and not is_zero(v)
            }
            at = ", ".join(f"{name} = {compact(value)}" for name, value in shown.items())
            out.append(f"    {part}: m = {entry['m']}, {at}")
    return out


def said_repair(repair: dict[str, Any]) -> list[str]:
    """The repair in words."""
    if repair["change"] is None:
        family = (
            "a changed sign, root, power, factor, bracket, vector or relation, a hypothesis, two of these"
        )
        return [f"  no repair: {repair.get('reason', f'nothing true was found by {family}')}"]
    given = "".join(f" given {text}" for text in repair["given"])
    known = ", as the registry corrects it" if repair.get("known") else ""
    return [f"  true instead{known} ({repair['change']}):", f"    {repair['statement']}{given}"]


def is_zero(value: Any) -> bool:
    """Whether an exact text, or every entry of a list, is 0."""
    return all(map(is_zero, value)) if isinstance(value, list) else value == "0"


@dataclass(frozen=True)
class Decision:
    """What is known of a conjecture.

    answer: ``proved`` (the kernel accepted a certificate for every case), ``refuted`` (the kernel convicted
    ``counterexample``), ``vacuous`` (nothing satisfies the hypotheses) or ``open``. decided_by: the solvers that found
    no counterexample in any case where there is no certificate; the answer is then ``open`` all the same. scope: what
    is assumed of an instance. m: batch size of the counterexample. needed: hypotheses that the answer uses; of a
    vacuous one, those that contradict each other. zeros: terms of an equation that are 0. tight: whether equality is
    attained; tight_at: where.
    """

    answer: str
    statement: str
    given: tuple[str, ...]
    norm: str
    scope: tuple[str, ...]
    m: int | None = None
    smallest: bool | None = None
    counterexample: dict[str, Any] | None = None
    generic: dict[str, Any] | None = None
    range: str | None = None
    certificate: tuple[dict[str, Any], ...] = ()
    decided_by: tuple[str, ...] = ()
    needed: tuple[str, ...] | None = None
    zeros: tuple[str, ...] = ()
    tight: bool | None = None
    tight_at: dict[str, Any] | None = None
    best: dict[str, Any] | None = None
    repair: dict[str, Any] | None = None
    seconds: float = 0.0
    tried: tuple[str, ...] = ()
    verified: tuple[Verified, ...] = field(default=(), repr=False, compare=False)
    outcomes: tuple[Outcome, ...] = field(default=(), repr=False, compare=False)

    @property
    def exit_code(self) -> int:
        """0 proved, 1 refuted, 3 open or vacuous."""
        return {"proved": 0, "refuted": 1}.get(self.answer, 3)

    @property
    def word(self) -> str:
        """The answer in a word; what solvers alone decided is not called proved."""
        return "decided" if self.answer == "open" and self.decided_by else self.answer

    @property
    def failing(self) -> str:
        """What it is that fails at the counterexample, where that is not the statement as it was asked."""
        bad = next((outcome.case.claim for outcome in self.outcomes if outcome.instance), None)
        if bad is None or parse(bad.statement) == parse(self.statement, logic=True):
            return ""
        return bad.statement

    def lines(self) -> list[str]:
        """The decision as lines of text."""
        where = ", ".join(self.scope)
        out = []
        if self.answer == "proved":
            kinds = sorted({check.method for check in self.verified})
            out.append(f"proved for {where}: the kernel accepted a certificate ({', '.join(kinds)})")
        elif self.answer == "refuted" and self.m is None:
            out.append(f"refuted for {where}: the kernel accepted a proof that there is no such instance")
        elif self.answer == "refuted":
            least = ", the smallest there is" if self.smallest else ""
            out.append(f"refuted at m = {self.m}{least}; scope {where}")
            if not self.smallest and not installed():
                out.append(
                    "whether a smaller batch refutes it too, the solvers tell: pip install 'bnverify[decide]'"
                )
        elif self.answer == "vacuous":
            what = "the hypotheses" if self.given else "the definition"
            out.append(f"vacuous: nothing satisfies {what} (by {' and '.join(self.decided_by)})")
        elif self.decided_by:
            out.append(
                f"decided by {' and '.join(self.decided_by)}, no certificate: no counterexample for {where}"
            )
        else:
            out.append(f"open: neither a proof nor a counterexample was found for {where}")
        out.append(f"  {self.statement}")
        out += [f"  given {text}" for text in self.given]
        named = set(re.findall(r"[A-Za-z]\w*", where))
        made = [f"{name} = {unparse(tree)}" for name, tree in lines(text_of(self.norm)) if name in named]
        out += [f"  where {', '.join(made)}"] if made else []
        if self.counterexample:
            shown = {k: v for k, v in self.counterexample.items() if k not in SIDES}
            out += [f"  {name} = {compact(value)}" for name, value in shown.items() if not is_zero(value)]
            zeros = [name for name, value in shown.items() if is_zero(value)]
            if zeros:
                out.append(f"  {' = '.join(zeros)} = 0")
            left, right = self.counterexample["left"], self.counterexample["right"]
            of = f"of {self.failing}: " if self.failing else ""
            out.append(f"  {of}left side {compact(left)}, right side {compact(right)}")
            if "left_float" in self.counterexample:
                floats = self.counterexample["left_float"], self.counterexample["right_float"]
                out.append(f"  in float64 by differentiating the loss: {floats[0]:.12g} and {floats[1]:.12g}")
        if self.range:
            out.append(f"  {self.range}")
        if self.answer in {"proved", "vacuous"} and self.needed is not None and self.given:
            alone = "nothing satisfies" if len(self.needed) == 1 else "these contradict each other"
            word = "needed" if self.answer == "proved" else alone
            out.append(f"  {word}: " + (", ".join(self.needed) or "no hypothesis"))
        out += [f"  its term {text} is 0" for text in self.zeros]
        if self.tight_at:
            left = self.tight_at["left"]
            batch = next(self.tight_at[name] for name in ("y", "X", "y_j") if name in self.tight_at)
            out.append(f"  tight: both sides can be equal, as {left} at m = {len(batch)}")
        out += self._sums()
        if self.best:
            out += said_best(self.best)
        if self.repair:
            out += said_repair(self.repair)
        if self.answer == "open":
            out += [f"  tried: {text}" for text in self.tried]
        out.append(f"  {self.seconds:.2f} s")
        return out

    def _sums(self) -> list[str]:
        """The terms of a certificate, and what those of them say that hypotheses have given."""
        found = {}
        for entry in self.certificate:
            if terms := "; ".join(entry["certificate"].get("terms", [])):
                found[terms] = tuple(entry.get("hypotheses", ()))
        out = []
        for terms, hypotheses in found.items():
            out.append(
                f"  certificate: right - left, times a positive factor or of the squares, is the sum of: {terms}"
            )
            out += [
                f"    given{i}: by how much {text} holds"
                for i, text in enumerate(hypotheses)
                if re.search(rf"\bgiven{i}\b", terms)
            ]
        return out

    def to_json(self) -> dict[str, Any]:
        """The promised fields, in order."""
        names = (
            "answer statement given norm scope m smallest counterexample generic range certificate decided_by needed "
            "zeros tight tight_at best repair seconds tried"
        )
        found = {name: getattr(self, name) for name in names.split()}
        found["certificate"] = self._certificate()
        found["seconds"] = round(self.seconds, 3)
        return {key: list(value) if isinstance(value, tuple) else value for key, value in found.items()}

    def _certificate(self) -> dict[str, Any] | None:
        if self.answer == "refuted":
            kind = "point" if self.m else "terms"
            return {"kind": kind, "checked_by": "kernel", "items": list(self.certificate)}
        if self.answer != "proved":
            return None
        kinds = {check.method for check in self.verified}
        return {
            "kind": {"identity": "identity", "witness": "point"}.get(min(kinds), "terms")
            if len(kinds) == 1
            else "terms",
            "checked_by": "kernel",
            "items": list(self.certificate),
        }


def unknown_decision(asked: Conjecture, tried: tuple[str, ...]) -> Decision:
    """Open, after what was tried."""
    return Decision("open", asked.statement, asked.given, asked.norm, (f"m >= {asked.min_m}",), tried=tried)


def combined(asked: Conjecture, found: list[Outcome]) -> Decision:
    """One answer from those of the cases; that nothing satisfies a case the solvers alone say."""
    tried = tuple(dict.fromkeys(text for outcome in found for text in outcome.tried))
    base = Decision(
        "open",
        asked.statement,
        asked.given,
        asked.norm,
        scope(asked, found),
        tried=tried,
        outcomes=tuple(found),
    )
    bad = next((outcome for outcome in found if outcome.answer == "refuted"), None)
    if bad is not None and bad.instance is None:  # that something exists is refuted by a proof
        assert bad.verified is not None
        return replace(
            base, answer="refuted", certificate=tuple(map(item, bad.proofs)), verified=(bad.verified,)
        )
    if bad is not None:
        return convicted(base, bad)
    if all(outcome.answer == "vacuous" for outcome in found):
        return replace(base, answer="vacuous", decided_by=found[0].by)
    if all(outcome.answer == "proved" for outcome in found):
        return replace(
            base,
            answer="proved",
            certificate=tuple(item(proof) for outcome in found for proof in outcome.proofs),
            verified=tuple(proof.verified for outcome in found for proof in outcome.proofs),
            tight=all(proof.verified.tight for outcome in found for proof in outcome.proofs) or None,
        )
    if all(outcome.answer in {"proved", "decided", "vacuous"} for outcome in found):
        by = [set(outcome.by) for outcome in found if outcome.answer != "proved"]
        return replace(base, decided_by=tuple(sorted(set.intersection(*by))))
    return base


def convicted(base: Decision, bad: Outcome) -> Decision:
    """A refutation, looked at once more in float64."""
    instance, verified = bad.instance, bad.verified
    assert instance is not None
    assert verified is not None
    try:
        seen = replay.sides(bad.case.claim, instance)
    except (NotImplementedError, KeyError):  # rates and maxima have the kernel's exact values alone
        seen = None
    sides = in_order(bad.case.claim.statement, verified.sides or ("", ""))
    shown: dict[str, Any] = {"left": sides[0], "right": sides[1]}
    if seen is not None and all(not hasattr(side, "shape") or side.shape == () for side in seen):
        shown |= {"left_float": float(seen[0]), "right_float": float(seen[1])}
        if not (replay.agrees(sides[0], seen[0]) and replay.agrees(sides[1], seen[1])):
            return replace(
                base,
                tried=(*base.tried, f"an instance whose sides are {sides} exactly and {seen} in float64"),
            )
    elif seen is not None:
        shown |= {"left": [float(x) for x in seen[0]] if hasattr(seen[0], "shape") else float(seen[0])}
        shown |= {"right": [float(x) for x in seen[1]] if hasattr(seen[1], "shape") else float(seen[1])}
    return replace(
        base,
        answer="refuted",
        m=size_of(instance),
        smallest=bad.smallest,
        counterexample=instance | shown,
        certificate=(item(Proof(bad.case.claim, certificate_at(bad.case.claim, instance), verified)),),
        verified=(verified,),
    )


def in_order(statement: str, sides: tuple[str, str]) -> tuple[str, str]:
    """Both sides as the statement has them; the kernel turns > and >= round."""
    return sides[::-1] if parse(statement).head in {">", ">="} else sides


def item(proof: Proof) -> dict[str, Any]:
    """A proof as an item of a certificate file."""
    claim = proof.claim
    fields = {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in vars(claim).items()
        if value not in ((), None)
    }
    return fields | {"claim": "decide", "reading": claim.statement, "certificate": proof.certificate}


def scope(asked: Conjecture, found: list[Outcome]) -> tuple[str, ...]:
    """What is assumed of an instance in every case."""
    claim = found[0].case.claim
    eps = {outcome.case.claim.eps for outcome in found}
    text = "eps >= 0" if len(eps) == 2 else "eps = 0" if eps == {"zero"} else "eps > 0"
    met = tuple(found[0].case.scope[2:])  # what a definition divides by, and whose signs it takes
    known = NORMALISATIONS.get(asked.norm)
    met = () if known is not None and known.needs else met  # these say it already
    where = (f"m >= {claim.min_m}",) if "eps" not in claim.definition else (f"m >= {claim.min_m}", text)
    return (*where, *claim.needs, *met)
