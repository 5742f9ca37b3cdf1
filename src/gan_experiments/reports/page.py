"""One self-contained HTML page: what was compared, tables, curves, film strips, settings."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from gan_experiments import __version__
from gan_experiments.figures import direction
from gan_experiments.plain import plain
from gan_experiments.reports import charts, events, pictures
from gan_experiments.reports.budget import pools
from gan_experiments.reports.differences import difference_cells
from gan_experiments.reports.groups import Group
from gan_experiments.reports.plots import COLOURS, Line, plot
from gan_experiments.reports.rows import protocol_key
from gan_experiments.reports.table import Cell, Table
from gan_experiments.reports.text import cut, flatten
from gan_experiments.runs import RunFolder

PICTURES = 5_000_000  # bytes of all pictures of a page, before they become text
LEGEND = (
    "± is the standard deviation over seeds, or for one seed the evaluation's standard error. Bold: the best, and what "
    "it does not beat by more than two standard errors, where the errors are known and the runs are finished. "
    "Real images: held-out ones in place of samples. Click a column's name to sort."
)
FLATTERS = (
    "Each run's best evaluation was chosen by the figure that it shows, so this table flatters; "
    "gan-eval RUN --checkpoint best measures it anew."
)


def page(
    folders: Sequence[Path], groups: list[Group], final: list[Table], best: list[Table], stamp: str = ""
) -> str:
    """The page for runs grouped, with the tables of their last and best evaluations.

    stamp: what `--watch` says of the runs' state, so that the page knows when to load itself again.
    """
    here = Path(__file__).parent
    environment = Environment(
        loader=PackageLoader("gan_experiments", "reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=lambda value: plain(value) if type(value) is str else value,
    )
    runs = [run for group in groups for run in group.runs]
    colours = charts.colours(groups, final)
    return environment.get_template("page.html").render(
        css=Markup((here / "page.css").read_text(encoding="utf-8")),
        js=Markup((here / "page.js").read_text(encoding="utf-8")),
        title=_title(groups),
        about=_about(folders, groups, runs),
        runs=len(runs),
        troubles=[
            {"status": run.status, "path": str(run.path), "error": cut(run.error, 300)}
            for run in runs
            if run.status != "finished"
        ],
        sections=[_section(table, best, groups, colours) for table in final],
        cards=[_card(group, index, colours, PICTURES // len(groups)) for index, group in enumerate(groups)],
        stamp=stamp,
    )


def _title(groups: list[Group]) -> str:
    """What was compared: `12 models on digits`."""
    data = sorted({cut(group.choices.get("data", "")) for group in groups} - {""})
    on = f" on {data[0]}" if len(data) == 1 else f" on {len(data)} data sets" if data else ""
    keys = list(dict.fromkeys(key for group in groups for key in group.label))
    if len(groups) == 1:
        return cut(groups[0].choices.get("model", groups[0].name)) + on
    values = list(dict.fromkeys(cut(group.label.get(keys[0], "-"), 20) for group in groups)) if keys else []
    if len(keys) == 1 and len(values) <= 4:
        return ", ".join(values) + on
    if len(keys) == 1:
        return f"{len(values)} {_plural(keys[0])}" + on
    return (
        f"{len(groups)} settings of {', '.join(cut(key, 24) for key in keys[:4])}" + on
        if keys
        else "Runs" + on
    )


def _plural(key: str) -> str:
    word = plain(key.rpartition(".")[2])
    return word if word.endswith("s") else f"{word}s"


def _counted(things: Collection[Any], name: str) -> str:
    return f"{len(things)} {name}{'s' if len(things) != 1 else ''}"


def _about(folders: Sequence[Path], groups: list[Group], runs: list[RunFolder]) -> list[str]:
    seeds = {run.seed for run in runs}
    finished = sum(run.status == "finished" for run in runs)
    return [
        f"{_counted(runs, 'run')} in {_counted(groups, 'group')}, {_counted(seeds, 'seed')}",
        f"{finished} finished",
        ", ".join(cut(str(folder), 80) for folder in folders[:3]) + (", …" if len(folders) > 3 else ""),
        f"{datetime.now():%d %B %Y, %H:%M}",
        f"gan-experiments {__version__}",
    ]


def _section(table: Table, best: list[Table], groups: list[Group], colours: dict[int, int]) -> dict[str, Any]:
    """A table's protocol, its tables, and its runs over training."""
    key = protocol_key({"protocol": table.protocol})
    tables = [_table(table, "After training", LEGEND, groups, colours)]
    for other in best:
        if protocol_key({"protocol": other.protocol}) == key and other.cells("*") != table.cells("*"):
            caption = f"At the best {plain(table.primary or '')} of each run"
            tables.append(_table(other, caption, FLATTERS, groups, colours))
    protocol = [(plain(name), cut(value, 120)) for name, value in flatten(table.protocol).items()]
    said = [
        f"{name} {value}"
        for name, value in protocol
        if name.rpartition(".")[2] in ("extractor", "generated", "real", "split") and len(value) < 24
    ]
    plots = charts.over_training(table, key, groups, colours)
    made = pools(table)
    return {
        "title": f"Figures: {table.name}" if table.name else "Figures",
        "tables": tables,
        "summary": ", ".join(said),
        "protocol": [(name, value if len(value) <= 48 else f"{value[:12]}…") for name, value in protocol],
        "plots": plots,
        "grey": max(0, len({id(row.group) for row in table.rows}) - COLOURS),
        "differences": [list(map(_breakable, line)) for line in difference_cells(table)],
        "budget": charts.by_budget(table, made),
        "settings": charts.by_settings(table, made),
    }


