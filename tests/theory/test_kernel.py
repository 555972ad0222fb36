# ruff: noqa: E501
"""The judge proves what is true, refutes what is false, refuses forgeries, and its own mutants are killed."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sympy as sp
from bnverify.theory import kernel
from bnverify.theory.kernel import Claim, Formal, Point, Refused, Vector, Verified, judge

from tests.theory.kernel_table import (
    BATCH,
    FIRST,
    ID,
    PAPER,
    PRINTED,
    QUICK,
    SCALE,
    Entry,
    batch,
    said,
)


@pytest.mark.parametrize("entry", QUICK + PAPER, ids=lambda entry: entry[0])
def test_the_judge_says_of_it(entry: Entry) -> None:
    assert said(kernel, entry) == entry[1]


# ---- what a verdict is


def verdict_of(title: str) -> Verified:
    entry = next(entry for entry in QUICK + PAPER if entry[0] == title)
    return judge(Claim(**entry[3]), entry[2])


def test_nothing_but_the_judge_makes_a_verified() -> None:
    found = verdict_of("an identity")
    with pytest.raises(Refused, match="judge alone"):
        Verified("proved", "1 <= 0", (), (), "identity")
    with pytest.raises(Refused, match="judge alone"):
        replace(found, statement="1 <= 0")
    with pytest.raises(Refused, match="judge alone"):
        type("Forged", (Verified,), {"__post_init__": lambda self: None})
    with pytest.raises(AttributeError):
        found.verdict = "refuted"  # type: ignore[misc]


def test_hypotheses_are_printed_in_full_and_flagged_where_they_are_about_v() -> None:
    text = str(verdict_of("Theorem 4.2.2"))
    assert "given v @ H @ v <= g @ H @ g (a condition on v itself)" in text
    assert "scope m >= 2; eps = 0; s != 0; 0 < c @ c; gamma != 0" in text
    assert "given 0 < alpha |" in str(verdict_of("at another scale"))


def test_a_verdict_says_method_scope_tightness_and_terms() -> None:
    found = verdict_of("Theorem 4.1 corrected")
    assert (found.verdict, found.method, found.tight, found.live) == ("proved", "identity", True, (2, 2))
    assert not verdict_of("norms").tight
    assert verdict_of("Theorem 4.1 as printed").sides == ("0", "2 + -2*sqrt(2)")
    assert "eps > 0" in verdict_of("the same for eps > 0").scope
    assert verdict_of("z = y where gamma and beta undo it").lemmas == ("composition",)
    assert "trusting composition" in str(verdict_of("z = y where gamma and beta undo it"))


def test_a_refutation_carries_the_whole_point() -> None:
    point = verdict_of("Theorem 4.1 as printed").point
    assert point is not None
    assert point["H"] == [["0", "0"], ["0", "0"]]
    assert judge(Claim(**batch(PRINTED)), {"point": point}).verdict == "refuted"


# ---- two units and other places against SymPy, which shares no derivative with the judge; v and B: `symbols`


def square(y: Any) -> Any:
    return sum(entry**2 for entry in y)


def exactly(column_: Any, m: int) -> list[str]:
    return [str(column_.parts.get(i, 0)) for i in range(m)]


def test_blocks_of_two_units_and_another_place_are_those_of_sympy() -> None:
    """Two units that share a loss, whose H_jk is not symmetric: z_j = y_j/|y_j| and z_k = gamma_k <y_k, y_k> y_k."""
    definition = "n_j = sqrt(y_j @ y_j); z_j = y_j/n_j; z_k = gamma_k*(y_k @ y_k)*y_k"
    data: dict[str, Any] = {"y_j": [3, 4], "y_k": [1, -2], "g_j": [1, 2], "g_k": [-1, 3], "gamma_k": "1/2"}
    data |= {"H_jj": [[1, 2], [2, 0]], "H_jk": [[0, 3], [-1, 1]], "H_kk": [[2, 1], [1, -1]]}
    point = Point(Claim(definition, "m == m"), data)
    y = sp.symbols("a:4")
    at = dict(zip(y, (3, 4, 1, -2), strict=True))
    j, k = sp.Matrix(y[:2]), sp.Matrix(y[2:])
    z = sp.Matrix([*(j / sp.sqrt(square(j))), *(sp.Rational(1, 2) * square(k) * k)])
    hessian = sp.Matrix(sp.BlockMatrix([[sp.Matrix(data["H_jj"]), sp.Matrix(data["H_jk"])],
                                        [sp.Matrix(data["H_jk"]).T, sp.Matrix(data["H_kk"])]]))  # fmt: skip
    away = z - z.subs(at)
    loss = (sp.Matrix([1, 2, -1, 3]).T * away)[0] + (away.T * hessian * away)[0] / 2
    for place, unit in enumerate("jk"):
        rates = [sp.diff(loss, y[2 * place + i]) for i in range(2)]
        assert exactly(point.look(f"v_{unit}"), 2) == [str(rate.subs(at)) for rate in rates]
        for beside, other in enumerate("jk"):
            for i in range(2):
                image = point.look(f"B_{unit}{other}") @ kernel.column([int(i == 0), int(i == 1)])
                assert exactly(image, 2) == [str(sp.diff(rate, y[2 * beside + i]).subs(at)) for rate in rates]


def test_the_gradient_elsewhere_is_that_of_the_same_quadratic_loss() -> None:
    data: dict[str, Any] = {"y": [3, 4], "g": [1, 2], "H": [[1, 2], [2, 0]], "gamma": "1/2"}
    y = sp.symbols("a:2")
    batch_ = sp.Matrix(y)
    for definition, z in (
        (SCALE, batch_ / sp.sqrt(square(batch_)) / 2),
        ("z = gamma*(y @ y)*y", square(batch_) * batch_ / 2),
    ):
        away = z - z.subs(dict(zip(y, (3, 4), strict=True)))
        loss = (sp.Matrix([1, 2]).T * away)[0] + (away.T * sp.Matrix(data["H"]) * away)[0] / 2
        there = dict(zip(y, (-8, 6), strict=True))
        point = Point(Claim(definition, "m == m", vectors=("a",)), data | {"a": [-8, 6]})
        found = kernel.walk(kernel.parse("at(v, y, a)"), point)
        assert exactly(found, 2) == [str(sp.diff(loss, name).subs(there)) for name in y]


# ---- certificates that a hostile hand edited


def edits(certificate: dict[str, Any]) -> list[dict[str, Any]]:
    """A certificate with a term left out, doubled, negated, exchanged, or with a number or a flag changed."""
    found: list[dict[str, Any]] = [
        {},
        {"terms": []},
        certificate | {"negation": not certificate.get("negation")},
    ]
    terms = list(certificate.get("terms", []))
    for i, term in enumerate(terms):
        changed = [
            f"-({term})",
            f"2*({term})",
            f"({term})/2",
            term.replace("m", "1"),
            term.replace("+", "-"),
            "0",
            "1",
        ]
        found += [certificate | {"terms": [*terms[:i], other, *terms[i + 1 :]]} for other in changed]
        found += [
            certificate | {"terms": terms[:i] + terms[i + 1 :]},
            certificate | {"terms": [*terms, term]},
        ]
    found += [certificate | {"multiplier": text} for text in ("0", "-1", "2", "m", "one @ g")]
    found += [certificate | {"squared": not certificate.get("squared", False)}]
    if "point" in certificate:
        for name, value in certificate["point"].items():
            point = {key: entry for key, entry in certificate["point"].items() if key != name}
            found += [{"point": point}, {"point": point | {name: "1"}}, {"point": point | {name: []}}]
            if isinstance(value, list):
                found += [{"point": point | {name: value[:-1]}}, {"point": point | {name: ["0", *value[1:]]}}]
    return found


SLOW = {"two normalisations", "weight space"}


@pytest.mark.parametrize("title", [entry[0] for entry in PAPER if entry[1] != "no" and entry[0] not in SLOW])
def test_an_edited_certificate_proves_the_claim_itself_or_nothing(title: str) -> None:
    _, expected, certificate, fields = next(entry for entry in PAPER if entry[0] == title)
    for edited in edits(certificate):
        try:
            found = judge(Claim(**fields), edited)
        except Refused:
            continue
        assert found.verdict == expected
        assert found.statement == ast.unparse(ast.parse(fields["statement"], mode="eval"))


def test_certificates_of_other_claims_prove_nothing() -> None:
    """Each certificate under each statement: only what is true of it comes out."""
    chosen = [entry for entry in QUICK if entry[1] == "proved" and entry[3]["definition"] == ID][:25]
    for _, _, certificate, _ in chosen:
        for _, _, _, fields in chosen:
            try:
                assert judge(Claim(**fields), certificate).verdict == "proved"
            except Refused:
                continue


# ---- files


def run(*paths: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", kernel.__file__, *map(str, paths)], capture_output=True, text=True
    )


def item(title: str, **changes: Any) -> dict[str, Any]:
    _, _, certificate, fields = next(entry for entry in QUICK + PAPER if entry[0] == title)
    return {"claim": title, "reading": "only", **fields, "certificate": certificate} | changes


def test_files_are_checked_without_the_package(tmp_path: Path) -> None:
    good, bad, forged = tmp_path / "good.json", tmp_path / "bad.json", tmp_path / "forged.json"
    good.write_text("[\n" + ",\n".join(json.dumps(item(x)) for x in ("a square", "a witness")) + "\n]")
    done = run(good)
    assert (done.returncode, done.stderr) == (0, "")
    assert "verified    a witness [only]: proved (witness): 5 <= g @ g" in done.stdout
    bad.write_text(json.dumps([item("0 < 0"), item("an identity")]))
    done = run(bad)
    assert done.returncode == 1
    assert "REFUSED     0 < 0" in done.stdout
    assert "1 verified" in done.stdout
    forged.write_text(
        json.dumps([item("an identity", claim="x\nverified    thm-4.1", reading="\x1b[2J", lemma="magic")])
    )
    done = run(forged)
    assert done.returncode == 1
    assert not any(line.startswith("verified ") for line in done.stdout.splitlines())
    assert "\x1b" not in done.stdout
    assert run(tmp_path).returncode == 1


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", "3", "[3]", "[", '[{"claim": "x", "certificate": {"point": {"y": [0.5]}}}]', '[{"claim": NaN}]',
     '[{"claim": "x", "claim": "y"}]', "[" * 100_000],
)  # fmt: skip
def test_a_file_that_holds_no_certificates_is_not_a_success(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    assert kernel.main([str(tmp_path)]) == 2


def test_nothing_to_check_is_not_a_success(tmp_path: Path) -> None:
    assert run(tmp_path).returncode == 2
    assert kernel.main([]) == kernel.main([str(tmp_path / "absent.json")]) == 2


@pytest.mark.parametrize("change", [{"eps": False}, {"statement": 3}, {"definition": None}, {"kind": "proof"}, {"certificate": []},
                                    {"min_m": True}, {"needs": "0 < m"}, {"hypotheses": [3]}])  # fmt: skip
def test_an_item_of_another_shape_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    (tmp_path / "x.json").write_text(json.dumps([item("an identity", **change)]))
    assert kernel.main([str(tmp_path)]) == 1


# ---- the rooms that others use


def test_the_formal_room_gives_v_and_b_and_the_point_their_values() -> None:
    claim = Claim(BATCH, "v @ one == 0")
    formal = Formal(claim)
    assert formal.is_zero(formal.look("v") @ Vector.base("one"))
    point = Point(claim, FIRST)
    assert str(point.look("v") @ point.look("v")) == "0"


@pytest.mark.parametrize(
    "text", ["g**2 <= v @ v", "g**2 == v**2", "B**2 == 0", "(H @ g)**2 == 0", "g**3 == 0"]
)
def test_a_power_of_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="a power is of a number"):
        Formal(Claim(BATCH, text)).gap(text)
