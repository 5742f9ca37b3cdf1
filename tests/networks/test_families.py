"""What holds for every network family; the numbers of the single papers stand at the end."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from gan_experiments.errors import UserError
from gan_experiments.heads.linear import LinearHead
from gan_experiments.networks import DCGAN, MLP, SNDCGAN, Discriminator, Network, Norm, ResNet
from gan_experiments.noise import Noise
from gan_experiments.penalties import R1
from gan_experiments.types import ImageShape

FAMILIES = ("mlp", "dcgan", "sndcgan", "resnet")
CONVOLUTIONAL = FAMILIES[1:]
NORMALIZING = (nn.BatchNorm2d, nn.GroupNorm, nn.InstanceNorm2d)
LEARNING = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)


def make(family: str, width: int = 4, norm: Norm | None = None) -> Network:
    if family == "mlp":
        return MLP(width, norm or Norm.none, slope=0.2)
    if family == "resnet":
        return ResNet(width, norm or Norm.batch)
    return {"dcgan": DCGAN, "sndcgan": SNDCGAN}[family](width, norm or Norm.batch, slope=0.2)


def norms(family: str) -> list[Norm]:
    return [norm for norm in Norm if family != "mlp" or norm is not Norm.instance]


COMBINATIONS = [pytest.param(f, n, id=f"{f}-{n.name}") for f in FAMILIES for n in norms(f)]


def discriminator(
    family: str, shape: ImageShape, norm: Norm, width: int = 4, spectral_scale: float = 1.0
) -> Discriminator:
    network = replace(make(family, width), spectral_scale=spectral_scale)
    trunk = network.trunk(shape, norm)
    return Discriminator(trunk, LinearHead(trunk.features, network.linear(norm)))


def parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def order(module: nn.Module, x: Tensor) -> list[nn.Module]:
    """The layers that learn or normalise, as they run."""
    ran: list[nn.Module] = []
    for layer in module.modules():
        if isinstance(layer, LEARNING + NORMALIZING):
            layer.register_forward_hook(lambda layer, *_: ran.append(layer))
    module(x)
    return ran


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [16, 24, 28, 32, 40, 48, 64, 128])
@pytest.mark.parametrize("family", FAMILIES)
def test_shapes_and_range_at_every_size(family: str, size: int, channels: int) -> None:
    torch.manual_seed(0)
    shape, network = ImageShape(channels, size), make(family, width=2)
    images = network.generator(7, shape)(10 * torch.randn(3, 7))
    assert images.shape == (3, channels, size, size)
    assert images.dtype == torch.float32
    assert images.abs().max() <= 1
    trunk = network.trunk(shape, Norm.none)
    assert trunk(images).shape == (3, trunk.features)
    assert Discriminator(trunk, LinearHead(trunk.features))(images).shape == (3,)


@pytest.mark.parametrize("size", [1, 4, 7, 30, 36, 100])
@pytest.mark.parametrize("family", CONVOLUTIONAL)
def test_a_size_that_does_not_fit_is_refused_by_name(family: str, size: int) -> None:
    network, shape = make(family), ImageShape(3, size)
    message = rf"network={family} builds images .* not of {size} pixels"
    with pytest.raises(UserError, match=message):
        network.generator(8, shape)
    with pytest.raises(UserError, match=message):
        network.trunk(shape, Norm.none)


def test_bad_settings_are_refused() -> None:
    with pytest.raises(UserError, match=r"network\.width must be at least 1, not 0"):
        make("dcgan", width=0)
    with pytest.raises(UserError, match=r"network\.spectral_scale must be above 0, not 0"):
        DCGAN(4, Norm.batch, slope=0.2, spectral_scale=0.0)
    with pytest.raises(UserError, match="network=mlp has no feature maps for instance norm"):
        make("mlp").trunk(ImageShape(1, 28), Norm.instance)


@pytest.mark.parametrize("size", [28, 32, 48])
@pytest.mark.parametrize(("family", "norm"), COMBINATIONS)
def test_no_normalisation_next_to_the_image(family: str, norm: Norm, size: int) -> None:
    shape, network = ImageShape(3, size), make(family, norm=norm)
    generator = order(network.generator(6, shape), torch.randn(4, 6))
    critic = order(network.trunk(shape, norm), torch.randn(4, *shape.dims))
    assert isinstance(generator[-1], LEARNING)
    assert isinstance(critic[0], LEARNING)
    assert isinstance(critic[1], LEARNING)
    for ran in (generator, critic):
        assert any(isinstance(layer, NORMALIZING) for layer in ran) != norm.keeps_bias
        for layer, after in pairwise(ran):
            if isinstance(layer, LEARNING) and isinstance(after, NORMALIZING) and family != "resnet":
                assert layer.bias is None


@pytest.mark.parametrize("scale", [1.0, 3.0])
@pytest.mark.parametrize("family", FAMILIES)
def test_spectral_norm_and_its_scale_reach_every_layer(family: str, scale: float) -> None:
    torch.manual_seed(0)
    shape = ImageShape(3, 32)
    critic = discriminator(family, shape, Norm.spectral, spectral_scale=scale)
    layers = [layer for layer in critic.modules() if isinstance(layer, LEARNING)]
    assert all(is_parametrized(layer, "weight") for layer in layers)
    with torch.no_grad():
        for _ in range(200):
            critic(torch.zeros(2, *shape.dims))
    critic.eval()
    for layer in layers:
        sigma = torch.linalg.matrix_norm(layer.weight.flatten(1), 2)
        assert sigma.item() == pytest.approx(scale, rel=2e-3)
        assert layer.bias is not None
    assert not any(is_parametrized(layer) for layer in make(family).trunk(shape, Norm.none).modules())


def note_format(formats: list[bool], layer: nn.Module, inputs: tuple[Tensor], out: Tensor) -> None:
    """Whether a layer's image is in channels_last; what comes out of a dense layer need not be yet."""
    if out.ndim == 4 and (isinstance(layer, LEARNING) or inputs[0].stride(1) == 1):
        formats.append(out.stride(1) == 1)


