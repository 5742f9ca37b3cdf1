"""The engine: the only place that knows of devices, optimiser steps, checkpoints and logs."""

from gan_experiments.errors import Interrupted
from gan_experiments.training.launch import check, run

__all__ = ["Interrupted", "check", "run"]
