"""What `gan-eval` does once its arguments are known to make sense."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor
from tqdm import tqdm

from gan_experiments.api import load
from gan_experiments.cli.catalogue import FEATURE_NETWORKS, group_of, override_key
from gan_experiments.cli.figures import table
from gan_experiments.cli.measures import Pictures, data_of, dims, label, metrics_of, root_of
from gan_experiments.cli.names import job_name
from gan_experiments.data import Data, files
from gan_experiments.errors import UserError
from gan_experiments.metrics import Evaluation, FeatureMetrics, Images, Several, memorised
from gan_experiments.metrics.classes import histogram
from gan_experiments.metrics.evaluator import FeatureEvaluator, extract, picked
from gan_experiments.metrics.features import Features
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
LONGEST = 80  # of the settings in a file's name

Pick = Callable[[Sequence[int]], Mapping[int, Tensor]]
"""Generated images, uint8 (c, h, w), by their places."""


def of_checkpoints(paths: list[Path], arguments: argparse.Namespace, settings: list[str]) -> None:
    """The figures of every checkpoint; one that cannot be measured keeps no other from it.

    Raises UserError at the end for those that could not be.
    """
    if len(paths) == 1:
        return of_checkpoint(paths[0], arguments, settings)
    refused = []
    for number, path in enumerate(paths, 1):
        print(f"[{number}/{len(paths)}] {path}", flush=True)
        try:
            of_checkpoint(path, arguments, settings)
        except UserError as error:
            refused.append(f"{path}: {error}")
            print(f"not measured: {error}")
        print()
    if refused:
        raise UserError("\n  ".join([f"{len(refused)} of {len(paths)} not measured:", *refused]))
    print("gan-report makes one table of them")


def of_checkpoint(path: Path, arguments: argparse.Namespace, settings: list[str]) -> None:
    """Print and write the figures of a checkpoint against the data it was trained with, or other data."""
    restored = load(path, device=str(_device(arguments.device)), modules=arguments.module)
    data = data_of(settings, restored)
    metrics = metrics_of(settings, restored)
    root = root_of(settings, restored)
    _check_data(restored, data)
    metrics.check(root)
    evaluations = Evaluations(metrics, data, restored.model, root, restored.device)
    stem = f"step_{restored.step:08d}_{label(metrics)}"
    file = _writable(arguments.json or place(path, "evaluations", f"{_named(stem, settings)}.json"))
    together = Evaluation()
    nearest: dict[str, Any] = {}
    pictures: list[str] = []
    for comparison in evaluations.comparisons:
        evaluation, neighbours, drawn = _measure(evaluations, comparison, restored, file, arguments.pictures)
        evaluations.add(together, comparison, evaluation, restored.sampler)
        nearest |= {comparison.prefix + name: one for name, one in neighbours.items()}
        pictures += drawn
    model = restored.record["choices"].get("model", type(restored.model).__name__)
    about: dict[str, Any] = {
        "generated": f"{model}, {dims(restored.shape.dims)}, step {restored.step}",
        "real": f"{data.title}, {dims(data.shape.dims)}, train",
        "checkpoint": str(path),
        "step": restored.step,
        "images_seen": restored.images_seen,
        "settings": settings,
    }
    if pictures:
        about |= {"nearest": nearest, "pictures": pictures}
    _tell({**about, **record(together, restored.ema, data)}, file)


def _named(stem: str, settings: list[str]) -> str:
    """A file's name that says which settings were changed, besides networks and places: they measure another thing."""
    others = [one for one in settings if override_key(one) != "metrics" and group_of(one) != "paths"]
    return f"{stem},{job_name(others, longest=LONGEST)}" if others else stem


def _check_data(restored: Restored, data: Data) -> None:
    """Raise UserError for data that the model cannot be measured against; say where the images are of another kind."""
    trained, given = restored.shape, data.shape
    if given.bounded != trained.bounded:
        kinds = ("images", "points") if trained.bounded else ("points", "images")
        raise UserError(f"this model draws {kinds[0]}, and data={data.option} has {kinds[1]}")
    if trained.source is not None:
        check_companions(restored.model, data)
        if given != trained:
            raise UserError(
                f"this model translates images of {_domains(trained)}, and data={data.option} has here {_domains(given)}"
            )
    elif given.dims != trained.dims:
        print(
            f"note: the model draws images of {dims(trained.dims)}, and data={data.option} has {dims(given.dims)} here: "
            f"a part of the figures is that difference (data.channels={trained.channels} "
            f"data.image_size={trained.size} takes it away)",
            file=sys.stderr,
        )


