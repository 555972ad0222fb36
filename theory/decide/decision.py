"""The answer to a conjecture, and how it is put together from its cases."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

from bnverify.theory.decide import certify, instances, replay
from bnverify.theory.decide.conjecture import Case, Conjecture, build, cases, without
from bnverify.theory.decide.reduce import Irreducible, Shape
from bnverify.theory.decide.settle import Outcome, Proof, Settling, certified, proved, settle, tail
from bnverify.theory.decide.solvers import Portfolio, TimeUp
from bnverify.theory.grammar import Node, parse, unparse
from bnverify.theory.kernel import Refused, Verified, judge, walk
from bnverify.theory.kernel import parse as kernel_parse

SIDES = frozenset({"left", "right", "left_float", "right_float"})


def compact(value: Any) -> str:
    """An exact text, or a list or table of such."""
    if isinstance(value, list):
        return "(" + ", ".join(compact(entry) for entry in value) + ")"
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def said_best(best: dict[str, Any]) -> list[str]:
    """The best constant in words."""
    word = "largest" if best["direction"] == "max" else "smallest"
    if best["none"] is not None:
        sure = "the counterexample is one" if best["certified"] else "as the solvers see it"
        return [f"  no {best['name']} serves: it fails even with {best['none']} ({sure})"]
    if best["all_serve"]:
        return [f"  there is no {word} {best['name']}: the solvers find no counterexample for any"]
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
        return ["  no repair in the family that was tried"]
    given = "".join(f" given {text}" for text in repair["given"])
    return [f"  true instead ({repair['change']}):", f"    {repair['statement']}{given}"]


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

    def lines(self) -> list[str]:
        """The decision as lines of text."""
        where = ", ".join(self.scope)
        out = []
        if self.answer == "proved":
            kinds = sorted({check.method for check in self.verified})
            out.append(f"proved for {where}: the kernel accepted a certificate ({', '.join(kinds)})")
        elif self.answer == "refuted":
            least = ", the smallest there is" if self.smallest else ""
            out.append(f"refuted at m = {self.m}{least}; scope {where}")
        elif self.answer == "vacuous":
            out.append(f"vacuous: nothing satisfies the hypotheses (by {' and '.join(self.decided_by)})")
        elif self.decided_by:
            out.append(
                f"decided by {' and '.join(self.decided_by)}, no certificate: no counterexample for {where}"
            )
        else:
            out.append(f"open: neither a proof nor a counterexample was found for {where}")
        out.append(f"  {self.statement}")
        out += [f"  given {text}" for text in self.given]
        if self.counterexample:
            shown = {k: v for k, v in self.counterexample.items() if k not in SIDES}
            out += [f"  {name} = {compact(value)}" for name, value in shown.items() if not is_zero(value)]
            zeros = [name for name, value in shown.items() if is_zero(value)]
            if zeros:
                out.append(f"  {' = '.join(zeros)} = 0")
            left, right = self.counterexample["left"], self.counterexample["right"]
            out.append(f"  left side {compact(left)}, right side {compact(right)}")
            if "left_float" in self.counterexample:
                floats = self.counterexample["left_float"], self.counterexample["right_float"]
                out.append(f"  in float64 by differentiating the loss: {floats[0]:.12g} and {floats[1]:.12g}")
        if self.range:
            out.append(f"  {self.range}")
        if self.answer in {"proved", "vacuous"} and self.needed is not None and self.given:
            word = "needed" if self.answer == "proved" else "these contradict each other"
            out.append(f"  {word}: " + (", ".join(self.needed) or "no hypothesis"))
        out += [f"  its term {text} is 0" for text in self.zeros]
        if self.tight_at:
            left = self.tight_at["left"]
            out.append(f"  tight: equality, both sides {left}, at m = {len(self.tight_at['y'])}")
        for entry in self.certificate:
            terms = entry["certificate"].get("terms", [])
            if terms:
                out.append(
                    "  right - left, times a positive factor or of the squares, is the sum of: "
                    + "; ".join(terms)
                )
        if self.best:
            out += said_best(self.best)
        if self.repair:
            out += said_repair(self.repair)
        if self.answer == "open":
            out += [f"  tried: {text}" for text in self.tried]
        out.append(f"  {self.seconds:.2f} s")
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
            return {"kind": "point", "checked_by": "kernel"}
        if self.answer != "proved":
            return None
        kinds = {check.method for check in self.verified}
        return {
            "kind": "identity" if kinds == {"identity"} else "terms",
            "checked_by": "kernel",
            "items": list(self.certificate),
        }


def answer(asked: Conjecture, portfolio: Portfolio, seed: int = 0, detail: bool = True) -> Decision:
    """Decide with solvers that are already there."""
    begin = time.monotonic()
    found: list[Outcome] = []
    made = unknown_decision(asked, ("the time was over",))
    tree = parse(asked.statement, logic=True)
    try:
        questions = cases(asked)
        if tree.head == "or" and (one := one_of(asked, tree, portfolio, seed)) is not None:
            return replace(one, seconds=time.monotonic() - begin)
        for case in questions:
            found.append(settle(case, portfolio, seed))
            if found[-1].answer == "refuted":
                break
        if tree.head in {"or", "iff"}:
            found = without_emptiness(asked, found, portfolio, seed)
        made = combined(asked, found)
        if detail:
            made = detailed(made, asked, portfolio, seed)
    except TimeUp:
        pass
    return replace(made, seconds=time.monotonic() - begin)


def one_of(asked: Conjecture, tree: Node, portfolio: Portfolio, seed: int) -> Decision | None:
    """The decision of ``a or b`` where one of them is proved alone."""
    for part in tree.args:
        alone = answer(replace(asked, statement=unparse(part)), portfolio, seed, detail=False)
        if alone.answer == "proved":
            return replace(alone, statement=asked.statement)
    return None


def without_emptiness(
    asked: Conjecture, found: list[Outcome], portfolio: Portfolio, seed: int
) -> list[Outcome]:
    """The outcomes of ``or`` and iff, where a case that nothing satisfies holds, unless the hypotheses are at fault."""
    if all(outcome.answer == "vacuous" for outcome in found) and asked.given:
        plain = [settle(case, portfolio, seed) for case in cases(replace(asked, statement="m >= 2"))]
        if all(outcome.answer == "vacuous" for outcome in plain):
            return found
    return [
        replace(outcome, answer="decided") if outcome.answer == "vacuous" else outcome for outcome in found
    ]


def combined(asked: Conjecture, found: list[Outcome]) -> Decision:
    """One answer from those of the cases; a case that nothing satisfies asks for nothing."""
    tried = tuple(dict.fromkeys(text for outcome in found for text in outcome.tried))
    base = Decision(
        "open", asked.statement, asked.given, asked.norm, scope(found), tried=tried, outcomes=tuple(found)
    )
    bad = next((outcome for outcome in found if outcome.answer == "refuted"), None)
    if bad is not None:
        return convicted(base, bad)
    real = [outcome for outcome in found if outcome.answer != "vacuous"]
    if not real:
        return replace(base, answer="vacuous", decided_by=found[0].by)
    if all(outcome.answer == "proved" for outcome in real):
        return replace(
            base,
            answer="proved",
            certificate=tuple(item(proof) for outcome in real for proof in outcome.proofs),
            verified=tuple(proof.verified for outcome in real for proof in outcome.proofs),
            tight=all(proof.verified.tight for outcome in real for proof in outcome.proofs) or None,
        )
    if all(outcome.answer in {"proved", "decided"} for outcome in real):
        by = [set(outcome.by) for outcome in real if outcome.answer == "decided"]
        return replace(base, decided_by=tuple(sorted(set.intersection(*by))))
    return base


def unknown_decision(asked: Conjecture, tried: tuple[str, ...]) -> Decision:
    """Open, after what was tried."""
    return Decision("open", asked.statement, asked.given, asked.norm, (f"m >= {asked.min_m}",), tried=tried)


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
        m=instances.size_of(instance),
        smallest=bad.smallest,
        counterexample=instance | shown,
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


def scope(found: list[Outcome]) -> tuple[str, ...]:
    """What is assumed of an instance in every case."""
    claim = found[0].case.claim
    eps = {outcome.case.claim.eps for outcome in found}
    text = "eps >= 0" if len(eps) == 2 else "eps = 0" if eps == {"zero"} else "eps > 0"
    if "eps" not in claim.definition:
        return (f"m >= {claim.min_m}", *claim.needs)
    return (f"m >= {claim.min_m}", text, *claim.needs)


def detailed(made: Decision, asked: Conjecture, portfolio: Portfolio, seed: int) -> Decision:
    """Further questions: other eps, needed hypotheses, tightness, the range of m."""
    if made.answer == "proved" and len(made.outcomes) == 1:
        made = other_eps(made, portfolio)
        made = needed(made, portfolio, seed)
        made = tightness(made, seed)
        made = replace(made, zeros=tuple(zero_terms(made.outcomes[0].case)))
    elif made.answer == "refuted":
        made = generic(made, seed)
        made = ranged(made, portfolio)
    elif made.answer == "vacuous":
        made = core(made, asked, portfolio, seed)
    return made


def zero_terms(case: Case) -> Iterator[str]:
    """The terms of an equation's sums that are 0 for every instance."""
    for side in parse(case.claim.statement).args if case.goal[1] == "==" else ():
        parts = list(additive(side))
        for part in parts if len(parts) > 1 else ():
            try:
                value = walk(kernel_parse(unparse(part)), case.formal)
            except Refused:
                continue
            if case.formal.is_zero(value):
                yield unparse(part)


