"""The engine: the only place that knows of devices, optimiser steps, checkpoints and logs."""

from gan_experiments.errors import Interrupted
from gan_experiments.training.run import run

__all__ = ["Interrupted", "run"]
