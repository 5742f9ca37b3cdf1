"""A new run that begins with the weights of another one."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from torch import nn

from gan_experiments.config import Config
from gan_experiments.errors import UserError
from gan_experiments.runs import locate
from gan_experiments.training import checkpoint
from gan_experiments.training.restore import PARTS


def source(config: Config) -> Path | None:
    """The checkpoint whose weights a run takes; None where it takes none, or goes on and has them already.

    Raises UserError where there is no such checkpoint.
    """
    if config.init.checkpoint is None or config.resume is not None:
        return None
    return locate(Path(os.path.abspath(Path(config.init.checkpoint).expanduser())), "last")


def begin(config: Config, networks: dict[str, nn.Module]) -> str | None:
    """Give `networks` the weights that `config.init` asks for, and freeze layers; what was taken, in one line.

    Raises UserError where the checkpoint or the layers do not fit.
    """
    freeze(networks, config.init.freeze)
    path = source(config)
    if path is None:
        return None
    return take(path, networks, config.init.networks)


def take(path: Path, networks: dict[str, nn.Module], wanted: Collection[str] | None = None) -> str:
    """Copy what fits of a checkpoint into `networks`: into those of the names `wanted`, if not None.

    Returns one line: what was taken, and which weights of these networks were not there in the same shape. Raises
    UserError for names that no network has, and where nothing fits.
    """
    if unknown := sorted(set(wanted or ()) - set(networks)):
        raise UserError(f"init.networks: there is no {unknown[0]}; this model has {', '.join(networks)}")
    state = checkpoint.load(path, "cpu", PARTS)
    parts, nothing = [], []
    with checkpoint.understanding(path):
        # The weights that were trained with each other; of an export, which has no others, their average.
        given = state["engine"]["ema"] | state["engine"]["networks"]
        for name in networks if wanted is None else wanted:
            own, other = networks[name].state_dict(), given.get(name, {})
            fitting = {key: other[key] for key in own if key in other and other[key].shape == own[key].shape}
            if all(value.ndim < 2 for value in fitting.values()):  # biases fit by chance
                nothing.append(name)
                continue
            networks[name].load_state_dict(own | fitting)
            new = [key for key, _ in networks[name].named_parameters() if key not in fitting]
            parts.append(name + (f" but for {', '.join(new)}" if new else ""))
    if not parts:
        raise UserError(f"nothing in {path} fits: {', '.join(nothing)}")
    parts += [f"nothing of {', '.join(nothing)}"] if nothing else []
    return f"{path} (step {state['engine']['step']}): {'; '.join(parts)}"


def freeze(networks: dict[str, nn.Module], count: int) -> None:
    """Keep the first `count` layers (blocks, in residual networks) of the discriminator's trunk as they are.

    Raises UserError where it has fewer.
    """
    trunk = getattr(networks.get("discriminator"), "trunk", None)
    layers = 0
    for part in trunk.body.children() if trunk is not None else ():
        layers += any(weight.ndim > 1 for weight in part.parameters())
        if layers <= count:
            part.requires_grad_(False)
    if layers < count:
        raise UserError(f"init.freeze={count}: the trunk of this model's discriminator has {layers} layers")
