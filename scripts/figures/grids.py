"""The newest sample grids of several runs side by side.

    python scripts/figures/grids.py outputs/dcgan-mnist/RUN outputs/san-mnist/RUN

Of a folder that holds several runs the first is shown.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from gan_experiments.reports.pictures import opened
from gan_experiments.runs import runs_below

GAP = 8  # pixels between grids


def newest(folder: Path) -> Image.Image:
    """The last grid of the first run in `folder` that has one."""
    for run in runs_below(folder):
        for path in reversed(run.samples()):
            if (grid := opened(run, path)) is not None:
                return grid
    raise SystemExit(f"grids.py: error: {folder} holds no run with a grid of samples")


def beside(grids: Sequence[Image.Image]) -> Image.Image:
    """Grids from left to right, on white."""
    size = sum(grid.width + GAP for grid in grids) - GAP, max(grid.height for grid in grids)
    picture = Image.new("RGB", size, "white")
    left = 0
    for grid in grids:
        picture.paste(grid, (left, 0))
        left += grid.width + GAP
    return picture


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--output", type=Path, default=Path("outputs/figures/grids.png"))
    arguments = parser.parse_args(argv)
    picture = beside([newest(folder) for folder in arguments.runs])
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    picture.save(arguments.output, quality=85)
    print(arguments.output)


if __name__ == "__main__":
    main()