@pytest.mark.processors
@pytest.mark.parametrize(("family", "norm"), COMBINATIONS)
def test_channels_last_gives_the_same_features_in_the_same_order(family: str, norm: Norm) -> None:
    torch.manual_seed(0)
    shape, network = ImageShape(3, 48), make(family, norm=norm)
    for module, x in (
        (network.trunk(shape, norm), torch.randn(4, *shape.dims)),
        (network.generator(6, shape), torch.randn(4, 6)),
    ):
        twin = copy.deepcopy(module).to(memory_format=torch.channels_last)
        formats: list[bool] = []
        for layer in twin.modules():
            if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d, nn.GroupNorm)):
                layer.register_forward_hook(partial(note_format, formats))
        expected = module(x)
        result = twin(x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x)
        torch.testing.assert_close(result, expected, atol=2e-4, rtol=1e-4)
        assert all(formats)


@pytest.mark.parametrize(("family", "norm"), COMBINATIONS)
def test_bf16_autocast_gives_float32_images_and_scores(family: str, norm: Norm) -> None:
    torch.manual_seed(0)
    shape = ImageShape(3, 32)
    generator = make(family, norm=norm).generator(6, shape)
    critic = discriminator(family, shape, norm)
    z = torch.randn(8, 6)
    exact = generator(z)
    with torch.autocast("cpu", torch.bfloat16):
        images = generator(z)
        scores = critic(images)
    assert images.dtype == scores.dtype == torch.float32
    assert (images - exact).abs().max() < 0.2
    scores.sum().backward()
    for parameter in [*generator.parameters(), *critic.parameters()]:
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()


