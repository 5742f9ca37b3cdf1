"""`gan-eval`: figures of a run, of a checkpoint, or of two folders of images."""

from __future__ import annotations

import argparse
from pathlib import Path

from gan_experiments.cli.catalogue import override_key
from gan_experiments.cli.command import Parser, command
from gan_experiments.errors import UserError, did_you_mean
from gan_experiments.runs import locate

EXAMPLES = """\
  gan-eval outputs/san-mnist/RUN                          what training measured, again
  gan-eval outputs/san-mnist/RUN --checkpoint best --metrics lenet,inception
  gan-eval model.pt data=mnist metrics.samples=50000      where the settings shall differ from the checkpoint's
  gan-eval --folders generated/ real/                     FID and the others of images, without any model
  gan-eval --folders generated/ real/ --metrics dinov2 --weights dinov2_vitb14_pretrain.pth
"""
NETWORKS = ("inception", "lenet", "dinov2", "vgg16")
GROUPS = ("data", "metrics", "paths")


def parser() -> Parser:
    parser = Parser(
        prog="gan-eval",
        usage="gan-eval RUN|CHECKPOINT [key=value ...]\n       gan-eval --folders GENERATED REAL [key=value ...]",
        description="Figures with their standard errors, the floor that real images have, and the protocol.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "words",
        nargs="*",
        metavar="RUN|key=value",
        help="a run's folder or a checkpoint, then settings of data, metrics and paths that differ from its own",
    )
    parser.add_argument(
        "--checkpoint",
        default="last",
        help="which of the run's checkpoints: last, best or a step (default: %(default)s)",
    )
    parser.add_argument(
        "--folders",
        nargs=2,
        type=Path,
        metavar=("GENERATED", "REAL"),
        help="compare two folders of images of any sizes; each image is resized by the feature network from its own",
    )
    parser.add_argument(
        "--held-out",
        type=Path,
        metavar="FOLDER",
        help="other real images: with --folders, they give the floor",
    )
    parser.add_argument(
        "--metrics",
        metavar="NAME,NAME",
        help=f"{', '.join(NETWORKS)} (default: the checkpoint's; with --folders inception); or metrics=[NAME,NAME]",
    )
    parser.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help="local weights of the one network in --metrics that needs some",
    )
    parser.add_argument(
        "--samples", type=int, metavar="N", help="generated images (default: the setting; all files)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the figures go; pictures beside it")
    parser.add_argument("--no-pictures", dest="pictures", action="store_false", help="figures only")
    parser.add_argument("--device", help="torch device (default: cuda where there is one, else cpu)")
    parser.add_argument(
        "--module", action="append", default=[], help="a module of your own that the checkpoint may import"
    )
    return parser


def main() -> int:
    """The console command; returns the exit code."""
    return command("gan-eval", run)


def run() -> None:
    arguments, more = parser().parse_known_args()  # argparse leaves the settings behind an option
    words = arguments.words + more
    run = None if arguments.folders else next(filter(names_run, words), None)
    settings = [word for word in words if word != run]
    lists = [word for word in settings if word.startswith("metrics=[")]
    if lists:  # as gan-train has it; --metrics says the same
        settings = [word for word in settings if word not in lists]
        arguments.metrics = lists[-1].partition("=")[2]
    if arguments.metrics:
        arguments.metrics = arguments.metrics.strip("[]").replace(" ", "")
    check(arguments, run, settings)
    if arguments.samples is not None:
        settings.append(f"metrics.samples={arguments.samples}")
    if arguments.weights is not None:
        settings.append(f"metrics.weights='{arguments.weights}'")
    if run is None:
        from gan_experiments.cli.evaluation import of_folders

        of_folders(arguments, settings)
    else:
        checkpoint = locate(Path(run), arguments.checkpoint)
        from gan_experiments.cli.evaluation import of_checkpoint

        of_checkpoint(checkpoint, arguments, settings)


def names_run(word: str) -> bool:
    """Whether a word is no setting: the folders of a sweep's runs have `=` in their names."""
    return "=" not in word or Path(word).exists()


def check(arguments: argparse.Namespace, run: str | None, settings: list[str]) -> None:
    """Refuse, before torch is imported, what makes no sense."""
    for setting in settings:
        if "=" not in setting or setting.startswith("-"):
            raise UserError(f"'{setting}' is no setting; settings are written key=value")
        if override_key(setting).partition(".")[0].partition("@")[0] not in GROUPS:
            raise UserError(f"{setting}: gan-eval has settings of {', '.join(GROUPS)} only")
    if not arguments.folders and run is None:
        raise UserError("name a run's folder, a checkpoint, or --folders GENERATED REAL (--help says more)")
    if arguments.held_out and not arguments.folders:
        raise UserError("--held-out belongs to --folders; a checkpoint's data set has its own test split")
    for name in arguments.metrics.split(",") if arguments.metrics else ():
        if name not in NETWORKS:
            near = did_you_mean(name, NETWORKS)
            raise UserError(f"--metrics: there is no network '{name}', only {', '.join(NETWORKS)}{near}")
    for folder in filter(None, [*(arguments.folders or ()), arguments.held_out]):
        if not folder.is_dir():
            raise UserError(f"there is no folder {folder}")


if __name__ == "__main__":
    raise SystemExit(main())
