"""Thirty conjectures that a reader of the papers on normalisation would try, decided; `note` writes them as a page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bnverify.theory.decide.ask import decide
from bnverify.theory.decide.decision import Decision
from bnverify.theory.decide.page import markdown

PAGE = Path(__file__).resolve().parents[2] / "notes" / "conjectures.md"


@dataclass(frozen=True)
class Tried:
    """A conjecture, in words and as text; paper: whose reader would try it."""

    paper: str
    words: str
    statement: str
    given: tuple[str, ...] = ()
    norm: str = "batch-norm"
    numbers: tuple[str, ...] = ()
    vectors: tuple[str, ...] = ()
    best: str | None = None
    repair: bool = False


BN, LN, RMS, WN = (
    "Ioffe and Szegedy 2015, Santurkar et al. 2018",
    "Ba, Kiros and Hinton 2016",
    "Zhang and Sennrich 2019",
    "Salimans and Kingma 2016",
)


_FORM = "gamma**2/sigma**2*(v @ H @ v) - gamma/(m*sigma**2)*(g @ yhat)*(v @ v)"


CONJECTURES = (
    Tried(
        BN,
        "The paper's backward pass has one term more than mine",
        "v == gamma/s*(g - mean(g)*one - mean(g*yhat)*yhat + mean(g*yhat)*mean(yhat)*one)",
    ),
    Tried(BN, "The statistics may be treated as constants", "v == gamma/s*g"),
    Tried(BN, "Only the mean has to be subtracted", "v == gamma/s*(g - mean(g)*one)"),
    Tried(BN, "A bias before the layer gets no gradient", "v @ one == 0"),
    Tried(BN, "The gradient does not see the scale of y", "v @ y == 0"),
    Tried(BN, "Nor with eps", "v @ y == 0", ("eps > 0",)),
    Tried(BN, "The layer shortens every gradient", "v @ v <= g @ g", repair=True),
    Tried(
        BN, "The constant of the bound can be improved", "v @ v <= c*gamma**2/sigma**2*(g @ g)", best="min c"
    ),
    Tried(
        BN,
        "Theorem 4.1 as printed",
        "v @ v <= gamma**2/sigma**2*(g @ g - (one @ g)**2/m - (g @ yhat)**2/sqrt(m))",
        repair=True,
    ),
    Tried(
        BN,
        "How much of <g, yhat>^2 may be subtracted",
        "v @ v <= gamma**2/sigma**2*(g @ g - (one @ g)**2/m - c*(g @ yhat)**2)",
        best="max c",
    ),
    Tried(BN, "The gradient never turns round", "g @ v >= 0", repair=True),
    Tried(BN, "A non-zero gradient stays non-zero", "v @ v > 0", ("g @ g > 0", "gamma > 0")),
    Tried(BN, "Theorem 4.2, first part, is an equality", f"v @ B @ v == {_FORM}"),
    Tried(
        BN,
        "The layer lowers the curvature along the step",
        "v @ B @ v <= gamma**2/sigma**2*(v @ H @ v)",
        repair=True,
    ),
    Tried(
        BN,
        "Theorem 4.2, second part, needs no hypothesis",
        "v @ B @ v <= gamma**2/sigma**2*(g @ H @ g - (g @ yhat)*(v @ v)/(m*gamma))",
        ("gamma != 0",),
        repair=True,
    ),
    Tried(BN, "A convex loss stays convex", "psd(B)", ("psd(H)",)),
    Tried(BN, "At least along the gradient", "v @ B @ v >= 0", ("psd(H)",), repair=True),
    Tried(BN, "The Hessian is singular along the ones", "B @ one == 0"),
    Tried(BN, "Along y the Hessian gives the gradient back", "B @ y == -v"),
    Tried(
        BN,
        "An eigenvector of H stays one along v",
        "v @ B @ v == (lam*gamma**2/s**2 - gamma/(m*s**2)*(g @ yhat))*(v @ v)",
        ("H @ v == lam*v",),
        numbers=("lam",),
    ),
    Tried(BN, "Between m = 2 and more samples nothing changes", "v @ v == 0", ("m <= 2",)),
    Tried(
        BN,
        "The unbiased variance changes no formula",
        "v @ v == gamma**2/s**2*(g @ g - (one @ g)**2/m - (g @ yhat)**2/m)",
        norm="unbiased",
    ),
    Tried(LN, "The gradient of LayerNorm sums to 0", "v @ one == 0", norm="layer-norm"),
    Tried(
        LN, "Theorem 4.1 for LayerNorm, D g for gamma g", "v @ v <= (D @ g) @ (D @ g)/s**2", norm="layer-norm"
    ),
    Tried(LN, "The elementwise scale does not matter", "v @ v <= (g @ g)/s**2", norm="layer-norm"),
    Tried(RMS, "RMSNorm's gradient is orthogonal to y", "v @ y == 0", norm="rms-norm"),
    Tried(RMS, "RMSNorm's gradient sums to 0 as LayerNorm's does", "v @ one == 0", norm="rms-norm"),
    Tried(
        RMS,
        "RMSNorm loses one direction only",
        "v @ v == gamma**2/s**2*(g @ g - (g @ yhat)**2/m)",
        norm="rms-norm",
    ),
    Tried(
        WN, "Weight normalisation: the gradient is orthogonal to the weights", "v @ y == 0", norm="scale-norm"
    ),
    Tried(WN, "Its curvature along the weights is 0", "y @ B @ y == 0", norm="scale-norm"),
)


def decided() -> list[tuple[Tried, Decision]]:
    """Every conjecture with its decision."""
    return [
        (
            tried,
            decide(
                tried.statement,
                tried.given,
                tried.norm,
                vectors=tried.vectors,
                numbers=tried.numbers,
                best=tried.best,
                repair=tried.repair,
                timeout=180,
            ),
        )
        for tried in CONJECTURES
    ]


def written() -> str:
    """The page as it was last written."""
    return PAGE.read_text(encoding="utf-8")


def command(tried: Tried) -> str:
    """The command that decides a conjecture."""
    words = [f"bnverify decide '{tried.statement}'"]
    words += [f"--given '{text}'" for text in tried.given]
    words += [f"--norm {tried.norm}"] * (tried.norm != "batch-norm")
    words += [f"--number {name}" for name in tried.numbers] + [f"--vector {name}" for name in tried.vectors]
    words += [f"--best '{tried.best}'"] if tried.best else []
    return " ".join(words + ["--repair"] * tried.repair)


def note(found: Iterable[tuple[Tried, Decision]]) -> str:
    """The page, in Markdown."""
    found = list(found)
    count = {
        word: sum(decision.word == word for _, decision in found)
        for word in ("proved", "refuted", "decided", "vacuous", "open")
    }
    blocks = [
        "# Conjectures",
        "Generated by `bnverify notes --conjectures`. What a reader of the papers on normalisation might try, "
        "decided for every batch size: a proof is a certificate, a counterexample an exact point, and the kernel "
        "accepted each. What solvers alone decided is said to be that.",
        ", ".join(f"{number} {word}" for word, number in count.items() if number) + ".",
    ]
    paper = ""
    for tried, decision in found:
        if tried.paper != paper:
            paper = tried.paper
            blocks.append(f"## {paper}")
        blocks += [f"### {tried.words}", *markdown(decision), f"`{command(tried)}`"]
    return "\n\n".join(blocks) + "\n"
