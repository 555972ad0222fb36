"""Certificates and counterexamples as small JSON files for the independent checker `kernel`.

One file a claim: the statements, the hypotheses, the terms of the certificates, the exact instances.
``manifest.json`` lists the SHA-256 digest of every file. Nothing of what the kernel of this package found is in them:
the checker starts from the statement.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bnverify.theory.checker import FORMAT, MANIFEST
from bnverify.theory.claim import (
    Claim,
    Corrected,
    Hypothesis,
    Instance,
    Proof,
    Reading,
    Refutation,
    Relation,
    Says,
    Term,
)
from bnverify.theory.observe import Syntax
from bnverify.theory.prove import verify_relation
from bnverify.theory.registry import registry
from bnverify.theory.rooms import FORMAL, POINTS, formal
from bnverify.theory.syntax import Vector, scalar

from bnverify.base.files import write_text

_SIGNS = {"add": "+", "vadd": "+", "sub": "-", "vsub": "-", "mul": "*", "scale": "*", "div": "/", "dot": "@"}


def source(node: Any) -> str:
    """An expression as the checker reads it: 'u' is a vector, u a number, @ the inner product, A(u) an operator.

    Raises:
        TypeError: ``node`` is no expression with exact numbers.
    """
    if not isinstance(node, Vector):
        node = scalar(node)
    head, args = node.head, node.args
    match head:
        case "num":
            number = f"{abs(args[0])}" if args[0].denominator == 1 else f"({abs(args[0])})"
            return number if args[0] >= 0 else f"neg({number})"
        case "sym":
            return str(args[0])
        case "vec":
            return f"'{args[0]}'"
        case "op":
            return f"{args[0]}({source(args[1])})"
        case "pow":
            power = f"({source(args[0])} ** {abs(args[1])})"
            return power if args[1] >= 0 else f"(1 / {power})"
        case "neg" | "vneg" | "sqrt" | "abs" | "max_grad":
            return f"{head.removeprefix('v')}({source(args[0])})"
        case "max_form":
            return f"max_form({source(args[0])}, {args[1]})"
        case "derivative":
            return f"derivative({source(args[0])}, {source(args[1])}, {args[2]})"
    return f"({source(args[0])} {_SIGNS[head]} {source(args[1])})"


def statement_data(relation: Relation) -> dict[str, str]:
    """A relation in the syntax room as plain data."""
    return {"lhs": source(relation.lhs), "op": relation.op, "rhs": source(relation.rhs)}


def _statement(says: Says) -> dict[str, str]:
    return statement_data(says(Syntax()))


def _hypotheses(hypotheses: Iterable[Hypothesis]) -> list[dict[str, Any]]:
    return [{"name": h.name, "statement": _statement(h.says)} for h in hypotheses]


def _factor(item: Any) -> list[str]:
    """The slack of a hypothesis, given by its name, or the square of a number or of the length of a vector."""
    return ["hypothesis", item] if isinstance(item, str) else ["square", source(item)]


def _term(term: Term) -> dict[str, Any]:
    match term.kind:
        case "cauchy":
            factors = [["cauchy", *map(source, term.factor)]]
        case "product":
            factors = [_factor(item) for item in term.factor]
        case _:
            factors = [_factor(term.factor)]
    return {"multiplier": source(term.multiplier), "factors": factors}


def _plain(value: Any) -> Any:
    """Nested tuples of exact numbers as nested lists of strings."""
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return str(value)


def instance_data(instance: Instance) -> dict[str, Any]:
    """An exact instance as plain data, every number a string."""
    return {
        "y": _plain(instance.y),
        "g": _plain(instance.g),
        "H": None if instance.H is None else _plain(instance.H),
        "gamma": str(instance.gamma),
        "beta": str(instance.beta),
        "eps": str(instance.eps),
        "lam": str(instance.lam),
        "X": None if instance.X is None else _plain(instance.X),
        "W": None if instance.W is None else _plain(instance.W),
        "extra": [[name, _plain(value)] for name, value in instance.extra],
    }


def _setting(name: str, own: Mapping[str, Any]) -> str:
    """The room of a reading: settings without one of their own are BatchNorm's."""
    return name if name in own else "activations"


