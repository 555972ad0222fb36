"""What `decide` answers, on statements whose truth was derived by hand."""

import os
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
from bnverify.theory.decide.ask import decide
from bnverify.theory.decide.decision import Decision
from bnverify.theory.kernel import judge
from bnverify.theory.points.script import script

from bnverify.base.errors import InputError


@dataclass(frozen=True)
class Row:
    """A statement, its truth, and why; m: the smallest batch size that refutes it."""

    statement: str
    truth: str
    why: str
    given: tuple[str, ...] = ()
    norm: str = "batch-norm"
    vectors: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    min_m: int = 2
    m: int | None = None


def ask(row: Row, **more: object) -> Decision:
    return decide(
        row.statement,
        row.given,
        row.norm,
        vectors=row.vectors,
        numbers=row.numbers,
        min_m=row.min_m,
        **more,  # type: ignore[arg-type]
    )


# v = gamma/s (g - mean(g) 1 - mean(g yhat) yhat); with a = mean(g), b = mean(g yhat), p the rest of g:
# |g|^2 = m a^2 + m b^2 + |p|^2 and |v|^2 = gamma^2/s^2 |p|^2. At m = 2 there is no third direction: p = v = 0, B = 0.
# B = gamma^2/s^2 P H P - gamma/(m s^2) (g @ yhat) P - (v yhat' + yhat v')/s with P the projection on that rest.
FORM = "v @ B @ v == gamma**2/sigma**2*(v @ H @ v) - gamma/(m*sigma**2)*(g @ yhat)*(v @ v)"
SECOND = "v @ B @ v <= gamma**2/sigma**2*(g @ H @ g - (g @ yhat)*(v @ v)/(m*gamma))"
THREE = "(g @ H @ g + (one @ g)**2/m**2*(one @ H @ one) + (g @ yhat)**2/m**2*(yhat @ H @ yhat))"
SPAN = "(one @ g)**2 + (g @ yhat)**2"
T, F, V = "true", "false", "vacuous"


def row(statement: str, truth: str, why: str, *given: str, m: int | None = None, **more: object) -> Row:
    return Row(statement, truth, why, given, m=m, **more)  # type: ignore[arg-type]


