"""Jobs that run side by side name themselves, and draw nothing over each other."""

from __future__ import annotations

import io
import logging
import sys

import pytest

from gan_experiments.terminal import JOB, draws_bars, line_format, log_to_file


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_job_beside_others_has_its_name_on_every_line_and_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert (line_format(), draws_bars()) == ("%(message)s", True)
    monkeypatch.setenv(JOB, "lr=1%")
    assert (line_format() % {"message": "step 1"}, draws_bars()) == ("lr=1%: step 1", False)


def test_no_bar_where_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not draws_bars()


def test_a_message_for_the_file_alone(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    console = io.StringIO()
    file = logging.FileHandler(f"{tmp_path}/train.log")
    monkeypatch.setattr(logging.getLogger(), "handlers", [logging.StreamHandler(console), file])
    log_to_file(logging.getLogger("x"), logging.INFO, "step 1", ValueError("why"))
    file.close()
    with open(f"{tmp_path}/train.log") as text:
        assert text.read().splitlines() == ["step 1", "ValueError: why"]
    assert console.getvalue() == ""
