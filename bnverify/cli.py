"""The command line: one application, its commands brought by the modules ``commands_<topic>``."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from typing import Any

import typer
from typer.core import TyperGroup

import bnverify
from bnverify.errors import InputError

FIRST = ("commands_theory", "commands_notes", "commands_numerics", "commands_tester", "commands_report")
"""The topics that ``--help`` lists first, in this order; the others follow by name."""


def topics() -> list[str]:
    """The modules ``commands_<topic>`` of this package, each with a function ``register(app)``."""
    found = [
        info.name for info in pkgutil.iter_modules(bnverify.__path__) if info.name.startswith("commands_")
    ]
    return sorted(found, key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name))


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

    for topic in topics():
        importlib.import_module(f"bnverify.{topic}").register(app)
    return app
