"""The command line: one application, its commands brought by the modules of `TOPICS`."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from bnverify.base.errors import InputError

TOPICS = (
    "theory",
    "decide",
    "vocabulary",
    "notes",
    "numerics",
    "tester",
    "report",
    "audit",
    "explain",
    "experiments",
)
"""The modules of this package with a function ``register(app)``, in the order of ``--help``."""


class Front(TyperGroup):
    """Ends every command that a user's input or an interrupt stopped with one line and its exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except InputError as error:
            print(f"bnverify: {error}", file=sys.stderr)
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            print(
                "bnverify: interrupted; nothing was left half-written, the same command starts again",
                file=sys.stderr,
            )
            raise typer.Exit(2) from None


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
        importlib.import_module(f"bnverify.commands.{topic}").register(app)
    return app
