"""Products of tall matrices, where the evaluation spends its time."""

from __future__ import annotations

import torch
from torch import Tensor


def product(a: Tensor, b: Tensor) -> Tensor:
    """a b^T, (n, m), of matrices (n, d) and (m, d); of a matrix and itself only one half is computed.

    On the CPU by NumPy: its BLAS uses AVX-512 also on processors on which torch's (MKL) does not.
    """
    if a.device.type != "cpu":
        return a @ b.T
    return torch.from_numpy(a.numpy() @ b.numpy().T)
