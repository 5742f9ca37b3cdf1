"""The random numbers of a training step, the same for one process as for several ranks together."""

from __future__ import annotations

import torch
from torch import Tensor

from gan_experiments import parallel


class Noise:
    """Draws tensors whose first dimension counts this rank's samples.

    Every rank draws the numbers of the whole global batch from the same seed and keeps its own rows, so that
    two ranks with half the batch each see what one rank with the whole batch sees. With `split` off a rank
    draws for itself alone, as one process would.
    """

    def __init__(self, seed: int, device: torch.device, split: bool = True) -> None:
        self.device = device
        self.split = split
        self.generator = torch.Generator(device=device).manual_seed(seed)

    def normal(self, samples: int, *dims: int) -> Tensor:
        """N(0, 1), shape (samples, *dims)."""
        return self._local(torch.randn, samples, dims)

    def uniform(self, samples: int, *dims: int) -> Tensor:
        """U(0, 1), shape (samples, *dims)."""
        return self._local(torch.rand, samples, dims)

    def _local(self, draw: object, samples: int, dims: tuple[int, ...]) -> Tensor:
        total = samples * parallel.world_size() if self.split else samples
        numbers: Tensor = draw(total, *dims, generator=self.generator, device=self.device)  # type: ignore[operator]
        return numbers[parallel.local_slice(total)] if self.split else numbers

    def state_dict(self) -> Tensor:
        return self.generator.get_state()

    def load_state_dict(self, state: Tensor) -> None:
        self.generator.set_state(state.cpu())
