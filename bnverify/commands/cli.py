"""The command line: one application, its commands brought by the modules of `TOPICS`."""

from __future__ import annotations

import importlib
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from bnverify.base.errors import InputError
from bnverify.base.extras import missing

VERDICTS, MODEL, TRAINING, MAINTAINERS = "Verdicts", "Your model", "Training", "For maintainers"
TOPICS = {
    "theory": VERDICTS,
    "decide": VERDICTS,
    "cite": VERDICTS,
    "numerics": VERDICTS,
    "vocabulary": VERDICTS,
    "report": VERDICTS,
    "audit": MODEL,
    "explain": MODEL,
    "experiments": TRAINING,
    "judge": TRAINING,
    "notes": MAINTAINERS,
    "tester": MAINTAINERS,
}
"""The modules of this package with a function ``register(app)``, in the order of ``--help``, and their part of it."""
OTHERWISE = {"bench": MAINTAINERS, "prove": VERDICTS, "reproduction-notes": MAINTAINERS}
"""Commands that stand in another part than their module."""

QUESTIONS = """bnverify settles claims about normalisation layers. Ask it one of these:

  is this theorem true?                        bnverify show thm-4.1
  is my formula right?                         bnverify decide "v @ one == 0"
  does my layer compute its own gradient, and
    what is wrong in my network?               bnverify audit model.py:make
  does the paper reproduce?                    bnverify reproduce --preset quick

bnverify claims lists the theorems, bnverify --help every command."""


class Front(TyperGroup):
    """Ends every command that a user's input or an interrupt stopped with one line and its exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except InputError as error:
            print(f"bnverify: {' '.join(str(error).split())}", file=sys.stderr)
            raise typer.Exit(2) from None
        except ModuleNotFoundError as error:
            said = missing(error)
            if said is None:
                raise
            print(f"bnverify: {said}", file=sys.stderr)
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            print(
                "bnverify: interrupted; nothing was left half-written, the same command starts again",
                file=sys.stderr,
            )
            raise typer.Exit(130) from None
        except Exception as error:
            if not hasattr(error, "format_message") or getattr(error, "exit_code", None) != 2:
                raise
            path = getattr(getattr(error, "ctx", None), "command_path", "bnverify")
            wrong = " ".join(error.format_message().split()).rstrip(".")
            print(f"bnverify: {wrong}; `{path} -h` lists what can be given", file=sys.stderr)
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
        add_completion=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback(
        invoke_without_command=True,
        help="Verdicts on claims about normalisation layers: proofs, counterexamples, measurements.",
    )
    def root(
        ctx: typer.Context,
        _: bool = typer.Option(
            False, "--version", callback=version, is_eager=True, help="Print the version."
        ),
    ) -> None:
        if ctx.invoked_subcommand is None:
            print(QUESTIONS)

    for topic, part in TOPICS.items():
        before = len(app.registered_commands)
        importlib.import_module(f"bnverify.commands.{topic}").register(app)
        for command in app.registered_commands[before:]:
            name = command.name or getattr(command.callback, "__name__", "").replace("_", "-")
            command.rich_help_panel = OTHERWISE.get(name, part)
    order = [VERDICTS, MODEL, TRAINING, MAINTAINERS]
    app.registered_commands.sort(key=lambda command: order.index(str(command.rich_help_panel)))
    return app
