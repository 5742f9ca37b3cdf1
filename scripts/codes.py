"""What holds back the samples of a method with an encoder: its decoder, or where its codes lie.

    python scripts/codes.py outputs/vaegan-mnist/RUN outputs/vae-mnist/RUN --picture reconstructions.png

Of every run (or all runs below a folder) the Frechet distance that it was measured by (fd_lenet, ...), of as many images, four
times: decoded from the prior, as samples are; from a Gaussian with the mean and covariance of the codes of held-out
images; from those codes themselves (of a VAE drawn from its posterior); and of the held-out images. Where the third is
near the fourth the decoder is good, and what the first has more is the prior's: codes leave it empty in places. The last
column is the squared error of reconstructions, of a pixel in [-1, 1]. The picture has test images on top, and below a
row of each run's reconstructions of them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import gan_experiments
from gan_experiments.api import TrainedModel
from gan_experiments.cli.eval import checkpoints
from gan_experiments.data.transforms import to_float
from gan_experiments.errors import UserError
from gan_experiments.grids import grid, to_image
from gan_experiments.metrics import scores
from gan_experiments.metrics.evaluator import FeatureEvaluator, FeatureMetrics
from gan_experiments.models.autoencoder import Encoding, GaussianEncoding, draw, posterior
from gan_experiments.noise import Noise
from gan_experiments.types import Inputs

BATCH = 256
PICTURED = 20  # images
KINDS = ("prior", "Gaussian of the codes", "codes", "real images")


def codes(model: TrainedModel, images: Tensor) -> Tensor:
    """Codes (n, d) of images (n, c, h, w): of a VAE, draws from q(z|x)."""
    noise = Noise(0, model.device)
    parts = []
    for part in images.split(BATCH):
        if isinstance(model.model, GaussianEncoding):
            with torch.no_grad():
                z: Tensor | None = draw(*posterior(model.networks["encoder"](part.to(model.device))), noise)
        else:
            z = model.encode(part).z
        assert z is not None
        parts.append(z)
    return torch.cat(parts)


def like(z: Tensor) -> Tensor:
    """As many draws from the Gaussian with the mean and covariance of codes (n, d)."""
    generator = torch.Generator(z.device).manual_seed(0)
    normal = torch.randn(z.shape, generator=generator, device=z.device)
    values, vectors = torch.linalg.eigh(torch.cov(z.T))
    return z.mean(0) + normal @ (vectors * values.clamp(min=0).sqrt()).T


def decoded(model: TrainedModel, z: Tensor) -> Tensor:
    """Images of codes, with the statistics of batch norm that the decoder has learnt with them."""
    assert isinstance(model.model, Encoding)
    with torch.no_grad():
        return torch.cat([model.model.sample(model.networks, Inputs(part)).cpu() for part in z.split(BATCH)])


def measured(evaluator: FeatureEvaluator, images: Tensor) -> float:
    """The Frechet distance of images (n, c, h, w)."""
    extraction = evaluator.extraction()
    for part in images.split(BATCH):
        extraction.add(part)
    features = extraction.features()
    assert features is not None
    return scores.distances(features, evaluator.real)[0]["fd"]


def judged(model: TrainedModel) -> tuple[str, list[float], float]:
    """The figure's name, its values by KINDS, and the error of reconstructions; raises UserError."""
    metrics = model.component("metrics")
    if not isinstance(model.model, Encoding):
        raise UserError(f"{model.path}: this method has no encoder")
    if not isinstance(metrics, FeatureMetrics) or "test" not in model.component("data").splits():
        raise UserError(
            f"{model.path}: it was not measured over one feature network, or has no held-out images"
        )
    metrics.check(model.paths_data)
    evaluator = metrics.evaluator(model.data("train"), model.device, None, model.paths_data)
    held_out = model.data("test")
    rows = evaluator.rows(held_out).numpy()
    images = to_float(torch.from_numpy(np.concatenate(held_out.pieces(rows))))
    z = codes(model, images)
    samples = model.generate(model.feed(0).take(len(z)))
    shown = (samples, decoded(model, like(z)), decoded(model, z), images)
    error = (model.reconstruct(images) - images).square().mean()
    return metrics.key("fd"), [measured(evaluator, one) for one in shown], float(error)


def picture(models: Sequence[TrainedModel]) -> Image.Image:
    """Test images of the first model's data, and each model's reconstructions of them, a row a model.

    Raises UserError where there are too few, or the models' images differ in shape.
    """
    if len({model.shape for model in models}) > 1:
        raise UserError(
            "--picture shows the same images to every run, and these runs' images differ in shape"
        )
    images = models[0].real_images(PICTURED)
    return to_image(grid(torch.cat([images, *(model.reconstruct(images) for model in models)]), PICTURED))


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN")
    parser.add_argument(
        "--picture", type=Path, metavar="FILE", help="where a picture of reconstructions goes"
    )
    arguments = parser.parse_args(argv)
    try:
        paths = [path for run in arguments.runs for path in checkpoints(run, "last")]
    except UserError as error:
        parser.error(str(error))
    print(f"| run | figure | {' | '.join(KINDS)} | squared error |\n|{' --- |' * (len(KINDS) + 3)}")
    code, models = 0, []
    for path in paths:
        try:
            model = gan_experiments.load(path)
            name, values, error = judged(model)
        except UserError as mistake:
            code = 1
            print(f"codes.py: {mistake}", file=sys.stderr)
        else:
            cells = [path.parent.parent.name, name, *(f"{value:.1f}" for value in values), f"{error:.3f}"]
            print(f"| {' | '.join(cells)} |", flush=True)
            models.append(model)
    if arguments.picture and models:
        try:
            picture(models).save(arguments.picture)
        except UserError as mistake:
            code = 1
            print(f"codes.py: {mistake}", file=sys.stderr)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
