"""The checkpoints in a run's folder: one for each step that is kept, and which of them are the last and the best."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gan_experiments.training import checkpoint


class NoCheckpoints:
    """What ranks other than the first write."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, step: int) -> Path:
        """The file of a step's checkpoint."""
        return self.folder / f"step_{step:08d}.pt"

    def save(self, step: int, state: dict[str, Any], best: bool) -> None:
        pass


class Checkpoints(NoCheckpoints):
    """Writes step_N.pt, makes it last.pt, and best.pt when it is the best so far; `keep` older ones stay."""

    def __init__(self, folder: Path, keep: int) -> None:
        super().__init__(folder)
        self.keep = keep

    def save(self, step: int, state: dict[str, Any], best: bool) -> None:
        path = self.path(step)
        checkpoint.save(path, state)
        checkpoint.publish(path, best)
        for old in sorted(self.folder.glob("step_*.pt"))[: -(self.keep + 1)]:
            old.unlink()
