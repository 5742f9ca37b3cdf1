"""Picture files of any kind, decoded in parallel into one cached array."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from typing import cast

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from gan_experiments.data import cache, files
from gan_experiments.data.scan import SUFFIXES, Scan, scan
from gan_experiments.data.transforms import Pixels, center_crop, resize
from gan_experiments.errors import UserError

FORMATS = ["BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP"]  # others may start programs, as EPS does
CHUNK = 512  # pictures decoded between two writes
MOST_PIXELS = 120_000_000  # in one picture: what cameras make
LARGE = 16_000_000  # pixels; larger pictures are decoded one at a time

_one_large = Lock()
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # MOST_PIXELS is the limit here

Reader = Callable[[str], bytes]


@dataclass(frozen=True)
class Fit:
    """How a picture becomes (channels, size, size): the middle square of `crop` pixels (None: as large as
    fits), resized bilinearly with antialiasing.

    `half`: of the "left" or "right" half of a picture of two. `background`, `scale`: as in `decode`.
    """

    channels: int
    size: int
    crop: int | None = None
    half: str | None = None
    background: str = "white"
    scale: float | None = None

    def decode(self, content: bytes, name: str) -> Pixels:
        """uint8 (channels, size, size) of a file's content; raises UserError naming the file."""
        planes = decode(content, name, self.channels, self.background, self.scale)[None]
        if self.half:
            middle, odd = divmod(planes.shape[3], 2)
            if odd or not middle:
                raise UserError(f"{name} is {planes.shape[3]} pixels wide, which two pictures cannot share")
            planes = planes[..., :middle] if self.half == "left" else planes[..., middle:]
        if self.crop and min(planes.shape[2:]) < self.crop:
            height, width = planes.shape[2:]
            raise UserError(f"{name} is {width}x{height} pixels, too small for data.crop={self.crop}")
        (fitted,) = resize(center_crop(planes, self.crop), self.size)
        return cast(Pixels, fitted)


def decode(
    content: bytes,
    name: str,
    channels: int | None = None,
    background: str = "white",
    scale: float | None = None,
) -> Pixels:
    """uint8 (channels, h, w) of a file's content, of its own size; raises UserError naming the file.

    channels: 1 (grey) or 3 (RGB); None: 1 for a grey file, else 3. `background`: the colour seen through what is
    transparent. `scale`: the value that becomes 255 (white) in pictures of more than 8 bits per channel, brighter
    ones too; None refuses these.
    """
    with opened(content, name) as picture:
        return planes(picture, channels, background, scale)


@contextmanager
def opened(content: bytes, name: str) -> Iterator[Image.Image]:
    """The picture in a file's content, as it is seen; raises UserError naming the file, also for what fails inside."""
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
            pixels = picture.width * picture.height
            if pixels > MOST_PIXELS:
                raise ValueError(
                    f"it has {picture.width}x{picture.height} pixels; {MOST_PIXELS:,} in all are the limit"
                )
            with _one_large if pixels > LARGE else nullcontext():
                yield ImageOps.exif_transpose(picture)
    except UnidentifiedImageError as error:
        raise UserError(f"{name} cannot be read as an image: it is none of a known kind") from error
    except Exception as error:  # whatever a decoder raises, it is the file that is bad
        raise UserError(f"{name} cannot be read as an image: {error}") from error


def planes(
    picture: Image.Image, channels: int | None, background: str = "white", scale: float | None = None
) -> Pixels:
    """`decode` of an image of Pillow's; raises ValueError."""
    if picture.mode.startswith(("I", "F")):
        if scale is None:
            raise ValueError(
                f"it has more than 8 bits per channel (mode {picture.mode}); say with data.scale which value "
                "shall be white, such as 65535 or 4095"
            )
        values = np.asarray(picture, np.float64) * (255 / scale)
        if not np.isfinite(values).all():
            raise ValueError("it has values that are not finite")
        picture = Image.fromarray(np.rint(values.clip(0, 255)).astype(np.uint8))
    grey = channels == 1 or (channels is None and picture.mode in ("1", "L", "LA"))
    if picture.has_transparency_data:
        upper = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", upper.size, background), upper)
    pixels = np.array(picture.convert("L" if grey else "RGB"))
    return cast(Pixels, pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))


def size(file: Path) -> tuple[int, int]:
    """Width and height of a picture as it is seen, from its header; raises UserError naming the file."""
    try:
        with Image.open(file, formats=FORMATS) as opened:
            turned = opened.getexif().get(ExifTags.Base.Orientation, 1) >= 5  # by a quarter
            return opened.size[::-1] if turned else opened.size
    except Exception as error:  # whatever a decoder raises, it is the file that is bad
        raise UserError(f"{file} cannot be read as an image: {error}") from error


def under(folder: Path) -> list[Path]:
    """The picture files below `folder`, in order of path; raises UserError when there is none."""
    return looked_through(folder).files


def looked_through(folder: Path) -> Scan:
    """`scan` of a folder that must hold pictures; raises UserError when it does not."""
    listing = scan(folder)
    if not listing.files:
        reasons = f"; left out: {listing.reasons()}" if listing.left_out else ""
        raise UserError(f"{folder} has no images ({', '.join(sorted(SUFFIXES))}){reasons}")
    return listing


def decode_all(
    name: str, root: Path, sources: Sequence[Path], fit: Fit, names: Sequence[str], read: Reader
) -> Pixels:
    """The pictures that `read` gives for `names`, decoded once into the cache.

    `name` (the set and its split) and `sources` (the files where the pictures lie) say when they are the same.
    """

    def pieces() -> Iterator[Pixels]:
        from tqdm import tqdm

        with (
            ThreadPoolExecutor(os.cpu_count()) as pool,
            tqdm(total=len(names), leave=False, disable=None) as bar,
        ):
            for start in range(0, len(names), CHUNK):
                part = names[start : start + CHUNK]
                yield np.stack(list(pool.map(lambda name: fit.decode(read(name), name), part)))
                bar.update(len(part))

    shape = (len(names), fit.channels, fit.size, fit.size)
    return cache.cached(name, root, sources, asdict(fit), lambda: (shape, pieces()))


def decode_files(name: str, root: Path, paths: Sequence[Path], fit: Fit) -> Pixels:
    """`decode_all` of files on disk."""
    return decode_all(name, root, paths, fit, [str(path) for path in paths], _content)


def _content(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise UserError(f"{name} cannot be read: {files.reason(error)}") from error


def unreadable(paths: Sequence[Path], fit: Fit) -> list[str]:
    """One sentence for every file that cannot be decoded."""

    def problem(file: Path) -> str | None:
        try:
            fit.decode(_content(str(file)), str(file))
        except UserError as error:
            return str(error)
        return None

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [listing for listing in pool.map(problem, paths) if listing]
