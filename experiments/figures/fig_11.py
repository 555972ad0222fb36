"""Figure 11: gradient change against the distance moved along the gradient."""

from __future__ import annotations

from bnverify.experiments.figures import panels, style
from bnverify.experiments.verdicts import Shelf
from matplotlib.figure import Figure

LR = 0.1


def draw(shelf: Shelf) -> Figure | None:
    """The figure, one panel for each of four steps of the training, every seed a line; None without runs."""
    networks = {norm: shelf.seeds("vgg", norm, LR) for norm in ("none", "batchnorm")}
    view = panels.first(networks["none"])
    if view is None or not all(networks.values()):
        return None
    shown = [round(share * (len(view.rows) - 1)) for share in (0, 1 / 3, 2 / 3, 1)]
    figure, axes = style.canvas(1, len(shown))
    for panel, i in zip(axes[0], shown, strict=True):
        for norm, seeds in networks.items():
            label: str | None = style.NAMES[norm]
            for one in seeds.values():
                if i < len(one.rows) and one.rows[i]["ray"]["direction_norm"]:
                    ray = one.rows[i]["ray"]
                    distances = [t * ray["direction_norm"] for t in ray["lengths"]]
                    changes = [float("nan") if c is None else c for c in ray["changes"]]
                    panel.plot(
                        distances,
                        changes,
                        color=style.COLOURS[norm],
                        linestyle=style.STYLES[norm],
                        label=label,
                    )
                    label = None
        panel.set(title=f"step {view.rows[i]['step']}", xlabel="distance", ylabel="gradient change")
        panel.set(xscale="log", yscale="log")
    style.legend(axes[0][0])
    return figure
