"""data/files.py: locks, and archives."""

import os
import random
import subprocess
import sys
import threading
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from gan_experiments.data import files
from gan_experiments.errors import UserError

fcntl = pytest.importorskip("fcntl", reason="this system has no flock")


@pytest.fixture
def locks() -> Path:
    return files.user_folder() / "locks"


def lock_of(target: Path, locks: Path) -> Path:
    with files.exclusively(target):
        (lock,) = locks.iterdir()
    return lock


def test_a_lock_is_the_users_own_and_goes_away(tmp_path: Path, locks: Path) -> None:
    lock = lock_of(tmp_path / "a", locks)
    assert not lock.exists()
    with files.exclusively(tmp_path / "a"):
        assert lock.stat().st_mode & 0o777 == 0o600
        with files.exclusively(tmp_path / "b"):
            assert len(list(locks.iterdir())) == 2
    assert not list(locks.iterdir())


def test_a_planted_link_is_neither_followed_nor_truncated(tmp_path: Path, locks: Path) -> None:
    lock = lock_of(tmp_path / "a", locks)
    victim = tmp_path / "victim"
    victim.write_text("precious")
    lock.symlink_to(victim)
    with files.exclusively(tmp_path / "a"):
        assert victim.read_text() == "precious"
    assert victim.read_text() == "precious"


def test_what_is_in_a_lock_file_is_kept(tmp_path: Path, locks: Path) -> None:
    lock = lock_of(tmp_path / "a", locks)
    lock.write_text("of an earlier version")
    with files.exclusively(tmp_path / "a"):
        assert lock.read_text() == "of an earlier version"


@pytest.mark.parametrize("error", [OSError(37, "No locks available"), OSError(95, "Operation not supported")])
def test_where_there_are_no_locks_the_work_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    def refuse(*args: object) -> None:
        raise error

    monkeypatch.setattr(fcntl, "flock", refuse)
    with files.exclusively(tmp_path / "new" / "a"):
        assert (tmp_path / "new").is_dir()


def test_a_home_that_cannot_be_written_to_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with files.exclusively(tmp_path / "a"):
        pass


def test_one_at_a_time(tmp_path: Path) -> None:
    inside, most = [0], [0]

    def work() -> None:
        for _ in range(30):
            with files.exclusively(tmp_path / "a"):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                os.sched_yield()
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


def test_who_waits_says_for_what_and_a_killed_holder_is_waited_for_no_longer(
    tmp_path: Path, locks: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = (
        "import fcntl, sys, time\nlock = open(sys.argv[1], 'a')\nfcntl.flock(lock, fcntl.LOCK_EX)\n"
        "print('held', flush=True)\ntime.sleep(60)\n"
    )
    target = tmp_path / "a"
    lock = lock_of(target, locks)
    with subprocess.Popen(
        [sys.executable, "-c", code, str(lock)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        threading.Timer(0.3, holder.kill).start()
        with files.exclusively(target):
            assert holder.wait() < 0
    assert capsys.readouterr().err == f"Waiting for another process that is making {target}\n"


def test_damaged_archives_are_refused_in_words(tmp_path: Path) -> None:
    """Seeded damage: among it packings that nobody knows, passwords, versions to come."""
    archive, random_, refused = tmp_path / "a.zip", random.Random(3), 0
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for index in range(3):
            opened.writestr(f"data/{index}.txt", "text " * 30)
    whole = archive.read_bytes()
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[random_.randrange(len(damaged))] ^= 1 << random_.randrange(8)
        archive.write_bytes(damaged)
        refused += files.unsound(archive, archive.name) != ""
        with suppress(UserError):
            files.unpack(archive, "data", tmp_path / "into")
    assert refused > 100
