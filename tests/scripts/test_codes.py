"""How far an encoder's codes lie from the prior."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from script_helpers import load

import gan_experiments
import tiny
from gan_experiments.grids import grid
from gan_experiments.training import run

module = load("codes")


def trained(folder: Path, *words: str) -> Path:
    folder.mkdir()
    measured = ["metrics=lenet", "metrics.samples=100", "metrics.real=300", "train.evaluate_every=100"]
    config, record = tiny.compose(
        "network=mlp", "train.steps=1", *measured, *words, f"paths.data={folder.parent}"
    )
    run(config, folder, record)
    return folder


def test_the_gaussian_has_the_mean_and_covariance_of_the_codes() -> None:
    torch.manual_seed(0)
    codes = torch.randn(50_000, 3) @ torch.tensor([[2.0, 0.0, 0.0], [1.0, 0.5, 0.0], [0.0, 0.0, 0.0]]) + 3
    drawn = module.like(codes)
    torch.testing.assert_close(drawn.mean(0), codes.mean(0), rtol=0, atol=0.05)
    torch.testing.assert_close(torch.cov(drawn.T), torch.cov(codes.T), rtol=0.03, atol=0.03)


@pytest.mark.parametrize("model", ["vae", "aae"])
def test_codes_of_a_perfect_decoder_have_the_figure_of_real_images(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The encoder numbers the images, and the decoder knows them by their numbers."""
    folder = trained(tmp_path / model, f"model={model}")
    seen: list[torch.Tensor] = []
    make = module.codes

    def numbered(restored: object, images: torch.Tensor) -> torch.Tensor:
        seen.append(images)
        assert make(restored, images).shape == (100, restored.model.latent_dim)  # type: ignore[attr-defined]
        return torch.stack([torch.arange(100.0), torch.linspace(-1, 1, 100).square()], 1)

    def known(_: object, codes: torch.Tensor) -> torch.Tensor:
        return seen[0][codes[:, 0].round().long().clamp(0, 99)]

    monkeypatch.setattr(module, "codes", numbered)
    monkeypatch.setattr(module, "decoded", known)
    assert module.main([str(folder)]) == 0
    head, _, row = capsys.readouterr().out.splitlines()
    cells = dict(zip(head.split(" | "), row.strip(" |").split(" | "), strict=True))
    assert (cells["| run"], cells["figure"]) == (model, "fd_lenet")
    assert cells["codes"] == cells["real images"]
    assert float(cells["prior"]) > 2 * float(cells["codes"])
    assert float(cells["squared error |"]) > 0.1


def test_a_method_without_an_encoder_is_said_and_others_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = [str(trained(tmp_path / model, f"model={model}")) for model in ("gan", "vae")]
    picture = tmp_path / "reconstructions.png"
    assert module.main([*folders, "--picture", str(picture)]) == 1
    output = capsys.readouterr()
    assert "gan/checkpoints/last.pt: this method has no encoder" in output.err
    assert output.out.splitlines()[-1].startswith("| vae | fd_lenet | ")

    model = gan_experiments.load(tmp_path / "vae")
    images = model.real_images(module.PICTURED)
    both = torch.cat([images, model.reconstruct(images)])
    shown = torch.from_numpy(np.array(Image.open(picture))).permute(2, 0, 1) / 255
    torch.testing.assert_close(shown, grid(both, module.PICTURED), rtol=0, atol=0.51 / 255)
    with pytest.raises(SystemExit, match="2"):
        module.main([str(tmp_path / "none")])


def test_a_picture_is_of_images_of_one_shape(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [
        str(trained(tmp_path / f"{size}", "model=vae", f"data.image_size={size}")) for size in (16, 32)
    ]
    picture = tmp_path / "reconstructions.png"
    assert module.main([*folders, "--picture", str(picture)]) == 1
    output = capsys.readouterr()
    assert len(output.out.splitlines()) == 4  # both were measured
    assert "these runs' images differ in shape" in output.err
    assert not picture.exists()
