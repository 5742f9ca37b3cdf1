"""Discriminators of patches, and the projector of their features."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrize import is_parametrized

from gan_experiments.errors import UserError
from gan_experiments.networks import CycleGAN, Norm, PatchDiscriminator, PatchProjector, UNet
from gan_experiments.noise import Noise
from gan_experiments.penalties import R1
from gan_experiments.types import ImageShape

FIELDS = {0: 1, 1: 16, 2: 34, 3: 70, 4: 142, 5: 286}
NORMALIZING = (nn.BatchNorm2d, nn.GroupNorm, nn.InstanceNorm2d)


def patches(
    layers: int, size: int, norm: Norm = Norm.none, width: int = 2, channels: int = 3
) -> PatchDiscriminator:
    return CycleGAN(width, norm, layers, blocks=None).patches(ImageShape(channels, size), norm)


@pytest.mark.parametrize(("layers", "field"), FIELDS.items())
def test_the_receptive_field_of_a_score(layers: int, field: int) -> None:
    """The pixels that have a gradient in a score whose patch lies inside the image."""
    torch.manual_seed(0)
    size = max(4, 2 ** (layers + 1) * -(-2 * field // 2 ** (layers + 1)))
    critic = patches(layers, size, width=1, channels=1).double()
    for layer in critic.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.ones_(layer.weight)  # no gradient cancels
    image = torch.ones(1, 1, size, size, dtype=torch.float64, requires_grad=True)
    scores = critic(image)
    side = round(len(scores) ** 0.5)
    (gradient,) = torch.autograd.grad(scores.view(side, side)[side // 2, side // 2], image)
    assert (gradient[0, 0] != 0).any(0).sum() == field
    assert (gradient[0, 0] != 0).any(1).sum() == field


def test_256_pixels_have_30_by_30_patches_and_the_pixel_variant_one_score_a_pixel() -> None:
    assert patches(3, 256, width=1)(torch.zeros(1, 3, 256, 256)).shape == (30 * 30,)
    assert patches(0, 12)(torch.zeros(2, 3, 12, 12)).shape == (2 * 12 * 12,)


def test_scores_come_image_by_image_in_float32() -> None:
    torch.manual_seed(0)
    critic, images = patches(2, 32, Norm.instance), torch.randn(3, 3, 32, 32)
    alone = torch.cat([critic(image[None]) for image in images])
    torch.testing.assert_close(critic(images), alone)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = critic(images)
    assert rounded.dtype == torch.float32
    torch.testing.assert_close(rounded, alone, atol=0.05, rtol=0.05)


def test_the_published_discriminators_by_their_numbers_of_weights() -> None:
    """The authors' PyTorch code has 2,764,737 (with biases that instance norm takes away) and 2,768,705."""
    cyclegan = CycleGAN(64, Norm.instance, 3, blocks=None).patches(ImageShape(3, 256), Norm.instance)
    assert sum(p.numel() for p in cyclegan.parameters()) == 2_764_737 - (128 + 256 + 512)
    pix2pix = UNet(64, Norm.instance, 3, dropout=0.5).patches(ImageShape(6, 256), Norm.batch)
    assert sum(p.numel() for p in pix2pix.parameters()) == 2_768_705


@pytest.mark.parametrize("layers", FIELDS)
def test_widths_double_up_to_eight_and_strides_are_two(layers: int) -> None:
    critic = patches(layers, 96, Norm.instance)
    convolutions = [layer for layer in critic.modules() if isinstance(layer, nn.Conv2d)]
    widths = [2 * min(2**index, 8) for index in range(max(layers, 1) + 1)]
    assert [layer.out_channels for layer in convolutions] == [*widths, 1]
    assert [layer.stride[0] for layer in convolutions] == [2] * layers + [1] * (len(convolutions) - layers)


