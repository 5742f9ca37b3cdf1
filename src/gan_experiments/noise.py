"""The random numbers of a training step, the same for one process as for several ranks together."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from gan_experiments import parallel

STRIDE = 1_000_000_007  # between the seeds of two steps


class Noise:
    """Draws tensors whose first dimension counts this rank's samples.

    Every rank draws the numbers of the whole global batch from the same seed and keeps its own rows, so that
    two ranks with half the batch each see what one rank with the whole batch sees. With `split` off a rank
    draws for itself alone, as one process would. Where a rank computes its share in parts, one after the other, it
    does the same for each: `parts`, of which `part` has its turn.
    """

    def __init__(self, seed: int, device: torch.device, split: bool = True, parts: int = 1) -> None:
        self.device = device
        self.split = split
        self.seed = seed
        self.part, self.parts = 0, parts
        self.generator = torch.Generator(device=device).manual_seed(seed)

    def normal(self, samples: int, *dims: int) -> Tensor:
        """N(0, 1), shape (samples, *dims)."""
        return self._local(torch.randn, samples, dims)

    def uniform(self, samples: int, *dims: int) -> Tensor:
        """U(0, 1), shape (samples, *dims)."""
        return self._local(torch.rand, samples, dims)

    def _local(self, draw: object, samples: int, dims: tuple[int, ...]) -> Tensor:
        total = self.parts * samples * (parallel.world_size() if self.split else 1)
        numbers: Tensor = draw(total, *dims, generator=self.generator, device=self.device)  # type: ignore[operator]
        share = numbers[parallel.local_slice(total)] if self.split else numbers
        return share[self.rows(samples)]

    def rows(self, samples: int) -> slice:
        """Those of this rank's share that the part whose turn it is has, `samples` of them."""
        return slice(self.part * samples, (self.part + 1) * samples)

    def each_part(self) -> Iterator[None]:
        """The parts in turn; each begins with the numbers that the first began with, and is given its rows of them."""
        start = self.generator.get_state() if self.parts > 1 else None
        for part in range(self.parts):
            if start is not None:
                self.generator.set_state(start)
            self.part = part
            yield
        self.part = 0

    def state_dict(self) -> Tensor:
        return self.generator.get_state()

    def load_state_dict(self, state: Tensor, step: int = 0) -> bool:
        """Go on where `state` was taken, after `step` updates.

        The generator of another kind of device cannot: it starts anew from the seed and the step, and the answer
        is False.
        """
        if state.shape == self.generator.get_state().shape:
            self.generator.set_state(state.cpu())
            return True
        self.generator.manual_seed((self.seed + STRIDE * (step + 1)) % 2**63)
        return False
