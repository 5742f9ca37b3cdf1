"""Kills a tiny run at every operation on its files and at random moments, and goes on with it to its end.

    python tests/training/kills.py FOLDER            every operation and random moments, on one rank and on two
    python tests/training/kills.py FOLDER --sample 4 every so many operations that four are tried, on one rank

Each time the run must end as the one that nothing killed: weights, optimisers, random numbers and figures to the
bit, one line for each step in metrics.jsonl and one point in TensorBoard, the same files, nothing half-written.
Of two ranks one is killed, and the other gets SIGTERM, as from torchrun.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
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
MOMENTS = 40  # random ones, in which a run is about to end


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


@dataclass(frozen=True)
class Kill:
    """SIGKILL for one process of a run, before its `operation`th change to a file (from 1) or after so long."""

    operation: int = 0
    seconds: float = 0.0
    rank: int = 0

    def arrange(self, folder: Path) -> list[int]:
        """Have this process killed so; its operations below `folder` are counted in what is returned."""
        if self.seconds:  # an alarm that nothing handles ends the process as SIGKILL does
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.setitimer(signal.ITIMER_REAL, self.seconds)
        return count_operations(folder, self.operation)


class Harness:
    """Runs in processes that are forked off this one, which has everything imported and composed."""

    def __init__(self, root: Path, ranks: int = 1) -> None:
        torch.set_num_threads(1)
        pictures.SCORED = 50
        root.mkdir(parents=True, exist_ok=True)
        self.root, self.ranks = root, ranks
        self.config, self.record = tiny.compose(*SETTINGS)
        self.config.metrics = MeanMetrics()
        images = self.config.data.load("train", Path(self.config.paths.data))
        self.config.data.load = lambda split, root: images
        self.operations = self._train(root / "whole", None)
        assert self.operations > 50
        self.whole = outcome(root / "whole")

    def survives(self, name: str, kill: Kill) -> str:
        """Kill a run so, and go on with it; what is wrong, or nothing."""
        folder = self.root / name
        if self._train(folder, kill) >= 0:
            return "it was not killed" if kill.operation else ""
        if (folder / "metrics.jsonl").exists():
            with (folder / "metrics.jsonl").open("a") as file:
                file.write(TORN)
        if self._train(folder, None) < 0:
            return "it could not go on"
        found = outcome(folder)
        return ", ".join(key for key in self.whole if not same(self.whole[key], found[key]))

    def _train(self, folder: Path, kill: Kill | None) -> int:
        """Start or go on as a sweep does; the first rank's operations on files, -1 for a run that was killed."""
        read, write = os.pipe()
        meeting = self.root / f"{time.time_ns()}.store"
        ranks: set[int] = set()
        for rank in range(self.ranks):
            child = os.fork()
            if child == 0:
                self._child(folder, kill if kill and kill.rank == rank else None, rank, meeting, write)
            ranks.add(child)
        os.close(write)
        well = stopped(ranks)
        with os.fdopen(read) as answer:
            text = answer.read()
        return int(text) if well else -1

    def _child(self, folder: Path, kill: Kill | None, rank: int, meeting: Path, answer: int) -> None:
        try:
            sys.stdout = sys.stderr = (self.root / f"{folder.name}.log").open("a")
            counted = (kill or Kill()).arrange(folder)
            if self.ranks > 1:
                dist.init_process_group("gloo", f"file://{meeting}", rank=rank, world_size=self.ranks)
            if (folder / "checkpoints" / "last.pt").exists():
                self.config.resume = str(folder / "checkpoints" / "last.pt")
            launch.run(self.config, folder, self.record)
            if rank == 0:
                os.write(answer, str(counted[0]).encode())
            sys.stderr.flush()
            os._exit(0)
        except BaseException:  # noqa: BLE001
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(1)


def stopped(ranks: set[int]) -> bool:
    """Wait for the processes of a run; whether all ended well. When one does not, the others get SIGTERM."""
    well = True
    while ranks:
        pid, status = os.wait()
        ranks.discard(pid)
        if status != 0 and well:
            well = False
            for other in ranks:
                os.kill(other, signal.SIGTERM)
    return well


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


def trials(operations: int, ranks: int, sample: int | None) -> dict[str, Kill]:
    """The kills to try, by name: each operation of the first rank, and random moments of any."""
    if sample:
        numbers = [1 + (2 * index + 1) * operations // (2 * sample) for index in range(sample)]
        return {f"operation {number}": Kill(number) for number in numbers}
    moments = random.Random(ranks)
    return {f"operation {number}": Kill(number) for number in range(1, operations + 1)} | {
        f"moment {index}": Kill(seconds=moments.uniform(0.01, 1.5), rank=moments.randrange(ranks))
        for index in range(MOMENTS)
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--sample", type=int, help="operations to try; without, all of them and random moments"
    )
    arguments = parser.parse_args()
    wrong = []
    for ranks in (1,) if arguments.sample else (1, 2):
        harness = Harness(arguments.folder / f"ranks {ranks}", ranks)
        chosen = trials(harness.operations, ranks, arguments.sample)
        problems = {name: harness.survives(name, kill) for name, kill in chosen.items()}
        wrong += [f"ranks {ranks}, {name}: {problem}" for name, problem in problems.items() if problem]
        print(f"{ranks} ranks: {harness.operations} operations on files, {len(chosen)} kills")
    print("\n".join(wrong) or "all survived")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