def _domains(shape: ImageShape) -> str:
    return " to ".join(dims(one.dims) for one in (shape.source, shape) if one is not None)


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
    """Print and write the figures of a folder of generated images against one of real images, or a data set."""
    if not isinstance(metrics_of(settings), FeatureMetrics | Several):
        networks = ", ".join(FEATURE_NETWORKS)
        raise UserError(f"images are measured by feature networks, metrics=NAME or [NAME,NAME] of {networks}")
    generated, real, *others = (
        Pictures.of(word, settings) for word in filter(None, [*arguments.folders, arguments.held_out])
    )
    changes = settings
    if arguments.samples is None:
        settings = [*settings, f"metrics.samples={len(generated.images)}"]
    metrics = metrics_of(settings)
    names = "_against_".join(_file_name(word) for word in arguments.folders)
    file = _writable(arguments.json or Path(f"{_named(f'{names}_{label(metrics)}', changes)}.json"))
    metrics.check(real.root or Path())
    held_out = others[0].images if others else real.held_out
    evaluator = metrics.evaluator(real.images, _device(arguments.device), held_out, real.root)
    assert isinstance(evaluator, FeatureEvaluator | SeveralEvaluators)
    features = [part.of(generated.images) for part in evaluator.parts]
    if [*generated.classes] != [*real.classes]:  # their numbers mean different things
        for extracted in features:
            extracted.labels = extracted.first_labels = None
    evaluation = evaluator.judge(features)
    protocol = {"data": real.title, **evaluation.protocol, "generated_digest": generated.images.digest}
    record = {
        "generated": generated.title,
        "real": real.title,
        "metrics": evaluation.values,
        "floor": evaluation.floor,
        "classes": evaluation.classes,
        "protocol": protocol,
    }
    if arguments.pictures:
        chosen = evaluator.parts[0].rows(generated.images)
        record["nearest"], record["pictures"] = _draw(
            evaluator.parts, features, file, lambda rows: _read(generated.images, chosen, rows)
        )
    _tell(record, file)


def _writable(path: Path) -> Path:
    """Where the figures go; raises UserError, before they are taken, where nothing can be written."""
    if path.is_dir() or not files.writable(path.parent):
        raise UserError(f"{path} cannot be written: name another file with --json")
    return path


def _file_name(word: str) -> str:
    return Path(word).resolve().name if Path(word).is_dir() else word.replace(":", "-")


def _device(name: str | None) -> torch.device:
    return device_of(name or ("cuda" if torch.cuda.is_available() else "cpu"))


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


def _read(images: Images, chosen: Tensor, rows: Sequence[int]) -> dict[int, Tensor]:
    places = chosen[list(rows)].numpy()
    tensors = (torch.from_numpy(image) for piece in images.pieces(places) for image in piece)
    return dict(zip(rows, tensors, strict=True))


def _draw(
    parts: list[FeatureEvaluator], features: list[Features], file: Path, pick: Pick
) -> tuple[dict[str, Any], list[str]]:
    """Draw what each network says of memorising and of modes; returns the figures by network, and the pictures."""
    pictures: list[str] = []
    nearest: dict[str, Any] = {}
    for part, extracted in zip(parts, features, strict=True):
        if extracted.non_finite:
            continue
        name = part.metrics.key("")[1:] or "inception"
        neighbours = memorised.find(extracted, part.real)
        nearest[name] = neighbours.figures()
        path = file.with_name(f"{file.stem}_neighbours_{name}.png")
        with writing(path) as picture:
            memorised.draw_neighbours(neighbours, part.real, pick, NEIGHBOUR_ROWS).savefig(picture, dpi=150)
        pictures.append(str(path))
        if part.real.classifies:
            labels, count = part.real.features.labels, extracted.logits.shape[1]
            assert labels is not None
            shares = [histogram(kinds, count) for kinds in (extracted.logits.argmax(1), labels)]
            path = file.with_name(f"{file.stem}_modes_{name}.png")
            with writing(path) as picture:
                memorised.draw_modes(*shares).savefig(picture, dpi=150)
            pictures.append(str(path))
    return nearest, pictures


def _tell(record: dict[str, Any], file: Path) -> None:
    write_json(file, record)
    print(table(record))
    for name, distances in record.get("nearest", {}).items():
        print(
            f"\nnearest real image over {name}: median distance {distances['generated_to_real']:.4g} "
            f"(between real images {distances['real_to_real']:.4g});\n  {distances['suspects']:.1%} are nearer to one than "
            f"1 % of real images are to another (about 1 % where nothing is memorised)"
        )
    print("\n" + "\n".join([str(file), *record.get("pictures", [])]))
