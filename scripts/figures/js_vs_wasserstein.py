"""Why WGAN: JSD(N(0,1) || N(mu,1)) goes flat as mu grows, the Wasserstein distance does not (Arjovsky et al. 2017)."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure


def gaussian(x: np.ndarray, mean: float) -> np.ndarray:
    """The density of N(mean, 1)."""
    return np.exp(-((x - mean) ** 2) / 2) / math.sqrt(2 * math.pi)


def jensen_shannon(mean: float, points: int = 20001) -> float:
    """JSD(N(0,1) || N(mean,1)) in nats, at most log 2, by the trapezoidal rule."""
    x = np.linspace(-12.0, mean + 12.0, points)
    p, q = gaussian(x, 0.0), gaussian(x, mean)
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        integrand = sum(np.where(density > 0, density * np.log(density / middle), 0.0) for density in (p, q))
    return float(np.trapezoid(integrand, x) / 2)


def wasserstein(mean: float) -> float:
    """W1(N(0,1), N(mean,1)): the distance of the means."""
    return abs(mean)


def draw(path: Path) -> None:
    means = np.linspace(0, 30, 121)
    figure = Figure(figsize=(10, 3.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    x = np.linspace(-5, 35, 800)
    for mean in (0, 1, 10, 20):
        left.plot(x, gaussian(x, mean), label=rf"$\mathcal{{N}}({mean}, 1)$")
    left.set(xlabel="x", ylabel="density")
    right.plot(means, [jensen_shannon(mean) for mean in means], color="tab:blue")
    right.axhline(math.log(2), color="tab:blue", linestyle=":", linewidth=1)
    right.set(xlabel="mean of the second Gaussian", ylim=(0, 0.75))
    right.set_ylabel("Jensen-Shannon divergence (nats)", color="tab:blue")
    other = right.twinx()
    other.plot(means, [wasserstein(mean) for mean in means], color="tab:orange")
    other.set_ylim(0, 32)
    other.set_ylabel("Wasserstein-1 distance", color="tab:orange")
    left.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("outputs/figures/js_vs_wasserstein.png"))
    path = parser.parse_args().output
    draw(path)
    print(path)


if __name__ == "__main__":
    main()
