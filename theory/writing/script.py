"""A counterexample as a script of a few lines that a reviewer runs without this package: SymPy alone, exact numbers."""

from __future__ import annotations

import re
from typing import Any

from bnverify.theory.grammar import lines, names_in, nodes, parse, unparse
from bnverify.theory.kernel import Claim
from bnverify.theory.script import is_vector

_GRADIENT = re.compile(r"max\(\(T @ (\w+)\) @ \(T @ \1\), norm\(X\) <= lam\)")
_CURVATURE = re.compile(r"max\(\(X @ T @ (\w+)\) @ (\w+) @ \(X @ T @ \1\), norm\(X\) <= lam\)")
_ALONG = re.compile(r"\bd\((yhat|z), y, (\w+)\)")
_MOVED = re.compile(r"\bat\(yhat, y, ([\w*]+)\)")
_MOVED_W = re.compile(r"\bat\(dW @ dW, W, (\w+)\)")
_REWRITTEN = (
    (_GRADIENT, r"(lam**2*(\1 @ \1))"),
    (_ALONG, r'along("\1", \2)'),
    (_MOVED, r'layer(\1)["yhat"]'),
    (_MOVED_W, r"square(rates(in_W, \1)[0])"),
)
_PLAIN = ((_CURVATURE, r"(\1 @ \2 @ \1)"), (_GRADIENT, r"(\1 @ \1)"), (_ALONG, r"\2"), (_MOVED, r"(\1)"),
          (_MOVED_W, r"(\1 @ \1)"))  # fmt: skip
"""What stands for them where only names and sorts are asked for."""
NOT_PLAIN = {"d", "at", "maximum", "smooth", "or", "iff"}
"""What a statement may not hold beside these to be written as a script."""
ROOM = {
    *(
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
        "n",
        "mu",
        "sigma",
        "rho",
    ),
    *("g_own", "lam", "I", "X", "T", "W", "dW", "HW", "dW_plain", "HW_plain"),
}
"""Names that a script has values for, beside those of the point."""
LAYER = {*ROOM} - {"one", "m", "lam", "I", "gamma", "beta", "eps", "X", "T", "W"}
"""Names that need the layer and its loss."""
OF_GRADIENT = """# the maximum over |X| <= lam of |X'u|^2 is lam^2 |u|^2:
# |X'u| <= lam |u|, with equality at X = lam u e'/|u|"""
OF_CURVATURE = """# the maximum over |X| <= lam of (XX'u)'M(XX'u) is at least its value at X = 0 and at XX' = lam^2 I,
# at most lam^4 |u|^2 times the largest eigenvalue of M or 0; printed: left at least, right at most
least = lambda u, M: sp.Max(0, lam**4 * (u @ M @ u))
most = lambda u, M: lam**4 * (u @ u) * sp.Max(0, *map(sp.simplify, M.eigenvals()))"""
"""What a script has for the two maxima over the inputs with u and M held fixed."""
HEAD = """import sympy as sp  # pip install sympy
class V(sp.Matrix):  # @ is the inner product of two columns, a matrix applied, or a row applied to a matrix
    def __matmul__(a, b):
        return (a.T * b)[0] if a.shape == b.shape == (len(a), 1) else a * b if a.shape[1] == b.shape[0] else b.T * a
S, sqrt = sp.S, sp.sqrt"""
RATES = """def loss(y): u = layer(y)["z"] - z0; return g @ u + u @ (H @ u) / 2  # gradient g and Hessian H at z0
def rates(f, x0):  # gradient and Hessian of f at x0
    x = sp.symbols(f"x:{len(x0)}", real=True); at = dict(zip(x, x0)); f = f(V(x))
    return V([sp.diff(f, t).subs(at) for t in x]), V(sp.hessian(f, x).subs(at))
v, B = rates(loss, y)"""
FUNCTIONS = {
    "mean": "mean = lambda u: one @ u / m",
    "norm": "norm = lambda u: sqrt(u @ u)",
    "sign": "sign = lambda u: V([sp.sign(t) for t in u])",
    "abs": "abs = lambda u: u.applyfunc(sp.Abs) if isinstance(u, V) else sp.Abs(u)",
    "max": "max = lambda *u: sp.Max(*(u[0] if len(u) == 1 else u))",
    "min": "min = sp.Min",
}


def obstacle(claim: Claim, point: dict[str, Any]) -> str:
    """What keeps a refuted statement from being written as a script: empty if nothing does."""
    texts = (claim.statement, *claim.hypotheses)
    if "y_j" in point:
        return "is about two units"
    tree = parse(claim.statement)
    bounded = tree.head in ("<=", "<") and not any(_CURVATURE.search(text) for text in claim.hypotheses)
    if _CURVATURE.search(claim.statement) and not bounded:
        return "equates a maximum that is known between bounds alone"
    trees = [parse(_rewritten(text, _PLAIN)) for text in texts]
    heads = {
        node.head for one in trees + [line for _, line in lines(claim.definition)] for node in nodes(one)
    }
    known = ROOM | set(point) | {name for name, _ in lines(claim.definition)}
    if heads & NOT_PLAIN or set().union(*map(names_in, trees)) - known:
        return "takes rates, or values at other places, that a script does not write"
    return "is about a single weight" if "X" in point and len(point["X"][0]) == 1 else ""


