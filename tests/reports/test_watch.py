"""The page served on this machine."""

from __future__ import annotations

import http.client
import json
import os
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from gan_experiments.errors import UserError
from gan_experiments.reports.watch import server
from reporting import make_run


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[ThreadingHTTPServer]:
    make_run(tmp_path / "a", {"model": "gan"}, {}, [{"fd": 3.0}])
    with server([tmp_path], 0) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


def get(serving: ThreadingHTTPServer, path: str, host: str = "localhost:80") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", serving.server_address[1], timeout=10)
    connection.request("GET", path, headers={"Host": host})
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def test_the_page_is_made_anew_when_a_run_goes_on(serving: ThreadingHTTPServer, tmp_path: Path) -> None:
    _, stamp = get(serving, "/stamp")
    status, page = get(serving, "/")
    assert status == 200
    assert f'data-stamp="{stamp}"' in page
    assert get(serving, "/stamp") == (200, stamp)
    with (tmp_path / "a" / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"step": 900, "metrics": {"fd": 1.25}, "protocol": {}}) + "\n")
    os.utime(tmp_path / "a" / "metrics.jsonl", ns=(1, 1))
    assert get(serving, "/stamp")[1] != stamp
    assert "1.25" in get(serving, "/")[1]


def test_nothing_else_is_served(serving: ThreadingHTTPServer) -> None:
    assert serving.server_address[0] == "127.0.0.1"
    assert get(serving, "/../../etc/passwd")[0] == 404
    assert get(serving, "/a/metrics.jsonl")[0] == 404
    assert get(serving, "/", host="evil.example")[0] == 403


def test_before_the_first_run_the_page_is_empty(tmp_path: Path) -> None:
    with server([tmp_path], 0) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        status, page = get(found, "/")
        found.shutdown()
        thread.join()
    assert status == 200
    assert "0 runs" in page


def test_a_port_that_is_taken_is_told(serving: ThreadingHTTPServer, tmp_path: Path) -> None:
    port = serving.server_address[1]
    with pytest.raises(UserError, match=f"--watch {port}: the port cannot be used: Address already in use"):
        server([tmp_path], port)
    with pytest.raises(UserError, match="--watch 99999"):
        server([tmp_path], 99_999)
