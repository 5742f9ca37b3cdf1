"""The networks that translate images, CycleGAN's and pix2pix's."""

from __future__ import annotations

import copy
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrize import is_parametrized

from gan_experiments.errors import UserError
from gan_experiments.networks import DCGAN, CycleGAN, Norm, TranslationNetwork, Translator, UNet
from gan_experiments.networks.cyclegan import ImageConv2d
from gan_experiments.types import ImageShape

FAMILIES = ("cyclegan", "unet")
NORMALIZING = (nn.BatchNorm2d, nn.GroupNorm, nn.InstanceNorm2d)
LEARNING = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


def make(family: str, width: int = 2, norm: Norm = Norm.instance, layers: int = 1) -> TranslationNetwork:
    if family == "cyclegan":
        return CycleGAN(width, norm, layers, blocks=None)
    return UNet(width, norm, layers, dropout=0.5)


def translator(
    family: str, size: int = 16, channels: tuple[int, int] = (3, 3), **settings: object
) -> Translator:
    source, target = (ImageShape(count, size) for count in channels)
    return make(family, **settings).translator(source, target)  # type: ignore[arg-type]


def noise(network: Translator, count: int, seed: int = 0) -> Tensor | None:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(count, network.noise_dims, generator=generator) if network.noise_dims else None


def pictures(count: int, channels: int = 3, size: int = 16) -> Tensor:
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(1)) * 2 - 1


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("channels", [(1, 3), (3, 1), (2, 2)])
@pytest.mark.parametrize("size", [8, 12, 20, 64, 100, 128, 256])
@pytest.mark.parametrize("family", FAMILIES)
def test_every_multiple_of_four_and_any_channels(family: str, size: int, channels: tuple[int, int]) -> None:
    network = translator(family, size, channels, width=1)
    images = network(10 * pictures(2, channels[0], size), noise(network, 2))
    assert images.shape == (2, channels[1], size, size)
    assert images.dtype == torch.float32
    assert images.abs().max() <= 1


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("shape", [ImageShape(3, 30), ImageShape(3, 66), ImageShape(2, 1, bounded=False)])
def test_other_sizes_are_refused_in_words(family: str, shape: ImageShape) -> None:
    with pytest.raises(
        UserError, match=rf"network={family} translates images .* steps of 4 .*not of {shape.size};"
    ):
        make(family).translator(shape, shape)


@pytest.mark.parametrize("family", FAMILIES)
def test_domains_of_two_sizes_are_refused(family: str) -> None:
    with pytest.raises(UserError, match="must have one, not 32 and 64 pixels"):
        make(family).translator(ImageShape(3, 32), ImageShape(3, 64))


def test_families_that_translate_make_no_images_from_latents_and_the_other_way_round() -> None:
    shape = ImageShape(3, 32)
    for family in FAMILIES:
        network = make(family)
        for call in (
            partial(network.generator, 8, shape),
            partial(network.conditional_generator, 8, 3, shape),
            partial(network.trunk, shape, Norm.none),
            partial(network.encoder, shape, 8, Norm.none),
            partial(network.decoder, 8, shape, Norm.none),
        ):
            with pytest.raises(UserError, match=rf"network={family} translates images.*network=dcgan"):
                call()
    dcgan = DCGAN(4, Norm.batch, slope=0.2)
    for call in (partial(dcgan.translator, shape, shape), partial(dcgan.patches, shape, Norm.none)):
        with pytest.raises(
            UserError, match="network=dcgan makes images from latents.*network=cyclegan, network=unet"
        ):
            call()


def test_bad_settings_are_refused() -> None:
    with pytest.raises(UserError, match=r"network\.blocks must be at least 1, or null .*not 0"):
        CycleGAN(2, Norm.instance, 3, blocks=0)
    with pytest.raises(UserError, match=r"network\.dropout must be in \[0, 1\), not 1"):
        UNet(2, Norm.instance, 3, dropout=1.0)


@pytest.mark.parametrize(("size", "blocks"), [(64, 6), (128, 6), (132, 9), (256, 9)])
def test_the_papers_number_of_residual_blocks(size: int, blocks: int) -> None:
    network = translator("cyclegan", size)
    assert sum(type(module).__name__ == "Block" for module in network.modules()) == blocks


