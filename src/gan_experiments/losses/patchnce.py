"""The contrastive loss of patches (Park, Efros, Zhang & Zhu 2020, "Contrastive Learning for Unpaired Translation")."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from gan_experiments.losses.precision import in_float32


@in_float32
def patch_nce(query: Tensor, key: Tensor, temperature: float) -> Tensor:
    """PatchNCE, equation 3, per image, (n,), a mean over places: which of the keys is at the query's place?

    `query`, `key`: unit vectors (n, places, d) of the same places of an image and of its translation. The other
    places of the same image are the negatives; the keys are constants.
    """
    logits = query @ key.detach().transpose(1, 2) / temperature
    places = torch.arange(query.shape[1], device=query.device).expand(len(query), -1)
    return cross_entropy(logits.transpose(1, 2), places, reduction="none").mean(1)
