"""How much a figure hangs on each setting: by hand on ranks, and on runs where one setting decides."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from gan_experiments.reports import grouped, tables
from gan_experiments.reports.budget import Pool, pools
from gan_experiments.reports.sensitivity import effect_cells, effects
from reporting import make_run


def pool(tmp_path: Path, runs: list[tuple[dict[str, object], float]]) -> Pool:
    made = [
        make_run(tmp_path / str(index), {"model": "gan"}, {"seed": index, **config}, [{"fd": value}])
        for index, (config, value) in enumerate(runs)
    ]
    (only,) = pools(tables(grouped(made))[0])
    return only


def test_ranks_by_hand(tmp_path: Path) -> None:
    """Ranks 1 to 4 and 5 to 8: of their variance 42 / 8, squared distances of the means 2.5 and 6.5 from 4.5 are 4."""
    runs = [({"norm": "none" if i < 4 else "batch", "lr": i % 2}, 10.0 * 2**i) for i in range(8)]
    norm, lr = effects(pool(tmp_path, runs), -1)
    assert (norm.setting, list(norm.groups)) == ("norm", ["batch", "none"])
    assert norm.share == pytest.approx(4 / (42 / 8))
    assert norm.chance == lr.chance == pytest.approx(1 / 7)
    assert lr.share == pytest.approx(0.25 / (42 / 8))
    assert norm.p < 0.05 < lr.p


def test_many_numbers_are_put_into_thirds(tmp_path: Path) -> None:
    rates = [1e-5, 2e-5, 5e-5, 1e-4, 3e-4, 1e-3, 2e-3, 5e-3, 9e-3]
    (effect,) = effects(pool(tmp_path, [({"lr": rate}, 1 / rate) for rate in reversed(rates)]), -1)
    assert list(effect.groups) == ["1e-05 to 5e-05", "0.0001 to 0.001", "0.002 to 0.009"]
    assert [sorted(1 / v for v in values) for values in effect.groups.values()] == [
        pytest.approx(rates[:3]), pytest.approx(rates[3:6]), pytest.approx(rates[6:])
    ]  # fmt: skip


@pytest.mark.parametrize(("sign", "lost"), [(-1, math.inf), (1, -math.inf)])
def test_a_diverged_run_ranks_last(tmp_path: Path, sign: int, lost: float) -> None:
    runs = [({"norm": i % 2}, math.nan if i == 3 else float(i)) for i in range(8)]
    (effect,) = effects(pool(tmp_path, runs), sign)
    assert lost in effect.groups["1"]
    assert math.isfinite(effect.share)


def test_what_says_nothing(tmp_path: Path) -> None:
    assert effects(pool(tmp_path / "few", [({"lr": i % 2}, float(i)) for i in range(7)]), -1) == []
    assert effects(pool(tmp_path / "same", [({"lr": i % 2}, 3.0) for i in range(8)]), -1) == []
    twice = [({"lr": i % 2, "double": 2 * (i % 2), "own": f"v{i}"}, float(i)) for i in range(8)]
    assert [effect.setting for effect in effects(pool(tmp_path / "twice", twice), -1)] == ["lr"]


def test_a_line_a_setting(tmp_path: Path) -> None:
    only = pool(tmp_path, [({"norm": "none" if i < 4 else "batch"}, 10.0 * (i + 1)) for i in range(8)])
    header, line = effect_cells([only], "fd")
    assert header == ["runs", "setting", "median fd by value", "share", "by chance", "p"]
    assert line[:5] == ["all runs", "norm", "batch: 65, none: 25", "0.76", "0.14"]
    assert effect_cells([], "fd") == []
