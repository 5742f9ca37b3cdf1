"""Your runs beside published ones: a method of your own, or another setting, with every baseline of a table.

    gan-train -m experiment=mnist model=mine train.images=600000 seed=0,1,2 sweep=mine
    python scripts/beside.py mnist_ten_epochs outputs/sweeps/mine

NAME is a folder of docs/results/data; without folders of runs its table stands alone. Rows are ordered by the first of
the columns. Figures of other protocols (metrics, samples, real images) do not compare: they get a table of their own.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from gan_experiments.cli.report import runs_of, selected
from gan_experiments.errors import UserError
from gan_experiments.reports import Group, grouped, tables
from gan_experiments.reports.published import read

DATA = Path(__file__).resolve().parent.parent / "docs" / "results" / "data"
NAMES = sorted(path.name for path in DATA.iterdir())
COSTS = ["updates", "images", "cpu_seconds"]


def published(name: str) -> list[Group]:
    """The groups of docs/results/data/NAME."""
    return grouped(read(DATA / name))


def beside(baselines: Sequence[Group], own: Sequence[Group]) -> list[Group]:
    """All groups, named by what tells the baselines apart and, before and after that, what is one's own."""
    keys = list(dict.fromkeys(["model", *(key for group in baselines for key in group.label)]))
    for whose, groups in (("published", baselines), ("own", own)):
        for group in groups:
            known = {**group.settings, **group.choices}
            named = {key: known.get(key, "-") for key in keys}
            group.label = {**({"runs": whose} if own else {}), **named, **group.label}
    return [*baselines, *own]


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", choices=NAMES, metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("folders", type=Path, nargs="*", help="of runs, however deep below")
    parser.add_argument(
        "--columns", help="figures and costs: fd_lenet,recall_lenet,cpu_seconds; default: all"
    )
    arguments = parser.parse_args(argv)
    try:
        own = grouped(runs_of(arguments.folders)) if arguments.folders else []
        made = tables(beside(published(arguments.name), own))
        if arguments.columns is not None:
            made = selected(made, arguments.columns.split(","))
    except UserError as error:
        parser.error(str(error))
    for table in made:
        whole = table if arguments.columns else table.select([*table.figures, *COSTS])
        print(f"{table.name}\n{whole.markdown()}\n".lstrip())


if __name__ == "__main__":
    main()