@pytest.mark.parametrize(("family", "norm"), COMBINATIONS)
def test_the_gradient_of_a_gradient_penalty_is_right(family: str, norm: Norm) -> None:
    """Double backward through every trunk, against a central difference in float64."""
    torch.manual_seed(0)
    shape = ImageShape(2, 16)
    critic = discriminator(family, shape, norm, width=3).double()
    with torch.no_grad():
        for parameter in critic.parameters():  # away from the tiny initial weights
            parameter.add_(0.1 * torch.randn_like(parameter))
    if norm is Norm.spectral:
        critic.eval()  # a power iteration would move the function itself
    images = torch.randn(4, *shape.dims, dtype=torch.float64)
    noise = Noise(0, torch.device("cpu"))
    weights = list(critic.parameters())
    steps = [torch.randn_like(weight) for weight in weights]

    def penalty() -> Tensor:
        value = R1(weight=1.0, every=1).loss(critic, images, images, noise)
        assert value is not None
        return value

    gradients = torch.autograd.grad(penalty(), weights, allow_unused=True)
    slope = sum((g * step).sum() for g, step in zip(gradients, steps, strict=True) if g is not None)
    values, size = [], 1e-7
    for sign in (1, -2):
        with torch.no_grad():
            for weight, step in zip(weights, steps, strict=True):
                weight.add_(sign * size * step)
        values.append(penalty().detach())
    difference = (values[0] - values[1]) / (2 * size)
    torch.testing.assert_close(difference, slope.detach(), rtol=1e-4, atol=1e-9)


def test_the_mlp_is_the_one_of_the_reports() -> None:
    shape, network = ImageShape(1, 28), make("mlp", width=256)
    sizes = [100, 256, 512, 1024, 784]
    expected = sum(a * b + b for a, b in pairwise(sizes))
    assert parameters(network.generator(100, shape)) == expected == 1_486_352
    trunk = network.trunk(shape, Norm.none)
    assert trunk.features == 256
    assert parameters(Discriminator(trunk, LinearHead(256))) == 1_460_225


def test_dcgan_at_64_pixels() -> None:
    """3,576,704 and 2,765,568 weights without biases next to the image; these have 3, 64 and 1."""
    shape, network = ImageShape(3, 64), make("dcgan", width=64)
    assert parameters(network.generator(100, shape)) == 3_576_704 + 3
    trunk = network.trunk(shape, Norm.batch)
    assert trunk.features == 512 * 16
    assert parameters(Discriminator(trunk, LinearHead(trunk.features))) == 2_765_568 + 64 + 1


@pytest.mark.parametrize(
    ("size", "start", "widest"),
    [(16, 4, 2), (20, 3, 4), (28, 4, 4), (32, 4, 4), (48, 3, 8), (64, 4, 8), (128, 4, 16)],
)
def test_dcgans_smallest_map(size: int, start: int, widest: int) -> None:
    shape = ImageShape(1, size)
    assert make("dcgan").trunk(shape, Norm.none).features == 4 * widest * start**2
    first = order(make("dcgan").generator(5, shape), torch.randn(2, 5))[0]
    assert first.weight.shape == (4 * widest * start**2, 5)


def test_sndcgan_at_32_pixels_is_the_papers_table() -> None:
    shape, network = ImageShape(3, 32), make("sndcgan", width=64)
    trunk = network.trunk(shape, Norm.spectral)
    layers = [layer for layer in trunk.modules() if isinstance(layer, nn.Conv2d)]
    table = [(64, 3), (64, 4), (128, 3), (128, 4), (256, 3), (256, 4), (512, 3)]
    assert [(layer.out_channels, layer.kernel_size[0]) for layer in layers] == table
    assert trunk.features == 512 * 16
    ran = order(network.generator(128, shape), torch.randn(2, 128))
    ups = [layer.out_channels for layer in ran if isinstance(layer, nn.ConvTranspose2d)]
    assert ups == [256, 128, 64]
    assert ran[0].weight.shape == (512 * 16, 128)
    assert ran[-1].kernel_size == (3, 3)


