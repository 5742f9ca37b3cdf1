"""Pictures one after the other, as a GIF or an MP4: walks between latents, and a run's samples over training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gan_experiments.errors import UserError, writing

ENDINGS = (".gif", ".mp4")
FRAMES = 50  # of a film of training, at most
SECONDS = 8  # that it lasts about, but
PAUSE = 1.5  # for its last frame
SLOWEST, FASTEST = 0.5, 0.04  # seconds a frame
STRIP = 20  # pixels below a frame, for its caption


def write(frames: Iterable[Image.Image], path: Path, seconds: float, pause: float = 0) -> Path:
    """Write frames of one size, `seconds` each and `pause` more for the last; returns `path`.

    Raises UserError where what writes MP4 is not installed, RunError where the disk refuses.
    """
    pictures = list(frames)
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".mp4":
            _mp4(pictures + pictures[-1:] * round(pause / seconds), path, seconds)
        else:
            durations = [round(1000 * seconds)] * len(pictures)
            durations[-1] += round(1000 * pause)
            first, *others = (picture.quantize(256, dither=Image.Dither.NONE) for picture in pictures)
            first.save(path, save_all=True, append_images=others, duration=durations, loop=0)
    return path


def _mp4(pictures: Sequence[Image.Image], path: Path, seconds: float) -> None:
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise UserError(f'{path}: MP4 needs imageio-ffmpeg: pip install "gan-experiments[video]"') from error
    writer = imageio_ffmpeg.write_frames(str(path), pictures[0].size, fps=1 / seconds, macro_block_size=2)
    writer.send(None)
    for picture in pictures:
        writer.send(np.ascontiguousarray(picture.convert("RGB")))
    writer.close()


def of_training(samples: Sequence[Path], path: Path) -> Path:
    """A film of a run's pictures samples/step_00001000.png, oldest first, with the step below each; returns `path`.

    Raises UserError where there are fewer than two.
    """
    if len(samples) < 2:
        raise UserError(
            f"{path}: a film needs two pictures in the run's samples/, and there are {len(samples)}"
        )
    places = np.unique(np.linspace(0, len(samples) - 1, FRAMES).round().astype(int))
    seconds = min(max(SECONDS / len(places), FASTEST), SLOWEST)
    return write(_captioned([samples[place] for place in places]), path, seconds, PAUSE)


def _captioned(samples: Sequence[Path]) -> Iterator[Image.Image]:
    size: tuple[int, int] | None = None
    for sample in samples:
        with Image.open(sample) as opened:
            picture = opened.convert("RGB")
        size = size or picture.size
        frame = Image.new("RGB", (size[0], size[1] + STRIP), "white")
        frame.paste(picture.resize(size))
        text = f"step {int(sample.stem.removeprefix('step_')):,}"
        ImageDraw.Draw(frame).text((4, size[1] + 3), text, "black", ImageFont.load_default(13))
        yield frame
