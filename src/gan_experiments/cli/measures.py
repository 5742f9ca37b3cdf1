"""What `gan-eval` measures with and against: components of its settings, else of the checkpoint's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omegaconf import DictConfig

from gan_experiments.cli.arguments import to_parts
from gan_experiments.cli.catalogue import group_of, override_key
from gan_experiments.cli.composing import built, changed, composed
from gan_experiments.data import Data
from gan_experiments.errors import UserError
from gan_experiments.metrics import Images, Metrics, NoMetrics, Several
from gan_experiments.metrics.folder import FolderImages
from gan_experiments.metrics.scores import FEWEST
from gan_experiments.training.restore import Restored


def data_of(settings: list[str], restored: Restored) -> Data:
    data: Data = built(_settings("data", settings, restored))  # type: ignore[assignment]
    return data


def metrics_of(settings: list[str], restored: Restored | None = None) -> Metrics:
    """The metrics of the settings, else of the checkpoint; raises UserError where there are none."""
    if restored is None:
        node = composed([word for word in settings if group_of(word) == "metrics"]).metrics
    else:
        node = _settings("metrics", settings, restored)
    metrics: Metrics = built(node)  # type: ignore[assignment]
    if isinstance(metrics, NoMetrics):
        raise UserError("there is nothing to measure by metrics=none: choose some, for example metrics=lenet")
    return metrics


def _settings(group: str, settings: list[str], restored: Restored) -> DictConfig:
    """A group's settings: another option than the checkpoint's with what was said of it, or its own, changed."""
    own = [word for word in settings if group_of(word) == group]
    if any(override_key(word) == group or "@" in word for word in own):
        chosen: DictConfig = composed(own)[group]
        return chosen
    node = restored.settings(group)
    parts = node.get("parts") if group == "metrics" else None
    return changed(node, group, to_parts(own, parts) if parts else own)


def root_of(settings: list[str], restored: Restored | None = None) -> Path:
    """Where data lies: as told, else where training found it, else $GAN_DATA or `data`."""
    own = [word for word in settings if group_of(word) == "paths"]
    trained = Path(restored.record["config"]["paths"]["data"]) if restored else None
    return trained if trained and trained.is_dir() and not own else Path(composed(own).paths.data)


def label(metrics: Metrics) -> str:
    """A name for files: `lenet`, `inception+lenet`."""
    parts = metrics.parts.values() if isinstance(metrics, Several) else [metrics]
    return "+".join(type(part).__name__.lower().removesuffix("metrics") for part in parts)


@dataclass
class Pictures:
    """Images at hand, of a folder or of a split of a data set.

    `title` says which; `classes`: what their labels mean; `root`: where the data set lies, None of a folder;
    `held_out`: others of the same kind, where a data set has some.
    """

    title: str
    images: Images
    classes: Sequence[str]
    root: Path | None = None
    held_out: Images | None = None

    @classmethod
    def of(cls, word: str, settings: list[str]) -> Pictures:
        """Those of a folder, or of `NAME` or `NAME:SPLIT`; raises UserError where there are too few."""
        pictures = cls._of_folder(word) if Path(word).is_dir() else cls._of_data(word, settings)
        if len(pictures.images) < FEWEST:
            count = len(pictures.images)
            raise UserError(f"{word} has {count} images; figures need at least {FEWEST}")
        return pictures

    @classmethod
    def _of_folder(cls, word: str) -> Pictures:
        images = FolderImages(Path(word))
        return cls(word, images, images.classes)

    @classmethod
    def _of_data(cls, word: str, settings: list[str]) -> Pictures:
        name, _, split = word.partition(":")
        own = [one for one in settings if group_of(one) == "data"]
        data: Data = built(composed([f"data={name}", *own]).data)  # type: ignore[assignment]
        if not data.shape.bounded:
            raise UserError(f"data={name} has points, and figures of features are of images")
        root = root_of(settings)
        images = data.load(split or "train", root)
        floor = data.load("test", root) if split in ("", "train") and "test" in data.splits() else None
        title = f"{data.title}, {dims(data.shape.dims)}, {split or 'train'}"
        return cls(title, images, images.class_names or (), root, floor)


def dims(shape: Sequence[int]) -> str:
    """`3x32x32`."""
    return "x".join(map(str, shape))
