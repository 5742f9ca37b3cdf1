"""Networks whose weights ship with the package: float16 arrays in an .npz file beside the code."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import nn

from gan_experiments.errors import UserError

Network = TypeVar("Network", bound=nn.Module)


def load(network: Network, file: Path, sha256: str) -> Network:
    """`network` with the weights in `file`; raises UserError where the file is not the one that was shipped."""
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256:
        raise UserError(f"{file} is damaged (sha256 {digest}, expected {sha256}); install the package again")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        network.load_state_dict({name: torch.tensor(arrays[name]).float() for name in arrays.files})
    return network
