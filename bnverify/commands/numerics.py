"""``check`` and ``bench``: do the numbers agree with the certificates, and how fast."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bnverify.base import options
from bnverify.base.errors import InputError
from bnverify.base.files import write_text

if TYPE_CHECKING:
    from bnverify.numerics.check.run import ClaimFindings

Ids = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[ID | STATEMENT]...",
        help="Ids such as thm-4.1, or statements such as 'v @ one == 0'; every theorem, lemma and fact if none.",
    ),
]
Seed = Annotated[int, typer.Option(help="The same seed gives the same instances everywhere.")]
Given = Annotated[
    list[str] | None,
    typer.Option(help="Of a statement: a hypothesis, such as 'gamma <= sigma'. Repeat for several."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Device = Annotated[str, typer.Option(help="cpu, cuda or cuda:N.")]

THEOREMS = {"theorem", "lemma", "fact"}


def register(app: typer.Typer) -> None:
    """Add the commands of this topic."""
    app.command()(check)
    app.command()(bench)


def check(
    ids: Ids = None,
    trials: Annotated[int, typer.Option(help="Random instances per statement.")] = 10_000,
    device: Device = "cpu",
    dtype: Annotated[str, typer.Option(help="float64 or float32.")] = "float64",
    seed: Seed = 0,
    everything: Annotated[bool, typer.Option("--all", help="Every claim, not the theorems alone.")] = False,
    replay: Annotated[str, typer.Option(metavar="LOSS:INDEX", help="Show one instance again.")] = "",
    given: Given = None,
    norm: Annotated[
        str | None, typer.Option(help="Of a statement: a name, or a text 'n = sqrt(y @ y); z = gamma*y/n'.")
    ] = None,
    vector: Annotated[
        list[str] | None, typer.Option(help="Of a statement: a free vector. Repeat for several.")
    ] = None,
    number: Annotated[
        list[str] | None, typer.Option(help="Of a statement: a free number. Repeat for several.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the findings to this JSON file.")] = None,
    as_json: Json = False,
) -> None:
    """Measure both sides of every statement on random instances; exit 1 if a number contradicts a certificate.

    A statement of your own: bnverify check 'v @ v <= gamma**2/sigma**2*(g @ g)'. Exit 1 where it is violated, 3 where
    nothing could be decided. `bnverify vocabulary` lists the names.
    """
    from bnverify.base.ids import select
    from bnverify.theory.registry import registry

    options.trials(trials)
    options.one_of("--dtype", dtype, ("float64", "float32"))
    options.device(device)
    options.writable(out)
    if replay and not re.fullmatch(r"[a-z0-9-]+:\d+", replay):
        raise InputError(f"--replay {replay!r} names no instance; write LOSS:INDEX, for example linear:17")
    texts = [text for text in ids or () if is_text(text)]
    if texts or given or norm is not None or vector or number:
        if len(texts) != len(ids or ()):
            raise InputError(
                "ids and statements cannot be mixed, and --given, --norm, --vector go with a statement"
            )
        layer = "batch-norm" if norm is None else norm
        _parsed(texts, given or (), layer, vector or (), number or ())
        from bnverify.numerics.check.text import ask

        questions = [ask(one, given or (), layer, vector or (), number or ()) for one in texts]
        _check_texts(questions, trials, seed, dtype, device, out, as_json)
        return
    known = registry()
    chosen = select(ids or (), known)
    if not ids and not everything:
        chosen = [name for name in chosen if known[name].kind in THEOREMS]
    from bnverify.numerics.check.run import validated
    from bnverify.numerics.measure.instances import parse_replay
    from bnverify.numerics.measure.tolerance import holding_dtype

    place, held = validated(trials, device), holding_dtype(dtype)
    if replay:
        loss, index = parse_replay(replay)
        _replay(chosen, loss, index, seed, held, place, as_json)
        return
    found = _checked(chosen, trials, seed, held, device)
    from bnverify.numerics.check.report import as_data, show

    data = json.dumps(as_data(found), ensure_ascii=False, indent=2)
    if out is not None:
        write_text(out, data + "\n")
    if as_json:
        print(data)
    else:
        from bnverify.base.terminal import console

        show(found, console())
    if any(claim.contradiction for claim in found):
        raise typer.Exit(1)


def is_text(text: str) -> bool:
    """Whether an argument is a statement and no id: ids hold letters, digits, dots and dashes alone."""
    return any(character in text for character in "@<>=()*/+ ")


def _parsed(
    texts: list[str], given: Iterable[str], norm: str, vectors: Iterable[str], numbers: Iterable[str]
) -> None:
    """Refuse what is not in the grammar, before what draws numbers for it is loaded."""
    from bnverify.theory import sorts
    from bnverify.theory.grammar import GrammarError
    from bnverify.theory.normalisations import declared, elsewhere, names_of, normalisation

    layer = normalisation(norm)
    names = names_of(layer, declared(tuple(vectors), tuple(numbers)))
    for text in (*texts, *given):
        try:
            sorts.statement(text, names)
        except GrammarError as error:
            raise InputError(elsewhere(error, layer) or str(error)) from None


def _check_texts(
    questions: list[Any], trials: int, seed: int, dtype: str, device: str, out: Path | None, as_json: bool
) -> None:
    from bnverify.numerics.check import text as asked
    from bnverify.numerics.check.run import validated
    from bnverify.numerics.measure.tolerance import holding_dtype

    place, held = validated(trials, device), holding_dtype(dtype)
    answers = [asked.answer(one, trials, seed, held, place) for one in questions]
    data = json.dumps([asked.as_data(one) for one in answers], ensure_ascii=False, indent=2)
    if out is not None:
        write_text(out, data + "\n")
    if as_json:
        print(data)
    else:
        print("\n\n".join("\n".join(asked.in_words(one)) for one in answers))
    codes = {one.exit_code for one in answers}
    if codes - {0}:
        raise typer.Exit(1 if 1 in codes else 3)


def _checked(chosen: list[str], trials: int, seed: int, dtype: Any, device: str) -> list[ClaimFindings]:
    import torch

    from bnverify.base.terminal import meter
    from bnverify.numerics.check.run import check_claims

    torch.set_num_threads(1)  # rooms of this size gain nothing from more, and lose where cores are shared
    with meter() as tick:

        def progress(done: int, total: int, what: str) -> None:
            tick("checking", done, total, what)

        return check_claims(chosen, trials, seed, dtype, device, progress)


def _replay(
    chosen: list[str], loss: str, index: int, seed: int, dtype: Any, device: Any, as_json: bool
) -> None:
    from dataclasses import asdict

    from bnverify.numerics.check.replay import replay
    from bnverify.theory.registry import registry

    found = {name: replay(registry()[name], loss, index, seed, dtype, device) for name in chosen}
    if as_json:
        print(json.dumps({name: [asdict(item) for item in items] for name, items in found.items()}, indent=2))
        return
    from bnverify.base.terminal import console
    from bnverify.numerics.check.report import show_replayed

    for name, items in found.items():
        show_replayed(name, f"{loss}:{index}", items, console())


def bench(
    out: Annotated[Path, typer.Option(help="Folder for bench.json and the picture.")] = Path("bench"),
    device: Device = "cpu",
    seconds: Annotated[float, typer.Option(help="Time for each measurement.")] = 1.0,
    section: Annotated[
        list[str] | None, typer.Option(help="Sections to run; all if none. Repeat for several.")
    ] = None,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Measure speed and memory of `check` against a plain loop, vmap and curvlinops, side by side in one run."""
    from bnverify.experiments import bench as sections

    options.positive("--seconds", seconds)
    for name in section or ():
        options.one_of("--section", name, sections.NAMES)
    options.device(device)
    options.folder_to_write(out)
    from bnverify.base.terminal import console
    from bnverify.experiments.bench.race import conditions
    from bnverify.experiments.bench.section import run, show
    from bnverify.numerics.check.run import validated

    found = run(section or (), conditions(validated(1, device), seconds, seed), out)
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        show(found, console())