def additive(node: Node) -> Iterator[Node]:
    """The terms of a sum, and of the sums in a product."""
    if node.head in {"+", "-"}:
        yield from (term for part in node.args for term in additive(part))
    elif node.head == "*" and node.args[1].head in {"+", "-"}:
        yield from additive(node.args[1])
    else:
        yield node


def ranged(made: Decision, portfolio: Portfolio) -> Decision:
    """Whether the statement holds again for large batches, as the solvers see it."""
    case = made.outcomes[-1].case
    try:
        shape = Shape(case)
    except Irreducible:
        return made
    work = Settling(case, portfolio)
    if made.m is None or case.signs or portfolio.left() < 1 or tail(work, shape, 1000).word != "unsat":
        return made
    low, high = made.m, 1000  # there is a counterexample at low, and none from high on
    while high - low > 1 and portfolio.left() > 0.5:
        middle = (low + high) // 2
        low, high = (low, middle) if tail(work, shape, middle).word == "unsat" else (middle, high)
    by = " and ".join(portfolio.names[:1])
    return replace(made, range=f"no counterexample for m >= {high} (by {by})")


def core(made: Decision, asked: Conjecture, portfolio: Portfolio, seed: int) -> Decision:
    """Of hypotheses that nothing satisfies, those that already contradict each other."""
    left = list(asked.given)
    for text in asked.given:
        if len(left) < 2 or portfolio.left() < 1:
            break
        fewer = [other for other in left if other != text]
        questions = cases(replace(asked, given=tuple(fewer)))
        if all(
            case.claim.hypotheses and settle(case, portfolio, seed).answer == "vacuous" for case in questions
        ):
            left = fewer
    return replace(made, needed=tuple(left))


