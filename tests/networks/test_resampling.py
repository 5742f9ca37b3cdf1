"""The strided forms of resizing convolutions equal the textbook forms, gradients of both orders included."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from gan_experiments.networks.layers import spectrally_normalized
from gan_experiments.networks.resampling import DownConv2d, UpConv2d


def up(layer: nn.Conv2d, x: Tensor) -> Tensor:
    return F.conv2d(F.interpolate(x, scale_factor=2.0), layer.weight, layer.bias, padding=1)


def down(layer: nn.Conv2d, x: Tensor) -> Tensor:
    return F.avg_pool2d(F.conv2d(x, layer.weight, layer.bias, padding=1), 2)


CASES = [(UpConv2d, up), (DownConv2d, down)]


@pytest.mark.parametrize(("layer", "textbook"), CASES)
@given(before=st.integers(1, 4), after=st.integers(1, 4), height=st.integers(1, 5), width=st.integers(1, 5))
@settings(max_examples=15, deadline=None)
def test_equals_the_textbook_form(
    layer: type[nn.Conv2d],
    textbook: Callable[[nn.Conv2d, Tensor], Tensor],
    before: int,
    after: int,
    height: int,
    width: int,
) -> None:
    module = layer(before, after).double()
    x = torch.randn(2, before, 2 * height, 2 * width, dtype=torch.float64)
    torch.testing.assert_close(module(x), textbook(module, x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("layer", "textbook"), CASES)
def test_gradients_and_gradients_of_gradients_equal(
    layer: type[nn.Conv2d], textbook: Callable[[nn.Conv2d, Tensor], Tensor]
) -> None:
    module = layer(3, 4).double()
    x = torch.randn(2, 3, 6, 4, dtype=torch.float64, requires_grad=True)

    def derivatives(result: Tensor) -> list[Tensor]:
        (first,) = torch.autograd.grad(result.sin().sum(), x, create_graph=True)
        second = torch.autograd.grad(first.square().sum(), [x, module.weight])
        return [first, *second]

    for ours, theirs in zip(derivatives(module(x)), derivatives(textbook(module, x)), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("layer", [UpConv2d, DownConv2d])
def test_spectral_norm_divides_the_three_by_three_kernel(layer: type[nn.Conv2d]) -> None:
    module = spectrally_normalized(layer(3, 4))
    for _ in range(50):
        module(torch.randn(1, 3, 4, 4))
    module.eval()
    assert torch.linalg.matrix_norm(module.weight.flatten(1), 2).item() == pytest.approx(1, abs=1e-4)
