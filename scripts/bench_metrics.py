"""Time and memory of the evaluation next to the reference libraries, in one run.

    python scripts/bench_metrics.py            # the whole table, about eight minutes on one quiet core
    python scripts/bench_metrics.py --memory   # the peak of memory at 50,000 x 2048 features, about ten

Every line is a process of its own, on the same made-up features or images: seconds of CPU (one thread, so that a
busy machine changes little) and the peak of memory above what was there before (Linux). Libraries that are not
installed are left out and named; pytorch-fid and clean-fid need SciPy below 1.18. `kept` lines have the real side
from the cache, as every evaluation but the first has.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor, nn

Run = Callable[[], Any]
Case = Callable[[Tensor, Tensor], Run]  # prepares what is not measured, gives what is


def features(count: int, dimensions: int, seed: int) -> Tensor:
    """Rows as Inception's: not negative, correlated, with a spectrum that falls."""
    mix = torch.randn(dimensions, dimensions, generator=torch.Generator().manual_seed(0))
    mix *= torch.linspace(0, -8, dimensions).exp()[:, None]
    rows = torch.randn(count, dimensions, generator=torch.Generator().manual_seed(1 + seed))
    return (rows @ mix + 0.05 * seed).relu_() / 5


def trace_ours(x: Tensor, y: Tensor) -> Run:
    from gan_experiments.metrics.frechet import Gaussian, Moments, frechet_distance

    real, moments = Gaussian.of(Moments.of(y), y), Moments.of(x)
    return lambda: frechet_distance(Gaussian.of(moments, x), real)


def trace_torch_fidelity(x: Tensor, y: Tensor) -> Run:
    from torch_fidelity.metric_fid import fid_statistics_to_metric

    statistics = [{"mu": mean, "sigma": covariance} for mean, covariance in moments(x, y)]
    return lambda: fid_statistics_to_metric(*statistics, verbose=False)


def moments(*sides: Tensor) -> list[tuple[Any, Any]]:
    """Mean and covariance of each side, NumPy."""
    from gan_experiments.metrics.frechet import Moments

    statistics = [Moments.of(side) for side in sides]
    return [(side.mean.numpy(), side.covariance.numpy()) for side in statistics]


def trace_pytorch_fid(x: Tensor, y: Tensor) -> Run:
    from pytorch_fid.fid_score import calculate_frechet_distance

    (m, s), (m_real, s_real) = moments(x, y)
    return lambda: calculate_frechet_distance(m, s, m_real, s_real)


def trace_clean_fid(x: Tensor, y: Tensor) -> Run:
    from cleanfid.fid import frechet_distance

    (m, s), (m_real, s_real) = moments(x, y)
    return lambda: frechet_distance(m, s, m_real, s_real)


def trace_torchmetrics(x: Tensor, y: Tensor) -> Run:
    from torchmetrics.image.fid import _compute_fid

    sides = [torch.from_numpy(array) for side in moments(x, y) for array in side]
    return lambda: _compute_fid(*sides)


def neighbours_ours(x: Tensor, y: Tensor) -> Run:
    from gan_experiments.metrics.neighbours import Manifold, neighbours

    return lambda: neighbours(x, Manifold.of(y))


def neighbours_kept(x: Tensor, y: Tensor) -> Run:
    from gan_experiments.metrics.neighbours import Manifold, neighbours

    real = Manifold.of(y)
    return lambda: neighbours(x, real)


def neighbours_torch_fidelity(x: Tensor, y: Tensor) -> Run:
    from torch_fidelity.metric_prc import prc_features_to_metric

    return lambda: prc_features_to_metric(x, y, verbose=False)


def neighbours_prdc(x: Tensor, y: Tensor) -> Run:
    from prdc import compute_prdc

    return lambda: compute_prdc(y.numpy(), x.numpy(), nearest_k=5)


def kernel_ours(x: Tensor, y: Tensor) -> Run:
    from gan_experiments.metrics.kernel import SUBSET, kernel_distance

    return lambda: kernel_distance(x, y, min(SUBSET, len(x)))


def kernel_kept(x: Tensor, y: Tensor) -> Run:
    from gan_experiments.metrics.kernel import SUBSET, kernel_distance, real_similarity

    size = min(SUBSET, len(x))
    similarity = real_similarity(y, len(x), size)
    return lambda: kernel_distance(x, y, size, similarity)


def kernel_torch_fidelity(x: Tensor, y: Tensor) -> Run:
    from torch_fidelity.metric_kid import kid_features_to_metric

    return lambda: kid_features_to_metric(x, y, kid_subset_size=min(1000, len(x)), verbose=False)


def kernel_clean_fid(x: Tensor, y: Tensor) -> Run:
    from cleanfid.fid import kernel_distance

    return lambda: kernel_distance(x.numpy(), y.numpy(), num_subsets=100, max_subset_size=1000)


