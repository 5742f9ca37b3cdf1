"""StyleGAN2's layers against their definitions."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from gan_experiments.errors import UserError
from gan_experiments.heads import Linear
from gan_experiments.networks import Norm, StyleGAN2
from gan_experiments.networks.stylegan2 import (
    Convolution,
    Dense,
    MinibatchDeviation,
    StyledConvolution,
    blur,
    doubled,
)
from gan_experiments.types import ImageShape


def make(width: int = 8, residual: bool = False) -> StyleGAN2:
    return StyleGAN2(width, Norm.none, mapping_depth=2, residual=residual, deviation_group=4)


def test_blur_is_the_outer_product_of_1_3_3_1() -> None:
    dot = torch.zeros(1, 2, 4, 4)
    dot[0, 1, 0, 0] = 1
    taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
    out = blur(F.pad(dot, (3, 0, 3, 0)), pad=0)
    torch.testing.assert_close(out[0, 1], torch.outer(taps, taps))
    assert out[0, 0].abs().max() == 0


def test_doubling_keeps_the_brightness_and_interpolates() -> None:
    torch.testing.assert_close(doubled(torch.ones(1, 1, 6, 6))[..., 2:-2, 2:-2], torch.ones(1, 1, 8, 8))
    row = doubled(torch.arange(6.0).expand(1, 1, 6, 6))[0, 0, 5, 2:-2]
    torch.testing.assert_close(row, torch.arange(0.75, 4.5, 0.5))  # a quarter of a pixel to either side


def test_styled_convolution_is_one_with_weights_of_its_own_for_every_sample() -> None:
    torch.manual_seed(0)
    layer = StyledConvolution(3, 5, 3, latent=4).double().eval()
    x, w = torch.randn(2, 3, 6, 6, dtype=torch.float64), torch.randn(2, 4, dtype=torch.float64)
    styles = layer.style(w)
    for sample in range(2):
        weight = layer.weight / math.sqrt(27) * styles[sample][None, :, None, None]  # eq. 1
        weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()  # eq. 3
        expected = F.leaky_relu(F.conv2d(x[[sample]], weight, padding=1), 0.2) * math.sqrt(2)
        torch.testing.assert_close(layer(x, w)[[sample]], expected)


def test_upsampling_is_zeros_between_pixels_a_convolution_and_the_filter() -> None:
    torch.manual_seed(0)
    layer = StyledConvolution(2, 3, 3, latent=4, up=True).double().eval()
    x, w = torch.randn(1, 2, 5, 5, dtype=torch.float64), torch.randn(1, 4, dtype=torch.float64)
    styled = x * layer.style(w)[:, :, None, None]
    spread = torch.zeros(1, 2, 9, 9, dtype=torch.float64)
    spread[:, :, ::2, ::2] = styled
    weight = layer.weight / math.sqrt(18)
    convolved = F.conv2d(spread, weight.flip(2, 3), padding=2)
    power = layer.style(w).square() @ weight.square().sum((2, 3)).T
    expected = F.leaky_relu(
        blur(convolved, 1, 4) * (power + 1e-8).rsqrt()[:, :, None, None], 0.2
    ) * math.sqrt(2)
    assert expected.shape == (1, 3, 10, 10)
    torch.testing.assert_close(layer(x, w), expected)


def test_demodulation_gives_unit_variance() -> None:
    torch.manual_seed(0)
    layer = StyledConvolution(32, 64, 3, latent=4).eval()
    x, w = torch.randn(4, 32, 16, 16), 5 * torch.randn(4, 4)
    with torch.no_grad():
        out = layer(x, w) / math.sqrt(2)
    linear = torch.where(out < 0, out / 0.2, out)[..., 1:-1, 1:-1]  # away from the border's zeros
    assert linear.std().item() == pytest.approx(1, abs=0.05)


def test_equalised_learning_rate() -> None:
    torch.manual_seed(0)
    dense = Dense(100, 50, start=1.0, rate=0.01)
    assert dense.weight.std().item() == pytest.approx(100, rel=0.05)  # 1 / rate
    x = torch.randn(10, 100)
    torch.testing.assert_close(dense(x), x @ (dense.weight * 0.01 / 10).T + 1)
    layer = Convolution(4, 6, 3)
    image = torch.randn(1, 4, 5, 5)
    expected = F.leaky_relu(F.conv2d(image, layer.weight / 6, padding=1), 0.2) * math.sqrt(2)
    torch.testing.assert_close(layer(image), expected)
    assert Convolution(4, 6, 3, down=True)(torch.randn(1, 4, 8, 8)).shape == (1, 6, 4, 4)
    assert Convolution(4, 6, 1, down=True)(torch.randn(1, 4, 8, 8)).shape == (1, 6, 4, 4)


def test_the_discriminators_last_layers_are_equalised_too() -> None:
    torch.manual_seed(0)
    network = make(32)
    trunk = network.trunk(ImageShape(1, 16), Norm.none)
    head = Linear().build(trunk.features, 0, network.linear(Norm.none))
    assert isinstance(head.linear, Dense)
    h = torch.randn(64, 32)
    torch.testing.assert_close(head(h), (h @ head.linear.weight.T).squeeze(1) / math.sqrt(32))
    dense = next(layer for layer in trunk.modules() if isinstance(layer, Dense))
    x = torch.randn(4096, dense.weight.shape[1])
    hidden = nn.Sequential(*[*trunk.get_submodule("body").children()][-2:])(x)
    assert hidden.square().mean().item() == pytest.approx(
        1 + 0.2**2, rel=0.1
    )  # of N(0, 1): half of it, doubled


@pytest.mark.parametrize(("count", "group"), [(8, 4), (6, 2), (5, 1)])
def test_minibatch_deviation_of_each_group(count: int, group: int) -> None:
    x = torch.randn(count, 3, 2, 2)
    out = MinibatchDeviation(4)(x)
    assert torch.equal(out[:, :3], x)
    for index in range(count):
        members = x[index % (count // group) :: count // group]
        expected = (members.var(0, unbiased=False) + 1e-8).sqrt().mean()
        torch.testing.assert_close(out[index, 3], expected.expand(2, 2))


def test_noise_is_for_training_only_and_starts_at_zero() -> None:
    torch.manual_seed(0)
    generator = make().generator(6, ImageShape(3, 16))
    z = torch.randn(2, 6)
    assert torch.equal(generator(z), generator(z))
    with torch.no_grad():
        for layer in generator.modules():
            if isinstance(layer, StyledConvolution) and layer.strength is not None:
                layer.strength.fill_(0.5)
    assert not torch.allclose(generator(z), generator(z))
    generator.eval()
    assert torch.equal(generator(z), generator(z))


def test_the_length_of_a_latent_does_not_matter() -> None:
    generator = make().generator(6, ImageShape(1, 16)).eval()
    z = torch.randn(2, 6)
    torch.testing.assert_close(generator(z), generator(3 * z), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("residual", [False, True])
@pytest.mark.parametrize("size", [16, 28, 48])
def test_every_size_with_gradients_of_gradients(size: int, residual: bool) -> None:
    network, shape = make(4, residual), ImageShape(3, size)
    images = network.generator(5, shape)(torch.randn(4, 5))
    assert images.shape == (4, 3, size, size)
    trunk = network.trunk(shape, Norm.none)
    x = images.detach().requires_grad_()
    features = trunk(x)
    assert features.shape == (4, trunk.features)
    (gradient,) = torch.autograd.grad(features.sum(), x, create_graph=True)
    gradient.square().sum().backward()
    first = trunk.get_submodule("body")[0]
    assert isinstance(first, Convolution)
    assert first.weight.grad is not None
    assert first.weight.grad.abs().sum() > 0


def test_channels_of_the_cifar_setting_and_above() -> None:
    network = make(512)
    assert [network._channels(size) for size in (4, 32, 64, 128, 256)] == [512, 512, 512, 256, 128]
    assert isinstance(network.generator(512, ImageShape(3, 32)), nn.Module)


def test_refusals() -> None:
    with pytest.raises(UserError, match="model.discriminator_norm=none"):
        make().trunk(ImageShape(3, 16), Norm.spectral)
    with pytest.raises(UserError, match="network.generator_norm=none"):
        StyleGAN2(8, Norm.batch, mapping_depth=2, residual=False, deviation_group=4)
    with pytest.raises(UserError, match="mapping_depth must be at least 1"):
        StyleGAN2(8, Norm.none, mapping_depth=0, residual=False, deviation_group=4)
