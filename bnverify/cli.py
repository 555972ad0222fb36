"""The command line: one application, its commands brought by the modules ``commands_<topic>``."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from bnverify.errors import InputError

TOPICS = (
    "commands_theory",
    "commands_numerics",
    "commands_tester",
    "commands_report",
    "commands_audit",
    "commands_experiments",
    "commands_notes",
)


class Front(TyperGroup):
    """Ends every command that a user's input or an interrupt stopped with one line and its exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except InputError as error:
            print(f"bnverify: {error}", file=sys.stderr)
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            print("bnverify: interrupted; nothing was left half-written", file=sys.stderr)
            raise typer.Exit(130) from None


def version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version as installed

        print(installed("bnverify"))
        raise typer.Exit


def application() -> typer.Typer:
    """The application with the commands of every topic."""
    app = typer.Typer(
        cls=Front,
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback(help="Verdicts on claims about Batch Normalization: proofs, counterexamples, measurements.")
    def root(
        _: bool = typer.Option(
            False, "--version", callback=version, is_eager=True, help="Print the version."
        ),
    ) -> None:
        pass

    for topic in TOPICS:
        if importlib.util.find_spec(f"bnverify.{topic}") is not None:
            importlib.import_module(f"bnverify.{topic}").register(app)
    return app