TABLE = (
    # the gradient
    row(
        "v == gamma/s*(g - mean(g)*one - mean(g*yhat)*yhat + mean(g*yhat)*mean(yhat)*one)",
        T,
        "mean(yhat) = 0",
    ),
    row("v == gamma/s*(g - mean(g)*one - mean(g*yhat)*yhat)", T, "the formula above"),
    row("v == gamma/s*(g - mean(g)*one)", F, "the statistics as constants: p + b yhat", m=2),
    row("v == gamma/s*(g - mean(g)*one + mean(g*yhat)*yhat)", F, "a sign", m=2),
    row("v == gamma/s*(g - mean(g)*one - (g @ yhat)/(m - 1)*yhat)", F, "m - 1 for m", m=2),
    row("v == gamma*(g - mean(g)*one - mean(g*yhat)*yhat)", F, "s forgotten; v = 0 at m = 2", m=3),
    row("v == 3*gamma/s*(g - mean(g)*one - mean(g*yhat)*yhat)", F, "the factor 3; v = 0 at m = 2", m=3),
    row("v @ one == 0", T, "P 1 = 0"),
    row("v @ yhat == 0", T, "P yhat = 0"),
    row("v @ y == 0", T, "y = mu 1 + s yhat, for every mu"),
    row("v @ c == 0", T, "c = s yhat"),
    row("mean(v) == 0", T, "mean(v) = v @ one/m"),
    row("v @ v == gamma**2/sigma**2*(g @ g - (one @ g)**2/m - (g @ yhat)**2/m)", T, "Theorem 4.1 with 1/m"),
    row(
        "v @ v <= gamma**2/sigma**2*(g @ g - (one @ g)**2/m - (g @ yhat)**2/sqrt(m))",
        F,
        "Theorem 4.1 as printed: the slack is m b^2 (1 - sqrt(m))",
        m=2,
    ),
    row(
        "v @ v <= gamma**2/sigma**2*(g @ g - (one @ g)**2/m - (g @ yhat)**2/m**2)", T, "slack m b^2 (1 - 1/m)"
    ),
    row("v @ v <= gamma**2/sigma**2*(g @ g - (one @ g)**2/(m - 1))", F, "m a^2 (1/m - 1/(m-1)) m < 0", m=2),
    row("v @ v <= gamma**2/sigma**2*(g @ g)", T, "slack gamma^2/s^2 m (a^2 + b^2)"),
    row("1000000*(v @ v) <= 1000001*gamma**2/sigma**2*(g @ g)", T, "more than the one above"),
    row("1000000*(v @ v) <= 999999*gamma**2/sigma**2*(g @ g)", F, "g = p; p = 0 at m = 2", m=3),
    row("norm(v) <= abs(gamma)/sigma*norm(g)", T, "roots of both sides"),
    row("norm(v) <= gamma/sigma*norm(g)", F, "gamma < 0 makes the right side negative", m=2),
    row("norm(v) <= gamma/sigma*norm(g)", T, "gamma >= 0", "gamma >= 0"),
    row("v @ v <= g @ g", F, "|gamma| > sigma", m=3),
    row("v @ v <= g @ g", T, "|gamma| <= sigma", "gamma**2 <= sigma**2"),
    row("v @ v <= g @ g", F, "gamma < -sigma", "gamma <= sigma", m=3),
    row("v @ v <= g @ g", T, "both signs are excluded", "gamma <= sigma", "-gamma <= sigma"),
    row("v @ v <= g @ g", T, "on the boundary", "gamma == sigma"),
    row("v @ v <= g @ g", T, "two cases of the boundary", "gamma == sigma or gamma == -sigma"),
    row("v @ v < g @ g", F, "g = 0", "gamma == sigma", m=2),
    row("v @ v < g @ g", T, "a != 0", "gamma == sigma", "one @ g > 0"),
    row("v @ v < g @ g", F, "equality on the boundary", "gamma == sigma", "v @ v > 0", m=3),
    row("v @ v <= 4*(g @ g)", T, "|gamma| <= 2 sigma", "abs(gamma) <= 2*sigma"),
    row("1000000*(v @ v) <= 3999999*(g @ g)", F, "gamma = 2 sigma, g = p", "abs(gamma) <= 2*sigma", m=3),
    row("g @ g - v @ v >= (one @ g)**2/m", T, "the rest is m b^2", "gamma == sigma"),
    row("g @ g - v @ v >= (one @ g)**2", F, "m a^2 < m^2 a^2", "gamma == sigma", m=2),
    row("gamma*(g @ v) == sigma*(v @ v)", T, "both are gamma^2/s |p|^2"),
    row("g @ v >= 0", F, "gamma < 0", m=3),
    row("g @ v >= 0", T, "gamma/s |p|^2", "gamma >= 0"),
    row("g @ v <= 0", T, "gamma/s |p|^2", "gamma <= 0"),
    row("g @ v > 0", F, "p = 0", "gamma > 0", m=2),
    row("g @ v > 0", T, "p != 0", "gamma > 0", "v @ v > 0"),
    row("gamma*(g @ v) >= 0", T, "gamma^2/s |p|^2"),
    row("v @ v > 0", F, "p = 0", m=2),
    row("v @ v > 0", F, "gamma = 0 or p = 0", "g @ g > 0", m=2),
    row("v @ v > 0", F, "gamma = 0 or p = 0 at m = 3 too", "g @ g > 0", m=3, min_m=3),
    row("v @ v == 0", F, "only at m = 2", m=3),
    row("v @ v == 0", T, "gamma = 0", "gamma == 0"),
    row("v == 0", T, "gamma = 0", "gamma == 0"),
    row("v == 0", T, "g parallel to 1", "g == lam*one", numbers=("lam",)),
    row("v == 0", T, "g parallel to yhat", "g == lam*yhat", numbers=("lam",)),
    row("v == 0", T, "g parallel to y, which is mu 1 + s yhat", "g == lam*y", numbers=("lam",)),
    row("v == gamma/s*g", T, "then g = p", "one @ g == 0", "g @ yhat == 0"),
    row("v == gamma/s*g", F, "b is left", "one @ g == 0", m=2),
    row("v @ v == 0", T, "|v|^2 <= gamma^2/s^2 |g|^2", "g @ g == 0"),
    # Cauchy and Schwarz
    row("(one @ g)**2 <= m*(g @ g)", T, "m^2 a^2 <= m |g|^2"),
    row(f"{SPAN} <= m*(g @ g)", T, "Bessel: slack m |p|^2"),
    row(f"1000001*({SPAN}) <= 1000000*m*(g @ g)", F, "g in the span of 1 and yhat", m=2),
    row(f"1000000*({SPAN}) <= 1000001*m*(g @ g)", T, "less than the one above"),
    row(f"{SPAN} == m*(g @ g)", F, "true at m = 2 only", m=3),
    row("2*(one @ g)*(g @ yhat) <= m*(g @ g)", T, "2 a b <= a^2 + b^2"),
    row("2000001*(one @ g)*(g @ yhat) <= 1000000*m*(g @ g)", F, "a = b, p = 0", m=2),
    row("(g @ yhat)**2 < m*(g @ g)", F, "g = 0, and g = yhat", m=2),
    row("abs(g @ yhat) <= sqrt(m)*norm(g)", T, "the root of Cauchy and Schwarz"),
    row("(v @ a)**2 <= (v @ v)*(a @ a)", T, "Cauchy and Schwarz", vectors=("a",)),
    row("2*(v @ a) <= v @ v + a @ a", T, "|v - a|^2 >= 0", vectors=("a",)),
    row("v @ a <= (v @ v)/4 + a @ a", T, "|v/2 - a|^2 >= 0", vectors=("a",)),
    row("v @ a <= 249999/1000000*(v @ v) + a @ a", F, "a = v/2", vectors=("a",), m=3),
    row(
        "v @ a == gamma/s*(g @ a)", T, "a in the third part", "one @ a == 0", "yhat @ a == 0", vectors=("a",)
    ),
    row("v @ a == gamma/s*(g @ a)", F, "a = yhat", "one @ a == 0", vectors=("a",), m=2),
    row("(g @ a)*one == (one @ a)*g", F, "g = 1 or a = 1 alone would do", vectors=("a",), m=2),
    # the batch size
    row("(m - 2)*(v @ v) >= 0", T, "m >= 2"),
    row("(10 - m)*(v @ v) >= 0", F, "first at m = 11", m=11),
    row("(11 - m)*(v @ v) >= 0", F, "first at m = 12", m=12),
    row("(m - 5)*(v @ v) >= 0", F, "at m = 3 and 4 alone; v = 0 at m = 2", m=3),
    row("(m - 4)**2*(v @ v) > 0", F, "at m = 4 alone, beside v = 0", "v @ v > 0", m=4),
    row("(m - 4)**2*(v @ v) > 0", T, "beyond it", "v @ v > 0", "m >= 5"),
    row("(m - 7)**2 > 0", F, "at m = 7 alone", m=7),
    row("(2*m - 7)**2*(v @ v) >= v @ v", T, "an odd whole number squared is at least 1; false at m = 7/2"),
    row("(2*m - 5)**2 > 0", T, "5/2 is no batch size"),
    row("(m - 2)*(m - 3)*(v @ v) >= 0", T, "false for m between 2 and 3 alone"),
    row("m*(m - 1) >= 2", T, "m >= 2"),
    row("v @ v == 0", T, "m = 2: no third direction", "m <= 2"),
    row("m*(v @ v) <= 11*gamma**2/sigma**2*(g @ g)", F, "g = p needs m > 11", m=12),
    row("m*(one @ g)**2 >= 4*(one @ g)**2", F, "m = 2 and 3", m=2),
    row("m*(one @ g)**2 >= 4*(one @ g)**2", T, "m >= 4", min_m=4),
    # the Hessian
    row("B @ one == 0", T, "a shift of y changes nothing"),
    row("B @ y == -v", T, "scale invariance"),
    row("y @ B @ y == 0", T, "-v @ y = 0"),
    row("sigma*(B @ yhat) == -v", T, "y = mu 1 + sigma yhat"),
    row("B @ yhat == v", F, "sign and sigma", m=3),
    row("a @ B @ b == b @ B @ a", T, "second derivatives commute", vectors=("a", "b")),
    row("v @ B @ one == 0", T, "B 1 = 0"),
    row(FORM, T, "v @ yhat = 0 leaves two terms"),
    row(FORM.replace(" - gamma", " + gamma"), F, "a sign", m=3),
    row(FORM.replace("(m*sigma", "(sqrt(m)*sigma"), F, "sqrt(m) for m", m=3),
    row(FORM.replace("(m*sigma", "((m - 1)*sigma"), F, "m - 1 for m", m=3),
    row(FORM.replace("sigma**2)*(g", "sigma)*(g"), F, "sigma for sigma^2", m=3),
    row(
        "v @ B @ v <= gamma**2/sigma**2*(v @ H @ v)", T, "gamma g @ yhat >= 0", "g @ yhat >= 0", "gamma >= 0"
    ),
    row("v @ B @ v <= gamma**2/sigma**2*(v @ H @ v)", F, "gamma < 0", "g @ yhat >= 0", m=3),
    row("v @ B @ v <= gamma**2/sigma**2*(v @ H @ v)", T, "as one product", "gamma*(g @ yhat) >= 0"),
    row(SECOND, F, "g @ H @ g < 0", "gamma != 0", m=2),
    row(SECOND, T, "slack gamma^2/s^2 (g @ H @ g - v @ H @ v)", "gamma != 0", "v @ H @ v <= g @ H @ g"),
    row(
        SECOND,
        F,
        "the order of the norms kept, |gamma| > sigma",
        "gamma != 0",
        "0 <= (g @ g - v @ v)*(g @ H @ g - v @ H @ v)",
        m=3,
    ),
    row(SECOND, F, "the ratio kept as 0 = 0", "gamma > 0", "(v @ H @ v)*(g @ g) == (g @ H @ g)*(v @ v)", m=2),
    row(
        "v @ B @ v == (lam*gamma**2/s**2 - gamma/(m*s**2)*(g @ yhat))*(v @ v)",
        T,
        "v is an eigenvector of H",
        "H @ v == lam*v",
        numbers=("lam",),
    ),
    row("v @ B @ v == lam*(v @ v)", F, "the second term", "H @ v == lam*v", numbers=("lam",), m=3),
    row("(H @ v) @ (H @ v) == lam**2*(v @ v)", T, "H v = lam v", "H @ v == lam*v", numbers=("lam",)),
    row("(v @ H @ v)**2 <= (v @ v)*((H @ v) @ (H @ v))", T, "Cauchy and Schwarz"),
    row("(B @ v) @ (B @ v) >= 0", T, "a square"),
    row("(B @ v) @ (B @ v) > 0", F, "v = 0", m=2),
    row("v @ B @ v == -gamma/(m*sigma**2)*(g @ yhat)*(v @ v)", T, "v @ H @ v = 0", "v @ H @ v == 0"),
    row("v @ B @ v == -gamma/(m*sigma**2)*(g @ yhat)*(v @ v)", F, "v @ H @ v is left", "g @ H @ g == 0", m=3),
    row(
        "v @ B @ v <= gamma**2/sigma**2*lam*(v @ v)",
        T,
        "the largest curvature along v",
        "v @ H @ v <= lam*(v @ v)",
        "gamma*(g @ yhat) >= 0",
        numbers=("lam",),
    ),
    row(
        "v @ B @ v <= lam*(v @ v)",
        F,
        "gamma^2 > sigma^2",
        "v @ H @ v <= lam*(v @ v)",
        "gamma*(g @ yhat) >= 0",
        numbers=("lam",),
        m=3,
    ),
    row(
        "v @ B @ v <= lam*(v @ v)",
        T,
        "gamma^2 <= sigma^2 and lam >= 0",
        "v @ H @ v <= lam*(v @ v)",
        "gamma*(g @ yhat) >= 0",
        "gamma**2 <= sigma**2",
        "lam >= 0",
        numbers=("lam",),
    ),
    row(
        "v @ B @ v <= lam*(v @ v)",
        F,
        "lam < 0 and gamma small",
        "v @ H @ v <= lam*(v @ v)",
        "gamma*(g @ yhat) >= 0",
        "gamma**2 <= sigma**2",
        numbers=("lam",),
        m=3,
    ),
    # psd
    row("v @ H @ v >= 0", T, "by definition", "psd(H)"),
    row("v @ B @ v >= 0", F, "the second term", "psd(H)", m=3),
    row(
        "v @ B @ v >= 0",
        T,
        "the second term has the sign of -gamma g @ yhat",
        "psd(H)",
        "gamma*(g @ yhat) <= 0",
    ),
    row("psd(B)", F, "the second term", "psd(H)", m=3),
    row("psd(H)", F, "nothing is assumed of H", m=2),
    row("g @ H @ g >= v @ H @ v", F, "H kills g and not p", "psd(H)", "gamma == sigma", m=3),
    row(f"v @ H @ v <= 3*gamma**2/sigma**2*{THREE}", T, "(x + y + z)^2 <= 3 (x^2 + y^2 + z^2)", "psd(H)"),
    row(f"1000000*(v @ H @ v) <= 2999999*gamma**2/sigma**2*{THREE}", F, "x = y = z", "psd(H)", m=3),
    row(f"1000000*(v @ H @ v) <= 3000001*gamma**2/sigma**2*{THREE}", T, "more than 3", "psd(H)"),
    row("max(v @ v, g @ g) <= v @ v + g @ g", T, "both are squares"),
    row("abs(dgamma) <= sqrt(m)*norm(g)", T, "dgamma = g @ yhat"),
    row("d(L, y, v) == v @ v", T, "the rate of the loss along its gradient"),
    # eps > 0
    row("v @ yhat == 0", F, "|yhat|^2 < m", "eps > 0", m=2),
    row("v @ one == 0", T, "still", "eps > 0"),
    row("v @ v <= gamma**2/s**2*(g @ g)", T, "slack gamma^2/s^2 (m a^2 + (2 - rho) m b^2)", "eps > 0"),
    row("v @ v == gamma**2/s**2*(g @ g - (one @ g)**2/m - (2 - rho)*(g @ yhat)**2/m)", T, "|yhat|^2 = m rho"),
    row(
        "v @ v == gamma**2/s**2*(g @ g - (one @ g)**2/m - (g @ yhat)**2/m)",
        F,
        "the eps = 0 form",
        "eps > 0",
        m=2,
    ),
    row("v @ yhat == gamma/s*(g @ yhat)*(1 - rho)", T, "|yhat|^2 = m rho"),
    row("B @ one == 0", T, "still", "eps > 0"),
    row("B @ c == -v", F, "no scale invariance", "eps > 0", m=2),
    row("yhat @ yhat < m", T, "m rho", "eps > 0"),
    row("yhat @ yhat == m", T, "eps = 0"),
    # other normalisations
    row(
        "v @ v == gamma**2/s**2*(g @ g - (one @ g)**2/m - (g @ yhat)**2/(m - 1))",
        T,
        "|yhat|^2 = m - 1",
        norm="unbiased",
    ),
    row(
        "v @ v == gamma**2/s**2*(g @ g - (one @ g)**2/m - (g @ yhat)**2/m)",
        F,
        "m for m - 1",
        norm="unbiased",
        m=2,
    ),
    row("yhat @ yhat == m - 1", T, "unbiased", norm="unbiased"),
    row("v @ y == 0", T, "scale invariance", norm="rms-norm"),
    row("v @ one == 0", F, "no shift invariance", norm="rms-norm", m=2),
    row("v @ v == gamma**2/s**2*(g @ g - (g @ yhat)**2/m)", T, "one direction is removed", norm="rms-norm"),
    row("v @ v <= gamma**2/s**2*(g @ g)", T, "slack m b^2", norm="rms-norm"),
    row("v @ v <= g @ g", F, "|gamma| > s, two directions at m = 2", norm="rms-norm", m=2),
    row("B @ y == -v", T, "scale invariance", norm="rms-norm"),
    row("B @ one == 0", F, "no shift invariance", norm="rms-norm", m=2),
    row("v @ v == gamma**2/n**2*(g @ g - (g @ yhat)**2)", T, "|yhat| = 1", norm="scale-norm"),
    row("v @ v == gamma**2/n**2*(g @ g - (g @ yhat)**2/m)", F, "|yhat| = 1", norm="scale-norm", m=2),
    row("yhat @ yhat == 1", T, "ScaleNorm", norm="scale-norm"),
    row("v @ y == 0", T, "typed on the spot", norm="n = sqrt(y @ y); z = gamma*y/n"),
    row("v @ one == 0", T, "LayerNorm", norm="layer-norm"),
    row("v @ v <= (D @ g) @ (D @ g)/s**2", T, "Theorem 4.1 with D g for gamma g", norm="layer-norm"),
    row("v @ v <= (g @ g)/s**2", F, "D = 2", norm="layer-norm", m=3),
    row("v == g", T, "no normalisation", norm="identity"),
    row("B @ g == H @ g", T, "no normalisation", norm="identity"),
    row("v @ v < g @ g", F, "equality", norm="identity", m=2),
    row("v @ y == 0", T, "scale invariance of every norm", norm="l1-norm"),
    row("v @ one == 0", F, "the norm is taken before the shift", norm="l1-norm", m=2),
    # or, iff
    row("gamma >= 0 or g @ v <= 0", T, "g @ v = gamma/s |p|^2"),
    row("v @ v >= 0 or gamma == 1", T, "the first always holds"),
    row("gamma >= 0 or gamma <= 0", T, "one of them always holds"),
    row("gamma > 0 or g @ v < 0", F, "gamma = 0", m=2),
    row("iff(v @ v == 0, g @ v == 0)", T, "gamma g @ v = sigma v @ v", "gamma != 0"),
    row("iff(v @ v == 0, gamma == 0)", F, "p = 0", m=2),
    row("iff(v @ v == 0, gamma == 0)", F, "p = 0 for every m", "g @ g > 0", m=2),
    # nothing satisfies the hypotheses
    row("v @ v <= 1", V, "a square below 0", "g @ g < 0"),
    row("v @ v <= 1", V, "sigma > 0", "sigma <= 0"),
    row("v @ v <= 1", V, "a contradiction", "gamma > 1", "gamma < 0"),
    row("v @ v <= 1", V, "v = 0 at m = 2", "v @ v > 0", "m <= 2"),
    row("v @ v <= 1", V, "against Cauchy and Schwarz", "(one @ g)**2 > m*(g @ g)"),
    row("v @ v <= 1", V, "|yhat|^2 = m", "yhat @ yhat > m"),
)


