"""Published runs as curves: a figure over images or seconds of training, the mean of each method's seeds and their range.

    python scripts/figures/curves.py docs/results/data/mnist_ten_epochs --methods san,gan --over cpu_seconds

The runs are the small files that scripts/reproduce.py leaves in data/ and docs/results/data keeps.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, LogFormatter

from gan_experiments.figures import direction
from gan_experiments.reports import published

COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#56b4e9",
    "#e69f00",
    "#000000",
    "#999999",
)  # Okabe & Ito
STYLES = [(colour, line) for line in ("-", "--") for colour in COLOURS]
AXES = {
    "images_seen": "real images",
    "cpu_seconds": "CPU seconds of training",
    "training_seconds": "seconds of training",
    "step": "updates",
}
GAP = 0.045  # between names at the lines' ends, of the axis' height


def read(folder: Path, methods: Sequence[str]) -> dict[str, list[list[dict[str, Any]]]]:
    """The evaluations of every run in `folder`, by what it varied: "san", or "san r1" with an option that others lack.

    methods: which of them, and in what order; all where it is empty.
    """
    runs: dict[str, list[list[dict[str, Any]]]] = {}
    for run in published.read(folder):
        runs.setdefault(run.name, []).append(run.evaluations)
    if not runs:
        raise SystemExit(f"{folder} has no files of runs")
    missing = sorted(set(methods) - set(runs))
    if missing:
        raise SystemExit(f"{folder} has no runs of {', '.join(missing)}; it has: {', '.join(runs)}")
    return {name: runs[name] for name in methods or runs}


def curve(runs: list[list[dict[str, Any]]], figure: str, over: str) -> np.ndarray:
    """Rows of x, mean, least and greatest value (n, 4), at the evaluations that every run has."""
    if any(figure not in row["metrics"] or over not in row for run in runs for row in run):
        raise SystemExit(
            f"not every evaluation has {figure} and {over}; they have: {', '.join(runs[0][0]['metrics'])}"
        )
    shared = min(map(len, runs))
    x = np.array([[row[over] for row in run[:shared]] for run in runs], dtype=float).mean(0)
    values = np.array([[row["metrics"][figure] for row in run[:shared]] for run in runs], dtype=float)
    return np.stack([x, values.mean(0), values.min(0), values.max(0)], axis=1)


def draw(axes: Axes, curves: dict[str, np.ndarray], figure: str, over: str) -> None:
    axes.set(xlabel=AXES[over], title=figure)
    for (name, points), (colour, line) in zip(curves.items(), STYLES, strict=False):
        axes.plot(points[:, 0], points[:, 1], line, color=colour, marker=".", label=name)
        axes.fill_between(points[:, 0], points[:, 2], points[:, 3], color=colour, alpha=0.15, linewidth=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.3)
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    if direction(figure) < 0:  # distances fall by factors
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter(
            LogFormatter(minor_thresholds=(2, 0.4))
        )  # numbers where decades are few
    axes.yaxis.set_major_formatter("{x:g}")
    axes.set_xlim(left=0)
    name_lines(axes, curves)


def name_lines(axes: Axes, curves: dict[str, np.ndarray]) -> None:
    """Each line's name at its end, moved where it would cover another."""
    to_axes = axes.transData - axes.transAxes
    right = max(points[-1, 0] for points in curves.values())
    ends = sorted(zip(curves.items(), STYLES, strict=False), key=lambda item: item[0][1][-1, 1])
    heights = [to_axes.transform((right, points[-1, 1]))[1] for (_, points), _ in ends]
    for ((name, _), (colour, _)), place in zip(ends, apart(heights), strict=True):
        axes.annotate(
            f" {name}",
            (right, place),
            xycoords=("data", "axes fraction"),
            color=colour,
            va="center",
            annotation_clip=False,
        )


def apart(heights: Sequence[float]) -> list[float]:
    """Rising heights at least GAP apart: moved up, and down again from the axis' end."""
    places: list[float] = []
    for height in heights:
        places.append(max(height, places[-1] + GAP) if places else height)
    above = 1 + GAP
    for index in reversed(range(len(places))):
        places[index] = above = min(places[index], above - GAP)
    return places


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="of files that reproduce.py wrote")
    parser.add_argument("--methods", default="", help=f"up to {len(STYLES)} of them: san,gan")
    parser.add_argument("--figures", default="fd_lenet", help="a panel each: fd_lenet,recall_lenet")
    parser.add_argument("--over", choices=AXES, default="images_seen")
    parser.add_argument("--output", type=Path, default=Path("outputs/figures/curves.png"))
    arguments = parser.parse_args()
    runs = read(arguments.folder, [name for name in arguments.methods.split(",") if name])
    if len(runs) > len(STYLES):
        raise SystemExit(f"{len(runs)} methods are more than a picture shows: choose with --methods")
    figures = arguments.figures.split(",")
    figure = Figure(figsize=(1 + 5 * len(figures), 4), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(figures), squeeze=False)[0], figures, strict=True):
        draw(
            axes, {model: curve(of, name, arguments.over) for model, of in runs.items()}, name, arguments.over
        )
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(arguments.output, dpi=120)
    print(arguments.output)


if __name__ == "__main__":
    main()
