"""Count the modes that methods capture of mixtures of Gaussians, beside the published table of VEEGAN (Srivastava et al. 2017).

    python scripts/reproduce_toys.py --methods gan,veegan --data ring,grid --seeds 0,1,2 train.steps=5000

Every run is `gan-train experiment=points model=<method> data=<mixture>` with the mixture's `SETTINGS`: on each mixture all methods
have the same networks, optimiser and number of updates. What is left over on the command line is handed to gan-train. The same command again skips what is finished and
resumes what is not. In `--out` it leaves `results.md` (a row a method), `results.csv` (a row a run), `samples.png`
(the first seed's points, a row a method) and the runs themselves.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from gan_experiments.cli import train
from gan_experiments.cli.arguments import expanded
from gan_experiments.cli.catalogue import Catalogue
from gan_experiments.cli.names import job_folder
from gan_experiments.runs import RunFolder

SWEEP = "runs"
MODES = {"ring": 8, "grid": 25, "mixture1200": 10}  # the data, and how many modes there are

# The ring's are the recipes' own; the grid's small modes need more updates, and 1,200 coordinates wider networks.
SETTINGS = {
    "ring": [],
    "grid": ["train.steps=6000"],
    "mixture1200": ["network.width=128", "train.steps=1000"],
}

# Modes captured and high-quality samples in per cent, on the ring, the grid and the mixture: table 1 of the paper.
PUBLISHED = {
    "GAN": ((1, 99.3), (3.3, 0.5), (1.6, 2.0)),
    "ALI": ((2.8, 0.13), (15.8, 1.6), (3, 5.4)),
    "Unrolled GAN": ((7.6, 35.6), (23.6, 16), (0, 0.0)),
    "VEEGAN": ((8, 52.9), (24.6, 40), (5.5, 28.29)),
}


@dataclass
class Result:
    """One finished run: modes captured, and the share of its points of high quality."""

    method: str
    data: str
    seed: int
    folder: RunFolder

    @property
    def modes(self) -> int:
        return int(self.folder.summary["metrics"]["modes"])

    @property
    def high_quality(self) -> float:
        return float(self.folder.summary["metrics"]["high_quality"])

    @property
    def picture(self) -> Path:
        return self.folder.samples()[-1]

    @property
    def row(self) -> dict[str, object]:
        summary = self.folder.summary
        run = {"method": self.method, "data": self.data, "seed": self.seed, "steps": summary["step"]}
        return {
            **run,
            **summary["metrics"],
            "points_seen": summary["images_seen"],
            "seconds": summary["seconds"],
        }


CATALOGUE = Catalogue.of("train", [])
OWN = CATALOGUE.groups["experiment/points"]  # what the recipe for points says of single methods
SHARED = ("gan", "sngan")  # these take it as it is


def recipes() -> list[str]:
    """The methods that are compared."""
    return sorted([*OWN, *SHARED])


def title(method: str) -> str:
    """A method's name as the first line of its recipe gives it, or of its model."""
    return re.split(r" on points| \(|: ", OWN.get(method, CATALOGUE.groups["model"][method]))[0]


def job(method: str, data: str, seed: str) -> list[str]:
    return ["experiment=points", f"model={method}", f"data={data}", f"seed={seed}"]


def settings(data: str, overrides: Sequence[str]) -> list[str]:
    """The settings of every run on a mixture; those of the command line win over the mixture's."""
    given = {override.partition("=")[0] for override in overrides}
    return [setting for setting in SETTINGS[data] if setting.partition("=")[0] not in given] + list(overrides)


def run(methods: Sequence[str], data: str, seeds: Sequence[int], out: Path, overrides: Sequence[str]) -> None:
    """A sweep of gan-train over methods and seeds on one mixture; there a failed run stops no other."""
    jobs = job(",".join(methods), data, ",".join(map(str, seeds)))
    where = [f"sweep={SWEEP}", f"paths.outputs={out}"]
    code = train.main(["-m", *jobs, *settings(data, overrides), *where])
    if code not in (0, 1):  # a mistake on the command line, or a signal
        raise SystemExit(code)