def name(row: Row) -> str:
    return f"{row.statement} {' '.join(row.given)} {row.norm if row.norm != 'batch-norm' else ''}".strip()


def check(row: Row) -> Decision:
    """The answer is the true one, and its evidence is looked at once more."""
    found = ask(row)
    words = {T: {"proved", "decided"}, F: {"refuted"}, V: {"vacuous"}}[row.truth]
    assert found.word in words, (found.word, found.tried, row.why)
    if found.answer == "refuted":
        assert row.m is None or found.m == row.m, (found.m, found.counterexample)
        (bad,) = [outcome for outcome in found.outcomes if outcome.instance]
        assert judge(bad.case.claim, {"point": bad.instance}).verdict == "refuted"
    if found.answer == "proved":
        for outcome in found.outcomes:
            assert all(judge(proof.claim, proof.certificate).verdict == "proved" for proof in outcome.proofs)
    return found


QUICK = TABLE[::9]


@pytest.mark.parametrize("row", QUICK, ids=name)
def test_the_answer_is_the_one_derived_by_hand(row):
    check(row)


def spent() -> float:
    """Seconds of this process and of the solvers that have ended."""
    return sum(os.times()[:4])


@pytest.mark.slow
def test_every_answer_is_the_one_derived_by_hand_soon_and_most_proofs_are_certificates():
    found, seconds = [], []
    for row in TABLE:
        start = spent()
        found.append((row, check(row)))
        seconds.append(spent() - start)
    true = [decision for row, decision in found if row.truth == T]
    assert len(found) >= 120
    assert sum(decision.answer == "proved" for decision in true) >= 0.8 * len(true)
    seconds.sort()
    assert seconds[len(seconds) // 2] < 1
    assert seconds[int(0.95 * len(seconds))] < 10


def test_a_process_that_decides_stays_small():
    # In a process of its own, whose peak is not that of other tests; HWM begins anew with it.
    plain = [row for row in TABLE if not row.vectors and not row.numbers][::12]
    asked = "; ".join(f"decide({row.statement!r}, {row.given!r}, {row.norm!r})" for row in plain)
    said = "print(max(int(l.split()[1]) for l in open('/proc/self/status') if l.startswith('VmHWM')))"
    code = f"from bnverify.theory.decide.ask import decide; {asked}; {said}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 3 * int(done.stdout) < 2**20  # KiB: this process, and two solvers that begin as it does


def test_a_smallest_batch_that_contradicts_a_hypothesis_is_named_with_it():
    assert decide("v @ v == 0", ("m == 2",), min_m=3).needed == ("m == 2", "--min-m 3")
    found = decide("v @ v == 5", ("g @ g < 0",), min_m=3)
    assert found.needed == ("g @ g < 0",)
    assert "  nothing satisfies: g @ g < 0" in found.lines()


@pytest.mark.parametrize("given", ["m <= 2", "3 > m"])
def test_where_one_batch_size_is_left_it_is_decided(given):
    assert decide("v @ v == 0", (given,)).decided_by == ("cvc5", "z3")


def test_that_a_case_is_empty_is_said_by_solvers_and_so_no_proof():
    assert decide("gamma >= 1", ("gamma >= 2",), detail=False).word == "proved"
    found = decide("gamma >= 1", ("v @ one != 0 or gamma >= 2",), detail=False)
    assert (found.word, found.exit_code, found.to_json()["certificate"]) == ("decided", 3, None)


def test_no_batch_is_said_to_be_beyond_all_counterexamples_that_was_not_asked_about():
    text = "(2*m - 7)*((a @ b)**2 + (b @ w)**2 + (g @ a)**2) >= 0"  # of four vectors, and false up to m = 3
    found = decide(text, norm="z = gamma*y", vectors=("a", "b", "w"))
    assert (found.answer, found.m) == ("refuted", 2)
    assert found.range == "no counterexample for m >= 4 (by z3)"


def test_hypotheses_that_contradict_each_other_are_named_without_the_others():
    found = decide("v @ v <= 1", ("one @ g > 0", "gamma > 1", "gamma < 0"))
    assert found.answer == "vacuous"
    assert found.needed == ("gamma > 1", "gamma < 0")


@pytest.mark.parametrize(
    ("given", "answer", "scope"),
    [
        (("eps > 0", "eps == 0"), "vacuous", "eps > 0"),
        (("eps == 0", "eps > 0"), "vacuous", "eps = 0"),
        (("eps >= 0", "eps > 0"), "refuted", "eps > 0"),
        (("eps > 0", "eps >= 0"), "refuted", "eps > 0"),
        (("eps >= 0", "eps <= 0"), "proved", "eps = 0"),
    ],
)
def test_all_that_is_given_of_eps_holds_at_once(given, answer, scope):
    found = decide("v @ y == 0", given, detail=False)
    assert found.answer == answer
    assert scope in found.scope


@pytest.mark.parametrize("given", ["eps == 0 or gamma > 0", "gamma > 0 or 0 >= eps"])
def test_an_eps_of_0_that_an_or_names_is_asked_about(given):
    found = decide("gamma > 0", (given,), detail=False)
    assert (found.answer, found.outcomes[-1].case.claim.eps) == ("refuted", "zero")
    assert decide("iff(eps == 0, rho == 1)", detail=False).word == "decided"


def test_hypotheses_that_divide_may_stand_before_what_keeps_the_divisor_from_0():
    for given in (("k != 0", "1/k == x"), ("1/k == x", "k != 0")):
        assert decide("k*x == 1", given, numbers=("k", "x"), detail=False).word in {"proved", "decided"}


def test_the_way_out_of_a_division_at_another_place_leads_out():
    with pytest.raises(InputError) as caught:
        decide("1/at(s, y, g) > 0")
    way = str(caught.value).partition('--given "')[2].rstrip('"')
    assert decide("1/at(s, y, g) > 0", (way,), detail=False).answer == "proved"


def test_the_text_that_divides_is_named():
    with pytest.raises(InputError, match="1/x == k: divides by x"):
        decide("v @ v >= 0", ("1/x == k",), numbers=("x", "k"))


# |B H g|^2; Cauchy and Schwarz for g and H v.
@pytest.mark.parametrize("statement", ["g @ H @ B @ B @ H @ g >= 0", "g @ H @ v <= norm(g)*norm(H @ v)"])
def test_lengths_and_squares_have_certificates_whatever_stands_in_them(statement):
    assert decide(statement, detail=False).answer == "proved"


# One of x - k and k - x is at most 0; so is one of 1 - x and x - 2, as their sum is -1.
@pytest.mark.parametrize("statement", ["x >= k or x <= k", "g @ v >= 0 or g @ v <= 0", "x >= 1 or x <= 2"])
def test_one_of_two_inequalities_holds_by_a_certificate(statement):
    assert decide(statement, numbers=("x", "k"), detail=False).answer == "proved"


# v.v = gamma^2/s^2 |p|^2 with |p|^2 = |g|^2 - (1.g)^2/m - (g.yhat)^2/m; z.z = gamma^2 m + m beta^2.
@pytest.mark.parametrize(
    ("statement", "change"),
    [
        ("v @ v == gamma**2/sigma**2*(g @ g - (one @ g)**2/m) - (g @ yhat)**2/m", "after (g @ yhat)**2/m"),
        ("z @ z == gamma**2*(m + m*beta**2)", "before m*beta**2"),
        ("0 == z @ z - gamma**2*(m - m*beta**2)", "before m*beta**2"),
    ],
)
def test_a_bracket_that_closes_at_the_wrong_term_is_closed_where_the_formula_is_true(statement, change):
    found = decide(statement, repair=True)
    assert found.answer == "refuted"
    assert found.repair["change"] == f"formula: the bracket closes {change}"


def test_a_statement_that_holds_again_for_large_batches_says_from_where():
    found = decide("(m - 5)*(v @ v) >= 0")
    assert found.m == 3
    assert "m >= 5" in found.range


def test_a_backward_formula_holds_for_every_eps_at_once():
    found = ask(TABLE[0])
    assert "eps >= 0" in found.scope
    assert found.seconds < 5


@pytest.mark.parametrize("row", [row for row in TABLE if row.truth == F][::18], ids=name)
def test_autograd_on_a_plain_loss_agrees_with_the_counterexample(row):
    torch = pytest.importorskip("torch")
    found = ask(row, detail=False)
    (bad,) = [outcome for outcome in found.outcomes if outcome.instance]
    names: dict = {}
    exec(script(bad.case.claim, bad.instance), names)
    exact = found.counterexample
    for side, float_side in (("left", "left_float"), ("right", "right_float")):
        value = torch.as_tensor(names[side]).detach()
        if float_side in exact:
            assert float(value) == pytest.approx(exact[float_side], rel=1e-9, abs=1e-12)
        else:
            assert value.numpy() == pytest.approx(np.array(exact[side]), abs=1e-9)


def test_the_replay_script_needs_torch_alone(tmp_path):
    pytest.importorskip("torch")
    found = decide("v @ v <= g @ g", detail=False)
    text = script(found.outcomes[0].case.claim, found.outcomes[0].instance)
    assert len(text.splitlines()) <= 10
    assert "bnverify" not in text
    file = tmp_path / "replay.py"
    file.write_text(text)
    done = subprocess.run(
        [sys.executable, str(file)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": ""},
    )
    assert "2.25" in done.stdout


@pytest.mark.parametrize(
    ("statement", "more", "words"),
    [
        ("v @ w <= 1", {}, "no name 'w'"),
        ("v @ v <= 1/(g @ g)", {}, "can be 0; exclude it with --given"),
        ("v @ v <= 1", {"min_m": 1}, "at least 2"),
        ("v @ one == 0", {"min_m": 10**12}, "no instance of more than 200 samples"),
        ("v @ one == 0", {"given": ("m > 200",)}, "no instance of more than 200 samples"),
        ("v <= g", {}, "not ordered"),
        ("v @ v", {}, "no relation"),
        ("v @ v <= 1", {"norm": "bach-norm"}, "batch-norm"),
        ("v @ v <= 1", {"given": ("__import__('os')",)}, "grammar"),
        ("", {}, "nothing"),
        ("v @ given0 <= 1", {"vectors": ("given0",)}, "stand for hypotheses"),
        ("v @ v <= 1/0", {}, "1/0: divides by 0"),
        ("v @ max <= 1", {"vectors": ("max",)}, "a word of the grammar"),
        ("v @ v <= 1", {"numbers": ("lambda",)}, "a word of the grammar"),
        ("v @ y_2 <= 1", {"vectors": ("y_2",)}, "one of two units"),
    ],
)
def test_bad_input_is_one_line(statement, more, words):
    with pytest.raises(InputError) as caught:
        decide(statement, **more)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
