from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from gan_experiments.heads.linear import LinearHead
from gan_experiments.networks import MLP, Init, Norm
from gan_experiments.networks.layers import (
    BatchNorm,
    he_init,
    normal_init,
    normalization,
    spectral_linear,
    spectrally_normalized,
)
from gan_experiments.types import ImageShape


def test_spectral_norm_finds_the_largest_singular_value() -> None:
    torch.manual_seed(0)
    layer = nn.Linear(3, 3, bias=False)
    layer.weight.data = torch.diag(torch.tensor([3.0, 1.0, 0.5]))
    spectrally_normalized(layer)
    for _ in range(30):
        layer(torch.zeros(1, 3))
    torch.testing.assert_close(layer.weight, torch.diag(torch.tensor([1.0, 1 / 3, 1 / 6])))


def test_spectral_norm_times_a_scale() -> None:
    torch.manual_seed(0)
    layer = spectrally_normalized(nn.Linear(4, 3, bias=False), 2.5)
    for _ in range(100):
        layer(torch.zeros(1, 4))
    assert torch.linalg.matrix_norm(layer.weight, 2).item() == pytest.approx(2.5, rel=1e-4)


def test_spectral_norm_iterates_in_training_and_rests_in_evaluation() -> None:
    torch.manual_seed(0)
    layer = spectrally_normalized(nn.Conv2d(3, 8, 3))
    vector = next(buffer for name, buffer in layer.named_buffers() if name.endswith("_u"))
    before = vector.clone()
    layer.eval()(torch.zeros(1, 3, 4, 4))
    assert torch.equal(vector, before)
    layer.train()(torch.zeros(1, 3, 4, 4))
    assert not torch.equal(vector, before)


def test_spectral_norms_gradient_flows_through_sigma_but_not_through_the_vectors() -> None:
    torch.manual_seed(0)
    layer = spectrally_normalized(nn.Linear(4, 3).double()).eval()
    inner = layer.parametrizations.weight[0].inner
    original = layer.parametrizations.weight.original
    target = torch.randn(3, 4, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((layer.weight * target).sum(), original)
    sigma = inner._u @ original @ inner._v
    outer = torch.outer(inner._u, inner._v)
    expected = target / sigma - (original * target).sum() * outer / sigma**2
    torch.testing.assert_close(gradient, expected)


def test_spectral_norm_is_full_precision_under_autocast() -> None:
    class Probe(nn.Module):
        def forward(self, weight: Tensor) -> Tensor:
            return weight @ weight  # one of the products that autocast does in 16 bits

    layer = spectrally_normalized(nn.Linear(4, 4))
    layer.parametrizations.weight[0].inner = Probe()
    with torch.autocast("cpu", torch.bfloat16):
        assert layer.weight.dtype == torch.float32


def test_spectral_norm_survives_a_copy_and_a_checkpoint() -> None:
    torch.manual_seed(0)
    layer = spectrally_normalized(nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2)))
    twin, fresh = copy.deepcopy(layer), spectrally_normalized(nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2)))
    fresh.load_state_dict(layer.state_dict())
    x = torch.randn(5, 4)
    expected = layer(x)
    assert torch.equal(twin(x), expected)
    assert torch.equal(fresh(x), expected)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.01, 10))
def test_a_spectrally_normalised_mlp_is_1_lipschitz(seed: int, scale: float) -> None:
    torch.manual_seed(seed)
    trunk = MLP(width=8, generator_norm=Norm.none, slope=0.2).trunk(ImageShape(1, 4), Norm.spectral)
    critic = nn.Sequential(trunk, LinearHead(trunk.features, spectral_linear))
    a = torch.randn(16, 1, 4, 4)
    b = a + scale * torch.randn(16, 1, 4, 4)
    with torch.no_grad():
        for _ in range(300):
            critic(a[:1])
        critic.eval()
        ratio = (critic(a) - critic(b)).abs() / (a - b).flatten(1).norm(dim=1)
    assert ratio.max() <= 1 + 1e-3