def test_the_published_networks_by_their_numbers_of_weights() -> None:
    """The authors' PyTorch code has 11,378,179 and 54,413,955 for 256 pixels and three channels.

    Theirs counts the biases in front of an instance norm, which it takes away again, and leaves out those of the
    U-Net's first and innermost convolutions, which nothing takes away.
    """
    shape = ImageShape(3, 256)
    useless = 64 + 128 + 256 + 18 * 256 + 128 + 64
    cyclegan = CycleGAN(64, Norm.instance, 3, blocks=None).translator(shape, shape)
    assert parameters(cyclegan) == 11_378_179 - useless
    unet = UNet(64, Norm.batch, 3, dropout=0.5).translator(shape, shape)
    assert parameters(unet) == 54_413_955 + 64 + 512


def test_cyclegans_instance_norm_learns_nothing_and_the_u_nets_does() -> None:
    for family, affine in (("cyclegan", False), ("unet", True)):
        layers = [m for m in translator(family).modules() if isinstance(m, nn.InstanceNorm2d)]
        assert layers
        assert all(layer.affine == affine and not layer.track_running_stats for layer in layers)


def test_weights_start_as_n_0_002() -> None:
    torch.manual_seed(0)
    for family in FAMILIES:
        network = translator(family, width=16)
        weights = torch.cat([m.weight.flatten() for m in network.modules() if isinstance(m, LEARNING)])
        assert weights.mean().abs() < 1e-3
        assert weights.std().item() == pytest.approx(0.02, rel=0.01)
        assert all(
            (m.bias == 0).all() for m in network.modules() if isinstance(m, LEARNING) and m.bias is not None
        )


@pytest.mark.parametrize("norm", list(Norm))
@pytest.mark.parametrize("family", FAMILIES)
def test_every_norm_is_where_the_setting_says(family: str, norm: Norm) -> None:
    network = translator(family, norm=norm)
    assert any(isinstance(m, NORMALIZING) for m in network.modules()) != norm.keeps_bias
    spectral = [is_parametrized(m, "weight") for m in network.modules() if isinstance(m, LEARNING)]
    assert all(spectral) if norm is Norm.spectral else not any(spectral)


@pytest.mark.parametrize("family", FAMILIES)
def test_decoding_the_encoding_is_the_network_and_features_are_its_maps(family: str) -> None:
    torch.manual_seed(0)
    network = translator(family, 32, (1, 3))
    images, z = pictures(2, 1, 32), noise(network, 2)
    maps = network.encode(images)
    torch.testing.assert_close(network.decode(maps, z), network(images, z))
    features = network.features(images)
    assert features[0] is images
    assert tuple(part.shape[1] for part in features) == network.feature_channels
    for part, expected in zip(features, maps, strict=False):
        torch.testing.assert_close(part, expected)
    assert all(part.shape[2] > 1 for part in features)


@pytest.mark.parametrize(("blocks", "last"), [(1, 1), (3, 3), (6, 5), (9, 5)])
def test_cyclegans_features_are_the_layers_of_patchnce(blocks: int, last: int) -> None:
    """The image, both strided convolutions, the first residual block and the fifth, or the last of fewer."""
    network = CycleGAN(2, Norm.instance, 1, blocks=blocks).translator(ImageShape(3, 16), ImageShape(3, 16))
    layers: list[Tensor] = []
    residual: list[Tensor] = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d) and module.stride == (2, 2):
            module.register_forward_hook(lambda _, __, out: layers.append(out))
        elif type(module).__name__ == "Block":
            module.register_forward_hook(lambda _, __, out: residual.append(out))
    images = pictures(2)
    network(images)
    features = network.features(images)
    for part, expected in zip(features, [images, *layers[:2], residual[0], residual[last - 1]], strict=True):
        torch.testing.assert_close(part, expected)
    assert [tuple(part.shape[1:]) for part in features] == [
        (3, 16, 16),
        (4, 8, 8),
        (8, 4, 4),
        (8, 4, 4),
        (8, 4, 4),
    ]


def test_a_block_adds_to_what_it_is_given() -> None:
    block = next(m for m in translator("cyclegan").modules() if type(m).__name__ == "Block")
    convolution = block.body[3]
    nn.init.zeros_(convolution.weight)
    x = torch.randn(1, 8, 4, 4)
    torch.testing.assert_close(block(x), x)


def test_the_last_convolution_is_an_ordinary_one() -> None:
    torch.manual_seed(0)
    layer = ImageConv2d(5, 3, 7).double()
    x = torch.randn(2, 5, 9, 11, dtype=torch.float64, requires_grad=True)
    expected = F.conv2d(F.pad(x, [3] * 4, mode="reflect"), layer.weight, layer.bias)
    torch.testing.assert_close(layer(x), expected)
    found, right = (
        torch.autograd.grad(y.square().sum(), [x, *layer.parameters()]) for y in (layer(x), expected)
    )
    torch.testing.assert_close(found, right)


