"""Pictures of a run, decoded within limits and made small enough to embed."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gan_experiments.reports import events
from gan_experiments.runs import RunFolder

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 25_000_000
TIMES = 8  # columns of a film strip
LATENTS = 4  # its rows
TILES = 8  # in a row and a column of a run's grid of samples
SEAM = 2  # pixels around each
SEAMS = (SEAM, 1)  # and of earlier grids
GAP = 2  # pixels between columns
BETWEEN = (128, 128, 128)  # their colour
FRAME = 120  # pixels of a frame that is no grid


@dataclass
class Film:
    """Samples from the same latents (down) over training (across), the last column real images where `real`.

    sources: the first column shows the images that the others translate.
    """

    uri: str
    steps: list[int]
    real: bool = False
    sources: bool = False

    @property
    def share(self) -> int:
        """The width, in per cent of a strip with all its columns."""
        return round(100 * (len(self.steps) + self.real + self.sources) / (TIMES + 1))


def film(run: RunFolder, budget: int) -> Film | None:
    """The film strip of a run, in about `budget` bytes; None where no picture can be read."""
    paths = {int(path.stem.removeprefix("step_")): path for path in run.samples() if len(path.stem) < 20}
    opened_pictures = [(step, opened(run, paths[step])) for step in thinned(sorted(paths), TIMES)]
    frames = [(step, image) for step, image in opened_pictures if image is not None]
    if not frames:
        return None
    steps, images = [step for step, _ in frames], [image for _, image in frames]
    if cell := translated_cell(run, images[-1]):
        columns = [_cells(images[0], cell, 0), *[_cells(image, cell, 1) for image in images]]
        return Film(uri(_beside(columns, apart=1), budget), steps, sources=True)
    real = decoded(events.picture(run, "real") or b"")
    if real is not None and real.size == images[-1].size:
        images.append(real)
    strip = _beside([_column(image) for image in images], apart=len(frames))
    return Film(uri(strip, budget), steps, len(images) > len(frames))


def last(run: RunFolder, budget: int) -> str | None:
    """The last grid of samples, as a data URI of about `budget` bytes."""
    for path in reversed(run.samples()):
        image = opened(run, path)
        if image is not None:
            return uri(image, budget)
    return None


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


def tiles(image: Image) -> list[Image]:
    """The samples of a run's grid, row by row; the picture itself where it is none."""
    seam = next((seam for seam in SEAMS if all((side - seam) % TILES == 0 for side in image.size)), None)
    if seam is None or min(image.size) < 5 * TILES:
        return [image]
    width, height = ((side - seam) // TILES for side in image.size)
    corners = [(seam + x * width, seam + y * height) for y in range(TILES) for x in range(TILES)]
    return [image.crop((left, top, left + width - seam, top + height - seam)) for left, top in corners]


def translated_cell(run: RunFolder, image: Image) -> int | None:
    """The pixels from one image to the next in a translator's picture, whose rows are source, output and others.

    None for what is no such picture.
    """
    data = run.config.get("data")
    size = data.get("image_size") if isinstance(data, dict) and "source_channels" in data else None
    if not isinstance(size, int) or size < 1:
        return None
    width = image.width - SEAM
    for columns in range(2, width // (size + SEAM) + 1):
        cell = width // columns
        if width % columns == 0 and (cell - SEAM) % size == 0 and image.height >= LATENTS * cell:
            return cell
    return None


def uri(image: Image, budget: int) -> str:
    """A data URI: PNG where that takes no more than `budget` bytes, else JPEG, halved until it fits."""
    if 3 * image.width * image.height <= 12 * budget:  # else it would hardly fit
        data = _encoded(image, "PNG")
        if len(data) <= budget:
            return "data:image/png;base64," + base64.b64encode(data).decode()
    data = _encoded(image, "JPEG", quality=85)
    while len(data) > budget and min(image.size) > 64:
        image = image.reduce(2)
        data = _encoded(image, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(data).decode()


def thinned(items: Sequence[int], count: int) -> list[int]:
    """At most `count` of sorted steps: the first and the last, and between them more of the early ones."""
    if len(items) <= count:
        return list(items)
    places = (round((len(items) - 1) ** (i / (count - 1))) if i else 0 for i in range(count))
    chosen = sorted(set(places))
    rest = (place for place in range(len(items)) if place not in chosen)
    return [items[place] for place in sorted([*chosen, *[next(rest) for _ in range(count - len(chosen))]])]


def _encoded(image: Image, kind: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _column(image: Image) -> Image:
    """The first samples of a grid, one under the other; a small version of a picture that is no grid."""
    parts = tiles(image)[::TILES][:LATENTS]
    if len(parts) > 1:
        return _stacked(parts)
    scale = FRAME / max(image.size)
    return image.resize([max(1, round(side * scale)) for side in image.size])


def _cells(image: Image, cell: int, column: int) -> Image:
    """The uppermost images of a column of a translator's picture, FRAME wide at most."""
    left, side = SEAM + column * cell, cell - SEAM
    tops = [SEAM + row * cell for row in range(LATENTS)]
    small = min(side, FRAME)
    parts = [image.crop((left, top, left + side, top + side)).resize((small, small)) for top in tops]
    return _stacked(parts)


def _stacked(parts: Sequence[Image]) -> Image:
    from PIL import Image

    column = Image.new("RGB", (parts[0].width, sum(part.height + 1 for part in parts) - 1), BETWEEN)
    for index, part in enumerate(parts):
        column.paste(part, (0, index * (part.height + 1)))
    return column


def _beside(columns: Sequence[Image], apart: int) -> Image:
    """Columns from left to right, those from `apart` on a little away from the others."""
    from PIL import Image

    places = [sum(c.width + GAP for c in columns[:i]) + 3 * GAP * (i >= apart) for i in range(len(columns))]
    size = (places[-1] + columns[-1].width, max(column.height for column in columns))
    strip = Image.new("RGB", size, BETWEEN)
    for x, column in zip(places, columns, strict=True):
        strip.paste(column, (x, 0))
    return strip