def exact_script(title: str, claim: Claim, point: dict[str, Any]) -> str:
    """The script for what the kernel was asked and an exact point: texts such as "1/2", lists of them, tables.

    Raises:
        ValueError: the statement cannot be written as a script.
    """
    if why := obstacle(claim, point):
        raise ValueError(f"no script can be written of {claim.statement!r}: it {why}")
    tree = parse(claim.statement)
    texts = (claim.statement, *claim.hypotheses)
    used = set().union(*(names_in(parse(_rewritten(text, _PLAIN))) for text in texts))
    definition = [(name, unparse(line)) for name, line in lines(claim.definition) if name != "y"]
    whole = bool(used & LAYER) or any(_ALONG.search(text) or _MOVED.search(text) for text in texts)
    found = [f"# {title}", f"# {claim.statement}", HEAD]
    data = dict(point)
    if whole:
        data = {"eps": "0", "gamma": "1", "beta": "0"} | data
        data.setdefault("H", [["0"] * len(data["g"])] * len(data["g"]))
        found.append(f"m, one = S({len(data['g'])}), V([1] * {len(data['g'])})")
    elif "m" in used | names_in(tree) and isinstance(data.get("y"), list):
        found.append(f"m, one = S({len(data['y'])}), V([1] * {len(data['y'])})")
    numbers = {name: value for name, value in data.items() if not isinstance(value, list)}
    arrays = {name: value for name, value in data.items() if isinstance(value, list)}
    if numbers:
        found.append(f"{', '.join(numbers)} = S({', '.join(numbers.values())!r})")
    found.append("; ".join(f"{name} = V(S({_written(value)!r}))" for name, value in arrays.items()))
    called = {node.head for text in texts for node in nodes(parse(_rewritten(text, _PLAIN)))}
    called |= {node.head for _, line in lines(claim.definition) for node in nodes(line)} if whole else set()
    called |= {"abs"} if any(re.search(r"\babs\(", text) for text in texts) else set()
    found.append("; ".join(line for name, line in FUNCTIONS.items() if name in called))
    if "I" in used:
        found.append("I = V(sp.eye(m))")
    if whole:
        if "X" in data:
            found.append("T = X.T; y = X @ W")
        body = "; ".join(f"{name} = {_code(line)}" for name, line in definition)
        found += [f"def layer(y): {body}; return locals()", 'z0 = layer(y)["z"]', RATES]
        if "X" in data:
            found.append("in_W = lambda W: loss(X @ W); square = lambda u: u @ u; dW, HW = rates(in_W, W)")
        more = ["sigma = sqrt(s**2 - eps)"] * bool(used & {"sigma", "rho"}) + ["rho = sigma**2 / s**2"] * (
            "rho" in used
        )
        more += ["g_own = g + H @ (y - z)"] * bool(used & {"g_own", "dW_plain"})
        more += ["dW_plain = T @ g_own; HW_plain = T @ H @ X"] * bool(used & {"dW_plain", "HW_plain"})
        found.append("; ".join(["globals().update(layer(y))", *more]))
        if any(_ALONG.search(text) for text in texts):
            found.append(
                't = sp.Symbol("t"); along = lambda name, b: layer(y + t * b)[name].diff(t).subs(t, 0)'
            )
    found += [OF_GRADIENT] * bool(_GRADIENT.search(claim.statement))
    found += [OF_CURVATURE] * bool(_CURVATURE.search(claim.statement))
    found += [f"print({f'condition {text} holds:'!r}, {_condition(text)})" for text in claim.hypotheses]
    if tree.head == "psd":
        return "\n".join([*found, f"print('holds:', {_condition(claim.statement)})"]) + "\n"
    left, right = (_side(unparse(side), end) for end, side in zip(("least", "most"), tree.args, strict=True))
    found += [
        f"left = {left}",
        f"right = {right}",
        "print('left ', sp.simplify(left)); print('right', sp.simplify(right))",
    ]
    said = _compared("left", tree.head, "right", tree)
    return "\n".join([*filter(None, found), f"print('holds:', {said})"]) + "\n"


def _rewritten(text: str, rules: Any = _REWRITTEN) -> str:
    for pattern, new in rules:
        text = pattern.sub(new, text)
    return text


def _side(text: str, end: str) -> str:
    return _code(_rewritten(_CURVATURE.sub(rf"{end}(\1, \2)", text)))


def _condition(text: str) -> str:
    tree = parse(text)
    if tree.head == "psd":
        return f"({_code(_rewritten(unparse(tree.args[0])))}).is_positive_semidefinite"
    left, right = (_code(_rewritten(unparse(side))) for side in tree.args)
    return _compared(left, tree.head, right if right == "0" else f"({right})", tree)


def _compared(left: str, relation: str, right: str, tree: Any) -> str:
    if any(map(is_vector, map(parse, (_rewritten(unparse(side), _PLAIN) for side in tree.args)))):
        return f"all(sp.simplify(t) == 0 for t in {left} - {right})"
    return f"bool(sp.simplify({left} - {right}) {relation} 0)"


def _written(value: Any) -> str:
    return f"[{', '.join(map(_written, value))}]" if isinstance(value, list) else str(value)


def _code(text: str) -> str:
    """The text as Python of exact numbers: a whole number that is divided by another is SymPy's."""
    return re.sub(r"(?<!\w)(\d+)/(?=\d)", r"S(\1)/", text)