@pytest.mark.parametrize("norm", list(Norm))
def test_no_norm_next_to_the_image(norm: Norm) -> None:
    ran: list[nn.Module] = []
    critic = patches(2, 32, norm)
    for layer in critic.modules():
        if isinstance(layer, (nn.Conv2d, *NORMALIZING)):
            layer.register_forward_hook(lambda layer, *_: ran.append(layer))
    critic(torch.randn(2, 3, 32, 32))
    assert not isinstance(ran[1], NORMALIZING)
    assert not isinstance(ran[-1], NORMALIZING)
    assert sum(isinstance(layer, NORMALIZING) for layer in ran) == (0 if norm.keeps_bias else 2)
    spectral = [is_parametrized(layer, "weight") for layer in ran if isinstance(layer, nn.Conv2d)]
    assert all(spectral) if norm is Norm.spectral else not any(spectral)


def test_the_scale_of_spectral_norm_reaches_every_layer() -> None:
    network = CycleGAN(2, Norm.instance, 2, blocks=None, spectral_scale=3.0)
    critic = network.patches(ImageShape(3, 32), Norm.spectral)
    with torch.no_grad():
        for _ in range(100):
            critic(torch.zeros(1, 3, 32, 32))
    norms = [
        torch.linalg.matrix_norm(m.weight.flatten(1), 2) for m in critic.modules() if isinstance(m, nn.Conv2d)
    ]
    torch.testing.assert_close(torch.stack(norms), torch.full((len(norms),), 3.0), rtol=5e-3, atol=0)


def test_what_does_not_fit_is_refused_with_what_would() -> None:
    with pytest.raises(UserError, match=r"discriminator_layers must be 0 to 5 .* not 6"):
        CycleGAN(2, Norm.instance, 6, blocks=None)
    for layers in range(1, 6):
        smallest = 3 * 2**layers
        patches(layers, smallest, Norm.instance)(torch.randn(1, 3, smallest, smallest))
        with pytest.raises(UserError, match=rf"needs images of at least {smallest} pixels.*fewer layers"):
            patches(layers, smallest - 4)


@pytest.mark.parametrize("norm", list(Norm))
def test_the_gradient_of_a_gradient_penalty_is_right(norm: Norm) -> None:
    """Double backward, against a central difference in float64."""
    torch.manual_seed(0)
    critic = patches(2, 16, norm, channels=2).double()
    weights = list(critic.parameters())
    with torch.no_grad():
        for weight in weights:
            weight.add_(0.1 * torch.randn_like(weight))
    if norm is Norm.spectral:
        critic.eval()
    images = torch.randn(2, 2, 16, 16, dtype=torch.float64)
    steps = [torch.randn_like(weight) for weight in weights]

    def penalty() -> Tensor:
        return R1(weight=1.0, every=1).loss(critic, images, images, Noise(0, torch.device("cpu")))

    gradients = torch.autograd.grad(penalty(), weights, allow_unused=True)
    slope = sum((g * step).sum() for g, step in zip(gradients, steps, strict=True) if g is not None)
    values, size = [], 1e-7
    for sign in (1, -2):
        with torch.no_grad():
            for weight, step in zip(weights, steps, strict=True):
                weight.add_(sign * size * step)
        values.append(penalty().detach())
    torch.testing.assert_close((values[0] - values[1]) / (2 * size), slope.detach(), rtol=1e-4, atol=1e-9)


def test_the_projector_is_an_mlp_at_places_and_a_unit_vector() -> None:
    torch.manual_seed(0)
    projector = PatchProjector((3, 5), units=4)
    maps = [torch.randn(2, 3, 4, 6), torch.randn(2, 5, 2, 2)]
    places = [torch.tensor([[0, 7, 23], [5, 5, 6]]), torch.tensor([[3], [1]])]
    vectors = projector(maps, places)
    assert [tuple(part.shape) for part in vectors] == [(2, 3, 4), (2, 1, 4)]
    first = projector.layers[0]
    for image, row, column, place in ((0, 1, 1, 1), (0, 3, 5, 2), (1, 0, 5, 0)):
        hidden = torch.relu(first[0](maps[0][image, :, row, column]))
        expected = F.normalize(first[2](hidden), dim=0)
        torch.testing.assert_close(vectors[0][image, place], expected)
    for part in vectors:
        torch.testing.assert_close(part.norm(dim=2), torch.ones(part.shape[:2]))
    with torch.autocast("cpu", torch.bfloat16):
        assert projector(maps, places)[0].dtype == torch.float32
