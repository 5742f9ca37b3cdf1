"""The benchmark of the evaluation compares equals, and its table says what is missing."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from types import ModuleType

import pytest
from script_helpers import SCRIPTS, load


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load("bench_metrics")


@pytest.mark.processors
def test_both_sides_of_a_figure_compute_the_same(script: ModuleType) -> None:
    x, y = (script.features(60, 16, seed) for seed in range(2))
    fid = script.trace_torch_fidelity(x, y)()["frechet_inception_distance"]
    assert script.trace_ours(x, y)() == pytest.approx(fid, rel=1e-8)
    ours, theirs = script.neighbours_ours(x, y)(), script.neighbours_torch_fidelity(x, y)()
    assert (ours.precision, ours.recall) == pytest.approx((theirs["precision"], theirs["recall"]), rel=1e-6)
    kid = script.kernel_torch_fidelity(x, y)()["kernel_inception_distance_mean"]
    assert script.kernel_ours(x, y)()[0] == pytest.approx(
        kid, abs=1e-6
    )  # a difference of float32 means near 1


@pytest.mark.processors
@pytest.mark.parametrize("what", ["neighbours", "kernel"])
def test_what_is_kept_of_the_real_side_changes_no_figure(script: ModuleType, what: str) -> None:
    x, y = (script.features(60, 16, seed) for seed in range(2))
    assert getattr(script, f"{what}_kept")(x, y)() == getattr(script, f"{what}_ours")(x, y)()


def test_the_table_has_a_line_a_library_and_names_those_that_are_not_installed(script: ModuleType) -> None:
    figure = "Frechet distance from moments"
    size = ["--images", "60", "--features", "16"]
    command = [sys.executable, str(SCRIPTS / "bench_metrics.py"), "--only", figure, *size]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    lines = run.stdout.splitlines()
    rows = {line[:28].strip(): line[28:] for line in lines[lines.index(figure) + 2 :]}
    assert list(rows) == list(script.FEATURES[figure])
    for library, (_, modules) in script.FEATURES[figure].items():
        if any(importlib.util.find_spec(module) is None for module in modules):
            assert rows[library].endswith("is not installed")
        else:
            assert all(float(number) >= 0 for number in rows[library].split())
