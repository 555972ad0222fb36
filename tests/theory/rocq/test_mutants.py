"""What was changed by hand does not compile: statements and certificates of every kind of layer, one node at a time.

The mutants of a group stand in one file, each under ``Fail``: Rocq accepts the file only if every proof fails.
"""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from bnverify.theory import kernel
from bnverify.theory.cases import Case, cases
from bnverify.theory.grammar import unparse
from bnverify.theory.mutate import certified, mutants, spread, statements
from bnverify.theory.registry import registry
from bnverify.theory.rocq.compile import PACKAGES, compile_files
from bnverify.theory.rocq.files import library, words
from bnverify.theory.rocq.proof import opening, script
from bnverify.theory.rocq.statement import statement_of
from bnverify.theory.rocq.writer import proposition

needs_rocq = pytest.mark.skipif(
    not shutil.which("coqc"), reason=f"Rocq is not installed (Debian: {PACKAGES})"
)
BASE = ("Vectors", "Calculus", "Divisor", "Normalisations", "Facts", "Settings")
GROUPS = {
    "BatchNorm": (("thm-4.1", "corrected"), ("eq-8", "value"), ("prose-4.2-better-lipschitz", "corrected")),
    "LayerNorm": (("ext-groups.layer-norm", "formula, step 1"), ("ext-groups.thm-4.1", "corrected")),
    "RMSNorm": (("ext-groups.rms-norm", "formula"), ("ext-groups.rms-norm-mean", "corrected")),
    "eps > 0": (("ext-eps.gradient", "formula, step 1"), ("ext-eps.bounded", "any-activations")),
    "l_p": (
        ("ext-lp.l1", "corrected"),
        ("ext-lp.l2", "unit"),
        ("ext-lp.shared", "where-the-norm-agrees"),
        ("ext-lp.gradient", "whole-layer, step 1"),
    ),
    "rates": (("fact-C.2", "both-lines, step 1"), ("eq-24", "corrected"), ("eq-26", "value")),
    "weights": (
        ("eq-14", "value"),
        ("eq-54", "value"),
        ("ext-weight-fixed-X.scale-invariance-eps", "formula"),
    ),
    "two units": (
        ("ext-layer.gradient", "formula"),
        ("ext-groups.instance-norm", "formula"),
        ("ext-groups.group-norm", "formula, step 1"),
    ),
    "operators": (
        ("prose-4.2-psd", "affine-downstream"),
        ("eq-10", "symmetric"),
        ("blog-rescaling", "no-gain"),
    ),
}
"""Claims and readings of each kind; the first four need the first files of the library alone."""
FAST = ("LayerNorm", "RMSNorm")


def changed(claim: str, label: str) -> Iterator[Case]:
    """Mutants of a statement that are no weaker, with its certificate; and the statement with mutated certificates."""
    (statement,) = (item for item in statements(registry()[claim]) if item.about == label)
    some = [
        mutant for mutant in mutants(statement) if "m - 1" not in mutant.text
    ]  # no question to the kernel
    made = [mutant for mutant in spread(some, 12) if not certified(mutant)]
    for mutant in spread(made, 4):
        yield replace(statement.case, asked=replace(statement.case.asked, statement=unparse(mutant.tree)))
    terms = statement.case.certificate["terms"]
    for place, term in enumerate(terms):
        for instead in ([], [f"2 * ({term})"], [f"-({term})"]):
            edited = [*terms[:place], *instead, *terms[place + 1 :]]
            yield replace(statement.case, certificate=statement.case.certificate | {"terms": edited})


def refused(case: Case) -> bool:
    """Whether the kernel refuses a case; Rocq is asked about no other, and those are counted by claim."""
    try:
        kernel.judge(case.asked, case.certificate)
    except kernel.Refused:
        return True
    return False


def attempt(case: Case) -> tuple[str, str, str]:
    """The proposition, its proof as one tactic, and the file of the library that it needs."""
    found = statement_of(case.asked)
    sentences = re.split(r"\.\s+", script(found, case.certificate).strip().removesuffix("."))
    return proposition(found), "; ".join(sentences), opening(found, case.certificate)[0]


@cache
def group(name: str) -> tuple[str, int, tuple[str, ...]]:
    """The file of a group, how many mutants it holds, and the claims of those that the kernel accepts.

    Each statement is first proved as it is.
    """
    lines, needs, count, accepted = [], set(), 0, []
    for claim, label in GROUPS[name]:
        case = next(case for case in cases(registry()[claim]) if case.label == label)
        says, tactic, file = attempt(case)
        needs.add(file)
        lines.append(f"(* {claim} *)\nGoal {says}.\nProof. solve [{tactic}]. Qed.")
        for mutant in changed(claim, label):
            says, tactic, file = attempt(mutant)
            if not refused(mutant):
                accepted.append(claim)
                continue
            count += 1
            needs.add(file)
            lines.append(f"Goal {says}.\nProof. Fail solve [{tactic}]. Abort.")
    return (
        f"From BN Require Import {' '.join(sorted(needs))}.\n\n" + "\n".join(lines) + "\n",
        count,
        tuple(accepted),
    )


def assert_none_compiles(names: tuple[str, ...], files: tuple[str, ...], folder: Path) -> int:
    made = {name: group(name) for name in names}
    stored = library()
    sources = {file: stored[file] for file in files}
    sources |= {f"Mutants{place}": made[name][0] for place, name in enumerate(names)}
    broken = {done.name: done.error for done in compile_files(sources, folder) if done.error}
    assert broken == {}
    return sum(count for _, count, _ in made.values())


def test_there_are_forty_mutants_that_the_kernel_refuses() -> None:
    assert sum(group(name)[1] for name in GROUPS) >= 40


def test_the_kernel_accepts_no_mutant_but_terms_that_are_0_where_eigenvectors_are_put_in() -> None:
    # x @ given0 and x @ given2 of eq-10 are 0 once M x = mu0 x and I x = x are put in: any multiple of them proves it.
    accepted = Counter(claim for name in GROUPS for claim in group(name)[2])
    assert accepted == {"eq-10": 6}


@needs_rocq
def test_no_mutant_of_a_layer_norm_compiles(tmp_path: Path) -> None:
    assert assert_none_compiles(FAST, BASE, tmp_path) >= 12


@needs_rocq
@pytest.mark.slow
@pytest.mark.skipif(
    "CI" in os.environ, reason="the whole library of Rocq once more; a part of it runs instead"
)
def test_no_mutant_compiles(tmp_path: Path) -> None:
    assert assert_none_compiles(tuple(GROUPS), tuple(words()), tmp_path) >= 40
