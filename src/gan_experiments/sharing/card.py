"""The card of an exported model: what it is, what it was measured at, how it was made and how it is used."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jinja2 import Environment, PackageLoader, StrictUndefined

from gan_experiments import __version__
from gan_experiments.api import TrainedModel
from gan_experiments.models import LatentModel, Prior
from gan_experiments.runs import RunFolder
from gan_experiments.sharing.formats import examples
from gan_experiments.types import ImageShape

PRIORS = {
    Prior.normal: "from N(0, 1)",
    Prior.uniform: "from U(-1, 1)",
    Prior.spherical: "uniform on the sphere whose radius is the root of their number",
    Prior.rademacher: "-1 or 1 with equal chances",
}


def card(
    model: TrainedModel,
    files: list[str],
    picture: tuple[str, str] | None,
    licence: str | None,
    about: Mapping[str, str],
) -> str:
    """Markdown of a model and the files that were written of it, in the form that model hubs read.

    picture: a file of samples, and what it shows. about: a sentence each on the `model` and the `data`, or none.
    """
    options = names(model)
    inputs = {name: _input(model, name) for name in examples(model, 1)}
    programs = [name for name in files if name.endswith((".onnx", ".pt2"))]
    environment = Environment(
        loader=PackageLoader("gan_experiments", "sharing"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )
    return environment.get_template("card.md").render(
        model=options["model"],
        data=options["data"],
        about=about["model"],
        data_about=about["data"],
        license=licence,
        translates=model.shape.source is not None,
        directions=model.model.translations,
        step=model.step,
        images_seen=model.images_seen,
        ema=model.ema,
        shape=_shape(model.shape),
        inputs=inputs,
        output=f"`images`: float32 (n, {', '.join(map(str, model.shape.dims))})" + _range(model.shape),
        files=files,
        programs=programs,
        numpy=", ".join(f'"{name}": {name}' for name in inputs),
        torch=", ".join(f"{name}={name}" for name in inputs),
        picture=picture,
        figures=[_figures(row, later) for row, later in _rows(model)],
        command=shlex.join(["gan-train", *model.record["overrides"]]),
        version=__version__,
        torch_version=torch.__version__,
    )


def names(model: TrainedModel) -> dict[str, str]:
    """The option of each group that a model was made of, or the class where the option is not recorded."""
    return {**model.classes, **model.record["choices"]}


def _shape(shape: ImageShape) -> str:
    if not shape.bounded:
        return f"points of {shape.channels} numbers"
    colour = "grey" if shape.channels == 1 else "colour"
    classes = f" in {shape.classes} classes" if shape.classes else ""
    return f"{colour} images of {shape.size} x {shape.size} pixels{classes}"


def _range(shape: ImageShape) -> str:
    return " in [-1, 1]" if shape.bounded else " in the data's own units"


def _input(model: TrainedModel, name: str) -> str:
    """What a generator's input is."""
    dims = ", ".join(map(str, examples(model, 1)[name].shape[1:]))
    if name == "labels":
        return f"classes, int64 (n,), 0 to {model.shape.classes - 1}"
    if name == "images":
        return f"images to translate, float32 (n, {dims}) in [-1, 1]"
    prior = f", {PRIORS[model.model.prior]}" if isinstance(model.model, LatentModel) else ""
    return f"latents, float32 (n, {dims}){prior}"


def _rows(model: TrainedModel) -> list[tuple[dict[str, Any], bool]]:
    """The evaluations of these weights in the run's folder, and whether each was made by gan-eval."""
    run = RunFolder(model.path.parent.parent)
    rows = [
        (row, later)
        for later in (True, False)
        for row in (run.later_evaluations if later else run.evaluations)
    ]
    return [(row, later) for row, later in rows if row["step"] == model.step]


def _figures(row: Mapping[str, Any], later: bool) -> dict[str, Any]:
    """An evaluation's lines of the table, with its errors and its floor, and its protocol."""
    errors = {re.sub("_se(?=_|$)", "", name): name for name in row["metrics"] if re.search("_se(_|$)", name)}
    lines = [
        [
            f"`{name}`",
            *(
                _number(number)
                for number in (value, row["metrics"].get(errors.get(name)), row["floor"].get(name))
            ),
        ]
        for name, value in row["metrics"].items()
        if name not in errors.values()
    ]
    simple = {key: value for key, value in row["protocol"].items() if not isinstance(value, (dict, list))}
    protocol = re.sub(
        r"\b([0-9a-f]{12})[0-9a-f]{28,}", r"\1", ", ".join(f"{key} {value}" for key, value in simple.items())
    )
    return {"step": row["step"], "later": later, "lines": lines, "protocol": protocol}


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def picture_of(model: TrainedModel, folder: Path) -> tuple[str, str] | None:
    """Write a picture of samples into `folder`; its name and what it shows, None where there is nothing to show."""
    if isinstance(model.model, LatentModel) and model.shape.bounded:
        model.grid(64).save(folder / "samples.png")
        return "samples.png", "64 samples, none picked out"
    drawn = RunFolder(model.path.parent.parent).samples()
    if not drawn:
        return None
    (folder / "samples.png").write_bytes(drawn[-1].read_bytes())
    return "samples.png", "what the run drew at its end"
