"""The benchmark runs and reports what its table promises."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "bench.py"


@pytest.mark.benchmark
def test_a_case_gives_a_row_with_ratio_shares_and_memory(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--cases", "gan:mlp", "--shapes", "mnist", "--batch-size", "8"]
    subprocess.run([*command, "--rounds", "1", "--json", f"{tmp_path}/rows.jsonl"], check=True)
    (row,) = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    assert row["ratio_min"] <= row["ratio"] <= row["ratio_max"]
    assert row["images_per_second"] > 0
    assert set(row["share"]) == {"data", "optimizer", "bookkeeping"}
    assert all(0 < share < 1 for share in row["share"].values())
    assert all(value > 0 for value in row["peak_mib"].values())
