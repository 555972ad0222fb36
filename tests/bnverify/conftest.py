"""A command line to call in tests."""

import pytest
from typer.testing import CliRunner

from bnverify.commands.cli import application


@pytest.fixture
def bnverify(monkeypatch):
    """Runs the application with these arguments and returns exit code, stdout and stderr."""
    monkeypatch.setenv("COLUMNS", "160")

    def run(*arguments):
        return CliRunner().invoke(application(), [str(argument) for argument in arguments])

    return run
