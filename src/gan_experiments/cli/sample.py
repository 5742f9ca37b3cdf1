"""`gan-sample`: images from a checkpoint alone."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from gan_experiments.cli.command import command
from gan_experiments.errors import UserError

if TYPE_CHECKING:
    import torch

    from gan_experiments.models import LatentModel
    from gan_experiments.training.restore import Restored
    from gan_experiments.types import Inputs

PICTURES = (".png", ".jpg", ".jpeg", ".webp")
BATCH = 256  # images at a time


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gan-sample",
        description="Images from a trained model: a grid (the default), single files, an interpolation, or "
        "translations of the images in a folder. "
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
        help="images to translate; or real images for --reconstruct, or for --interpolate to walk between. data: "
        "the run's own test images (taken where nothing else is said)",
    )
    parser.add_argument(
        "--direction", help="of a model that translates both ways: a_to_b or b_to_a (default: a_to_b)"
    )
    parser.add_argument(
        "--steps", type=int, default=10, help="images in a row of --interpolate (default: %(default)s)"
    )
    parser.add_argument(
        "--output", type=Path, help="file or folder to write (default: samples/ in the run's folder)"
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help="of the latents, or of a translator's noise (default: %(default)s)",
    )
    parser.add_argument(
        "--label", help="the class to draw, by name or number, for models that are told it (default: all)"
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
    path = locate(arguments.run, arguments.checkpoint)
    from gan_experiments.training.restore import Restored

    restored = Restored(path, device_of(arguments.device), arguments.module)
    if arguments.label is not None:
        arguments.label = restored.label(arguments.label)
    folder = path.parent.parent / "samples" if path.parent.name == "checkpoints" else path.parent
    if restored.shape.source is not None:
        from gan_experiments.cli.translate import translate

        translate(restored, arguments)
        return
    if arguments.direction:
        raise UserError("--direction belongs to models that translate images")
    if arguments.source and not (arguments.reconstruct or arguments.interpolate):
        raise UserError("--from belongs to --reconstruct, --interpolate and models that translate images")
    step = f"step_{restored.step:08d}"
    if not restored.shape.bounded:
        output = target(arguments.output or folder / f"points_{step}.npy", ".npy")
        print(write_points(restored, arguments, output))
    elif arguments.images is not None:
        label = "" if arguments.label is None else f"_label_{arguments.label}"
        print(
            write_files(
                restored,
                arguments,
                arguments.output or folder / f"images_{step}_seed_{arguments.seed}{label}",
            )
        )
    else:
        kinds = {"interpolation": arguments.interpolate, "reconstruction": arguments.reconstruct}
        kind = next((name for name, wanted in kinds.items() if wanted), "grid")
        output = target(arguments.output or folder / f"{kind}_{step}.png", *PICTURES)
        print(write_picture(restored, arguments, output))


def target(path: Path, *endings: str) -> Path:
    """A file that can be written; raises UserError for a folder or an ending that says another kind."""
    if path.is_dir() or path.suffix.lower() not in endings:
        raise UserError(f"--output {path}: this writes one file, whose name ends in {' or '.join(endings)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


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

    from gan_experiments.models import LatentModel
    from gan_experiments.training.recorder import columns_of, grid_of

    model = restored.model
    assert isinstance(model, LatentModel)
    if arguments.reconstruct:
        from gan_experiments.cli import real

        images = real.real_images(restored, arguments.source or real.OWN, arguments.reconstruct)
        picture = columns_of(real.panels(restored, images))
    elif arguments.interpolate:
        images = restored.generate(walks(restored, model, arguments))
        picture = make_grid((images + 1) / 2, nrow=arguments.steps, padding=1).clamp(0, 1)
    else:
        inputs = restored.feed(arguments.seed, arguments.label).take(arguments.grid or 64)
        picture = grid_of(restored.generate(inputs if arguments.label is not None else model.ordered(inputs)))
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
    feed = restored.feed(arguments.seed, arguments.label)
    np.save(path, restored.generate(feed.take(arguments.images or arguments.grid or 64)).flatten(1).numpy())
    return path


def walks(restored: Restored, model: LatentModel, arguments: argparse.Namespace) -> Inputs:
    """Inputs, rows * steps of them: each row goes from one draw, or one real image's code, to another."""
    import torch

    from gan_experiments.types import Inputs

    rows, steps = arguments.interpolate, arguments.steps
    if arguments.source:
        from gan_experiments.cli import real

        ends = real.encode(restored, real.real_images(restored, arguments.source, 2 * rows))
    else:
        ends = restored.feed(arguments.seed, arguments.label).take(2 * rows)
    weights = torch.linspace(0, 1, steps, device=restored.device)[:, None]
    ways = []
    for row in range(rows):
        start, end = (ends[slice(index, index + 1)].repeated(steps) for index in (row, rows + row))
        ways.append(model.between(start, end, weights))
    return Inputs.concatenated(ways)


def write_files(restored: Restored, arguments: argparse.Namespace, folder: Path) -> Path:
    """One file for each image; raises UserError for a folder that has images in it already."""
    from PIL import Image

    from gan_experiments.training.recorder import to_uint8

    if folder.exists() and not folder.is_dir():
        raise UserError(f"--output {folder}: --images writes a folder of files, and this is a file")
    if any(folder.glob("image_*.png")):
        raise UserError(f"{folder} has images in it already: name another folder with --output")
    folder.mkdir(parents=True, exist_ok=True)
    feed = restored.feed(arguments.seed, arguments.label)
    for start in range(0, arguments.images, BATCH):
        inputs = feed.take(min(BATCH, arguments.images - start))
        for index, image in enumerate(to_uint8(restored.generate(inputs)), start):
            pixels = image.permute(1, 2, 0).squeeze(2).numpy()
            Image.fromarray(pixels).save(folder / f"image_{index:06d}.png")
    return folder


if __name__ == "__main__":
    raise SystemExit(main())