def ours(x: Tensor, y: Tensor) -> tuple[Any, Any]:
    """Generated features and the reference of the real ones, as an evaluation has them."""
    from gan_experiments.metrics.features import Extractor, Features
    from gan_experiments.metrics.reference import Reference
    from gan_experiments.metrics.store import Store

    images = mock.MagicMock(digest="made up", labels=None)
    images.__len__.return_value = len(y)
    real = Reference(images, Extractor(nn.Identity(), {}), None, 0, 1, Store(None))
    real.features = Features(y, y[:, :1008])
    return Features(x, x[:, :1008]), real


def all_ours(x: Tensor, y: Tensor) -> Run:
    return all_figures(*ours(x, y))


def all_kept(x: Tensor, y: Tensor) -> Run:
    generated, real = ours(x, y)
    _ = real.gaussian, real.manifold(min(len(x), len(y)))
    real.kernel_similarity(len(x), min(1000, len(x)))
    return all_figures(generated, real)


def all_figures(generated: Any, real: Any) -> Run:
    from gan_experiments.metrics.evaluator import FeatureMetrics

    return lambda: [figures(generated, real)[0] for figures in FeatureMetrics.figures]


def torch_fidelity_fid(x: Tensor, y: Tensor) -> Any:
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    return fid_statistics_to_metric(*(fid_features_to_statistics(rows) for rows in (x, y)), verbose=False)


def two_fid_kid(x: Tensor, y: Tensor) -> Run:
    kid = kernel_torch_fidelity(x, y)
    return lambda: (torch_fidelity_fid(x, y), kid())


def two_fid_precision(x: Tensor, y: Tensor) -> Run:
    shares = neighbours_torch_fidelity(x, y)
    return lambda: (torch_fidelity_fid(x, y), shares())


def two_libraries(x: Tensor, y: Tensor) -> Run:
    from pytorch_fid.fid_score import calculate_frechet_distance

    shares = neighbours_prdc(x, y)

    def run() -> Any:
        sides = [
            side for rows in (x, y) for side in (rows.numpy().mean(0), np.cov(rows.numpy(), rowvar=False))
        ]
        return calculate_frechet_distance(*sides), shares()

    return run


def images_ours(weights: Path, count: int) -> Run:
    from gan_experiments.data import ImageSet
    from gan_experiments.metrics import Inception

    real, generated = (ImageSet(pictures(count, seed)) for seed in range(2))

    def run() -> Any:
        metrics = Inception(count, None, 16, 0, str(weights), "")
        evaluator = metrics.evaluator(real, torch.device("cpu"))
        return evaluator.evaluate(evaluator.of(generated))

    return run


class Pictures(torch.utils.data.Dataset[Tensor]):
    """Images as torch-fidelity takes them."""

    def __init__(self, count: int, seed: int) -> None:
        self.images = torch.from_numpy(pictures(count, seed))

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        return self.images[index]


def pictures(count: int, seed: int) -> Any:
    """uint8 (count, 3, 32, 32)."""
    return np.random.RandomState(seed).randint(0, 256, (count, 3, 32, 32), np.uint8)


def images_torch_fidelity(weights: Path, count: int) -> Run:
    from torch_fidelity import calculate_metrics

    real, generated = Pictures(count, 0), Pictures(count, 1)
    extractor = {
        "feature_extractor": "inception-v3-compat",
        "feature_extractor_weights_path": str(weights),
    }
    settings = {"cuda": False, "batch_size": 16, "cache": False, "save_cpu_ram": True, "verbose": False}
    return lambda: calculate_metrics(
        input1=generated, input2=real, fid=True, isc=True, **settings, **extractor
    )


