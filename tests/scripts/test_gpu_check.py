"""The check of a GPU: its stages, their time limits, and agreement on the CPU."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from script_helpers import load


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load("gpu_check")


def test_every_model_that_draws_images_is_compared(script: ModuleType, tmp_path: Path) -> None:
    arguments = argparse.Namespace(device="cpu", tiny=False, cifar10=tmp_path / "c.npz", out=tmp_path)
    made = script.stages(arguments)
    assert [stage.name for stage in made] == ["tests", "agreement", "bench", "sngan", "san"]
    assert sum(stage.share for stage in made) == pytest.approx(1)
    assert {"gan", "stylegan2_san", "biggan"} < set(made[1].command)
    assert "cyclegan" not in made[1].command


def test_a_stage_is_stopped_at_its_limit_and_its_output_kept(script: ModuleType, tmp_path: Path) -> None:
    program = "import time; print('here', flush=True); time.sleep(60)"
    line = script.Stage("slow", [sys.executable, "-c", program], 1).run(tmp_path, 2)
    assert line.startswith("slow: stopped at its limit, exit status -15 after ")
    assert (tmp_path / "slow.log").read_text() == "here\n"
    assert script.Stage("fine", [sys.executable, "-c", "exit(3)"], 1).run(tmp_path, 60).startswith(
        "fine: exit status 3 after"
    )  # fmt: skip


def test_agreement_of_bf16(script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.setattr(script, "VARIANTS", {"again": [], "bf16": ["gpu.precision=bf16"]})
    assert script.agreement(["gan"], "cpu") == 0
    again, bf16 = re.fullmatch(
        r"gan: again (\S+) \(\d+ s\), bf16 (\S+) \(\d+ s\)\n", capsys.readouterr().out
    ).groups()
    assert float(again) == 0
    assert 0 < float(bf16) < 0.05
    assert script.agreement(["nothing"], "cpu") == 1
    assert capsys.readouterr().out.startswith("nothing: UserError: there is no model=nothing")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_device_it_says_so(script: ModuleType, capsys: Any) -> None:
    with pytest.raises(SystemExit, match="2"):
        script.main([])
    assert "there is no CUDA device here; --device cpu --tiny rehearses" in capsys.readouterr().err
