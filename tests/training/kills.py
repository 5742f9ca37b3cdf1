"""Kills a tiny run at every operation on its files and at random moments, and goes on with it to its end.

    python tests/training/kills.py FOLDER            every operation, 40 random moments
    python tests/training/kills.py FOLDER --sample 4 every so many operations that four are tried, no moments

Each time the run must end as the one that nothing killed: weights, optimisers, random numbers and figures to the
bit, one line for each step in metrics.jsonl and one point in TensorBoard, the same files, nothing half-written.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import tiny
from gan_experiments.metrics.base import Evaluation
from gan_experiments.training import checkpoint, launch, pictures

SETTINGS = ["model=gan", "network=mlp", "data.image_size=16", "train.steps=6", "train.log_every=1",
            "train.checkpoint_every=2", "train.evaluate_every=2", "train.sample_every=4",
            "train.keep_checkpoints=1"]  # fmt: skip
CHANGES = {"os.rename", "os.link", "os.remove", "os.mkdir", "os.truncate", "os.rmdir"}
TORN = '{"step": 6, "images_s'  # what a kill can leave of a line


@dataclass
class MeanMetrics:
    """One figure, the brightness of two batches of samples."""

    best = "fd"
    best_of_few = "fd"
    seed = 0
    needs_held_out = False

    def check(self, paths_data: Path) -> None: ...

    def evaluator(self, real: Any, device: torch.device, held_out: Any, paths_data: Path) -> Any:
        def evaluate(sample: Any) -> Evaluation:
            brightness = torch.cat([sample(3), sample(2)]).mean().item()
            return Evaluation({"fd": brightness}, {"extractor": "mean"})

        return evaluate


class Harness:
    """Runs in processes that are forked off this one, which has everything imported and composed."""

    def __init__(self, root: Path) -> None:
        torch.set_num_threads(1)
        pictures.SCORED = 50
        self.root = root
        self.config, self.record = tiny.compose(*SETTINGS)
        self.config.metrics = MeanMetrics()
        images = self.config.data.load("train", Path(self.config.paths.data))
        self.config.data.load = lambda split, root: images
        self.operations = self._train(root / "whole", None)
        assert self.operations > 50
        self.whole = outcome(root / "whole")

    def survives(self, name: str, when: Callable[[], None] | int) -> str:
        """Kill a run before its `when`th operation, or as `when` arranges, and go on; what is wrong, or nothing."""
        folder = self.root / name
        killed = self._train(folder, when)
        if killed >= 0:
            return "" if callable(when) else "it was not killed"
        if (folder / "metrics.jsonl").exists():
            with (folder / "metrics.jsonl").open("a") as file:
                file.write(TORN)
        if self._train(folder, None) < 0:
            return "it could not go on"
        found = outcome(folder)
        return ", ".join(key for key in self.whole if not same(self.whole[key], found[key]))

    def _train(self, folder: Path, when: Callable[[], None] | int | None) -> int:
        """Start or go on as a sweep does; the number of operations on files, -1 for a run that was killed."""
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            self._child(folder, when, write)
        os.close(write)
        with os.fdopen(read) as answer:
            text = answer.read()
        _, status = os.waitpid(child, 0)
        return int(text) if status == 0 else -1

    def _child(self, folder: Path, when: Callable[[], None] | int | None, answer: int) -> None:
        try:
            sys.stdout = sys.stderr = (self.root / f"{folder.name}.log").open("a")
            counted = count_operations(folder, when if isinstance(when, int) else 0)
            if callable(when):
                when()
            if (folder / "checkpoints" / "last.pt").exists():
                self.config.resume = str(folder / "checkpoints" / "last.pt")
            launch.run(self.config, folder, self.record)
            os.write(answer, str(counted[0]).encode())
            os._exit(0)
        except BaseException:  # noqa: BLE001
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)


def count_operations(folder: Path, kill_at: int) -> list[int]:
    """Count what changes files below `folder`, and kill this process before number `kill_at` (from 1)."""
    count, place = [0], str(folder)

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            writes = isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        else:
            writes = event in CHANGES
        if writes and str(args[0]).startswith(place):
            count[0] += 1
            if count[0] == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    return count


def after(seconds: float) -> Callable[[], None]:
    """Die after so long, wherever the process is then: the alarm's default is to end it at once."""

    def arrange() -> None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)

    return arrange


def outcome(folder: Path) -> dict[str, Any]:
    """What two runs are compared by."""
    state = checkpoint.load(folder / "checkpoints" / "last.pt")
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    events = EventAccumulator(str(folder), size_guidance={"scalars": 0, "images": 0})
    events.Reload()
    tags = events.Tags()
    names = [*folder.glob("checkpoints/*"), *folder.glob("samples/*"), *folder.glob("*.json*")]
    return {
        "state": {key: state[key] for key in ("engine", "loader", "rng", "best", "metrics", "due")},
        "best": checkpoint.load(folder / "checkpoints" / "best.pt")["engine"],
        "rows": [{key: row[key] for key in ("step", "images_seen", "metrics")} for row in rows],
        "scalars": {tag: sorted(e.step for e in events.Scalars(tag)) for tag in tags["scalars"]},
        "images": {tag: sorted(e.step for e in events.Images(tag)) for tag in tags["images"]},
        "files": sorted(str(path.relative_to(folder)) for path in names),
        "status": json.loads((folder / "summary.json").read_text())["status"],
    }


def same(left: Any, right: Any) -> bool:
    if isinstance(left, torch.Tensor):
        return torch.equal(left, right)
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--sample", type=int, help="operations to try; without, all of them and random moments"
    )
    arguments = parser.parse_args()
    harness = Harness(arguments.folder)
    total = harness.operations
    numbers = list(range(1, total + 1))
    trials: dict[str, Callable[[], None] | int] = {}
    if arguments.sample:
        numbers = [1 + (2 * index + 1) * total // (2 * arguments.sample) for index in range(arguments.sample)]
    else:
        moments = random.Random(0)
        trials = {f"moment_{index:02d}": after(moments.uniform(0.01, 1.0)) for index in range(40)}
    trials |= {f"operation_{number:03d}": number for number in numbers}
    wrong = {name: problem for name, when in trials.items() if (problem := harness.survives(name, when))}
    print(json.dumps({"operations": total, "tried": len(trials), "wrong": wrong}))
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
