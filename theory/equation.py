"""A numbered equation of Appendix C as a claim: the value of the line, and the step from the line before.

The verdict of an equation is that of its value: both sides are evaluated as the objects they name, fragments as
the whole expression that they are part of. The step, whether the line follows from the one before, is shown
beside it and does not count.
"""

from __future__ import annotations

from typing import Any

from bnverify.theory.claim import Claim, Corrected, Data, Proof, Reading, Refutation, Step


def centred(u: str) -> str:
    """C u: a vector minus its mean."""
    return f"({u} - mean({u})*one)"


def projected(u: str) -> str:
    """P u: a vector minus its mean and minus its part along y-hat."""
    return f"({u} - mean({u})*one - (yhat @ ({u} - mean({u})*one))/m*yhat)"


def follows(before: str, line: str) -> str:
    """The step from the line before: its right side is the right side of this line."""
    return f"{before.split(' == ')[1]} == {line.split(' == ')[1]}"


STEP = "the verdict of a line is that of its value; the step is shown beside it"
SAME_POINT = Data(right_side_at="z = gamma y-hat + beta, where both networks have g and H")


def value(
    says: str,
    summary: str,
    *,
    slug: str = "value",
    proof: Proof | None = None,
    refutation: Refutation | None = None,
    hypotheses: tuple[Any, ...] = (),
    assumptions: tuple[str, ...] = (),
    norm: str = "batch-norm",
    data: Data = SAME_POINT,
    necessary: str = "",
    needs: tuple[str, ...] = (),
    admitted: bool = True,
    why: str = "",
) -> Reading:
    """A reading of a line as an equation between the objects it names; proved by itself unless refuted."""
    if proof is None and refutation is None:
        proof = Proof()
    return Reading(
        slug=slug,
        summary=summary,
        says=says,
        data=data,
        hypotheses=hypotheses,
        assumptions=assumptions,
        proof=proof,
        refutation=refutation,
        norm=norm,
        necessary=necessary,
        needs=needs,
        admitted=admitted,
        why=why,
    )


def step(
    says: str,
    summary: str,
    *,
    slug: str = "step",
    proof: Proof | None = None,
    refutation: Refutation | None = None,
    hypotheses: tuple[Any, ...] = (),
    norm: str = "batch-norm",
    data: Data = SAME_POINT,
    why: str = STEP,
    necessary: str = "",
    needs: tuple[str, ...] = (),
) -> Reading:
    """A reading that is shown and does not count: a step from the line before, or a rendering that is excluded."""
    if proof is None and refutation is None:
        proof = Proof()
    return Reading(
        slug=slug,
        summary=summary,
        says=says,
        data=data,
        hypotheses=hypotheses,
        proof=proof,
        refutation=refutation,
        admitted=False,
        why=why,
        norm=norm,
        necessary=necessary,
        needs=needs,
    )


def equation(
    number: int,
    title: str,
    quotation: str,
    *readings: Reading,
    corrected: Corrected | None = None,
    assumptions: tuple[str, ...] = (),
    gamma: str = "any real",
    notation: tuple[str, ...] = (),
    why: str = "an identity",
    remarks: tuple[str, ...] = (),
    part_of: str = "",
    state: str = "",
    place: str = "Appendix C.2",
) -> Claim:
    """Equation (number) of the paper, proved as restored where a correction stands beside what holds.

    Raises:
        ValueError: a number outside (1) to (62).
    """
    if not 1 <= number <= 62:
        raise ValueError(f"the paper numbers its equations from 1 to 62, got {number}")
    holds = all(reading.refutation is None for reading in readings if reading.admitted)
    if corrected is not None and holds:
        why = f"as restored: {why}"
    of_gamma = ("gamma != 0",) if gamma == "!= 0" else ()
    return Claim(
        id=f"eq-{number}",
        title=title,
        where=f"{place}, equation ({number})",
        kind="equation",
        quotation=quotation,
        readings=readings,
        corrected=corrected,
        scope=(("m", ">= 2"), ("gamma", gamma), ("sigma", "> 0"), ("eps", "= 0")),
        assumptions=() if state else ("sigma > 0", *of_gamma, *assumptions),
        notation=notation,
        why=why,
        remarks=remarks,
        state=state,
        part_of=part_of,
    )


def formula(
    family: str,
    where: str,
    summary: str,
    data: Data,
    scope: tuple[tuple[str, str], ...],
    slug: str,
    title: str,
    says: str,
    why: str,
    steps: tuple[Step, ...] = (),
    *,
    eps: str = "",
    reading: str = "formula",
    terms: tuple[str, ...] = (),
    hypotheses: tuple[str, ...] = (),
    norm: str = "batch-norm",
    needs: tuple[str, ...] = (),
    remarks: tuple[str, ...] = (),
) -> Claim:
    """An extension with one reading that is proved; a file fills in what its claims share. eps: another scope of it."""
    one = Reading(
        reading,
        summary,
        says,
        data,
        hypotheses=hypotheses,
        proof=Proof(steps=steps, terms=terms),
        norm=norm,
        needs=needs,
    )
    scope = (*scope[:3], ("eps", eps)) if eps else scope
    return Claim(f"{family}.{slug}", title, where, readings=(one,), scope=scope, why=why, remarks=remarks)