def test_edges_are_continued_by_reflection() -> None:
    """Of an image that is the same everywhere, every pixel is translated alike, as far as the residual blocks go."""
    network = translator("cyclegan", norm=Norm.none)
    with torch.no_grad():
        stem = network.encoder[0][0](torch.full((1, 3, 16, 16), 0.7))  # type: ignore[index, union-attr]
    torch.testing.assert_close(stem, stem[:, :, :1, :1].expand_as(stem))


@pytest.mark.parametrize(
    ("size", "sides"),
    [(256, (2, 4, 8)), (64, (2, 4, 8)), (16, (2, 4, 8)), (8, (2, 4)), (100, (50,)), (12, (6,))],
)
def test_the_u_nets_noise_is_dropout_of_its_first_decoder_layers(size: int, sides: tuple[int, ...]) -> None:
    network = translator("unet", size, width=1)
    assert isinstance(network, nn.Module)
    assert tuple(side for _, side, _ in network.masks) == sides  # type: ignore[union-attr]
    assert network.noise_dims == sum(maps * a * b for maps, a, b in network.masks)  # type: ignore[union-attr]


def test_the_papers_u_net_has_43008_numbers_of_noise() -> None:
    shape = ImageShape(3, 256)
    with torch.device("meta"):
        network = UNet(64, Norm.instance, 3, dropout=0.5).translator(shape, shape)
    assert network.noise_dims == 512 * (2**2 + 4**2 + 8**2)
    assert network.feature_channels == (3, 64, 128, 256, 512)


def test_noise_below_one_half_drops_and_the_rest_is_doubled() -> None:
    torch.manual_seed(0)
    network = translator("unet", 16, width=3, norm=Norm.none)
    decoded: list[Tensor] = []
    for part in network.up:  # type: ignore[union-attr]
        part.register_forward_hook(lambda _, inputs, out: decoded.extend([inputs[0], out]))
    z = torch.linspace(0, 1, network.noise_dims)[None]
    network(pictures(1), z)
    position = 0
    for index, (maps, side, _) in enumerate(network.masks):  # type: ignore[arg-type]
        count = maps * side * side
        factor = 2.0 * (z[0, position : position + count] >= 0.5).view(1, maps, side, side)
        position += count
        out, following = decoded[2 * index + 1], decoded[2 * index + 2]
        torch.testing.assert_close(following[:, :maps], out * factor)
    assert position == network.noise_dims


def test_the_u_net_is_a_function_of_image_and_noise_in_training_and_in_evaluation() -> None:
    torch.manual_seed(0)
    network = translator("unet", 32, width=4)
    images = pictures(2, size=32)
    first, again, other = (network(images, noise(network, 2, seed)) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other, atol=1e-4)
    torch.testing.assert_close(network.eval()(images, noise(network, 2, 0)), first)
    # One image's noise is its own.
    z = noise(network, 2)
    assert z is not None
    torch.testing.assert_close(network(images[1:], z[1:]), first[1:])
    with pytest.raises(ValueError, match="needs noise"):
        network(images)


def test_without_dropout_the_u_net_has_no_noise() -> None:
    shape = ImageShape(3, 16)
    network = UNet(2, Norm.instance, 1, dropout=0.0).translator(shape, shape)
    assert network.noise_dims == 0
    assert network(pictures(1)).shape == (1, 3, 16, 16)


@pytest.mark.parametrize("family", FAMILIES)
def test_channels_last_gives_the_same_images(family: str) -> None:
    torch.manual_seed(0)
    network = translator(family, 32)
    twin = copy.deepcopy(network).to(memory_format=torch.channels_last)
    images, z = pictures(2, size=32), noise(network, 2)
    result = twin(images.contiguous(memory_format=torch.channels_last), z)
    torch.testing.assert_close(result, network(images, z), atol=1e-5, rtol=1e-4)


def test_networks_with_instance_norm_stay_contiguous(compose: Any) -> None:
    for model, layout in (
        ("gan", torch.channels_last),
        *((m, torch.contiguous_format) for m in ("cut", "pix2pix")),
    ):
        config, _ = compose(f"model={model}", "network.width=2")
        assert config.gpu.memory_format(config.network) is layout


@pytest.mark.parametrize("family", FAMILIES)
def test_bf16_autocast_gives_float32_images(family: str) -> None:
    torch.manual_seed(0)
    network = translator(family, 32)
    images, z = pictures(2, size=32), noise(network, 2)
    exact = network(images, z)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = network(images, z)
    assert rounded.dtype == torch.float32
    assert (rounded - exact).abs().max() < 0.3
    rounded.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
