"""Layers shared by the network families: normalisation that is right on several ranks and under autocast."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from gan_experiments import parallel

Module = TypeVar("Module", bound=nn.Module)


class Norm(Enum):
    """How a network's layers are normalised."""

    none = "none"
    batch = "batch"
    layer = "layer"
    instance = "instance"
    spectral = "spectral"

    @property
    def keeps_bias(self) -> bool:
        """Whether a layer in front keeps its bias: the others take the mean away and add their own."""
        return self in (Norm.none, Norm.spectral)


def normalization(norm: Norm, channels: int, affine: bool = True) -> nn.Module:
    """The layer that follows a convolution or linear layer; the identity for `none` and `spectral`.

    `affine`: whether instance norm learns a scale and a shift of each channel; the others always do.
    """
    if norm is Norm.batch:
        return BatchNorm(channels)
    if norm is Norm.layer:
        return nn.GroupNorm(1, channels)
    if norm is Norm.instance:
        return InstanceNorm(channels, affine=affine)
    return nn.Identity()


class InstanceNorm(nn.InstanceNorm2d):
    """Instance normalisation (Ulyanov et al. 2016) of (n, c, h, w), on a CPU by the kernel of group norm.

    With a group for each channel it is the same function, several times faster.
    """

    def forward(self, input: Tensor) -> Tensor:
        if input.device.type != "cpu":
            return super().forward(input)
        return F.group_norm(input.contiguous(), self.num_features, self.weight, self.bias, self.eps)


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation of (n, c) or (n, c, h, w), over all ranks' samples; each rank has equally many.

    Unlike torch's SyncBatchNorm it also runs on a CPU and can be differentiated twice.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor
    momentum: float

    def _check_input_dim(self, input: Tensor) -> None:
        pass

    def forward(self, input: Tensor) -> Tensor:
        ranks = parallel.world_size()
        if ranks == 1 or not self.training:
            return super().forward(input)
        dims = [0, *range(2, input.ndim)]
        shape = [1, -1] + [1] * (input.ndim - 2)
        x = at_least_float32(input)
        mean = parallel.all_sum(x.mean(dims)) / ranks
        centred = x - mean.view(shape)
        variance = parallel.all_sum(centred.square().mean(dims)) / ranks
        self._track(mean.detach(), variance.detach(), count=ranks * x.numel() // x.shape[1])
        normal = centred * torch.rsqrt(variance + self.eps).view(shape)
        if self.affine:
            normal = normal * self.weight.view(shape) + self.bias.view(shape)
        return normal.to(input.dtype)

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, count: int) -> None:
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        unbiased = variance * (count / (count - 1))
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum)


class _SpectrallyNormalized(nn.Module):
    """`scale` times what `inner` makes of a weight, without autocast, which would round the power iteration to 16 bits."""

    def __init__(self, inner: nn.Module, scale: float) -> None:
        super().__init__()
        self.inner = inner
        self.scale = scale

    def forward(self, weight: Tensor) -> Tensor:
        with full_precision(weight):
            normalised: Tensor = self.inner(weight)
            return normalised if self.scale == 1 else self.scale * normalised


class LinearLayer(Protocol):
    """What makes a linear layer: nn.Linear, or the like with a normalisation or a scaling of its own."""

    def __call__(self, inputs: int, outputs: int, /, *, bias: bool = True) -> nn.Module: ...


def spectral_linear(inputs: int, outputs: int, /, *, bias: bool = True, scale: float = 1.0) -> nn.Module:
    """A linear layer whose weight is divided by its spectral norm, times `scale`."""
    return spectrally_normalized(nn.Linear(inputs, outputs, bias), scale)


def spectrally_normalized(network: Module, scale: float = 1.0) -> Module:
    """`network` with the weight of every linear and convolution layer divided by its spectral norm, times `scale`.

    Miyato et al. 2018: the (out, in x kh x kw) matrix, one power iteration per forward pass in training mode. The
    scale is that of Lin et al. 2021.
    """
    for layer in list(network.modules()):
        if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
            spectral_norm(layer, n_power_iterations=1, eps=1e-12)
            weight: nn.ModuleList = layer.parametrizations["weight"]  # type: ignore[index, assignment]
            weight[0] = _SpectrallyNormalized(weight[0], scale)
    return network


def full_precision(like: Tensor) -> AbstractContextManager[object]:
    """A context without autocast on the device of `like`; nothing where there is none, so that graphs have no trace."""
    device = like.device.type
    return torch.autocast(device, enabled=False) if torch.is_autocast_enabled(device) else nullcontext()


def at_least_float32(x: Tensor) -> Tensor:
    """`x` as float32, or as it is where it is float64."""
    return x if x.dtype == torch.float64 else x.float()


@torch.no_grad()
def normal_init(module: nn.Module) -> None:
    """Radford et al. 2016: weights N(0, 0.02^2), batch norm scales N(1, 0.02^2), biases 0; for `apply`."""
    if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, BatchNorm) and module.affine:
        nn.init.normal_(module.weight, 1.0, 0.02)
    if isinstance(getattr(module, "bias", None), Tensor):
        nn.init.zeros_(module.bias)  # type: ignore[arg-type]


@torch.no_grad()
def he_init(module: nn.Module) -> None:
    """As `normal_init`, but weights N(0, 2 / fan_in), which keep the size of what passes (He et al. 2015); for `apply`."""
    normal_init(module)
    if isinstance(module, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.kaiming_normal_(module.weight)


class Init(Enum):
    """How the weights of a network begin; for `apply`."""

    normal = "normal"
    he = "he"

    def __call__(self, module: nn.Module) -> None:
        (he_init if self is Init.he else normal_init)(module)


def glorot(layer: Module, gain: float = 1.0) -> Module:
    """`layer` with Glorot-uniform weights (Glorot & Bengio 2010) and biases 0."""
    nn.init.xavier_uniform_(layer.weight, gain)  # type: ignore[arg-type]
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer
