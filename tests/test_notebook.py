"""The notebook in docs/ runs from its first cell to its last, in a shorter training."""

from __future__ import annotations

import ast
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import tiny
from gan_experiments.cli import train

NOTEBOOK = tiny.CONF.parent / "docs" / "from_a_run_to_images.ipynb"
COMMANDS: dict[str, Callable[[list[str]], int]] = {"gan-train": train.main}


def cells(shorter: dict[str, str]) -> list[str]:
    """The code of the notebook, its commands as calls of `shell`, each of the assignments in `shorter` replaced."""
    notebook = json.loads(NOTEBOOK.read_text())["cells"]
    text = "\0".join("".join(cell["source"]) for cell in notebook if cell["cell_type"] == "code")
    for before, after in shorter.items():
        assert text.count(before) == 1
        text = text.replace(before, after)
    return re.sub(r"^( *)[!%]([^\n\0]+)", r'\1shell(f"\2")', text, flags=re.MULTILINE).split("\0")


def shell(line: str) -> None:
    program, *words = shlex.split(line)
    assert COMMANDS[program](words) == 0


def run(cell: str, names: dict[str, Any]) -> Any:
    """The value of the last expression of a cell, which a notebook shows; None where it is none."""
    tree = ast.parse(cell)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)  # noqa: S102
    return None if last is None else eval(compile(ast.Expression(last.value), "cell", "eval"), names)


def test_every_cell_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"shell": shell}
    shown = [run(cell, names) for cell in cells({"STEPS = 400": "STEPS = 2", "width=16": "width=4"})]
    pictures = [picture for picture in shown if isinstance(picture, Image.Image)]
    assert [picture.size for picture in pictures] == [(530, 530), (522, 522), (662, 398), (590, 590)]
    assert torch.equal(names["threes"], names["model"].sample(16, label=3))
    assert re.search(r"^fd_lenet +[\d.e+]+ +floor +[\d.e+]+$", capsys.readouterr().out, re.MULTILINE)
