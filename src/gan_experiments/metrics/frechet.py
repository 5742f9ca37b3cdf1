"""Frechet distance between the Gaussians of two sets of features, with its standard error.

Dowson and Landau 1982; over Inception features it is FID (Heusel et al. 2017). Everything is float64.
"""

from __future__ import annotations

import functools
import math
import operator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from gan_experiments.metrics.products import product

BLOCK = 2000  # rows per update: rank-k updates pay from about a thousand
STRIP = 256  # rows of a triangular matrix at a time


@dataclass
class Moments:
    """Count, mean (d,) and summed squares about the mean (d, d) of features, joined as in Chan et al. 1983."""

    count: int
    mean: Tensor
    scatter: Tensor

    @classmethod
    def of(cls, features: Tensor) -> Moments:
        """Moments of the rows of `features` (n, d), block by block."""

        def block(rows: Tensor) -> Moments:
            mean = rows.mean(0)
            centred = rows - mean
            return cls(len(rows), mean, product(centred.T, centred.T))

        return functools.reduce(operator.add, (block(b.double()) for b in torch.split(features, BLOCK)))

    def __add__(self, other: Moments) -> Moments:
        """The moments of both sets of rows together."""
        count = self.count + other.count
        shift = other.mean - self.mean
        between = torch.outer(shift, shift) * (self.count * other.count / count)
        return Moments(
            count, self.mean + shift * (other.count / count), self.scatter + other.scatter + between
        )

    @classmethod
    def quarters(cls, features: Tensor) -> list[Moments]:
        """Those of every fourth row, from the first, second, third and fourth on: together, those of all."""
        return [cls.of(features[start::4]) for start in range(4)]

    @property
    def covariance(self) -> Tensor:
        """The unbiased estimate, (d, d)."""
        return self.scatter / (self.count - 1)


@dataclass
class Gaussian:
    """Mean and covariance (d, d) of `count` rows.

    `rows` (count, d): the centred rows over sqrt(count - 1), where there are no more than dimensions.
    """

    count: int
    mean: Tensor
    covariance: Tensor
    rows: Tensor | None = None

    @classmethod
    def of(cls, moments: Moments, features: Tensor | None = None) -> Gaussian:
        """The Gaussian of `moments`; `features` (n, d), the rows they are of, serve where n <= d."""
        rows = None
        if features is not None and len(features) <= features.shape[1]:
            rows = (features.double() - moments.mean) / math.sqrt(len(features) - 1)
        return cls(moments.count, moments.mean, moments.covariance, rows)

    @cached_property
    def cholesky(self) -> Tensor | None:
        """The upper triangular F with F^T F = covariance; None for a singular one."""
        if self.rows is not None:
            return None
        lower, failed = torch.linalg.cholesky_ex(self.covariance)
        if failed or lower.diagonal().square().min() <= _tiny(self.covariance.diagonal()):
            return None
        upper: Tensor = lower.T
        return upper

    @cached_property
    def factor(self) -> Tensor:
        """Some F (r, d) with F^T F = covariance: the rows, Cholesky's, or scaled eigenvectors, r their number.

        Rows need no decomposition, so that a singular covariance costs no accuracy.
        """
        if self.rows is not None:
            return self.rows
        if self.cholesky is not None:
            return self.cholesky
        values, vectors = torch.linalg.eigh(self.covariance)
        positive = values > _tiny(self.covariance.diagonal())
        roots: Tensor = vectors[:, positive] * values[positive].sqrt()
        return roots.T


def _tiny(values: Tensor) -> Tensor:
    """The size of rounding errors in eigenvalues of a matrix with these eigenvalues, or this diagonal."""
    return len(values) * torch.finfo(values.dtype).eps * values.max()


def frechet_distance(generated: Gaussian, real: Gaussian) -> float:
    """|m - m_r|^2 + tr(S + S_r - 2 (S S_r)^(1/2)), exact also where a covariance is singular."""
    shift = (generated.mean - real.mean).square().sum()
    spread = generated.covariance.trace() + real.covariance.trace()
    return float(shift + spread) - 2 * _trace_root(generated, real)


def _trace_root(a: Gaussian, b: Gaussian) -> float:
    """tr((S_a S_b)^(1/2)): the sum of the singular values of factor_a factor_b^T."""
    values: Tensor
    if a.rows is None and b.cholesky is not None:
        values = torch.linalg.eigvalsh(_seen_by(b, a), UPLO="U")
        if values[0] > _tiny(values):
            return float(values.sqrt().sum())
    factors = product(a.factor, b.factor)
    if a.rows is not None and b.rows is not None:
        return float(torch.linalg.svdvals(factors).sum())
    # The smaller Gram matrix is quicker, and as good where it has no null space (rows lose one dimension).
    wide = factors if len(factors) <= factors.shape[1] else factors.T
    values = torch.linalg.eigvalsh(product(wide, wide))
    return float(values.clamp(min=0).sqrt().sum())


def _seen_by(real: Gaussian, generated: Gaussian) -> Tensor:
    """F S F^T, of the symmetric S and the other's factor F; of a triangular F only the upper triangle, in strips of rows."""
    factor, covariance = real.factor, generated.covariance
    if real.cholesky is None:
        return product(product(factor, covariance), factor)
    square = torch.zeros_like(covariance)
    for start in range(0, len(square), STRIP):
        strip = product(factor[start : start + STRIP, start:], covariance[start:, start:])
        square[start : start + STRIP, start:] = product(strip, factor[start:, start:])
    return square


def standard_error(features: Tensor, generated: Gaussian, real: Gaussian) -> float | None:
    """Standard error of the distance over draws of the generated `features` (n, d); the real side is fixed.

    From the influence of a row x on the distance, with T = F^T (F S F^T)^(-1/2) F and S_r = F^T F:
    2 (m - m_r).(x - m) + (x - m)^T (I - T) (x - m), up to a constant. None where F S F^T is singular (fewer
    rows than real dimensions, a collapsed generator), since the derivative does not exist there.
    """
    if generated.count <= len(real.factor):
        return None
    values, vectors = torch.linalg.eigh(_seen_by(real, generated), UPLO="U")
    if values[0] <= _tiny(values):
        return None
    root = product(vectors.T, real.factor.T) * values.pow(-0.25)[:, None]  # root^T root = T
    shift = 2 * (generated.mean - real.mean)
    influence = []
    for block in torch.split(features, BLOCK):
        rows = block.double() - generated.mean
        influence.append(rows @ shift + rows.square().sum(1) - product(rows, root).square().sum(1))
    return float(torch.cat(influence).std() / math.sqrt(len(features)))


def extrapolated(quarters: list[Moments], real: Gaussian, distance: float, error: float) -> float | None:
    """The `distance` without the bias of a finite number n of generated features: the limit n -> infinity.

    With f_k the mean distance of k interleaved parts (`quarters`), (8 f_1 - 6 f_2 + f_4) / 3 cancels the 1/n and 1/n^2 terms
    (Richardson). None where that law does not hold: a quarter has no more rows than the real ones have
    dimensions, or the two extrapolations over 1/n alone, from f_1, f_2 and from f_2, f_4, are further apart than
    four standard errors `error` (by simulation, the bias that is left is below one standard error then).
    """
    if quarters[-1].count <= len(real.factor):
        return None
    halves = [quarters[0] + quarters[2], quarters[1] + quarters[3]]
    two, four = (
        sum(frechet_distance(Gaussian.of(m), real) for m in level) / len(level)
        for level in (halves, quarters)
    )
    if abs((2 * distance - two) - (2 * two - four)) > 4 * error:
        return None
    return (8 * distance - 6 * two + four) / 3
