"""A counterexample as a script of a few lines that a reviewer runs without this package: SymPy alone, exact numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from bnverify.theory.grammar import lines, names_in, nodes, parse, unparse

NOT_PLAIN = {"d", "at", "maximum", "smooth", "psd", "sign", "max", "min", "abs"}
"""What a statement may not hold to be written as a script."""

_GRADIENT = re.compile(r"max\(\(T @ (\w+)\) @ \(T @ \1\), norm\(X\) <= lam\)")
_CURVATURE = re.compile(r"max\(\(X @ T @ (\w+)\) @ (\w+) @ \(X @ T @ \1\), norm\(X\) <= lam\)")
OF_GRADIENT = """# the maximum over |X| <= lam of |X'u|^2 is lam^2 |u|^2:
# |X'u| <= lam |u|, with equality at X = lam u e'/|u|
"""
OF_CURVATURE = """# the maximum over |X| <= lam of (XX'u)'M(XX'u) is at least its value at X = 0 and at XX' = lam^2 I,
# at most lam^4 |u|^2 times the largest eigenvalue of M or 0; printed: left at least, right at most
least = lambda u, M: sp.Max(0, lam**4 * (u @ M @ u))
most = lambda u, M: lam**4 * (u @ u) * sp.Max(0, *map(sp.simplify, M.eigenvals()))
"""
"""What a script has for the two maxima over the inputs with u and M held fixed."""

TEMPLATE = """# {title}
# {statement}
import sympy as sp
class V(sp.Matrix):  # @ is the inner product of two columns, or a matrix applied
    def __matmul__(a, b): return b * a if a.shape[1] == 1 < b.shape[1] else a * b if a.shape[1] > 1 else (a.T * b)[0]
R, m = sp.Rational, sp.Integer({m}); Y = V(sp.symbols("y:{m}")); y0 = V([{y}]); one = V([1] * {m})
g, H = V([{g}]), V({H})
gamma, beta, eps, lam = {gamma}, {beta}, {eps}, {lam}
mean, norm, sqrt = lambda u: one @ u / m, lambda u: sp.sqrt(u @ u), sp.sqrt
def layer(y):
    {definition}
    return dict(locals())
{matched}at = dict(zip(Y, y0)); z = layer(Y)["z"]; z0 = V(z.subs(at))
L = g @ (z - z0) + (z - z0) @ (H @ (z - z0)) / 2  # a loss with gradient g and Hessian H at z0
v = V([sp.diff(L, t).subs(at) for t in Y]); B = V({m}, {m}, lambda i, j: sp.diff(L, Y[i], Y[j]).subs(at))
{maxima}globals().update(layer(y0)); sigma = sp.sqrt(s**2 - eps); rho = sigma**2 / s**2; g_own = g + H @ (y0 - z0)
{conditions}print("left ", sp.simplify({left}))
print("right", sp.simplify({right}))
print("holds:", bool(sp.simplify({left} - ({right})) {relation} 0))
"""


def scriptable(statement: str) -> bool:
    """Whether a statement can be written as a script: of numbers in activations and of maxima over X."""
    bounded = not _CURVATURE.search(statement) or parse(statement).head in ("<=", "<")
    tree = parse(_CURVATURE.sub(r"lam**4*(\1 @ \2 @ \1)", _GRADIENT.sub(r"lam**2*(\1 @ \1)", statement)))
    heads = {node.head for node in nodes(tree)}
    known = {
        "one",
        "m",
        "y",
        "yhat",
        "z",
        "g",
        "v",
        "H",
        "B",
        "gamma",
        "beta",
        "eps",
        "s",
        "sigma",
        "rho",
        "mu",
        "g_own",
        "lam",
    }
    return bounded and tree.head in ("<=", "<", "==") and not heads & NOT_PLAIN and names_in(tree) <= known


def exact_script(
    title: str, definition: str, statement: str, point: Any, hypotheses: Iterable[str] = ()
) -> str:
    """The script for an exact point with y, g, H, gamma, beta, eps, lam as ints or texts such as "1/2".

    gamma = "s" and beta = "mu" are the matched layer's own.

    Raises:
        ValueError: the statement cannot be written as a script.
    """
    if not scriptable(statement):
        raise ValueError(f"no script can be written of {statement!r}")
    tree = parse(statement)
    ends = zip(("least", "most"), tree.args, strict=True)
    left, right = (_CURVATURE.sub(rf"{end}(\1, \2)", unparse(side)) for end, side in ends)
    left, right = (_code(_GRADIENT.sub(r"(lam**2*(\1 @ \1))", side)) for side in (left, right))
    conditions = [_difference(one) for one in hypotheses if scriptable(one)]
    m = len(point.y)
    matched = ""
    if point.gamma == "s" or point.beta == "mu":
        own = [("gamma", "s") if point.gamma == "s" else None, ("beta", "mu") if point.beta == "mu" else None]
        parts = [f'{name} = layer(y0)["{of}"]' for name, of in filter(None, own)]
        matched = "; ".join(parts) + "\n"
    return TEMPLATE.format(
        title=title,
        statement=statement,
        m=m,
        y=_row(point.y),
        g=_row(point.g),
        H=f"[{', '.join(f'[{_row(row)}]' for row in point.H or [[0] * m] * m)}]",
        gamma=_number(1 if point.gamma == "s" else point.gamma),
        beta=_number(0 if point.beta == "mu" else point.beta),
        eps=_number(point.eps),
        definition="; ".join(f"{name} = {_code(unparse(line))}" for name, line in lines(definition)),
        matched=matched,
        lam=_number(point.lam),
        maxima=OF_GRADIENT * bool(_GRADIENT.search(statement))
        + OF_CURVATURE * bool(_CURVATURE.search(statement)),
        conditions="".join(f"print('condition holds:', bool(sp.simplify({one})))\n" for one in conditions),
        left=left,
        right=right,
        relation=tree.head,
    )


def _difference(text: str) -> str:
    tree = parse(text)
    left, right = map(unparse, tree.args)
    return _code(f"{left} - ({right}) {tree.head} 0")


def _row(values: Iterable[Any]) -> str:
    return ", ".join(map(_number, values))


def _number(value: Any) -> str:
    return f'R("{value}")'


def _code(text: str) -> str:
    """The text as Python of exact numbers: a whole number that is divided or divides is SymPy's."""
    return re.sub(r"(?<![\w*])(?<!\*\*)(\d+)(?!\w)", r"R(\1)", text)
