"""Downloads from a server of our own that can misbehave."""

import errno
import hashlib
import http.server
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from gan_experiments.data import download
from gan_experiments.data.download import Remote
from gan_experiments.errors import UserError

CONTENT = bytes(range(256)) * 4000
MD5 = hashlib.md5(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT under every name; the attributes say how badly."""

    ranges = True  # knows the Range header
    content = CONTENT
    status = 200
    busy: list[int]  # statuses of the next answers
    length: str | None = None  # a Content-Length that is a lie; "": none at all
    offset = 0  # how far the Content-Range is from what was asked for
    breaks: list[int]  # bytes after which the next answers break off; then they are whole
    requests: list[str | None]  # the Range header of each request

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file.bin"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server, wanted = self.server, self.headers["Range"]
        server.requests.append(wanted)
        if server.busy or server.status != 200:
            self.send_response(server.busy.pop(0) if server.busy else server.status)
            self.send_header("Retry-After", "7")
            self.end_headers()
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and server.ranges else 0
        if start and start >= len(server.content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(server.content)}")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            whole = len(server.content)
            self.send_header("Content-Range", f"bytes {start + server.offset}-{whole - 1}/{whole}")
        if server.length != "":
            self.send_header("Content-Length", server.length or str(len(server.content) - start))
        self.end_headers()
        end = start + server.breaks.pop(0) if server.breaks else len(server.content)
        self.wfile.write(server.content[start:end])

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(download, "PAUSE", 0.0)
    monkeypatch.setattr(download, "PATIENCE", 0.0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server(("127.0.0.1", 0), Handler) as served:
        served.breaks, served.requests, served.busy = [], [], []
        thread = threading.Thread(target=served.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield served
        served.shutdown()
        thread.join()


def remote(server: Server, md5: str | None = MD5, *mirrors: str) -> Remote:
    return Remote("file.bin", (server.url, *mirrors), md5)


def test_whole_file(server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = download.fetch(remote(server), tmp_path / "new" / "folder")
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["file.bin"]
    assert capsys.readouterr().out == f"Downloading {server.url} to {target}\n"


def test_broken_connections_are_resumed_where_they_broke(server: Server, tmp_path: Path) -> None:
    server.breaks = [100_000, 200_000, 1, 300_000, 50_000]
    assert download.fetch(remote(server), tmp_path).read_bytes() == CONTENT
    starts = [100_000, 300_000, 300_001, 600_001, 650_001]
    assert server.requests == [None, *(f"bytes={start}-" for start in starts)]


def test_a_server_without_ranges_begins_again(server: Server, tmp_path: Path) -> None:
    server.ranges, server.breaks = False, [100_000]
    assert download.fetch(remote(server), tmp_path).read_bytes() == CONTENT
    assert server.requests == [None, "bytes=100000-"]


def test_what_came_is_kept_and_the_next_call_goes_on(server: Server, tmp_path: Path) -> None:
    server.breaks = [70_000] + [0] * download.ATTEMPTS
    with pytest.raises(UserError) as error:
        download.fetch(remote(server), tmp_path)
    text = str(error.value)
    assert "file.bin could not be downloaded" in text
    assert f"{server.url}: the connection broke off: 70000 of {len(CONTENT)} bytes arrived" in text
    assert f"What came so far is kept in {tmp_path / 'file.bin.part'}" in text
    assert f"Or put the file there by hand: {tmp_path / 'file.bin'}" in text
    server.requests.clear()
    assert download.fetch(remote(server), tmp_path).read_bytes() == CONTENT
    assert server.requests == ["bytes=70000-"]


@pytest.mark.parametrize("surplus", [b"", b"too long"])
def test_a_part_that_is_already_whole_or_longer(server: Server, tmp_path: Path, surplus: bytes) -> None:
    (tmp_path / "file.bin.part").write_bytes(CONTENT + surplus)
    assert download.fetch(remote(server), tmp_path).read_bytes() == CONTENT
    assert len(server.requests) == (2 if surplus else 1)


def test_wrong_bytes_are_deleted(server: Server, tmp_path: Path) -> None:
    server.content = b"<html>you must log in</html>"
    with pytest.raises(
        UserError, match=f"wrong checksum: md5 [0-9a-f]+ instead of {MD5}; the bad file was deleted"
    ):
        download.fetch(remote(server), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_part_of_another_file_is_not_kept(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(b"x" * 1000)
    with pytest.raises(UserError, match="wrong checksum"):
        download.fetch(remote(server), tmp_path)
    assert download.fetch(remote(server), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("status", [403, 404, 503])
def test_http_errors_are_named(server: Server, tmp_path: Path, status: int) -> None:
    server.status = status
    with pytest.raises(UserError, match=f"file.bin: HTTP status {status} "):
        download.fetch(remote(server), tmp_path)


def test_the_next_mirror_is_tried(server: Server, tmp_path: Path) -> None:
    gone = Remote("file.bin", ("http://127.0.0.1:1/file.bin", server.url), MD5)
    assert download.fetch(gone, tmp_path).read_bytes() == CONTENT


def test_no_network(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        download.fetch(Remote("file.bin", ("http://127.0.0.1:1/file.bin",), MD5), tmp_path)
    assert "http://127.0.0.1:1/file.bin: no connection" in str(error.value)
    assert f"put the file there by hand: {tmp_path / 'file.bin'}" in str(error.value)


def test_without_a_published_checksum_the_first_one_is_noted(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = download.fetch(remote(server, md5=None), tmp_path)
    sha256 = hashlib.sha256(CONTENT).hexdigest()
    assert f"file.bin has no published checksum; noted its sha256: {sha256}" in capsys.readouterr().out
    assert (tmp_path / "file.bin.sha256").read_text() == sha256 + "\n"
    assert download.mismatch(target, None) == ""
    target.write_bytes(b"changed")
    assert f"instead of {sha256}" in download.mismatch(target, None)


def test_a_file_brought_by_hand_has_no_note_to_be_compared_with(tmp_path: Path) -> None:
    (tmp_path / "file.bin").write_bytes(CONTENT)
    assert download.mismatch(tmp_path / "file.bin", None) == ""


def archive(kind: str) -> bytes:
    out = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(out, "w") as opened:
            opened.writestr("folder/file", CONTENT)
    else:
        with tarfile.open(fileobj=out, mode="w:gz") as tape:
            member = tarfile.TarInfo("folder/file")
            member.size = len(CONTENT)
            tape.addfile(member, io.BytesIO(CONTENT))
    return out.getvalue()


PAGE = b"  <!DOCTYPE html><html><body>Quota exceeded</body></html>"


@pytest.mark.parametrize("kind", ["zip", "tar.gz"])
@pytest.mark.parametrize("damage", ["page", "cut", "flipped", "empty"])
def test_an_archive_without_a_checksum_is_read_through(
    server: Server, tmp_path: Path, kind: str, damage: str
) -> None:
    whole = archive(kind)
    half = len(whole) // 2
    bad = {
        "page": PAGE,
        "cut": whole[:half],
        "flipped": whole[:half] + bytes([whole[half] ^ 255]) + whole[half + 1 :],
        "empty": b"",
    }[damage]
    wanted = Remote(f"x.{kind}", (server.url,))
    server.content, server.length = bad, ""
    with pytest.raises(UserError, match="page" if damage == "page" else "whole archive|damaged"):
        download.fetch(wanted, tmp_path)
    assert not list(tmp_path.iterdir())
    server.content = whole
    assert download.fetch(wanted, tmp_path).read_bytes() == whole


@pytest.mark.parametrize("name", ["x.pth", "x.bin"])
def test_a_web_page_is_no_file_of_any_name(server: Server, tmp_path: Path, name: str) -> None:
    server.content = PAGE
    with pytest.raises(UserError, match="it is a web page; the bad file was deleted"):
        download.fetch(Remote(name, (server.url,)), tmp_path)


@pytest.mark.parametrize("offset", [-10, 10])
@pytest.mark.parametrize("checked", [True, False])
def test_bytes_from_another_place_are_not_taken(
    server: Server, tmp_path: Path, offset: int, checked: bool
) -> None:
    server.breaks, server.offset = [100_000], offset
    assert download.fetch(remote(server, MD5 if checked else None), tmp_path).read_bytes() == CONTENT
    assert server.requests == [None, "bytes=100000-", None]


def test_a_part_that_was_not_asked_for_is_not_taken(server: Server, tmp_path: Path) -> None:
    server.status = 206
    with pytest.raises(UserError, match="the server sent other bytes than those from 0 on"):
        download.fetch(remote(server), tmp_path)


@pytest.mark.parametrize("length", ["abc", "-5", "", "1e3"])
def test_a_length_that_is_none(server: Server, tmp_path: Path, length: str) -> None:
    server.length = length
    assert download.fetch(remote(server), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_server_is_asked_again_when_it_says(
    server: Server, tmp_path: Path, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(download.time, "sleep", pauses.append)
    monkeypatch.setattr(download, "PATIENCE", 60.0)
    server.busy = [status] * (download.ATTEMPTS - 1)
    assert download.fetch(remote(server), tmp_path).read_bytes() == CONTENT
    assert pauses == [7.0] * (download.ATTEMPTS - 1)


@pytest.mark.parametrize(
    ("header", "seconds"), [(None, "PAUSE"), ("soon", "PAUSE"), ("-1", "PAUSE"), ("99999999", "PATIENCE")]
)
def test_nobody_waits_for_ever(header: str | None, seconds: str) -> None:
    assert download._asked(header) == getattr(download, seconds)


def test_a_full_disk_is_said(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(url: str, part: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download, "_transfer", full)
    with pytest.raises(
        UserError, match=r"file\.bin cannot be written to .*: the disk, or your share of it, is full"
    ):
        download.fetch(remote(server), tmp_path)


def test_a_folder_that_cannot_be_made(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UserError, match=r"file\.bin cannot be written to .*file/sub"):
        download.fetch(remote(server), tmp_path / "file" / "sub")
