"""Checkpoints: complete, atomic, and readable without running anything in them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import torch

from gan_experiments.errors import RunError, UserError

FORMAT = 1


def save(path: Path, state: dict[str, Any]) -> None:
    """Write `state` to `path`: to a temporary file beside it, flushed to the disk, then renamed.

    Raises RunError when the disk refuses; whatever stood at `path` is then still there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            torch.save({"format": FORMAT, **state}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except (OSError, RuntimeError) as error:  # torch reports a failed write as a RuntimeError
        raise RunError(f"the checkpoint {path} could not be written: {error}") from error
    finally:
        Path(name).unlink(missing_ok=True)


def link(path: Path, target: Path) -> None:
    """Make `target` the same checkpoint as `path`, atomically and without writing it twice where links work."""
    temporary = target.with_name(f".{target.name}.new")
    temporary.unlink(missing_ok=True)
    try:
        os.link(path, temporary)
    except OSError:
        temporary.write_bytes(path.read_bytes())
    os.replace(temporary, target)


def load(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read a checkpoint; nothing in it is executed. Raises UserError naming the file when it is not one."""
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError as error:
        raise UserError(f"there is no checkpoint {path}") from error
    except Exception as error:  # a foreign file can fail in any way
        raise UserError(f"{path} is not a checkpoint of gan-train, or is damaged") from error
    if not isinstance(state, dict) or "format" not in state:
        raise UserError(f"{path} is not a checkpoint of gan-train")
    if state["format"] != FORMAT:
        raise UserError(
            f"{path} has checkpoint format {state['format']}; this version of gan-experiments reads format {FORMAT}"
        )
    return state
