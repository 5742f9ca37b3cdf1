"""A trained generator as files, each read back and compared with the original on random inputs."""

from __future__ import annotations

import dataclasses
import io
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from gan_experiments import __version__
from gan_experiments.api import TrainedModel
from gan_experiments.errors import RunError
from gan_experiments.runs import EXPORTED
from gan_experiments.training import checkpoint
from gan_experiments.types import Inputs

TRACED = 2  # images of the batch that a program is traced with
CHECKED = (1, 5)  # images of the batches that it is checked on
TOLERANCE = 1e-3  # of images in [-1, 1]: an eighth of a grey level
SEED = 0  # of the inputs


class Generator(nn.Module):
    """What a model samples with, as one module in float32: latents, classes or images to images (n, c, h, w).

    Its arguments are those that `examples` names. direction: of a model that translates both ways.
    """

    def __init__(self, model: TrainedModel, direction: str = "") -> None:
        super().__init__()
        self.method, self.direction = model.model, direction
        networks = model.sampler.networks
        used = set()
        hooks = [
            network.register_forward_hook(lambda *_, name=name: used.add(name))
            for name, network in networks.items()
        ]
        with torch.no_grad():
            model.sampler(Inputs(**examples(model, 1)), direction)
        for hook in hooks:
            hook.remove()
        self.networks = nn.ModuleDict(
            {name: networks[name].to(memory_format=torch.contiguous_format) for name in sorted(used)}
        )
        self.eval()

    def forward(
        self, z: Tensor | None = None, labels: Tensor | None = None, images: Tensor | None = None
    ) -> Tensor:
        return self.method.sample(self.networks, Inputs(z, labels, images), self.direction).float()  # type: ignore[arg-type]


def examples(model: TrainedModel, count: int) -> dict[str, Tensor]:
    """Random inputs of a model's generator by their names: `z`, `labels`, `images`."""
    sources = None
    if model.shape.source is not None:
        sources = np.random.default_rng(SEED).integers(0, 256, (count, *model.shape.source.dims), np.uint8)
    inputs = model.feed(SEED, sources=sources).take(count)
    return {name: part for name, part in vars(inputs).items() if part is not None}


def directions(model: TrainedModel) -> Iterator[tuple[str, str]]:
    """Each direction of a model and what it adds to a file's name: nothing where there is one."""
    for direction in model.model.translations:
        yield direction, f"_{direction}" if len(model.model.translations) > 1 else ""


def write_safetensors(model: TrainedModel, folder: Path) -> list[str]:
    """model.safetensors and config.json, which `gan_experiments.load` reads; returns their names."""
    from safetensors.torch import save

    networks: dict[str, nn.Module] = {}
    for direction, _ in directions(model):
        networks |= dict(Generator(model, direction).networks.named_children())
    weights = {
        f"{name}.{key}": value.contiguous()
        for name, network in networks.items()
        for key, value in network.state_dict().items()
    }
    path = folder / EXPORTED
    config = {
        "format": checkpoint.FORMAT,
        "version": __version__,
        "record": {**model.record, "config": {**model.record["config"], "paths": {"data": "data"}}},
        "describe": {"classes": model.classes, "shape": dataclasses.asdict(model.shape)},
        "engine": {"step": model.step, "images_seen": model.images_seen},
        "averaged": bool(model.ema),
    }
    path.write_bytes(save(weights, {"format": "pt"}))
    path.with_name(checkpoint.CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    again = TrainedModel(path, model.device, model.modules)
    for direction, _ in directions(model):
        _compare(path.name, Generator(again, direction), Generator(model, direction), model)
    return [EXPORTED, checkpoint.CONFIG]


def write_torch(model: TrainedModel, folder: Path) -> list[str]:
    """model.pt2, which `torch.export.load` reads without this package; returns the names, one for each direction."""
    names = []
    for direction, suffix in directions(model):
        names.append(f"model{suffix}.pt2")
        generator = Generator(model, direction)
        with _quiet(f"{names[-1]} cannot be made of this model"):
            buffer = io.BytesIO()  # torch's own writer ends the process on a full disk
            torch.export.save(_program(model, generator), buffer)
            (folder / names[-1]).write_bytes(buffer.getbuffer())
            program: Any = torch.export.load(folder / names[-1]).module()
        _compare(names[-1], program, generator, model)
    return names


def write_onnx(model: TrainedModel, folder: Path) -> list[str]:
    """model.onnx, for every runtime of ONNX; returns the names, one for each direction."""
    import onnxruntime

    names = []
    for direction, suffix in directions(model):
        names.append(f"model{suffix}.onnx")
        generator = Generator(model, direction)
        with _quiet(f"{names[-1]} cannot be made of this model"):
            outputs = ["generated"]
            program = torch.onnx.export(
                _program(model, generator),
                input_names=[*examples(model, 1)],
                output_names=outputs,
                verbose=False,
            )
            assert program is not None
            program.save(str(folder / names[-1]))
            session = onnxruntime.InferenceSession(
                str(folder / names[-1]), providers=["CPUExecutionProvider"]
            )

        def run(session: Any = session, **inputs: Tensor) -> Tensor:
            return torch.from_numpy(session.run(None, {key: part.numpy() for key, part in inputs.items()})[0])

        _compare(names[-1], run, generator, model)
    return names


WRITERS = {"safetensors": write_safetensors, "onnx": write_onnx, "torch": write_torch}


def _program(model: TrainedModel, generator: Generator) -> torch.export.ExportedProgram:
    """The graph of a generator, for any number of images."""
    traced = examples(model, TRACED)
    any_number = {name: {0: torch.export.Dim.DYNAMIC} for name in traced}
    return torch.export.export(generator, (), traced, dynamic_shapes=any_number, strict=True)


def _compare(name: str, made: Any, original: Generator, model: TrainedModel) -> None:
    """Raise RunError where what was written gives other images than the original."""
    for count in CHECKED:
        inputs = examples(model, count)
        with torch.no_grad():
            expected, images = original(**inputs), made(**inputs)
        difference = float((images - expected).abs().max())
        if not difference <= TOLERANCE * max(1.0, float(expected.abs().max())):
            raise RunError(
                f"{name} gives other images than the model (by up to {difference:.2g}): nothing is written"
            )


@contextmanager
def _quiet(refused: str) -> Iterator[None]:
    """Without the tracers' chatter; what they cannot do becomes a RunError that begins with `refused`."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except OSError:
        raise
    except Exception as error:  # tracers and runtimes fail in any way
        raise RunError(f"{refused}: {str(error).strip().partition(chr(10))[0]}") from error
    finally:
        logging.disable(before)
