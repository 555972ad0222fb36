# ruff: noqa: E501
"""Claims with certificates and what the judge must say of each: the table that kills mutants of the judge.

An entry is a title, what is expected ("proved", "refuted" or "no"), the certificate and the fields of the claim.
"""

from __future__ import annotations

from typing import Any

BATCH = "mu = one @ y / m; c = y - mu*one; s = sqrt(c @ c / m + eps); yhat = c / s; z = gamma*yhat + beta*one"
RMS = "s = sqrt(y @ y / m + eps); yhat = y / s; z = gamma*yhat"
SCALE = "n = sqrt(y @ y); z = gamma*y/n"
L1 = "n = mean(abs(y)); z = gamma*y/n"
LINF = "n = max(abs(y)); z = gamma*y/n"
SMOOTH = "n = smooth(y); z = y/n"
TWO = "n_j = sqrt(y_j @ y_j); z_j = gamma_j*y_j/n_j; z_k = gamma_k*y_k"
WEIGHTS = "y = X @ W; n = sqrt(y @ y); z = y/n"
PLAIN = "y = X @ W; z = y"
ID = "z = y"
NONE: dict[str, Any] = {"terms": []}
NOT_CONSTANT = ("0 < c @ c",)

MAX_GRADIENT = "max((T @ g) @ (T @ g), norm(X) <= lam)"
MAX_FORM = "max((X @ T @ g) @ H @ (X @ T @ g), norm(X) <= lam)"
FLAT = {"y": ["3", "4"], "g": ["1", "2"]}
UNIT = FLAT | {"gamma": "1"}
LAM = {"numbers": ("lam",), "needs": ("0 <= lam",)}
A, B_ = {"vectors": ("a",)}, {"vectors": ("a", "b")}
HALF = [["1/2", "-1/2"], ["-1/2", "1/2"]]

Entry = tuple[str, str, dict[str, Any], dict[str, Any]]


def claim(definition: str, statement: str, *hypotheses: str, **rest: Any) -> dict[str, Any]:
    """The fields of a claim."""
    return {"definition": definition, "statement": statement, "hypotheses": hypotheses, **rest}


def point(**data: Any) -> dict[str, Any]:
    return {"point": data}


