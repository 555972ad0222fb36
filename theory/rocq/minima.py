"""Claims about minima: what "every minimum of the plain network is one of the BatchNorm network" says in Rocq.

The grammar has no word for a minimum. The sentence is put together here; the parts that the grammar can say (gamma and
beta, <W0, W*> > 0, the bound) are written from the claim's own text.
"""

from __future__ import annotations

from bnverify.theory.cases import cases
from bnverify.theory.claim import Claim
from bnverify.theory.grammar import Node, lines, names_in, parse, put
from bnverify.theory.registry import registry
from bnverify.theory.rocq.settings import SETTINGS
from bnverify.theory.rocq.statement import Outside, Statement, canonical
from bnverify.theory.rocq.writer import Writer, abbreviations

_NORM = "BatchNorm.z 0 gamma beta"
_PLAIN = "@local_min d (fun W => L (times d X W))"
_NORMALISED = f"@local_min d (fun W => L ({_NORM} (times d X W)))"
_OURS = {"W": "Wstar"}
"""The minimum of the plain network, which the instances call W and the lemma W*."""


def sentence(name: str, reading: str, bias: bool) -> str:
    """The proposition of a claim about minima that a reading's text is part of; ``bias``: 1 is in the range of X.

    Without it what is stated is false, and the theorem is its denial.

    Raises:
        Outside: the claim no longer has the parts that the sentence is made of.
    """
    claim = registry()[name]
    found = [
        item
        for item in (*claim.readings, claim.corrected)
        if item is not None and getattr(item, "slug", "corrected") == reading
    ]
    if not found:
        raise Outside(f"{name} has no reading {reading}")
    matched = _matched(claim)
    if name == "lem-4.5":
        return _closest(claim, reading, matched, bias)
    if claim.corrected is None or "z == y" not in (found[0].says, claim.corrected.says):
        raise Outside(f"{name} no longer says z == y")
    if reading == "in-activations":
        setting = "forall (batch : Batch) (L : vec -> R) (y : vec), 0 < BatchNorm.c y @ BatchNorm.c y"
        return f"{setting} -> {matched} local_min L y -> local_min (fun x => L ({_NORM} x)) y"
    return f"{_weights('W', bias, matched)} {_PLAIN} W -> {_NORMALISED} W"


def _weights(names: str, bias: bool, matched: str) -> str:
    """The names of a layer y = X W at the minimum ``names`` ends in, with a bias or without."""
    own = names.split()[-1] if "Wstar" not in names else "Wstar"
    return (
        f"forall (batch : Batch) (d : nat) (L : vec -> R) (X : nat -> vec) ({names}{' e' * bias} : vec), respects L -> "
        f"{'times d X e == one -> ' * bias}let y := times d X {own} in 0 < BatchNorm.c y @ BatchNorm.c y -> {matched}"
    )


def _matched(claim: Claim) -> str:
    """gamma and beta, as hypotheses say them, or the step that shows what z is at them."""
    texts = [given.says for given in claim.corrected.hypotheses] if claim.corrected else []
    known = {tree.args[0].args: tree.args[1] for tree in map(parse, texts) if tree.head == "=="}
    if not known and claim.corrected:
        z = dict(lines(SETTINGS["batch-norm"].text))["z"]
        steps = [parse(step.says) for step in claim.corrected.proof.steps if step.says]
        known = next((own for step in steps if step.head == "==" and (own := _fits(z, step.args[0]))), {})
    batch = Statement("batch-norm", "zero", (), (), (), (), Node("number", (0,)))
    means = {name: dict(abbreviations(batch, names_in(node))) for (name,), node in known.items()}
    if set(means) != {"gamma", "beta"} or any(len(own) != 1 for own in means.values()):
        raise Outside(f"{claim.id} does not say what gamma and beta are")
    return " ".join(f"let {name} := {next(iter(means[name].values()))} in" for name in ("gamma", "beta"))


def _fits(form: Node, tree: Node) -> dict[tuple[str], Node]:
    """What gamma and beta are where a tree is z at them; nothing where it is another."""
    if form.head == "name" and form.args[0] in ("gamma", "beta"):
        return {form.args: tree}
    if form.head != tree.head or (form.head in ("name", "number") and form.args != tree.args):
        return {}
    found: dict[tuple[str], Node] = {}
    for own, other in zip(form.args, tree.args, strict=False):
        if isinstance(own, Node):
            found |= _fits(own, other)
    return found if put(form, {name: node for (name,), node in found.items()}) == tree else {}


def _closest(claim: Claim, reading: str, matched: str, bias: bool) -> str:
    """Lemma 4.5: the closest optimum of the BatchNorm network is at least as near as the bound says."""
    asked = next(case.asked for case in cases(claim) if case.reading == reading)
    names = {old: Node("name", (new,)) for old, new in _OURS.items()}
    vectors = tuple(f"{name} in weights" for name in ("W0", "Wstar", "What"))
    space = Statement("batch-norm in weights", "zero", vectors, (), (), (), Node("number", (0,)))
    near = parse("0 < W0 @ W")
    if str(near) not in map(str, map(parse, asked.hypotheses)):
        raise Outside(f"{claim.id} does not suppose that <W0, W*> is positive")
    bound, correlated = (
        Writer(space).relation(canonical(put(tree, names))) for tree in (parse(asked.statement), near)
    )
    start = _weights("W0 Wstar What" if bias else "W0 Wstar", bias, matched)
    start += f" let optimum := {_NORMALISED} in {_PLAIN} Wstar -> {correlated} ->"
    if not bias:
        return f"{start} exists What, optimum What /\\ {bound}"
    distance = "(W0 - {0})%V @[d] (W0 - {0})%V"
    closest = f"(forall W, optimum W -> {distance.format('What')} <= {distance.format('W')})"
    return f"{start} optimum What -> {closest} -> {bound}"
