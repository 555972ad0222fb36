"""The judge's own parser and the parser of the house read every registered text alike."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import pytest
from bnverify.theory import grammar, kernel
from bnverify.theory.normalisations import NORMALISATIONS
from bnverify.theory.registry import registry

SIGNS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.MatMult: "@"}


def tree(head: str, *parts: Any) -> Any:
    """A node with its sign in front and chains of @ in one."""
    if head == "neg":
        return parts[0][1] if parts[0][0] == "neg" else ("neg", parts[0])
    if head in "*/@" and parts[0][0] == "neg":
        return tree("neg", tree(head, parts[0][1], *parts[1:]))
    if head == "@":
        return ("@", *(inside for part in parts for inside in (part[1:] if part[0] == "@" else (part,))))
    return (head, *parts)


def of_the_judge(node: Any) -> Any:
    match node:
        case ast.Constant(value=value):
            return ("number", value)
        case ast.Name(id=name):
            return ("name", name)
        case ast.UnaryOp(op=ast.USub(), operand=inside):
            return tree("neg", of_the_judge(inside))
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return ("**", of_the_judge(left), kernel.half_power(right))
        case ast.BinOp(left=left, op=op, right=right):
            return tree(SIGNS[type(op)], of_the_judge(left), of_the_judge(right))
        case ast.Call(func=ast.Name(id="max"), args=[inside, ast.Compare() as ball]):
            return ("maximum", of_the_judge(inside), ("name", "X"), of_the_judge(kernel.ball_of(ball)))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return (name, *map(of_the_judge, arguments))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return (kernel.RELATIONS[type(op)], of_the_judge(left), of_the_judge(right))
    raise AssertionError(ast.dump(node))


def of_the_house(node: Any) -> Any:
    if not isinstance(node, grammar.Node):
        return node
    if node.head in ("number", "name"):
        return (node.head, node.args[0])
    return tree(node.head, *map(of_the_house, node.args))


def registered() -> Iterator[str]:
    for claim in registry().values():
        stated = [*claim.readings, *([claim.corrected] if claim.corrected else [])]
        for reading in stated:
            yield reading.says
            yield from (hypothesis.says for hypothesis in reading.hypotheses)
    for norm in NORMALISATIONS.values():
        yield from (line.partition("=")[2] for line in norm.text.split(";"))
        yield from norm.needs


def test_every_registered_text_is_read_alike() -> None:
    texts = sorted(set(registered()))
    assert len(texts) > 250
    for text in texts:
        assert of_the_judge(kernel.parse(text)) == of_the_house(grammar.parse(text)), text


@pytest.mark.parametrize(
    "text",
    ["", " ", "m # 0", "m; m", "m.real", "(lambda: m)", "[m]", "m if m else m", "m and m", "not m", "µ", "1.5", "1e3",
     "m" * 5000, "(" * 70 + "m" + ")" * 70, "m :=1", "f'm'", "m\n== 0"],
)  # fmt: skip
def test_neither_reads_what_is_not_in_the_grammar(text: str) -> None:
    with pytest.raises(grammar.GrammarError):
        grammar.parse(text)
    with pytest.raises(kernel.Refused):
        kernel.judge(kernel.Claim("z = y", text), {"terms": []})
