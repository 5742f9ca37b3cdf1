"""Picture files of any kind, decoded in parallel into one cached array."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from gan_experiments.data import cache
from gan_experiments.data.transforms import Pixels, center_crop, resize
from gan_experiments.errors import UserError

SUFFIXES = {".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
CHUNK = 512  # pictures decoded between two writes

Reader = Callable[[str], bytes]


@dataclass(frozen=True)
class Fit:
    """How a picture becomes (channels, size, size): the middle square of `crop` pixels (None: as large as
    fits), resized bilinearly with antialiasing. `half`: of the "left" or "right" half of a picture of two."""

    channels: int
    size: int
    crop: int | None = None
    half: str | None = None

    def decode(self, content: bytes, name: str) -> Pixels:
        """uint8 (channels, size, size) of a file's content; raises UserError naming the file."""
        planes = decode(content, name, self.channels)[None]
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


def decode(content: bytes, name: str, channels: int | None = None) -> Pixels:
    """uint8 (channels, h, w) of a file's content, of its own size; raises UserError naming the file.

    channels: 1 (grey) or 3 (RGB); None: 1 for a grey file, else 3.
    """
    try:
        with Image.open(io.BytesIO(content)) as opened:
            picture = ImageOps.exif_transpose(opened)
            if picture.mode.startswith(("I", "F")):
                raise ValueError(f"it has more than 8 bits per channel (mode {picture.mode})")
            grey = channels == 1 or (channels is None and picture.mode in ("1", "L", "LA"))
            pixels = np.array(picture.convert("L" if grey else "RGB"))
    except UnidentifiedImageError as error:
        raise UserError(f"{name} cannot be read as an image: it is none of a known kind") from error
    except Exception as error:  # whatever a decoder raises, it is the file that is bad
        raise UserError(f"{name} cannot be read as an image: {error}") from error
    return cast(Pixels, pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1))


def size(file: Path) -> tuple[int, int]:
    """Width and height of a picture as it is seen, from its header; raises UserError naming the file."""
    try:
        with Image.open(file) as opened:
            turned = opened.getexif().get(ExifTags.Base.Orientation, 1) >= 5  # by a quarter
            return opened.size[::-1] if turned else opened.size
    except Exception as error:  # whatever a decoder raises, it is the file that is bad
        raise UserError(f"{file} cannot be read as an image: {error}") from error


def under(folder: Path) -> list[Path]:
    """Every picture file below `folder`, in order of path; raises UserError when there is none."""
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}")
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )
    if not found:
        raise UserError(f"{folder} has no images ({', '.join(sorted(SUFFIXES))})")
    return found


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


def decode_files(name: str, root: Path, files: Sequence[Path], fit: Fit) -> Pixels:
    """`decode_all` of files on disk."""
    return decode_all(
        name, root, files, fit, [str(file) for file in files], lambda file: Path(file).read_bytes()
    )


def unreadable(files: Sequence[Path], fit: Fit) -> list[str]:
    """One sentence for every file that cannot be decoded."""

    def problem(file: Path) -> str | None:
        try:
            fit.decode(file.read_bytes(), str(file))
        except (UserError, OSError) as error:
            return str(error)
        return None

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return [found for found in pool.map(problem, files) if found]
