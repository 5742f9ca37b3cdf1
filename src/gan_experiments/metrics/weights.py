"""Published weights of feature networks: where they are looked for, fetched from, and how they are told apart."""

from __future__ import annotations

import pickle
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Optional

import torch
from omegaconf import MISSING

from gan_experiments.data import download, files
from gan_experiments.data.download import Remote
from gan_experiments.errors import UserError
from gan_experiments.metrics.evaluator import FeatureMetrics


@dataclass(frozen=True)
class Weights:
    """A file of weights: its published `name` and `url` folder, and how its `sha256` begins ("" where unknown).

    `file` is one that the user named; without it the file is looked for in torch.hub's folder.
    """

    name: str
    url: str
    sha256: str
    file: str | None = None

    @property
    def place(self) -> Path:
        """Where the file is, or is put."""
        return Path(self.file).expanduser() if self.file else _hub() / self.name

    def find(self) -> tuple[Path, str]:
        """The file, downloaded where it is missing and nobody named one, and its whole sha256.

        Raises UserError, saying what to do, when it cannot be had or is another file.
        """
        place = self.place
        if not place.is_file():
            if self.file:
                raise UserError(f"metrics.weights: there is no file {place}.{self._ways_out()}")
            try:
                download.fetch(Remote(self.name, (self.url + self.name,)), _hub())
            except UserError as error:
                raise UserError(
                    f"the weights {self.name} are missing and could not be downloaded.{self._ways_out()}\n{error}"
                ) from error
        digest = files.digest(place, "sha256")
        if not digest.startswith(self.sha256):
            raise UserError(
                f"{place} is not the file of weights that was asked for: its sha256 begins with "
                f"{digest[:8]}, not {self.sha256}.{self._ways_out()}"
            )
        return place, digest

    def _ways_out(self) -> str:
        return (
            f"\n  Download {self.url}{self.name}"
            f"\n  and either put it at {_hub() / self.name}"
            f"\n  or name it with metrics.weights=FILE."
            f"\n  metrics=none trains without figures; metrics=lenet, for digits, and metrics=cifar, for small "
            f"colour images, need no download."
        )


def load_state(file: Path) -> dict[str, Any]:
    """The tensors in `file`; raises UserError for a file that holds anything else (nothing in it is run)."""
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise UserError(f"{file} is not a file of weights: {str(error).splitlines()[0]}") from error
    if not isinstance(state, dict):
        raise UserError(f"{file} holds a {type(state).__name__}, not a dictionary of weights")
    return state


def _hub() -> Path:
    return Path(torch.hub.get_dir()) / "checkpoints"


@dataclass
class WeightedMetrics(FeatureMetrics):
    """Figures over a network whose weights are published in a file."""

    weights: Optional[str] = MISSING  # noqa: UP045  (the file; null: in torch.hub's folder, downloaded if need be)
    sha256: str = MISSING  # how the sha256 of the file begins

    def __post_init__(self) -> None:
        super().__post_init__()
        if not re.fullmatch("([0-9a-f]{8,64})?", self.sha256):
            raise UserError(
                f"metrics.sha256 must be the first 8 or more hexadecimal digits, not '{self.sha256}'"
            )

    @property
    def published(self) -> Weights:
        """The file as its authors publish it."""
        raise NotImplementedError

    @property
    def _file(self) -> Weights:
        return replace(self.published, file=self.weights, sha256=self.sha256)

    @property
    def place(self) -> Path:
        """Where the file is, or is put."""
        return self._file.place

    def find(self) -> tuple[Path, str]:
        """The file and its sha256; raises UserError, saying what to do, where there is none."""
        return self._file.find()

    def check(self, paths_data: Path) -> None:
        self.find()
