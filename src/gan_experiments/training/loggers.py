"""Where a run's scalars and pictures go while it trains: TensorBoard, Weights & Biases, trackio."""

from __future__ import annotations

import importlib
import importlib.util
import io
import logging
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import yaml
from omegaconf import MISSING
from PIL import Image
from torch import Tensor

from gan_experiments.errors import UserError
from gan_experiments.grids import to_image
from gan_experiments.writing import writing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)


class Logger(ABC):
    """Takes what a run has to show, between `open` and `close`; steps are generator updates."""

    def check(self) -> None:  # noqa: B027
        """Raise UserError where a package is missing."""

    @abstractmethod
    def open(self, folder: Path, start: int, record: Mapping[str, Any]) -> None:
        """Begin the run in `folder` at step `start`, or go on with it; `record`: its config, choices and provenance."""

    @abstractmethod
    def scalars(self, step: int, values: Mapping[str, float]) -> None: ...

    @abstractmethod
    def picture(self, name: str, step: int, picture: Tensor) -> None:
        """picture: (3, h, w) in [0, 1]."""

    @abstractmethod
    def figure(self, name: str, step: int, figure: Figure) -> None: ...

    @abstractmethod
    def close(self) -> None: ...


@dataclass
class TensorBoard(Logger):
    """Events in the run's folder; later ones of an earlier attempt are purged."""

    def open(self, folder: Path, start: int, record: Mapping[str, Any]) -> None:
        from torch.utils.tensorboard import SummaryWriter
        from torch.utils.tensorboard.summary import hparams

        self.writer = SummaryWriter(str(folder), purge_step=start + 1 if start else 0, flush_secs=15)
        swept = {f"Sweep: {key}": value for key, value in record.get("swept", {}).items()}
        values = {**record["choices"], **flatten(record["config"]), **flatten(swept)}
        # The HPARAMS tab lists the run now, capitals first, with its scalars as live metrics (no experiment summary).
        _, begin, self.end = hparams(values, {})  # type: ignore[no-untyped-call]
        assert self.writer.file_writer is not None
        self.writer.file_writer.add_summary(begin)
        for name in ("choices", "config", "provenance"):
            text = yaml.safe_dump(record[name], sort_keys=False)
            self.writer.add_text(name, f"```yaml\n{text}```", start)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self.writer.add_scalar(name, value, step)

    def picture(self, name: str, step: int, picture: Tensor) -> None:
        self.writer.add_image(name, picture, step)

    def figure(self, name: str, step: int, figure: Figure) -> None:
        self.writer.add_figure(name, figure, step)

    def close(self) -> None:
        assert self.writer.file_writer is not None
        self.writer.file_writer.add_summary(self.end)
        self.writer.close()


class Tracker(Logger):
    """A service with the interface of Weights & Biases; where it fails, the run goes on without it."""

    package: ClassVar[str]
    project: str

    def check(self) -> None:
        if importlib.util.find_spec(self.package) is None:
            raise UserError(
                f'logger={self.package} needs a package: pip install "gan-experiments[{self.package}]"'
            )

    @abstractmethod
    def begin(self, name: str, run_id: str, folder: Path, **settings: Any) -> Any:
        """A run of the service, new or the one with this id."""

    def open(self, folder: Path, start: int, record: Mapping[str, Any]) -> None:
        self.failed = False
        file = folder / "run_id"  # services know a run by it when it is resumed
        if not file.exists():
            with writing(file) as new:
                new.write_text(secrets.token_hex(4))
        settings = {
            "project": self.project,
            "group": folder.parent.name,
            "config": dict(record),
            "resume": "allow",
        }
        self.module = self._try(lambda: importlib.import_module(self.package))
        name = f"{folder.parent.name}/{folder.name}"
        self.run = self._try(lambda: self.begin(name, file.read_text(), folder, **settings))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        self._try(lambda: self.run.log(dict(values), step=step))

    def picture(self, name: str, step: int, picture: Tensor) -> None:
        self._image(name, step, to_image(picture))

    def figure(self, name: str, step: int, figure: Figure) -> None:
        file = io.BytesIO()
        figure.savefig(file, format="png")
        self._image(name, step, Image.open(file))

    def close(self) -> None:
        self._try(lambda: self.run.finish())

    def _image(self, name: str, step: int, image: Image.Image) -> None:
        self._try(lambda: self.run.log({name: self.module.Image(image)}, step=step))

    def _try(self, call: Callable[[], Any]) -> Any:
        if self.failed:
            return None
        try:
            return call()
        except Exception as error:  # noqa: BLE001
            self.failed = True
            reason = " ".join(str(error).split())[:300] or type(error).__name__
            log.warning("%s: %s; the run goes on without it", self.package, reason)
            return None


@dataclass
class Wandb(Tracker):
    """Weights & Biases; where, as whom and whether offline it says by its own variables (WANDB_MODE and so on)."""

    package: ClassVar[str] = "wandb"
    project: str = MISSING

    def begin(self, name: str, run_id: str, folder: Path, **settings: Any) -> Any:
        own = self.module.Settings(
            console="off", silent=True, init_timeout=30, finish_timeout=60, finish_timeout_raises=False
        )
        return self.module.init(name=name, id=run_id, dir=str(folder), settings=own, **settings)


@dataclass
class Trackio(Tracker):
    """trackio, which keeps runs on this machine unless TRACKIO_SPACE_ID names a place."""

    package: ClassVar[str] = "trackio"
    project: str = MISSING

    def begin(self, name: str, run_id: str, folder: Path, **settings: Any) -> Any:
        return self.module.init(name=f"{name} {run_id}", **settings)


def flatten(node: Any, prefix: str = "") -> dict[str, bool | int | float | str]:
    """Nested settings as one level of dotted names; what TensorBoard cannot hold becomes text."""
    if isinstance(node, Mapping):
        flat: dict[str, bool | int | float | str] = {}
        for key, value in node.items():
            flat.update(flatten(value, f"{prefix}.{key}" if prefix else str(key)))
        return flat
    return {prefix: node if isinstance(node, (bool, int, float, str)) else str(node)}
