"""Pictures one after the other, as a GIF or an MP4: walks between latents, and a run's samples over training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gan_experiments.data.pictures import decode
from gan_experiments.errors import UserError
from gan_experiments.runs import RunFolder
from gan_experiments.writing import writing

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
    with writing(path) as file:
        if path.suffix.lower() == ".mp4":
            _mp4(pictures + pictures[-1:] * round(pause / seconds), file, seconds)
        else:
            durations = [round(1000 * seconds)] * len(pictures)
            durations[-1] += round(1000 * pause)
            first, *others = (picture.quantize(256, dither=Image.Dither.NONE) for picture in pictures)
            first.save(file, save_all=True, append_images=others, duration=durations, loop=0)
    return path


def _mp4(pictures: Sequence[Image.Image], path: Path, seconds: float) -> None:
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise UserError('MP4 needs imageio-ffmpeg: pip install "gan-experiments[video]"') from error
    writer = imageio_ffmpeg.write_frames(str(path), pictures[0].size, fps=1 / seconds, macro_block_size=2)
    writer.send(None)
    for picture in pictures:
        writer.send(np.ascontiguousarray(picture.convert("RGB")))
    writer.close()


def of_training(run: RunFolder, path: Path) -> Path:
    """A film of a run's pictures samples/step_00001000.png, oldest first, with the step below each; returns `path`.

    What is no picture is left out. Raises UserError where there are fewer than two.
    """
    samples = run.samples()
    places = np.unique(np.linspace(0, len(samples) - 1, FRAMES).round().astype(int))
    seconds = min(max(SECONDS / len(places), FASTEST), SLOWEST)
    frames = list(_captioned(run, [samples[place] for place in places]))
    if len(frames) < 2:
        raise UserError(
            f"{path}: a film needs two pictures in the run's samples/, and there are {len(frames)}"
        )
    return write(frames, path, seconds, PAUSE)


def _captioned(run: RunFolder, samples: Sequence[Path]) -> Iterator[Image.Image]:
    size: tuple[int, int] | None = None
    for sample in samples:
        try:
            pixels = decode(run.read(sample), str(sample), 3)
        except (UserError, OSError):
            continue
        picture = Image.fromarray(pixels.transpose(1, 2, 0))
        size = size or picture.size
        frame = Image.new("RGB", (size[0], size[1] + STRIP), "white")
        frame.paste(picture.resize(size))
        text = f"step {int(sample.stem.removeprefix('step_')):,}"
        ImageDraw.Draw(frame).text((4, size[1] + 3), text, "black", ImageFont.load_default(13))
        yield frame
