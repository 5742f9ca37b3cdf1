from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from gan_experiments.errors import UserError
from gan_experiments.training.device import Gpu, Kind, Precision


def gpu(**changes: Any) -> Gpu:
    settings: dict[str, Any] = {
        "device": Kind.auto, "precision": Precision.fp32, "devices": 1, "compile": False, "channels_last": True, "graphs": False, "checkpointing": False,
    }  # fmt: skip
    return Gpu(**{**settings, **changes})


def test_auto_takes_what_there_is() -> None:
    expected = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert gpu().resolve().type == expected


def test_missing_devices_are_said() -> None:
    if not torch.cuda.is_available():
        with pytest.raises(UserError, match="gpu=cuda: this machine has no CUDA device"):
            gpu(device=Kind.cuda).resolve()
    if not torch.backends.mps.is_available():
        with pytest.raises(UserError, match="no MPS device"):
            gpu(device=Kind.mps).resolve()
    with pytest.raises(UserError, match="gpu.devices must be at least 1"):
        gpu(devices=0)


def test_autocast_is_on_for_bf16_alone() -> None:
    cpu = torch.device("cpu")
    weight = torch.ones(2, 2)
    with gpu(precision=Precision.bf16).autocast(cpu):
        assert (weight @ weight).dtype is torch.bfloat16
    with gpu().autocast(cpu):
        assert (weight @ weight).dtype is torch.float32


@pytest.mark.parametrize(
    ("device", "capability", "amx", "found"),
    [
        ("cpu", (0, 0), True, "bf16"), ("cpu", (9, 0), False, "fp32"), ("mps", (9, 0), True, "fp32"),
        ("cuda", (9, 0), False, "bf16"), ("cuda", (8, 0), False, "bf16"), ("cuda", (7, 5), True, "fp32"),
    ],
)  # fmt: skip
def test_auto_is_bf16_on_devices_with_units_for_it(
    device: str, capability: tuple[int, int], amx: bool, found: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    assert gpu(precision=Precision.auto).arithmetic(torch.device(device)) is Precision(found)
    for said in (Precision.fp32, Precision.bf16):
        assert gpu(precision=said).arithmetic(torch.device(device)) is said


@pytest.mark.parametrize("amx", [True, False])
def test_a_run_says_what_auto_came_to(
    amx: bool, compose: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gan_experiments.training import run

    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    config, record = compose("model=gan", "gpu.precision=auto")
    run(config, tmp_path, record)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["provenance"]["precision"] == ("bf16" if amx else "fp32")


@pytest.mark.gpu
def test_a_gpu_trains(compose: Any, tmp_path: Any) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    from gan_experiments.training import run

    for precision in ("fp32", "bf16"):
        config, record = compose("model=san", "gpu=cuda", f"gpu.precision={precision}")
        run(config, tmp_path / precision, record)
        assert (tmp_path / precision / "checkpoints" / "last.pt").is_file()