QUICK: list[Entry] = [
    # relations, identities and terms
    ("an identity", "proved", NONE, claim(ID, "y @ g == g @ y")),
    ("an equation that fails", "no", NONE, claim(ID, "y @ g == g @ g")),
    ("a vector equation", "proved", NONE, claim(ID, "v == g")),
    ("a vector that is not 0", "no", NONE, claim(ID, "v == 0")),
    ("a probe of the statement's own", "no", NONE, claim(ID, "(g @ a)*one == (one @ a)*g", **A)),
    ("a square", "proved", {"terms": ["(a @ b)**2"]}, claim(ID, "0 <= (a @ b)**2", **B_)),
    ("an odd power", "no", {"terms": ["(a @ b)**3"]}, claim(ID, "0 <= (a @ b)**3", **B_)),
    ("a length", "proved", {"terms": ["a @ a"]}, claim(ID, "0 <= a @ a", **A)),
    ("a length is not positive", "no", {"terms": ["a @ a"]}, claim(ID, "0 < a @ a", **A)),
    ("m is positive", "proved", {"terms": ["m"]}, claim(ID, "0 < m")),
    ("m - 1 is positive", "proved", {"terms": ["m - 1"]}, claim(ID, "0 < m - 1")),
    ("m - 2 is not positive", "no", {"terms": ["m - 2"]}, claim(ID, "0 < m - 2")),
    ("m - 2 is positive from 3 on", "proved", {"terms": ["m - 2"]}, claim(ID, "0 < m - 2", min_m=3)),
    ("a product of unknown sign", "no", {"terms": ["a @ b"]}, claim(ID, "0 <= a @ b", **B_)),
    ("a difference of squares", "no", {"terms": ["a @ a - b @ b"]}, claim(ID, "b @ b <= a @ a", **B_)),
    ("0 < 0", "no", NONE, claim(ID, "0 < 0")),
    ("0 < 0 with the term 0", "no", {"terms": ["0"]}, claim(ID, "0 < 0")),
    ("0 <= 0", "proved", NONE, claim(ID, "0 <= 0")),
    ("0 != 0", "no", NONE, claim(ID, "0 != 0")),
    ("m != 0", "proved", {"terms": ["m"]}, claim(ID, "0 != m")),
    ("terms for an equation", "no", {"terms": ["a @ a"]}, claim(ID, "0 == a @ a", **A)),
    ("terms for an equation that an example satisfies", "no", {"terms": ["a @ a"]},
     claim(ID, "0 == a @ a", **A, example=FLAT | {"a": ["0", "0"]})),
    ("!= without a positive term", "no", {"terms": ["a @ a"]}, claim(ID, "0 != a @ a", **A)),
    ("the wrong terms", "no", {"terms": ["b @ b"]}, claim(ID, "0 <= a @ a", **B_)),
    ("no terms for an inequality", "no", NONE, claim(ID, "0 <= a @ a", **A)),
    ("> is < turned round", "proved", {"terms": ["m"]}, claim(ID, "m > 0")),
    ("> the wrong way", "no", {"terms": ["m"]}, claim(ID, "0 > m")),
    ("vectors are not ordered", "no", NONE, claim(ID, "v <= g")),
    ("Cauchy-Schwarz", "proved", {"terms": ["(a @ a)*(b @ b) - (a @ b)**2"]},
     claim(ID, "(a @ b)**2 <= (a @ a)*(b @ b)", **B_)),
    ("Cauchy-Schwarz for another", "no", {"terms": ["(a @ a)*(b @ b) - (a @ g)**2"]},
     claim(ID, "(a @ g)**2 <= (a @ a)*(b @ b)", **B_)),
    ("squares of both sides", "proved", {"terms": ["m - 1"], "squared": True}, claim(ID, "1 <= sqrt(m)")),
    ("squares of a negative side", "no", {"terms": [], "squared": True}, claim(ID, "m <= -m")),
    ("squares the wrong way", "no", {"terms": ["1 - m"], "squared": True}, claim(ID, "sqrt(m) <= 1")),
    ("a multiplier", "proved", {"multiplier": "m", "terms": ["a @ a"]}, claim(ID, "0 <= a @ a/m", **A)),
    ("a negative multiplier", "no", {"multiplier": "-1", "terms": ["a @ a"]}, claim(ID, "a @ a <= 0", **A)),
    ("the multiplier 0", "no", {"multiplier": "0", "terms": []}, claim(ID, "m <= 0")),
    ("a multiplier that may be 0", "no", {"multiplier": "a @ a", "terms": ["0"]}, claim(ID, "0 <= 0*m", **A)),
    # the negation
    ("the negation", "refuted", {"terms": ["m"], "negation": True}, claim(ID, "m <= 0")),
    ("the negation of an equation", "refuted", {"terms": ["m"], "negation": True}, claim(ID, "m == 0")),
    ("a negation that negates nothing", "no", {"terms": [], "negation": True}, claim(ID, "g @ g == g @ g")),
    ("the negation of an inequality that holds", "no", {"terms": [], "negation": True}, claim(ID, "0 <= g @ g")),
    ("the negation where it may hold", "no", {"terms": ["a @ a"], "negation": True}, claim(ID, "a @ a <= 0", **A)),
    ("no such instance", "refuted", {"terms": ["a @ a"], "negation": True},
     claim(ID, "a @ a < 0", quantifier="exists", **A)),
    # hypotheses
    ("a hypothesis", "proved", {"terms": ["given0", "m - 1"]},
     claim(ID, "1 <= lam + m", "0 <= lam", numbers=("lam",), example={"y": ["1", "2"], "lam": "2"})),
    ("a hypothesis without an example", "no", {"terms": ["2*given0", "m - 1"]},
     claim(ID, "1 <= 2*lam + m", "0 <= lam", numbers=("lam",))),
    ("an example that does not satisfy it", "no", {"terms": ["given0*lam**2"]},
     claim(ID, "0 <= lam**3", "0 <= lam", numbers=("lam",), example={"lam": "-2"})),
    ("a need that the example does not satisfy", "no", {"terms": ["lam**2"]},
     claim(ID, "0 <= lam**2", needs=("0 <= lam",), numbers=("lam",), example={"lam": "-2"})),
    ("1 <= 0 given 1 <= 0", "no", {"terms": ["given0"]}, claim(ID, "1 <= 0", "1 <= 0", example=FLAT)),
    ("1 <= 0 given itself doubled", "no", {"terms": ["given0/2"]}, claim(ID, "1 <= 0", "2 <= 0", example=FLAT)),
    ("anything given what nothing satisfies", "no", {"terms": ["given0*(g @ g)"]},
     claim(ID, "g @ g <= 0", "m + 1 <= m", example=FLAT)),
    ("a need that nothing satisfies", "no", {"terms": ["need0*(g @ g)"]}, claim(ID, "g @ g <= 0", needs=("m + 1 <= m",))),
    ("the conclusion as hypothesis", "no", {"terms": ["given0"]}, claim(ID, "g @ g <= m", "g @ g <= m", example=FLAT)),
    ("in other words", "no", {"terms": ["given0/(2*m)"]},
     claim(ID, "g @ g <= m", "2*m*(g @ g) <= 2*m**2", example=FLAT | {"g": ["1", "1/2"]})),
    ("the conclusion as need", "no", {"terms": ["need0/3"]}, claim(ID, "g @ g <= m", needs=("3*(g @ g) <= 3*m",), example=FLAT | {"g": ["1", "0"]})),
    ("psd given psd", "no", {"terms": ["any @ H @ any"]}, claim(ID, "psd(H)", "psd(H)", example=FLAT | {"H": HALF})),
    ("a hypothesis that is not there", "no", {"terms": ["given1"]}, claim(ID, "1 <= lam + 1", "0 <= lam", numbers=("lam",), example={"lam": "2"})),
    ("!= gives no sign", "no", {"terms": ["given0", "m - 1"]},
     claim(ID, "1 <= lam + m", "0 != lam", numbers=("lam",), example={"y": ["1", "2"], "lam": "2"})),
    ("nor its powers", "no", {"terms": ["lam**3", "m"]},
     claim(ID, "0 <= lam**3 + m", "0 != lam", numbers=("lam",), example={"y": ["1", "2"], "lam": "2"})),
    ("<= is not <", "no", {"terms": ["given0", "a @ a"]},
     claim(ID, "0 < lam + a @ a", "0 <= lam", numbers=("lam",), **A, example=FLAT | {"lam": "2", "a": ["1", "1"]})),
    ("!= allows division", "proved", NONE, claim(ID, "lam/lam == 1", "lam != 0", numbers=("lam",), example={"lam": "2"})),
    ("a power of what is positive", "proved", {"terms": ["lam**3", "1"]}, claim(ID, "0 < lam**3 + 1", "0 < lam", numbers=("lam",), example={"lam": "2"})),
    ("not of what may be 0", "no", {"terms": ["lam**3 + lam"]}, claim(ID, "0 < lam**3 + lam", "0 <= lam", numbers=("lam",), example={"lam": "2"})),
    ("a vector hypothesis", "proved", {"terms": ["a @ given0"]},
     claim(ID, "a @ H @ a == lam*(a @ a)", "H @ a == lam*a", numbers=("lam",), **A,
           example=FLAT | {"lam": "1", "a": ["1", "-1"], "H": HALF})),
    ("a vector hypothesis for another vector", "no", {"terms": ["b @ given0"]},
     claim(ID, "b @ H @ b == lam*(b @ b)", "H @ a == lam*a", numbers=("lam",), **B_,
           example=FLAT | {"lam": "1", "a": ["1", "-1"], "b": ["1", "-1"], "H": HALF})),
    ("a name for a value", "proved", NONE,
     claim(SCALE, "z == y", "gamma == n", example={"y": ["3", "4"], "gamma": "5"})),
    ("a value for operators on a name", "proved", NONE,
     claim(ID, "a @ H @ H @ a == lam**2*(a @ a)", "H @ a == lam*a", numbers=("lam",), **A, example=FLAT | {"a": ["1", "-1"], "H": HALF, "lam": "1"})),
    ("not on another name", "no", NONE,
     claim(ID, "b @ H @ H @ b == lam**2*(b @ b)", "H @ a == lam*a", numbers=("lam",), **B_,
           example=FLAT | {"a": ["1", "-1"], "b": ["1", "-1"], "H": HALF, "lam": "1"})),
    ("nor of other operators", "no", NONE,
     claim(ID, "a @ D @ H @ a == lam**2*(a @ a)", "D @ H @ a == lam*a", numbers=("lam",), operators=("D",), **A,
           example=FLAT | {"a": ["1", "-1"], "H": HALF, "D": HALF, "lam": "1"})),
    ("a value that is a whole column", "proved", NONE,
     claim(WEIGHTS, "T @ (y - lam*one) == T @ y", "T @ one == 0", numbers=("lam",), example={"X": [["1"], ["-1"]], "W": ["1"], "lam": "2"})),
    ("after it is differentiated", "no", NONE,
     claim(SCALE, "v == g", "gamma == n", example={"y": ["3", "4"], "gamma": "5", "g": ["4", "-3"]})),
    ("a derivative in a number that has a value", "proved", NONE,
     claim(ID, "d(lam**3, lam) == 3*n0**2", "lam == n0", numbers=("lam", "n0"), example={"lam": "2", "n0": "2"})),
    # division, roots, absolute values
    ("divides by what may be 0", "no", NONE, claim(ID, "(v @ v)/(v @ v) == 1")),
    ("divides by 0", "no", NONE, claim(ID, "1/(y @ one - one @ y) == 1/(y @ one - one @ y)")),
    ("a term that divides by what may be 0", "no", {"terms": ["1/(one @ g)**2 - 1/(one @ g)**2"]}, claim(ID, "0 <= 0")),
    ("the root of what may be negative", "no", NONE, claim(ID, "sqrt(one @ g)**2 == one @ g")),
    ("the root of a square", "no", NONE, claim(ID, "sqrt(lam**2) == lam", numbers=("lam",))),
    ("is not the number", "refuted", point(y=["1", "2"], lam="-1"), claim(ID, "sqrt(lam**2) == lam", numbers=("lam",))),
    ("but its absolute value", "proved", NONE, claim(ID, "sqrt(lam**2) == abs(-lam)", numbers=("lam",))),
    ("the root of the square of a sum", "proved", NONE,
     claim(ID, "sqrt((lam + m)**2) == lam + m", "0 <= lam", numbers=("lam",), example={"y": ["1", "2"], "lam": "2"})),
    ("|x| is at least x", "proved", {"terms": ["abs(lam) - lam"]}, claim(ID, "lam <= abs(lam)", numbers=("lam",))),
    ("x is not at least |x|", "no", {"terms": ["lam - abs(lam)"]}, claim(ID, "abs(lam) <= lam", numbers=("lam",))),
    ("min and max", "proved", {"terms": ["abs(lam - m)"]}, claim(ID, "min(lam, m) <= max(lam, m)", numbers=("lam",))),
    ("max and min exchanged", "no", {"terms": ["abs(lam - m)"]}, claim(ID, "max(lam, m) <= min(lam, m)", numbers=("lam",))),
    ("a half power", "proved", NONE, claim(ID, "m**(3/2) == m*sqrt(m)")),
    ("a quarter power", "no", NONE, claim(ID, "m**(1/2/2) == m")),
    ("sqrt(8) = 2 sqrt(2)", "proved", NONE, claim(ID, "sqrt(8) == 2*sqrt(2)")),
    ("sqrt(8) is not 4", "no", NONE, claim(ID, "sqrt(8) == 4")),
    # operators and spaces
    ("H is symmetric", "proved", NONE, claim(ID, "a @ H @ b == b @ H @ a", **B_)),
    ("a matrix is not", "no", NONE, claim(ID, "a @ M @ b == b @ M @ a", operators=("matrix M",), **B_)),
    ("its transpose", "proved", NONE, claim(ID, "a @ M @ b == b @ M_T @ a", operators=("matrix M",), **B_)),
    ("a projector", "proved", NONE, claim(ID, "C @ C @ a == C @ a", operators=("projector C",), **A)),
    ("H is no projector", "no", NONE,
     claim(ID, "H @ H @ a == H @ a", **A, example=FLAT | {"H": HALF, "a": ["1", "0"]})),
    ("sums of operators", "proved", NONE, claim(ID, "(2*H - H @ H) @ a == 2*(H @ a) - H @ (H @ a)", **A)),
    ("the order of operators", "no", NONE, claim(ID, "D @ H @ a == H @ D @ a", operators=("D",), **A)),
    ("psd", "proved", {"terms": ["(M @ a) @ H @ (M @ a)"]},
     claim(ID, "0 <= a @ M_T @ H @ M @ a", "psd(H)", operators=("matrix M",), **A,
           example=FLAT | {"H": HALF, "M": [["1", "2"], ["0", "1"]], "a": ["1", "0"]})),
    ("psd of another", "no", {"terms": ["a @ D @ a"]},
     claim(ID, "0 <= a @ D @ a", "psd(H)", operators=("D",), **A, example=FLAT | {"H": HALF, "D": HALF, "a": ["1", "0"]})),
    ("psd on two vectors", "no", {"terms": ["a @ H @ b"]},
     claim(ID, "0 <= a @ H @ b", "psd(H)", **B_, example=FLAT | {"H": HALF, "a": ["1", "0"], "b": ["1", "0"]})),
    ("a psd statement", "proved", {"terms": ["(H @ any) @ (H @ any)"]}, claim(ID, "psd(H @ H)")),
    ("not psd", "refuted", point(**FLAT, H=[["1", "2"], ["2", "1"]]), claim(ID, "psd(H)")),
    ("psd with the pivot 0", "refuted", point(**FLAT, H=[["0", "1"], ["1", "5"]]), claim(ID, "psd(H)")),
    ("psd at a point", "no", point(**FLAT, H=HALF), claim(ID, "psd(H)")),
    ("vectors of two spaces", "no", NONE, claim(ID, "a + W0 == W0 + a", vectors=("a", "W0 in weights"))),
    ("their inner product", "no", NONE, claim(ID, "a @ W0 == W0 @ a", vectors=("a", "W0 in weights"))),
    ("an operator of another space", "no", NONE, claim(ID, "H @ W0 == H @ W0", vectors=("W0 in weights",))),
    ("a free space", "proved", NONE, claim(ID, "W0 @ W1 == W1 @ W0", vectors=("W0 in weights", "W1 in weights"))),
    ("@ between numbers", "no", NONE, claim(ID, "m @ m == m*m")),
    ("entry by entry in a mean", "proved", NONE, claim(ID, "mean(y*g) == y @ g/m")),
    ("entry by entry elsewhere", "no", NONE, claim(ID, "y*g == g*y")),
    # derivatives
    ("ScaleNorm", "proved", NONE, claim(SCALE, "v == gamma/n*(g - (g @ y)/n**2*y)")),
    ("ScaleNorm, B", "proved", NONE, claim(SCALE, "B @ y == -v")),
    ("ScaleNorm, a wrong sign", "no", NONE, claim(SCALE, "B @ y == v")),
    ("B is symmetric", "proved", NONE, claim(SCALE, "a @ B @ b == b @ B @ a", **B_)),
    ("the loss", "proved", NONE, claim(SCALE, "d(L, y, a) == v @ a", **A)),
    ("its rate in gamma", "proved", NONE, claim(SCALE, "gamma*dgamma == g @ z")),
    ("the gradient's rate", "proved", NONE, claim(SCALE, "d(v, y, a) == B @ a", **A)),
    ("a rate along W that is not there", "no", NONE, claim(SCALE, "d(v, W, a) == B @ a", **A)),
    ("a third derivative", "no", NONE, claim(ID, "d(H @ g, y, a) == H @ H @ a", **A)),
    ("z moves freely", "proved", NONE, claim(RMS, "d((g @ yhat)*s, z, a) == (a @ H @ yhat + (g @ a)/gamma)*s", **A, needs=("gamma != 0",))),
    ("z moves, and s stays", "no", NONE, claim(RMS, "d((g @ yhat)*s, z, a) == (g @ a)/gamma*s", **A, needs=("gamma != 0",))),
    ("v as z moves is not said", "no", NONE, claim(RMS, "d(v, z, a) == d(v, z, a)", **A, needs=("gamma != 0",))),
    ("elsewhere", "proved", NONE, claim(SCALE, "at(z, y, 2*y) == z")),
    ("elsewhere, a negative multiple", "no", NONE, claim(SCALE, "at(z, y, -2*y) == z")),
    ("a vector elsewhere", "proved", NONE, claim(ID, "at(a @ a, a, 2*a + b) == 4*(a @ a) + 4*(a @ b) + b @ b", **B_)),
    ("put once", "no", NONE, claim(ID, "at(lam, lam, 2*lam) == 4*lam", numbers=("lam",))),
    ("a formula elsewhere", "proved", NONE, claim(ID, "at(d(lam**2*n0, lam), n0, lam*n0) == 2*lam**2*n0", numbers=("lam", "n0"))),
    ("is differentiated before", "no", NONE, claim(ID, "at(d(lam**2*n0, lam), n0, lam*n0) == 3*lam**2*n0", numbers=("lam", "n0"))),
    ("what a hypothesis says is not said elsewhere", "no", NONE,
     claim(ID, "at(abs(lam), lam, n0) == n0", "0 <= lam", numbers=("lam", "n0"), example={"lam": "1", "n0": "2"})),
    ("the gradient elsewhere", "no", NONE, claim(SCALE, "at(g, y, 2*y) == g")),
    ("at a point it is known", "refuted", point(**UNIT, H=HALF), claim(SCALE, "at(v, y, 2*y) == v")),
    ("half the gradient there", "no", point(**UNIT, H=HALF), claim(SCALE, "at(v, y, 2*y) == v/2")),
    ("and it follows the loss", "refuted", point(**FLAT, H=HALF), claim(ID, "at(g, y, 2*y) == g")),
    ("by its Hessian", "no", point(**FLAT, H=HALF), claim(ID, "at(g, y, 2*y) == g + H @ y")),
    # norms that are not smooth
    ("l_1", "proved", NONE, claim("sgn = sign(y); n = sgn @ y/m; z = y/n", "v == g/n - (g @ z)/(m*n)*sgn")),
    ("l_inf", "proved", NONE, claim("n = max(abs(y)); z = y/n", "v == g/n - (g @ z)/n*nu")),
    ("l_inf, |nu| = 1", "proved", NONE, claim("n = max(abs(y)); z = y/n", "nu @ nu == 1")),
    ("l_inf, not m", "no", NONE, claim("n = max(abs(y)); z = y/n", "nu @ nu == m")),
    ("any smooth divisor", "proved", NONE, claim(SMOOTH, "v == g/n - (g @ z)/n*nu")),
    ("its Hessian", "proved", NONE, claim(SMOOTH, "d(nu, y, a) == N @ a", **A)),
    ("its value elsewhere", "no", NONE, claim(SMOOTH, "at(n, y, 2*y) == n")),
    ("the sign of 0", "no", point(y=["0", "1"]), claim(L1, "n == m")),
    ("no largest entry", "no", point(y=["-1", "1"]), claim(LINF, "n == m")),
    ("l_1 at a point", "refuted", point(y=["-1", "3"]), claim(L1, "n == 3")),
    ("its value there", "no", point(y=["-1", "3"]), claim(L1, "n == 2")),
    ("l_inf at a point", "no", point(y=["-3", "1"]), claim(LINF, "n == 3")),
    # weight space and two units
    ("dW", "proved", NONE, claim(WEIGHTS, "dW == T @ v")),
    ("HW", "proved", NONE, claim(WEIGHTS, "c0 @ HW @ d0 == (X @ c0) @ B @ (X @ d0)", vectors=("c0 in weights", "d0 in weights"))),
    ("y moves with W", "proved", NONE, claim(WEIGHTS, "d(y, W, c0) == X @ c0", vectors=("c0 in weights",))),
    ("y = X W", "proved", NONE, claim(WEIGHTS, "W @ dW == y @ v")),
    ("T is not X", "no", NONE, claim(WEIGHTS, "dW == X @ v")),
    ("y beside X and W", "no", point(X=[["1"], ["2"]], W=["1"], y=["3", "4"]), claim(PLAIN, "y @ y <= 0")),
    ("y is computed", "refuted", point(X=[["1"], ["2"]], W=["2"]), claim(PLAIN, "y @ y == 5")),
    ("another X at a point", "no", point(X=[["1"], ["2"]], W=["2"]), claim(PLAIN, "at(y @ y, X, 2*X) == 80")),
    ("another W at a point", "refuted", point(X=[["1"], ["2"]], W=["2"]), claim(PLAIN, "at(y, W, 2*W) == y")),
    ("the plain network", "no", point(X=[["3"], ["4"]], W=["1"], g=["1", "2"], H=HALF), claim(WEIGHTS, "g_own == g + H @ (y - z)")),
    ("its gradient", "refuted", point(X=[["3"], ["4"]], W=["1"], g=["1", "2"], H=HALF), claim(WEIGHTS, "g_own == g")),
    ("y moves where W stays", "no", NONE, claim(WEIGHTS, "d(X @ W, y, a) == a", **A)),
    ("two units", "proved", NONE, claim(TWO, "a @ B_jk @ b == b @ B_kj @ a", **B_)),
    ("the other block", "no", NONE, claim(TWO, "a @ B_jk @ b == b @ B_jk @ a", **B_)),
    ("B_jk", "proved", NONE, claim(TWO, "B_kj @ y_j == 0")),
    ("B_jk the other way", "no", NONE, claim(TWO, "B_jk @ y_k == 0")),
    # maxima
    ("a maximum", "proved", NONE, claim(ID, f"{MAX_GRADIENT} == lam**2*(g @ g)", **LAM)),
    ("lam may be negative", "no", NONE, claim(ID, f"{MAX_GRADIENT} == lam**2*(g @ g)", numbers=("lam",))),
    ("the power of lam", "no", NONE, claim(ID, f"{MAX_GRADIENT} == lam*(g @ g)", **LAM)),
    ("a maximum of what X makes", "no", NONE,
     claim(PLAIN, "max((T @ (X @ W)) @ (T @ (X @ W)), norm(X) <= lam) == lam**2*(y @ y)", **LAM)),
    ("what a maximum attains", "proved", {"terms": [f"{MAX_FORM} - (lam**2*g) @ H @ (lam**2*g)"]},
     claim(ID, f"lam**4*(g @ H @ g) <= {MAX_FORM}", **LAM)),
    ("0 is attained", "proved", {"terms": [MAX_FORM]}, claim(ID, f"0 <= {MAX_FORM}", **LAM)),
    ("what it need not attain", "no", {"terms": [f"{MAX_FORM} - (2*lam**2*g) @ H @ (2*lam**2*g)"]},
     claim(ID, f"4*lam**4*(g @ H @ g) <= {MAX_FORM}", **LAM)),
    ("a bound that is none", "no", {"terms": [f"(lam**2*g) @ H @ (lam**2*g) - {MAX_FORM}"]},
     claim(ID, f"{MAX_FORM} <= lam**4*(g @ H @ g)", **LAM)),
    ("the rate of a maximum", "no", NONE, claim(ID, f"d({MAX_FORM}, y, a) == 0", **A, **LAM)),
    ("a maximum at a point", "refuted", point(**FLAT, H=[["1", "0"], ["0", "1"]], lam="1"), claim(ID, f"{MAX_FORM} <= 4", **LAM)),
    ("below its bound", "refuted", point(**FLAT, H=[["1", "0"], ["0", "1"]], lam="1"), claim(ID, f"6 <= {MAX_FORM}", **LAM)),
    ("a factor below 0", "refuted", point(**FLAT, H=[["1", "0"], ["0", "1"]], lam="1"), claim(ID, f"-2*{MAX_FORM} <= -11", **LAM)),
    ("exchanges the ends", "no", point(**FLAT, H=[["-1", "2"], ["2", "-1"]], lam="1"), claim(ID, f"-2*{MAX_FORM} <= -7", **LAM)),
    ("an equation that is undecided", "no", point(**FLAT, H=[["-1", "2"], ["2", "-1"]], lam="1"), claim(ID, f"{MAX_FORM} == 4", **LAM)),
    ("undecided", "no", point(**FLAT, H=[["-1", "2"], ["2", "-1"]], lam="1"), claim(ID, f"{MAX_FORM} <= 4", **LAM)),
    ("a certified bound", "refuted",
     {"point": FLAT | {"H": [["-1", "2"], ["2", "-1"]], "lam": "1"}, "maxima": [{"of": MAX_FORM, "bound": "23/5", "multiplier": "2"}]},
     claim(ID, f"5 <= {MAX_FORM}", **LAM)),
    ("a bound that is not certified", "no",
     {"point": FLAT | {"H": [["-1", "2"], ["2", "-1"]], "lam": "1"}, "maxima": [{"of": MAX_FORM, "bound": "4", "multiplier": "2"}]},
     claim(ID, f"9/2 <= {MAX_FORM}", **LAM)),
    ("attained inside the ball", "refuted",
     {"point": FLAT | {"H": [["0", "0"], ["0", "1"]], "lam": "1"}, "maxima": [{"of": MAX_FORM, "attained": ["1/2", "2"]}]},
     claim(ID, f"{MAX_FORM} < 4", **LAM)),
    ("attained outside the ball", "no",
     {"point": FLAT | {"H": [["0", "0"], ["0", "1"]], "lam": "1"}, "maxima": [{"of": MAX_FORM, "attained": ["0", "3"]}]},
     claim(ID, f"{MAX_FORM} < 5", **LAM)),
    # points
    ("a counterexample", "refuted", point(**FLAT), claim(ID, "g @ g <= 4")),
    ("a point where it holds", "no", point(**FLAT), claim(ID, "g @ g <= 5")),
    ("a point on the boundary", "refuted", point(**FLAT), claim(ID, "g @ g < 5")),
    ("an equation at a point", "no", point(**FLAT), claim(ID, "g @ g == 5")),
    ("an equation that fails there", "refuted", point(**FLAT), claim(ID, "g @ g == 4")),
    ("!= at a point", "refuted", point(**FLAT), claim(ID, "g @ g != 5")),
    ("a vector equation there", "refuted", point(**FLAT), claim(ID, "g == y")),
    ("a vector equation that holds there", "no", point(**FLAT), claim(ID, "2*g + y == y + g + g")),
    ("rho is not negative", "proved", {"terms": ["rho*(g @ g)"]}, claim(RMS, "0 <= rho*(g @ g)", eps="positive")),
    ("rho may be 0", "no", {"terms": ["rho", "g @ g"]}, claim(RMS, "0 < rho + g @ g", eps="positive")),
    ("rho is positive", "proved", {"terms": ["rho", "g @ g"]}, claim(RMS, "0 < rho + g @ g", eps="positive", needs=("0 < y @ y",))),
    ("rho is at most 1", "proved", {"terms": ["1 - rho"]}, claim(RMS, "rho <= 1", eps="positive")),
    ("the identity", "proved", {"terms": ["a @ (lam*I - H) @ a"]},
     claim(ID, "a @ H @ a <= lam*(a @ a)", "psd(lam*I - H)", numbers=("lam",), operators=("I",), **A,
           example=FLAT | {"a": ["1", "0"], "lam": "2", "H": HALF})),
    ("the identity is no other map", "no", point(**FLAT, I=HALF), claim(ID, "I @ g == 0", operators=("I",))),
    ("roots at a point", "refuted", point(**FLAT), claim(ID, "sqrt(2) + sqrt(3) <= 3")),
    ("roots that are close", "no", point(**FLAT), claim(ID, "sqrt(2) + sqrt(3) <= sqrt(10)")),
    ("a hypothesis that fails there", "no", point(**FLAT), claim(ID, "g @ g <= 4", "m > 2")),
    ("a need that fails there", "no", point(**FLAT), claim(ID, "g @ g <= 4", needs=("m > 2",))),
    ("a witness", "proved", point(**FLAT), claim(ID, "5 <= g @ g", quantifier="exists")),
    ("a witness of nothing", "no", point(**FLAT), claim(ID, "6 <= g @ g", quantifier="exists")),
    ("a witness outside the hypotheses", "no", point(**FLAT), claim(ID, "5 <= g @ g", "m > 2", quantifier="exists")),
    ("too few samples", "no", point(y=["1"], g=["2"]), claim(ID, "g @ g <= 4 - m")),
    ("fewer than the claim says", "no", point(**FLAT), claim(ID, "g @ g <= 4", min_m=3)),
    ("another length", "no", point(y=["1", "2", "3"], g=["1", "2", "3", "4", "5"]), claim(ID, "g @ g <= 4")),
    ("H of another size", "no", point(y=["1", "2", "3"], g=["1", "2", "3"], H=HALF), claim(ID, "g @ g <= 4")),
    ("H not symmetric", "no", point(**FLAT, H=[["0", "1"], ["0", "0"]]), claim(ID, "g @ g <= 4")),
    ("a matrix may be", "refuted", point(**FLAT, M=[["0", "1"], ["0", "0"]]), claim(ID, "y @ M @ y <= 11", operators=("matrix M",))),
    ("no projector", "no", point(**FLAT, C=[["2", "0"], ["0", "1"]]), claim(ID, "C @ g == 0", operators=("projector C",))),
    ("a projector at a point", "refuted", point(**FLAT, C=HALF), claim(ID, "C @ g == 0", operators=("projector C",))),
    ("eps where eps = 0", "no", point(**UNIT, eps="1"), claim(RMS, "g @ g <= 4")),
    ("eps < 0", "no", point(**UNIT, eps="-1/9"), claim(RMS, "g @ g <= 4", eps="positive")),
    ("eps = 0 where eps > 0", "no", point(**UNIT, eps="0"), claim(RMS, "g @ g <= 4", eps="positive")),
    ("eps > 0", "refuted", point(**UNIT, eps="1"), claim(RMS, "g @ g <= 4", eps="positive")),
    ("gamma = 0 where it is not", "no", point(**FLAT, gamma="0"), claim(SCALE, "g @ g <= 4", needs=("gamma != 0",))),
    ("lam < 0 where it is not", "no", point(**FLAT, lam="-1"), claim(ID, f"{MAX_GRADIENT} <= 4", **LAM)),
    ("lam < 0 in a maximum", "no", point(**FLAT, lam="-1"), claim(ID, f"{MAX_GRADIENT} <= 4", numbers=("lam",))),
    ("divides by 0 at the point", "no", point(y=["0", "0"], g=["1", "2"], gamma="1"), claim(SCALE, "g @ g <= 4")),
    ("what v is", "no", point(**FLAT, v=["9", "9"]), claim(ID, "v @ v <= 4")),
    ("root_rho", "no", point(**FLAT, root_rho="3"), claim(ID, "v @ v <= 4")),
    ("a float", "no", point(y=[3.0, 4.0], g=["1", "2"]), claim(ID, "g @ g <= 4")),
    ("true for 1", "no", point(y=["3", "4"], g=[True, "2"]), claim(ID, "g @ g <= 4")),
    ("a text that is no number", "no", point(y=["3", "4"], g=["m", "2"]), claim(ID, "g @ g <= 4")),
    ("a declared vector is missing", "no", point(**FLAT), claim(ID, "g @ g + a @ a <= 4", **A)),
    # what a certificate and a text may hold
    ("nothing", "no", {}, claim(ID, "v == g")),
    ("a statement of its own", "no", {"terms": [], "statement": "1 == 1"}, claim(ID, "v == 0")),
    ("an eps of its own", "no", {"terms": [], "eps": False}, claim(RMS, "yhat @ yhat == m", eps="positive")),
    ("a citation", "no", {"citation": "thm-4.1"}, claim(ID, "v == g")),
    ("a lemma that is not known", "no", {"terms": [], "lemma": "magic"}, claim(ID, "v == g")),
    ("a lemma that is not known, for the form of one that is", "no", {"terms": [], "lemma": "magic"}, claim(ID, "z == y")),
    ("a lemma for another form", "no", {"terms": [], "lemma": "composition"}, claim(ID, "v == g")),
    ("a lemma with nothing in it", "no", {"lemma": "composition"}, claim(ID, "z == y")),
    ("a lemma", "proved", {"terms": [], "lemma": "composition"}, claim(ID, "z == y")),
    ("terms that are a text", "no", {"terms": "m"}, claim(ID, "0 < m")),
    ("squared that is a text", "no", {"terms": ["m - 1"], "squared": "false"}, claim(ID, "1 <= sqrt(m)")),
    ("a large power", "no", NONE, claim(ID, "2**100000000000 == 2**100000000000")),
    ("a power above the limit", "no", NONE, claim(ID, "m**13 == m**13")),
    ("a tower of powers", "no", NONE, claim(ID, "(((((2**12)**12)**12)**12)**12)**12 == 1")),
    ("a product that explodes", "no", NONE, claim(ID, "((y@a+y@b+a@b+g@a+g@b+y@g)**12)**12 == 1", **B_)),
    ("a large number", "no", NONE, claim(ID, "10000000000 == 10000000000")),
    ("a name that renames m", "no", NONE, claim("m = 1; z = y", "m == 1")),
    ("a vector that is called v", "no", NONE, claim(ID, "v @ v == v @ v", vectors=("v",))),
    ("a number that is called given0", "no", {"terms": ["given0"]}, claim(ID, "0 <= given0", numbers=("given0",))),
    ("a number that is called sigma", "no", NONE, claim(ID, "sigma == sigma", numbers=("sigma",))),
    ("a name twice", "no", NONE, claim(ID, "a @ a == a @ a", vectors=("a", "a in weights"))),
    ("a line break in a name", "no", NONE, claim(ID, "m == m", numbers=("x\nverified",))),
    ("a name of other letters", "no", NONE, claim(ID, "µ == µ", numbers=("µ",))),
    ("a comment", "no", NONE, claim(ID, "m == m # <= 0")),
    ("two relations", "no", NONE, claim(ID, "0 <= m <= m")),
    ("True", "no", NONE, claim(ID, "True == 1")),
    ("Python", "no", NONE, claim(ID, "__import__('os').system('id') == 0")),
    ("an attribute", "no", NONE, claim(ID, "m.real == m")),
    ("a lambda", "no", NONE, claim(ID, "(lambda: m)() == m")),
    ("an empty text", "no", NONE, claim(ID, " ")),
    ("a long text", "no", NONE, claim(ID, "m == m" + " " * 10_000)),
    ("brackets", "no", NONE, claim(ID, "(" * 100 + "m" + ")" * 100 + " == m")),
    ("z that is a number", "no", NONE, claim("z = y @ y", "m == m")),
    ("no z", "no", NONE, claim("x = y", "m == m")),
    ("a definition that divides by 0 on every batch", "no", NONE, claim("z = y/(y @ one - one @ y)", "m == m")),
    ("a definition that exists nowhere", "no", NONE, claim("s = sqrt(-1 - y @ y); z = y/s", "s**2 == -1 - y @ y")),
    ("a definition that knows the loss", "no", NONE, claim("z = (g @ g)*y", "v == g")),
    ("another quantifier", "no", NONE, claim(ID, "v == g", quantifier="most")),
    ("another eps", "no", NONE, claim(RMS, "v == v", eps="any")),
    ("m >= 1", "no", NONE, claim(ID, "v == g", min_m=1)),
]  # fmt: skip


