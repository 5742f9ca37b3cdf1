"""The checkpoints in a run's folder: one for each step that is kept, and which of them are the last and the best."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gan_experiments.errors import UserError
from gan_experiments.training import checkpoint
from gan_experiments.training.rewind import FIRST, rewind


class NoCheckpoints:
    """What ranks other than the first write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, step: int) -> Path:
        """The file of a step's checkpoint."""
        return self.folder / f"step_{step:08d}.pt"

    def begin(self, resumed: Path | None, step: int, due: tuple[str, ...], best: int | None) -> Path | None:
        """Make the folder that of a run which starts, or goes on from the checkpoint `resumed`.

        due: what is yet to be made of `step`. best: the step of the best figures so far. Returns where that of
        later steps has been put, if there was any.
        """

    def save(self, step: int, state: dict[str, Any], best: bool) -> None:
        pass


class Checkpoints(NoCheckpoints):
    """Writes step_N.pt, makes it best.pt when it is the best so far, and last.pt; `keep` older ones stay.

    last.pt comes last: whatever is killed when, going on from it does again what it lacks.
    """

    def __init__(self, folder: Path, keep: int) -> None:
        super().__init__(folder)
        self.keep = keep

    def begin(self, resumed: Path | None, step: int, due: tuple[str, ...], best: int | None) -> Path | None:
        run = self.folder.parent
        if resumed is None or resumed.parent.resolve() != self.folder.resolve():
            return rewind(run, FIRST)
        last_path, best_path = self.folder / "last.pt", self.folder / "best.pt"
        self._keep_if_later(last_path, step)
        if not last_path.exists() or not last_path.samefile(resumed):
            checkpoint.link(resumed, last_path)
        if self._keep_if_later(best_path, step):
            best_path.unlink()
        aside = rewind(run, step, due)
        if best is not None and self.path(best).exists() and _step(best_path) != best:
            checkpoint.link(self.path(best), best_path)
        return aside

    def _keep_if_later(self, path: Path, step: int) -> bool:
        """Whether last.pt or best.pt is of a later step; it then has a step's name too, to be put aside by."""
        later = _step(path)
        if later > step and not self.path(later).exists():
            checkpoint.link(path, self.path(later))
        return later > step

    def save(self, step: int, state: dict[str, Any], best: bool) -> None:
        path = self.path(step)
        checkpoint.save(path, state)
        checkpoint.publish(path, best)
        for old in sorted(self.folder.glob("step_*.pt"))[: -(self.keep + 1)]:
            old.unlink()


def kept(run: Path) -> str:
    """What of a run that failed is still there."""
    last = run / "checkpoints" / "last.pt"
    return f"the last good checkpoint is {last}" if last.exists() else "no checkpoint was written yet"


def _step(path: Path) -> int:
    """The step of a checkpoint; FIRST where there is none that can be read."""
    try:
        return int(checkpoint.load(path)["engine"]["step"])
    except (UserError, KeyError, TypeError, ValueError):
        return FIRST
