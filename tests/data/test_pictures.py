"""data/pictures.py: whatever editors, cameras, microscopes and strangers write."""

import io
import struct
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_experiments.data import Folder, pictures
from gan_experiments.errors import UserError

RED, GREEN = (255, 0, 0), (0, 255, 0)


def saved(image: Image.Image, kind: str = "png", **settings) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **settings)
    return out.getvalue()


def folder(path: Path, **settings) -> Folder:
    given = {"channels": 3, "image_size": 8, "num_classes": 0, "flip": False, "test_path": None, "crop": None}
    return Folder(**{**given, **settings}, path=str(path))


def transparent(mode: str) -> Image.Image:
    """Pixel 0 is red (or dark) and opaque, pixel 1 is hidden under full transparency."""
    if mode == "P":
        image = Image.new("P", (2, 1))
        image.putpalette([*RED, *RED])
        image.putdata([0, 1])
        image.info["transparency"] = 1
        return image
    if mode == "RGB":
        image = Image.new("RGB", (2, 1), RED)
        image.putpixel((1, 0), (254, 0, 0))
        image.info["transparency"] = (254, 0, 0)
        return image
    image = Image.new("RGBA", (2, 1), (*RED, 255))
    image.putpixel((1, 0), (*RED, 0))
    return image.convert(mode)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "RGB"])
@pytest.mark.parametrize(("background", "colour"), [("white", (255,) * 3), ("#00ff00", GREEN)])
def test_what_is_hidden_under_alpha_is_not_seen(mode: str, background: str, colour: tuple[int, ...]) -> None:
    image = transparent(mode)
    content = (
        saved(image, transparency=image.info["transparency"])
        if "transparency" in image.info
        else saved(image)
    )
    pixels = pictures.decode(content, "x", 3, background)
    opaque = (76, 76, 76) if mode == "LA" else RED
    assert tuple(pixels[:, 0, 0]) == opaque
    assert tuple(pixels[:, 0, 1]) == colour


def test_half_transparent_is_half_the_background() -> None:
    content = saved(Image.new("RGBA", (1, 1), (0, 0, 0, 128)))
    assert pictures.decode(content, "x", 1).tolist() == [[[127]]]


def test_the_background_is_a_setting_and_decodes_again(tmp_path: Path, decoded: list[Path]) -> None:
    (tmp_path / "in").mkdir()
    Image.new("RGBA", (8, 8), (*RED, 0)).save(tmp_path / "in" / "a.png")
    for background, value in (("white", 255), ("black", 0), ("white", 255)):
        images = folder(tmp_path / "in", background=background).load("train", tmp_path).images
        assert (images == value).all()
    assert len(decoded) == 2
    with pytest.raises(UserError, match=r"data\.background=wite is no colour"):
        folder(tmp_path, background="wite")


@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_sixteen_bits_are_scaled_if_told_how(kind: str) -> None:
    values = np.array([[0, 1000, 2000, 4000, 65535]], np.uint16)
    content = saved(Image.fromarray(values), kind)
    assert pictures.decode(content, "x", 1, scale=4000).tolist() == [[[0, 64, 128, 255, 255]]]
    assert pictures.decode(content, "x", 3, scale=65535)[:, 0, -1].tolist() == [255] * 3
    with pytest.raises(UserError, match=r"more than 8 bits per channel .*data\.scale .*65535 or 4095"):
        pictures.decode(content, "x", 1)


def test_real_numbers_are_scaled_and_what_is_none_is_refused() -> None:
    assert pictures.decode(
        saved(Image.fromarray(np.array([[-1.0, 0.5, 2.0]], np.float32)), "tiff"), "x", 1, scale=1
    ).tolist() == [[[0, 128, 255]]]
    with pytest.raises(UserError, match="not finite"):
        pictures.decode(saved(Image.fromarray(np.array([[np.nan]], np.float32)), "tiff"), "x", 1, scale=1)


@pytest.mark.parametrize("scale", [0, -1, float("nan"), float("inf")])
def test_a_scale_that_is_none(scale: float) -> None:
    with pytest.raises(UserError, match=r"data\.scale must be above 0"):
        folder(Path("x"), scale=scale)


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n%%EndComments\nshowpage\n"


@pytest.mark.parametrize(
    "content", [EPS, b"P7\nWIDTH 1", b"8BPS\0\1", b"#define x_width 1\n", b"", b"\0" * 99]
)
def test_only_kinds_that_start_no_program_are_opened(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*args: object, **settings: object) -> None:
        raise AssertionError("a program was started")

    monkeypatch.setattr("subprocess.Popen", start)
    with pytest.raises(UserError, match=r"x\.png cannot be read as an image: it is none of a known kind"):
        pictures.decode(content, "x.png")


def claiming(width: int, height: int) -> bytes:
    """A png that says it is this large, and has no pixels."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(("width", "height"), [(12_001, 10_000), (60_000, 60_000), (2**31 - 1, 2**31 - 1)])
def test_too_many_pixels_are_refused_before_memory_is_taken(
    width: int, height: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*args: object) -> None:
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr(Image.Image, "load", load)
    with pytest.raises(UserError, match=r"x\.png cannot be read as an image: .*(limit|exceeds)"):
        pictures.decode(claiming(width, height), "x.png")


def test_large_pictures_are_decoded_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "LARGE", 10)
    planes, inside, most = pictures.planes, [0], [0]

    def count(*args) -> object:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        threading.Event().wait(0.01)
        inside[0] -= 1
        return planes(*args)

    monkeypatch.setattr(pictures, "planes", count)
    content = saved(Image.new("L", (8, 8)))
    threads = [threading.Thread(target=pictures.decode, args=(content, "x")) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


def test_size_is_that_of_the_picture_as_it_is_seen(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("L", (4, 2)).save(tmp_path / "turned.png", exif=exif)
    Image.new("L", (4, 2)).save(tmp_path / "plain.png")
    assert pictures.size(tmp_path / "turned.png") == (2, 4)
    assert pictures.decode((tmp_path / "turned.png").read_bytes(), "x").shape == (1, 4, 2)
    assert pictures.size(tmp_path / "plain.png") == (4, 2)


def test_a_file_that_cannot_be_read_is_not_called_a_full_disk(
    tmp_path: Path, picture, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture(tmp_path / "in" / "a.png")

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(UserError, match=r"a\.png cannot be read: Permission denied"):
        folder(tmp_path / "in").load("train", tmp_path)
