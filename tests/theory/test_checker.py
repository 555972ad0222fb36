"""The independent checker: what it accepts is true, what is tampered with it refuses, and it stands alone."""

from __future__ import annotations

import ast
import json
import math
import random
import subprocess
import sys
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import sympy as sp
from bnverify.theory import checker as kernel
from bnverify.theory.checker import MANIFEST, Formal, Number, Point, Vector, column, tree
from bnverify.theory.claim import Instance
from bnverify.theory.exact import Exact, sign
from bnverify.theory.export import export_all, instance_data
from bnverify.theory.rooms import POINTS

SOURCE = Path(kernel.__file__)
IDS = ("thm-4.1", "thm-4.2.1", "thm-4.2.2", "obs-4.3.minima", "thm-4.4", "thm-C.1", "lem-4.5", "fact-C.1")


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("export")
    export_all(folder, IDS)
    return {path.name: path.read_text() for path in folder.iterdir()}


@pytest.fixture
def folder(exported: dict[str, str], tmp_path: Path) -> Path:
    for name, text in exported.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def run(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-I", str(SOURCE), str(folder), *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def edit(path: Path, change: Any, manifest: bool = False) -> None:
    """Change the data of a file; without ``manifest`` the manifest goes away."""
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    if not manifest:
        (path.parent / MANIFEST).unlink(missing_ok=True)


def certificate(data: dict[str, Any], about: str) -> dict[str, Any]:
    return next(item for item in data["items"] if item["kind"] == "certificate" and item["about"] == about)


def counterexample(data: dict[str, Any]) -> dict[str, Any]:
    return next(item for item in data["items"] if item["kind"] == "counterexample")


def test_it_imports_the_standard_library_alone_and_is_short() -> None:
    text = SOURCE.read_text()
    names = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(text))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert names <= set(sys.stdlib_module_names)
    assert len(text.splitlines()) <= 500


def test_everything_exported_verifies(folder: Path) -> None:
    found = run(folder)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "FAILS" not in found.stdout
    assert "counterexample at m = 2, 0 against 2 + -2*sqrt(2)" in found.stdout


def test_lemmas_are_printed_as_trusted_and_unknown_kinds_by_name(folder: Path) -> None:
    lines = run(folder).stdout.splitlines()
    assert any(line.startswith("trusted") and "composition" in line for line in lines)
    assert any(line.startswith("not checked") and "max_form" in line for line in lines)
    edit(folder / "thm-4.1.json", lambda data: data["items"].append({"about": "x", "kind": "hand-waving"}))
    found = run(folder)
    assert found.returncode == 0
    assert "evidence of the kind hand-waving" in found.stdout


def test_the_manifest_notices_every_edit(folder: Path) -> None:
    edit(folder / "thm-4.1.json", lambda data: data.update(title="Another title"), manifest=True)
    found = run(folder)
    assert found.returncode == 1
    assert "CHANGED     thm-4.1.json" in found.stderr


def test_a_file_outside_the_manifest_is_noticed(folder: Path) -> None:
    (folder / "more.json").write_text((folder / "thm-4.1.json").read_text())
    assert run(folder).returncode == 1


def test_a_missing_file_cannot_be_read(folder: Path) -> None:
    (folder / "thm-4.1.json").unlink()
    assert run(folder).returncode == 2


@pytest.mark.parametrize(
    ("name", "change"),
    [
        (
            "a digit of a counterexample",
            lambda data: counterexample(data)["instance"].update(g=["0", "0"]),
        ),
        (
            "the coefficient of the corrected statement",
            lambda data: certificate(data, "corrected")["statement"].update(
                counterexample(data)["statement"] | {"op": "eq"}
            ),
        ),
    ],
)
def test_tampering_with_a_statement_or_an_instance_does_not_verify(
    folder: Path, name: str, change: Any
) -> None:
    edit(folder / "thm-4.1.json", change)
    found = run(folder)
    assert found.returncode == 1, name
    assert "FAILS" in found.stdout


