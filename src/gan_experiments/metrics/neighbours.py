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

from gan_experiments.metrics.products import product

NEAREST = 3  # of precision and recall, as published
NEAREST_DENSITY = 5  # of density and coverage, as published
TILE = 1024  # features on either side whose distances are in memory at a time
PAIRS = 1 << 17  # numbers in the cache at a time when pairs are compared again
SPARE = 4  # neighbours beyond the k-th that are measured exactly to find the k-th
SLACK = {torch.float32: 1e-5, torch.float64: 1e-13}  # of |x|^2 + |y|^2: more than a product may be off by


@dataclass
class Tile:
    """Squared distances (rows, columns) of consecutive features, and how far each may be off.

    `row` and `column` are the first ones' numbers.
    """

    row: int
    column: int
    squared: Tensor
    slack: Tensor

    @property
    def rows(self) -> slice:
        return slice(self.row, self.row + self.squared.shape[0])

    @property
    def columns(self) -> slice:
        return slice(self.column, self.column + self.squared.shape[1])


class Cloud:
    """Features (n, d) about a `centre` (d,), which keeps their norms, and so rounding errors, small.

    Distances are computed in the centre's dtype.
    """

    def __init__(self, features: Tensor, centre: Tensor) -> None:
        self.features, self.centre = features, centre
        self.norms = torch.cat(
            [self._centred(start).square().sum(1) for start in range(0, len(features), TILE)]
        )

    def __len__(self) -> int:
        return len(self.features)

    def _centred(self, start: int) -> Tensor:
        return self.features[start : start + TILE].to(self.centre.dtype) - self.centre

    def tiles(self, other: Cloud) -> Iterator[Tile]:
        """The squared distances to the features of `other`; to its own, only those on and above the diagonal."""
        for row in range(0, len(self), TILE):
            x, norms = self._centred(row), self.norms[row : row + TILE, None]
            for column in range(row if other is self else 0, len(other), TILE):
                scale = norms + other.norms[column : column + TILE]
                squared = product(x, other._centred(column)).mul_(-2).add_(scale)
                yield Tile(row, column, squared, scale.mul_(SLACK[scale.dtype]))

    def exactly(self, rows: Tensor, other: Cloud, columns: Tensor) -> Tensor:
        """Squared distances of the pairs (rows[i], columns[i]), float64, from differences."""
        squared = torch.empty(len(rows), dtype=torch.float64, device=rows.device)
        step = max(1, PAIRS // self.features.shape[1])
        for start in range(0, len(rows), step):
            pairs = slice(start, start + step)
            difference = self.features[rows[pairs]].double() - other.features[columns[pairs]].double()
            squared[pairs] = difference.square().sum(1)
        return squared

    def inside(self, tile: Tile, other: Cloud, limits: Tensor) -> Tensor:
        """Whether the distances of `tile` are at most `limits`, float64, (1, columns) or (rows, 1): exactly."""
        margin = limits.to(tile.squared.dtype) - tile.squared
        inside = margin >= 0
        rows, columns = (margin.abs_() <= tile.slack).nonzero().unbind(1)
        limit = limits.expand_as(inside)[rows, columns]
        inside[rows, columns] = self.exactly(rows + tile.row, other, columns + tile.column) <= limit
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
        squared, _ = _nearest(cloud, cloud, NEAREST_DENSITY + 1)  # the first is the feature itself
        return cls(cloud, squared[:, NEAREST], squared[:, NEAREST_DENSITY])


def nearest(features: Tensor, others: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Distances and places (n, count) of the `count` nearest of `others` (m, d) to each of `features` (n, d)."""
    centre = others.mean(0)
    squared, places = _nearest(Cloud(features, centre), Cloud(others, centre), count)
    return squared.sqrt(), places


def _nearest(cloud: Cloud, others: Cloud, count: int) -> tuple[Tensor, Tensor]:
    """The `count` smallest squared distances (n, count) from each feature to `others`, ascending, float64.

    With them, the places of those others.
    """
    if count > len(others):
        raise ValueError(f"{len(others)} features have no {count} nearest")
    candidates = _Candidates(cloud, min(count + SPARE, len(others)))
    for tile in cloud.tiles(others):
        floor = tile.squared.sub_(tile.slack)
        candidates.offer(tile.rows, floor, tile.column)
        if cloud is others and tile.row != tile.column:
            candidates.offer(tile.columns, floor.T, tile.row)
    floor, places = candidates.floor, candidates.places
    rows = torch.arange(len(cloud), device=floor.device)
    exact = cloud.exactly(rows.repeat_interleave(places.shape[1]), others, places.flatten())
    exact, order = exact.view_as(places).sort(dim=1)
    exact, places = exact[:, :count], places.gather(1, order)[:, :count]
    # Those not kept are no nearer than the last floor.
    unsure = rows[exact[:, -1] > floor[:, -1].clamp(min=0)]
    if floor.shape[1] < len(others) and floor.dtype == torch.float32 and len(unsure):
        centre = cloud.centre.double()
        doubtful = Cloud(cloud.features[unsure], centre), Cloud(others.features, centre)
        exact[unsure], places[unsure] = _nearest(*doubtful, count)
    return exact, places


class _Candidates:
    """The `count` smallest of the distances that each feature of a cloud was offered, ascending."""

    def __init__(self, cloud: Cloud, count: int) -> None:
        self.floor = cloud.norms.new_full((len(cloud), count), torch.inf)
        self.places = torch.zeros(len(cloud), count, dtype=torch.int64, device=cloud.norms.device)

    def offer(self, rows: slice, distances: Tensor, first: int) -> None:
        """`distances` (rows, others) from the features `rows` to consecutive others, the first being `first`."""
        count = self.floor.shape[1]
        nearest, places = distances.topk(min(count, distances.shape[1]), dim=1, largest=False)
        values = torch.cat([self.floor[rows], nearest], 1)
        everywhere = torch.cat([self.places[rows], places + first], 1)
        self.floor[rows], order = values.topk(count, dim=1, largest=False, sorted=True)
        self.places[rows] = everywhere.gather(1, order)


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
    precise = torch.zeros(len(generated), dtype=torch.bool, device=generated.device)
    recalled = torch.zeros(len(real.cloud), dtype=torch.bool, device=generated.device)
    covered, density = recalled.clone(), 0
    for tile in ours.cloud.tiles(real.cloud):
        rows, columns = tile.rows, tile.columns
        precise[rows] |= ours.cloud.inside(tile, real.cloud, real.third[None, columns]).any(1)
        recalled[columns] |= ours.cloud.inside(tile, real.cloud, ours.third[rows, None]).any(0)
        near = ours.cloud.inside(tile, real.cloud, real.fifth[None, columns])
        density += int(near.sum())
        covered[columns] |= near.any(0)
    return Neighbours(
        precision=float(precise.double().mean()),
        recall=float(recalled.double().mean()),
        density=density / (NEAREST_DENSITY * len(generated)),
        coverage=float(covered.double().mean()),
    )
