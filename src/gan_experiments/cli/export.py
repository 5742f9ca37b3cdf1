"""`gan-export`: a trained generator for others, as files that are checked before they are there."""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path

from gan_experiments.cli.catalogue import Catalogue
from gan_experiments.cli.command import Parser, command
from gan_experiments.errors import UserError, did_you_mean
from gan_experiments.runs import locate
from gan_experiments.writing import refusals

# By format the packages that it needs.
FORMATS = {"safetensors": ("safetensors",), "onnx": ("onnx", "onnxscript", "onnxruntime"), "torch": ()}


def parser() -> Parser:
    parser = Parser(
        prog="gan-export",
        description="The generator of a trained model (its moving average, where it has one) for others: "
        "safetensors with settings, which gan-sample and gan_experiments.load read; ONNX and torch.export, which need "
        "no code of ours; a card with figures, samples and the command. Each file is compared with the original on "
        "random inputs before it is written.",
    )
    parser.add_argument("run", type=Path, help="a run's folder or a checkpoint file")
    parser.add_argument("folder", type=Path, help="a new folder to write")
    parser.add_argument(
        "--checkpoint",
        default="last",
        help="which of the run's checkpoints: last, best or a step (default: %(default)s)",
    )
    parser.add_argument(
        "--formats",
        default=",".join(FORMATS),
        metavar="NAME,NAME",
        help="which of them (default: %(default)s)",
    )
    parser.add_argument(
        "--license", metavar="NAME", help="that you give the weights, for the card: mit, cc-by-4.0, ..."
    )
    parser.add_argument(
        "--module", action="append", default=[], help="a module of your own that the checkpoint may import"
    )
    return parser


def main() -> int:
    """The console command; returns the exit code."""
    return command("gan-export", run)


def run() -> None:
    arguments = parser().parse_args()
    formats = arguments.formats.split(",")
    check(formats, arguments.folder)
    path = locate(arguments.run, arguments.checkpoint)
    from gan_experiments.api import load
    from gan_experiments.sharing import formats as sharing
    from gan_experiments.sharing.card import card, names, picture_of

    model = load(path, modules=arguments.module)
    folder: Path = arguments.folder
    with refusals(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
            new = Path(temporary) / "new"
            new.mkdir()
            files = [name for word in formats for name in sharing.WRITERS[word](model, new)]
            groups = Catalogue.of("train", []).groups
            about = {group: groups[group].get(names(model)[group], "") for group in ("model", "data")}
            text = card(model, files, picture_of(model, new), arguments.license, about)
            (new / "README.md").write_text(text, encoding="utf-8")
            new.rename(folder)
    print("\n".join(str(path) for path in sorted(folder.iterdir())))


def check(formats: list[str], folder: Path) -> None:
    """Refuse, before torch is imported, what could not be written."""
    for name in formats:
        if name not in FORMATS:
            near = did_you_mean(name, FORMATS)
            raise UserError(f"--formats: there is no '{name}', only {', '.join(FORMATS)}{near}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is there already: name a new folder")
    missing = [one for name in formats for one in FORMATS[name] if importlib.util.find_spec(one) is None]
    if missing:
        raise UserError(
            f'--formats {",".join(formats)} needs {", ".join(missing)}: pip install "gan-experiments[export]" '
            "(--formats torch needs nothing more)"
        )


if __name__ == "__main__":
    raise SystemExit(main())
