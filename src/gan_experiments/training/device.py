"""Where and how precisely a run computes."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum

import torch
from omegaconf import MISSING

from gan_experiments import launchers
from gan_experiments.errors import UserError
from gan_experiments.networks import Network
from gan_experiments.training.allocator import keep_memory

log = logging.getLogger(__name__)

AMPERE = (8, 0)  # compute capability of the first GPUs whose tensor cores multiply bf16


class Kind(Enum):
    auto = "auto"
    cpu = "cpu"
    cuda = "cuda"
    mps = "mps"


class Precision(Enum):
    auto = "auto"
    fp32 = "fp32"
    bf16 = "bf16"


@dataclass
class Gpu:
    """Device, precision and number of ranks.

    device: `auto` takes CUDA, then MPS, then the CPU. precision: bf16 runs the networks under autocast; weights,
    optimiser state, scores, losses and penalties stay float32; `auto` is bf16 where the device is made for it. devices:
    data-parallel ranks to start on this machine, where no launcher (torchrun, srun) does.
    compile: torch.compile the networks. graphs: on one CUDA device, record the work of an iteration once and replay it
    (training/graphs.py). checkpointing: compute the inside of blocks again in the backward pass (training/recomputing.py).
    channels_last: memory format of images and convolutions.
    """

    device: Kind = MISSING
    precision: Precision = MISSING
    devices: int = MISSING
    compile: bool = MISSING
    channels_last: bool = MISSING
    graphs: bool = False
    checkpointing: bool = False

    def __post_init__(self) -> None:
        if self.devices < 1:
            raise UserError(f"gpu.devices must be at least 1, not {self.devices}")
        if self.checkpointing and (self.graphs or self.compile):
            raise UserError("gpu.checkpointing=true does without gpu.graphs and gpu.compile")
        if self.graphs and (self.devices > 1 or launchers.world_size() > 1):
            raise UserError("gpu.graphs=true records the iterations of one device, not of several")

    def resolve(self, local_rank: int = 0) -> torch.device:
        """The torch device of a machine's rank; raises UserError where the machine has none such.

        A launcher may show every rank a GPU of its own: that is the first one of each.
        """
        kind, alone = self.device, self.devices == launchers.world_size() == 1
        if kind is Kind.auto:
            kind = (
                Kind.cuda
                if torch.cuda.is_available()
                else Kind.mps
                if torch.backends.mps.is_available() and alone
                else Kind.cpu
            )
        if kind is Kind.cuda:
            if not torch.cuda.is_available():
                raise UserError(
                    "gpu=cuda: this machine has no CUDA device that torch can use; gpu=cpu runs without"
                )
            if self.devices > torch.cuda.device_count():
                raise UserError(f"gpu.devices={self.devices}: this machine has {torch.cuda.device_count()}")
            return torch.device("cuda", local_rank % torch.cuda.device_count())
        if kind is Kind.mps and not torch.backends.mps.is_available():
            raise UserError("gpu.device=mps: this machine has no MPS device; gpu=cpu runs without")
        return torch.device(kind.value)

    def prepare(self, device: torch.device) -> None:
        """Set what is global to the process: TF32 and cuDNN's autotuner on CUDA, memory and threads of CPU ranks."""
        if device.type == "cuda":
            torch.cuda.set_device(device)
            torch.backends.cudnn.benchmark = True
            torch.set_float32_matmul_precision("high")
            return
        keep_memory()
        if device.type == "cpu" and self.precision is Precision.bf16 and not fast_bf16():
            log.warning(
                "gpu.precision=bf16: this processor has no bf16 instructions, so fp32 is much faster here"
            )
        if self.devices > 1:
            torch.set_num_threads(max(1, torch.get_num_threads() // self.devices))

    def records(self, device: torch.device) -> bool:
        """Whether iterations are recorded; raises UserError where that is wanted on a device that cannot."""
        if self.graphs and device.type != "cuda":
            raise UserError(f"gpu.graphs=true needs a CUDA device, and this run computes on {device.type}")
        return self.graphs

    def autocast(self, device: torch.device) -> AbstractContextManager[None]:
        bf16 = self.arithmetic(device) is Precision.bf16
        context: AbstractContextManager[None] = torch.autocast(device.type, torch.bfloat16, enabled=bf16)
        return context

    def arithmetic(self, device: torch.device) -> Precision:
        """What the networks compute in on `device`: of `auto`, bf16 on GPUs and processors with units for it."""
        if self.precision is not Precision.auto:
            return self.precision
        if device.type == "cuda":
            made_for_it = torch.cuda.get_device_capability(device) >= AMPERE
        else:
            made_for_it = device.type == "cpu" and torch.cpu._is_amx_tile_supported()
        return Precision.bf16 if made_for_it else Precision.fp32

    def memory_format(self, network: Network) -> torch.memory_format:
        """Of images and convolutions: `channels_last` where it is on and the family gains from it."""
        last = self.channels_last and network.channels_last
        return torch.channels_last if last else torch.contiguous_format


def device_of(name: str) -> torch.device:
    """The torch device of that name; raises UserError where the machine has none such."""
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"device {name}: {str(error).splitlines()[0]}") from error
    return device


def fast_bf16() -> bool:
    """Whether this machine's CPU multiplies bf16 in hardware (AVX-512-BF16 or AMX)."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
