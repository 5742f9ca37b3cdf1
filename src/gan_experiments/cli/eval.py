"""`gan-eval`: figures of a run, of a checkpoint, or of two folders of images."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from gan_experiments.cli.catalogue import FEATURE_NETWORKS, Catalogue, group_of
from gan_experiments.cli.command import Parser, command
from gan_experiments.errors import UserError, did_you_mean
from gan_experiments.runs import locate, runs_below

EXAMPLES = """\
  gan-eval outputs/san-mnist/RUN                          what training measured, again
  gan-eval outputs/sweeps/fair metrics.samples=50000      every run there is; gan-report then has a table of them
  gan-eval outputs/san-mnist/RUN --checkpoint best metrics=[lenet,inception]
  gan-eval model.pt data=mnist                            where the settings shall differ from the checkpoint's
  gan-eval --folders generated/ real/                     FID and the others of images, without any model
  gan-eval --folders generated/ cifar10:test metrics=dinov2 metrics.weights=dinov2_vitb14_pretrain.pth
"""
GROUPS = ("data", "metrics", "paths")


def parser() -> Parser:
    parser = Parser(
        prog="gan-eval",
        usage="gan-eval RUN|CHECKPOINT ... [key=value ...]\n       gan-eval --folders GENERATED REAL [key=value ...]",
        description="Figures with their standard errors, the floor that real images have, and the protocol.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "words",
        nargs="*",
        metavar="RUN|key=value",
        help="runs, sweeps, checkpoints, then settings of data, metrics and paths that differ from theirs: "
        f"metrics=NAME or metrics=[NAME,NAME] of {', '.join(FEATURE_NETWORKS)}",
    )
    parser.add_argument(
        "--checkpoint",
        default="last",
        help="which of the run's checkpoints: last, best or a step (default: %(default)s)",
    )
    parser.add_argument(
        "--folders",
        nargs=2,
        metavar=("GENERATED", "REAL"),
        help="compare two folders of images of any sizes, each resized by the feature network from its own; or data "
        "sets, NAME or NAME:test, as data=NAME has them",
    )
    parser.add_argument(
        "--held-out",
        metavar="FOLDER",
        help="other real images: with --folders, they give the floor",
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
    runs = [word for word in words if names_run(word)]
    settings = [word for word in words if word not in runs]
    check(arguments, runs, settings)
    if arguments.samples is not None:
        settings.append(f"metrics.samples={arguments.samples}")
    if arguments.folders:
        from gan_experiments.cli.evaluation import of_folders

        of_folders(arguments, settings)
    else:
        paths = [path for word in runs for path in checkpoints(Path(word), arguments.checkpoint)]
        if arguments.json and len(paths) > 1:
            raise UserError(f"--json names one file, and there are {len(paths)} checkpoints to measure")
        from gan_experiments.cli.evaluation import of_checkpoints

        of_checkpoints(paths, arguments, settings)


def names_run(word: str) -> bool:
    """Whether a word is no setting: the folders of a sweep's runs have `=` in their names."""
    return not word.startswith("-") and ("=" not in word or Path(word).exists())


def checkpoints(place: Path, which: str) -> list[Path]:
    """The checkpoint files of a run, or of all runs below a folder; those without are named and left out.

    Raises UserError where there is none.
    """
    if not place.is_dir() or (place / "checkpoints").is_dir():
        return [locate(place, which)]
    files = []
    for run in runs_below(place):
        try:
            files.append(locate(run.path, which))
        except UserError as error:
            print(f"left out: {error}", file=sys.stderr)
    return files or [locate(place, which)]


def check(arguments: argparse.Namespace, runs: list[str], settings: list[str]) -> None:
    """Refuse, before torch is imported, what makes no sense."""
    for setting in settings:
        if "=" not in setting or setting.startswith("-"):
            raise UserError(f"'{setting}' is no setting; settings are written key=value")
        if group_of(setting) not in GROUPS:
            raise UserError(f"{setting}: gan-eval has settings of {', '.join(GROUPS)} only")
        if re.fullmatch(r"metrics=\w+(,\w+)+", setting):
            key, _, names = setting.partition("=")
            raise UserError(f"{setting}: several metrics over one pass are written {key}=[{names}]")
    if arguments.folders and runs:
        raise UserError(f"{runs[0]} is a third place beside those of --folders GENERATED REAL")
    if not arguments.folders and not runs:
        raise UserError("name a run's folder, a checkpoint, or --folders GENERATED REAL (--help says more)")
    if arguments.held_out and not arguments.folders:
        raise UserError("--held-out belongs to --folders; a checkpoint's data set has its own test split")
    for word in filter(None, [*(arguments.folders or ()), arguments.held_out]):
        check_pictures(word)


def check_pictures(word: str) -> None:
    """Refuse what is neither a folder nor a data set."""
    if Path(word).is_dir():
        return
    names = Catalogue.of("train", []).groups["data"]
    name, _, split = word.partition(":")
    if name not in names:
        raise UserError(
            f"there is no folder {word}, and no data set of that name" + did_you_mean(name, names)
        )
    if split not in ("", "train", "test"):
        raise UserError(f"{word}: the splits are {name}:train and {name}:test")


if __name__ == "__main__":
    raise SystemExit(main())
