"""Where figures come from."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import torch

import tiny
from gan_experiments.training.provenance import commit, provenance


def test_the_commit_of_the_folder_and_whether_files_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit() is None
    who = ["-c", "user.name=x", "-c", "user.email=x@x"]
    (tmp_path / "a.py").write_text("1")
    for words in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "first"]):
        subprocess.run(["git", *words], check=True)
    named = commit()
    assert named is not None
    assert len(named) == 40
    (tmp_path / "b.py").write_text("not added")
    assert commit() == named
    (tmp_path / "a.py").write_text("2")
    assert commit() == f"{named}+"
    monkeypatch.setenv("PATH", "")
    assert commit() is None


def test_the_arithmetic_of_this_process() -> None:
    config, _ = tiny.compose("gpu.precision=bf16")
    found = provenance(config.gpu, torch.device("cpu"))
    assert (found["precision"], found["threads"]) == ("bf16", torch.get_num_threads())
    assert found["device"]
