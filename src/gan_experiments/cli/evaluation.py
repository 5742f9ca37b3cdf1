"""What `gan-eval` does once its arguments are known to make sense."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import torch
from omegaconf import DictConfig
from torch import Tensor
from tqdm import tqdm

from gan_experiments.api import load
from gan_experiments.cli.catalogue import override_key
from gan_experiments.cli.composing import built, changed, composed
from gan_experiments.cli.figures import table
from gan_experiments.data import Data, files
from gan_experiments.errors import UserError
from gan_experiments.metrics import Evaluation, Metrics, NoMetrics, Several, memorised
from gan_experiments.metrics.classes import histogram
from gan_experiments.metrics.evaluator import FeatureEvaluator, extract, picked
from gan_experiments.metrics.features import Features
from gan_experiments.metrics.folder import FolderImages
from gan_experiments.metrics.scores import FEWEST
from gan_experiments.metrics.several import SeveralEvaluators
from gan_experiments.runs import place
from gan_experiments.training.companions import check_companions
from gan_experiments.training.device import device_of
from gan_experiments.training.evaluation import Comparison, Evaluations, Samples, record
from gan_experiments.training.recorder import write_json
from gan_experiments.training.restore import Restored
from gan_experiments.types import ImageShape
from gan_experiments.writing import writing

NEIGHBOUR_ROWS = 8  # generated images in each half of the neighbours' picture

Pick = Callable[[Sequence[int]], Mapping[int, Tensor]]
"""Generated images, uint8 (c, h, w), by their places."""


def of_checkpoint(path: Path, arguments: argparse.Namespace, settings: list[str]) -> None:
    """Print and write the figures of a checkpoint against the data it was trained with, or other data."""
    restored = load(path, device=str(_device(arguments.device)), modules=arguments.module)
    data: Data = built(_settings("data", settings, restored))  # type: ignore[assignment]
    metrics = _metrics(arguments.metrics, settings, restored)
    root = _root(settings, restored)
    if data.shape.bounded != restored.shape.bounded:
        kinds = ("images", "points") if restored.shape.bounded else ("points", "images")
        raise UserError(f"this model draws {kinds[0]}, and data={data.option} has {kinds[1]}")
    if restored.shape.source is not None:
        _check_domains(restored, data)
    metrics.check(root)
    evaluations = Evaluations(metrics, data, restored.model, root, restored.device)
    file = _writable(
        arguments.json or place(path, "evaluations", f"step_{restored.step:08d}_{_label(metrics)}.json")
    )
    together = Evaluation()
    nearest: dict[str, Any] = {}
    pictures: list[str] = []
    for comparison in evaluations.comparisons:
        evaluation, found, drawn = _measure(evaluations, comparison, restored, file, arguments.pictures)
        evaluations.add(together, comparison, evaluation, restored.sampler)
        nearest |= {comparison.prefix + name: one for name, one in found.items()}
        pictures += drawn
    about: dict[str, Any] = {
        "checkpoint": str(path),
        "step": restored.step,
        "images_seen": restored.images_seen,
        "settings": settings,
    }
    if pictures:
        about |= {"nearest": nearest, "pictures": pictures}
    _tell({**about, **record(together, restored.ema)}, file)


def _check_domains(restored: Restored, data: Data) -> None:
    """Raise UserError for data that a translator cannot be measured on."""
    check_companions(restored.model, data)
    if data.shape != restored.shape:
        trained, given = ((shape.source, shape) for shape in (restored.shape, data.shape))
        raise UserError(
            f"this model translates images of {_dims(trained)}, and data={data.option} has here {_dims(given)}"
        )


def _dims(domains: tuple[ImageShape | None, ImageShape]) -> str:
    return " to ".join("x".join(map(str, shape.dims)) for shape in domains if shape is not None)


def _measure(
    evaluations: Evaluations, comparison: Comparison, restored: Restored, file: Path, pictures: bool
) -> tuple[Evaluation, dict[str, Any], list[str]]:
    """The figures of one direction, and of `_draw` the neighbours and the pictures."""
    evaluator = comparison.evaluator

    def samples() -> Samples:
        return evaluations.samples(comparison, restored.sampler)

    if not isinstance(evaluator, FeatureEvaluator | SeveralEvaluators):
        return evaluator(samples()), {}, []
    parts = evaluator.parts
    count = max(part.metrics.samples for part in parts)
    size = min(part.metrics.batch_size for part in parts)
    with tqdm(total=count, unit="image", desc="samples", leave=False, disable=None) as bar:
        features = extract(parts, _Watched(samples(), bar)) or []
    evaluation = evaluator.judge(features)
    if not pictures:
        return evaluation, {}, []
    if comparison.direction:
        file = file.with_name(f"{file.stem}_{comparison.direction}.json")
    return evaluation, *_draw(parts, features, file, lambda rows: picked(samples(), rows, count, size))


def of_folders(arguments: argparse.Namespace, settings: list[str]) -> None:
    """Print and write the figures of a folder of generated images against one of real images."""
    generated, real, *held_out = (
        FolderImages(folder) for folder in filter(None, [*arguments.folders, arguments.held_out])
    )
    for images in (generated, real, *held_out):
        if len(images) < FEWEST:
            raise UserError(f"{images.folder} has {len(images)} images; figures need at least {FEWEST}")
    if arguments.samples is None:
        settings = [*settings, f"metrics.samples={len(generated)}"]
    metrics = _metrics(arguments.metrics or "inception", settings)
    file = _writable(arguments.json or Path(f"{generated.folder.resolve().name}_{_label(metrics)}.json"))
    metrics.check(Path())
    evaluator = metrics.evaluator(real, _device(arguments.device), held_out[0] if held_out else None)
    assert isinstance(evaluator, FeatureEvaluator | SeveralEvaluators)
    features = [part.of(generated) for part in evaluator.parts]
    if generated.classes != real.classes:  # their numbers mean different things
        for some in features:
            some.labels = some.first_labels = None
    evaluation = evaluator.judge(features)
    record = {
        "generated": str(generated.folder),
        "real": str(real.folder),
        "metrics": evaluation.values,
        "floor": evaluation.floor,
        "classes": evaluation.classes,
        "protocol": {**evaluation.protocol, "generated_digest": generated.digest},
    }
    if arguments.pictures:
        chosen = evaluator.parts[0].rows(generated)
        record["nearest"], record["pictures"] = _draw(
            evaluator.parts, features, file, lambda rows: _read(generated, chosen, rows)
        )
    _tell(record, file)


def _writable(path: Path) -> Path:
    """Where the figures go; raises UserError, before they are taken, where nothing can be written."""
    if path.is_dir() or not files.writable(path.parent):
        raise UserError(f"{path} cannot be written: name another file with --json")
    return path


def _device(name: str | None) -> torch.device:
    return device_of(name or ("cuda" if torch.cuda.is_available() else "cpu"))


def _settings(group: str, settings: list[str], restored: Restored) -> DictConfig:
    """A group's settings: another option than the checkpoint's with what was said of it, or its own, changed."""
    own = [word for word in settings if override_key(word).partition(".")[0].partition("@")[0] == group]
    if any(override_key(word) == group or "@" in word for word in own):
        chosen: DictConfig = composed(own)[group]
        return chosen
    return changed(restored.settings(group), group, own)


def _metrics(names: str | None, settings: list[str], restored: Restored | None = None) -> Metrics:
    """The metrics of the networks `names`, else of the settings, else of the checkpoint."""
    own = [word for word in settings if override_key(word).startswith("metrics")]
    if names is None:
        assert restored is not None
        metrics = built(_settings("metrics", settings, restored))
        if isinstance(metrics, NoMetrics):
            raise UserError(
                "this model was trained without evaluation: name networks, for example --metrics lenet"
            )
        return metrics  # type: ignore[return-value]
    nodes = {name: composed([f"metrics={name}"]).metrics for name in names.split(",")}
    for word in own:
        key = override_key(word).removeprefix("metrics.")
        takers = [name for name, node in nodes.items() if key in node] or list(nodes)  # the latter refuse it
        if key == "weights" and len(takers) > 1:
            raise UserError(
                f"{word}: more than one of the networks {names} has weights; evaluate them one by one"
            )
        nodes |= {name: changed(nodes[name], "metrics", [word]) for name in takers}
    parts = {name: built(node) for name, node in nodes.items()}
    return Several(parts) if len(parts) > 1 else next(iter(parts.values()))  # type: ignore[return-value]


def _root(settings: list[str], restored: Restored) -> Path:
    """Where data lies: as told, else where training found it, else $GAN_DATA or `data`."""
    own = [word for word in settings if override_key(word).startswith("paths")]
    trained = restored.record["config"]["paths"]
    if own or not Path(trained["data"]).is_dir():
        return Path(composed(own).paths.data)
    return Path(trained["data"])


def _label(metrics: Metrics) -> str:
    """A name for files: `lenet`, `inception+lenet`."""
    parts = metrics.parts.values() if isinstance(metrics, Several) else [metrics]
    return "+".join(type(part).__name__.lower().removesuffix("metrics") for part in parts)


class _Watched:
    """A sampler whose progress is shown."""

    def __init__(self, samples: Samples, bar: tqdm[NoReturn]) -> None:
        self.samples, self.bar = samples, bar

    def __call__(self, count: int) -> Tensor | tuple[Tensor, Tensor]:
        images = self.samples(count)
        self.bar.update(count)
        return images

    def skip(self, count: int) -> None:
        self.samples.skip(count)


def _read(images: FolderImages, chosen: Tensor, rows: Sequence[int]) -> dict[int, Tensor]:
    places = chosen[list(rows)].numpy()
    found = (torch.from_numpy(image) for piece in images.pieces(places) for image in piece)
    return dict(zip(rows, found, strict=True))


def _draw(
    parts: list[FeatureEvaluator], features: list[Features], file: Path, pick: Pick
) -> tuple[dict[str, Any], list[str]]:
    """Draw what each network says of memorising and of modes; returns the figures by network, and the pictures."""
    pictures: list[str] = []
    nearest: dict[str, Any] = {}
    for part, some in zip(parts, features, strict=True):
        if some.non_finite:
            continue
        name = part.metrics.key("")[1:] or "inception"
        found = memorised.find(some, part.real)
        nearest[name] = found.figures()
        path = file.with_name(f"{file.stem}_neighbours_{name}.png")
        with writing(path) as picture:
            memorised.draw_neighbours(found, part.real, pick, NEIGHBOUR_ROWS).savefig(picture, dpi=150)
        pictures.append(str(path))
        if part.real.classifies:
            labels, count = part.real.features.labels, some.logits.shape[1]
            assert labels is not None
            shares = [histogram(kinds, count) for kinds in (some.logits.argmax(1), labels)]
            path = file.with_name(f"{file.stem}_modes_{name}.png")
            with writing(path) as picture:
                memorised.draw_modes(*shares).savefig(picture, dpi=150)
            pictures.append(str(path))
    return nearest, pictures


def _tell(record: dict[str, Any], file: Path) -> None:
    write_json(file, record)
    print(table(record))
    for name, found in record.get("nearest", {}).items():
        print(
            f"\nnearest real image over {name}: median distance {found['generated_to_real']:.4g} "
            f"(between real images {found['real_to_real']:.4g});\n  {found['suspects']:.1%} are nearer to one than "
            f"1 % of real images are to another (about 1 % where nothing is memorised)"
        )
    print("\n" + "\n".join([str(file), *record.get("pictures", [])]))
