"""Pictures of a run, decoded within limits and made small enough to embed."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from gan_experiments.runs import RunFolder

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 25_000_000


def opened(run: RunFolder, path: Path) -> Image | None:
    """A PNG of a run in RGB, or None where it cannot be read."""
    try:
        return decoded(run.read(path))
    except OSError:
        return None


def decoded(data: bytes) -> Image | None:
    """A PNG in RGB; None for anything else, and for more than MAX_PIXELS."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(io.BytesIO(data), formats=["PNG"])
            if image.width * image.height > MAX_PIXELS:
                return None
            return image.convert("RGB")
    except Exception:  # noqa: BLE001  a foreign file can fail in any way
        return None
