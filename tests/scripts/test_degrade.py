"""Degraded images: what is done to them, and that figures over the shipped networks order them."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from script_helpers import load

from real_cifar import strips


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load("degrade")


def test_the_degradations(script: ModuleType) -> None:
    images = torch.randint(256, (40, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(40) % 4
    flat = torch.full_like(images, 100)
    assert torch.equal(script.blur(flat, labels, 1), flat)
    assert script.blur(images, labels, 1).float().std() < 0.5 * images.float().std()
    spread = (script.noise(flat, labels, 10).float() - 100).std()
    assert spread.item() == pytest.approx(10, rel=0.05)
    assert torch.equal(script.swirl(images, labels, 0), images)
    assert torch.equal(script.swirl(images, labels, 2)[..., 0, 0], images[..., 0, 0])  # corners stay
    assert torch.equal(script.drop_classes(images, labels, 3), images[labels < 3])
    mixed = script.mix_classes(images, labels, 0.5)
    assert torch.equal(mixed[..., :4], images[..., :4])
    changed = (mixed != images).flatten(1).any(1).nonzero().flatten().tolist()
    assert len(changed) == 20
    for row in changed:
        (source,) = (mixed[row, :, :, 4:] == images[:, :, :, 4:]).flatten(1).all(1).nonzero().flatten()
        assert labels[source] != labels[row]


@pytest.mark.quality
def test_figures_over_cifar_order_degraded_images(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arrays: dict[str, Any] = {}
    for split in ("train", "test"):
        arrays[f"{split}_images"], arrays[f"{split}_labels"] = strips(split, 20)
    np.savez(tmp_path / "c.npz", **arrays)
    script.main(["data=npz", f"data.path={tmp_path / 'c.npz'}", "metrics=cifar", "metrics.samples=3000"])
    lines = [line.strip("|").split("|") for line in capsys.readouterr().out.splitlines()[2:]]
    rows = [(title.strip(), *map(float, cells)) for title, _, *cells in lines]
    clean = rows[0]
    falling = {
        "blur, sigma in pixels": ["recall"],
        "noise, sigma of 255": ["recall"],
        "swirl, radians": ["precision", "recall"],
        "classes left of 10": ["recall"],
        "share with half of another class": ["precision"],
    }
    assert set(falling) == set(script.DEGRADATIONS)
    for title, names in falling.items():
        fd, kid, *shares = zip(*(row[1:5] for row in rows if row[0] in ("nothing", title)), strict=True)
        for distance in (fd, kid[:3]):  # the kernel distance is bounded, and strong noise is at its end
            assert list(distance) == sorted(set(distance)), title
        for name, values in zip(("precision", "recall"), shares, strict=True):
            if name in names:
                assert list(values) == sorted(set(values), reverse=True), title
    left = [row[3] for row in rows if row[0] == "classes left of 10"]
    assert min(left) > clean[3] - 0.05  # what is left are good images of fewer kinds
