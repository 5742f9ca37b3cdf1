"""`gan-data`: which data sets there are, whether they are here, what is in them, and their images as files."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from gan_experiments.cli.catalogue import Catalogue
from gan_experiments.cli.command import Parser, command
from gan_experiments.errors import RunError, UserError, did_you_mean
from gan_experiments.plain import plain

if TYPE_CHECKING:
    from gan_experiments.data import Data
    from gan_experiments.data.transforms import Pixels
    from gan_experiments.metrics.weights import WeightedMetrics

PROGRAM = "gan-data"
WEIGHTS = (
    "inception",
    "vgg16",
    "dinov2",
)  # feature networks, as in metrics=NAME, whose weights are downloaded


def main() -> int:
    """The console command; returns the exit code."""
    return command(PROGRAM, _main)


def _main() -> None:
    parser, commands = _parser()
    words = [word for word in sys.argv[1:] if not word.startswith("-")]
    if words and words[0] not in commands:
        raise UserError(f"there is no command '{words[0]}'{did_you_mean(words[0], commands)}")
    arguments, more = parser.parse_known_args()
    if arguments.command == "list":
        _list(arguments.root)
        return
    settings = arguments.settings + more  # argparse leaves those behind an option
    for setting in settings:
        if "=" not in setting or setting.startswith("-"):
            raise UserError(f"'{setting}' is no setting; settings are written key=value")
    if arguments.command == "export":
        return _export(arguments.name, settings, arguments.root, arguments.folder)
    actions = {"fetch": _fetch, "check": _check, "prepare": _prepare}
    if arguments.name in WEIGHTS and arguments.command in ("fetch", "check"):
        return _weights(arguments.name, settings, download=arguments.command == "fetch")
    actions[arguments.command](arguments.name, settings, arguments.root)


def _parser() -> tuple[Parser, list[str]]:
    parser = Parser(prog=PROGRAM, description="Look at, download, verify and decode data sets.")
    root = Parser(add_help=False)
    root.add_argument(
        "--root",
        type=Path,
        default=Path(os.environ.get("GAN_DATA") or "data"),
        metavar="DIR",
        help="the folder of the data ($GAN_DATA, else ./data)",
    )
    one = Parser(add_help=False, parents=[root])
    one.add_argument(
        "name",
        metavar="NAME",
        help=f"a data set, as in data=NAME; to fetch and check also weights: {', '.join(WEIGHTS)}",
    )
    several = Parser(add_help=False)
    several.add_argument(
        "settings", nargs="*", metavar="key=value", help="its settings: image_size=64, path=my/images"
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    commands.add_parser("list", parents=[root], help="every data set, and whether it is here")
    commands.add_parser("fetch", parents=[one, several], help="download what is missing")
    commands.add_parser("check", parents=[one, several], help="verify checksums, counts and every image")
    commands.add_parser("prepare", parents=[one, several], help="decode into the cache and count")
    into = Parser(add_help=False, parents=[one])
    into.add_argument("folder", type=Path, metavar="FOLDER", help="a new or empty folder")
    commands.add_parser(
        "export", parents=[into, several], help="write the images as PNG files, in folders of splits"
    )
    return parser, list(commands.choices)


def _list(root: Path) -> None:
    options = _options()
    width = max(map(len, options))
    for name, description in options.items():
        print(f"{name:{width}}  {description}\n{'':{width}}  {_state(_kind(name), root)}")
    for name, description in Catalogue.of("train", []).groups["metrics"].items():
        if name in WEIGHTS:
            place = _metrics(name, []).place
            state = f"here: {place}" if place.is_file() else f"not here: expected at {place}"
            print(f"{name:{width}}  metrics: {description}\n{'':{width}}  {state}")


def _state(kind: type[Data], root: Path) -> str:
    if not kind.remotes:
        return "nothing to download: your own files" if "path" in kind.__annotations__ else "ready"
    if missing := kind.missing(root):
        names = ", ".join(remote.name for remote in missing)
        return f"not here: expected in {root / kind.folders[0]}: {names}"
    place = (kind.unpacked and kind.find(kind.unpacked, root)) or kind.find(kind.remotes[0].name, root)
    return f"here: {place}"


def _fetch(name: str, settings: list[str], root: Path) -> None:
    kind = _kind(name)
    kind.fetch(root)
    print(f"{name} is here" if kind.remotes else f"{name} has nothing to download")


def _weights(name: str, settings: list[str], download: bool) -> None:
    """The file of a feature network's weights, verified by its checksum, and downloaded where that is asked for."""
    metrics = _metrics(name, settings)
    if not download and not metrics.place.is_file():
        raise RunError(
            f"the weights of {name} are not here: expected at {metrics.place}; gan-data fetch {name}"
        )
    place, digest = metrics.find()
    print(f"{name} is here: {place} (sha256 {digest[:8]})")


