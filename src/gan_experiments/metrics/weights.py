"""Published weights of feature networks: where they are looked for, fetched from, and how they are told apart."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gan_experiments.data import download, files
from gan_experiments.data.download import Remote
from gan_experiments.errors import UserError


@dataclass(frozen=True)
class Weights:
    """A file of weights: its published `name` and `url` folder, and how its `sha256` begins.

    `file` is one that the user named; without it the file is looked for in torch.hub's folder.
    """

    name: str
    url: str
    sha256: str
    file: str | None = None

    def find(self) -> tuple[Path, str]:
        """The file, downloaded where it is missing and nobody named one, and its whole sha256.

        Raises UserError, saying what to do, when it cannot be had or is another file.
        """
        place = Path(self.file).expanduser() if self.file else _hub() / self.name
        if not place.is_file():
            if self.file:
                raise UserError(f"metrics.weights: there is no file {place}.{self._ways_out()}")
            try:
                download.fetch(Remote(self.name, (self.url + self.name,)), _hub())
            except UserError as error:
                raise UserError(
                    f"the weights {self.name} are missing and could not be downloaded.{self._ways_out()}\n{error}"
                ) from error
        found = files.digest(place, "sha256")
        if not found.startswith(self.sha256):
            raise UserError(
                f"{place} is not the file of weights that was asked for: its sha256 begins with "
                f"{found[:8]}, not {self.sha256}.{self._ways_out()}"
            )
        return place, found

    def _ways_out(self) -> str:
        return (
            f"\n  Download {self.url}{self.name}"
            f"\n  and either put it at {_hub() / self.name}"
            f"\n  or name it with metrics.weights=FILE."
            f"\n  metrics=none trains without figures; metrics=lenet, for digits, needs no download."
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
