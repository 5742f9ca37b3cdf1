"""How samples are shown: as images, or as points of a plane."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor

from gan_experiments.grids import grid, panels_grid
from gan_experiments.types import ImageShape

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Scores = Callable[[Tensor], Tensor | None]


class View(Protocol):
    """`count`: how many samples a picture has, `panel_count`: how many images with what became of them."""

    count: int
    panel_count: int

    def picture(self, samples: Tensor, scores: Scores | None = None) -> Tensor:
        """A picture (3, H, W) in [0, 1] of samples (n, c, h, w); `scores` is the discriminator."""

    def panels(self, panels: Mapping[str, Tensor]) -> Tensor:
        """The same, of images and what became of them, by name; the last is what became of them in the end."""


class ImageView:
    """Images in a grid."""

    count = 64
    panel_count = 32

    def picture(self, samples: Tensor, scores: Scores | None = None) -> Tensor:
        return grid(samples)

    def panels(self, panels: Mapping[str, Tensor]) -> Tensor:
        return panels_grid(panels)


class PointView:
    """Points over the real ones, with the discriminator's level sets and the gradient that the generator follows.

    Of more than two coordinates the first two are shown, of one its density.
    """

    count = panel_count = 2000

    def __init__(self, real: Tensor) -> None:
        self.real = real.flatten(1).cpu()

    def picture(self, samples: Tensor, scores: Scores | None = None) -> Tensor:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(5, 5), dpi=100, layout="constrained")
        axes = figure.add_subplot()
        points = samples.flatten(1).cpu()
        if points.shape[1] == 1:
            self._densities(axes, points, scores, samples.device)
        else:
            self._scatter(axes, points)
            if points.shape[1] == 2 and scores is not None:
                self._field(axes, scores, samples.device)
        axes.legend(frameon=False, loc="upper right")
        return raster(figure)

    def panels(self, panels: Mapping[str, Tensor]) -> Tensor:
        return self.picture([*panels.values()][-1])

    def _limits(self, margin: float = 0.35) -> tuple[np.ndarray, np.ndarray]:
        low, high = (edge.values[:2].numpy() for edge in (self.real.min(0), self.real.max(0)))
        width = margin * (high - low)
        return low - width, high + width

    def _scatter(self, axes: Axes, points: Tensor) -> None:
        low, high = self._limits()
        for name, values, colour in (("real", self.real, "tab:blue"), ("generated", points, "tab:orange")):
            x, y = values[:, :2].T.numpy()
            axes.scatter(x, y, s=6, c=colour, label=name, linewidths=0, zorder=2)
        axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), aspect="equal")

    def _field(
        self, axes: Axes, scores: Scores, device: torch.device, side: int = 61, stride: int = 4
    ) -> None:
        low, high = self._limits()
        x, y = (np.linspace(low[i], high[i], side, dtype=np.float32) for i in range(2))
        mesh = torch.from_numpy(np.stack(np.meshgrid(x, y), -1).reshape(-1, 2, 1, 1)).to(device)
        values = scores(mesh)
        if values is None:
            return
        height = values.float().cpu().numpy().reshape(side, side)
        axes.contourf(x, y, height, levels=20, cmap="Greys", alpha=0.5, zorder=0)
        down, across = np.gradient(height, y, x)
        coarse = slice(None, None, stride)
        axes.quiver(
            x[coarse],
            y[coarse],
            across[coarse, coarse],
            down[coarse, coarse],
            color="tab:green",
            width=0.003,
            zorder=1,
        )

    def _densities(self, axes: Axes, points: Tensor, scores: Scores | None, device: torch.device) -> None:
        (low,), (high,) = self._limits(1.0)
        bins = np.linspace(low, high, 80).tolist()
        for name, values, colour in (("real", self.real, "tab:blue"), ("generated", points, "tab:orange")):
            axes.hist(
                values[:, 0].clamp(float(low), float(high)).numpy(),
                bins,
                density=True,
                alpha=0.5,
                color=colour,
                label=name,
            )
        line = torch.linspace(float(low), float(high), 200)
        height = None if scores is None else scores(line.view(-1, 1, 1, 1).to(device))
        if height is not None:
            axes.twinx().plot(line.numpy(), height.float().cpu().numpy(), color="black")


def view(shape: ImageShape, real: Callable[[int], Tensor]) -> View:
    """The view of data of this shape; `real(n)`: n real samples, as training sees them."""
    return ImageView() if shape.bounded else PointView(real(PointView.count))


def raster(figure: Figure) -> Tensor:
    """A drawn figure as a picture (3, H, W) in [0, 1]."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.array(canvas.buffer_rgba())[..., :3]  # type: ignore[no-untyped-call]
    return torch.from_numpy(pixels).permute(2, 0, 1).float() / 255
