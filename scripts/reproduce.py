"""Make a published table anew: train its runs, and write what `gan-report --markdown` says of them.

    python scripts/reproduce.py mnist --jobs 2 gpu=cpu
    python scripts/reproduce.py coverage --methods gan,r3gan --seeds 0,1,2 --out outputs/mine

NAME is a table of scripts/reproduce.yaml. Its runs are a sweep of gan-train, which is handed what is left over on the
command line; that wins over the table's own settings. The same command again skips what is finished and resumes what
is not. In `--out` it leaves results.md, samples.png (the first seed of every method), data/ (a small file a run, which
docs/results/data keeps of what is published) and the runs themselves, below sweeps/.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from PIL import Image, ImageDraw, ImageFont

from gan_experiments.cli import train
from gan_experiments.cli.catalogue import override_key
from gan_experiments.cli.names import job_name
from gan_experiments.reports import Group, Table, grouped, tables
from gan_experiments.reports.pictures import opened, tiles
from gan_experiments.reports.published import document
from gan_experiments.runs import RunFolder, runs_below

TABLES = Path(__file__).with_suffix(".yaml")
SHOWN = 16  # samples of a strip
POINTS = 240  # pixels across a picture of points
LABEL = 130  # pixels of a strip's name, at least
SPREAD = "After ±: the standard deviation over seeds; of a single run its standard error, where it has one."


@dataclass
class Published:
    """A table as reproduce.yaml declares it."""

    title: str
    settings: list[str]
    methods: list[str]
    seeds: list[int]
    columns: list[str]
    parts: list[list[str]] = field(default_factory=lambda: [[]])
    published: list[dict[str, Any]] = field(default_factory=list)
    note: str = ""

    def sweeps(self, methods: str, seeds: str, overrides: Sequence[str]) -> list[list[str]]:
        """The overrides of each part's sweep; those of the command line win over the table's.

        A part may name a model of its own, a baseline beside what the others vary.
        """
        given = {override_key(override) for override in overrides}
        own = [[*self.settings, *part] for part in self.parts]
        kept = [[word for word in words if override_key(word) not in given] for words in own]
        models = [
            [] if any(word.startswith("model=") for word in words) else [f"model={methods}"] for words in kept
        ]
        return [
            [*words, *model, f"seed={seeds}", *overrides] for words, model in zip(kept, models, strict=True)
        ]

    def markdown(self, table: Table) -> str:
        """One of gan-report's tables, and the published lines of the same data."""
        data = table.rows[0].group.choices.get("data")
        lines = [table.markdown()]
        for line in (line for line in self.published if line["data"] == data):
            cells = [line["model"], *(str(line.get(name, "")) for name in table.header[1:])]
            lines.append(f"| {' | '.join(cells)} |")
        return "\n".join(lines)


def declared() -> dict[str, Published]:
    """The tables by their names."""
    loaded = yaml.safe_load(TABLES.read_text(encoding="utf-8"))
    return {name: Published(**table) for name, table in loaded.items()}


def strip(run: RunFolder) -> list[Image.Image]:
    """The first samples of a run's last grid at the size of its data, or its last picture of points."""
    paths = run.samples()
    image = opened(run, paths[-1]) if paths else None
    if image is None:
        return []
    samples = tiles(image)[:SHOWN]
    side = run.config["data"]["image_size"] if len(samples) > 1 else POINTS
    return [sample.resize((side, side), Image.Resampling.BOX) for sample in samples]


def contact_sheet(ordered: Sequence[Table]) -> Image.Image:
    """A strip of the first seed for every row's name, what it has in several data side by side."""
    strips: dict[str, dict[str, list[Image.Image]]] = {}
    for group in (row.group for table in ordered for row in table.rows):
        label = {"model": group.choices.get("model", ""), **group.label}
        name = " ".join(value for key, value in label.items() if key != "data" and value != "-")
        strips.setdefault(name, {})[group.choices.get("data", "")] = strip(group.runs[0])
    rows = {name: [one for images in of_data.values() for one in images] for name, of_data in strips.items()}
    width, height = (
        max([1, *(one.size[axis] + 1 for row in rows.values() for one in row)]) for axis in (0, 1)
    )
    font = ImageFont.load_default(13)
    left = max([LABEL, *(16 + int(font.getlength(name)) for name in rows)])
    size = left + width * max(map(len, rows.values())), height * len(rows)
    picture = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(picture)
    for index, (name, images) in enumerate(rows.items()):
        draw.text((8, index * height + height // 2), name, fill="black", font=font, anchor="lm")
        for place, image in enumerate(images):
            picture.paste(image, (left + place * width, index * height))
    return picture


def write_data(groups: Sequence[Group], folder: Path) -> None:
    """A file for every run that has been evaluated, named by what it varied."""
    folder.mkdir(exist_ok=True)
    for earlier in folder.glob("data=*,model=*,seed=*.json"):
        earlier.unlink()
    for group, run in [(one, run) for one in groups for run in one.runs if run.evaluations]:
        options = {key: group.choices.get(key, "") for key in ("data", "model")}
        settings = {**options, **group.label, "seed": run.seed}
        name = job_name([f"{key}={value}" for key, value in settings.items()])
        (folder / f"{name}.json").write_text(document(settings, run), encoding="utf-8")


def write(published: Published, sweep: Path, out: Path) -> str:
    """Leave results.md, samples.png and data/ of a sweep's runs in `out`; the text of the first, if there are any."""
    groups = grouped(runs_below(sweep))
    ordered = [table.select(published.columns) for table in tables(groups)]
    if not ordered:
        return ""
    text = "\n\n".join([f"# {published.title}", *map(published.markdown, ordered), SPREAD, published.note])
    (out / "results.md").write_text(f"{text.strip()}\n", encoding="utf-8")
    contact_sheet(ordered).save(out / "samples.png")
    write_data(groups, out / "data")
    return text


def main(argv: Sequence[str] | None = None) -> int:
    known = declared()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=known, metavar="NAME", help=", ".join(known))
    parser.add_argument("--methods", help="gan,san or so; default: the table's")
    parser.add_argument("--seeds", help="0,1,2 or so; default: the table's")
    parser.add_argument("--jobs", type=int, default=1, help="runs side by side; default: %(default)s")
    parser.add_argument("--out", type=Path, help="default: outputs/NAME")
    arguments, overrides = parser.parse_known_args(argv)
    name, published = arguments.name, known[arguments.name]
    out = (arguments.out or Path("outputs") / name).resolve()
    where = [f"sweep={name}", f"paths.outputs={out}"]
    if arguments.jobs > 1:
        where += ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={arguments.jobs}"]
    methods = arguments.methods or ",".join(published.methods)
    seeds = arguments.seeds or ",".join(map(str, published.seeds))
    code = 0
    for words in published.sweeps(methods, seeds, overrides):
        code = max(code, train.main(["-m", *words, *where]))
        if code > 1:  # a mistake on the command line, or a signal; a failed run stops no other
            break
    text = write(published, out / "sweeps" / name, out)
    if code <= 1:
        print(text)
    return code


if __name__ == "__main__":
    raise SystemExit(main())
