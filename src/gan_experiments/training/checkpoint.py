"""Checkpoints: complete, atomic, and readable without running anything in them."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from gan_experiments import reading
from gan_experiments.errors import RunError, UserError, refusal
from gan_experiments.runs import EXPORTED
from gan_experiments.training.inspection import DamagedError, inspect

FORMAT = 1
CONFIG = "config.json"  # beside EXPORTED
MAX_CONFIG = 2 << 20  # bytes
TEMPORARY = re.compile(r"\.(step_\d+|last|best)\.pt\.\w+")


def save(path: Path, state: dict[str, Any]) -> None:
    """Write `state` to `path`: to a temporary file beside it, flushed to the disk, then renamed.

    The file has the mode that the umask gives, and what killed writers have left beside it goes: a folder has one
    writer. Raises RunError when the disk refuses; whatever stood at `path` is then still there.
    """
    temporary = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for left in path.parent.iterdir():
            if TEMPORARY.fullmatch(left.name):
                left.unlink(missing_ok=True)
        try:
            with open(temporary, "xb") as file:
                torch.save({"format": FORMAT, **state}, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except (OSError, RuntimeError) as error:  # torch reports a failed write as a RuntimeError
        raise RunError(f"the checkpoint {path} could not be written: {refusal(error)}") from error


def publish(path: Path, best: bool) -> None:
    """Make `path` last.pt beside it, and before that best.pt where it is the best: a run that is killed in between
    goes on from an earlier last.pt, comes here again, and leaves no older best.pt behind.
    """
    if best:
        link(path, path.with_name("best.pt"))
    link(path, path.with_name("last.pt"))


def link(path: Path, target: Path) -> None:
    """Make `target` the same checkpoint as `path`, atomically and without writing it twice where links work.

    Raises RunError when the disk refuses.
    """
    temporary = target.with_name(f".{target.name}.new")
    try:
        temporary.unlink(missing_ok=True)
        try:
            os.link(path, temporary)
        except OSError:
            temporary.write_bytes(path.read_bytes())
        os.replace(temporary, target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise RunError(f"the checkpoint {target} could not be written: {refusal(error)}") from error


def load(
    path: Path, device: torch.device | str = "cpu", parts: Mapping[str, type | tuple[type, ...]] | None = None
) -> dict[str, Any]:
    """Read a checkpoint; nothing in it is executed, and nothing is allocated that the file does not hold.

    parts: what it must have, by dotted names, and of which type. Raises UserError naming the file when it is not a
    whole checkpoint of this format with these parts.
    """
    read = _exported if path.name == EXPORTED else _saved
    try:
        state = read(path, device)
    except UserError:
        raise
    except FileNotFoundError as error:
        raise UserError(f"there is no checkpoint {path}") from error
    except DamagedError as error:
        raise UserError(f"{path} is not a checkpoint of gan-train, or is damaged: {error}") from error
    except OSError as error:
        raise UserError(f"{path} cannot be read: {refusal(error)}") from error
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise UserError(f"there is not enough memory to read {path}") from error
    except Exception as error:  # a foreign file can fail in any way
        raise UserError(f"{path} is not a checkpoint of gan-train, or is damaged") from error
    if not isinstance(state, dict) or "format" not in state:
        raise UserError(f"{path} is not a checkpoint of gan-train")
    if not isinstance(state["format"], int) or state["format"] != FORMAT:  # a tensor has no one answer
        raise UserError(
            f"{path} has checkpoint format {state['format']!s:.20}; "
            f"this version of gan-experiments reads format {FORMAT}"
        )
    for name, kind in (parts or {}).items():
        _check_part(path, state, name, kind)
    return state


def _saved(path: Path, device: torch.device | str) -> dict[str, Any]:
    with reading.regular(path) as file:
        inspect(file)
        file.seek(0)
        state: dict[str, Any] = torch.load(file, map_location=device, weights_only=True)
        return state


def _exported(path: Path, device: torch.device | str) -> dict[str, Any]:
    """What gan-export wrote of a checkpoint: its settings, and the networks that sample."""
    try:
        from safetensors.torch import load
    except ImportError as error:
        raise UserError(f'{path} needs safetensors: pip install "gan-experiments[export]"') from error
    state: dict[str, Any] = json.loads(reading.content(path.parent, path.with_name(CONFIG), MAX_CONFIG))
    networks: dict[str, dict[str, torch.Tensor]] = {}
    with reading.regular(path) as file:
        for name, value in load(file.read()).items():
            network, _, key = name.partition(".")
            networks.setdefault(network, {})[key] = value.to(device)
    parts = {"ema": networks, "networks": {}} if state["averaged"] else {"ema": {}, "networks": networks}
    state["engine"].update(parts)
    return state


def _check_part(path: Path, state: dict[str, Any], name: str, kind: type | tuple[type, ...]) -> None:
    value: Any = state
    for key in name.split("."):
        if not isinstance(value, dict) or key not in value:
            raise UserError(
                f"{path} is of another version of gan-experiments, or incomplete: it lacks {name}"
            )
        value = value[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise UserError(f"{path} is of another version of gan-experiments, or damaged: its {name} is wrong")


@contextmanager
def understanding(path: Path) -> Iterator[None]:
    """Say of `path`, as a UserError, what goes wrong while something is built of what it holds."""
    try:
        yield
    except UserError as error:
        if str(path) in str(error):
            raise  # `from error` would make it its own cause
        raise UserError(f"{path}: {error}") from error
    except (MemoryError, torch.OutOfMemoryError) as error:
        raise UserError(f"there is not enough memory for what {path} describes") from error
    except Exception as error:  # what was written by hand or by another version can fail in any way
        first = str(error).partition("\n")[0]
        raise UserError(
            f"{path} is of another version of gan-experiments, or damaged: {type(error).__name__}: {first:.200}"
        ) from error
