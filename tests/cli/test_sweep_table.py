"""The table after a sweep fits the terminal."""

from __future__ import annotations

from gan_experiments.cli.sweeps import Row, table

ROWS = [
    Row(
        "model=gan",
        "finished",
        {"model": "gan"},
        {"fd": 123.456, "fd_se": 10.0, "precision": 0.5, "fd_unbiased": 1.0},
        10.0,
    ),
    Row("model=san", "failed", {"model": "san"}),
]


def test_all_columns_without_a_terminal() -> None:
    assert table(ROWS).splitlines() == [
        "model  status    fd        precision  seconds",
        "gan    finished  123 ± 10  0.5        10",
        "san    failed",
    ]


def test_the_last_metrics_go_where_it_is_narrow() -> None:
    header = table(ROWS, 40).splitlines()[0]
    assert header.split() == ["model", "status", "fd", "seconds"]
