"""Whether discriminators remember the training images, and what they still tell of generated ones.

    python scripts/overfitting.py outputs/san-mnist/RUN outputs/sweeps/fair

Of every run (or all runs below a folder) two numbers, over --samples images of each kind: the chance that a training
image scores above a held-out one (.5: none is remembered), and that a held-out image scores above a generated one (.5:
the discriminator sees no difference, 1: it is never wrong). They are the areas under the ROC curves.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import gan_experiments
from gan_experiments.api import TrainedModel
from gan_experiments.cli.eval import checkpoints
from gan_experiments.data import ImageSet
from gan_experiments.data.transforms import to_float
from gan_experiments.errors import UserError
from gan_experiments.models.conditional import Conditional

BATCH = 256


def above(high: Tensor, low: Tensor) -> float:
    """The chance that one of the scores `high` (n,) is above one of `low` (m,), equal ones counted by half."""
    ordered = low.double().sort().values
    below = torch.searchsorted(ordered, high.double())
    at_most = torch.searchsorted(ordered, high.double(), right=True)
    return float((below + at_most).double().mean() / (2 * len(low)))


def scored(model: TrainedModel, images: Tensor, labels: Tensor | None) -> Tensor:
    """The discriminator's scores (n,) of images (n, c, h, w); raises UserError where the method has no discriminator."""
    batches = []
    for start in range(0, len(images), BATCH):
        part = images[start : start + BATCH].to(model.device)
        if isinstance(model.model, Conditional):
            assert labels is not None
            with torch.no_grad():
                scores: Tensor | None = model.model.score(part, labels[start : start + BATCH])
        else:
            scores = model.sampler.scores(part)
        if scores is None:
            raise UserError(f"{model.path}: this method's discriminator has no scores")
        batches.append(scores.float().cpu())
    return torch.cat(batches)


def real(model: TrainedModel, images: ImageSet, samples: int) -> Tensor:
    """The scores of random real images."""
    rows = np.random.default_rng(0).permutation(len(images))[:samples]
    labels = None if images.labels is None else torch.from_numpy(images.labels[rows]).long()
    return scored(model, to_float(torch.from_numpy(np.concatenate(images.pieces(rows)))), labels)


def judged(model: TrainedModel, samples: int) -> tuple[float, float]:
    """Training above held-out, held-out above generated; raises UserError where there are no held-out images."""
    if model.shape.source is not None:
        raise UserError(f"{model.path}: this model translates images")
    if "test" not in model.component("data").splits():
        raise UserError(f"{model.path}: its data has no test split to hold against the training images")
    train, test = (real(model, model.data(split), samples) for split in ("train", "test"))
    inputs = model.feed(0).take(samples)
    return above(train, test), above(test, scored(model, model.generate(inputs), inputs.labels))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument("--samples", type=int, default=4000, help="images of each kind; default: %(default)s")
    arguments = parser.parse_args(argv)
    try:
        paths = [path for run in arguments.runs for path in checkpoints(run, "last")]
    except UserError as error:
        parser.error(str(error))
    if arguments.samples < 1:
        parser.error(f"--samples must be at least 1, not {arguments.samples}")
    print("| run | training above held-out | held-out above generated |\n| --- | --- | --- |")
    code = 0
    for path in paths:
        try:
            values = judged(gan_experiments.load(path), arguments.samples)
        except UserError as error:
            code = 1
            print(f"overfitting.py: {error}", file=sys.stderr)
        else:
            print(f"| {path.parent.parent.name} | {values[0]:.3f} | {values[1]:.3f} |", flush=True)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
