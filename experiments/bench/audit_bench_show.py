"""The findings of the audit's benchmarks, a line or two each."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any

from rich.console import Console


def _ranged(spread: dict[str, float]) -> str:
    return f"{spread['median']:.2f}x [{spread['least']:.2f}, {spread['most']:.2f}]"


def _show_first(data: dict[str, Any], out: Console) -> None:
    for race in data["races"]:
        plain = race["seconds"]["plain"]["median"]
        out.print(
            f"{race['model']}, {race['layers']} layers, batch {race['batch']}: plain pass {plain:.2f} s"
        )
        for which, spread in race["ratio"].items():
            memory = race["memory"][which]
            out.print(
                f"  {which}: {_ranged(spread)} its time (asked: {data['limits']['time']}x), "
                f"{memory:.2f}x its memory (asked: {data['limits']['memory']}x)"
            )


def _show_second(data: dict[str, Any], out: Console) -> None:
    for model in data["models"]:
        both = [row["both"] for row in model["layers"]]
        everything = [row["all"] for row in model["layers"]]
        out.print(
            f"{model['model']}, batch {model['batch']}: both forms {statistics.mean(both):.2f} passes a layer, "
            f"at most {max(both):.2f} (asked: {data['limit']:g}); with v'Hv and g'Hg "
            f"{statistics.mean(everything):.2f}, at most {max(everything):.2f}; "
            f"shared by all layers {model['shared']:.2f}"
        )


def _show_channels(data: dict[str, Any], out: Console) -> None:
    for place in data["places"]:
        out.print(
            f"{data['model']}, layer {place['layer']} ({place['downstream']} of the model lies downstream), "
            f"{place['channels']} channels, batch {data['batch']}:"
        )
        for which, spread in place["ratio"].items():
            gap = place["largest_disagreement"][which]
            out.print(
                f"  ours is {_ranged(spread)} faster than {which} (asked: {place['limit']:g}x; largest "
                f"relative disagreement {gap:.0e})"
            )
    for name, why in data["absent"].items():
        out.print(f"  {name}: {why}", style="dim")


def _show_recorder(data: dict[str, Any], out: Console) -> None:
    out.print(
        f"{data['model']}, batch {data['batch']}, every {data['every']} steps: "
        f"{100 * data['share_in_hooks_and_tables']:.2f} % of the run in hooks and tables; a recorded step takes "
        f"{_ranged(data['race']['ratio']['recorded'])}, {100 * data['share_from_a_recorded_step']:.2f} % of a run "
        f"(asked: {100 * data['limit']:g} %)"
    )


def _show_growth(data: dict[str, Any], out: Console) -> None:
    for line in data["series"]:
        x, y = line["points"][-1]
        out.print(
            f"{line['work']} against {line['against']} ({line['fixed']}): slope {line['slope']:.2f}; "
            f"{1e3 * y:.1f} ms at {line['against']} {x}"
        )


PRINTERS: dict[str, Callable[[dict[str, Any], Console], None]] = {
    "audit-first-order": _show_first,
    "audit-second-order": _show_second,
    "audit-per-channel": _show_channels,
    "audit-recorder": _show_recorder,
    "audit-growth": _show_growth,
}
"""What `bnverify.experiments.bench.sections.PRINTERS` gains."""
