"""gan-report on a hundred odd run folders: no traceback, no hang, nothing from outside the folder, nothing raw."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import hostile
import pytest

from gan_experiments.cli import report

COUNT = 100
LIMIT = 60  # seconds for a folder

_watched: list[Path] = []
_opened: list[str] = []


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open" and _watched and isinstance(arguments[0], (str, bytes)):
        path = arguments[0] if isinstance(arguments[0], str) else arguments[0].decode(errors="replace")
        real = Path(os.path.realpath(path))
        if any(real.is_relative_to(folder) for folder in _watched):
            _opened.append(path)


sys.addaudithook(_audit)


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "secret.json").write_text(
        f'{{"status": "{hostile.SECRET}", "config": {{"a": "{hostile.SECRET}"}}}}'
    )
    (folder / "job.json").write_text((folder / "secret.json").read_text())
    for name in ("secret.png", "step_00000100.png"):
        (folder / name).write_bytes(hostile.png((55, 55)))
    _opened.clear()
    yield folder
    _watched.clear()


@pytest.fixture
def in_time() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise AssertionError(f"not done within {LIMIT} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LIMIT)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def call(monkeypatch: pytest.MonkeyPatch, *folders: Path) -> int:
    monkeypatch.setattr(sys, "argv", ["gan-report", *map(str, folders)])
    return report.main()


def check(folder: Path, code: int, capture: pytest.CaptureFixture[str]) -> str:
    out, err = capture.readouterr()
    assert code in (0, 2), err
    assert "Traceback" not in err
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u202e\u2066]", out + err)
    page = (folder / "report.html").read_text(encoding="utf-8") if code == 0 else ""
    for text in (out, err, page):
        assert hostile.SECRET not in text
    assert hostile.MARKUP not in page
    assert "onerror=boom>" not in page
    assert _opened == []
    return out


@pytest.mark.parametrize("seed", range(COUNT))
def test_an_odd_run_is_reported(
    seed: int,
    tmp_path: Path,
    outside: Path,
    in_time: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "runs"
    hostile.make(folder, outside.resolve(), seed)
    hostile.whole(folder / "good", 0, "wgan_gp")
    _watched.append(outside.resolve())
    code = call(monkeypatch, folder)
    _watched.clear()
    out = check(folder, code, capsys)
    assert code == 0
    assert re.search(r" 30 ", out)


def test_odd_runs_do_not_end_the_report_of_others(
    tmp_path: Path, outside: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "runs"
    for seed in range(COUNT, COUNT + 20):
        hostile.make(folder, outside.resolve(), seed)
    hostile.whole(folder / "good", 0, "wgan_gp")
    code = call(monkeypatch, folder)
    assert re.search(r" 30 ", check(folder, code, capsys))
    assert code == 0
