"""GAN experiments: every classic method under one command line, trained and measured alike.

`load` gives a trained model: `gan_experiments.load("outputs/san-digits/RUN").sample(16)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gan_experiments.api import TrainedModel, load

__version__ = "0.1.0"
__all__ = ["TrainedModel", "load"]


def __getattr__(name: str) -> Any:
    """The public names, imported when they are first asked for: torch takes seconds."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from gan_experiments import api

    return getattr(api, name)