def other_eps(made: Decision, portfolio: Portfolio) -> Decision:
    """Whether the same is proved at once for every eps > 0 as well."""
    case = made.outcomes[0].case
    if case.claim.eps != "zero" or "eps" not in case.claim.definition or made.given:
        return made
    try:
        wider = build(replace(case.claim, eps="positive", example=None), case.operators)
    except Exception:
        return made
    if case.goal[1] == "==" and not wider.formal.is_zero(wider.goal[0]):
        return made
    proof = proved(wider, certify.quick, portfolio)
    if proof is None:
        return made
    everywhere = tuple("eps >= 0" if text == "eps = 0" else text for text in made.scope)
    return replace(
        made,
        scope=everywhere,
        certificate=(*made.certificate, item(proof)),
        verified=(*made.verified, proof.verified),
    )


def needed(made: Decision, portfolio: Portfolio, seed: int) -> Decision:
    """The hypotheses left after dropping, one by one, those without which the statement is still proved."""
    case = made.outcomes[0].case
    if not made.given:
        return replace(made, needed=())
    left = list(range(len(case.claim.hypotheses)))
    now: Case = case
    certificate = made.certificate
    for index in list(left):
        if portfolio.left() < 0.5:
            break
        place = left.index(index)
        try:
            fewer = without(now, place)
        except Exception:
            continue
        fewer = (
            fewer if fewer.claim.hypotheses else build(replace(fewer.claim, example=None), fewer.operators)
        )
        outcome = certified(Settling(fewer, portfolio, seed), certify.quick)
        if outcome is not None:
            left.remove(index)
            now = fewer
            certificate = tuple(map(item, outcome.proofs))
    return replace(made, needed=tuple(case.claim.hypotheses[i] for i in left), certificate=certificate)


def tightness(made: Decision, seed: int) -> Decision:
    """An exact instance where both sides are equal and, if there is one, not 0."""
    case = made.outcomes[0].case
    if case.goal[1] != "<=":
        return made
    left, right = _sides(case.claim.statement)
    equal = replace(case.claim, statement=f"{left} == {right}", quantifier="exists")
    try:
        wanted = build(equal, case.operators)
    except Exception:
        return made
    low = case.claim.min_m
    sizes = (max(low, 3), max(low, 4), low)
    right_side = wanted.formal.normal(walk(kernel_parse(right), wanted.formal))
    points = chain(
        instances.candidates(wanted, sizes, 3000, seed + 2, broken=False, goal=True, apart=right_side),
        instances.candidates(wanted, sizes[:1], 3000, seed + 2, broken=False, goal=True),
    )
    zero = None
    for _, point in zip(range(8), points, strict=False):
        try:
            verified = judge(equal, {"point": point})
        except Refused:
            continue
        if verified.sides and verified.sides[0] != "0":
            return replace(
                made, tight=True, tight_at=point | {"left": verified.sides[0], "right": verified.sides[1]}
            )
        zero = zero or point | {"left": "0", "right": "0"}
    return replace(made, tight=True if zero else None, tight_at=zero)


def _sides(statement: str) -> tuple[str, str]:
    tree = parse(statement)
    return unparse(tree.args[0]), unparse(tree.args[1])


def generic(made: Decision, seed: int) -> Decision:
    """Beside the smallest counterexample, the smallest one in which every term is different from 0."""
    case = made.outcomes[-1].case
    if made.m is None:
        return made
    low = max(case.claim.min_m, 3)
    points = instances.candidates(case, (low, low + 1), 4000, seed + 3, terms=True)
    found = instances.convicted(case, points)
    return replace(made, generic=found)
