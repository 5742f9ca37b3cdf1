"""What the commands without Hydra share."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.parametrize("name", ["data", "eval", "export", "report", "sample"])
@pytest.mark.parametrize("words", [("",), ("run", "--output", "")])
def test_an_empty_word_is_no_folder(
    name: str, words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)  # `gan-eval "$RUN"`, and RUN is not set
    monkeypatch.setattr("sys.argv", [f"gan-{name}", *words])
    assert importlib.import_module(f"gan_experiments.cli.{name}").main() == 2
    message = "an argument is empty; perhaps a variable of the shell is not set"
    assert capsys.readouterr().err == f"gan-{name}: error: {message}\n"
    assert not list(tmp_path.iterdir())
