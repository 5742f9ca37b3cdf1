"""What a quality costs: the seconds and images that recipes for MNIST need until their figure is as small as asked.

    python scripts/speedrun.py                                            # the record recipe, three seeds
    python scripts/speedrun.py --recipes speedrun san gan --seeds 0,1,2 --images 96000 --every 8000 gpu=cpu
    python scripts/speedrun.py --published mnist_ten_epochs               # of runs that docs/results/data has: no training

A recipe is `experiment=speedrun`, by the name speedrun, or a method as `experiment=mnist model=<method>` has it. Each
run trains for `--images` real images and is evaluated every `--every`; a target is reached at the first evaluation
at or below it. Seconds are those of training alone, on the clock and of the processor: pictures, evaluations,
checkpoints and the start (imports, data) are left out. Run it on quiet cores. What is left over on the command line is
handed to gan-train. The same command again skips what is finished. In `--out` it leaves `results.md`, `results.csv`
(a row a recipe, target and seed) and the runs themselves.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from beside import DATA, NAMES
from gan_experiments.cli import train
from gan_experiments.cli.arguments import expanded
from gan_experiments.cli.catalogue import Catalogue
from gan_experiments.cli.composing import built, composed
from gan_experiments.cli.names import job_folder
from gan_experiments.config import Config, Length
from gan_experiments.errors import UserError
from gan_experiments.noise import Noise
from gan_experiments.reports.published import read
from gan_experiments.runs import RunFolder
from gan_experiments.training.engine import Engine
from gan_experiments.types import Batch
from reproduce import declared

SWEEP = "runs"
RECORD = "speedrun"
Runs = dict[tuple[str, int], list[dict[str, Any]]]  # recipe and seed -> its evaluations
CATALOGUE = Catalogue.of("train", [])
COSTS = {"cpu_seconds": "CPU seconds", "training_seconds": "seconds", "images_seen": "images"}


@dataclass
class Recipe:
    """The settings of one way to train, with the lengths that `--images` and `--every` come to."""

    name: str
    words: list[str]

    @classmethod
    def of(cls, name: str, images: int, every: int, overrides: Sequence[str]) -> Recipe:
        """Raises UserError for a method that there is not."""
        own = [f"experiment={RECORD}"] if name == RECORD else ["experiment=mnist", f"model={name}"]
        config = compose([*own, *overrides])
        per_update = config.train.batch_size * batches_per_update(config)
        steps, between = max(1, round(images / per_update)), max(1, round(every / per_update))
        lengths = [f"train.steps={steps}", f"train.evaluate_every={between}", f"train.sample_every={steps}"]
        return cls(name, [*own, *lengths, *overrides])

    def train(self, seeds: Sequence[int], out: Path) -> None:
        """A sweep over the seeds; there a failed run stops no other."""
        where = [f"seed={','.join(map(str, seeds))}", f"sweep={SWEEP}", f"paths.outputs={out}"]
        code = train.main(["-m", *self.words, *where])
        if code not in (0, 1):  # a mistake on the command line, or a signal
            raise SystemExit(code)

    def evaluations(self, seed: int, out: Path) -> list[dict[str, Any]]:
        """The lines of a finished run's metrics.jsonl; none of another run."""
        folder = job_folder(out / "sweeps" / SWEEP, expanded([*self.words, f"seed={seed}"], CATALOGUE))
        if RunFolder(folder).summary.get("status") != "finished":
            return []
        return [json.loads(line) for line in (folder / "metrics.jsonl").read_text("utf-8").splitlines()]


def compose(overrides: Sequence[str]) -> Config:
    config = built(composed(list(overrides)))
    assert isinstance(config, Config)
    return config


def batches_per_update(config: Config) -> int:
    """How many batches of real images one generator update draws, counted over one of them."""
    cpu, samples, classes = torch.device("cpu"), 4, config.data.shape.classes
    networks = config.model.build(config.network, config.loss, config.data.shape)
    noise = Noise(0, cpu)

    def draw() -> Batch:
        images = 2 * noise.uniform(samples, *config.data.shape.dims) - 1
        return Batch(images, torch.arange(samples) % classes if classes else None)

    engine = Engine(
        config.model, networks, config.optim, config.gpu, cpu, draw, noise, samples, Length(1), ema=0.0
    )
    engine.iterate()
    return engine.images_seen // samples


def reached(evaluations: Sequence[dict[str, Any]], figure: str, target: float) -> dict[str, Any] | None:
    """The first evaluation whose figure is at or below the target."""
    return next((line for line in evaluations if line["metrics"][figure] <= target), None)


def cell(values: Sequence[float], form: str = ",.0f") -> str:
    """Their median and, of several, their range."""
    spread = f" ({min(values):{form}} to {max(values):{form}})" if len(values) > 1 else ""
    return f"{statistics.median(values):{form}}{spread}"


def costs(runs: Runs, targets: Sequence[float], figure: str) -> list[dict[str, Any]]:
    """What each finished run paid for each target that it reached."""
    rows = []
    for (name, seed), evaluations in runs.items():
        for target in sorted(targets, reverse=True):
            if (hit := reached(evaluations, figure, target)) is not None:
                rows.append(
                    {"recipe": name, "target": target, "seed": seed, **{key: hit[key] for key in COSTS}}
                )
    return rows


