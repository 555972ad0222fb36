"""Exact points as text: what is given, what comes out, and the picture of a batch of two."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bnverify.theory.names import LATEX_NAMES, PLAIN_NAMES
from bnverify.theory.writing.blocks import Arrows
from bnverify.theory.writing.words import exact_text, number

_USUAL = {"gamma": "1", "beta": "0", "eps": "0", "lam": "1"}
_LETTERS = {
    "gamma": (r"\gamma", "γ"),
    "beta": (r"\beta", "β"),
    "eps": (r"\epsilon", "ε"),
    "lam": (r"\lambda", "λ"),
}
_OWN = {"s": (r"\sigma", "σ"), "mu": (r"\mu", "μ")}
_CLAIMED = {
    "le": ("≤", "exceeds the right side"),
    "lt": ("<", "is not below the right side"),
    "eq": ("=", "differs from the right side"),
}


def given(point: Mapping[str, Any], values: Sequence[Mapping[str, Any]] = ()) -> list[tuple[str, str]]:
    """The data of an exact point, (LaTeX, plain) each: y, g, H, X, W, gamma, what is unusual and what a side names."""
    named = {row["plain"] for row in values} | {"γ"}
    pairs = [
        (f"{name} = {tensor_latex(point[name])}", f"{name} = {tensor(point[name])}")
        for name in ("y", "g", "H", "X", "W")
        if point.get(name) is not None
    ]
    for name, usual in _USUAL.items():
        value = point.get(name)
        if value is not None and (value != usual or _LETTERS[name][1] in named):
            latex, plain = _OWN.get(value, (tensor_latex(value), tensor(value)))
            pairs.append((f"{_LETTERS[name][0]} = {latex}", f"{_LETTERS[name][1]} = {plain}"))
    for name, value in point.get("extra", {}).items():
        if name == "inputs":  # that the maxima over X are at least what they are there
            pairs += [(f"X = {tensor_latex(one)}", f"X = {tensor(one)}") for one in value]
        elif (
            name != "maxima"
        ):  # how the kernel is shown that they are not larger; the ends stand in the values
            pairs.append(
                (f"{_label(name)} = {tensor_latex(value)}", f"{PLAIN_NAMES.of(name)} = {tensor(value)}")
            )
    return pairs


def valued(row: Mapping[str, Any]) -> tuple[str, str]:
    """A value that comes out at a point, (LaTeX, plain): name = value, or the name between its two ends."""
    (low, high), (latex_low, latex_high) = _ends(row["value"]), _ends(row["latex_value"])
    if low == high:
        return f"{row['latex']} = {latex_low}", f"{row['plain']} = {exact_text(low)}"
    name, plain = row["latex"], row["plain"]
    return rf"{latex_low} \le {name} \le {latex_high}", f"{exact_text(low)} ≤ {plain} ≤ {exact_text(high)}"


def shown(point: Mapping[str, Any], worked: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The values at a point that its data do not give already."""
    usual = {"m", "g"} if point["gamma"] == "s" else {"m", "g", "γ"}
    known = usual | {plain.partition(" = ")[0] for _, plain in given(point, worked["values"])} - {"γ"}
    return [row for row in worked["values"] if row["plain"] not in known]


def _ends(value: str) -> tuple[str, str]:
    """The two ends of "between a and b", and twice the same of any other value."""
    low, _, high = value.removeprefix("between ").partition(" and ")
    return (low, high) if value.startswith("between ") else (value, value)


def sides(point: Mapping[str, Any]) -> str:
    """Both sides at a point, and what is claimed of them, in a line."""
    sign, but = _CLAIMED[point["relation"]]
    ends = ("at least ", "at most ") if sign != "=" else ("", "")
    left, right = (
        _side(point[side], point[f"{side}_float"], end)
        for side, end in zip(("lhs", "rhs"), ends, strict=True)
    )
    return f"The left side is {left}, the right side {right}: claimed left {sign} right, but the left side {but}."


