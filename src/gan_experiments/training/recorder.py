"""What a run leaves in its folder: metrics.jsonl, sample grids, summary.json; and what its loggers get."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from gan_experiments import figures, films
from gan_experiments.errors import UserError
from gan_experiments.grids import to_image
from gan_experiments.runs import RunFolder, trim_evaluations
from gan_experiments.training.loggers import Logger
from gan_experiments.training.progress import Progress
from gan_experiments.writing import writing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

log = logging.getLogger(__name__)


class NullRecorder:
    """What ranks other than the first have in place of a recorder: nothing is kept or shown."""

    def progress(self, step: int, total: int | None, scalars: dict[str, float], images: int) -> None:
        pass

    def step(self, step: int, total: int | None) -> None:
        pass

    def pause(self, doing: str = "") -> AbstractContextManager[None]:
        return nullcontext()

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        pass

    def picture(self, name: str, step: int, picture: Tensor, file: str = "") -> None:
        pass

    def figure(self, name: str, step: int, figure: Figure) -> None:
        pass

    def evaluation(self, row: dict[str, Any]) -> None:
        pass

    def say(self, message: str) -> None:
        pass

    def film(self) -> None:
        pass

    def summary(self, values: dict[str, Any]) -> None:
        pass

    def close(self) -> None:
        pass


class Recorder(NullRecorder):
    """Writes a run's records and shows its progress; steps are generator updates everywhere.

    start: the step that the run begins or resumes at. loggers: what gets scalars and pictures besides the folder.
    """

    def __init__(
        self, folder: Path, start: int, record: Mapping[str, Any], loggers: Iterable[Logger]
    ) -> None:
        self.folder = folder
        (folder / "samples").mkdir(parents=True, exist_ok=True)
        trim_evaluations(folder, start)
        self.loggers = list(loggers)
        for logger in self.loggers:
            logger.open(folder, start, record)
        self._progress = Progress(start)

    def progress(self, step: int, total: int | None, scalars: dict[str, float], images: int) -> None:
        """Scalars of one interval of training, shown with images per second and time left.

        total: the run's last step, where it is known. images: real ones in a batch.
        """
        losses = {
            k.removeprefix("loss/"): v
            for k, v in scalars.items()
            if k.startswith("loss/") and k.count("/") == 1
        }
        rate = self._progress.interval(step, total, losses, images)
        self.scalars(step, {**scalars, "time/images_per_second": rate})

    def step(self, step: int, total: int | None) -> None:
        """An update has been made; total: the run's last step, where it is known."""
        self._progress.step(step, total)

    def pause(self, doing: str = "") -> AbstractContextManager[None]:
        """Leave what happens inside out of the images per second; `doing` is shown meanwhile."""
        return self._progress.pause(doing)

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        for logger in self.loggers:
            logger.scalars(step, values)

    def picture(self, name: str, step: int, picture: Tensor, file: str = "") -> None:
        """A picture (3, H, W) in [0, 1]; with file="step" also as samples/step_00001000.png."""
        for logger in self.loggers:
            logger.picture(name, step, picture)
        if file:
            to_image(picture).save(self.folder / "samples" / f"{file}_{step:08d}.png")

    def figure(self, name: str, step: int, figure: Figure) -> None:
        for logger in self.loggers:
            logger.figure(name, step, figure)

    def evaluation(self, row: dict[str, Any]) -> None:
        """One line of metrics.jsonl: step, images_seen, seconds, metrics and their protocol."""
        with (self.folder / "metrics.jsonl").open("a") as file:
            file.write(json.dumps(jsonable(row)) + "\n")
        kinds = {name: "eval" if figures.is_reported(name) else "eval_error" for name in row["metrics"]}
        # These tags come first, and the HPARAMS tab shows the first.
        self.scalars(row["step"], {f"{kinds[name]}/{name}": value for name, value in row["metrics"].items()})
        self.say(figures.table(f"step {row['step']}", row["metrics"], row.get("floor", {})))

    def say(self, message: str) -> None:
        """Lines of the log."""
        for line in message.splitlines():
            log.info(line)

    def film(self) -> None:
        """train.gif, of the sample grids so far, if there are two."""
        with suppress(UserError):
            films.of_training(RunFolder(self.folder), self.folder / "train.gif")

    def summary(self, values: dict[str, Any]) -> None:
        write_json(self.folder / "summary.json", values)

    def close(self) -> None:
        self._progress.close()  # first: some loggers print how they end
        for logger in self.loggers:
            logger.close()


def jsonable(node: Any) -> Any:
    """Non-finite numbers as text, since JSON has none."""
    if isinstance(node, Mapping):
        return {key: jsonable(value) for key, value in node.items()}
    if isinstance(node, (list, tuple)):
        return [jsonable(value) for value in node]
    if isinstance(node, float) and not math.isfinite(node):
        return str(node)
    return node


def write_json(path: Path, value: Any) -> None:
    """Write `value` as JSON; raises RunError where the system refuses."""
    with writing(path) as file:
        file.write_text(json.dumps(jsonable(value), indent=2) + "\n")
