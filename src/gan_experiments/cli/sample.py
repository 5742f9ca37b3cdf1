"""`gan-sample`: images from a checkpoint alone."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from gan_experiments.cli.command import command
from gan_experiments.errors import UserError
from gan_experiments.runs import RunFolder, locate, place
from gan_experiments.writing import writing

if TYPE_CHECKING:
    from PIL.Image import Image

    from gan_experiments.api import TrainedModel

PICTURES = (".png", ".jpg", ".jpeg", ".webp")
FILMS = (".gif", ".mp4")
COUNTED = ("grid", "images", "interpolate", "reconstruct", "neighbours")  # kinds whose option has a number
PLACES = {
    "interpolate": "interpolation",
    "reconstruct": "reconstruction",
}  # their files, where named otherwise
WALKS = 16  # images of a walk
FRAME = 0.08  # seconds of its frames
LARGEST = 10_000  # images of a picture
OWN = "data"  # in place of a folder: the run's own test images


def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="gan-sample",
        description="Images from a trained model: a grid (the default), single files, walks between latents, films, "
        "or translations of the images in a folder. "
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
    kind.add_argument(
        "--neighbours",
        type=int,
        metavar="N",
        help="one picture with N images, each before the five real training images nearest to it",
    )
    kind.add_argument(
        "--walk",
        nargs="?",
        const="",
        metavar="FILE",
        help="a film, .gif or .mp4, of images that change from latent to latent and end as they began",
    )
    kind.add_argument(
        "--film", nargs="?", const="", metavar="FILE", help="the same of the run's samples over its training"
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
        "--steps",
        type=int,
        default=10,
        help="images from latent to latent in --interpolate and --walk (default: %(default)s)",
    )
    parser.add_argument(
        "--output",
        type=Path,
        help="file or folder to write (default: in the run's samples/); .gif and .mp4 ask for a walk",
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
    kind = kind_of(arguments)
    path = locate(arguments.run, arguments.checkpoint)
    if kind == "film":
        print(write_film(path, arguments))
        return
    from gan_experiments.api import load

    model = load(path, device=arguments.device, modules=arguments.module)
    if arguments.label is not None:
        arguments.label = model.label(arguments.label)
    if model.shape.source is not None:
        from gan_experiments.cli.translate import translate

        for name in (*COUNTED, "walk", "label"):
            if getattr(arguments, name) is not None:
                raise UserError(
                    f"--{name}: this model translates images: gan-sample RUN --from FOLDER --output FOLDER"
                )
        translate(model, folder_of(arguments), arguments)
        return
    if arguments.direction:
        raise UserError("--direction belongs to models that translate images")
    if arguments.source and kind not in ("reconstruct", "interpolate"):
        raise UserError("--from belongs to --reconstruct, --interpolate and models that translate images")
    step = f"step_{model.step:08d}"
    if not model.shape.bounded:
        print(write_points(model, kind, arguments, place(path, "samples", f"points_{step}.npy")))
    elif kind == "images":
        label = "" if arguments.label is None else f"_label_{arguments.label}"
        folder = place(path, "samples", f"images_{step}_seed_{arguments.seed}{label}")
        print(write_files(model, arguments, arguments.output or folder))
    elif kind == "walk":
        print(write_walk(model, arguments, place(path, "samples", f"walk_{step}.gif")))
    else:
        default = place(path, "samples", f"{PLACES.get(kind, kind)}_{step}.png")
        output = target(arguments.output or default, PICTURES)
        picture = drawn(model, kind, arguments)
        with writing(output) as file:
            picture.save(file)
        print(output)


def kind_of(arguments: argparse.Namespace) -> str:
    """What is asked for, with its file as the output; where nothing is, what the ending of the output says.

    Raises UserError for numbers below 1, and for an ending that the kind cannot have.
    """
    for name in (*COUNTED, "steps"):
        value = getattr(arguments, name)
        if value is not None and value < 1:
            raise UserError(f"--{name} must be at least 1, not {value}")
        if value is not None and value > LARGEST and name != "images":
            raise UserError(f"--{name} must be at most {LARGEST:,}, not {value}; --images N writes files")
    for name in ("walk", "film"):
        file = getattr(arguments, name)
        if file and arguments.output:
            raise UserError(f"--{name} {file} and --output {arguments.output} name two files")
        arguments.output = Path(file) if file else arguments.output
    asked = [name for name in (*COUNTED, "walk", "film") if getattr(arguments, name) is not None]
    ending = arguments.output.suffix.lower() if arguments.output else ""
    kind = asked[0] if asked else "walk" if ending in FILMS else "grid"
    if kind in ("walk", "film") and arguments.output:
        target(arguments.output, FILMS)
    return kind


def folder_of(arguments: argparse.Namespace) -> str | None:
    """Where real images come from; None for the run's own."""
    return None if arguments.source in (None, OWN) else arguments.source


