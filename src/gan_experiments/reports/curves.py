"""Curves of figures and losses as SVG."""

from __future__ import annotations

import io
import math
import statistics
from collections import defaultdict
from typing import TYPE_CHECKING

from gan_experiments.reports.events import scalars
from gan_experiments.reports.groups import Group
from gan_experiments.reports.text import plain
from gan_experiments.runs import RunFolder

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 500  # of a loss curve
SIZE = (5.2, 3.2)  # inches


def figure_curves(name: str, groups: list[Group]) -> str:
    """One figure over the images seen: a line a group, the mean over its seeds, and their range."""
    figure, axes = _figure()
    for group in groups:
        points: dict[int, list[float]] = defaultdict(list)
        for run in group.runs:
            for row in run.evaluations:
                if math.isfinite(row["metrics"].get(name, math.nan)):
                    points[row["images_seen"]].append(row["metrics"][name])
        if not points:
            continue
        seen = sorted(points)
        (line,) = axes.plot(
            seen, [statistics.fmean(points[x]) for x in seen], "o-", ms=3, label=_safe(group.name)
        )
        lows, highs = [min(points[x]) for x in seen], [max(points[x]) for x in seen]
        axes.fill_between(seen, lows, highs, alpha=0.15, color=line.get_color())
    axes.set(title=_safe(name), xlabel="images seen")
    return _svg(figure)


def loss_curves(run: RunFolder) -> str | None:
    """The losses of a run's phases over its steps, or None where the run has left none."""
    losses = {tag: points for tag, points in scalars(run, "loss/").items() if tag.count("/") == 1}
    if not losses:
        return None
    figure, axes = _figure()
    for tag, points in losses.items():
        thinned = points[:: max(1, len(points) // POINTS)]
        axes.plot(*zip(*thinned, strict=True), lw=1, label=_safe(tag.removeprefix("loss/")))
    axes.set(title="losses", xlabel="step")
    return _svg(figure)


def _safe(text: str) -> str:
    """matplotlib reads what stands between two $ as mathematics."""
    return plain(text).replace("$", r"\$")


def _figure() -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.subplots()
    axes.grid(alpha=0.3)
    return figure, axes


def _svg(figure: Figure) -> str:
    import matplotlib

    (axes,) = figure.axes
    if 1 < len(axes.get_lines()) <= 10 or axes.get_title() == "losses":
        axes.legend(fontsize=7)
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "gan-report"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
