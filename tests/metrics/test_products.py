from __future__ import annotations

import pytest
import torch

from gan_experiments.metrics.products import product


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equal_to_the_definition(dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(rows, 7, generator=generator, dtype=dtype) for rows in (5, 3))
    for x, y in ((a, b), (a, a), (a.T, a.T), (a[:, ::2], b[:, ::2])):
        found = product(x, y)
        assert found.dtype == dtype
        torch.testing.assert_close(found, torch.einsum("id,jd->ij", x, y))