def test_a_removed_term_of_a_certificate_does_not_verify(folder: Path) -> None:
    edit(
        folder / "thm-4.2.2.json",
        lambda data: certificate(data, "quadratic-form-not-increased")["terms"].clear(),
    )
    found = run(folder)
    assert found.returncode == 1
    assert "do not add up" in found.stdout


def test_a_negative_multiplier_does_not_verify(folder: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        item = certificate(data, "quadratic-form-not-increased")
        item["terms"][0]["multiplier"] = f"neg({item['terms'][0]['multiplier']})"

    edit(folder / "thm-4.2.2.json", change)
    assert run(folder).returncode == 1


def test_a_dropped_hypothesis_does_not_verify(folder: Path) -> None:
    edit(
        folder / "thm-4.2.2.json",
        lambda data: certificate(data, "quadratic-form-not-increased")["hypotheses"].clear(),
    )
    assert run(folder).returncode == 2


def test_without_the_manifest_another_true_statement_is_true_as_it_stands(folder: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        certificate(data, "corrected")["statement"].update(lhs="0", rhs="0", op="eq")

    edit(folder / "thm-4.1.json", change)
    found = run(folder)
    assert found.returncode == 0
    assert "it is an equality: 0 eq 0" in found.stdout


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"format": 99}', '{"format": 1, "items": [3]}', "\x00"])
def test_what_is_no_certificate_cannot_be_read(folder: Path, text: str) -> None:
    (folder / MANIFEST).unlink()
    (folder / "thm-4.1.json").write_text(text)
    found = run(folder)
    assert found.returncode == 2
    assert "CANNOT READ thm-4.1.json" in found.stderr
    assert "Traceback" not in found.stderr


def test_a_broken_manifest_cannot_be_read(folder: Path) -> None:
    (folder / MANIFEST).write_text("no")
    assert run(folder).returncode == 2


def test_no_folder_no_files_and_too_many_arguments_are_usage(tmp_path: Path, folder: Path) -> None:
    for arguments in ((tmp_path / "none",), (folder, "more")):
        found = run(*map(str, arguments))  # type: ignore[arg-type]
        assert found.returncode == 2
        assert found.stderr.startswith("usage")


def test_an_asymmetric_hessian_is_no_instance() -> None:
    data = instance_data(Instance(y=(0, 1), g=(1, 0), H=((0, 1), (0, 0))))
    with pytest.raises(ArithmeticError, match="not symmetric"):
        point(data)


def test_a_constant_batch_is_no_instance() -> None:
    with pytest.raises(ArithmeticError, match="division by 0"):
        point(instance_data(Instance(y=(1, 1), g=(1, 0))))


def point(data: dict[str, Any], setting: str = "activations") -> Point:
    return Point({"setting": setting, "instance": data})


def test_the_axioms_are_consistent_with_y() -> None:
    q = Formal({"setting": "activations", "eps": True})
    moved = q.moves(["vec", "b"])
    dmu, ds, dyhat = (q.value(moved[name]) for name in ("mu", "s", "yhat"))
    s = q.named("sym", "s")
    gap = q.named("vec", "1") * dmu + q.named("vec", "yhat") * ds + dyhat * s - q.named("vec", "b")
    assert not any(gap.values())


def test_the_axioms_agree_with_difference_quotients() -> None:
    rng = random.Random(0)
    y, p = ([rng.randint(-9, 9) for _ in range(5)] for _ in range(2))
    here = point(instance_data(Instance(y=tuple(y), g=(0,) * 5, eps="1/3", extra=(("b", tuple(p)),))))
    moved = here.moves(["vec", "b"])
    h = 1e-6
    sides = [plainly_standardised([a + t * b for a, b in zip(y, p, strict=True)]) for t in (h, -h)]
    expected = [(up - down) / (2 * h) for up, down in zip(*sides, strict=True)]
    found = [floated(here.value(moved[name])) for name in ("mu", "s", "sigma", "rho")]
    found += [floated(c) for c in here.value(moved["yhat"]).values()]
    assert found == pytest.approx(expected, abs=1e-8)


def plainly_standardised(y: list[float]) -> list[float]:
    """Mean, s, sigma, rho and y-hat in floats, eps = 1/3."""
    mu = sum(y) / len(y)
    square = sum((a - mu) ** 2 for a in y) / len(y)
    s = math.sqrt(square + 1 / 3)
    return [mu, s, math.sqrt(square), square / s**2, *((a - mu) / s for a in y)]


def floated(x: Number) -> float:
    return sum(float(c) * math.sqrt(math.prod(p for (_, p), _ in mono)) for mono, c in x.items())


def random_instance(rng: random.Random, m: int, eps: str) -> Instance:
    H = [[0] * m for _ in range(m)]
    for i in range(m):
        for j in range(i, m):
            H[i][j] = H[j][i] = rng.randint(-3, 3)
    return Instance(
        y=(0, 1, *(rng.randint(-3, 3) for _ in range(m - 2))),
        g=tuple(f"{rng.randint(-4, 4)}/{rng.randint(1, 3)}" for _ in range(m)),
        H=tuple(map(tuple, H)),
        gamma=f"{rng.choice([-3, -1, 2, 5])}/2",
        beta=rng.randint(-2, 2),
        eps=eps,
    )


@pytest.mark.parametrize(("m", "eps"), [(2, "2/3"), (3, "0")])
def test_its_derivatives_are_those_of_plain_differentiation(m: int, eps: str) -> None:
    instance = random_instance(random.Random(m), m, eps)
    q, p = Exact(instance), point(instance_data(instance))
    assert_same(q.vec("v"), p.named("vec", "v"))
    assert_same(q.vec("g_own"), p.named("vec", "g_own"))
    direction = [3, -1, 2][:m]
    for name in ("B", "Dyhat", "Dz"):
        assert_same(q.op(name, sp.Matrix(direction)), p.op(name, column(direction)))


def assert_same(plain: Any, own: Vector) -> None:
    for i, value in enumerate(plain):
        assert sign(value - exact(own[i])) == 0


def exact(x: Number) -> sp.Expr:
    parts = (
        sp.Rational(c.numerator, c.denominator) * sp.sqrt(math.prod(p for (_, p), _ in mono))
        for mono, c in x.items()
    )
    return sum(parts, sp.Integer(0))


def test_a_scaled_batch_is_normalised_with_the_same_eps() -> None:
    instance = Instance(y=(0, 0, 3), g=(0, 0, 0), eps=1, extra=(("alpha", "1/2"),))
    q, p = Exact(instance), point(instance_data(instance))
    assert_same(q.vec("yhat_scaled"), p.named("vec", "yhat_scaled"))


def test_weight_space_derivatives_are_those_of_plain_differentiation() -> None:
    instance = Instance(
        X=((1, 2), (-1, -2), (3, 3)),
        W=(2, -1),
        y=(0, 0, 3),
        eps=2,
        g=(1, -2, 3),
        H=((1, 2, 0), (2, 0, 1), (0, 1, -1)),
        gamma=2,
        extra=(("What", (1, 1)), ("X_other", ((1, 0), (0, 1), (2, 2)))),
    )
    q, p = Exact(instance), point(instance_data(instance))
    for name in ("dW", "dW_plain", "dW_hat", "dW_other"):
        assert_same(q.vec(name), p.named("vec", name))
    for name in ("HW", "HW_plain", "HW_other"):
        assert_same(q.op(name, sp.Matrix([1, -1])), p.op(name, column([1, -1])))


SETTINGS = {
    "unbiased": {},
    "affine": {},
    "layer-norm": {"scale": (2, -1, "1/2")},
    "rms-norm": {"scale": (2, -1, "1/2")},
    "lp-2": {},
    "lp-2-centred": {},
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_in_other_settings_its_derivatives_are_those_of_plain_differentiation(setting: str) -> None:
    instance = replace(
        random_instance(random.Random(5), 3, "0" if setting[:2] == "lp" else "1/2"),
        extra=tuple(SETTINGS[setting].items()),
    )
    q, p = POINTS[setting](instance), point(instance_data(instance), setting)
    assert_same(q.vec("v"), p.named("vec", "v"))
    named = {
        "affine": ("dgamma", "dbeta"),
        "layer-norm": ("dscale", "dshift"),
        "rms-norm": ("dscale", "dshift"),
    }
    for name in ("rho", "n" if setting[:2] == "lp" else "s", *named.get(setting, ())):
        if (setting, name) != ("lp-2-centred", "n"):
            assert sign(q.sym(name) - exact(p.named("sym", name))) == 0


def test_numbers_have_exact_signs_and_inverses() -> None:
    rng = random.Random(1)
    roots = [Number.of(d).sqrt() for d in (1, 2, 3, 5, 6, 10, 30)]
    for _ in range(100):
        x = sum((root * Fraction(rng.randint(-5, 5), rng.randint(1, 4)) for root in roots), Number({}))
        if not x:
            continue
        assert not x * x.inverse() - 1
        assert x.sign() == math.copysign(1, floated(x))
    close = Number.of(2).sqrt() - Fraction(665857, 470832)
    assert close.sign() == -1
    assert (close - close).sign() == 0


def test_numbers_divide_by_sums_and_nothing_is_lost() -> None:
    m = Formal({"setting": "activations", "eps": False}).value(tree("m"))
    x, y = (Number({(((name,), 1),): Fraction(1)}) for name in "xy")
    gap = (m - 1).inverse() * m - (m - 1).inverse() - 1
    assert gap
    assert not gap.cleared()
    nested = (x + (x + y).inverse()).inverse() * (x * x + x * y + 1) - x - y
    assert not nested.cleared()
    assert (nested + (x + 1).inverse()).cleared()


def test_square_roots_are_exact_or_refused() -> None:
    root = Number.of(Fraction(8, 9)).sqrt()
    assert not root * root - Fraction(8, 9)
    assert not Number({}).sqrt()
    for refused in (root + 1, Number.of(-1), Number.of(10**15)):
        with pytest.raises(NotImplementedError):
            refused.sqrt()


@pytest.mark.parametrize(
    "text", ["'y' + 1", "'y' + gamma", "gamma + 'y'", "'y' * 'y' + 'y'", "gamma ** gamma"]
)
def test_what_has_no_type_is_no_expression(text: str) -> None:
    with pytest.raises((TypeError, ValueError, AttributeError)):
        Formal({"setting": "activations", "eps": False}).value(tree(text))


@pytest.mark.parametrize("text", ["'§'", "'§B'", "1.5", "lambda: 1", "'a' if 1 else 'b'", "a.b", "None"])
def test_what_is_no_expression_has_no_value(text: str) -> None:
    with pytest.raises((TypeError, ValueError, AttributeError)):
        Formal({"setting": "activations", "eps": False}).value(tree(text))


@pytest.mark.parametrize("change", [{"lhs": "'v' +"}, {"lhs": "('v'"}, {"rhs": "gamma // 2"}, {"rhs": 3}])
def test_a_statement_that_is_no_expression_cannot_be_read(folder: Path, change: dict[str, Any]) -> None:
    edit(folder / "thm-4.1.json", lambda data: certificate(data, "corrected")["statement"].update(change))
    found = run(folder)
    assert found.returncode == 2
    assert "CANNOT READ thm-4.1.json" in found.stderr
    assert "Traceback" not in found.stderr
