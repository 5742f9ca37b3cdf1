"""Encoders, autoencoding discriminators and discriminators of codes, over every family."""

from __future__ import annotations

import pytest
import torch
from test_families import FAMILIES, make

from gan_experiments.networks import Autoencoder, CodeDiscriminator, Norm, PairDiscriminator
from gan_experiments.networks.layers import BatchNorm
from gan_experiments.types import ImageShape


@pytest.mark.parametrize("size", [16, 28, 32, 48, 64])
@pytest.mark.parametrize("family", FAMILIES)
def test_encodes_and_decodes_at_every_size(family: str, size: int) -> None:
    torch.manual_seed(0)
    shape, network = ImageShape(1, size), make(family, width=2)
    encoder, decoder = network.encoder(shape, 5, Norm.none), network.decoder(5, shape, Norm.none)
    codes = encoder(torch.zeros(3, *shape.dims))
    assert codes.shape == (3, 5)
    assert encoder.features == 5
    assert decoder(codes).shape == (3, *shape.dims)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_decoder_takes_the_norm_it_is_given(family: str) -> None:
    network = make(family, norm=Norm.batch)
    shape = ImageShape(1, 16)
    for norm in (Norm.none, Norm.batch):
        for part in (network.encoder(shape, 5, norm), network.decoder(5, shape, norm)):
            assert any(isinstance(layer, BatchNorm) for layer in part.modules()) == (norm is Norm.batch)
    assert network.generator_norm is Norm.batch


def test_autoencoder_scores_minus_the_energy_of_its_residual() -> None:
    torch.manual_seed(0)
    shape, network = ImageShape(1, 16), make("mlp")
    encoder, decoder = network.encoder(shape, 5, Norm.none), network.decoder(5, shape, Norm.none)
    images = torch.rand(3, 1, 16, 16)
    discriminator = Autoencoder(encoder, decoder, lambda residuals: residuals.abs().sum(1))
    residuals = (decoder(encoder(images)) - images).flatten(1)
    assert torch.equal(discriminator.features(images), encoder(images))
    assert torch.allclose(discriminator(images), -residuals.abs().sum(1))


def test_discriminators_of_codes_and_pairs_see_both_and_score_in_float32() -> None:
    torch.manual_seed(0)
    shape, network = ImageShape(1, 16), make("dcgan")
    codes, images = torch.randn(4, 3), torch.rand(4, 1, 16, 16)
    pairs = PairDiscriminator(network.trunk(shape, Norm.none), 3, 8)
    with torch.autocast("cpu", torch.bfloat16):
        for scores in (CodeDiscriminator(3, 8)(codes), pairs(images, codes)):
            assert scores.shape == (4,)
            assert scores.dtype == torch.float32
    assert not torch.equal(pairs(images, codes), pairs(images, codes + 1))
    assert not torch.equal(pairs(images, codes), pairs(images + 1, codes))
