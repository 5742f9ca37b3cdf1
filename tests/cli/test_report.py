"""`gan-report` on runs that `gan-train` has left."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

import tiny
from gan_experiments.cli import report, train


def call(monkeypatch: pytest.MonkeyPatch, main: Any, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["command", *arguments])
    return int(main())


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    settings = tiny.overridden(
        "metrics=lenet",
        "metrics.samples=60",
        "data.image_size=16",
        "train.sample_every=2",
        "train.evaluate_every=2",
    )
    assert call(monkeypatch, train.main, "-m", "model=gan,san", "seed=0,1", "sweep=first", *settings) == 0
    return tmp_path / "outputs" / "sweeps" / "first"


def test_a_sweep_gives_a_table_and_a_page(
    sweep: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert call(monkeypatch, report.main, str(sweep)) == 0
    header, gan, san, floor, _, last = capsys.readouterr().out.splitlines()
    assert header.split()[:3] == ["model", "seeds", "fd_lenet"]
    assert (gan.split()[:2], san.split()[:2], floor.split()[:2]) == (
        ["gan", "2"],
        ["san", "2"],
        ["real", "images"],
    )
    assert last == f"Report: {sweep / 'report.html'}"
    page = (sweep / "report.html").read_text()
    assert page.count("<img") == 4  # two grids of the first seed of each model
    assert not re.search(r"(src|href)=.https?:|@import|url\(.?http", page)  # self-contained
    assert page.count("<svg") == page.count("</svg>") > 2
    assert len((sweep / "report.csv").read_text().splitlines()) == 1 + 4 * 2


def test_markdown(sweep: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert (
        call(monkeypatch, report.main, str(sweep), "--markdown", "--output", str(sweep / "to" / "x.html"))
        == 0
    )
    assert capsys.readouterr().out.startswith("| model | seeds | fd_lenet |")
    assert (sweep / "to" / "x.html").is_file()
    assert (sweep / "to" / "x.csv").is_file()


@pytest.mark.parametrize(
    ("name", "message"), [("nowhere", "there is no such folder"), (".", "no run here or below")]
)
def test_nothing_to_report(
    name: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert call(monkeypatch, report.main, name) == 2
    assert message in capsys.readouterr().err
