"""The engine: the only place that knows of devices, optimiser steps, checkpoints and logs."""

from gan_experiments.training.run import Interrupted, run

__all__ = ["Interrupted", "run"]
