# ruff: noqa: E501
"""The judge proves what is true, refutes what is false and refuses forgeries."""

import pytest
from bnverify.theory.kernel import Claim, Refused, Verified, judge

BATCH = "mu = one @ y / m; c = y - mu*one; s = sqrt(c @ c / m + eps); yhat = c / s; z = gamma*yhat + beta*one"
RMS = "s = sqrt(y @ y / m + eps); yhat = y / s; z = gamma*yhat"
SCALE = "n = sqrt(y @ y); z = gamma*y/n"
LAYER = "mu = one @ y / m; c = y - mu*one; s = sqrt(c @ c / m + eps); yhat = c / s; z = D @ yhat + bias"
L1 = "mu = one @ y / m; c = y - mu*one; w = sign(c); n = w @ c / m; yhat = c/n; z = gamma*yhat + beta*one"
TWICE = "mu = one @ y / m; c = y - mu*one; s = sqrt(c @ c / m + eps); yhat = c / s; w = D @ yhat; n = sqrt(w @ w); z = gamma*w/n"
IDENTITY = {"terms": []}
FORM = "v @ B @ v == gamma**2/s**2 * (v @ H @ v) - gamma/(m*s**2) * (g @ yhat) * (v @ v)"
PRINTED = "v @ v <= gamma**2/s**2 * (g @ g - (one @ g)**2/m - (g @ yhat)**2/sqrt(m))"
BOUND = ["gamma**2/(m*s**2) * (one @ g)**2", "gamma**2/(m*s**2) * (g @ yhat)**2"]
FALSE = "v @ v <= gamma**2 * (g @ g)"
SMALL = {"y": ["0", "1"], "g": ["0", "1"], "H": [["0", "0"], ["0", "0"]], "gamma": "1", "beta": "0"}
KNOWN = {
    "y": ["0", "1", "3"],
    "g": ["1", "-1", "2"],
    "H": [["2", "0", "0"], ["0", "2", "0"], ["0", "0", "2"]],
    "gamma": "1",
    "beta": "0",
}

