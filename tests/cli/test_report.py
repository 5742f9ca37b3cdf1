"""`gan-report` on runs that `gan-train` has left."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tiny
from gan_experiments.cli import eval as evaluate
from gan_experiments.cli import report, train
from reporting import make_run


def call(monkeypatch: pytest.MonkeyPatch, main: Any, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["command", *arguments])
    return int(main())


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two seeds; of the first gan-eval has measured more samples."""
    settings = tiny.overridden(
        "metrics=lenet",
        "metrics.samples=60",
        "data.image_size=16",
        "train.sample_every=2",
        "train.evaluate_every=2",
    )
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(tmp_path_factory.mktemp("work"))
        assert call(monkeypatch, train.main, "-m", "model=gan", "seed=0,1", "sweep=first", *settings) == 0
        folder = Path("outputs/sweeps/first").resolve()
        (run,) = folder.glob("*seed=0*")
        assert call(monkeypatch, evaluate.main, str(run), "--samples", "80", "--device", "cpu") == 0
        yield folder


def columns(line: str) -> list[str]:
    return re.split(r" {2,}", line)


def test_a_sweep_gives_tables_and_a_page(
    sweep: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(monkeypatch, report.main, str(sweep)) == 0
    trained, evaluated, last = capsys.readouterr().out.split("\n\n")
    for text, name, start in (
        (trained, "generated 60", ["2"]),
        (evaluated, "generated 80", ["1", "1 finished, not measured"]),
    ):
        said, header, row, floor = text.splitlines()
        assert said == name
        assert columns(header)[len(start) + 1] == "fd_lenet"
        assert columns(row)[1 : len(start) + 1] == start
        assert columns(floor)[0] == "real images"
    assert last == f"Report: {sweep / 'report.html'}\n"
    page = (sweep / "report.html").read_text()
    assert page.count("<img") == 3  # a film strip, the last grid and gan-eval's neighbours
    assert page.count("<svg") == page.count("</svg>") > 2
    assert len((sweep / "report.csv").read_text().splitlines()) == 1 + 2 * 2 + 1


@pytest.mark.parametrize(
    ("option", "start"),
    [
        ("--markdown", "| run | seeds | fd_lenet |"),
        ("--latex", "\\begin{tabular}{llr"),
        ("--best", "generated 60\n"),
    ],
)
def test_forms(
    option: str, start: str, sweep: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    output = sweep / "to" / "x.html"
    assert call(monkeypatch, report.main, str(sweep), option, "--output", str(output)) == 0
    assert capsys.readouterr().out.startswith(start)
    assert output.is_file()
    assert output.with_suffix(".csv").is_file()


def test_the_best_of_a_budget(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for index, value in enumerate([30.0, 10.0, 50.0, 20.0]):
        make_run(tmp_path / str(index), {"model": "gan"}, {"seed": index}, [{"fd": value}])
    assert call(monkeypatch, report.main, str(tmp_path), "--budget") == 0
    header, row = capsys.readouterr().out.split("\n\n")[1].splitlines()[1:]
    assert columns(header) == ["runs", "1", "2", "4", "images a run", "seconds a run"]
    assert columns(row)[1:4] == ["27.5 ± 15", "19.38 ± 11", "13.87 ± 6.3"]


def test_a_budget_that_is_none_or_that_no_run_kept_to_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path / "gan", {"model": "gan"}, {}, [{"fd": 30.0}, {"fd": 10.0}])
    assert (
        call(monkeypatch, report.main, str(tmp_path), "--within", "images=10000", "--columns", "fd,updates")
        == 0
    )
    assert columns(capsys.readouterr().out.splitlines()[1])[1:] == ["1", "30", "100"]
    for words in ("cpu=60", "images", "images=many"):
        assert call(monkeypatch, report.main, str(tmp_path), "--within", words) == 2
        assert f"--within takes a cost and its limit, like cpu_seconds=60, not {words}; costs are" in (
            capsys.readouterr().err
        )
    assert call(monkeypatch, report.main, str(tmp_path), "--within", "images=100") == 2
    assert "--within: no run has an evaluation within images=100" in capsys.readouterr().err


def test_columns_are_chosen_and_one_that_no_run_has_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for model, value in {"gan": 30.0, "san": 10.0}.items():
        make_run(tmp_path / model, {"model": model}, {}, [{"fd": value, "recall": 0.1}])
    words = [str(tmp_path), "--columns", "fd,updates"]
    assert call(monkeypatch, report.main, *words, "--markdown") == 0
    lines = capsys.readouterr().out.splitlines()
    assert (lines[0], lines[2]) == ("| model | seeds | fd | updates |", "| san | 1 | 10 | 100 |")
    assert call(monkeypatch, report.main, str(tmp_path), "--columns", "fdd") == 2
    there = "there are fd, recall, updates, images, seconds, training_seconds, cpu_seconds"
    assert capsys.readouterr().err == f"gan-report: error: --columns: these runs have no fdd; {there}\n"


@pytest.mark.parametrize("output", ["folder", "file/below.html", "/dev/full"])
def test_a_page_that_cannot_be_written_is_told(
    output: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path / "run", {"model": "gan"}, {}, [{"fd": 1.0}])
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    path = tmp_path / output  # an absolute path stays one
    assert call(monkeypatch, report.main, str(tmp_path / "run"), "--output", str(path)) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"gan-report: error: {path} could not be written: ")
    assert error.count("\n") == 1


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
