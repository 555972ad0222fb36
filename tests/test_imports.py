"""Imports go one way: theory, numerics, experiments, and the front on top of them."""

import ast
import subprocess
import sys
from pathlib import Path

import bnverify.experiments
import bnverify.numerics
import bnverify.theory
import pytest

import bnverify.base.errors

LAYERS = ("theory", "numerics", "experiments")
FOLDERS = {
    "theory": bnverify.theory,
    "numerics": bnverify.numerics,
    "experiments": bnverify.experiments,
}
BELOW_ALL = {"bnverify.base"}


def folder(layer: str) -> Path:
    return Path(FOLDERS[layer].__path__[0])


def imported(file: Path) -> set[str]:
    """The modules that a file imports anywhere, in functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def files(layer: str) -> list[Path]:
    return sorted(folder(layer).rglob("*.py"))


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_imports_only_itself_and_the_layers_below(layer):
    allowed = {f"bnverify.{name}" for name in LAYERS[: LAYERS.index(layer) + 1]}
    for file in files(layer):
        ours = {name for name in imported(file) if name.startswith("bnverify.")}
        wrong = {name for name in ours if ".".join(name.split(".")[:2]) not in allowed | BELOW_ALL}
        assert not wrong, f"{file.name} imports {sorted(wrong)}"


def test_the_folders_are_never_imported_by_their_bare_names():
    for layer in LAYERS:
        for file in files(layer):
            bare = {name for name in imported(file) if name.split(".")[0] in LAYERS}
            assert not bare, f"{file.name} imports {sorted(bare)}"


def test_theory_is_standard_library_and_sympy_with_numpy_and_solvers_in_decide_alone():
    for file in files("theory"):
        third = {name.split(".")[0] for name in imported(file)} - set(sys.stdlib_module_names) - {"bnverify"}
        solving = file.parent.name in {"certify", "decide", "points"}
        allowed = {"sympy", "numpy", "z3", "cvc5"} if solving else {"sympy"}
        assert third <= allowed, f"{file.name} imports {sorted(third - allowed)}"


def test_the_judge_imports_the_standard_library_alone():
    third = {name.split(".")[0] for name in imported(folder("theory") / "kernel.py")}
    assert third <= set(sys.stdlib_module_names)


def loaded_by(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.splitlines()[-1].split())


def test_importing_the_package_loads_none_of_its_dependencies():
    assert not loaded_by("import bnverify") & {"torch", "sympy", "numpy", "typer", "rich"}


def test_the_theory_loads_without_torch():
    code = "import bnverify.theory.derive, bnverify.theory.registry as r; r.registry()"
    assert not loaded_by(code) & {"torch", "numpy", "scipy", "matplotlib"}


def test_building_the_command_line_loads_nothing_heavy():
    code = "from bnverify.commands.cli import application; application()"
    assert not loaded_by(code) & {"torch", "sympy", "numpy", "scipy", "matplotlib", "sklearn", "jinja2"}


@pytest.mark.parametrize("name", bnverify.__all__)
def test_every_public_name_is_found_where_it_is_said_to_live(name):
    assert getattr(bnverify, name) is not None


def test_an_unknown_public_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = bnverify.nonsense
