"""What a run's figures came from besides its settings: versions, machine, arithmetic."""

from __future__ import annotations

import platform
import subprocess
from typing import Any

import torch

from gan_experiments import __version__
from gan_experiments.training.device import Gpu


def provenance(gpu: Gpu, device: torch.device) -> dict[str, Any]:
    """Versions, host, device, arithmetic and threads of this process, and the commit of the folder it was started in."""
    return {
        "gan_experiments": __version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "commit": commit(),
        "host": platform.node(),
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else processor(),
        "precision": gpu.arithmetic(device).value,
        "devices": gpu.devices,
        "threads": torch.get_num_threads(),
    }


def commit() -> str | None:
    """The commit of the working folder's repository, with `+` where files differ from it; None where there is none."""
    try:
        said = [
            subprocess.run(["git", *words], capture_output=True, text=True, check=True, timeout=10).stdout
            for words in (("rev-parse", "HEAD"), ("status", "--porcelain", "--untracked-files=no"))
        ]
    except (OSError, subprocess.SubprocessError):
        return None
    return said[0].strip() + "+" * bool(said[1])


def processor() -> str:
    """The CPU's name, as Linux has it; elsewhere its architecture."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = (line.partition(":")[2].strip() for line in file if line.startswith("model name"))
            return next(names, platform.machine())
    except OSError:
        return platform.machine()
