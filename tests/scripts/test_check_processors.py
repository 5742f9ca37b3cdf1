"""The matrix of processors: settings reach the tests, and a test that fails under one of them shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from script_helpers import load


def test_a_test_that_one_setting_breaks_is_marked_in_its_column(tmp_path: Path, capsys: Any) -> None:
    module = load("check_processors")
    tests = tmp_path / "test_it.py"
    tests.write_text(
        "import os, pytest\n"
        "def test_threads(): assert 'TEST_THREADS' not in os.environ\n"
        "def test_seed(): assert os.environ['TEST_SEED'] == '3'\n"
        "def test_away(): pytest.skip('no')\n"
    )
    run = ["--seeds", "3", "--tests", "-n0", str(tests)]
    assert module.main(["--settings", "plain", "two threads", *run]) == 1
    *legend, head, away, seed, threads = capsys.readouterr().out.splitlines()[-6:]
    assert legend == ["  1 plain, seed +3", "  2 two threads, seed +3"]
    assert head == "  1  2"
    for line, cells, test in (
        (away, "  s  s  ", "away"),
        (seed, "  .  .  ", "seed"),
        (threads, "  .  F  ", "threads"),
    ):
        assert line.startswith(cells)
        assert line.endswith(f"test_it::test_{test}")
    assert module.main(["--settings", "plain", *run]) == 0
    tests.unlink()
    assert module.main(["--settings", "plain", *run]) == 1  # without tests there is nothing to be glad of
