"""What the tests share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

import processors
import tiny
from gan_experiments.config import Config

Compose = Callable[..., tuple[Config, dict[str, Any]]]


@pytest.fixture(scope="session", autouse=True)
def _threads() -> None:
    torch.set_num_threads(processors.THREADS)


@pytest.fixture(scope="session")
def compose() -> Compose:
    """`compose("model=san", ...) -> (Config, record)`: the real configs of a tiny run with these overrides."""
    return tiny.compose