def test_resnet_at_32_pixels_counts_the_papers_weights() -> None:
    shape, network = ImageShape(3, 32), make("resnet", width=64)
    conv = 9 * 256 * 256
    block = 2 * conv + 256 + (256 * 256 + 256) + 4 * 256  # one bias fewer than the paper: batch norm follows
    expected = 129 * 4096 + 3 * block + 2 * 256 + 9 * 256 * 3 + 3
    assert parameters(network.generator(128, shape)) == expected == 4_276_739 - 3 * 256
    conv = 9 * 128 * 128 + 128
    first = 9 * 3 * 128 + 128 + conv + 3 * 128 + 128
    down = 2 * conv + 128 * 128 + 128
    assert parameters(network.trunk(shape, Norm.spectral)) == first + down + 2 * (2 * conv)


@pytest.mark.parametrize(
    ("size", "up", "down", "last"),
    [
        (28, [4, 4, 4], [2, 2, 2, 2], 7),
        (32, [4, 4, 4, 4], [2, 2, 2, 2], 8),
        (48, [8, 4, 2, 1], [1, 2, 4, 8, 16], 3),
        (64, [16, 8, 4, 2, 1], [1, 2, 4, 8, 16], 4),
        (128, [16, 16, 8, 4, 2, 1], [1, 2, 4, 8, 16, 16], 4),
    ],
)
def test_resnet_widths_follow_the_papers_tables(size: int, up: list[int], down: list[int], last: int) -> None:
    shape, network = ImageShape(3, size), make("resnet", width=2)
    ran = order(network.generator(5, shape), torch.randn(2, 5))
    shortcuts = [layer for layer in ran if isinstance(layer, nn.Conv2d) and layer.kernel_size == (1, 1)]
    assert [shortcuts[0].in_channels, *[layer.out_channels for layer in shortcuts]] == [
        2 * factor for factor in up
    ]
    trunk = network.trunk(shape, Norm.none)
    assert [block.second.out_channels for block in trunk.body[: len(down)]] == [2 * factor for factor in down]
    assert trunk.features == 2 * down[-1]
    maps: list[Tensor] = []
    trunk.body[-1].register_forward_hook(lambda _, inputs, out: maps.extend([inputs[0], out]))
    trunk(torch.randn(2, *shape.dims))
    assert maps[0].shape[-1] == last
    torch.testing.assert_close(maps[1], maps[0].sum((2, 3)))


def test_resnet_initialisation_is_glorots() -> None:
    torch.manual_seed(0)
    trunk = make("resnet", width=32).trunk(ImageShape(3, 32), Norm.none)
    block = trunk.body[1]
    for layer, gain, fan in (
        (block.first, 2**0.5, 9 * 64),
        (block.second, 2**0.5, 9 * 64),
        (block.shortcut, 1, 64),
    ):
        bound = gain * (6 / (2 * fan)) ** 0.5
        assert layer.weight.abs().max().item() == pytest.approx(bound, rel=0.01)
        assert (layer.bias == 0).all()


def test_resnet_blocks_shortcuts() -> None:
    """With the residual branch silent an up block repeats pixels and a down block averages them."""
    torch.manual_seed(0)
    generator = make("resnet").generator(5, ImageShape(3, 32))
    up, down = generator.body[2], make("resnet").trunk(ImageShape(3, 32), Norm.none).body[1]
    for block in (up, down):
        nn.init.zeros_(block.second.weight)
        nn.init.zeros_(block.second.bias)
    x = torch.randn(2, 16, 4, 4)
    repeated = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    torch.testing.assert_close(up(x), up.shortcut(repeated))
    x = torch.randn(2, 8, 4, 4)
    averaged = x.unflatten(3, (2, 2)).unflatten(2, (2, 2)).mean((3, 5))
    torch.testing.assert_close(down(x), down.shortcut(averaged))