def collect(method: str, data: str, seed: int, out: Path, overrides: Sequence[str]) -> Result | None:
    """What a run left; None where it has not come to its end."""
    words = [*job(method, data, str(seed)), *settings(data, overrides)]
    folder = RunFolder(job_folder(out / "sweeps" / SWEEP, expanded(words, CATALOGUE)))
    return Result(method, data, seed, folder) if folder.summary.get("status") == "finished" else None


def figure(values: Sequence[float], digits: int) -> str:
    """The mean, and the standard deviation over seeds."""
    text = f"{statistics.mean(values):.{digits}f}"
    return f"{text} ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else text


def table(results: Sequence[Result]) -> str:
    """A Markdown table: a row a method, modes and high-quality samples on each mixture, published rows last."""
    data = [name for name in MODES if any(result.data == name for result in results)]
    lines = [["method"], ["---"]]
    for name in data:
        lines[0] += [f"{name}: modes of {MODES[name]}", "high quality, %", "seeds"]
        lines[1] += ["---"] * 3
    for method in dict.fromkeys(result.method for result in results):
        line = [title(method)]
        for name in data:
            runs = [result for result in results if (result.method, result.data) == (method, name)]
            shares = [100 * result.high_quality for result in runs]
            modes = [result.modes for result in runs]
            line += [figure(modes, 1), figure(shares, 1), str(len(runs))] if runs else ["", "", "0"]
        lines.append(line)
    for method, figures in PUBLISHED.items():
        published = dict(zip(MODES, figures, strict=True))
        cells = [[f"{modes}", f"{quality}", ""] for modes, quality in map(published.__getitem__, data)]
        lines.append([f"*{method}, published*", *itertools.chain(*cells)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def contact_sheet(results: Sequence[Result]) -> Image.Image:
    """The last picture of each method's first seed, the data side by side."""
    methods = list(dict.fromkeys(result.method for result in results))
    data = list(dict.fromkeys(result.data for result in results))
    first = {(result.method, result.data): result for result in reversed(results)}
    side = Image.open(results[0].picture).width
    sheet = Image.new("RGB", (side * len(data), side * len(methods)), "white")
    for (method, name), result in first.items():
        sheet.paste(Image.open(result.picture), (side * data.index(name), side * methods.index(method)))
    return sheet


def report(results: Sequence[Result], out: Path) -> None:
    """Write results.md, results.csv and samples.png."""
    updates = {result.data: f"{result.folder.summary['step']:,} ({result.data})" for result in results}
    text = (
        f"After {', '.join(updates.values())} generator updates, 2,500 points each; ± is the standard deviation over seeds. "
        "Published rows: table 1 of Srivastava et al. 2017 (other networks and a longer training, mean of 5 runs).\n\n"
    )
    (out / "results.md").write_text(text + table(results), encoding="utf-8")
    with (out / "results.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(results[0].row))
        writer.writeheader()
        writer.writerows(result.row for result in results)
    contact_sheet(results).save(out / "samples.png")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--methods", default=",".join(recipes()), help="default: %(default)s")
    parser.add_argument("--data", default=",".join(MODES), help="default: %(default)s")
    parser.add_argument("--seeds", default=",".join(map(str, range(10))), help="default: %(default)s")
    parser.add_argument("--out", type=Path, default=Path("outputs/toys"))
    arguments, overrides = parser.parse_known_args(argv)
    methods, data = arguments.methods.split(","), arguments.data.split(",")
    for wrong in set(methods) - set(recipes()):
        parser.error(f"--methods {wrong}: the recipes for points are {', '.join(recipes())}")
    for wrong in set(data) - set(MODES):
        parser.error(f"--data {wrong}: the mixtures are {', '.join(MODES)}")
    try:
        seeds = [int(seed) for seed in arguments.seeds.split(",")]
    except ValueError:
        parser.error(f"--seeds {arguments.seeds}: seeds are whole numbers, like 0,1,2")
    out = arguments.out.resolve()
    for mixture in data:
        run(methods, mixture, seeds, out, overrides)
    jobs = list(itertools.product(methods, data, seeds))
    outcomes = [collect(*one, out, overrides) for one in jobs]
    results = [result for result in outcomes if result is not None]
    if results:
        report(results, out)
        print((out / "results.md").read_text(encoding="utf-8"))
    if len(results) < len(outcomes):
        raise SystemExit(f"{len(outcomes) - len(results)} of {len(outcomes)} runs did not finish")


if __name__ == "__main__":
    main()