def _table(
    table: Table, caption: str, note: str, groups: list[Group], colours: dict[int, int]
) -> dict[str, Any]:
    arrows = {1: "↑", -1: "↓", 0: ""}
    places = {id(group): index for index, group in enumerate(groups)}
    figures = set(table.figures)
    return {
        "caption": caption,
        "note": note,
        "header": [
            {
                "name": name,
                "text": _breakable(name),
                "arrow": arrows[direction(name)] if name in figures else "",
            }
            for name in table.header
        ],
        "rows": [
            {
                "key": f"g{places[id(row.group)]}",
                "colour": colours.get(id(row.group)),
                "cells": [{"text": _markup(cell), "value": cell.value, "best": cell.best} for cell in cells],
            }
            for row, cells in zip(table.rows, table.grid(), strict=True)
        ],
        "foot": [cell.text for cell in table.foot()],
    }


def _markup(cell: Cell) -> Markup:
    value, plus, error = cell.text.partition(" ± ")
    if cell.value is None:
        return _breakable(cell.text)
    return Markup('<span class="v">%s</span>') % value + (
        Markup(' <span class="pm">± %s</span>') % error if plus else ""
    )


def _breakable(text: str) -> Markup:
    """Text that may be broken after a slash and, where a part is long, after an underscore, a dot and an equals sign."""
    parts = []
    for part in plain(text).split("/"):
        escaped = str(escape(part))
        for mark in "_.=" if len(part) >= 12 else "":
            escaped = escaped.replace(mark, f"{mark}<wbr>")
        parts.append(escaped)
    return Markup("/<wbr>".join(parts))


def _card(group: Group, index: int, colours: dict[int, int], budget: int) -> dict[str, Any]:
    run = next((run for run in group.runs if run.samples()), group.runs[0])
    losses = {tag: points for tag, points in events.scalars(run, "loss/").items() if tag.count("/") == 1}
    lines = [
        Line(tag.removeprefix("loss/"), [(float(x), y) for x, y in points], [], colour)
        for colour, (tag, points) in enumerate(list(losses.items())[:COLOURS])
    ]
    near = next((image for path in reversed(run.neighbours()) if (image := pictures.opened(run, path))), None)
    strip = pictures.film(run, budget // 3)
    settings = "\n".join(
        f"{plain(key)}: {cut(value, 200)}" for key, value in (group.choices | group.settings).items()
    )
    return {
        "key": f"g{index}",
        "name": charts.line_name(group) if len(group.label) == 1 else group.name,
        "colour": colours.get(id(group)),
        "film": strip,
        "steps": ", ".join(f"{step:,}" for step in strip.steps) if strip else "",
        "last": pictures.last(run, budget // 3),
        "neighbours": pictures.uri(near, budget // 3) if near else None,
        "losses": plot("losses", lines, "updates"),
        "runs": [
            f"{one.path} ({one.status}{f': {cut(one.error, 300)}' if one.error else ''})"
            for one in group.runs
        ],
        "settings": Markup(escape(settings[:20_000])),  # its ends of lines are ours
    }
