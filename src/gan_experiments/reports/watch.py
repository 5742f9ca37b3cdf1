"""The page served while runs train: on this machine alone, made anew when a run has gone on."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from gan_experiments.errors import UserError, refusal
from gan_experiments.plain import plain
from gan_experiments.reports import grouped, tables
from gan_experiments.reports.page import page
from gan_experiments.runs import EVALUATIONS, RECORD, runs_below

HOSTS = ("localhost", "127.0.0.1")
WATCHED = (RECORD, Path(EVALUATIONS), Path("summary.json"), Path("samples"), Path("evaluations"))


class Report:
    """The page of the runs below some folders, kept until one of them changes."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.folders = folders
        self._made: tuple[str, str] = ("", "")
        self._lock = threading.Lock()

    def stamp(self) -> str:
        """Another text whenever a run has begun, evaluated, drawn samples or ended."""
        times = []
        for run in (run for folder in self.folders for run in runs_below(folder)):
            for name in WATCHED:
                try:
                    times.append((str(run.path), str(name), (run.path / name).lstat().st_mtime_ns))
                except OSError:
                    continue
        return hashlib.sha256(repr(times).encode(errors="backslashreplace")).hexdigest()[:16]

    def page(self) -> str:
        with self._lock:
            stamp = self.stamp()
            if stamp != self._made[0]:
                runs = {run.path.resolve(): run for folder in self.folders for run in runs_below(folder)}
                groups = grouped(runs.values())
                made = page(self.folders, groups, tables(groups), tables(groups, "best"), stamp)
                self._made = (stamp, made)
            return self._made[1]


def server(folders: Sequence[Path], port: int) -> ThreadingHTTPServer:
    """A server of the page on 127.0.0.1; port 0 is any free one. Raises UserError where the port is taken."""
    report = Report(folders)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if (
                self.headers.get("Host", "").partition(":")[0] not in HOSTS
            ):  # a page elsewhere that asks for ours
                return self.send_error(403)
            if self.path == "/":
                return self._answer(report.page(), "text/html")
            if self.path == "/stamp":
                return self._answer(report.stamp(), "text/plain")
            return self.send_error(404)

        def _answer(self, text: str, kind: str) -> None:
            body = text.encode()
            self.send_response(200)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            """Requests are not worth a line."""

    try:
        return ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except (OSError, OverflowError) as error:
        raise UserError(f"--watch {port}: the port cannot be used: {refusal(error)}") from error


def watch(folders: Sequence[Path], port: int) -> None:
    """Serve until interrupted."""
    with server(folders, port) as serving:
        names = ", ".join(map(str, folders))
        print(
            plain(f"Watching {names} at http://localhost:{serving.server_address[1]}/ (Ctrl-C ends)"),
            flush=True,
        )
        serving.serve_forever()
