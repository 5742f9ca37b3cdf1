"""Whether generated images repeat real ones: the nearest real images in feature space."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from gan_experiments.metrics.features import Features
from gan_experiments.metrics.neighbours import nearest
from gan_experiments.metrics.reference import Reference, draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NEIGHBOURS = 5  # real images shown beside a generated one
COMPARED = 1000  # real images whose nearest other ones are the measure
SUSPECT = 0.01  # so many real images are as near to another one


@dataclass
class Nearest:
    """The nearest real images of generated ones, and how near real images are to one another.

    `distances` and `places` (n, NEIGHBOURS) of each generated image's neighbours among the real ones. `usual`:
    distance (m,) of real images to the nearest other one.
    """

    distances: Tensor
    places: Tensor
    usual: Tensor

    @property
    def suspect(self) -> float:
        """Share of generated images nearer to a real one than one real image in a hundred: about .01 is usual."""
        return float((self.distances[:, 0] < self.usual.quantile(SUSPECT)).double().mean())

    def figures(self) -> dict[str, float]:
        """Medians of the distance to the nearest real image, and the share of suspects."""
        return {
            "generated_to_real": float(self.distances[:, 0].median()),
            "real_to_real": float(self.usual.median()),
            "suspects": self.suspect,
        }


def find(generated: Features, real: Reference) -> Nearest:
    """The neighbours of every generated image among all the real ones."""
    device = real.extractor.device
    everything = real.features.pooled.to(device)
    distances, places = nearest(generated.pooled.to(device), everything, min(NEIGHBOURS, len(everything) - 1))
    sample = everything[draw(len(everything), COMPARED, real.seed).to(device)]
    usual = nearest(sample, everything, 2)[0][:, 1]  # the first is the image itself
    return Nearest(distances.cpu(), places.cpu(), usual.cpu())


def draw_neighbours(
    closest_real: Nearest, real: Reference, pick: Callable[[Sequence[int]], Mapping[int, Tensor]], count: int
) -> Figure:
    """Generated images beside their nearest real ones, with distances: the first `count`, and the nearest `count`.

    `pick` gives generated images, uint8 (c, h, w), by their places.
    """
    closest = closest_real.distances[:, 0].argsort(stable=True)[:count].tolist()
    panels = {
        "the first generated images": list(range(len(closest))),
        "those nearest to a real image": closest,
    }
    images = pick(sorted({row for rows in panels.values() for row in rows}))
    width, lines = 1 + closest_real.places.shape[1], len(closest)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.9 * width, 1.05 * lines + 0.7), layout="constrained")
    figure.suptitle(
        f"nearest real images and their distances; between real images usually {closest_real.usual.median():.3g}",
        fontsize=9,
    )
    halves = figure.subfigures(1, 2, wspace=0.05, squeeze=False)[0]
    for part, (title, rows) in zip(halves, panels.items(), strict=True):
        part.suptitle(title, fontsize=8)
        for axes, row in zip(part.subplots(lines, width, squeeze=False), rows, strict=True):
            places = real.rows[closest_real.places[row]].numpy()
            near = [torch.from_numpy(image) for piece in real.images.pieces(places) for image in piece]
            texts = ["generated", *(f"{distance:.3g}" for distance in closest_real.distances[row])]
            for place, image, text in zip(axes, [images[row], *near], texts, strict=True):
                _show(place, image, text)
    return figure


def _show(axes: Axes, image: Tensor, title: str) -> None:
    axes.set_axis_off()
    axes.imshow(image.permute(1, 2, 0).numpy(), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_title(title, fontsize=6, pad=2, color="tab:red" if title == "generated" else "black")


def draw_modes(generated: Tensor, real: Tensor) -> Figure:
    """The shares (classes,) that a classifier says generated images have of each class, beside the real ones'."""
    classes = len(generated)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(max(4.5, 0.45 * classes + 1.5), 3), layout="constrained")
    axes = figure.add_subplot()
    places = np.arange(classes)
    axes.bar(places - 0.2, generated.numpy(), 0.4, label="generated", color="tab:orange")
    axes.bar(places + 0.2, real.numpy(), 0.4, label="real", color="tab:blue")
    axes.axhline(1 / classes, color="black", linewidth=0.8, linestyle=":", label="uniform")
    axes.set(xlabel="class", ylabel="share of images", xticks=places.tolist())
    axes.set_ylim(0, 1.2 * float(torch.cat([generated, real]).max()))  # room for the legend
    axes.legend(frameon=False, fontsize=8, ncols=3)
    return figure
