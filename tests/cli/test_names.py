"""Names of a sweep's jobs."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan_experiments.cli.names import COMMON as COMMON_FILE
from gan_experiments.cli.names import MAX_NAME, common, job_folder, job_name, keep, shared
from gan_experiments.errors import UserError
from gan_experiments.runs import RECORD


def test_job_name_is_the_sorted_overrides() -> None:
    overrides = ["seed=0", "+model=san", "sweep=first", "paths.outputs=/x", "resume=auto", "paths.data=/y"]
    assert job_name(overrides) == "+model=san,seed=0"
    assert job_name(["sweep=first"]) == "defaults"


COMMON = ["data=mnist", "seed=0"]


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        (["model=gan", *COMMON], "model=gan"),
        (["model=gan", "seed=1", "data=mnist"], "model=gan,seed=1"),
        (["model=gan", "seed=0"], "model=gan,-data"),
        (["seed=1"], "seed=1,-data"),
        (COMMON, "defaults"),
        ([], "defaults,-data,-seed"),
    ],
)
def test_what_is_common_is_left_out_and_no_two_jobs_share_a_name(overrides: list[str], name: str) -> None:
    assert job_name(overrides, COMMON) == name


def test_what_all_jobs_have_is_common() -> None:
    jobs = [["model=gan", "seed=0", "sweep=s"], ["model=san", "seed=0", "sweep=s"]]
    assert shared(jobs) == ["seed=0"]
    assert shared(jobs[:1]) == []


def test_a_sweeps_folder_keeps_what_its_names_leave_out(tmp_path: Path) -> None:
    assert common(tmp_path) is None
    keep(tmp_path / "new", ["seed=0"])
    keep(tmp_path / "new", ["seed=1"])
    assert common(tmp_path / "new") == ["seed=0"]
    assert job_folder(tmp_path / "new", ["model=gan", "seed=0"]) == tmp_path / "new" / "model=gan"
    (tmp_path / "new" / COMMON_FILE).write_text("seed: 0")
    with pytest.raises(UserError, match=r"new/common\.yaml is damaged"):
        common(tmp_path / "new")


def test_a_folder_of_earlier_sweeps_keeps_its_whole_names(tmp_path: Path) -> None:
    record = tmp_path / "model=gan,seed=0" / RECORD
    record.parent.mkdir(parents=True)
    record.touch()
    assert common(tmp_path) == []


def test_unusual_characters_and_long_names_end_in_a_hash() -> None:
    assert job_name(["data.root=/a/b"]) != job_name(["data.root=_a_b"])
    assert job_name(["data.root=/a/b"]).startswith("data.root=_a_b-")
    long = job_name([f"model.setting_{i}=1" for i in range(50)])
    assert len(long.encode()) == MAX_NAME
    assert long.startswith("model.setting_0=1,")


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=4),
    st.lists(st.text(string.printable + "éß猫", max_size=80), max_size=4),
)
def test_job_name_is_a_safe_folder_name(one: list[str], other: list[str]) -> None:
    names = [job_name([f"k{i}={value}" for i, value in enumerate(values)]) for values in (one, other)]
    for name in names:
        assert len(name.encode()) <= MAX_NAME
        assert not set(name) & set("/\\ \n\0'\"")
    assert (names[0] == names[1]) == (one == other)