def images_torchmetrics(weights: Path, count: int) -> Run:
    from torchmetrics.image.fid import FrechetInceptionDistance
    from torchmetrics.image.kid import KernelInceptionDistance

    sides = [torch.from_numpy(pictures(count, seed)) for seed in range(2)]

    def run() -> Any:
        fid = FrechetInceptionDistance(feature_extractor_weights_path=str(weights))
        metrics = [fid, KernelInceptionDistance(feature=fid.inception, subset_size=count // 2)]
        for metric in metrics:
            for side, images in enumerate(sides):
                for part in images.split(16):
                    metric.update(part, real=side == 0)
        return [metric.compute() for metric in metrics]

    return run


FEATURES: dict[str, dict[str, tuple[Case, tuple[str, ...]]]] = {
    "Frechet distance from moments": {
        "ours": (trace_ours, ()),
        "torch-fidelity": (trace_torch_fidelity, ("torch_fidelity",)),
        "torchmetrics": (trace_torchmetrics, ("torchmetrics",)),
        "pytorch-fid": (trace_pytorch_fid, ("pytorch_fid",)),
        "clean-fid": (trace_clean_fid, ("cleanfid",)),
    },
    "nearest neighbours (ours, prdc: P, R, D, C; torch-fidelity: P, R)": {
        "ours": (neighbours_ours, ()),
        "ours, kept": (neighbours_kept, ()),
        "torch-fidelity": (neighbours_torch_fidelity, ("torch_fidelity",)),
        "prdc": (neighbours_prdc, ("prdc",)),
    },
    "kernel distance, 100 subsets of 1000": {
        "ours": (kernel_ours, ()),
        "ours, kept": (kernel_kept, ()),
        "torch-fidelity": (kernel_torch_fidelity, ("torch_fidelity",)),
        "clean-fid": (kernel_clean_fid, ("cleanfid",)),
    },
    "all figures from features (ours: FID, its standard error and limit, KID, IS, P, R, D, C)": {
        "ours": (all_ours, ()),
        "ours, kept": (all_kept, ()),
        "torch-fidelity: FID, KID": (two_fid_kid, ("torch_fidelity",)),
        "torch-fidelity: FID, P, R": (two_fid_precision, ("torch_fidelity",)),
        "pytorch-fid, prdc": (two_libraries, ("pytorch_fid", "prdc")),
    },
}
IMAGES: dict[str, tuple[Callable[[Path, int], Run], tuple[str, ...]]] = {
    "ours, all figures": (images_ours, ()),
    "torch-fidelity: FID, IS": (images_torch_fidelity, ("torch_fidelity",)),
    "torchmetrics: FID, KID": (images_torchmetrics, ("torchmetrics",)),
}
FROM_IMAGES = "from images of 32 pixels to figures, over an Inception network of random weights"


def memory(entry: str) -> float:
    """MiB of this process: VmRSS now, VmHWM at the peak (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(entry):
            return int(line.split()[1]) / 1024
    raise LookupError(entry)


def measure(run: Run) -> tuple[float, float, float]:
    """Seconds of CPU, and MiB at the peak: above what there was before, and of the whole process."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
    before, start = memory("VmRSS"), time.process_time()
    run()
    seconds, peak = time.process_time() - start, memory("VmHWM")
    return seconds, peak - before, peak


def random_inception(file: Path) -> None:
    """Weights of torch-fidelity's Inception-v3, drawn by He et al. 2015."""
    from torch_fidelity import feature_extractor_inceptionv3 as inceptionv3

    kind = inceptionv3.FeatureExtractorInceptionV3
    empty = mock.patch.object(inceptionv3, "load_state_dict_from_url", return_value={})
    with empty, mock.patch.object(kind, "load_state_dict"):
        network = kind("inception-v3-compat", ["2048"], verbose=False)
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
    torch.save(network.state_dict(), file)


def line(
    figure: str, library: str, modules: tuple[str, ...], arguments: argparse.Namespace, weights: Path
) -> str:
    """The result of one case in a process of its own."""
    for module in modules:
        if importlib.util.find_spec(module) is None:
            return f"{module} is not installed"
    command = [sys.executable, __file__, "--case", figure, library, "--weights", str(weights)]
    command += ["--images", str(arguments.images), "--features", str(arguments.features)]
    command += ["--pictures", str(arguments.pictures)]
    threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    run = subprocess.run(command, check=False, env=os.environ | threads, capture_output=True, text=True)
    return run.stdout.strip() if run.returncode == 0 else f"failed: {run.stderr.strip().splitlines()[-1]}"


def one(arguments: argparse.Namespace) -> None:
    """Run one case and print its measures."""
    torch.set_num_threads(1)
    figure, library = arguments.case
    if figure == FROM_IMAGES:
        run = IMAGES[library][0](arguments.weights, arguments.pictures)
    else:
        x, y = (features(arguments.images, arguments.features, seed) for seed in range(2))
        run = FEATURES[figure][library][0](x, y)
    print(*(f"{number:.6f}" for number in measure(run)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--images", type=int, default=10000, help="features on either side (default: %(default)s)"
    )
    parser.add_argument("--features", type=int, default=2048, help="their dimensions (default: %(default)s)")
    parser.add_argument(
        "--pictures", type=int, default=48, help="images on either side (default: %(default)s)"
    )
    parser.add_argument("--only", metavar="TEXT", default="", help="the figures whose title has this in it")
    parser.add_argument("--memory", action="store_true", help="the peak of all our figures at 50,000 instead")
    parser.add_argument("--case", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--weights", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        return one(arguments)
    cases: dict[str, dict[str, tuple[str, ...]]] = {
        figure: {library: modules for library, (_, modules) in libraries.items()}
        for figure, libraries in FEATURES.items()
    }
    cases[FROM_IMAGES] = {library: modules for library, (_, modules) in IMAGES.items()}
    if arguments.memory:
        arguments.images = 50000
        figure = next(name for name in FEATURES if name.startswith("all"))
        cases = {figure: {"ours": ()}}
    print(f"{arguments.images} x {arguments.features} features on either side, one thread")
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "inception.pth"
        random_inception(weights)
        for figure, libraries in cases.items():
            if arguments.only not in figure:
                continue
            print(
                f"\n{figure}\n{'':28}{'CPU s':>8}{'MiB':>8}{'whole process':>15}{'times ours':>12}",
                flush=True,
            )
            ours = None
            for library, modules in libraries.items():
                output = line(figure, library, modules, arguments, weights)
                try:
                    seconds, peak, whole = map(float, output.split()[-3:])
                except ValueError:
                    print(f"{library:28}{output}", flush=True)
                    continue
                ours = ours or seconds
                print(f"{library:28}{seconds:8.1f}{peak:8.0f}{whole:15.0f}{seconds / ours:12.2f}", flush=True)


if __name__ == "__main__":
    main()
