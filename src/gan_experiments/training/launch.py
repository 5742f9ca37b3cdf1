"""Starting a run: in this process, or on several ranks with one folder and one log."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gan_experiments import launchers
from gan_experiments.config import Config
from gan_experiments.errors import UserError
from gan_experiments.training import ranks, warmstart
from gan_experiments.training.companions import check_companions
from gan_experiments.training.compiling import check_compiler


def run(
    config: Config, folder: Path, record: dict[str, Any], begin: Callable[[], None] = ranks.nothing
) -> dict[str, float]:
    """Train as `config` says, leave everything in `folder`, return the last evaluation's metrics.

    `record` (the resolved settings, the chosen options) goes into every checkpoint. `begin` (one that can be pickled)
    is called once, when nothing can be refused any more and nothing is written yet. Raises UserError before it, and
    where another process trains in `folder`; RunError when training cannot go on, Interrupted after a signal.
    """
    check(config)
    if ranks.world is not None:
        return ranks.world.lead(config, folder, record, begin)
    if launchers.world_size() > 1:  # nobody has joined them: in a parallel launcher's job, or in a script
        raise UserError(
            "torchrun and srun start the ranks of gan-train and of a sweep without a parallel launcher"
        )
    if config.gpu.devices > 1:
        return ranks.spawn(config, folder, record, begin)
    return ranks.train(config, folder, record, begin)


def check(config: Config) -> None:
    """Refuse, in words, what cannot work, before any data is read."""
    device = config.gpu.resolve()
    if config.gpu.compile:
        check_compiler(device)
    check_companions(config.model, config.data)
    config.model.check(config.loss, config.data)
    for logger in config.logger.values():
        logger.check()
    ranks = _check_ranks(config.gpu.devices, config.train.batch_size)
    _check_parts(config, config.train.batch_size // ranks)
    _check_files(config, Path(config.paths.data))
    warmstart.source(config)


def _check_files(config: Config, root: Path) -> None:
    """Refuse missing images of the user's own before weights are fetched; say both where those cannot be had either."""
    own = getattr(config.data, "path", None)
    if own and not Path(own).expanduser().exists():
        config.data.load("train", root)
    try:
        config.metrics.check(root)
    except UserError as error:
        missing = [remote.name for remote in config.data.missing(root)]
        if not missing:
            raise
        place = root / config.data.folders[0]
        raise UserError(
            f"{error}\nThe data is not here either: expected in {place}: {', '.join(missing)}"
        ) from error


def _check_parts(config: Config, share: int) -> None:
    """Refuse parts of a rank's share of the batch that do not give what the whole of it would."""
    parts = config.train.accumulate
    if share % parts:
        raise UserError(f"a batch of {share} images cannot be divided into train.accumulate={parts} parts")
    if parts > 1 and config.model.takes_whole_batches():
        raise UserError(
            "this model has a term that takes a batch as a whole, to which parts do not add up: train.accumulate=1"
        )
    if parts > 1 and config.gpu.graphs:
        raise UserError("gpu.graphs=true records whole batches: train.accumulate=1")
    config.model.check_batch(share // parts)


def _check_ranks(devices: int, batch_size: int) -> int:
    """How many ranks there will be; refuses those that the settings do not fit."""
    started, here = launchers.world_size(), launchers.local_world_size()
    if started > 1 and devices not in (1, here):
        raise UserError(
            f"gpu.devices={devices}, and the launcher has started {here} of {started} processes on this machine; "
            "leave gpu.devices out: the launcher says how many"
        )
    ranks = max(started, devices)
    if batch_size % ranks:
        whose = f"{started} processes" if started > 1 else f"gpu.devices={devices}"
        raise UserError(f"train.batch_size={batch_size} cannot be divided by {whose}")
    return ranks
