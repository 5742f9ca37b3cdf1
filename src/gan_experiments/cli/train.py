"""`gan-train`: one run, or with -m a sweep of runs."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gan_experiments.cli.app import run

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from gan_experiments.config import Config

log = logging.getLogger(__name__)


def main() -> int:
    """The console command; returns the exit code."""
    return run(task, "train", check)


def task(cfg: DictConfig) -> float | None:
    """Train as `cfg` says; returns the metric that a search optimises, `metrics.best`."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    from gan_experiments.cli.resume import shown

    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    config: Config = OmegaConf.to_object(cfg)  # type: ignore[assignment]
    choices = hydra.runtime.choices.items()
    record = {
        "config": OmegaConf.to_container(cfg, resolve=True, enum_to_str=True),
        "choices": {group: option for group, option in choices if not group.startswith(("hydra", "schema/"))},
        "overrides": list(hydra.overrides.task),
    }
    metrics = start(config, folder, record)
    log.info("Run folder: %s", shown(folder))
    return metrics.get(getattr(config.metrics, "best", None) or "")


def check(config: Config) -> None:
    """Refuse, before anything is written, what could not be trained."""
    from gan_experiments.training import check

    check(config)


def start(config: Config, folder: Path, record: dict[str, Any]) -> dict[str, float]:
    """Imported late, so that a mistake in the settings is said before torch has been imported."""
    from gan_experiments.training import run as train

    return train(config, folder, record)


if __name__ == "__main__":
    raise SystemExit(main())
