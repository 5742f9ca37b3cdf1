"""A random Inception network in a file, and where real data lies."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from unittest import mock

import pytest
import torch
from torch import nn
from torch_fidelity import feature_extractor_inceptionv3 as inceptionv3


@pytest.fixture(scope="session")
def inception_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of torch-fidelity's Inception-v3, drawn by He et al. 2015, as a state dict in a file."""
    file = tmp_path_factory.mktemp("weights") / "inception.pth"
    network = inceptionv3.FeatureExtractorInceptionV3
    with (
        torch.random.fork_rng(),
        mock.patch.object(inceptionv3, "load_state_dict_from_url", return_value={}),
        mock.patch.object(network, "load_state_dict"),
    ):
        torch.manual_seed(0)
        extractor = network("inception-v3-compat", ["2048"], verbose=False)
        for module in extractor.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            elif isinstance(module, nn.BatchNorm2d):
                module.running_mean.uniform_(-0.1, 0.1)
                module.running_var.uniform_(0.8, 1.2)
    torch.save(extractor.state_dict(), file)
    return file


@pytest.fixture(scope="session")
def inception_sha256(inception_file: Path) -> str:
    return hashlib.sha256(inception_file.read_bytes()).hexdigest()


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder with real data; skips where there is none."""
    place = Path(os.environ.get("GAN_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
    if not (place / "mnist").is_dir():
        pytest.skip(f"there is no mnist folder in {place}")
    return place
