"""`gan-train`: one run, or with -m a sweep of runs."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_experiments.cli.app import run

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from gan_experiments.cli.jobs import Begin
    from gan_experiments.config import Config

log = logging.getLogger(__name__)

COPIES = 4  # of every weight: itself, its gradient and an optimiser's two moments


def main(argv: Sequence[str] | None = None) -> int:
    """The console command, or the same with the words `argv`; returns the exit code."""
    return run(task, "train", check, argv)


def task(cfg: DictConfig, begin: Begin) -> float | None:
    """Train as `cfg` says; returns the figure that a search minimises, the one that chooses the best checkpoint.

    `begin` is called once nothing can be refused any more, before anything is written.
    """
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode
    from omegaconf import OmegaConf

    from gan_experiments.cli.catalogue import options
    from gan_experiments.cli.names import swept
    from gan_experiments.runs import relative

    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    config: Config = OmegaConf.to_object(cfg)  # type: ignore[assignment]
    record = {
        "config": OmegaConf.to_container(cfg, resolve=True, enum_to_str=True),
        "choices": options(hydra.runtime.choices),
        "overrides": list(hydra.overrides.task),
        "swept": swept(hydra.overrides.task, folder.parent) if hydra.mode == RunMode.MULTIRUN else {},
    }
    metrics = start(config, folder, record, begin)
    log.info("Run folder: %s", relative(folder))
    return searched(config, metrics)


def searched(config: Config, metrics: dict[str, float]) -> float | None:
    """What chooses the best checkpoint, of the run's last evaluation; None where it was not measured."""
    from gan_experiments.training.evaluation import objective

    value = objective(config.metrics, config.model, metrics)
    return None if math.isinf(value) else value


def check(config: Config) -> None:
    """Refuse, before anything is written, what could not be trained."""
    from gan_experiments.errors import UserError
    from gan_experiments.training import check

    check(config)
    ranks, cores = config.gpu.devices, os.cpu_count() or 1
    if config.gpu.resolve().type == "cpu" and ranks > max(cores, 2):
        raise UserError(f"gpu.devices={ranks}: this machine has {cores} cores, and each rank wants one")
    check_networks(config)


def check_networks(config: Config) -> None:
    """Build the networks without their numbers: raises UserError where they do not fit the data or the machine."""
    import torch

    from gan_experiments.errors import UserError

    try:
        with torch.device("meta"):
            networks = config.model.build(config.network, config.loss, config.data.shape)
            weights = [weight for network in networks.values() for weight in network.parameters()]
            config.optim.build(weights)
    except UserError:
        raise
    except ValueError as error:  # optimisers refuse values so
        raise UserError(f"optim: {error}") from error
    except (RuntimeError, TypeError, OverflowError) as error:
        raise UserError(
            f"networks of these settings cannot be built: {str(error).splitlines()[0]}"
        ) from error
    wanted = COPIES * sum(weight.numel() * weight.element_size() for weight in weights)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    device = config.gpu.resolve()
    config.gpu.records(device)
    if device.type == "cpu" and wanted > memory:
        raise UserError(
            f"there is not enough memory: the networks want {wanted / 2**30:,.1f} GiB with gradients and optimisers, "
            f"and this machine has {memory / 2**30:,.1f}; a smaller network.width or data.image_size needs less"
        )


def start(config: Config, folder: Path, record: dict[str, Any], begin: Begin) -> dict[str, float]:
    """Imported late, so that a mistake in the settings is said before torch has been imported."""
    from gan_experiments.training import run as train

    return train(config, folder, record, begin)


if __name__ == "__main__":
    raise SystemExit(main())
