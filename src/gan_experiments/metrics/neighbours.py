"""Precision, recall, density and coverage from blocked nearest neighbours.

Kynkaanniemi et al. 2019 (precision, recall) and Naeem et al. 2020 (density, coverage). Distances are float32
products on the features' device, and every comparison too close for float32 is made again in float64 from
differences: the figures are those of float64, in memory that grows with n and not with n^2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

NEAREST = 3  # of precision and recall, as published
NEAREST_DENSITY = 5  # of density and coverage, as published
BLOCK = 1 << 22  # distances in memory at a time
PAIRS = 1 << 17  # numbers in the cache at a time when pairs are compared again
SPARE = 4  # neighbours beyond the k-th that are measured exactly to find the k-th
SLACK = {torch.float32: 1e-5, torch.float64: 1e-13}  # of |x|^2 + |y|^2: more than a product may be off by


@dataclass
class Block:
    """Squared distances (rows, columns) from consecutive rows, the first being `start`, and how far each may be off."""

    start: int
    squared: Tensor
    slack: Tensor


class Cloud:
    """Features (n, d) about a `centre` (d,) that keeps their norms, and so rounding errors, small."""

    def __init__(self, features: Tensor, centre: Tensor) -> None:
        self.features, self.centre = features, centre
        self.centred = features - centre
        self.norms = self.centred.square().sum(1)

    def __len__(self) -> int:
        return len(self.features)

    def blocks(self, other: Cloud) -> Iterator[Block]:
        """The squared distances from these features to those of `other`."""
        step = max(1, BLOCK // len(other))
        for start in range(0, len(self), step):
            rows = slice(start, start + step)
            scale = self.norms[rows, None] + other.norms
            squared = torch.addmm(scale, self.centred[rows], other.centred.T, alpha=-2)
            yield Block(start, squared, scale.mul_(SLACK[scale.dtype]))

    def exactly(self, rows: Tensor, other: Cloud, columns: Tensor) -> Tensor:
        """Squared distances of the pairs (rows[i], columns[i]), float64, from differences."""
        squared = torch.empty(len(rows), dtype=torch.float64, device=rows.device)
        step = max(1, PAIRS // self.features.shape[1])
        for start in range(0, len(rows), step):
            pairs = slice(start, start + step)
            difference = self.features[rows[pairs]].double() - other.features[columns[pairs]].double()
            squared[pairs] = difference.square().sum(1)
        return squared

    def inside(self, block: Block, other: Cloud, limits: Tensor) -> Tensor:
        """Whether the distances of `block` are at most `limits`, float64, (1, columns) or (rows, 1): exactly."""
        margin = limits.to(block.squared.dtype) - block.squared
        inside = margin >= 0
        rows, columns = (margin.abs_() <= block.slack).nonzero().unbind(1)
        limit = limits.expand_as(inside)[rows, columns]
        inside[rows, columns] = self.exactly(rows + block.start, other, columns) <= limit
        return inside


@dataclass
class Manifold:
    """Features and the squared distance from each to its 3rd and 5th nearest other one, float64 (n,)."""

    cloud: Cloud
    third: Tensor
    fifth: Tensor

    @classmethod
    def of(cls, features: Tensor, centre: Tensor | None = None) -> Manifold:
        """The manifold of `features`, by default about their mean; raises ValueError for fewer than six."""
        cloud = Cloud(features, features.mean(0) if centre is None else centre)
        nearest = _nearest(cloud, cloud, NEAREST_DENSITY + 1)  # the first is the feature itself
        return cls(cloud, nearest[:, NEAREST], nearest[:, NEAREST_DENSITY])


def _nearest(cloud: Cloud, others: Cloud, count: int) -> Tensor:
    """The `count` smallest squared distances (n, count) from each feature to `others`, ascending, float64."""
    if count > len(others):
        raise ValueError(f"{len(others)} features have no {count} nearest")
    kept = min(count + SPARE, len(others))
    found = []
    for block in cloud.blocks(others):
        floor, columns = (block.squared - block.slack).topk(kept, dim=1, largest=False, sorted=True)
        rows = torch.arange(len(floor), device=floor.device)
        exact = cloud.exactly(rows.repeat_interleave(kept) + block.start, others, columns.flatten())
        exact = exact.view(-1, kept).sort(dim=1).values[:, :count]
        # Those not kept are no nearer than the last floor.
        unsure = rows[exact[:, -1] > floor[:, -1].clamp(min=0)]
        if kept < len(others) and floor.dtype == torch.float32 and len(unsure):
            doubtful = Cloud(cloud.features[unsure + block.start].double(), cloud.centre.double())
            exact[unsure] = _nearest(doubtful, Cloud(others.features.double(), others.centre.double()), count)
        found.append(exact)
    return torch.cat(found)


@dataclass
class Neighbours:
    """Shares of images, in [0, 1]; density may exceed 1."""

    precision: float
    recall: float
    density: float
    coverage: float


def neighbours(generated: Tensor, real: Manifold) -> Neighbours:
    """Compare generated features (n, d) with real ones (balls include their border).

    Precision: generated inside any real ball. Recall: real inside any generated ball. Density: real balls
    around a generated feature, over k. Coverage: real balls with a generated feature inside.
    """
    ours = Manifold.of(generated, real.cloud.centre)
    precise, density = 0, 0
    recalled = torch.zeros(len(real.cloud), dtype=torch.bool, device=generated.device)
    covered = recalled.clone()
    for block in ours.cloud.blocks(real.cloud):
        rows = slice(block.start, block.start + len(block.squared))
        precise += int(ours.cloud.inside(block, real.cloud, real.third[None]).any(1).sum())
        recalled |= ours.cloud.inside(block, real.cloud, ours.third[rows, None]).any(0)
        near = ours.cloud.inside(block, real.cloud, real.fifth[None])
        density += int(near.sum())
        covered |= near.any(0)
    return Neighbours(
        precision=precise / len(generated),
        recall=float(recalled.double().mean()),
        density=density / (NEAREST_DENSITY * len(generated)),
        coverage=float(covered.double().mean()),
    )