UNBIASED = BATCH.replace("c @ c / m", "c @ c / (m - 1)")
LAYER = BATCH.replace("gamma*yhat + beta*one", "D @ yhat + bias")
L1 = "mu = one @ y / m; sgn = sign(y); n = sgn @ y / m; yhat = (y - mu*one)/n; z = gamma*yhat + beta*one"
TWICE = BATCH.replace("z = gamma*yhat + beta*one", "w = D @ yhat; n = sqrt(w @ w); z = gamma*w/n")
PRINTED = "v @ v <= gamma**2/sigma**2 * (g @ g - (one @ g)**2/m - (g @ yhat)**2/sqrt(m))"
FORM = "v @ B @ v == gamma**2/s**2 * (v @ H @ v) - gamma/(m*s**2) * (g @ yhat) * (v @ v)"
LAM = {"numbers": ("lam",), "needs": (*NOT_CONSTANT, "0 < lam")}
FIRST = {"y": ["0", "1"], "g": ["0", "1"], "gamma": "1", "beta": "0"}
C_1 = (
    "max((X @ T @ v) @ B @ (X @ T @ v), norm(X) <= lam) < gamma**2/sigma**2"
    " * (max((X @ T @ g) @ H @ (X @ T @ g), norm(X) <= lam) - lam**4 * (g @ yhat) * (v @ v)/(m*gamma))"
)


