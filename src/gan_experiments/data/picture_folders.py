"""What the data sets of picture files in folders share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from PIL import ImageColor

from gan_experiments.data.base import Data
from gan_experiments.errors import UserError


@dataclass
class PictureFolders(Data):
    """Pictures as they lie on disks.

    `background`: the colour, by name or as "#rrggbb", that is seen through what is transparent. `scale`: the value
    that is white in pictures of more than 8 bits per channel; None refuses these.
    """

    background: str = "white"
    scale: Optional[float] = None  # noqa: UP045

    def __post_init__(self) -> None:
        super().__post_init__()
        if getattr(self, "path", None) == "":
            raise UserError("data.path has no value; give it as data.path=FOLDER")
        try:
            ImageColor.getrgb(self.background)
        except ValueError as error:
            raise UserError(
                f"data.background={self.background} is no colour; colours are white, black, '#808080', ..."
            ) from error
        if self.scale is not None and not 0 < self.scale < float("inf"):
            raise UserError(f"data.scale must be above 0, not {self.scale}")