def _side(value: str, rounded: str, end: str) -> str:
    """A side, or where it is known between two ends, the one that decides."""
    low, high = _ends(value)
    if low != high and end:
        one = low if end == "at least " else high
        about = "" if one.lstrip("-").isdigit() else f" ≈ {_rounded(one)}"
        return f"{end}{exact_text(one)}{about}"
    if low != high:
        about = " and ".join(_rounded(end) for end in (low, high))
        return f"between {exact_text(low)} and {exact_text(high)} (about {about})"
    if low == rounded or low.startswith("(") or low.lstrip("-").isdigit():
        return exact_text(low)
    return f"{exact_text(low)} ≈ {(_rounded(low) if value != low else rounded).replace('-', '−')}"


def _rounded(value: str) -> str:
    return f"{number(value):.6g}".replace("-", "−")


def tensor(value: Any) -> str:
    """A number, vector or matrix in a line of text."""
    if isinstance(value, list):
        if len(value) > 1 and all(isinstance(row, list) and len(row) == 1 for row in value):
            return f"{tensor([row[0] for row in value])}ᵀ"
        return "(" + ", ".join(map(tensor, value)) + ")"
    return exact_text(str(value))


def exact_latex(value: str) -> str:
    """An exact number in LaTeX: 3*sqrt(2)/4 as 3 \\sqrt{2}/4, 1/2 as a fraction."""
    if match := re.fullmatch(r"(-?)(\d+)/(\d+)", value):
        return rf"{match[1]}\tfrac{{{match[2]}}}{{{match[3]}}}"
    return re.sub(r"sqrt\((\w+)\)", r"\\sqrt{\1}", value).replace("*", r"\,")


def tensor_latex(value: Any) -> str:
    """A number, a vector in one line, a matrix, or a row of matrices, in LaTeX."""
    if _depth(value) > 2:
        return r",\, ".join(tensor_latex(entry) for entry in value)
    if isinstance(value, list) and value and isinstance(value[0], list):
        rows = r" \\ ".join(" & ".join(tensor_latex(entry) for entry in row) for row in value)
        return rf"\begin{{pmatrix}} {rows} \end{{pmatrix}}"
    if isinstance(value, list):
        return "(" + r",\, ".join(tensor_latex(entry) for entry in value) + ")"
    return exact_latex(str(value))


def _depth(value: Any) -> int:
    return 1 + _depth(value[0]) if isinstance(value, list) and value else 0


def _label(name: str) -> str:
    """A further quantity of a point, as the statements write it."""
    if name in LATEX_NAMES.letters:
        return LATEX_NAMES.letters[name]
    return name if len(name) == 1 else rf"\text{{{name.replace('_', ' ')}}}"


def arrows(point: Mapping[str, Any], worked: Mapping[str, Any], statement: str) -> Arrows | None:
    """The vectors of a point of a batch of two under BatchNorm; None for other points.

    The two entries span a plane: y, y-hat, g and the gradient v that is left of g. statement: what fails there, plain.
    """
    texts = {row["plain"]: row["value"] for row in worked["values"]}
    if point.get("y") is None or len(point["y"]) != 2 or texts.get("v") != "(0, 0)" or "ŷ" not in texts:
        return None
    known = {name: point[name] for name in ("y", "g") if point.get(name) is not None}
    known |= {name: texts[name].strip("()").split(", ") for name in ("ŷ", "v")}
    found = [(name, number(first), number(second)) for name, (first, second) in known.items()]
    caption = (
        "A batch of two is a plane. BatchNorm takes from g its part along (1, 1) and its part along ŷ; in a plane "
        "there is no third direction, so nothing is left: v = 0."
    )
    bounded = re.match(r"(max\(.*?\) )?‖(\S+ᵀ)?v‖² [≤<]", statement)
    if bounded and number(point["rhs"]) < 0:
        caption += " The printed bound takes more than there is."
    return Arrows(tuple(sorted(found, key=lambda vector: "yŷgv".index(vector[0]))), caption)
