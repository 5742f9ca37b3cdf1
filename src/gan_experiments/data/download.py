"""Downloads that survive a broken line: resumed by HTTP Range, verified, then renamed into place."""

from __future__ import annotations

import http.client
import re
import ssl
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from gan_experiments.data import files
from gan_experiments.errors import UserError

ATTEMPTS = 3  # in vain, one after the other
PAUSE = 1.0  # seconds between them
PATIENCE = 60.0  # seconds that a server may ask to wait
TIMEOUT = 30.0  # seconds without a byte
BLOCK = 1 << 18


@dataclass(frozen=True)
class Remote:
    """A file as its authors publish it: `urls` end in the name, mirrors in order of preference.

    Without a published `md5`, the sha256 of the first download is noted beside the file and checked from then on.
    """

    name: str
    urls: tuple[str, ...]
    md5: str | None = None


class BrokenTransferError(Exception):
    """An attempt that failed in a way that another attempt, or another mirror, may not."""


def fetch(remote: Remote, folder: Path) -> Path:
    """Download `remote` into `folder`, going on with a part left by an earlier call.

    Raises UserError, naming the address and what happened, when no mirror delivers the right bytes.
    """
    target = folder / remote.name
    try:
        with files.exclusively(target):
            if not target.is_file():  # else another process was faster
                _fetch(remote, target)
    except OSError as error:
        raise UserError(f"{remote.name} cannot be written to {folder}: {files.reason(error)}") from error
    return target


def _fetch(remote: Remote, target: Path) -> None:
    part = target.with_name(target.name + ".part")
    print(f"Downloading {remote.urls[0]} to {target}")
    failures = []
    for url in remote.urls:
        try:
            _transfer(url, part)
            if bad := _wrong(part, remote):
                part.unlink()
                raise BrokenTransferError(f"{bad}; the bad file was deleted")
        except BrokenTransferError as error:
            failures.append(f"  {url}: {error}")
            continue
        if not remote.md5:
            digest = files.digest(part, "sha256")
            _note(target).write_text(digest + "\n")
            print(f"{remote.name} has no published checksum; noted its sha256: {digest}")
        part.replace(target)
        return
    kept = (
        f"\nWhat came so far is kept in {part}; the same command goes on from there." if part.exists() else ""
    )
    raise UserError(
        f"{remote.name} could not be downloaded:\n" + "\n".join(failures) + kept + f"\n"
        f"Or put the file there by hand: {target}"
    )


def _wrong(part: Path, remote: Remote) -> str:
    """Why what arrived is not the file, or an empty string."""
    if remote.md5 is None:
        return files.unsound(part, remote.name)
    digest = files.digest(part, "md5")
    return "" if digest == remote.md5 else f"wrong checksum: md5 {digest} instead of {remote.md5}"


def mismatch(file: Path, md5: str | None) -> str:
    """What is wrong with a file whose published checksum is `md5`, in one sentence, or an empty string."""
    if md5 is None and not _note(file).is_file():
        return ""
    algorithm = "md5" if md5 else "sha256"
    expected = md5 or _note(file).read_text().strip()
    digest = files.digest(file, algorithm)
    if digest == expected:
        return ""
    return f"{file} has {algorithm} {digest} instead of {expected}: delete it and fetch it again"


def _note(target: Path) -> Path:
    return target.with_name(target.name + ".sha256")


def _transfer(url: str, part: Path) -> None:
    """Bring `part` to the full length of `url`; every attempt goes on where the last one ended."""
    in_vain = 0
    while True:
        before, pause = part.stat().st_size if part.exists() else 0, PAUSE
        try:
            return _attempt(url, part, before)
        except urllib.error.HTTPError as error:
            if error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE and before:
                if error.headers.get("Content-Range") == f"bytes */{before}":
                    return None  # it was complete
                part.unlink()  # longer than the file: not a part of it
                continue
            reason = f"HTTP status {error.code} ({error.reason})"
            if error.code != http.client.TOO_MANY_REQUESTS and error.code < 500:
                raise BrokenTransferError(reason) from error
            pause = _asked(error.headers.get("Retry-After"))
        except urllib.error.URLError as error:
            raise BrokenTransferError(f"no connection ({error.reason})") from error
        except (http.client.HTTPException, ConnectionError, TimeoutError, ssl.SSLError) as error:
            reason = f"the connection broke off: {error or type(error).__name__}"
        except BrokenTransferError as error:
            reason = f"the connection broke off: {error}"
        in_vain = 0 if part.exists() and part.stat().st_size > before else in_vain + 1
        if in_vain == ATTEMPTS:
            raise BrokenTransferError(reason)
        time.sleep(pause)


def _asked(retry_after: str | None) -> float:
    """The seconds to wait that a server asks for, within reason."""
    return min(float(retry_after), PATIENCE) if retry_after and retry_after.isdecimal() else PAUSE


def _attempt(url: str, part: Path, start: int) -> None:
    from tqdm import tqdm

    headers = {"User-Agent": "gan-experiments"}
    if start:
        headers["Range"] = f"bytes={start}-"
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT) as reply:
        if reply.status != http.client.PARTIAL_CONTENT:
            start = 0  # the server does not know Range and sends everything
        total = start + reply.length if reply.length is not None else None
        if reply.status == http.client.PARTIAL_CONTENT:
            sent = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", reply.headers.get("Content-Range", "").strip())
            if sent is None or int(sent[1]) != start:
                part.unlink(missing_ok=True)  # to begin with the first byte
                raise BrokenTransferError(f"the server sent other bytes than those from {start} on")
            if sent[2] != "*":
                total = int(sent[2])
        with (
            open(part, "ab" if start else "wb") as out,
            tqdm(total=total, initial=start, unit="B", unit_scale=True, desc=part.stem, disable=None) as bar,
        ):
            while block := reply.read(BLOCK):
                out.write(block)
                bar.update(len(block))
            size = out.tell()
    if total is not None and size < total:
        raise BrokenTransferError(f"{size} of {total} bytes arrived")
