"""What turns images of one domain into images of another."""

from __future__ import annotations

from torch import Tensor, nn


class Translator(nn.Module):
    """Images (n, c, s, s) to images (n, c', s, s) in [-1, 1], float32: an encoder half and a decoder half.

    `noise_dims`: how many numbers of `z` an image takes, uniform in [0, 1); 0 for a network without noise. The same
    `z` gives the same images, in training and in evaluation. `feature_channels`: channels of what `features` gives.
    """

    noise_dims: int = 0
    feature_channels: tuple[int, ...]

    def encode(self, images: Tensor) -> list[Tensor]:
        """The maps of the encoder half, the image first: those of `features`, and all that `decode` needs."""
        raise NotImplementedError

    def decode(self, maps: list[Tensor], z: Tensor | None = None) -> Tensor:
        """What `encode` gave to images; `z` (n, noise_dims)."""
        raise NotImplementedError

    def forward(self, images: Tensor, z: Tensor | None = None) -> Tensor:
        return self.decode(self.encode(images), z)

    def features(self, images: Tensor) -> list[Tensor]:
        """Maps (n, c, h, w) of the encoder half, the largest first, as PatchNCE compares them (Park et al. 2020)."""
        return self.encode(images)[: len(self.feature_channels)]