def target(path: Path, endings: tuple[str, ...]) -> Path:
    """A file that can be written; raises UserError for a folder and for another ending."""
    if path.is_dir() or path.suffix.lower() not in endings:
        raise UserError(f"{path}: this writes one file, whose name ends in {' or '.join(endings)}")
    return path


def drawn(model: TrainedModel, kind: str, arguments: argparse.Namespace) -> Image:
    """The picture of a kind."""
    import torch

    from gan_experiments.api import picture
    from gan_experiments.grids import panels_grid, to_image

    seed, label = arguments.seed, arguments.label
    if kind == "grid":
        return model.grid(arguments.grid or 64, label, seed)
    if kind == "neighbours":
        images = model.sample(arguments.neighbours, label, seed)
        near = model.neighbours(images)
        return picture(torch.cat([images[:, None], near], 1).flatten(0, 1), 1 + near.shape[1])
    folder = folder_of(arguments)
    if kind == "reconstruct":
        images = model.real_images(arguments.reconstruct, folder)
        return to_image(panels_grid({"image": images, "reconstruction": model.reconstruct(images)}))
    rows, steps = arguments.interpolate, arguments.steps
    ends = model.real_images(2 * rows, folder) if arguments.source else None
    return picture(model.interpolate(rows, steps, label, seed, ends), steps)


def write_walk(model: TrainedModel, arguments: argparse.Namespace, default: Path) -> Path:
    from gan_experiments import films
    from gan_experiments.api import picture

    walk = model.walk(WALKS, steps=arguments.steps, label=arguments.label, seed=arguments.seed)
    return films.write(map(picture, walk), arguments.output or default, FRAME)


def write_film(checkpoint: Path, arguments: argparse.Namespace) -> Path:
    from gan_experiments import films

    run = checkpoint.parent.parent
    default = place(checkpoint, "", "train.gif")
    return films.of_training(RunFolder(run), arguments.output or default)


def write_points(model: TrainedModel, kind: str, arguments: argparse.Namespace, default: Path) -> Path:
    """Generated points, float32 (n, d), as a .npy file."""
    import numpy as np

    if kind not in ("grid", "images"):
        raise UserError(
            f"--{kind} draws images, and this model generates points; --images N writes N of them"
        )
    path = target(arguments.output or default, (".npy",))
    points = model.sample(arguments.images or arguments.grid or 64, arguments.label, arguments.seed)
    with writing(path) as file:
        np.save(file, points.flatten(1).numpy())
    return path


def write_files(model: TrainedModel, arguments: argparse.Namespace, folder: Path) -> Path:
    """One file for each image; raises UserError for a folder that has images in it already."""
    from gan_experiments.grids import to_image, to_uint8

    if folder.suffix.lower() in (*PICTURES, *FILMS) or (folder.exists() and not folder.is_dir()):
        raise UserError(f"--output {folder}: --images writes a folder of files, and this is a file")
    if any(folder.glob("image_*.png")):
        raise UserError(f"{folder} has images in it already: name another folder with --output")
    batches = model.batches(arguments.images, arguments.label, arguments.seed)
    for index, image in enumerate(image for batch in batches for image in to_uint8(batch)):
        with writing(folder / f"image_{index:06d}.png") as file:
            to_image(image).save(file)
    return folder


if __name__ == "__main__":
    raise SystemExit(main())