def _metrics(name: str, settings: list[str]) -> WeightedMetrics:
    from gan_experiments.cli.composing import built, composed

    config = composed([f"metrics={name}", *(f"metrics.{setting}" for setting in settings)])
    metrics: WeightedMetrics = built(config.metrics)  # type: ignore[assignment]
    return metrics


def _check(name: str, settings: list[str], root: Path) -> None:
    problems = _compose(name, settings).check(root)
    if problems:
        raise RunError(f"{name}: {len(problems)} found wrong\n" + "\n".join(f"  {text}" for text in problems))
    print(f"{name} is complete and readable")


def _prepare(name: str, settings: list[str], root: Path) -> None:
    import numpy as np

    data = _compose(name, settings)
    for split in data.splits():
        images = data.load(split, root)
        what = "pairs" if images.paired else "images"
        print(f"{name} {split}: {len(images)} {what} of {_dims(images.images)}{_cropped(images.crop)}")
        if images.sources is not None:
            print(f"  translated from: {len(images.sources)} images of {_dims(images.sources)}")
        if images.labels is not None:
            counts = np.bincount(images.labels, minlength=data.num_classes)
            names = images.class_names or ("",) * len(counts)
            print(
                "  per class: "
                + ", ".join(
                    f"{plain(name)}: {count}" if name else f"{count}"
                    for name, count in zip(names, counts, strict=True)
                )
            )


def _export(name: str, settings: list[str], root: Path, folder: Path) -> None:
    """FOLDER/train/CLASS/000000.png; of two domains FOLDER/trainA and trainB, which data=domain_folders reads."""
    from gan_experiments.data.export import export

    data = _compose(name, settings)
    if not data.shape.bounded:
        raise UserError(f"{name} has points, which are no pictures")
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise UserError(f"{folder} is not empty: name a new folder")
    for split in data.splits():
        for place, count in export(data.load(split, root), folder, split):
            print(f"{place}: {count:,} images")


def _dims(images: Pixels) -> str:
    return "x".join(map(str, images.shape[1:]))


def _cropped(size: int | None) -> str:
    return f", of which training sees crops of {size}x{size}" if size else ""


def _options() -> dict[str, str]:
    """Every data set with its one line."""
    return Catalogue.of("train", []).groups["data"]


def _kind(name: str) -> type[Data]:
    """The class of a data set, from the text of its YAML: no composing, and no value need be given."""
    from gan_experiments.components import find

    if name not in _options():
        raise UserError(f"there is no data set '{name}'{did_you_mean(name, _options())}")
    files = (folder / "data" / f"{name}.yaml" for folder in Catalogue.of("train", []).folders)
    text = next(file for file in files if file.is_file()).read_text(encoding="utf-8")
    if schema := re.search(r"^ *- /schema/data@_here_: *(\S+)", text, re.MULTILINE):
        return find("data", schema[1])
    parent = re.search(r"^ *- (\w+)\s*$", text.replace("_self_", ""), re.MULTILINE)
    if parent is None:
        raise UserError(
            f"data/{name}.yaml names no class; its defaults begin with /schema/data@_here_: CLASS"
        )
    return _kind(parent[1])


def _compose(name: str, settings: list[str]) -> Data:
    """The data set with settings as on the command line of gan-train, where `data.` may be left out."""
    from gan_experiments.cli.composing import built, composed

    _kind(name)
    overrides = [f"data={name}", *(f"data.{setting.removeprefix('data.')}" for setting in settings)]
    data: Data = built(composed(overrides).data)  # type: ignore[assignment]
    return data


if __name__ == "__main__":
    raise SystemExit(main())
