import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from gan_experiments.data import cache, files
from gan_experiments.errors import UserError

IMAGES = np.random.default_rng(0).integers(0, 256, (10, 1, 4, 4), dtype=np.uint8)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source"
    path.write_bytes(b"source")
    return path


class Decoder:
    calls = 0

    def __call__(self) -> tuple[tuple[int, ...], Iterator[np.ndarray]]:
        self.calls += 1
        return IMAGES.shape, cache.chunks(IMAGES, lambda part: part, size=3)


def test_decoded_once_until_source_or_transform_change(tmp_path: Path, source: Path) -> None:
    decode = Decoder()
    for size in (4, 4, 5, 4):
        np.testing.assert_array_equal(cache.cached("x", tmp_path, [source], {"size": size}, decode), IMAGES)
    assert decode.calls == 2
    for calls, (content, changed) in enumerate([(b"longer source", 1), (b"other content", 2)], 3):
        source.write_bytes(content)
        os.utime(source, (changed, changed))
        cache.cached("x", tmp_path, [source], {"size": 4}, decode)
        assert decode.calls == calls


def test_writing_to_the_pixels_never_reaches_the_file(tmp_path: Path, source: Path) -> None:
    pixels = cache.cached("x", tmp_path, [source], {}, Decoder())
    pixels[:] = 0
    np.testing.assert_array_equal(cache.cached("x", tmp_path, [source], {}, Decoder()), IMAGES)


def test_a_failure_leaves_no_file(tmp_path: Path, source: Path) -> None:
    def fail() -> tuple[tuple[int, ...], Iterator[np.ndarray]]:
        def pieces() -> Iterator[np.ndarray]:
            yield IMAGES[:4]
            raise UserError("the fifth is bad")

        return IMAGES.shape, pieces()

    with pytest.raises(UserError, match="the fifth is bad"):
        cache.cached("x", tmp_path, [source], {}, fail)
    assert not list((tmp_path / ".cache").iterdir())
    np.testing.assert_array_equal(cache.cached("x", tmp_path, [source], {}, Decoder()), IMAGES)


def test_a_full_disk_is_said(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache.os, "fsync", full)
    with pytest.raises(
        UserError, match=r"cannot be kept in .*\.npy: the disk, or your share of it, is full$"
    ):
        cache.cached("x", tmp_path, [source], {}, Decoder())
    assert not list((tmp_path / ".cache").iterdir())


