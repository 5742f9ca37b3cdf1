"""How good the runs of a published table were on the way: a figure after so many images, a line a method.

    python scripts/milestones.py mnist_hundred_epochs --images 600000,3000000,6000000

TABLE is a folder of docs/results/data. A column has each run's first evaluation at or after that many real images,
their mean over seeds and, after ±, the deviation over seeds, or for one seed the evaluation's standard error.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence

from beside import DATA, NAMES
from gan_experiments.figures import direction, error_of
from gan_experiments.reports.figures import Estimate
from gan_experiments.reports.published import PublishedRun, read


def reached(runs: Sequence[PublishedRun], figure: str, images: int) -> Estimate | None:
    """The figure of runs that differ in their seeds, after `images`; None where one of them is shorter."""
    rows = [next((row for row in run.evaluations if row["images_seen"] >= images), None) for run in runs]
    metrics = [row["metrics"] for row in rows if row is not None]
    if len(metrics) < len(runs):
        return None
    return Estimate.of([one[figure] for one in metrics], [error_of(figure, one) for one in metrics])


def table(runs: Sequence[PublishedRun], figure: str, milestones: Sequence[int]) -> str:
    """Markdown, who is best at the last milestone on top, who does not get there below."""
    groups: dict[str, list[PublishedRun]] = defaultdict(list)
    for run in runs:
        groups[run.name].append(run)
    lines = []
    for name, group in groups.items():
        estimates = [reached(group, figure, images) for images in milestones]
        last = estimates[-1]
        rank = (last is None, 0.0 if last is None else -direction(figure) * last.mean)
        cells = ["" if estimate is None else str(estimate) for estimate in estimates]
        lines.append((rank, f"| {' | '.join([name, str(len(group)), *cells])} |"))
    head = ["model", "seeds", *(f"{figure} after {images:,}" for images in milestones)]
    return "\n".join(
        [f"| {' | '.join(head)} |", "|" + "---|" * len(head), *(line for _, line in sorted(lines))]
    )


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=NAMES, metavar="TABLE", help=", ".join(NAMES))
    parser.add_argument("--images", required=True, help="real images: 600000,3000000")
    parser.add_argument("--figure", default="fd_lenet", help="default: %(default)s")
    arguments = parser.parse_args(argv)
    try:
        milestones = [int(images) for images in arguments.images.split(",")]
    except ValueError:
        parser.error("--images are whole numbers, like 600000,3000000")
    runs = read(DATA / arguments.name)
    if any(arguments.figure not in row["metrics"] for run in runs for row in run.evaluations):
        parser.error(f"--figure: the runs of {arguments.name} have no {arguments.figure}")
    print(table(runs, arguments.figure, milestones))


if __name__ == "__main__":
    main()