def _certificate(
    about: str, reading: Reading | Corrected, says: Says, terms: Any, eps: bool, equality: bool = False
) -> dict[str, Any]:
    return {
        "about": about,
        "kind": "certificate",
        "setting": _setting(reading.setting, FORMAL),
        "statement": _statement(says),
        "hypotheses": _hypotheses(reading.hypotheses),
        "eps": eps,
        "terms": [] if terms is None else [_term(term) for term in terms(Syntax())],
        "equality": equality,
    }


def _lemma(about: str, name: str, text: str) -> dict[str, Any]:
    return {"about": about, "kind": "lemma", "lemma": name, "text": text}


def _point(about: str, kind: str, reading: Reading | Corrected, instance: Instance) -> dict[str, Any]:
    return {
        "about": about,
        "kind": kind,
        "setting": _setting(reading.setting, POINTS),
        "statement": _statement(reading.says),
        "hypotheses": _hypotheses(reading.hypotheses),
        "instance": instance_data(instance),
    }


def _proof_items(about: str, reading: Reading | Corrected, proof: Proof) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    for number, step in enumerate(proof.steps, 1):
        where = f"{about}, step {number}"
        if step.lemma is not None:
            items.append(_lemma(where, step.lemma, step.text))
        elif step.says is not None:
            items.append(_certificate(where, reading, step.says, step.terms, proof.eps))
    if proof.at is not None:
        items.append(_point(about, "witness", reading, proof.at))
    elif proof.lemma is not None:
        items.append(_lemma(about, proof.lemma, "with the steps above it gives the statement"))
    else:
        _, equality = verify_relation(reading.says, formal(reading.setting, proof.eps))
        items.append(_certificate(about, reading, reading.says, proof.terms, proof.eps, equality))
    return items


def _refutation_items(reading: Reading, refutation: Refutation) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    for instance in dict.fromkeys((refutation.smallest, refutation.generic)):
        if instance is not None:
            items.append(_point(reading.slug, "counterexample", reading, instance))
    step = refutation.negation
    if step is not None and step.says is not None:
        items.append(_certificate(f"{reading.slug}, its negation", reading, step.says, step.terms, False))
    if refutation.citation is not None:
        items.append({"about": reading.slug, "kind": "citation", "citation": list(refutation.citation)})
    return items


def _reading_items(reading: Reading) -> list[dict[str, Any]]:
    items = [] if reading.proof is None else _proof_items(reading.slug, reading, reading.proof)
    if reading.refutation is not None:
        items += _refutation_items(reading, reading.refutation)
    return items or [{"about": reading.slug, "kind": "open"}]


def export_data(claim: Claim) -> dict[str, Any]:
    """Everything that is claimed about one claim, as the data of its file."""
    items = [item for reading in claim.readings for item in _reading_items(reading)]
    if claim.corrected is not None:
        items += _proof_items("corrected", claim.corrected, claim.corrected.proof)
    return {"format": FORMAT, "claim": claim.id, "title": claim.title, "where": claim.where, "items": items}


def file_name(identifier: str) -> str:
    """The file of a claim: its id with everything but letters, digits, dots and dashes replaced."""
    return re.sub(r"[^A-Za-z0-9.-]", "_", identifier) + ".json"


def _listed(manifest: Path) -> dict[str, str]:
    try:
        return dict(json.loads(manifest.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return {}


def export_all(directory: Path, identifiers: Iterable[str] | None = None) -> tuple[Path, ...]:
    """Write the files of the given claims (by default all but those that runs judge) and the manifest; returns paths.

    Files of an earlier export that the new manifest does not list are removed, so that the folder holds what
    the manifest says.

    Raises:
        InputError: the folder or a file in it cannot be written.
    """
    stated = (name for name, claim in registry().items() if not claim.measured)
    chosen = list(stated if identifiers is None else identifiers)
    written = _listed(directory / MANIFEST)
    paths: list[Path] = []
    for identifier in chosen:
        text = json.dumps(export_data(registry()[identifier]), indent=1, ensure_ascii=False) + "\n"
        path = directory / file_name(identifier)
        write_text(path, text)
        written[path.name] = hashlib.sha256(text.encode()).hexdigest()
        paths.append(path)
    write_text(directory / MANIFEST, json.dumps(written, indent=1, sort_keys=True) + "\n")
    return (*paths, directory / MANIFEST)