@pytest.mark.parametrize("dims", [(6, 3), (6, 3, 5, 4)])
def test_batch_norm_of_one_process_is_torchs_own(dims: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    ours, theirs = BatchNorm(3), (nn.BatchNorm1d if len(dims) == 2 else nn.BatchNorm2d)(3)
    x = torch.randn(dims, requires_grad=True)
    for _ in range(2):
        a, b = ours(x), theirs(x)
        assert torch.equal(a, b)
        for p, q in zip(
            torch.autograd.grad(a.square().sum(), [x, *ours.parameters()]),
            torch.autograd.grad(b.square().sum(), [x, *theirs.parameters()]),
            strict=True,
        ):
            assert torch.equal(p, q)
    for name, buffer in theirs.named_buffers():
        assert torch.equal(buffer, ours.get_buffer(name))
    assert torch.equal(ours.eval()(x), theirs.eval()(x))


@pytest.mark.parametrize("dims", [(4, 6), (4, 6, 3, 3)])
def test_layer_norm_standardises_each_sample(dims: tuple[int, ...]) -> None:
    x = torch.randn(dims, generator=torch.Generator().manual_seed(0)) * 3 + 1
    torch.testing.assert_close(normalization(Norm.layer, 6)(x), F.layer_norm(x, dims[1:]))


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_instance_norm_is_torchs_own_with_its_gradients(layout: torch.memory_format, affine: bool) -> None:
    torch.manual_seed(0)
    ours, theirs = normalization(Norm.instance, 6, affine), nn.InstanceNorm2d(6, affine=affine)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        q.data.copy_(nn.init.normal_(p))
    x = (3 * torch.randn(4, 6, 5, 5) + 1).contiguous(memory_format=layout).requires_grad_()
    a, b = ours(x), theirs(x)
    torch.testing.assert_close(a, b)
    for p, q in zip(
        torch.autograd.grad(a.pow(3).sum(), [x, *ours.parameters()]),
        torch.autograd.grad(b.pow(3).sum(), [x, *theirs.parameters()]),
        strict=True,
    ):
        torch.testing.assert_close(p, q, rtol=1e-4, atol=1e-4)


def test_instance_norm_standardises_each_map_and_has_a_scale_of_its_own() -> None:
    layer = normalization(Norm.instance, 6)
    x = torch.randn(4, 6, 5, 5, generator=torch.Generator().manual_seed(0)) * 3 + 1
    torch.testing.assert_close(layer(x), F.instance_norm(x))
    assert [p.numel() for p in layer.parameters()] == [6, 6]


@pytest.mark.parametrize("norm", [Norm.none, Norm.spectral])
def test_the_other_norms_add_no_layer(norm: Norm) -> None:
    x: Tensor = torch.randn(2, 6)
    assert normalization(norm, 6)(x) is x


def test_dcgans_initial_weights() -> None:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(200, 200), nn.Conv2d(50, 80, 4), nn.ConvTranspose2d(50, 80, 4)).apply(
        normal_init
    )
    for layer in layers:
        assert layer.weight.std().item() == pytest.approx(0.02, rel=0.03)
        assert layer.weight.mean().item() == pytest.approx(0, abs=1e-3)
        assert (layer.bias == 0).all()
    scale = BatchNorm(4000).apply(normal_init)
    assert scale.weight.mean().item() == pytest.approx(1, abs=2e-3)
    assert scale.weight.std().item() == pytest.approx(0.02, rel=0.05)
    assert (scale.bias == 0).all()


@pytest.mark.parametrize(
    ("layer", "fan_in"),
    [(nn.Linear(300, 400), 300), (nn.Conv2d(50, 80, 4), 800), (nn.ConvTranspose2d(80, 50, 4), 800)],
)
def test_he_initialisation_keeps_the_size_of_what_passes(layer: nn.Linear, fan_in: int) -> None:
    torch.manual_seed(0)
    layer.apply(Init.he)
    assert layer.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=0.03)
    assert (layer.bias == 0).all()
    torch.manual_seed(0)
    assert torch.equal(copy.deepcopy(layer).apply(he_init).weight, layer.weight)
    assert layer.apply(Init.normal).weight.std().item() == pytest.approx(0.02, rel=0.03)
