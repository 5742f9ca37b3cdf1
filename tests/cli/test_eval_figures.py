from __future__ import annotations

from gan_experiments.cli.figures import table


def test_a_table_is_aligned_and_ends_with_the_protocol() -> None:
    record = {
        "metrics": {
            "fid": 12.3456789,
            "fid_se": 0.25,
            "kid": 0.001,
            "fid_se_dinov2_b": 2.0,
            "fid_dinov2_b": 100.0,
        },
        "floor": {"fid": 3.0, "fid_se": 0.1, "kid": 1e-5},
        "protocol": {"extractor": "x", "mode_histogram": [0.5, 0.5], "part": {"seed": 0}},
    }
    assert table(record).splitlines() == [
        "figure         value  standard error  floor",
        "fid           12.346            0.25      3",
        "kid            0.001                  1e-05",
        "fid_dinov2_b     100               2",
        "",
        "protocol",
        "  extractor  x",
        "  part.seed  0",
    ]


def test_columns_that_nothing_has_are_left_out() -> None:
    record = {"metrics": {"modes": 8}, "floor": {}, "protocol": {"modes": 8}}
    assert table(record).splitlines() == ["figure  value", "modes       8", "", "protocol", "  modes  8"]