def test_a_read_only_root_uses_the_users_cache(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "writable", lambda folder: False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    cache.cached("x", tmp_path, [source], {}, Decoder())
    kept = sorted(path.suffix for path in (tmp_path / "home" / "gan-experiments").iterdir() if path.is_file())
    assert kept == [".npy", ".sha256"]
    assert not (tmp_path / ".cache").exists()


def test_a_cache_beside_the_data_is_used_also_by_those_who_cannot_write_there(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = Decoder()
    cache.cached("x", tmp_path, [source], {}, decode)
    monkeypatch.setattr(files, "writable", lambda folder: False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    cache.cached("x", tmp_path, [source], {}, decode)
    assert decode.calls == 1


def test_several_at_once_decode_once(tmp_path: Path, source: Path) -> None:
    decode = Decoder()
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(cache.cached, "x", tmp_path, [source], {}, decode) for _ in range(4)]
    for job in jobs:
        np.testing.assert_array_equal(job.result(), IMAGES)
    assert decode.calls == 1


def same_looks(path: Path, content: bytes) -> None:
    """Other content of the same size, under the old time of the last change of content."""
    stat = path.stat()
    assert len(content) == stat.st_size
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.mark.parametrize("at", [0, 50_000, 99_999])
def test_a_file_replaced_under_its_old_time_is_noticed(tmp_path: Path, at: int) -> None:
    source, decode = tmp_path / "big", Decoder()
    content = bytearray(100_000)
    source.write_bytes(content)
    cache.cached("x", tmp_path, [source], {}, decode)
    content[at] = 1
    time.sleep(0.02)  # the clock of a file system is coarse
    same_looks(source, bytes(content))
    cache.cached("x", tmp_path, [source], {}, decode)
    assert decode.calls == 2


def test_twins_in_two_folders_are_two_sets(tmp_path: Path) -> None:
    decode = Decoder()
    for name, content in (("a", b"\0" * 100), ("b", b"\0" * 99 + b"x"), ("c", b"\0" * 100)):
        (tmp_path / name).mkdir()
        for number in range(2):
            (tmp_path / name / f"{number}.png").write_bytes(content)
            os.utime(tmp_path / name / f"{number}.png", (1, 1))
        cache.cached("x", tmp_path, sorted((tmp_path / name).iterdir()), {}, decode)
    assert decode.calls == 3


def broken(content: bytes, how: str) -> bytes:
    middle = len(content) - 70
    return {
        "empty": b"",
        "cut": content[:-1],
        "longer": content + b"x",
        "flipped": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
        "zeroed": content[:middle] + bytes(20) + content[middle + 20 :],
        "header": content.replace(b"|u1", b"|i1"),
        "shape": content.replace(b"(10, 1, 4, 4)", b"(5, 1, 8, 4)  "[:13]),
        "foreign": b"<html>",
        "archive": b"PK\3\4" + content,
    }[how]


@pytest.mark.parametrize(
    "how", ["empty", "cut", "longer", "flipped", "zeroed", "header", "shape", "foreign", "archive"]
)
def test_a_cache_that_is_not_as_written_is_made_again(
    tmp_path: Path, source: Path, how: str, capsys: pytest.CaptureFixture[str]
) -> None:
    decode = Decoder()
    cache.cached("x", tmp_path, [source], {}, decode)
    (file,) = (tmp_path / ".cache").glob("*.npy")
    whole = file.read_bytes()
    file.write_bytes(broken(whole, how))
    assert file.read_bytes() != whole
    for _ in range(2):
        np.testing.assert_array_equal(cache.cached("x", tmp_path, [source], {}, decode), IMAGES)
    assert decode.calls == 2
    assert file.read_bytes() == whole
    assert f"{file} is not as it was written; its images are decoded again" in capsys.readouterr().err


def test_a_cache_of_somebody_else_that_is_damaged_is_made_again_in_the_users_folder(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.cached("x", tmp_path, [source], {}, Decoder())
    (file,) = (tmp_path / ".cache").glob("*.npy")
    file.write_bytes(b"damaged")
    monkeypatch.setattr(files, "writable", lambda folder: False)
    for _ in range(2):
        np.testing.assert_array_equal(cache.cached("x", tmp_path, [source], {}, Decoder()), IMAGES)
    assert file.read_bytes() == b"damaged"


def test_a_copied_cache_is_summed_once_and_used(tmp_path: Path, source: Path) -> None:
    decode = Decoder()
    cache.cached("x", tmp_path, [source], {}, decode)
    (file,) = (tmp_path / ".cache").glob("*.npy")
    before = cache.note(file).read_text()
    os.utime(file, (1, 1))
    cache.cached("x", tmp_path, [source], {}, decode)
    assert decode.calls == 1
    after = cache.note(file).read_text()
    assert after != before
    assert after.split()[0] == before.split()[0] == cache.digest(IMAGES)


def test_what_killed_writers_left_is_cleared_away(tmp_path: Path, source: Path) -> None:
    (tmp_path / ".cache").mkdir()
    for name, age in (("old.1.part", 2 * cache.ABANDONED), ("new.2.part", 0)):
        (tmp_path / ".cache" / name).write_bytes(b"half")
        now = time.time() - age
        os.utime(tmp_path / ".cache" / name, (now, now))
    cache.cached("x", tmp_path, [source], {}, Decoder())
    assert [path.name for path in (tmp_path / ".cache").glob("*.part")] == ["new.2.part"]


def test_a_source_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"missing cannot be read: No such file"):
        cache.cached("x", tmp_path, [tmp_path / "missing"], {}, Decoder())


def test_writable_looks_at_the_nearest_folder_that_exists(tmp_path: Path) -> None:
    assert files.writable(tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()
