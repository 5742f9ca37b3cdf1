"""Published runs as rows: they are those of the pages, and one's own stand beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from script_helpers import SCRIPTS, load

from gan_experiments.figures import direction
from gan_experiments.reports.rows import COSTS
from reporting import make_run

RESULTS = SCRIPTS.parent / "docs" / "results"
NAMES = sorted(
    {path.name for path in (RESULTS / "data").iterdir()} - {"stacked_two_convolutions"}
)  # in a sentence
ROUNDED = 2e-4  # data/ has six digits


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load("beside")


def rows_of(markdown: str) -> Iterator[dict[str, str]]:
    """The rows of every table, by the names of their columns."""
    for table in re.findall(r"(?:^\|.*\n)+", f"{markdown}\n", re.MULTILINE):
        header, _, *rows = [
            [cell.strip(" *") for cell in line.split("|")[1:-1]] for line in table.splitlines()
        ]
        yield from (dict(zip(header, row, strict=True)) for row in rows)


def figures(row: dict[str, str]) -> dict[str, list[float]]:
    """The mean and, where it has one, the spread of each figure and cost; costs of other machines are not known."""
    cells = {name: cell for name, cell in row.items() if cell and (direction(name) or name in COSTS)}
    return {
        name: [float(part) for part in cell.replace(",", "").split(" ± ")] for name, cell in cells.items()
    }


def is_same(row: dict[str, str], other: dict[str, str]) -> bool:
    ours, theirs = figures(row), figures(other)
    shared = ours.keys() & theirs.keys()
    return len(shared) > 2 and all(ours[name] == pytest.approx(theirs[name], rel=ROUNDED) for name in shared)


@pytest.mark.parametrize("name", NAMES)
def test_every_published_run_is_in_a_table(
    script: ModuleType, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    script.main([name])
    ours = [row for row in rows_of(capsys.readouterr().out) if row["model"] != "real images"]
    pages = [page.read_text() for page in RESULTS.glob("*.md")]
    printed = [row for page in pages if f"(data/{name})" in page for row in rows_of(page) if "seeds" in row]
    assert ours
    assert printed
    for row in ours:
        assert any(is_same(row, other) for other in printed if other.get("model") in (None, row["model"])), (
            row
        )


def own_run(folder: Path, model: str, like: str, **overrides: Any) -> None:
    document = json.loads((RESULTS / "data" / like).read_text())
    last = document["evaluations"][-1]["metrics"]
    make_run(folder, {"model": model, "data": "mnist"}, {"seed": 0}, [last], document["protocol"] | overrides)


def test_own_runs_stand_beside_those_of_the_same_protocol(
    script: ModuleType, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    like = "mnist/data=mnist,model=san,seed=0.json"
    own_run(tmp_path / "a", "mine", like)
    own_run(tmp_path / "b", "other", like, generated=100)
    script.main(["mnist", str(tmp_path), "--columns", "fd_lenet,updates"])
    first, second = capsys.readouterr().out.split("\n\n")[:2]
    rows = [(row["runs"], row["model"]) for row in rows_of(first)]
    assert set(rows) == {
        ("own", "mine"),
        *(("published", model) for model in ("acgan", "conditional_san", "gan", "san")),
        ("real images", ""),
    }
    assert rows[0] == ("published", "conditional_san")
    assert [(row["runs"], row["model"]) for row in rows_of(second)] == [("own", "other"), ("real images", "")]


def test_an_option_that_the_table_varies_is_read_from_own_runs(script: ModuleType, tmp_path: Path) -> None:
    run = make_run(
        tmp_path, {"model": "san"}, {"seed": 0, "optim": {"decay_start": 0.25}}, [{"fd_lenet": 1.0}]
    )
    groups = script.beside(script.published("mnist_r1"), script.grouped([run]))
    assert groups[-1].label == {"runs": "own", "model": "san", "optim.decay_start": "0.25"}
    assert groups[0].label["runs"] == "published"


def test_mistakes_are_one_sentence(
    script: ModuleType, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for words, sentence in {
        ("mnist", str(tmp_path)): "no run here or below; gan-train leaves its runs in outputs",
        ("mnist", "--columns", "fd_lenet,fdi"): "--columns: these runs have no fdi; there are fd_lenet,",
        ("mnits",): "invalid choice: 'mnits'",
    }.items():
        with pytest.raises(SystemExit, match="2"):
            script.main(words)
        assert sentence in capsys.readouterr().err
