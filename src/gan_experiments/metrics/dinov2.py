"""DINOv2 (Oquab et al. 2023): the features of FD-DINOv2 (Stein et al. 2023)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import torch
from omegaconf import MISSING
from torch import Tensor, nn
from torch.nn import functional as F

from gan_experiments.errors import UserError
from gan_experiments.metrics.features import Extractor
from gan_experiments.metrics.weights import WeightedMetrics, Weights, load_state

PIXELS, PATCH = 224, 14
HEAD = 64  # dimensions of an attention head, in every size of the network
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet, in [0, 1]


class _Scale(nn.Module):
    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(dimensions))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class _Block(nn.Module):
    """Pre-norm attention and MLP, each scaled by channel (Touvron et al. 2021); the names are the file's."""

    def __init__(self, dimensions: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dimensions, eps=1e-6)
        self.attn = nn.ModuleDict(
            {"qkv": nn.Linear(dimensions, 3 * dimensions), "proj": nn.Linear(dimensions, dimensions)}
        )
        self.ls1 = _Scale(dimensions)
        self.norm2 = nn.LayerNorm(dimensions, eps=1e-6)
        self.mlp = nn.ModuleDict(
            {"fc1": nn.Linear(dimensions, 4 * dimensions), "fc2": nn.Linear(4 * dimensions, dimensions)}
        )
        self.ls2 = _Scale(dimensions)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.ls1(self._attend(self.norm1(x)))
        hidden = F.gelu(self.mlp["fc1"](self.norm2(x)))
        return x + self.ls2(self.mlp["fc2"](hidden))  # type: ignore[no-any-return]

    def _attend(self, x: Tensor) -> Tensor:
        count, tokens, dimensions = x.shape
        split = self.attn["qkv"](x).view(count, tokens, 3, dimensions // HEAD, HEAD)
        query, key, value = split.transpose(1, 3).unbind(2)  # (count, heads, tokens, HEAD) each
        mixed = F.scaled_dot_product_attention(query, key, value)
        projected: Tensor = self.attn["proj"](mixed.transpose(1, 2).reshape(count, tokens, dimensions))
        return projected


class DinoV2(nn.Module):
    """The vision transformer S, B or L with patches of 14 pixels, without registers.

    uint8 images (n, 1 or 3, h, w) are resized to 224 pixels, bicubic with antialiasing; gives the class token
    after the last norm (n, d), and no logits.
    """

    def __init__(self, state: dict[str, Tensor]) -> None:
        super().__init__()
        dimensions, tokens = state["cls_token"].shape[2], state["pos_embed"].shape[1]
        depth = len({name.split(".")[1] for name in state if name.startswith("blocks.")})
        self.cls_token = nn.Parameter(torch.empty(1, 1, dimensions))
        self.pos_embed = nn.Parameter(torch.empty(1, tokens, dimensions))
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, dimensions, PATCH, PATCH)})
        self.blocks = nn.Sequential(*(_Block(dimensions) for _ in range(depth)))
        self.norm = nn.LayerNorm(dimensions, eps=1e-6)
        self.load_state_dict({name: value for name, value in state.items() if name != "mask_token"})

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        x = F.interpolate(images.float(), size=(PIXELS, PIXELS), mode="bicubic", antialias=True) / 255
        mean, std = (x.new_tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
        patches = self.patch_embed["proj"]((x - mean) / std).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(patches), -1, -1), patches], 1) + self._positions()
        features: Tensor = self.norm(self.blocks(x)[:, 0])
        return features, features[:, :0]

    def _positions(self) -> Tensor:
        """Position embeddings of 37 x 37 patches interpolated to 16 x 16, with the authors' 0.1 in the scale."""
        place, grid = self.pos_embed[:, :1], self.pos_embed[:, 1:]
        side, wanted = round(grid.shape[1] ** 0.5), PIXELS // PATCH
        if side == wanted:
            return self.pos_embed
        grid = grid.view(1, side, side, -1).permute(0, 3, 1, 2)
        grid = F.interpolate(grid, scale_factor=(wanted + 0.1) / side, mode="bicubic")
        return torch.cat([place, grid.flatten(2).transpose(1, 2)], 1)


class Size(Enum):
    """Small, base or large."""

    s = "s"
    b = "b"
    l = "l"


@dataclass
class Dinov2Metrics(WeightedMetrics):
    """Frechet and kernel distance, precision, recall, density and coverage over DINOv2's class token."""

    size: Size = MISSING

    @property
    def published(self) -> Weights:
        name = f"dinov2_vit{self.size.value}14"
        return Weights(f"{name}_pretrain.pth", f"https://dl.fbaipublicfiles.com/dinov2/{name}/", sha256="")

    def extractor(self) -> Extractor:
        file, digest = self.find()
        protocol = {
            "extractor": f"dinov2-vit{self.size.value}14",
            "weights": digest,
            "resize": "224, bicubic antialiased",
        }
        return Extractor(self._network(file), protocol)

    def key(self, figure: str) -> str:
        return f"{figure}_dinov2_{self.size.value}"

    def _network(self, file: Path) -> DinoV2:
        state = load_state(file)
        expected = {Size.s: 384, Size.b: 768, Size.l: 1024}[self.size]
        try:
            if state["cls_token"].shape[2] != expected:
                raise UserError(
                    f"{file} holds a network of {state['cls_token'].shape[2]} features; "
                    f"metrics.size={self.size.value} has {expected}"
                )
            return DinoV2(state)
        except (KeyError, RuntimeError) as error:
            raise UserError(f"{file} does not hold the weights of a DINOv2 ViT: {error}") from error
