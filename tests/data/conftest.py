"""What the data tests share: the real files at hand, a place to put them, and pictures of known colours."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_experiments.data import cache

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"

Picture = Callable[..., np.ndarray]


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks and caches of the user go to a folder of the test's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture
def real(tmp_path: Path) -> Callable[[str], Path]:
    """`real("mnist")`: a root of our own in which this folder of real data lies; skips where there is none."""

    def link(name: str) -> Path:
        source = Path(os.environ.get("GAN_DATA") or SHARED) / name
        if not source.is_dir():
            pytest.skip(f"needs the real files {source}")
        root = tmp_path / "root"
        root.mkdir(exist_ok=True)
        (root / name).symlink_to(source.resolve())
        return root

    return link


@pytest.fixture
def picture() -> Picture:
    """`picture(path, width, height, seed)`: writes noise as a picture file and returns its pixels (h, w, 3)."""

    def write(path: Path, width: int = 10, height: int = 8, seed: int = 0) -> np.ndarray:
        pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
        return pixels

    return write


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The cache files written since the test began."""
    written: list[Path] = []
    write = cache._write

    def record(file: Path, *rest: object) -> None:
        written.append(file)
        write(file, *rest)

    monkeypatch.setattr(cache, "_write", record)
    return written
