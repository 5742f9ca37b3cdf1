"""`gan-sample`: images from a checkpoint alone."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

from gan_experiments.cli.command import command
from gan_experiments.errors import UserError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from gan_experiments.training.restore import Restored


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gan-sample",
        description="Images from a trained model: a grid (the default), single files, or an interpolation. "
        "The checkpoint is all it needs: no data set and no settings.",
    )
    parser.add_argument("run", type=Path, help="a run's folder or a checkpoint file")
    parser.add_argument(
        "--checkpoint",
        default="last",
        help="which of the run's checkpoints: last, best or a step (default: %(default)s)",
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--grid", type=int, metavar="N", help="one picture with N images (default: 64)")
    kind.add_argument("--images", type=int, metavar="N", help="N files, image_000000.png and so on")
    kind.add_argument(
        "--interpolate",
        type=int,
        metavar="N",
        help="one picture with N rows, each a great-circle walk between two latents",
    )
    kind.add_argument(
        "--reconstruct",
        type=int,
        metavar="N",
        help="one picture with N real images, each beside what encoding and decoding makes of it",
    )
    parser.add_argument(
        "--from",
        dest="source",
        metavar="FOLDER",
        help="real images for --reconstruct, or for --interpolate to walk between; data: the run's own test "
        "images (where --reconstruct takes them unless told)",
    )
    parser.add_argument(
        "--steps", type=int, default=10, help="images in a row of --interpolate (default: %(default)s)"
    )
    parser.add_argument(
        "--output", type=Path, help="file or folder to write (default: samples/ in the run's folder)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of the latents (default: %(default)s)")
    parser.add_argument(
        "--label", type=int, help="the class to draw, for models that are told it (default: all)"
    )
    parser.add_argument("--device", default="cpu", help="torch device (default: %(default)s)")
    parser.add_argument(
        "--module", action="append", default=[], help="a module of your own that the checkpoint may import"
    )
    return parser


def main() -> int:
    return command("gan-sample", run)


def run() -> None:
    arguments = parser().parse_args()
    for name in ("grid", "images", "interpolate", "reconstruct", "steps"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise UserError(f"--{name} must be at least 1, not {value}")
    if arguments.source and not (arguments.reconstruct or arguments.interpolate):
        raise UserError("--from belongs to --reconstruct and --interpolate")
    path = locate(arguments.run, arguments.checkpoint)
    from gan_experiments.training.restore import Restored

    restored = Restored(path, device_of(arguments.device), arguments.module)
    folder = path.parent.parent / "samples" if path.parent.name == "checkpoints" else path.parent
    if not restored.shape.bounded:
        print(
            write_points(
                restored, arguments, arguments.output or folder / f"points_step_{restored.step:08d}.npy"
            )
        )
    elif arguments.images is not None:
        print(write_files(restored, arguments, arguments.output or folder / f"step_{restored.step:08d}"))
    else:
        kinds = {"interpolation": arguments.interpolate, "reconstruction": arguments.reconstruct}
        kind = next((name for name, wanted in kinds.items() if wanted), "grid")
        print(
            write_picture(
                restored, arguments, arguments.output or folder / f"{kind}_step_{restored.step:08d}.png"
            )
        )


def locate(run: Path, which: str) -> Path:
    """The checkpoint file meant by a run's folder and `last`, `best` or a step; raises UserError."""
    if run.is_file():
        return run
    folder = run / "checkpoints"
    path = folder / (f"step_{int(which):08d}.pt" if which.isdecimal() else f"{which}.pt")
    if not run.exists():
        raise UserError(f"there is no run or checkpoint {run}")
    if not path.is_file():
        there = ", ".join(sorted(file.stem for file in folder.glob("*.pt"))) or "none"
        raise UserError(f"{run} has no checkpoint '{which}'; it has: {there}")
    return path


def device_of(name: str) -> torch.device:
    """The device that `--device` names; raises UserError where the machine has none such."""
    import torch

    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"--device {name}: {str(error).splitlines()[0]}") from error
    return device


def write_picture(restored: Restored, arguments: argparse.Namespace, path: Path) -> Path:
    from torchvision.utils import make_grid, save_image

    from gan_experiments.training.recorder import grid_of

    if arguments.reconstruct:
        from gan_experiments.cli import real

        images = real.real_images(restored, arguments.source or real.OWN, arguments.reconstruct)
        pairs = real.beside_reconstructions(restored, images)
        picture = make_grid(
            (pairs + 1) / 2, nrow=2 * math.ceil(math.sqrt(arguments.reconstruct / 2)), padding=1
        ).clamp(0, 1)
    elif arguments.interpolate:
        images = restored.generate(walks(restored, arguments))
        picture = make_grid((images + 1) / 2, nrow=arguments.steps, padding=1).clamp(0, 1)
    else:
        latents = restored.latents(arguments.grid or 64, arguments.seed, arguments.label)
        if arguments.label is None:
            latents = restored.model.shown(latents)
        picture = grid_of(restored.generate(latents))
    path.parent.mkdir(parents=True, exist_ok=True)
    save_image(picture, path)
    return path


def write_points(restored: Restored, arguments: argparse.Namespace, path: Path) -> Path:
    """Generated points, float32 (n, d), as a .npy file."""
    import numpy as np

    if arguments.interpolate or arguments.reconstruct:
        kind = "interpolate" if arguments.interpolate else "reconstruct"
        raise UserError(
            f"--{kind} draws images, and this model generates points; --images N writes N of them"
        )
    points = restored.generate(
        restored.latents(arguments.images or arguments.grid or 64, arguments.seed, arguments.label)
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, points.flatten(1).numpy())
    return path


def walks(restored: Restored, arguments: argparse.Namespace) -> Tensor:
    """Latents (rows * steps, d): each row goes from one draw, or one real image's code, to another."""
    import torch

    rows, steps = arguments.interpolate, arguments.steps
    if arguments.source:
        from gan_experiments.cli import real

        ends = real.codes(restored, real.real_images(restored, arguments.source, 2 * rows))
    else:
        ends = restored.latents(2 * rows, arguments.seed, arguments.label)
    start, end = ends[:, None].chunk(2)
    weights = torch.linspace(0, 1, steps, device=start.device)[:, None]
    return restored.model.between(start, end, weights).flatten(0, 1)


def write_files(restored: Restored, arguments: argparse.Namespace, folder: Path) -> Path:
    from PIL import Image

    from gan_experiments.training.recorder import to_uint8

    folder.mkdir(parents=True, exist_ok=True)
    latents = restored.latents(arguments.images, arguments.seed, arguments.label)
    for start in range(0, arguments.images, 256):
        images = to_uint8(restored.generate(latents[start : start + 256]))
        for index, image in enumerate(images, start):
            pixels = image.permute(1, 2, 0).squeeze(2).numpy()
            Image.fromarray(pixels).save(folder / f"image_{index:06d}.png")
    return folder


if __name__ == "__main__":
    raise SystemExit(main())
