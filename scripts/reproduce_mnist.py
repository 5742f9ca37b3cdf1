"""Train every method on MNIST for as many images, and write one table: `experiment=mnist model=<method>` side by side.

    python scripts/reproduce_mnist.py --images 96000 --seeds 0,1,2 --methods gan,san,vae gpu=cuda

Every method sees the same number of real images, wherever its algorithm draws them (five critic steps draw five
batches): the number of generator updates follows, and what each run counted is checked. What is left over on the
command line is handed to gan-train. The same command again skips what is finished and resumes what is not. In
`--out` it leaves `results.md` (a row a method), `results.csv` (a row a run), `samples.png` (a strip a method) and
the runs themselves.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageDraw, ImageFont

from gan_experiments.cli import train
from gan_experiments.cli.arguments import expanded
from gan_experiments.cli.catalogue import Catalogue
from gan_experiments.cli.composing import built, composed
from gan_experiments.cli.names import job_folder
from gan_experiments.config import Config, Length
from gan_experiments.errors import UserError
from gan_experiments.grids import SEAM
from gan_experiments.noise import Noise
from gan_experiments.training.engine import Engine
from gan_experiments.types import Batch

SWEEP = "runs"
SHOWN = 16  # samples of a strip
TILE = 28  # pixels across one of them
RARE = 0.01  # a digit counts as hit from this share of the samples on; 0.1 is uniform

# Precision / recall and FID of two student talks: fully connected networks, 10,000 generated against MNIST's training
# PNGs, up to 300 epochs of 60,000 images; other features and another budget than ours.
TALKS = {
    "gan": ".52 / .23, FID 27.35",
    "san": "100 epochs .67 / .53; 300 .76 / .59; best FID 31.69 with .81 / .57",
    "gngan": ".60 / .33, FID 56.25 (without the gradients' gradients)",
}


@dataclass
class Plan:
    """One method's share: `steps` generator updates that draw `batches` batches of real images each."""

    method: str
    title: str
    steps: int
    batches: int
    batch_size: int

    @property
    def images(self) -> int:
        return self.steps * self.batches * self.batch_size


@dataclass
class Result:
    """What one run left: its figures, the shares of the ten digits, and what it cost."""

    plan: Plan
    seed: int
    folder: Path
    metrics: dict[str, float]
    digits: list[float]
    images_seen: int
    seconds: float
    training_seconds: float  # of them, without samples, evaluations and checkpoints

    @property
    def modes(self) -> int:
        return sum(share >= RARE for share in self.digits)

    @property
    def images_per_second(self) -> float:
        return self.images_seen / self.training_seconds

    @property
    def row(self) -> dict[str, Any]:
        counts = {"updates": self.plan.steps, "images_seen": self.images_seen}
        cost = {"images_per_second": f"{self.images_per_second:.1f}", "seconds": self.seconds}
        figures = {**self.metrics, "modes": self.modes}
        return {"method": self.plan.method, "seed": self.seed, **figures, **counts, **cost}


CATALOGUE = Catalogue.of("train", [])
OWN = CATALOGUE.groups["experiment/mnist"]  # what the recipe for MNIST says of single methods
SHARED = ("alphagan", "san", "vae", "vgh", "vghpp")  # these take it as it is


def recipes() -> list[str]:
    """The methods that are compared."""
    return sorted([*OWN, *SHARED])


def title(method: str) -> str:
    """A method's name as the first line of its recipe gives it, or of its model."""
    line = OWN.get(method, CATALOGUE.groups["model"].get(method, method))
    return re.split(r" on MNIST| \(|: ", line)[0]


def job(method: str, seed: str) -> list[str]:
    return ["experiment=mnist", f"model={method}", f"seed={seed}"]


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


def plan(method: str, images: int, overrides: Sequence[str]) -> Plan:
    """The number of updates that comes closest to `images` real images."""
    config = compose(["experiment=mnist", f"model={method}", *overrides])
    batches, size = batches_per_update(config), config.train.batch_size
    return Plan(method, title(method), max(1, round(images / batches / size)), batches, size)


