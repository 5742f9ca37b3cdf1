"""The tables: seeds averaged, protocols apart, the floor below."""

from __future__ import annotations

import csv
from pathlib import Path

from gan_experiments.reports import grouped, tables
from gan_experiments.reports.table import write_csv
from reporting import PROTOCOL, make_run


def test_rows_hold_means_over_seeds_and_mark_the_best(tmp_path: Path) -> None:
    figures = {"gan": [40.0, 44.0], "san": [20.0, 22.0]}
    runs = [
        make_run(tmp_path / f"{model}{seed}", {"model": model}, {"seed": seed}, [{"fd": 99.0}, {"fd": value}])
        for model, values in figures.items()
        for seed, value in enumerate(values)
    ]
    (table,) = tables(grouped(runs))
    assert table.cells(mark="*") == [
        ["model", "seeds", "fd", "images", "seconds"],
        ["gan", "2", "42.0 ± 2.8", "12,800", "3"],
        ["san", "2", "*21.0 ± 1.4*", "12,800", "3"],
        ["real images", "", "0.5", "", ""],
    ]
    assert table.markdown().splitlines()[1] == "| --- | --- | --- | --- | --- |"


def test_figures_of_other_protocols_stand_in_another_table(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path / "a", {"model": "gan"}, {}, [{"fd": 1.0}]),
        make_run(tmp_path / "b", {"model": "san"}, {}, [{"fd": 2.0}], {**PROTOCOL, "generated": 200}),
        make_run(tmp_path / "c", {"model": "vae"}, {}, [{"fd": 3.0}], {**PROTOCOL, "mode_histogram": [1.0]}),
    ]
    names = [[row.group.name for row in table.rows] for table in tables(grouped(runs))]
    assert names == [["model=gan", "model=vae"], ["model=san"]]


def test_a_figure_that_is_not_finite_is_shown_as_such(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", {"model": "gan"}, {}, [{"fd": "nan"}])  # type: ignore[dict-item]
    header, row, _ = tables(grouped([run]))[0].cells("*")
    assert dict(zip(header, row, strict=True)) | {"run": ""} == {
        "run": "", "seeds": "1", "note": "diverged", "fd": "nan", "images": "6,400", "seconds": "2"
    }  # fmt: skip


def test_runs_without_evaluations_have_no_row(tmp_path: Path) -> None:
    assert tables(grouped([make_run(tmp_path / "a", {"model": "gan"}, {})])) == []


def test_only_evaluated_seeds_count(tmp_path: Path) -> None:
    make = [{"fd": 1.0}], None
    runs = [
        make_run(tmp_path / str(seed), {"model": "gan"}, {"seed": seed}, some)
        for seed, some in enumerate(make)
    ]
    assert tables(grouped(runs))[0].cells("*")[1][1] == "1"


def test_csv_holds_every_evaluation_and_every_figure(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", {"model": "gan"}, {"seed": 7}, [{"fd": 2.0, "fd_se": 0.1}, {"fd": 1.0}])
    write_csv(tmp_path / "report.csv", grouped([run]))
    rows = list(csv.DictReader((tmp_path / "report.csv").open()))
    assert [(row["seed"], row["step"], row["fd"], row["fd_se"]) for row in rows] == [
        ("7", "100", "2.0", "0.1"),
        ("7", "200", "1.0", ""),
    ]
