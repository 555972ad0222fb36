"""A claim of the kernel with its relations in normal form."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from bnverify.theory.grammar import lines, names_in, nodes, parse, put, unparse
from bnverify.theory.kernel import Claim, Formal, Number, Refused, Vector

from bnverify.base.errors import InputError


class Undefined(InputError):
    """A claim that divides by what can be 0, or takes the root of what can be negative; need: what would exclude it."""

    def __init__(self, message: str, need: str) -> None:
        super().__init__(f'{message} --given "{need}"')
        self.need = need


@dataclass
class Case:
    """One claim of a conjecture: hypotheses in conjunction, one relation, eps zero or positive.

    signs: the formal vectors of signs, and the texts of the vectors whose entries have them. definite: the operators,
    no single letters, that hypotheses call positive semi-definite. operators: what a letter is, ``symmetric``,
    ``psd``, ``diagonal`` or ``diagonal psd``. scope: what the kernel took to be so on the way.
    """

    claim: Claim
    formal: Formal
    goal: tuple[Number | Vector, str]
    given: list[tuple[Number | Vector, str]]
    labels: list[str] = field(default_factory=list)
    operators: dict[str, str] = field(default_factory=dict)
    signs: list[tuple[str, str]] = field(default_factory=list)
    definite: list[str] = field(default_factory=list)
    scope: tuple[str, ...] = ()


def build(claim: Claim, operators: dict[str, str] | None = None) -> Case:
    """The case of a claim: its relations in normal form.

    Raises:
        Undefined: it divides by what can be 0, or takes the root of what can be negative.
        InputError: the kernel cannot read it.
    """
    try:
        formal = Formal(claim)
        goal = formal.gap(claim.statement)
    except Refused as reason:
        raise _explained(claim, str(reason)) from None
    kinds = {"H": "symmetric"} | (operators or {})
    labels, definite = [], []
    for i, text in enumerate(claim.hypotheses):
        tree = parse(text)
        if tree.head == "psd":
            inside = unparse(tree.args[0])
            if inside in kinds:
                kinds[inside] = "diagonal psd" if "diagonal" in kinds[inside] else "psd"
            else:
                definite.append(inside)
            continue
        labels.append(f"given{i}")
    labels += [f"need{i}" for i, _ in enumerate(claim.needs)]
    given = [(formal.names[label], formal.relations[label]) for label in labels]
    normal = [
        (formal.normal(gap) if isinstance(gap, Number) else normal_vector(formal, gap), r)
        for gap, r in (goal, *given)
    ]
    made = [name for name in formal.names if name.startswith(("sign'", "top'"))]
    signs = list(zip(made, signed(claim.definition), strict=True))
    return Case(claim, formal, normal[0], normal[1:], labels, kinds, signs, definite, tuple(formal.scope))


def signed(definition: str) -> list[str]:
    """The vectors of whose entries a definition takes signs, in the order in which it does."""
    found = []
    for node in (node for _, tree in lines(definition) for node in nodes(tree)):
        if node.head == "sign":
            found.append(unparse(node.args[0]))
        elif node.head in {"mean", "max"} and len(node.args) == 1 and node.args[0].head == "abs":
            found.append(unparse(node.args[0].args[0]))
    return found


def normal_vector(formal: Formal, value: Vector) -> Vector:
    """A formal vector with normal coefficients."""
    return value.like({key: c for key, x in value.parts.items() if (c := formal.normal(x))})


def _explained(claim: Claim, reason: str) -> InputError:
    """What is wrong with a claim, with the text at fault and a hypothesis that would mend it."""
    inside = reason.partition(": ")[2]
    if "divides by what may be 0" in reason:
        divided = [text for text in (*claim.hypotheses, claim.statement) if divides(text, inside)]
        text = (divided or [claim.statement])[0]
        if not names_in(parse(inside)):
            return InputError(f"{text}: divides by {inside}" + ", which is 0" * (inside != "0"))
        if not divided and (needs := needs_elsewhere(claim)):  # the definition divides by it at another place
            where = f"divides by {inside} at another place, where it can be 0"
            return Undefined(f"{text}: {where}; exclude it with", needs[0])
        return Undefined(f"{text}: divides by {inside}, which can be 0; exclude it with", f"{inside} != 0")
    if "root of what may be negative" in reason:
        way = f"the root of {inside}, which can be negative; exclude that with"
        return Undefined(f"{claim.statement}: {way}", f"{inside} >= 0")
    return InputError(f"{claim.statement}: {reason}")


def divides(text: str, divisor: str) -> bool:
    """Whether a text itself divides by an expression, or takes a negative power of it."""
    below = (
        node.args
        for node in nodes(parse(text))
        if node.head == "/" or (node.head == "**" and node.args[1] < 0)
    )
    wanted = parse(divisor)
    return any(wanted in args for args in below)


def needs_elsewhere(claim: Claim) -> list[str]:
    """What the definition needs at the places that texts of a claim look at by ``at``, and none of them says yet."""
    found = []
    for text in (*claim.hypotheses, claim.statement):
        for node in nodes(parse(text)):
            if node.head == "at":
                meanings = {node.args[1].args[0]: node.args[2]}
                for name, line in lines(claim.definition):
                    meanings[name] = put(line, meanings)
                found += [unparse(put(parse(need), meanings)) for need in claim.needs]
    return [text for text in dict.fromkeys(found) if text not in claim.hypotheses]


def without(case: Case, index: int) -> Case:
    """The case without one of its hypotheses."""
    kept = tuple(text for i, text in enumerate(case.claim.hypotheses) if i != index)
    kinds = {name: kind.removesuffix("psd").strip() or "symmetric" for name, kind in case.operators.items()}
    return build(replace(case.claim, hypotheses=kept), kinds)
