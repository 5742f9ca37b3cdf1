"""What the tests share."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

import composing
import processors
import tiny
from gan_experiments.config import Config

Compose = Callable[..., tuple[Config, dict[str, Any]]]


def pytest_collection_finish() -> None:
    """What lives until the end, modules and tests, is not gone through again by every collection of garbage."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _composing() -> Iterator[None]:
    with composing.remembered():
        yield


@pytest.fixture(scope="session", autouse=True)
def _threads() -> None:
    torch.set_num_threads(processors.THREADS)


@pytest.fixture(scope="session", autouse=True)
def _caches(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Locks and caches are not those of the user who runs the tests; downloaded weights are."""
    os.environ.setdefault("TORCH_HOME", str(Path(torch.hub.get_dir()).parent))
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(autouse=True)
def _no_closed_logs() -> None:
    """What an earlier test logged to, and pytest has closed, is no place for this one's messages."""
    root = logging.getLogger()
    root.handlers = [
        one for one in root.handlers if not getattr(getattr(one, "stream", None), "closed", False)
    ]


@pytest.fixture(scope="session")
def compose() -> Compose:
    """`compose("model=san", ...) -> (Config, record)`: the real configs of a tiny run with these overrides."""
    return tiny.compose


def translated(model: str, folder: Path) -> Path:
    from gan_experiments.training import run

    settings = ["metrics=lenet", "train.evaluate_every=2", "train.sample_every=2"]
    config, record = tiny.compose(*tiny.translation(folder / "data", model), *settings)
    (folder / "run").mkdir()
    run(config, folder / "run", record)
    return folder / "run"


@pytest.fixture(scope="session")
def cyclegan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of four steps on two domains without pairs, evaluated after two and four."""
    return translated("cyclegan", tmp_path_factory.mktemp("cyclegan"))


@pytest.fixture(scope="session")
def pix2pix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same on pairs."""
    return translated("pix2pix", tmp_path_factory.mktemp("pix2pix"))