def settings(steps: int, overrides: Sequence[str]) -> list[str]:
    """The settings of every run of `steps` updates: samples and figures at its end alone."""
    return [
        f"train.steps={steps}",
        f"train.sample_every={steps}",
        f"train.evaluate_every={steps}",
        *overrides,
    ]


def run(plans: Sequence[Plan], seeds: Sequence[int], out: Path, overrides: Sequence[str]) -> None:
    """A sweep of gan-train over methods of equally many updates; there a failed run stops no other."""
    jobs = job(",".join(plan.method for plan in plans), ",".join(map(str, seeds)))
    where = [f"sweep={SWEEP}", f"paths.outputs={out}"]
    code = train.main(["-m", *jobs, *settings(plans[0].steps, overrides), *where])
    if code not in (0, 1):  # a mistake on the command line, or a signal
        raise SystemExit(code)


def collect(plan: Plan, seed: int, out: Path, overrides: Sequence[str]) -> Result | None:
    """What a run left; None where it has not come to its end."""
    words = [*job(plan.method, str(seed)), *settings(plan.steps, overrides)]
    folder = job_folder(out / "sweeps" / SWEEP, expanded(words, CATALOGUE))
    file = folder / "summary.json"
    summary = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {"status": "missing"}
    if summary["status"] != "finished":
        return None
    if summary["images_seen"] != plan.images:
        raise SystemExit(f"{folder} saw {summary['images_seen']} real images, not {plan.images}")
    evaluation = json.loads((folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    protocol = evaluation["protocol"]
    return Result(
        plan,
        seed,
        folder,
        {name: float(value) for name, value in summary["metrics"].items()},
        protocol.get("lenet", protocol)["mode_histogram"],
        summary["images_seen"],
        summary["seconds"],
        summary["training_seconds"],
    )


def figure(results: Sequence[Result], name: str, digits: int, error: str = "") -> str:
    """The mean over runs with the spread over them; of a single run the value, with its standard error."""
    values = [result.metrics.get(name, math.nan) for result in results]
    text = f"{statistics.mean(values):.{digits}f}"
    if len(values) > 1:
        return f"{text} ± {statistics.stdev(values):.{digits}f}"
    return f"{text} ({results[0].metrics[error]:.{digits}f})" if error in results[0].metrics else text


def mean_distance(results: Sequence[Result]) -> float:
    mean = statistics.mean(result.metrics["fd_lenet"] for result in results)
    return mean if math.isfinite(mean) else math.inf


def ranked(results: Sequence[Result]) -> list[list[Result]]:
    """The runs of every method, the smallest mean Frechet distance first."""
    methods = dict.fromkeys(result.plan.method for result in results)
    groups = [[result for result in results if result.plan.method == method] for method in methods]
    return sorted(groups, key=mean_distance)


def table(results: Sequence[Result]) -> str:
    """A Markdown table of a row a method, the smallest Frechet distance first."""
    fid = ["FID"] if all("fid" in result.metrics for result in results) else []
    head = ["method", "runs", "fd_lenet", *fid, "precision", "recall", "density", "coverage", "digits hit"]
    head += ["KL", "updates", "images/s", "seconds", "talks: precision / recall"]
    lines = [head, ["---"] * len(head)]
    for runs in ranked(results):
        shares = ("precision_lenet", "recall_lenet", "density_lenet", "coverage_lenet")
        line = [runs[0].plan.title, str(len(runs)), figure(runs, "fd_lenet", 1, "fd_se_lenet")]
        line += [figure(runs, "fid", 1, "fid_se") for _ in fid]
        line += [figure(runs, name, 2) for name in shares]
        line += [str(min(run.modes for run in runs)), figure(runs, "mode_kl_lenet", 3)]
        line += [str(runs[0].plan.steps), f"{statistics.mean(run.images_per_second for run in runs):.0f}"]
        line += [f"{statistics.mean(run.seconds for run in runs):.0f}", TALKS.get(runs[0].plan.method, "")]
        lines.append(line)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def tiles(result: Result) -> list[Image.Image]:
    """The first images of a run's last grid."""
    grid = Image.open(result.folder / "samples" / f"step_{result.plan.steps:08d}.png").convert("L")
    side = (grid.width - SEAM) // 8
    corners = [(SEAM + side * (index % 8), SEAM + side * (index // 8)) for index in range(SHOWN)]
    images = [grid.crop((left, top, left + side - SEAM, top + side - SEAM)) for left, top in corners]
    return [image.resize((TILE, TILE), Image.Resampling.BOX) for image in images]


def strips(results: Sequence[Result], label: int = 160) -> Image.Image:
    """A strip of samples beside each method's name, down one column and then down another."""
    rows = math.ceil(len(results) / 2)
    side = tiles(results[0])[0].width + 1
    width = label + SHOWN * side
    picture = Image.new("L", (2 * width, rows * (side + 1)), 255)
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(13)
    for index, result in enumerate(results):
        left, top = index // rows * width, index % rows * (side + 1)
        draw.text((left + 8, top + side // 2), result.plan.title, fill=0, font=font, anchor="lm")
        for place, tile in enumerate(tiles(result)):
            picture.paste(tile, (left + label + place * side, top))
    return picture


def report(results: Sequence[Result], out: Path) -> None:
    """Write results.md, results.csv and samples.png."""
    seen = sorted({f"{result.images_seen:,}" for result in results})
    text = (
        f"Real images that each run saw: {', '.join(seen)}. In brackets the standard error of one run over draws of "
        f"its samples, after ± the standard deviation over seeds. Digits hit: those of which at least {RARE:.0%} of "
        f"the samples are; KL: of the digits' shares to uniform.\n\n"
    )
    (out / "results.md").write_text(text + table(results), encoding="utf-8")
    columns = dict.fromkeys(key for result in results for key in result.row)
    with (out / "results.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(columns))
        writer.writeheader()
        writer.writerows(result.row for result in results)
    strips([runs[0] for runs in ranked(results)]).save(out / "samples.png")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=int, default=96000, help="real images that each method sees")
    parser.add_argument("--methods", default=",".join(recipes()), help="default: %(default)s")
    parser.add_argument("--seeds", default="0", help="0,1,2 or so; default: %(default)s")
    parser.add_argument("--out", type=Path, default=Path("outputs/mnist"))
    parser.add_argument("--inception", type=Path, help="file of Inception's standard weights: measures FID")
    arguments, overrides = parser.parse_known_args(argv)
    if arguments.inception is not None:
        weights = f"metrics.parts.inception.weights={arguments.inception.resolve()}"
        overrides = ["metrics=[lenet,inception]", weights, *overrides]
    out = arguments.out.resolve()
    try:
        seeds = [int(seed) for seed in arguments.seeds.split(",")]
        plans = [plan(method, arguments.images, overrides) for method in arguments.methods.split(",")]
    except ValueError:
        parser.error(f"--seeds {arguments.seeds}: seeds are whole numbers, like 0,1,2")
    except UserError as error:
        parser.error(str(error))
    for steps in dict.fromkeys(plan.steps for plan in plans):
        run([plan for plan in plans if plan.steps == steps], seeds, out, overrides)
        outcomes = [collect(plan, seed, out, overrides) for plan in plans for seed in seeds]
        results = [result for result in outcomes if result is not None]
        if results:
            report(results, out)
            print((out / "results.md").read_text(encoding="utf-8"))
    if len(results) < len(outcomes):
        raise SystemExit(f"{len(outcomes) - len(results)} of {len(outcomes)} runs did not finish")


if __name__ == "__main__":
    main()
