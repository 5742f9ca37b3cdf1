"""Names of a sweep's jobs: what they have in common is said once, in the sweep's folder, and each name has the rest."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser

from gan_experiments.cli.catalogue import override_key, own_recipe
from gan_experiments.errors import UserError
from gan_experiments.runs import RECORD
from gan_experiments.writing import writing

COMMON = "common.yaml"  # in a sweep's folder
MAX_NAME = 200  # bytes; file systems allow 255
NOT_IN_NAME = ("sweep", "resume", "paths.data", "paths.outputs")


def typed(overrides: Sequence[str]) -> list[str]:
    """Those of a job's overrides that its user gave and that decide what it computes."""
    return [one for one in overrides if override_key(one) not in NOT_IN_NAME and not own_recipe(one)]


def job_name(overrides: Sequence[str], common: Sequence[str] = (), longest: int = MAX_NAME) -> str:
    """The folder name of a sweep's job: its overrides, sorted; a hash ends a name that is cut or changed.

    Those in `common` are left out; `-key` at the end says that a job lacks one of them.
    """
    given = typed(overrides)
    keys = {override_key(one) for one in given}
    lacking = [f"-{override_key(one)}" for one in common if override_key(one) not in keys]
    full = ",".join([*(sorted(set(given) - set(common)) or ["defaults"]), *lacking])
    name = re.sub(r"[^\w.=,+~@-]", "_", full)
    if name == full and len(name.encode()) <= longest:
        return name
    digest = hashlib.sha256(full.encode()).hexdigest()[:8]
    return name.encode()[: longest - 9].decode(errors="ignore") + "-" + digest


def job_folder(sweep: Path, overrides: Sequence[str]) -> Path:
    """Where a sweep has the job of these overrides."""
    return sweep / job_name(overrides, common(sweep) or ())


def shared(jobs: Sequence[Sequence[str]]) -> list[str]:
    """The overrides that all jobs of a sweep have; of a single job none, which is to have a name."""
    first, *others = (typed(job) for job in jobs)
    return [one for one in first if all(one in job for job in others)] if others else []


def swept(overrides: Sequence[str], sweep: Path) -> dict[str, Any]:
    """The settings that a job's name is made of, with their values."""
    left_out = common(sweep) or ()
    parser = OverridesParser.create()
    return {
        override_key(one): parser.parse_override(one).value()
        for one in typed(overrides)
        if one not in left_out
    }


def common(sweep: Path) -> list[str] | None:
    """What names in a sweep's folder leave out, whatever is run there later; None where nothing has been run there.

    Raises UserError where the file that says it cannot be read.
    """
    file = sweep / COMMON
    if not file.is_file():
        return [] if any(sweep.glob(f"*/{RECORD}")) else None
    try:
        overrides = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError):
        overrides = None
    if not isinstance(overrides, list) or not all(isinstance(one, str) for one in overrides):
        raise UserError(f"{file} is damaged: it lists the overrides that all jobs of the sweep began with")
    return overrides


def keep(sweep: Path, overrides: Sequence[str]) -> None:
    """Let names in a sweep's folder leave out these overrides, unless it says already what they leave out."""
    if not (sweep / COMMON).is_file():
        with writing(sweep / COMMON) as new:
            new.write_text(yaml.safe_dump(list(overrides)), encoding="utf-8")
