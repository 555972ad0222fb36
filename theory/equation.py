"""A numbered equation of Appendix C as a claim: the value of the line, and the step from the line before.

The verdict of an equation is that of its value: both sides are evaluated as the objects they name, fragments as
the whole expression that they are part of. The step, whether the line follows from the one before, is shown
beside it and does not count.
"""

from __future__ import annotations

from typing import Any

from bnverify.theory.claim import Claim, Corrected, Data, Proof, Reading, Step


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


def value(says: str, summary: str, *, slug: str = "value", data: Data = SAME_POINT, **more: Any) -> Reading:
    """A reading of a line as an equation between the objects it names. more: further fields of the reading."""
    return Reading(slug, summary, says, data, **more)


def step(says: str, summary: str, *, slug: str = "step", why: str = STEP, **more: Any) -> Reading:
    """A reading that is shown and does not count: a step from the line before, or a rendering that is excluded."""
    return value(says, summary, slug=slug, why=why, admitted=False, **more)


def statement(
    identifier: str, title: str, where: str, quotation: str, *readings: Reading, **more: Any
) -> Claim:
    """A statement of a source with its readings. more: further fields of the claim."""
    return Claim(identifier, title, where, quotation=quotation, readings=readings, **more)


def question(identifier: str, title: str, where: str, *readings: Reading, **more: Any) -> Claim:
    """A statement that no source makes, with its readings. more: further fields of the claim."""
    return Claim(identifier, title, where, readings=readings, **more)


def equation(
    number: int,
    title: str,
    quotation: str,
    *readings: Reading,
    corrected: Corrected | None = None,
    assumptions: tuple[str, ...] = (),
    gamma: str = "any real",
    why: str = "an identity",
    state: str = "",
    place: str = "Appendix C.2",
    **more: Any,
) -> Claim:
    """Equation (number) of the paper, proved as restored where a correction stands beside what holds.

    Raises:
        ValueError: a number outside (1) to (62).
    """
    if not 1 <= number <= 62:
        raise ValueError(f"the paper numbers its equations from 1 to 62, got {number}")
    holds = all(reading.refutation is None for reading in readings if reading.admitted)
    of_gamma = ("gamma != 0",) if gamma == "!= 0" else ()
    return Claim(
        id=f"eq-{number}",
        title=title,
        where=f"{place}, equation ({number})",
        quotation=quotation,
        readings=readings,
        corrected=corrected,
        scope=(("m", ">= 2"), ("gamma", gamma), ("sigma", "> 0"), ("eps", "= 0")),
        assumptions=() if state else ("sigma > 0", *of_gamma, *assumptions),
        why=f"as restored: {why}" if corrected is not None and holds else why,
        state=state,
        **more,
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
    remarks: tuple[str, ...] = (),
    **more: Any,
) -> Claim:
    """An extension with one reading that is proved; a file fills in what its claims share. eps: another scope of it.

    more: further fields of the reading.
    """
    one = Reading(reading, summary, says, data, proof=Proof(steps, terms), **more)
    scope = (*scope[:3], ("eps", eps)) if eps else scope
    return question(f"{family}.{slug}", title, where, one, scope=scope, why=why, remarks=remarks)
