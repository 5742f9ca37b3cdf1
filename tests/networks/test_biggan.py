"""BigGAN's networks: how the class gets in, spectral norm everywhere, the recipe's sizes."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.functional import one_hot
from torch.nn.utils.parametrize import is_parametrized

from gan_experiments.errors import UserError
from gan_experiments.heads.projection import ProjectionHead
from gan_experiments.networks import BigGAN, Discriminator, Norm
from gan_experiments.networks.biggan import ClassBatchNorm, ClassGenerator
from gan_experiments.networks.layers import spectral_linear
from gan_experiments.types import ImageShape

CLASSES = 3


def generator(size: int = 16) -> nn.Module:
    torch.manual_seed(0)
    return BigGAN(4, Norm.batch).conditional_generator(5, CLASSES, ImageShape(3, size))


def inputs(labels: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """The same latents for each of these classes."""
    z = torch.randn(1, 5, generator=torch.Generator().manual_seed(1)).repeat(len(labels), 1)
    return z, torch.tensor(labels)


def test_class_batch_norm_has_a_gain_and_a_bias_for_every_class() -> None:
    layer, x = ClassBatchNorm(2, CLASSES), torch.randn(4, 2, 3, 3)
    labels = torch.tensor([0, 1, 2, 1])
    mean, variance = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), unbiased=False, keepdim=True)
    gain, bias = 1 + layer.gain.weight.T[labels], layer.bias.weight.T[labels]
    expected = (x - mean) / (variance + 1e-5).sqrt() * gain[:, :, None, None] + bias[:, :, None, None]
    torch.testing.assert_close(layer(x, one_hot(labels, CLASSES).float()), expected)


@pytest.mark.parametrize("size", [16, 28, 48])
def test_the_class_gets_in_through_batch_norm_alone(size: int) -> None:
    network = generator(size).eval()
    images = network(*inputs([0, 1, 0]))
    assert images.shape == (3, 3, size, size)
    torch.testing.assert_close(
        images[0], images[2], rtol=0, atol=1e-6
    )  # rows of a product differ in rounding
    assert (images[0] - images[1]).abs().max() > 1e-3
    for layer in network.modules():
        if isinstance(layer, ClassBatchNorm):
            for linear in (layer.gain, layer.bias):
                nn.utils.parametrize.remove_parametrizations(linear, "weight")
                nn.init.zeros_(linear.weight)
    images = network(*inputs([0, 1]))
    torch.testing.assert_close(images[0], images[1], rtol=0, atol=1e-6)


def test_every_layer_of_both_networks_is_spectrally_normalised() -> None:
    network, shape = BigGAN(4, Norm.batch), ImageShape(3, 16)
    trunk = network.trunk(shape, Norm.spectral)
    discriminator = Discriminator(trunk, ProjectionHead(trunk.features, CLASSES, spectral_linear))
    for module in (generator(), discriminator):
        layers = [m for m in module.modules() if isinstance(m, (nn.Linear, nn.Conv2d))]
        assert len(layers) > 5
        assert all(is_parametrized(layer, "weight") for layer in layers)


def test_the_scale_of_spectral_norm_is_the_discriminators() -> None:
    def layers(of: nn.Module) -> list[float]:
        return [m.parametrizations.weight[0].scale for m in of.modules() if is_parametrized(m, "weight")]  # type: ignore[union-attr, index]

    network, shape = BigGAN(4, Norm.batch, spectral_scale=3.0), ImageShape(3, 16)
    assert set(layers(network.trunk(shape, Norm.spectral))) == {3.0}
    assert set(layers(network.conditional_generator(5, CLASSES, shape))) == {1.0}


def test_without_spectral_norm_the_discriminator_has_none() -> None:
    trunk = BigGAN(4, Norm.batch).trunk(ImageShape(3, 16), Norm.none)
    assert not any(is_parametrized(m) for m in trunk.modules())
    weights = torch.cat([p.flatten() for name, p in trunk.named_parameters() if name.endswith("weight")])
    assert weights.std().item() == pytest.approx(0.02, rel=0.1)


def test_sizes_of_the_recipe_for_cifar() -> None:
    network, shape = BigGAN(64, Norm.batch), ImageShape(3, 32)
    made = network.conditional_generator(128, 10, shape)
    body = made.get_submodule("body")
    assert isinstance(body, ClassGenerator)
    block = 2 * (256 * 256 * 9 + 256) + (256 * 256 + 256) + 2 * 2 * 256 * 10
    expected = (128 + 1) * 256 * 16 + 3 * block + 2 * 256 + 256 * 3 * 9 + 3
    assert sum(parameter.numel() for parameter in made.parameters()) == expected == 4_304_387
    assert network.trunk(shape, Norm.spectral).features == 256


def test_refusals() -> None:
    with pytest.raises(UserError, match="draws images of a given class"):
        BigGAN(4, Norm.batch).generator(5, ImageShape(3, 16))
    with pytest.raises(UserError, match="class-conditional batch norm"):
        BigGAN(4, Norm.layer)
