"""The wheel has the configs, and the command finds them there from another folder."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from gan_experiments.cli.catalogue import conf_dir

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("pyproject.toml", "README.md", "LICENSE", ".gitignore", "src", "conf")


@pytest.mark.skipif(importlib.util.find_spec("hatchling") is None, reason="hatchling, which builds the wheel")
def test_installed_command(tmp_path: Path) -> None:
    source, installed, elsewhere = (tmp_path / name for name in ("source", "installed", "elsewhere"))
    source.mkdir()
    for part in PARTS:
        if part == "README.md":
            (source / part).touch()
        elif (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, source / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / part, source / part)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(installed)
    configs = {
        f"gan_experiments/conf/{path.relative_to(ROOT / 'conf')}" for path in ROOT.glob("conf/**/*.yaml")
    }
    assert configs <= names
    assert "gan_experiments/conf/data/digits.yaml" in names
    assert "gan_experiments/py.typed" in names
    shutil.rmtree(source)

    elsewhere.mkdir()
    for arguments, expected in (("--help", "model=san"), ("--cfg job --package train", "steps: 1500")):
        command = [sys.executable, "-m", "gan_experiments.cli.train", *arguments.split()]
        environment = {**os.environ, "PYTHONPATH": str(installed)}
        result = subprocess.run(
            command, check=False, cwd=elsewhere, env=environment, capture_output=True, text=True
        )
        assert (result.returncode, result.stderr) == (0, "")
        assert expected in result.stdout


def test_repository_is_read_live() -> None:
    assert conf_dir() == ROOT / "conf"