TRUE = [  # title, certificate, claim
    (
        "4.1 corrected",
        IDENTITY,
        Claim(BATCH, "v @ v == gamma**2/s**2 * (g @ g - (one @ g)**2/m - (g @ yhat)**2/m)"),
    ),
    ("4.1 printed", {"point": SMALL}, Claim(BATCH, PRINTED)),
    ("4.2, first part", IDENTITY, Claim(BATCH, FORM)),
    ("v sums to 0", IDENTITY, Claim(BATCH, "v @ one == 0")),
    ("v is orthogonal to y at eps = 0", IDENTITY, Claim(BATCH, "v @ y == 0")),
    ("  not at eps > 0", {"point": SMALL | {"eps": "1/4"}}, Claim(BATCH, "v @ y == 0", eps="positive")),
    (
        "BatchNorm with eps > 0, its own 4.1",
        IDENTITY,
        Claim(
            BATCH,
            "v @ v == gamma**2/s**2 * (g @ g - (one @ g)**2/m - (1 + eps/s**2) * (g @ yhat)**2/m)",
            eps="positive",
        ),
    ),
    (
        "  the same with sigma = sqrt(s**2 - eps)",
        IDENTITY,
        Claim(
            BATCH + "; sigma = sqrt(s**2 - eps)",
            "v @ v == gamma**2/s**2 * (g @ g - (one @ g)**2/m - (2 - sigma**2/s**2) * (g @ yhat)**2/m)",
            eps="positive",
        ),
    ),
    ("RMSNorm, its own 4.1", IDENTITY, Claim(RMS, "v @ v == gamma**2/s**2 * (g @ g - (g @ yhat)**2/m)")),
    ("RMSNorm, its own 4.2", IDENTITY, Claim(RMS, FORM)),
    (
        "ScaleNorm, gradient norm",
        IDENTITY,
        Claim(SCALE, "v @ v == gamma**2/(y @ y) * (g @ g - (g @ y)**2/(y @ y))"),
    ),
    (
        "ScaleNorm, v'Bv",
        IDENTITY,
        Claim(SCALE, "v @ B @ v == gamma**2/n**2 * (v @ H @ v) - gamma/n**3 * (g @ y) * (v @ v)"),
    ),
    (
        "LayerNorm with elementwise weights D",
        IDENTITY,
        Claim(
            LAYER,
            "v @ v == 1/s**2 * ((D @ g) @ (D @ g) - (one @ D @ g)**2/m - (g @ D @ yhat)**2/m)",
            vectors=("bias",),
            operators=("D",),
        ),
    ),
    (
        "l_1 BatchNorm, v as a vector",
        IDENTITY,
        Claim(L1, "v == gamma/n * (g - (one @ g)/m*one - (g @ yhat)/m * (w - (one @ w)/m*one))"),
    ),
    (
        "  v'Bv of it",
        IDENTITY,
        Claim(
            L1,
            "v @ B @ v == gamma**2/n**2 * ((v - (w @ v)/m*yhat) @ H @ (v - (w @ v)/m*yhat)) - (w @ v)/(m*n) * (v @ v)"
            " - gamma*(w @ v)/(m*n**2) * (g @ v - (w @ v)/m*(g @ yhat))",
        ),
    ),
    (
        "BatchNorm, v as a vector",
        IDENTITY,
        Claim(BATCH, "v == gamma/s * (g - (one @ g)/m*one - (g @ yhat)/m*yhat)"),
    ),
    ("B is symmetric", IDENTITY, Claim(BATCH, "a @ B @ b == b @ B @ a", vectors=("a", "b"))),
    ("B y = -v up to the mean (scale invariance)", IDENTITY, Claim(BATCH, "B @ c == -v")),
    (
        "BatchNorm, D, then ScaleNorm: B is symmetric",
        IDENTITY,
        Claim(TWICE, "a @ B @ b == b @ B @ a", vectors=("a", "b"), operators=("D",)),
    ),
    ("|v|^2 <= gamma^2/s^2 |g|^2", {"terms": BOUND}, Claim(BATCH, "v @ v <= gamma**2/s**2 * (g @ g)")),
    (
        "norm(v) <= abs(gamma)/s * norm(g)",
        {"terms": BOUND, "squared": True},
        Claim(BATCH, "norm(v) <= abs(gamma)/s * norm(g)"),
    ),
    (
        "|v|^2 <= |g|^2 if gamma^2 <= s^2",
        {"terms": ["given0/s**2 * (g @ g)", *BOUND]},
        Claim(BATCH, "v @ v <= g @ g", ("gamma**2 <= s**2",), example=KNOWN),
    ),
    (
        "v'Bv if H v = lam v",
        {"terms": ["gamma**2/s**2 * (v @ given0)"]},
        Claim(
            BATCH,
            "v @ B @ v == (lam*gamma**2/s**2 - gamma/(m*s**2) * (g @ yhat)) * (v @ v)",
            ("H @ v == lam*v",),
            numbers=("lam",),
            example=KNOWN | {"lam": "2"},
        ),
    ),
    (
        "a divisor that is a sum",
        IDENTITY,
        Claim("q = m + y @ y + (one @ y)**2; z = y/q", "v @ y == (g @ y)/q * (2*m/q - 1)"),
    ),
    (
        "a divisor that cannot be eliminated",
        IDENTITY,
        Claim("q = m + (one @ y)**2; z = y/q", "v @ y == (g @ y)/(m + (one @ y)**2) * (2*m/q - 1)"),
    ),
]
FORGED = [
    ("v @ y == 0 at eps > 0", IDENTITY, Claim(BATCH, "v @ y == 0", eps="positive")),
    ("4.2 of eps = 0 at eps > 0", IDENTITY, Claim(BATCH, FORM, eps="positive")),
    ("a false vector equation", IDENTITY, Claim(BATCH, "(g @ a)*one == (one @ a)*g", vectors=("a",))),
    ("hypothesis = statement", {"terms": ["given0"]}, Claim(BATCH, FALSE, (FALSE,), example=KNOWN)),
    (
        "hypothesis = statement, in other words",
        {"terms": ["given0/(2*m)"]},
        Claim(BATCH, FALSE, ("2*m*(v @ v) <= 2*gamma**2 * (yhat @ yhat) * (g @ g)",), example=KNOWN),
    ),
    (
        "hypotheses that nothing satisfies",
        {"terms": ["gamma**2/s**2 * (g @ g) * given0", "gamma**2 * (2 + m/s**2) * (g @ g)", *BOUND]},
        Claim(BATCH, FALSE, ("1 + m <= -s**2",), example=KNOWN),
    ),
    (
        "hypotheses without an example",
        {"terms": ["given0/s**2 * (g @ g)", *BOUND]},
        Claim(BATCH, "v @ v <= g @ g", ("gamma**2 <= s**2",)),
    ),
    (
        "certificate with a statement of its own",
        {"statement": "v @ one == 0", "terms": []},
        Claim(BATCH, FALSE),
    ),
    ("certificate with a normalisation of its own", {"definition": RMS, "terms": []}, Claim(BATCH, FALSE)),
    (
        "certificate with a hypothesis of its own",
        {"hypotheses": [FALSE], "terms": ["given0"]},
        Claim(BATCH, FALSE),
    ),
    ("empty certificate", {}, Claim(BATCH, "v @ one == 0")),
    ("no terms for a false inequality", IDENTITY, Claim(BATCH, FALSE)),
    ("a term that may be negative", {"terms": ["gamma**2 * (g @ g) - v @ v"]}, Claim(BATCH, FALSE)),
    ("multiplier 0", {"multiplier": "0", "terms": []}, Claim(BATCH, FALSE)),
    ("multiplier that may be 0", {"multiplier": "(v @ one)**2", "terms": []}, Claim(BATCH, FALSE)),
    ("divides by what may be 0", {"terms": ["1/(one @ g)**2"]}, Claim(BATCH, FALSE)),
    ("divides by 0", IDENTITY, Claim(BATCH, "1/(v @ one) == 2/(v @ one)")),
    ("root of a negative number", IDENTITY, Claim(BATCH, "sqrt(-m)**2 == -m")),
    ("strict where it is an equality", {"terms": ["v @ one"]}, Claim(BATCH, "v @ one < 0")),
    ("normalisation that renames m", IDENTITY, Claim("m = 1; z = y", "v @ v == g @ g")),
    (
        "normalisation that does not exist",
        IDENTITY,
        Claim("s = sqrt(-1 - y @ y); z = y/s", "s**2 + y @ y == -1"),
    ),
    ("normalisation that uses g", IDENTITY, Claim("z = (g @ g)*y", "v == g")),
    ("free vector called v", IDENTITY, Claim(BATCH, "v @ v == 0", vectors=("v",))),
    ("point with m = 1", {"point": SMALL | {"y": ["1"], "g": ["1"], "H": [["0"]]}}, Claim(BATCH, PRINTED)),
    ("point with s = 0", {"point": SMALL | {"y": ["1", "1"]}}, Claim(BATCH, PRINTED)),
    ("point with H not symmetric", {"point": SMALL | {"H": [["0", "1"], ["0", "0"]]}}, Claim(BATCH, PRINTED)),
    ("point with an eps out of scope", {"point": SMALL | {"eps": "1"}}, Claim(BATCH, PRINTED)),
    ("point that says what v is", {"point": SMALL | {"v": ["9", "9"]}}, Claim(BATCH, PRINTED)),
    ("point where the statement holds", {"point": SMALL}, Claim(BATCH, "v @ v <= gamma**2/s**2 * (g @ g)")),
    ("point where a hypothesis fails", {"point": SMALL}, Claim(BATCH, PRINTED, ("m > 2",))),
    ("Python in a statement", IDENTITY, Claim(BATCH, "__import__('os').system('id') == 0")),
]


@pytest.mark.parametrize("entry", TRUE, ids=lambda entry: entry[0].strip())
def test_what_is_true_is_verified(entry):
    _, certificate, claim = entry
    verdict = judge(claim, certificate)
    assert verdict.verdict == ("refuted" if "point" in certificate else "proved")


@pytest.mark.parametrize("entry", FORGED, ids=lambda entry: entry[0])
def test_a_forgery_is_refused(entry):
    _, certificate, claim = entry
    with pytest.raises(Refused):
        judge(claim, certificate)


def test_nothing_but_the_judge_makes_a_verified():
    with pytest.raises(Refused, match="judge alone"):
        Verified("proved", "1 <= 0", (), (), "identity")
