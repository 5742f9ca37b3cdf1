from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from gan_experiments.penalties.gradient import input_gradient
from gan_experiments.penalties.twice import gradient_in

Layer = Callable[[Tensor], Tensor]
CONVOLUTIONS: dict[str, dict[str, Any]] = {
    "plain": {},
    "strided": {"kernel_size": 4, "stride": 2, "padding": 1},
    "unbiased": {"bias": False},
    "oblong": {"kernel_size": (3, 2), "stride": (2, 1), "padding": (0, 1), "dilation": (1, 2)},
    "grouped": {"groups": 2, "padding": 1},
    "same": {"padding": "same"},
    "reflected": {"padding": 1, "padding_mode": "reflect"},
}
RECTIFIERS: dict[str, Layer] = {
    "relu": nn.ReLU(),
    "leaky": nn.LeakyReLU(0.2),
    "in place": nn.LeakyReLU(0.1, inplace=True),
    "turned over": nn.LeakyReLU(-0.5),
    "functional": lambda x: F.leaky_relu(x, negative_slope=0.3),
}


def critic(**options: Any) -> nn.Module:
    torch.manual_seed(0)
    layers = [
        nn.Conv2d(2, 4, **{"kernel_size": 3, **options}), nn.LeakyReLU(0.2),
        nn.Conv2d(4, 4, **{"kernel_size": 3, **options}), nn.ReLU(), nn.Flatten(), nn.LazyLinear(1),
    ]  # fmt: skip
    network = nn.Sequential(*layers).double()
    network(images())
    return network


def images(count: int = 3) -> Tensor:
    return torch.randn(count, 2, 13, 13, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def by_torch(network: Layer, points: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(network(points).sum(), points, create_graph=True)
    return gradient


def assert_same_derivatives(network: nn.Module, points: Tensor | None = None) -> None:
    points = (images() if points is None else points).requires_grad_()
    ours, expected = gradient_in(network, points), by_torch(network, points)
    torch.testing.assert_close(ours, expected)
    weights = list(network.parameters())
    terms = [(gradient.flatten(1).norm(dim=1) - 1).square().mean() for gradient in (ours, expected)]
    both = [torch.autograd.grad(term, weights, allow_unused=True, retain_graph=True) for term in terms]
    for found, known in zip(*both, strict=True):
        known = torch.zeros(()) if known is None else known
        found = torch.zeros_like(known) if found is None else found
        torch.testing.assert_close(found, known)


@pytest.mark.parametrize("options", CONVOLUTIONS.values(), ids=CONVOLUTIONS.keys())
def test_the_second_derivatives_are_torchs(options: dict[str, Any]) -> None:
    assert_same_derivatives(critic(**options))


NORMED = [
    [f"network={network}", f"model.discriminator_norm={norm}"]
    for network in ("mlp", "dcgan", "sndcgan", "resnet")
    for norm in ("none", "spectral", "layer", "batch")
]


@pytest.mark.parametrize("settings", [*NORMED, ["model=stylegan2"]], ids=" ".join)
def test_so_they_are_of_every_discriminator(settings: list[str], compose: Any) -> None:
    config, _ = compose("model=gan", "data.image_size=16", *settings)
    torch.manual_seed(0)
    shape = config.data.shape
    discriminator = config.model.build(config.network, config.loss, shape)["discriminator"].double()
    if "model.discriminator_norm=spectral" in settings:
        discriminator.eval()  # no power iteration between the two passes
    assert_same_derivatives(discriminator, torch.randn(4, *shape.dims, dtype=torch.float64))


@pytest.mark.parametrize("rectifier", RECTIFIERS.values(), ids=RECTIFIERS.keys())
def test_rectifiers_are_torchs(rectifier: Layer) -> None:
    x = torch.linspace(-2, 2, 9, dtype=torch.float64).requires_grad_()
    weights = torch.arange(9.0, dtype=torch.float64)
    values = []
    for gradient in (gradient_in, by_torch):
        slope = gradient(lambda x: weights * rectifier(1.5 * x).square(), x)
        (curvature,) = torch.autograd.grad(slope.sum(), x)
        values.append(torch.stack([slope, curvature]))
    torch.testing.assert_close(*values, atol=0, rtol=0)


@pytest.mark.parametrize("between", [nn.Softplus(), nn.InstanceNorm2d(4), nn.Sigmoid(), nn.GELU()], ids=repr)
def test_curved_layers_among_them_keep_their_curvature(between: nn.Module) -> None:
    layers = list(critic(padding=1))
    network = nn.Sequential(*layers[:3], between, *layers[3:]).double()
    assert_same_derivatives(network)
    points = images().requires_grad_()
    curvature = torch.autograd.grad(gradient_in(network, points).square().sum(), points)
    torch.testing.assert_close(
        curvature, torch.autograd.grad(by_torch(network, points).square().sum(), points)
    )


def test_all_orders_agree_with_finite_differences() -> None:
    kernel = torch.randn(2, 2, 2, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    bias = torch.linspace(-1, 1, 2, dtype=torch.float64)

    def gradient(x: Tensor, kernel: Tensor, bias: Tensor) -> Tensor:
        return gradient_in(lambda x: F.conv2d(x, kernel, bias, stride=2, padding=1).tanh().square(), x)

    inputs = [t.requires_grad_() for t in (images(1)[..., :4, :4].clone(), kernel, bias)]
    assert torch.autograd.gradcheck(gradient, inputs)
    assert torch.autograd.gradgradcheck(gradient, inputs)


class Convolutions(TorchDispatchMode):
    """Counts the passes backwards through a convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten.convolution_backward.default:
            wanted = args[10]
            self.count += wanted[0] + wanted[1]
        return func(*args, **(kwargs or {}))


def test_zeros_do_not_travel_back_through_the_forward_pass() -> None:
    network = critic()
    weights = [network[0].weight, network[2].weight]
    counts = []
    for gradient in (input_gradient, lambda *arguments: by_torch(arguments[0], images().requires_grad_())):
        with Convolutions() as passes:
            gradient(network, images()).square().sum().backward(inputs=weights)
        counts.append(passes.count)
    # Ours: the gradients in two inputs, and their derivatives in two kernels.
    # Torch's: the two in inputs, derivatives as forward convolutions, and three of zeros.
    assert counts == [4, 5]


def test_other_forward_passes_have_torchs_layers() -> None:
    seen: list[str] = []

    def spied(x: Tensor) -> Tensor:
        y = F.conv2d(x, torch.ones(1, 2, 3, 3, dtype=torch.float64, requires_grad=True))
        seen.append(type(y.grad_fn).__name__)
        return y

    with pytest.raises(ZeroDivisionError):
        gradient_in(lambda x: spied(x) / (1 // 0), images().requires_grad_())
    gradient_in(spied, images().requires_grad_())
    spied(images())
    assert seen == ["_ConvolutionBackward", "_ConvolutionBackward", "ConvolutionBackward0"]
