"""A counterexample as a script of a few lines that a reviewer runs without this package: SymPy alone, exact numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from bnverify.theory.grammar import lines, names_in, nodes, parse, unparse

PLAIN = {"d", "at", "maximum", "smooth", "psd", "sign", "max", "min", "abs"}
"""What a statement may not hold to be written as a script."""

TEMPLATE = """# {title}
# {statement}
import sympy as sp
class V(sp.Matrix):  # @ is the inner product of two columns, or a matrix applied
    def __matmul__(a, b): return b * a if a.shape[1] == 1 < b.shape[1] else a * b if a.shape[1] > 1 else (a.T * b)[0]
R, m = sp.Rational, sp.Integer({m}); Y = V(sp.symbols("y:{m}")); y0 = V([{y}]); one = V([1] * {m})
g, H = V([{g}]), V({H})
gamma, beta, eps = {gamma}, {beta}, {eps}
mean, norm, sqrt = lambda u: one @ u / m, lambda u: sp.sqrt(u @ u), sp.sqrt
def layer(y):
    {definition}
    return dict(locals())
{matched}at = dict(zip(Y, y0)); z = layer(Y)["z"]; z0 = V(z.subs(at))
L = g @ (z - z0) + (z - z0) @ (H @ (z - z0)) / 2  # a loss with gradient g and Hessian H at z0
v = V([sp.diff(L, t).subs(at) for t in Y]); B = V({m}, {m}, lambda i, j: sp.diff(L, Y[i], Y[j]).subs(at))
globals().update(layer(y0)); sigma = sp.sqrt(s**2 - eps); rho = sigma**2 / s**2; g_own = g + H @ (y0 - z0)
print("left ", sp.simplify({left}))
print("right", sp.simplify({right}))
print("holds:", bool(sp.simplify({left} - ({right})) {relation} 0))
"""


def scriptable(statement: str) -> bool:
    """Whether a statement can be written as a script: an inequality or equation of numbers in activations."""
    tree = parse(statement)
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
    }
    return tree.head in ("<=", "<", "==") and not heads & PLAIN and names_in(tree) <= known


def exact_script(title: str, definition: str, statement: str, point: Any) -> str:
    """The script for an exact point with y, g, H, gamma, beta, eps as ints or texts such as "1/2".

    gamma = "s" and beta = "mu" are the matched layer's own.

    Raises:
        ValueError: the statement cannot be written as a script.
    """
    if not scriptable(statement):
        raise ValueError(f"no script can be written of {statement!r}")
    tree = parse(statement)
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
        left=_code(unparse(tree.args[0])),
        right=_code(unparse(tree.args[1])),
        relation=tree.head,
    )


def _row(values: Iterable[Any]) -> str:
    return ", ".join(map(_number, values))


def _number(value: Any) -> str:
    return f'R("{value}")'


def _code(text: str) -> str:
    """The text as Python of exact numbers: a whole number that is divided or divides is SymPy's."""
    return re.sub(r"(?<![\w*])(?<!\*\*)(\d+)(?!\w)", r"R(\1)", text)
