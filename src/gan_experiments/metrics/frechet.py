"""Frechet distance between the Gaussians of two sets of features, with its standard error.

Dowson and Landau 1982; over Inception features it is FID (Heusel et al. 2017). Everything is float64.
"""

from __future__ import annotations

import functools
import math
import operator
from dataclasses import dataclass

import torch
from torch import Tensor

BLOCK = 2000  # rows per update: rank-k updates pay from about a thousand


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
            return cls(len(rows), mean, centred.T @ centred)

        return functools.reduce(operator.add, (block(b.double()) for b in torch.split(features, BLOCK)))

    def __add__(self, other: Moments) -> Moments:
        """The moments of both sets of rows together."""
        count = self.count + other.count
        shift = other.mean - self.mean
        between = torch.outer(shift, shift) * (self.count * other.count / count)
        return Moments(
            count, self.mean + shift * (other.count / count), self.scatter + other.scatter + between
        )

    @property
    def covariance(self) -> Tensor:
        """The unbiased estimate, (d, d)."""
        return self.scatter / (self.count - 1)


@dataclass
class Gaussian:
    """Mean, covariance and a factor (r, d) with factor^T factor = covariance, r its rank.

    With no more rows than dimensions the factor is the centred rows themselves: no decomposition, so that a
    singular covariance costs no accuracy.
    """

    count: int
    mean: Tensor
    covariance: Tensor
    factor: Tensor

    @classmethod
    def of(cls, moments: Moments, features: Tensor | None = None) -> Gaussian:
        """The Gaussian of `moments`; `features` (n, d), the rows they are of, serve where n <= d."""
        covariance = moments.covariance
        if features is not None and len(features) <= features.shape[1]:
            factor = (features.double() - moments.mean) / math.sqrt(len(features) - 1)
        else:
            factor = _factor(covariance)
        return cls(moments.count, moments.mean, covariance, factor)

    @property
    def of_rows(self) -> bool:
        return len(self.factor) == self.count


def _factor(covariance: Tensor) -> Tensor:
    """Cholesky's upper factor, or for a singular matrix the scaled eigenvectors of its positive eigenvalues."""
    tiny = _tiny(covariance.diagonal())
    lower: Tensor
    lower, failed = torch.linalg.cholesky_ex(covariance)
    if not failed and lower.diagonal().square().min() > tiny:
        return lower.T
    values, vectors = torch.linalg.eigh(covariance)
    roots: Tensor = vectors[:, values > tiny] * values[values > tiny].sqrt()
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
    product = a.factor @ b.factor.T
    if a.of_rows and b.of_rows:
        return float(torch.linalg.svdvals(product).sum())
    # The smaller Gram matrix is quicker, and as good where it has no null space (rows lose one dimension).
    wide = product if len(product) <= product.shape[1] else product.T
    values: Tensor = torch.linalg.eigvalsh(wide @ wide.T)
    return float(values.clamp(min=0).sqrt().sum())


def standard_error(features: Tensor, generated: Gaussian, real: Gaussian) -> float | None:
    """Standard error of the distance over draws of the generated `features` (n, d); the real side is fixed.

    From the influence of a row x on the distance, with T = F^T (F S F^T)^(-1/2) F and S_r = F^T F:
    2 (m - m_r).(x - m) + (x - m)^T (I - T) (x - m), up to a constant. None where F S F^T is singular (fewer
    rows than real dimensions, a collapsed generator), since the derivative does not exist there.
    """
    values, vectors = torch.linalg.eigh(real.factor @ generated.covariance @ real.factor.T)
    if values[0] <= _tiny(values):
        return None
    root = (vectors.T @ real.factor) * values.pow(-0.25)[:, None]  # root^T root = T
    shift = 2 * (generated.mean - real.mean)
    influence = []
    for block in torch.split(features, BLOCK):
        rows = block.double() - generated.mean
        influence.append(rows @ shift + rows.square().sum(1) - (rows @ root.T).square().sum(1))
    return float(torch.cat(influence).std() / math.sqrt(len(features)))


def extrapolated(features: Tensor, real: Gaussian, error: float) -> float | None:
    """The distance without the bias of a finite number of generated `features` (n, d): the limit n -> infinity.

    With f_k the mean distance of k interleaved parts, (8 f_1 - 6 f_2 + f_4) / 3 cancels the 1/n and 1/n^2 terms
    (Richardson). None where that law does not hold: a quarter has no more rows than the real ones have
    dimensions, or the two extrapolations over 1/n alone, from f_1, f_2 and from f_2, f_4, are further apart than
    four standard errors `error` (by simulation, the bias that is left is below one standard error then).
    """
    if len(features) // 4 <= len(real.factor):
        return None
    parts = [Moments.of(features[start::4]) for start in range(4)]
    halves = [parts[0] + parts[2], parts[1] + parts[3]]
    levels = ([halves[0] + halves[1]], halves, parts)
    one, two, four = (
        sum(frechet_distance(Gaussian.of(m), real) for m in level) / len(level) for level in levels
    )
    if abs((2 * one - two) - (2 * two - four)) > 4 * error:
        return None
    return (8 * one - 6 * two + four) / 3
