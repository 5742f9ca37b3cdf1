"""Every file of an export gives the images of the model."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import tiny
from gan_experiments import TrainedModel, load
from gan_experiments.errors import RunError
from gan_experiments.sharing import formats


def needs(*packages: str) -> Any:
    missing = [package for package in packages if importlib.util.find_spec(package) is None]
    return pytest.mark.skipif(bool(missing), reason=f"not installed: {', '.join(missing)}")


WRITERS = [
    pytest.param("safetensors", marks=needs("safetensors")),
    pytest.param("onnx", marks=needs("onnx", "onnxscript", "onnxruntime")),
    "torch",
]


@pytest.fixture(scope="module", params=["vae", "acgan"])
def model(request: Any, tmp_path_factory: pytest.TempPathFactory) -> TrainedModel:
    """One with statistics of its batch norm that are of sampling alone, and one that is told the class."""
    from gan_experiments.training import run

    folder = tmp_path_factory.mktemp(request.param)
    config, record = tiny.compose(
        f"model={request.param}", "network=mlp", "data.image_size=8", "train.steps=1"
    )
    run(config, folder, record)
    return load(folder)


@pytest.mark.parametrize("name", WRITERS)
def test_another_models_file_is_refused(
    name: str, model: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = formats.Generator(model)
    compare = formats._compare

    def with_another(file: str, made: Any, original: Any, of: TrainedModel) -> None:
        with torch.no_grad():
            weight = next(p for p in generator.parameters() if p.dim() > 1)
            weight += 0.2
            try:
                compare(file, made, generator, of)
            finally:
                weight -= 0.2

    monkeypatch.setattr(formats, "_compare", with_another)
    with pytest.raises(RunError, match="gives other images than the model"):
        formats.WRITERS[name](model, tmp_path)


def test_the_module_is_what_samples(model: TrainedModel) -> None:
    generator = formats.Generator(model)
    assert [*generator.networks] == ["generator"]
    inputs = formats.examples(model, 5)
    with torch.no_grad():
        torch.testing.assert_close(generator(**inputs), model.sample(5, seed=formats.SEED))


def test_torch_export_takes_any_number_of_images_without_this_package(
    model: TrainedModel, tmp_path: Path
) -> None:
    (name,) = formats.write_torch(model, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    program = torch.export.load(tmp_path / name).module()
    inputs = formats.examples(model, 7)
    torch.testing.assert_close(program(**inputs), model.sample(7, seed=formats.SEED))


@needs("safetensors")
def test_an_exported_folder_is_a_model_again(model: TrainedModel, tmp_path: Path) -> None:
    formats.write_safetensors(model, tmp_path)
    again = load(tmp_path)
    assert torch.equal(again.sample(5), model.sample(5))
    assert (again.step, again.images_seen, again.shape, again.ema) == (
        model.step,
        model.images_seen,
        model.shape,
        model.ema,
    )
    assert str(Path.home()) not in (tmp_path / "config.json").read_text()


@needs("safetensors")
def test_both_directions_of_a_translator(cyclegan: Path, tmp_path: Path) -> None:
    formats.write_safetensors(load(cyclegan), tmp_path)
    assert load(tmp_path).networks.keys() == {"generator_a_to_b", "generator_b_to_a"}


def test_what_cannot_be_traced_is_one_sentence(
    model: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Untraceable(nn.Module):
        def forward(self, z: torch.Tensor, labels: Any = None, images: Any = None) -> torch.Tensor:
            return z if z.sum() > 0 else -z

    monkeypatch.setattr(formats, "Generator", lambda *_: Untraceable())
    with pytest.raises(RunError, match=r"^model.pt2 cannot be made of this model: [^\n]+$"):
        formats.write_torch(model, tmp_path)