def batch(statement: str, *hypotheses: str, **rest: Any) -> dict[str, Any]:
    return {
        "definition": BATCH,
        "statement": statement,
        "hypotheses": hypotheses,
        "needs": NOT_CONSTANT,
    } | rest


PAPER: list[Entry] = [
    ("Theorem 4.1 as printed", "refuted", {"point": FIRST}, batch(PRINTED)),
    ("Theorem 4.1 corrected", "proved", NONE, batch(PRINTED.replace("sqrt(m)", "m"))),
    ("the same for eps > 0", "proved", NONE,
     batch("v @ v == gamma**2/s**2 * (g @ g - (one @ g)**2/m - (2 - rho)/m * (g @ yhat)**2)", eps="positive")),
    ("Theorem 4.2.1", "proved", NONE, batch(FORM)),
    ("not for eps > 0", "no", NONE, batch(FORM, eps="positive")),
    ("Theorem 4.2.2", "proved", {"terms": ["gamma**2/s**2 * given0"]},
     batch("v @ B @ v <= gamma**2/s**2 * (g @ H @ g - 1/(m*gamma) * (g @ yhat) * (v @ v))", "v @ H @ v <= g @ H @ g",
           needs=(*NOT_CONSTANT, "gamma != 0"), example=FIRST | {"g": ["1", "3"], "H": [["1", "0"], ["0", "2"]]})),
    ("Theorem 4.4 as printed", "refuted", {"point": FIRST | {"lam": "1"}},
     batch("max((T @ v) @ (T @ v), norm(X) <= lam) <= gamma**2/sigma**2 * (max((T @ g) @ (T @ g), norm(X) <= lam)**2"
           " - m*(one @ g/m)**2 - lam**2*(g @ yhat)**2)", **LAM)),
    ("Theorem C.1 as printed", "refuted",
     {"point": {"y": ["0", "1", "3"], "g": ["1", "-1", "2"], "gamma": "1", "beta": "0", "lam": "1"}},
     batch(C_1, "v @ H @ v <= g @ H @ g", **LAM)),
    ("<= in it too", "refuted",
     {"point": {"y": ["0", "1", "3"], "g": ["1", "-1", "2"], "gamma": "1", "beta": "0", "lam": "1"}},
     batch(C_1.replace("lam) < gamma", "lam) <= gamma"), "v @ H @ v <= g @ H @ g", **LAM)),
    ("|y-hat|^2 = m", "proved", NONE, batch("yhat @ yhat == m")),
    ("not for eps > 0, whatever an item says", "no", NONE, batch("yhat @ yhat == m", eps="positive")),
    ("v is never longer at equal scale", "refuted", {"terms": ["(one @ g)**2/m", "(g @ yhat)**2/m"], "negation": True},
     batch("g @ g < v @ v", "gamma == sigma", quantifier="exists", example=FIRST | {"gamma": "1/2", "g": ["1", "2"]})),
    ("z = y where gamma and beta undo it", "proved", {"terms": [], "lemma": "composition"},
     batch("z == y", "gamma == sigma", "beta == mu", example=FIRST | {"gamma": "1/2", "beta": "1/2"})),
    ("towards a minimum at beta", "no", {"terms": ["given0"]},
     batch("0 <= gamma*(g @ yhat)", "0 <= g @ (z - beta*one)", example=FIRST)),
    ("norms", "proved",
     {"terms": ["gamma**2/(m*s**2) * (one @ g)**2", "gamma**2/(m*s**2) * (g @ yhat)**2"], "squared": True},
     batch("norm(v) <= abs(gamma)/s * norm(g)")),
    ("scale invariance", "proved", NONE, batch("B @ c == -v")),
    ("at another scale", "proved", NONE,
     batch("at(yhat, y, alpha*y) == yhat", "0 < alpha", numbers=("alpha",), example=FIRST | {"alpha": "2"})),
    ("equation 26", "proved", NONE,
     batch("d((yhat @ g)*yhat, z, b) == 1/gamma*(g @ yhat)*b + (yhat @ H @ b)*yhat + 1/gamma*(g @ b)*yhat",
           vectors=("b",), needs=(*NOT_CONSTANT, "gamma != 0"))),
    ("the unbiased variance", "proved", NONE,
     batch("v @ v == gamma**2/s**2 * (g @ g - (one @ g)**2/m - (2 - rho)/(m - 1) * (g @ yhat)**2)",
           definition=UNBIASED, eps="positive")),
    ("LayerNorm", "proved", NONE,
     batch("v @ v == 1/s**2 * ((D @ g) @ (D @ g) - (one @ D @ g)**2/m - (g @ D @ yhat)**2/m)", definition=LAYER,
           vectors=("bias",), operators=("D",))),
    ("two normalisations", "proved", NONE,
     batch("a @ B @ b == b @ B @ a", definition=TWICE, vectors=("a", "b"), operators=("D",))),
    ("l_1 before the shift", "proved", NONE,
     batch("v == gamma/n*(g - (one @ g)/m*one) - (g @ (gamma*yhat))/(m*n)*sgn", definition=L1, needs=())),
    ("weight space", "proved", NONE,
     batch("W @ HW @ W*(dW @ HW @ dW) - (W @ HW @ dW)**2 == -(dW @ dW)**2", definition="y = X @ W; " + BATCH)),
]  # fmt: skip


def said(judging: Any, entry: Entry) -> str:
    """The verdict of a judge on an entry, or "no"."""
    _, _, certificate, fields = entry
    try:
        return str(judging.judge(judging.Claim(**fields), certificate).verdict)
    except judging.Refused:
        return "no"
