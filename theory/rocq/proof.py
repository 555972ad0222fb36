"""From the kernel's certificate to a proof in Rocq: the gap of a statement is the sum of the certificate's terms, by
`settle`; no term is negative, by `nonneg`."""

from __future__ import annotations

from typing import Any

from bnverify.theory.grammar import Node, names_in, nodes, parse
from bnverify.theory.rocq.settings import SETTINGS
from bnverify.theory.rocq.statement import ZERO, Outside, Statement, is_vector, sorts_of, substituted
from bnverify.theory.rocq.writer import Writer, abbreviations

OPENS = {
    "batch_norm_weights": ("Weights", "open_weights; open_layer"),
    "plain_weights": ("Weights", "open_weights"),
    "batch_norm_pair": ("Pairs", "open_pair"),
    "layer_norm_pair": ("Pairs", "open_pair"),
    **dict.fromkeys(("rescaled", "affine_layer"), ("Affine", "open_affine")),
    **dict.fromkeys(
        ("l2_norm", "l1_norm", "linf_norm", "smooth_norm", "shared_smooth_norm"), ("Norms", "open_norm")
    ),
}
"""The file of the library that a proof in a setting needs, and the tactic that opens the statement there."""


def opening(found: Statement, certificate: dict[str, Any]) -> tuple[str, str]:
    """The file of the library that a proof needs, the smallest that serves, and the tactic that opens the statement."""
    setting = SETTINGS[found.norm]
    if any(text.startswith("projector") or "->" in text for text in found.operators):
        return "Claims", "idtac"
    heads = {node.head for tree in (*found.given, found.says) for node in nodes(tree)}
    gap = any(is_vector(side, sorts_of(found)) for tree in found.given for side in tree.args if side != ZERO)
    if heads & {"d", "at", "maximum"} or {"dgamma", "L"} & set(setting.names) or "lemma" in certificate:
        return "Claims", "open_claim"
    if certificate["terms"] and (gap or found.says.head == "=="):
        return "Claims", "open_claim"
    return OPENS.get(setting.predicate, ("Settings", "open_layer"))


def script(found: Statement, certificate: dict[str, Any]) -> str:
    """The proof of a statement by a certificate of the kernel.

    Raises:
        Outside: the library has no tactic for a certificate of this kind.
    """
    if strange := certificate.keys() - {"terms", "multiplier", "negation", "lemma"}:
        raise Outside(f"a certificate with {', '.join(sorted(strange))}")
    if found.says.head == "psd":
        raise Outside("it states that an operator is psd")
    head, (left, right) = found.says.head, found.says.args
    known, (_, opens) = sorts_of(found), opening(found, certificate)
    settles = {"open_pair": "settle_pair", "idtac": "settle_operators"}.get(opens, "settle")
    trees = [parse(text) for text in certificate["terms"]]
    terms = [substituted(tree, found) for tree in trees]
    writer = Writer(found)
    if not terms:
        if head not in ("==", "<="):
            raise Outside(f"an identity that proves {head}")
        ending = "apply Req_le. " if head == "<=" else ""
        return f"  {opens}. {ending}{'matched; ' if certificate.get('lemma') else ''}{settles}."
    if any(is_vector(side, known) for side in (left, right) if side != ZERO):
        raise Outside("terms that prove an equation of vectors")
    vectors = {
        f"given{number}"
        for number, gap in enumerate(found.given)
        if any(is_vector(side, known) for side in gap.args if side != ZERO)
    }
    factor = substituted(parse(certificate.get("multiplier", "1")), found)
    stated = abbreviations(found)
    meant = abbreviations(found, found.names().union(names_in(factor), *map(names_in, terms)))
    unfold = "".join(f"subst {name}; " for name, _ in reversed(meant))
    gap = writer.write(
        Node("-", (left, right) if certificate.get("negation") and head == "!=" else (right, left))
    )
    above_zero = {f"given{number}" for number, tree in enumerate(found.given) if tree.head == "<"}
    positive = next((number for number, tree in enumerate(trees) if names_in(tree) & above_zero), 0)
    if factor != Node("number", (1,)):
        gap = f"{writer.write(factor, 3)} * ({gap})"
    lines = ["  intros."]
    lines += [f"  pose ({name} := {value})." for name, value in meant if (name, value) not in stated]
    lines += [f"  assert (Gap : {gap} = {' + '.join(writer.write(term, 2) for term in terms)})"]
    lines += [f"    by ({unfold}{opens}; {settles})."]
    for number, (tree, term) in enumerate(zip(trees, terms, strict=True)):
        written = writer.write(term, 2)
        says = f"{written} = 0" if head == "==" else f"0 <= {written}"
        how = "vanishes" if head == "==" else f"{unfold}{opens}; psd_terms; nonneg"
        if vectors & names_in(tree):
            how = "no_gap"
        elif tree.head == "-" and tree.args[0].head == "maximum":
            how = "above"
        elif tree.head == "@" and any(inside.head != "name" for inside in tree.args[1:-1]):
            how = "psd_term"
        if number == {"<": 0, "!=": positive}.get(head):
            says, how = f"0 < {written}", f"{unfold}{opens}; positive"
        lines.append(f"  assert (Term{number} : {says}) by ({how}).")
    if head == "!=":
        lines.append(
            "  apply Rgt_not_eq; lra." if gap.startswith(writer.write(left)) else "  apply Rlt_not_eq; lra."
        )
    elif factor == Node("number", (1,)):
        lines.append("  lra.")
    else:
        lines.append(f"  assert (Factor : 0 < {writer.write(factor, 2)}) by ({unfold}{opens}; positive).")
        lines.append("  apply Rmult_eq_reg_l with (1 := Factor)." if head == "==" else "  nra.")
    return "\n".join(lines)
