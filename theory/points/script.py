"""An instance as lines of torch that run without this package."""

from __future__ import annotations

import ast
from fractions import Fraction
from typing import Any

from bnverify.theory.grammar import Node, lines, names_in, nodes, parse, unparse
from bnverify.theory.kernel import Claim, image_form
from bnverify.theory.kernel import parse as kernel_parse

from bnverify.base.errors import InputError


def written(value: Any) -> str:
    """An exact text or list of such as Python with sqrt."""
    if isinstance(value, list):
        return "[" + ", ".join(written(entry) for entry in value) + "]"
    return str(Fraction(value)) if str(value).replace("/", "").replace("-", "").isdigit() else str(value)


def script(claim: Claim, data: dict[str, Any]) -> str:
    """Lines of torch that build the instance, differentiate its loss and print both sides; they need torch alone.

    Raises:
        InputError: the statement holds rates, other places, or a maximum over inputs of a form with an operator.
    """
    tree = parse(claim.statement)
    for node in [node for node in nodes(tree) if node.head in {"maximum", "d", "at"}]:
        tree = replaced(tree, node, opened(node))
    left, right = map(unparse, tree.args)
    used = names_in(tree)
    units = ["_j", "_k"] if "y_j" in data else [""]
    ys = ", ".join(f"y{unit}" for unit in units)
    leaves = "".join(
        f"y{unit} = tensor({written(data[f'y{unit}'])}).requires_grad_(); "
        for unit in units
        if f"y{unit}" in data
    )
    if "X" in data:
        leaves = (
            f"X = tensor({written(data['X'])}); T = X.T; W = tensor({written(data['W'])}).requires_grad_(); "
        )
        leaves += "y = (X @ W).detach().requires_grad_(); "
    numbers = [name for name, value in data.items() if not isinstance(value, list)]
    arrays = [n for n in data if n not in numbers and n not in {"y", "y_j", "y_k", "X", "W"}]
    tensors = "; ".join(f"{name} = tensor({written(data[name])})" for name in arrays)
    values = "; ".join(f"{name} = {written(data[name])}" for name in numbers)
    eps = "" if "eps" in numbers else "; eps = 0"
    body = "; ".join(f"{name} = {line}" for name, line in lines(claim.definition) if name != "y")
    for unit in units:
        if {f"sigma{unit}", f"rho{unit}"} & used:
            body += f"; sigma{unit} = sqrt(s{unit}**2 - eps); rho{unit} = sigma{unit}**2/s{unit}**2"
    own = "L = layer({0}); {1}; return {2}"
    shifts = "; ".join(f'u{u} = L["z{u}"] - z{u}0' for u in units)
    total = " + ".join(f"g{u} @ u{u} + u{u} @ H{u}{u[1:]} @ u{u} / 2" for u in units)
    total += " + u_j @ H_jk @ u_k" if len(units) > 1 else ""
    kept = "; ".join(f'z{u}0 = layer({ys})["z{u}"].detach()' for u in units)
    hessian = "(B_jj, B_jk), (B_kj, B_kk)" if len(units) > 1 else "B"
    about = f"({ys})" if len(units) > 1 else ys
    slopes = ", ".join(f"v{u}" for u in units)
    grad = f"torch.autograd.grad(loss({ys}), {about})" + ("" if len(units) > 1 else "[0]")
    last = f"{slopes} = {grad}; {hessian} = torch.autograd.functional.hessian(loss, {about})"
    if {"dW", "HW"} & used:
        last += "; in_W = lambda W: loss(X @ W)"
        last += "; dW = torch.autograd.grad(in_W(W), W)[0]; HW = torch.autograd.functional.hessian(in_W, W)"
    plain = "; ".join(["g_own = g + H @ (y - z)"] * ("g_own" in used or "dW_plain" in used))
    plain += "; dW_plain = T @ g_own; HW_plain = T @ H @ X" * bool({"dW_plain", "HW_plain"} & used)
    one = ys.partition(",")[0]
    return "\n".join(
        [
            "import torch",
            "sqrt = lambda x: x**0.5; norm = lambda u: sqrt(u @ u); mean = torch.mean; sign = torch.sign",
            "tensor = lambda rows: torch.tensor(rows, dtype=torch.float64)",
            f"{leaves}one = torch.ones_like({one}).detach(); m = len({one})",
            f"{tensors}; {values}{eps}",
            f"def layer({ys}): {body}; return locals()",
            f"{kept}  # the loss below has gradient g and Hessian H there",
            f"def loss({ys}): {own.format(ys, shifts, total)}",
            last,
            f"globals().update(layer({ys})); {plain}{'; ' * bool(plain)}left, right = {left}, {right}; "
            f'print(left, "{tree.head}", right)',
        ]
    )


def opened(node: Node) -> Node:
    """A maximum of (T @ u) @ (T @ u) over norm(X) <= lam as lam^2 u @ u.

    Raises:
        InputError: it is no such maximum.
    """
    if node.head == "maximum":
        u, form = image_form(kernel_parse(unparse(node.args[0])), kernel_parse(unparse(node.args[2])))
        if form is None:
            vector = ast.unparse(u)
            return parse(f"({unparse(node.args[2])})**2*(({vector}) @ ({vector}))")
    raise InputError(f"no script: lines of torch have no {unparse(node)}")


def replaced(node: Node, old: Node, new: Node) -> Node:
    """The tree with a part replaced wherever it stands."""
    if node == old:
        return new
    args = (replaced(x, old, new) if isinstance(x, Node) else x for x in node.args)
    return Node(node.head, tuple(args), node.column)
