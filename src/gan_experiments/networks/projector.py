"""Features of patches as unit vectors."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import normalize

from gan_experiments.networks.layers import at_least_float32, full_precision, glorot


class PatchProjector(nn.Module):
    """F of Park et al. 2020: for each feature map two layers of `units` units, applied at places of the map.

    Maps (n, c, h, w) and places int64 (n, p), h * row + column, to unit vectors (n, p, units) in float32.
    """

    def __init__(self, channels: Sequence[int], units: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(glorot(nn.Linear(maps, units)), nn.ReLU(), glorot(nn.Linear(units, units)))
            for maps in channels
        )

    def forward(self, maps: Sequence[Tensor], places: Sequence[Tensor]) -> list[Tensor]:
        return [
            self._project(layer, features, where)
            for layer, features, where in zip(self.layers, maps, places, strict=True)
        ]

    @staticmethod
    def _project(layer: nn.Module, features: Tensor, where: Tensor) -> Tensor:
        columns = where[:, None].expand(-1, features.shape[1], -1)
        vectors = at_least_float32(features).flatten(2).gather(2, columns).transpose(1, 2)
        with full_precision(vectors):
            return normalize(layer(vectors), dim=2)
