"""Commands of the reproduction: train, insert, reproduce, figures."""

from __future__ import annotations

import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bnverify.base import options
from bnverify.base.errors import InputError
from bnverify.commands.judge import show_badges

if TYPE_CHECKING:
    from bnverify.experiments.run.recipes import DlnRecipe, VggRecipe
    from bnverify.experiments.run.train import Outcome

Out = Annotated[
    Path | None, typer.Option("--out", help="Folder of the run; runs/<recipe>-<digest> by default.")
]
Set = Annotated[list[str] | None, typer.Option("--set", help="field=value, as often as needed.")]
Data = Annotated[
    str | None, typer.Option("--data", help="digits, cifar10, a parquet file, or a folder with a data set.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run that the folder holds.")]
Budget = Annotated[float | None, typer.Option("--budget", help="Minutes; stops at a checkpoint after them.")]


def _minutes(budget: float | None) -> float | None:
    if budget is not None and not budget > 0:
        raise InputError(f"--budget {budget}; expected a positive number of minutes")
    return budget


@contextmanager
def _interruptible(folder: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        said = f"interrupted; {folder} keeps what is done, go on with the same command and --resume"
        print(f"bnverify: {said}", file=sys.stderr)
        raise typer.Exit(130) from None


def _run(
    recipe: VggRecipe | DlnRecipe, name: str, out: Path | None, resume: bool, budget: float | None
) -> tuple[Path, Outcome]:
    from bnverify.base.terminal import meter
    from bnverify.experiments.run import recipes

    folder = out or Path("runs") / f"{name}-{recipes.digest(recipe)}"
    minutes = _minutes(budget)
    if resume and not (folder / "recipe.json").is_file():
        raise InputError(f"{folder} holds no run to go on with; check --out, or leave out --resume")
    from bnverify.experiments.run import train

    deadline = None if minutes is None else time.monotonic() + 60 * minutes
    with meter() as tick:

        def show(now: train.Progress) -> None:
            tick(name, now.step, recipe.steps, f"{now.steps_per_second:.1f} steps/s, loss {now.loss:.4g}")

        with _interruptible(folder):
            outcome = train.run(recipe, folder, resume=resume, deadline=deadline, on_progress=show)
    for note in outcome.notes:
        print(note, file=sys.stderr)
    print(f"{outcome.status} at step {outcome.step} of {recipe.steps}: {folder}")
    if outcome.status == "paused":
        print("go on with the same command and --resume")
    return folder, outcome


def _recipe(name: str, overrides: list[str] | None, data: str | None) -> VggRecipe | DlnRecipe:
    from bnverify.experiments.run import recipes

    return recipes.override(
        recipes.named(name), [*(overrides or []), *([f"data={data}"] if data is not None else [])]
    )


def _train(
    recipe: Annotated[str, typer.Argument(help="Name of a recipe; an unknown one lists them all.")],
    overrides: Set = None,
    data: Data = None,
    out: Out = None,
    resume: Resume = False,
    budget: Budget = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write event files as well.")] = False,
) -> None:
    """Train one recipe and record it in a folder."""
    from bnverify.experiments.run import events, record

    chosen = _recipe(recipe, overrides, data)
    if tensorboard:
        events.require()
    folder, _ = _run(chosen, recipe, out, resume, budget)
    if tensorboard:
        print(events.write(record.read(folder)))


def _insert(
    recipe: Annotated[str, typer.Argument(help="Name of an insertion recipe.")] = "insert-quick",
    overrides: Set = None,
    data: Data = None,
    out: Out = None,
    resume: Resume = False,
    budget: Budget = None,
) -> None:
    """Insert one matched BatchNorm at every layer of a plain network, along its training, and compare."""
    from rich.console import Console
    from rich.table import Table

    chosen = _recipe(recipe, overrides, data)
    if not getattr(chosen, "insert", False):
        raise InputError(
            f"recipe {recipe!r} inserts nothing; expected insert-quick, insert-dln-quick, insert-paper or "
            "insert-dln-linear, or --set insert=true"
        )
    folder, _ = _run(chosen, recipe, out, resume, budget)
    from bnverify.experiments.measure import views
    from bnverify.experiments.measure.averages import geometric_mean
    from bnverify.experiments.run import record

    quantities = (
        "activation_grad",
        "activation_curvature",
        "layer_grad",
        "layer_curvature",
        "grad",
        "beta_max",
    )
    table = Table(title="with the BatchNorm / without it, geometric mean over the measured steps")
    for column in ("layer", *quantities):
        table.add_column(column, justify="right")
    run = record.read(folder)
    rows = [found for view in views.views(run) for row in view.rows for found in row["insertions"]]
    for layer in sorted({row["layer"] for row in rows}):
        here = [row for row in rows if row["layer"] == layer]
        ratios = [
            geometric_mean([abs(r["inserted"][q]) / abs(r["plain"][q]) for r in here if r["plain"][q]])
            for q in quantities
        ]
        table.add_row(str(layer), *[f"{ratio:.3g}" for ratio in ratios])
    Console().print(table)


def _reproduce(
    preset: Annotated[
        str,
        typer.Option(
            help="quick, linear, beyond or desk (two CPU cores: 15 min, 30 min, 1 h, 3 h), h100 or paper (a GPU)."
        ),
    ] = "quick",
    figure: Annotated[list[str] | None, typer.Option(help="Only what this figure needs; repeatable.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Seeds of every network.")] = None,
    data: Data = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1 ...")] = None,
    workers: Annotated[
        int | None, typer.Option(help="Runs at a time; 2 by default, 16 for the presets of a GPU.")
    ] = None,
    backend: Annotated[str, typer.Option(help="loky, dask or ray.")] = "loky",
    overrides: Set = None,
    out: Annotated[Path | None, typer.Option(help="Output folder; runs/<preset> by default.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what the folder holds.")] = False,
    budget: Budget = None,
    note: Annotated[str, typer.Option(help="A remark kept in the summary.")] = "",
) -> None:
    """Train, measure and judge every empirical claim; write runs, figures and a summary."""
    from bnverify.base.terminal import meter
    from bnverify.experiments import figures
    from bnverify.experiments.run import begin, plans, presets
    from bnverify.experiments.run.recipes import VggRecipe

    if backend not in ("loky", "dask", "ray"):
        raise InputError(f"--backend {backend!r}; expected loky, dask or ray")
    options.at_least(1, "--workers", workers)
    options.at_least(1, "--seeds", seeds)
    options.device(device)
    minutes = _minutes(budget)
    if data not in (None, "digits", "cifar10") and not Path(data or "").exists():
        raise InputError(
            f"data {data!r} is neither digits, cifar10, a parquet file nor a folder; name one of these"
        )
    needs = figures.needs(tuple(figure)) if figure else ()

    def plan(depth: int | None = None, init: Any = None) -> list[plans.Planned]:
        return plans.plan(
            preset,
            seeds=seeds,
            data=data,
            device=device,
            needs=needs,
            overrides=tuple(overrides or ()),
            depth=depth,
            init=init,
        )

    planned = plan()
    folder = out or Path("runs") / preset
    begin.begin(folder, preset, resume=resume)
    from bnverify.experiments.judge import summary
    from bnverify.experiments.run import reproduce, screen

    wanted = workers or presets.preset(preset).workers
    busy = reproduce.at_most(wanted, len(planned), backend)  # type: ignore[arg-type]
    if busy < (workers or 0):
        print(f"--workers {workers}: {busy} are used, one a core and a run at most", file=sys.stderr)
    began = time.monotonic()

    def run(runs: list[plans.Planned], name: str) -> dict[str, Outcome]:
        at_work = reproduce.AtWork(runs, folder, busy)

        def show(last: str = "") -> None:
            runs_said = f"{len(at_work.ended)} of {len(runs)} runs{last}"
            tick(f"{name}, steps", at_work.done(), at_work.total, runs_said)

        def done(path: str, outcome: Outcome) -> None:
            at_work.end(path, outcome)
            show(f", {path} {outcome.status}")

        with meter() as tick, _interruptible(folder), begin.only_with_runs(folder):
            show()
            return reproduce.run_all(
                runs,
                folder,
                workers=wanted,
                backend=backend,  # type: ignore[arg-type]
                minutes=None if minutes is None else minutes - (time.monotonic() - began) / 60,
                on_done=done,
            )

    def screens(runs: list[plans.Planned]) -> bool:
        return all(outcome.status != "paused" for outcome in run(runs, "screen").values())

    thin = next((p.recipe for p in planned if p.family == "vgg" and isinstance(p.recipe, VggRecipe)), None)
    if presets.preset(preset).rounding and thin is not None:
        with begin.only_with_runs(folder):
            _rounding(folder, thin)
    if presets.preset(preset).screened and thin is not None:
        screened = screen.choose(folder, thin, screens)
        if screened is None:
            print("the screen is not at its end; go on with the same command and --resume")
            return
        says = screen.says(screened, thin.steps)
        print(says)
        note = f"{note}; {says}" if note else says
        planned = plan(screened.depth, screened.init)
    outcomes = run(planned, "runs")
    for path, outcome in outcomes.items():
        for line in outcome.notes:
            print(f"{path}: {line}", file=sys.stderr)
    paused = [path for path, outcome in outcomes.items() if outcome.status == "paused"]
    if paused:
        print(
            f"{len(paused)} of {len(planned)} runs are not at their end; go on with the same command and "
            "--resume"
        )
        return
    command = "bnverify " + shlex.join(sys.argv[1:])
    _, judged = summary.write(folder, command, note)
    show_badges(judged)
    _draw(folder, figure)
    print(
        f"{len(planned)} runs in {(time.monotonic() - began) / 60:.1f} minutes: {folder}/summary.json, "
        f"{folder}/figures"
    )


def _rounding(folder: Path, recipe: VggRecipe) -> None:
    """Compare the roundings once, before anything is trained; ``rounding.json`` keeps what came out."""
    import json

    from rich.console import Console
    from rich.table import Table

    from bnverify.base.files import write_text
    from bnverify.experiments.run import rounding

    path = folder / "rounding.json"
    if path.exists():
        return
    rows = rounding.table(recipe)
    write_text(path, json.dumps(rows, indent=1) + "\n")
    table = Table(title="how far each statistic is from its value in float64, the worst network")
    for column in ("statistic", "network", "float64", "TF32", "float32"):
        table.add_column(column)
    for row in rounding.worst(rows):
        tf32 = "–" if row["tf32"] is None else f"{row['tf32']:.1e}"
        table.add_row(row["statistic"], row["norm"], f"{row['value']:.4g}", tf32, f"{row['fp32']:.1e}")
    Console().print(table)


def _draw(folder: Path, figure: list[str] | None) -> list[Path]:
    from bnverify.experiments import figures
    from bnverify.experiments.run import record

    return figures.draw_all(record.runs_under(folder), folder / "figures", figure or ())


def _figures(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that bnverify reproduce wrote.")],
    figure: Annotated[list[str] | None, typer.Option(help="Only this figure; repeatable.")] = None,
) -> None:
    """Draw every figure that the runs of a folder allow, as PDF, SVG and PNG, and judge the claims again.

    They go to DIR/figures and DIR/summary.json; bnverify report DIR shows both as one page.
    """
    from bnverify.experiments import figures
    from bnverify.experiments.judge import summary
    from bnverify.experiments.run import record

    if figure:
        figures.needs(tuple(figure))  # an unknown one is named before anything is judged
    found = record.runs_under(folder)
    unfinished = sum(run.result is None for run in found)
    if unfinished == len(found):
        raise InputError(
            f"none of the {unfinished} runs in {folder} has ended; go on with bnverify reproduce --resume"
        )
    # What has not ended may leave seeds that some networks have and others have not.
    _, judged = summary.write(folder, common=unfinished > 0)
    show_badges(judged)
    for path in _draw(folder, figure):
        print(path)
    if unfinished:
        print(f"{unfinished} of {len(found)} runs have not ended and are left out", file=sys.stderr)


def _notes(
    results: Annotated[
        Path | None,
        typer.Argument(help="Folder of summaries; the installed ones if none.", show_default=False),
    ] = None,
    out: Annotated[Path, typer.Option("--out", help="The document.")] = Path("notes/reproduction.md"),
) -> None:
    """Write notes/reproduction.md from the summaries in notes/results."""
    from bnverify.base.files import write_text
    from bnverify.experiments.report import reproduction_notes
    from bnverify.theory.results import RESULTS

    write_text(out, reproduction_notes.render(results or RESULTS))
    print(out)


def _compact(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder that bnverify reproduce wrote.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A new folder for the compact runs.")],
) -> None:
    """Keep every statistic of the runs at every measured step, in a hundredth of the space; bnverify judge reads it."""
    from bnverify.experiments.measure import compact

    places = compact.compact_all(folder, out)
    size = sum(file.stat().st_size for place in places for file in place.iterdir())
    print(f"{len(places)} runs, {size / 2**20:.1f} MiB: {out}")


def register(app: typer.Typer) -> None:
    """Add the commands of the reproduction to ``app``."""
    commands: dict[str, Any] = {
        "train": _train,
        "insert": _insert,
        "reproduce": _reproduce,
        "figures": _figures,
        "compact": _compact,
        "reproduction-notes": _notes,
    }
    for name, command in commands.items():
        app.command(name)(command)
