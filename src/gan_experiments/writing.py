"""Files that are whole or not there, and one sentence where the system refuses them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gan_experiments.errors import RunError, refusal


@contextmanager
def refusals(path: Path) -> Iterator[None]:
    """Say in one sentence, as a RunError, what the system refuses while `path` is written."""
    try:
        yield
    except OSError as error:
        raise RunError(f"{path} could not be written: {refusal(error)}") from error


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """A file to write, which takes the place of `path`, and of a link there, when the block ends well.

    It lies beside `path` and has its ending. A device or pipe is written to itself. Folders above `path` are made.
    Raises RunError, in one sentence, for what the system refuses.
    """
    new = path.with_name(f".{path.stem}.new{path.suffix}")
    with refusals(path):
        if path.exists() and not path.is_file() and not path.is_dir():
            yield path
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield new
            os.replace(new, path)
        finally:
            new.unlink(missing_ok=True)
