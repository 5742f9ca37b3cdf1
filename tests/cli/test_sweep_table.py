"""The table after a sweep fits the terminal."""

from __future__ import annotations

from gan_experiments.cli.sweeps import Row, table

ROWS = [
    Row("model=gan", "finished", {"model": "gan"}, {"fd": 123.456, "precision": 0.5, "recall": 0.25}, 10.0),
    Row("model=san", "failed", {"model": "san"}),
]


def test_all_columns_without_a_terminal() -> None:
    assert table(ROWS).splitlines() == [
        "model  status    fd     precision  recall  seconds  folder",
        "gan    finished  123.5  0.5        0.25    10.0     model=gan",
        "san    failed                                       model=san",
    ]


def test_the_last_metrics_go_where_it_is_narrow() -> None:
    header = table(ROWS, 45).splitlines()[0]
    assert header.split() == ["model", "status", "fd", "seconds", "folder"]
