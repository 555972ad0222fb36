"""From the kernel's certificate to a proof in Rocq: the gap of a statement is the sum of the certificate's terms, by
`settle`; no term is negative, by `nonneg`."""

from __future__ import annotations

from typing import Any

from bnverify.theory.grammar import Node, names_in, parse
from bnverify.theory.rocq.statement import Outside, Statement, sorts_of, substituted
from bnverify.theory.rocq.writer import Writer, abbreviations


def script(found: Statement, certificate: dict[str, Any]) -> str:
    """The proof of a statement by a certificate of the kernel."""
    if strange := certificate.keys() - {"terms", "multiplier", "negation"}:
        raise Outside(f"a certificate with {', '.join(sorted(strange))}")
    head, (left, right) = found.says.head, found.says.args
    terms = [substituted(parse(text), found) for text in certificate["terms"]]
    writer = Writer(sorts_of(found))
    if not terms:
        if head not in ("==", "<="):
            raise Outside(f"an identity that proves {head}")
        return "  open_layer. " + ("apply Req_le. " if head == "<=" else "") + "settle."
    if head == "!=" or any(writer.vector(side) for side in (left, right) if side != Node("number", (0,))):
        raise Outside("terms that prove an equation of vectors, or that numbers differ")
    factor = substituted(parse(certificate.get("multiplier", "1")), found)
    stated = abbreviations(found)
    meant = abbreviations(found, found.names().union(names_in(factor), *map(names_in, terms)))
    unfold = "".join(f"subst {name}; " for name, _ in reversed(meant))
    gap = writer.write(Node("-", (right, left)))
    if factor != Node("number", (1,)):
        gap = f"{writer.write(factor, 3)} * ({gap})"
    lines = ["  intros."]
    lines += [f"  pose ({name} := {value})." for name, value in meant if (name, value) not in stated]
    lines += [f"  assert (Gap : {gap} = {' + '.join(writer.write(term, 2) for term in terms)})"]
    lines += [f"    by ({unfold}open_layer; settle)."]
    sign = {"==": "= 0", "<=": "0 <=", "<": "0 <="}[head]
    for number, term in enumerate(terms):
        written = writer.write(term, 2)
        says = f"{written} = 0" if head == "==" else f"{sign} {written}"
        how = f"{unfold}open_layer; " + ("vanishes" if head == "==" else "nonneg")
        if head == "<" and number == 0:
            says, how = f"0 < {written}", f"{unfold}open_layer; positive"
        lines.append(f"  assert (Term{number} : {says}) by ({how}).")
    if factor == Node("number", (1,)):
        lines.append("  lra.")
    else:
        lines.append(f"  assert (Factor : 0 < {writer.write(factor, 2)}) by ({unfold}open_layer; positive).")
        lines.append("  apply Rmult_eq_reg_l with (1 := Factor)." if head == "==" else "  nra.")
    return "\n".join(lines)
