"""Time and memory of the evaluation next to the reference libraries, in one run.

    python scripts/bench_metrics.py --images 10000 --features 2048

Every line is a process of its own, on the same made-up features: seconds of CPU (one thread, so that a busy machine
changes little) and the peak of memory above what the features themselves take (Linux). Libraries that are not installed are left
out and named. `kept` lines have the real side from the cache, as every evaluation but the first has.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

Case = Callable[[Tensor, Tensor], Callable[[], Any]]  # prepares what is kept, gives what is measured


def features(count: int, dimensions: int, seed: int) -> Tensor:
    """Rows as Inception's: not negative, correlated, with a spectrum that falls."""
    mix = torch.randn(dimensions, dimensions, generator=torch.Generator().manual_seed(0))
    mix *= torch.linspace(0, -8, dimensions).exp()[:, None]
    rows = torch.randn(count, dimensions, generator=torch.Generator().manual_seed(1 + seed))
    return (rows @ mix + 0.05 * seed).relu_() / 5


def trace_ours(x: Tensor, y: Tensor) -> Callable[[], Any]:
    from gan_experiments.metrics.frechet import Gaussian, Moments, frechet_distance

    real, moments = Gaussian.of(Moments.of(y), y), Moments.of(x)
    return lambda: frechet_distance(Gaussian.of(moments, x), real)


def trace_torch_fidelity(x: Tensor, y: Tensor) -> Callable[[], Any]:
    from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

    statistics = [fid_features_to_statistics(rows) for rows in (x, y)]
    return lambda: fid_statistics_to_metric(*statistics, verbose=False)


def trace_pytorch_fid(x: Tensor, y: Tensor) -> Callable[[], Any]:
    from pytorch_fid.fid_score import calculate_frechet_distance

    from gan_experiments.metrics.frechet import Moments

    moments = [Moments.of(rows) for rows in (x, y)]
    sides = [side for m in moments for side in (m.mean.numpy(), m.covariance.numpy())]
    return lambda: calculate_frechet_distance(*sides)


def neighbours_ours(x: Tensor, y: Tensor) -> Callable[[], Any]:
    from gan_experiments.metrics.neighbours import Manifold, neighbours

    return lambda: neighbours(x, Manifold.of(y))


def neighbours_kept(x: Tensor, y: Tensor) -> Callable[[], Any]:
    from gan_experiments.metrics.neighbours import Manifold, neighbours

    real = Manifold.of(y)
    return lambda: neighbours(x, real)


def neighbours_torch_fidelity(x: Tensor, y: Tensor) -> Callable[[], Any]:
    from torch_fidelity.metric_prc import prc_features_to_metric

    return lambda: prc_features_to_metric(x, y, verbose=False)


def neighbours_prdc(x: Tensor, y: Tensor) -> Callable[[], Any]:
    from prdc import compute_prdc

    return lambda: compute_prdc(y.numpy(), x.numpy(), nearest_k=5)


def kernel_ours(x: Tensor, y: Tensor) -> Callable[[], Any]:
    from gan_experiments.metrics.kernel import SUBSET, kernel_distance

    return lambda: kernel_distance(x, y, min(SUBSET, len(x)))


def kernel_kept(x: Tensor, y: Tensor) -> Callable[[], Any]:
    from gan_experiments.metrics.kernel import SUBSET, kernel_distance, real_similarity

    size = min(SUBSET, len(x))
    similarity = real_similarity(y, len(x), size)
    return lambda: kernel_distance(x, y, size, similarity)


def kernel_torch_fidelity(x: Tensor, y: Tensor) -> Callable[[], Any]:
    from torch_fidelity.metric_kid import kid_features_to_metric

    return lambda: kid_features_to_metric(x, y, kid_subset_size=min(1000, len(x)), verbose=False)


CASES: dict[str, dict[str, tuple[Case, str]]] = {
    "Frechet distance from moments": {
        "ours": (trace_ours, "torch"),
        "torch-fidelity": (trace_torch_fidelity, "torch_fidelity"),
        "pytorch-fid": (trace_pytorch_fid, "pytorch_fid"),
    },
    "nearest neighbours (ours, prdc: P, R, D, C; torch-fidelity: P, R)": {
        "ours": (neighbours_ours, "torch"),
        "ours, kept": (neighbours_kept, "torch"),
        "torch-fidelity": (neighbours_torch_fidelity, "torch_fidelity"),
        "prdc": (neighbours_prdc, "prdc"),
    },
    "kernel distance": {
        "ours": (kernel_ours, "torch"),
        "ours, kept": (kernel_kept, "torch"),
        "torch-fidelity": (kernel_torch_fidelity, "torch_fidelity"),
    },
}


def memory(entry: str) -> float:
    """MiB of this process: VmRSS now, VmHWM at the peak (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(entry):
            return int(line.split()[1]) / 1024
    raise LookupError(entry)


def measure(case: Case, count: int, dimensions: int) -> tuple[float, float]:
    """Seconds of CPU, and MiB at the peak above what there was before."""
    torch.set_num_threads(1)
    x, y = features(count, dimensions, 0), features(count, dimensions, 1)
    run = case(x, y)
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts again from here
    before, start = memory("VmRSS"), time.process_time()
    run()
    return time.process_time() - start, memory("VmHWM") - before


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=10000, help="on either side")
    parser.add_argument("--features", type=int, default=2048)
    parser.add_argument("--case", nargs=2, metavar=("FIGURE", "LIBRARY"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        figure, library = arguments.case
        seconds, peak = measure(CASES[figure][library][0], arguments.images, arguments.features)
        print(f"{seconds:.2f} {peak:.0f}")
        return
    print(f"{arguments.images} x {arguments.features} features on either side, one thread")
    for figure, cases in CASES.items():
        print(f"\n{figure}\n{'':16}{'CPU s':>8}{'MiB':>8}{'times ours':>12}", flush=True)
        ours = None
        for library, (_, module) in cases.items():
            if importlib.util.find_spec(module) is None:
                print(f"{library:16}not installed")
                continue
            command = [sys.executable, __file__, "--case", figure, library]
            command += ["--images", str(arguments.images), "--features", str(arguments.features)]
            threads = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
            run = subprocess.run(
                command, check=False, env=os.environ | threads, capture_output=True, text=True
            )
            if run.returncode:
                print(f"{library:16}failed: {run.stderr.strip().splitlines()[-1]}", flush=True)
                continue
            seconds, peak = map(float, run.stdout.split()[-2:])
            ours = ours or seconds
            print(f"{library:16}{seconds:8.1f}{peak:8.0f}{seconds / ours:12.2f}", flush=True)


if __name__ == "__main__":
    main()
