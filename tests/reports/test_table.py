"""The tables: seeds averaged, protocols apart, the floor below."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from gan_experiments.locking import locked
from gan_experiments.reports import Within, grouped, tables
from gan_experiments.reports.figures import Estimate
from gan_experiments.reports.table import write_csv
from gan_experiments.runs import RunFolder
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


def test_chosen_columns_and_the_best_row_on_top(tmp_path: Path) -> None:
    figures = {
        "gan": {"recall": 0.2, "fd": 40.0},
        "lost": {"recall": 0.0, "fd": "nan"},
        "san": {"recall": 0.1, "fd": 20.0},
    }
    runs = [make_run(tmp_path / model, {"model": model}, {}, [one]) for model, one in figures.items()]  # type: ignore[list-item]
    (table,) = tables(grouped(runs))
    assert table.select(["fd", "updates", "fid", "cpu_seconds"]).cells(mark="*") == [
        ["model", "seeds", "note", "fd", "updates", "cpu_seconds"],
        ["san", "1", "", "20", "100", ""],
        ["gan", "1", "", "40", "100", ""],
        ["lost", "1", "diverged", "nan", "100", ""],
        ["real images", "", "", "0.5", "", ""],
    ]
    assert [line[0] for line in table.select(["recall"]).cells("*")[1:3]] == ["gan", "san"]


def test_figures_of_other_protocols_stand_in_another_table(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path / "a", {"model": "gan"}, {}, [{"fd": 1.0}]),
        make_run(tmp_path / "b", {"model": "san"}, {}, [{"fd": 2.0}], {**PROTOCOL, "generated": 200}),
        make_run(tmp_path / "c", {"model": "vae"}, {}, [{"fd": 3.0}], {**PROTOCOL, "mode_histogram": [1.0]}),
        make_run(tmp_path / "d", {"model": "cgan"}, {}, [{"fd": 4.0}], {**PROTOCOL, "class_prior": "data"}),
        make_run(
            tmp_path / "e", {"model": "acgan"}, {}, [{"fd": 5.0}], {**PROTOCOL, "class_prior": "uniform"}
        ),
    ]
    names = [[row.group.name for row in table.rows] for table in tables(grouped(runs))]
    assert names == [["model=gan", "model=vae", "model=cgan"], ["model=san"], ["model=acgan"]]


def test_a_figure_that_is_not_finite_is_shown_as_such(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a", {"model": "gan"}, {}, [{"fd": "nan"}])  # type: ignore[dict-item]
    header, row, _ = tables(grouped([run]))[0].cells("*")
    assert dict(zip(header, row, strict=True)) | {"run": ""} == {
        "run": "", "seeds": "1", "note": "diverged", "fd": "nan", "images": "6,400", "seconds": "2"
    }  # fmt: skip


def run(
    path: Path, values: list[float | str], status: str = "finished", seed: int = 0, **more: Any
) -> RunFolder:
    config = {"seed": seed, "train": {"steps": 100 * more.pop("steps", 2)}}
    return make_run(path, {"model": "gan"}, config, [{"fd": v} for v in values], status=status, **more)  # type: ignore[dict-item]


def notes(*runs: RunFolder) -> list[tuple[str, str, str]]:
    """Seeds, note and figure of every row."""
    (table,) = tables(grouped(runs))
    return [(str(row.seeds), "; ".join(row.notes), str(row.figures["fd"])) for row in table.rows]


def test_runs_of_unequal_budgets_are_not_averaged(tmp_path: Path) -> None:
    whole = [run(tmp_path / str(seed), [9, 4 + seed], seed=seed) for seed in range(2)]
    half = run(tmp_path / "half", [8], "interrupted", seed=2)
    assert notes(*whole, half) == [
        ("2", "", "4.50 ± 0.71"),
        ("1", "unfinished at step 100 of 200", "8"),
    ]


def test_a_run_that_goes_on_is_said_to_be_running(tmp_path: Path) -> None:
    going = run(tmp_path / "run", [8], "running")
    with locked(going.path):
        assert notes(going) == [("1", "running at step 100 of 200", "8")]
    assert notes(going) == [("1", "unfinished at step 100 of 200", "8")]


def test_a_run_whose_length_is_in_images_is_unfinished_beyond_its_steps(tmp_path: Path) -> None:
    config = {"train": {"steps": 100, "images": 60_000}}
    assert notes(
        make_run(tmp_path / "run", {"model": "gan"}, config, [{"fd": 9.0}] * 2, status="interrupted")
    ) == [("1", "unfinished at step 200", "9")]


def test_unfinished_and_diverged_rows_are_not_the_best(tmp_path: Path) -> None:
    def of(name: str, value: float, **more: Any) -> RunFolder:
        return make_run(
            tmp_path / name,
            {"model": name},
            {"train": {"steps": 200}},
            [{"fd": 99, "fd_se": 1}, {"fd": value, "fd_se": 1}],
            **more,
        )

    runs = [of("a", 50), of("b", 80), of("c", 1, status="failed")]
    (tmp_path / "c" / "metrics.jsonl").write_text(
        (tmp_path / "c" / "metrics.jsonl").read_text().splitlines()[0]
    )
    (table,) = tables(grouped([*runs[:2], RunFolder(tmp_path / "c")]))
    assert table.best("fd") == {0}
    assert table.rows[2].notes == ["failed at step 100 of 200"]
    assert not table.rows[2].whole


def test_diverged_seeds_are_counted_and_left_out_of_the_mean(tmp_path: Path) -> None:
    runs = [
        run(tmp_path / str(seed), [9, value], seed=seed) for seed, value in enumerate([4, "nan", 6, "inf"])
    ]
    assert notes(*runs) == [("4", "2 of 4 diverged", "5.0 ± 1.4")]


def test_runs_without_figures_are_counted_in_their_group(tmp_path: Path) -> None:
    good = run(tmp_path / "a", [9, 4])
    bad = run(tmp_path / "b", [], "failed", seed=1)
    assert notes(good, bad) == [("1", "1 failed, not measured", "4")]


def test_best_and_final_are_two_tables(tmp_path: Path) -> None:
    runs = [run(tmp_path / str(seed), [3 + seed, 1 + seed, 7], seed=seed, steps=3) for seed in range(2)]
    groups = grouped(runs)
    (final,), (best,) = tables(groups), tables(groups, "best")
    assert (final.rows[0].figures["fd"].mean, best.rows[0].figures["fd"].mean) == (7, 1.5)
    assert best.rows[0].seeds == 2


def test_within_a_budget_each_run_shows_what_it_had_reached(tmp_path: Path) -> None:
    fast = [run(tmp_path / f"fast{seed}", [9 + seed, 5 + seed, 1], seed=seed) for seed in range(2)]
    slow = make_run(tmp_path / "slow", {"model": "slow"}, {"seed": 0}, [{"fd": 7.0}, {"fd": 3.0}])
    path = tmp_path / "fast1" / "metrics.jsonl"
    path.write_text(
        path.read_text().replace('"seconds": 3.0', '"seconds": 3.5')
    )  # its second evaluation is too late
    groups = grouped([*fast, slow])
    (table,) = tables(groups, within=Within("seconds", 3.0))
    assert [(row.figures["fd"].mean, row.seeds, row.notes) for row in table.rows] == [
        (7.5, 2, []),
        (3, 1, []),
    ]
    assert table.rows[0].costs["seconds"] == (3.0 + 1.5) / 2
    (best,) = tables(groups, "best", Within("images", 12800))
    assert [row.figures["fd"].mean for row in best.rows] == [5.5, 3]
    (only,) = tables(groups, within=Within("seconds", 2.0))
    assert [row.figures["fd"].mean for row in only.rows] == [9.5, 7]
    assert tables(groups, within=Within("seconds", 1.0)) == []
    assert tables(groups, within=Within("cpu_seconds", 99.0)) == []  # which these runs do not say


def test_within_a_budget_an_unfinished_run_is_whole_once_it_has_spent_it(tmp_path: Path) -> None:
    groups = grouped([run(tmp_path / "a", [9, 5, 4], "running", steps=9)])
    (spent,), (left,) = (tables(groups, within=Within("updates", limit)) for limit in (200, 400))
    assert (spent.rows[0].notes, left.rows[0].notes) == ([], ["unfinished at step 300 of 900"])


@pytest.mark.parametrize(
    ("mean", "spread", "text"),
    [(322.4, 204.0, "322 ± 204"), (12345.6, 234.6, "12346 ± 235"), (0.51234, 0.0123, "0.512 ± 0.012"),
     (7.0, 0.0, "7 ± 0"), (1.5e-7, 2e-8, "1.5e-07 ± 2e-08"), (0.0, 0.25, "0.00 ± 0.25")],
)  # fmt: skip
def test_digits_are_those_that_the_error_leaves(mean: float, spread: float, text: str) -> None:
    assert str(Estimate(mean, None, spread, 2)) == text


def test_latex_escapes_what_it_would_read(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path / str(i), {"model": name}, {}, [{"fd_x": 10.0 + 50 * i, "fd_se_x": 1.0}])
        for i, name in enumerate(["a_b&%$#{}~^\\input{x}", "c"])
    ]
    (table,) = tables(grouped(runs))
    assert table.latex().splitlines() == [
        r"\begin{tabular}{llrrr}",
        r"\toprule",
        r"model & seeds & fd\_x & images & seconds \\",
        r"\midrule",
        r"a\_b\&\%\$\#\{\}\textasciitilde{}\textasciicircum{}\textbackslash{}input\{x\} & 1 & \textbf{10.0 $\pm$ 1.0} & 6,400 & 2 \\",
        r"c & 1 & 60.0 $\pm$ 1.0 & 6,400 & 2 \\",
        r"\midrule",
        r"real images &  & 0.5 &  &  \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_markdown_and_csv_hold_what_others_wrote_without_harm(tmp_path: Path) -> None:
    runs = [
        make_run(tmp_path / str(i), {"model": name}, {}, [{"fd": 1.0}])
        for i, name in enumerate(["a|b", "=SUM(A1)\x1b[2J"])
    ]
    groups = grouped(runs)
    assert "| a\\|b | 1 |" in tables(groups)[0].markdown()
    write_csv(tmp_path / "x.csv", groups)
    text = (tmp_path / "x.csv").read_text()
    assert "\n'=SUM(A1)\\x1b[2J," in text


def test_figures_of_gan_eval_stand_in_a_table_of_their_protocol(tmp_path: Path) -> None:
    """Three seeds, each measured anew with 50,000 samples: a mean with its deviation."""
    runs = []
    for seed in range(3):
        one = run(tmp_path / str(seed), [9, 5], seed=seed)
        (one.path / "evaluations").mkdir()
        row = {
            "step": 200,
            "images_seen": 12_800,
            "metrics": {"fd": 2.0 + seed},
            "protocol": {**PROTOCOL, "generated": 50_000},
        }
        (one.path / "evaluations" / "step_00000200_lenet.json").write_text(json.dumps(row))
        runs.append(one)
    trained, evaluated = tables(grouped(runs))
    assert (trained.name, evaluated.name) == ("generated 100", "generated 50000")
    assert str(evaluated.rows[0].figures["fd"]) == "3.0 ± 1.0"
    assert evaluated.rows[0].notes == []


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
