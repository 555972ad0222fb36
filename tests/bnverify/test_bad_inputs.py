"""Bad inputs end in one line with exit code 2, before torch is loaded; all of them in one process."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SPEC = importlib.util.spec_from_file_location("bad_inputs", HERE / "bad_inputs.py")
assert SPEC is not None
assert SPEC.loader is not None
BAD = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(BAD)

RUN = r"""
import json, shlex, sys, time
from typer.testing import CliRunner
from bnverify.commands.cli import application

class Loud:
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            raise RuntimeError("torch was imported")

sys.meta_path.insert(0, Loud())
app, found = application(), []
for line in json.load(sys.stdin):
    began = time.process_time()
    done = CliRunner().invoke(app, shlex.split(line), prog_name="bnverify")
    error = "" if done.exception is None or isinstance(done.exception, SystemExit) else repr(done.exception)
    found.append([done.exit_code, done.stdout, done.stderr, error, time.process_time() - began])
json.dump(found, sys.stdout)
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str, str, str, float]]:
    """Every input of the table with exit code, output, error, what was raised, and its seconds."""
    tmp = tmp_path_factory.mktemp("bad")
    for name in ("empty", "thesis"):
        (tmp / name).mkdir()
    (tmp / "thesis" / "thesis.tex").write_text("precious")
    (tmp / "model.py").write_text("import torch\n\n\ndef make():\n    return torch.nn.BatchNorm1d(3)\n")
    (tmp / "binary.txt").write_bytes(b"\xff\xfe\x00")
    for name in ("file.txt", "locked", "junk.pt", "junk.json", "junk.toml", "junk.parquet"):
        (tmp / name).write_text("junk = = {")
    (tmp / "empty.txt").write_text("# nothing\n")
    before = sorted(path.name for path in tmp.rglob("*"))
    lines = [line.replace("{tmp}", str(tmp)) for line, _ in BAD.TABLE]
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        input=json.dumps(lines),
        capture_output=True,
        text=True,
        timeout=300,
        cwd=tmp,
        env=os.environ | {"COLUMNS": "200", "PYTHONSAFEPATH": "1"},
        check=True,
    )
    assert sorted(path.name for path in tmp.rglob("*")) == before, "something was left behind"
    return dict(zip((line for line, _ in BAD.TABLE), map(tuple, json.loads(done.stdout)), strict=True))


def test_there_are_more_than_a_hundred_and_twenty_over_all_commands() -> None:
    from bnverify.commands.cli import application

    assert len({line for line, _ in BAD.TABLE}) == len(BAD.TABLE) >= 120
    commands = {
        command.name or command.callback.__name__.replace("_", "-")
        for command in application().registered_commands
    }
    assert commands - {"vocabulary"} <= {line.split()[0] for line, _ in BAD.TABLE}


@pytest.mark.parametrize(("line", "said"), BAD.TABLE, ids=[line for line, _ in BAD.TABLE])
def test_a_bad_input_is_exit_code_2_with_one_line_before_torch(
    found: dict[str, tuple[int, str, str, str, float]], line: str, said: str
) -> None:
    code, out, error, raised, seconds = found[line]
    assert raised == ""
    assert code == 2
    assert out == ""
    assert error.startswith("bnverify: ")
    assert error.count("\n") == 1
    assert said in error
    assert seconds < 5
