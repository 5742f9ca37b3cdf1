import os
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
    for calls, (content, time) in enumerate([(b"longer source", 1), (b"other content", 2)], 3):
        source.write_bytes(content)
        os.utime(source, (time, time))
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
    with pytest.raises(UserError, match=r"cannot be kept in .*\.npy: .*No space left on device"):
        cache.cached("x", tmp_path, [source], {}, Decoder())
    assert not list((tmp_path / ".cache").iterdir())


def test_a_read_only_root_uses_the_users_cache(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "writable", lambda folder: False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    cache.cached("x", tmp_path, [source], {}, Decoder())
    assert [file.suffix for file in (tmp_path / "home" / "gan-experiments").iterdir()] == [".npy"]
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


def test_writable_looks_at_the_nearest_folder_that_exists(tmp_path: Path) -> None:
    assert files.writable(tmp_path / "a" / "b")
    assert not (tmp_path / "a").exists()
