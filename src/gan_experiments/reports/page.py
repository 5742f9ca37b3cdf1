"""One self-contained HTML page: tables, curves, samples, settings."""

from __future__ import annotations

import base64
from html import escape
from pathlib import Path

from gan_experiments.reports.curves import figure_curves, loss_curves
from gan_experiments.reports.figures import direction
from gan_experiments.reports.groups import Group
from gan_experiments.reports.pictures import opened
from gan_experiments.reports.table import Table
from gan_experiments.reports.text import cut, plain
from gan_experiments.runs import RunFolder

STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }
tr:last-child td { color: #888; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(17rem, 1fr)); gap: 1.2rem; }
.cards > div { border: 1px solid var(--line); border-radius: 6px; padding: .7rem; }
.curves { display: flex; flex-wrap: wrap; gap: 1rem; }
svg { max-width: 100%; height: auto; background: white; border-radius: 6px; }
img { width: 100%; image-rendering: pixelated; }
pre { overflow-x: auto; background: var(--soft); padding: .7rem; }
.note { color: #888; }
"""
LEGEND = (
    "± is the standard deviation over seeds, or for one seed the evaluation's standard error. Bold: the best, and what "
    "it does not beat by more than two standard errors, where the errors are known. The last line: real images held out, in place of samples."
)


def page(title: str, groups: list[Group], tables: list[Table]) -> str:
    """The page for runs grouped, and the tables of their figures."""
    parts = [
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{escape(plain(title))}</title>",
        f"<meta name='viewport' content='width=device-width'><style>{STYLE}</style></head><body>",
        f"<h1>{escape(plain(title))}</h1>",
        *[_table(table) for table in tables],
        _curves(groups, tables),
        "<h2>Samples</h2><div class='cards'>",
        *[_samples(group) for group in groups],
        "</div><h2>Runs</h2>",
        *[_settings(group) for group in groups],
        "</body></html>",
    ]
    return "\n".join(parts)


def _table(table: Table) -> str:
    header, *rows = table.cells(mark="*")
    head = "".join(f"<th>{escape(cell)}{_arrow(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows)
    protocol = ", ".join(f"{key} {value}" for key, value in table.protocol.items())
    return (
        f"<h2>Figures</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        f"<p class='note'>{escape(LEGEND)}<br>Protocol: {escape(cut(protocol, 1000))}.</p>"
    )


def _cell(text: str) -> str:
    if len(text) > 1 and text[0] == text[-1] == "*":
        return f"<td><b>{escape(text[1:-1])}</b></td>"
    return f"<td>{escape(text)}</td>"


def _arrow(name: str) -> str:
    return {1: " ↑", -1: " ↓", 0: ""}[direction(name)]


def _curves(groups: list[Group], tables: list[Table]) -> str:
    names = dict.fromkeys(name for table in tables for name in table.figures if direction(name))
    if not any(len(run.evaluations) > 1 for group in groups for run in group.runs):
        return ""
    return (
        "<h2>Over training</h2><div class='curves'>"
        + "".join(figure_curves(name, groups) for name in names)
        + "</div>"
    )


def _samples(group: Group) -> str:
    run = group.runs[0]
    pictures = [path for path in run.samples() if opened(run, path)]
    if not pictures:
        return f"<div><b>{escape(group.name)}</b><p class='note'>no samples</p></div>"
    *earlier, last = pictures
    details = "".join(f"<p class='note'>{_when(path)}</p>{_image(run, path)}" for path in earlier)
    more = f"<details><summary>earlier</summary>{details}</details>" if earlier else ""
    return f"<div><b>{escape(group.name)}</b><p class='note'>{_when(last)}</p>{_image(run, last)}{more}</div>"


def _when(picture: Path) -> str:
    return f"{int(picture.stem.removeprefix('step_')):,} updates"


def _image(run: RunFolder, path: Path) -> str:
    data = base64.b64encode(run.read(path)).decode()
    return f"<img alt='{escape(path.stem)}' src='data:image/png;base64,{data}'>"


def _settings(group: Group) -> str:
    runs = "".join(f"<li>{_run(run)}</li>" for run in group.runs)
    losses = loss_curves(group.runs[0]) or ""
    text = "\n".join(
        f"{plain(key)}: {cut(value, 200)}" for key, value in (group.choices | group.settings).items()
    )
    return (
        f"<details><summary>{escape(group.name)}</summary><ul>{runs}</ul>{losses}"
        f"<pre>{escape(text)}</pre></details>"
    )


def _run(run: RunFolder) -> str:
    error = f": {run.error}" if run.error else ""
    return escape(plain(f"{run.path} ({run.status}{error})"))