def table(rows: Sequence[dict[str, Any]], runs: Runs, figure: str) -> str:
    """A Markdown table of a line a target and recipe, the cheapest first; then the smallest figure of every recipe."""
    lines: list[tuple[float, float, str]] = []
    for target, name in dict.fromkeys((row["target"], row["recipe"]) for row in rows):
        hits = [row for row in rows if (row["target"], row["recipe"]) == (target, name)]
        paid = [[float(row[key]) for row in hits] for key in COSTS]
        text = [f"{target:g}", name, f"{len(hits)} of {seeds_of(name, runs)}", *map(cell, paid)]
        lines.append((-target, statistics.median(paid[0]), " | ".join(text)))
    head = [f"{figure} at most", "recipe", "runs", *COSTS.values()]
    best = {
        name: [min(line["metrics"][figure] for line in runs[run]) for run in runs if run[0] == name]
        for name in dict.fromkeys(name for name, _ in runs)
    }
    smallest = "; ".join(f"{name} {cell(values, '.3g')}" for name, values in best.items())
    body = [f"| {text} |" for *_, text in sorted(lines)]
    return "\n".join(
        [
            f"| {' | '.join(head)} |",
            "|" + "---|" * len(head),
            *body,
            "",
            f"Smallest {figure}: {smallest}.",
            "",
        ]
    )


def matrix(rows: Sequence[dict[str, Any]], runs: Runs, targets: Sequence[float], figure: str) -> str:
    """A Markdown table of a line a recipe: the CPU seconds that each target cost, who gets furthest on top."""
    falling = sorted(targets, reverse=True)
    lines: list[tuple[tuple[float, ...], str]] = []
    for name in dict.fromkeys(name for name, _ in runs):
        paid = [
            [row["cpu_seconds"] for row in rows if (row["recipe"], row["target"]) == (name, target)]
            for target in falling
        ]
        count = seeds_of(name, runs)
        some = [f", {len(values)} of {count}" if len(values) < count else "" for values in paid]
        cells = [cell(values) + note if values else "" for values, note in zip(paid, some, strict=True)]
        rank = [
            part
            for values in reversed(paid)
            for part in (-len(values) / count, statistics.median(values or [0]))
        ]
        lines.append((tuple(rank), " | ".join([name, str(count), *cells])))
    head = ["recipe", "seeds", *(f"{figure} {target:g}" for target in falling)]
    body = [f"| {text} |" for _, text in sorted(lines)]
    return "\n".join([f"| {' | '.join(head)} |", "|" + "---|" * len(head), *body, ""])


def published_runs(name: str) -> Runs:
    """The evaluations of a published table's runs, by their names there."""
    return {(run.name, int(run.seed)): run.evaluations for run in read(DATA / name)}


def seeds_of(name: str, runs: Runs) -> int:
    return sum(run[0] == name for run in runs)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    choices = [RECORD, *declared()["mnist"].methods]
    parser.add_argument("--recipes", nargs="+", default=[RECORD], choices=choices, metavar="NAME")
    parser.add_argument(
        "--published", choices=NAMES, metavar="TABLE", help="do not train: a published table's runs"
    )
    parser.add_argument("--targets", default="50,20,10,5", help="default: %(default)s")
    parser.add_argument("--figure", default="fd_lenet", help="the smaller, the better; default: %(default)s")
    parser.add_argument(
        "--images", type=int, default=64000, help="real images of a run; default: %(default)s"
    )
    parser.add_argument(
        "--every", type=int, default=4000, help="of them between evaluations; default: %(default)s"
    )
    parser.add_argument("--seeds", default="0,1,2", help="default: %(default)s")
    parser.add_argument("--out", type=Path, default=Path("outputs/speedrun"))
    arguments, overrides = parser.parse_known_args(argv)
    out = arguments.out.resolve()
    try:
        seeds = [int(seed) for seed in arguments.seeds.split(",")]
        targets = [float(target) for target in arguments.targets.split(",")]
    except ValueError:
        parser.error("--seeds and --targets are numbers, like 0,1,2 and 50,20,10")
    if arguments.published is not None:
        runs = published_runs(arguments.published)
        if any(arguments.figure not in line["metrics"] for lines in runs.values() for line in lines):
            parser.error(f"--figure: the runs of {arguments.published} have no {arguments.figure}")
        print(matrix(costs(runs, targets, arguments.figure), runs, targets, arguments.figure))
        return
    try:
        chosen = [Recipe.of(name, arguments.images, arguments.every, overrides) for name in arguments.recipes]
    except UserError as error:
        parser.error(str(error))
    for recipe in chosen:
        recipe.train(seeds, out)
    every = {(recipe.name, seed): recipe.evaluations(seed, out) for recipe in chosen for seed in seeds}
    runs = {run: evaluations for run, evaluations in every.items() if evaluations}
    rows = costs(runs, targets, arguments.figure)
    text = table(rows, runs, arguments.figure)
    (out / "results.md").write_text(text, encoding="utf-8")
    with (out / "results.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["recipe", "target", "seed", *COSTS])
        writer.writeheader()
        writer.writerows(rows)
    print(text)
    if len(runs) < len(every):
        raise SystemExit(f"{len(every) - len(runs)} of {len(every)} runs did not finish")


if __name__ == "__main__":
    main()
