"""Everything that wants a GPU, in one call and within a given time: tests, agreement, speed, and training in colour.

    python scripts/gpu_check.py --cifar10 cifar10.npz --out results --minutes 9     # on a machine with a GPU
    python scripts/gpu_check.py --device cpu --tiny --out results                   # a rehearsal without one, minutes

In turns, each cut off at its share of the minutes, with its output in `--out`/STAGE.log:
`tests` (pytest -m gpu), `agreement` (every model: six updates recorded as CUDA graphs, in bf16 and, of a few, compiled
against eager fp32 ones: largest difference of a weight, seconds of the first update), `bench` (scripts/bench.py) and `sngan`, `san` (CIFAR-10 over the
features that ship; stopped by SIGTERM, so that the checkpoint can go on). `summary.txt` says what each came to.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from gan_experiments.cli.catalogue import Catalogue
from gan_experiments.cli.composing import built, composed
from gan_experiments.config import Config
from gan_experiments.errors import RunError, UserError
from gan_experiments.training.run import Run

ROOT = Path(__file__).resolve().parents[1]
UPDATES = 6  # of which a recorded run replays the last three
VARIANTS = {"graphs": ["gpu.graphs=true"], "bf16": ["gpu.precision=bf16"], "compiled": ["gpu.compile=true"]}
COMPILED = ("san", "dcgan", "stylegan2", "vaegan")  # the others' networks are the same; each takes a minute
GRACE = 40  # seconds between SIGTERM and SIGKILL: a checkpoint is written meanwhile


@dataclass
class Stage:
    """A command and its part of the time."""

    name: str
    command: list[str]
    share: float

    def run(self, out: Path, seconds: float) -> str:
        """How it ended, in one line; its output is in a file."""
        began = time.monotonic()
        with (out / f"{self.name}.log").open("wb") as log:
            child = subprocess.Popen(self.command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
            try:
                ended = f"exit status {child.wait(seconds)}"
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGTERM)
                try:
                    ended = f"stopped at its limit, exit status {child.wait(GRACE)}"
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()
                    ended = "killed: it did not stop in time"
        return f"{self.name}: {ended} after {time.monotonic() - began:.0f} s"


def stages(arguments: argparse.Namespace) -> list[Stage]:
    """What there is to run on the device; training where there is data."""
    python, device, out = sys.executable, arguments.device, arguments.out.resolve()
    cases = ["dcgan:dcgan"] if arguments.tiny else ["dcgan:dcgan", "wgan_gp:resnet", "san:resnet", "gan:mlp"]
    bench = ["--cases", *cases, "--shapes", "cifar", "--gpu", device, "--json", str(out / "bench.jsonl")]
    bench += ["--rounds", "1", "--steps", "1", "--batch-size", "4"] if arguments.tiny else []
    made = [
        Stage("tests", [python, "-m", "pytest", "-q", "-m", "gpu", "-n", "0", "tests"], 0.15),
        Stage(
            "agreement", [python, __file__, "--agreement", *models(arguments.tiny), "--device", device], 0.25
        ),
        Stage("bench", [python, "scripts/bench.py", *bench], 0.15),
    ]
    for model in ("sngan", "san") if arguments.cifar10 is not None else ():
        data = ["data=npz", f"data.path={arguments.cifar10.resolve()}", "network=resnet", "metrics=cifar"]
        words = [f"model={model}", *data, f"gpu={device}", f"hydra.run.dir={out / model}"]
        small = [
            "network.width=8",
            "train.batch_size=4",
            "train.steps=2",
            "metrics.samples=20",
            "metrics.real=40",
        ]
        full = ["gpu.precision=bf16", "train.steps=100000", "train.evaluate_every=10000"]
        words += small if arguments.tiny else full
        words += ["gpu.graphs=true"] if device == "cuda" else []
        made.append(Stage(model, [python, "-m", "gan_experiments.cli.train", *words], 0.225))
    return made


def models(tiny: bool) -> list[str]:
    every = [name for name in Catalogue.of("train", []).groups["model"] if name not in TRANSLATE]
    return every[:2] if tiny else every


TRANSLATE = (
    "cut",
    "cyclegan",
    "fastcut",
    "pix2pix",
    "pix2pix_gan",
    "pix2pix_l1",
)  # need images of two domains


def variants(model: str, device: str) -> dict[str, list[str]]:
    """What a model is compared in on a device: graphs are CUDA's, and compiling takes its time."""
    left_out = {"graphs"} if device != "cuda" else set()
    if model not in COMPILED:
        left_out.add("compiled")
    return {name: words for name, words in VARIANTS.items() if name not in left_out}


def agreement(names: Sequence[str], device: str) -> int:
    """A line a model: how far compiled and bf16 updates end from eager fp32 ones; 1 where any could not run."""
    failed = 0
    images = np.random.default_rng(0).integers(0, 256, (64, 32, 32, 3), dtype=np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        np.savez(f"{folder}/images.npz", train_images=images, train_labels=np.arange(64) % 10)
        for name in names:
            try:
                plain, _ = weights(name, [], device, folder)
                parts = []
                for variant, words in variants(name, device).items():
                    other, seconds = weights(name, words, device, folder)
                    apart = max(float((a - b).abs().max()) for a, b in zip(plain, other, strict=True))
                    parts.append(f"{variant} {apart:.2g} ({seconds:.0f} s)")
                print(f"{name}: {', '.join(parts)}", flush=True)
            except (UserError, RunError, RuntimeError) as error:
                failed = 1
                print(f"{name}: {type(error).__name__}: {str(error).splitlines()[0]}", flush=True)
    return failed


def weights(model: str, words: list[str], device: str, folder: str) -> tuple[list[torch.Tensor], float]:
    """All weights after six updates of narrow networks, and the seconds of the first."""
    own = [
        f"model={model}",
        "data=npz",
        f"data.path={folder}/images.npz",
        "data.num_classes=10",
        "metrics=none",
    ]
    small = ["network.width=8", "train.batch_size=8", f"gpu={device}", f"paths.data={folder}"]
    config = built(composed([*own, *small, *words]))
    assert isinstance(config, Config)
    run = Run(config, Path(folder), {})
    began = time.monotonic()
    run.engine.iterate()
    run.engine.drain()
    first = time.monotonic() - began
    for _ in range(UPDATES - 1):
        run.engine.iterate()
    run.engine.drain()
    return [
        w.detach().float().cpu() for network in run.networks.values() for w in network.parameters()
    ], first


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda", choices=["cuda", "cpu"])
    parser.add_argument("--minutes", type=float, default=9.0, help="for all stages (default: %(default)s)")
    parser.add_argument("--cifar10", type=Path, help="an .npz of CIFAR-10's images, which the package reads")
    parser.add_argument("--tiny", action="store_true", help="as little of everything as there can be")
    parser.add_argument("--out", type=Path, default=Path("outputs/gpu_check"))
    parser.add_argument("--agreement", nargs="+", metavar="MODEL", help="only this stage, of these models")
    arguments = parser.parse_args(argv)
    if arguments.device == "cuda" and not torch.cuda.is_available():
        parser.error("there is no CUDA device here; --device cpu --tiny rehearses without one")
    if arguments.agreement:
        return agreement(arguments.agreement, arguments.device)
    arguments.out.mkdir(parents=True, exist_ok=True)
    os.environ["PYTHONUNBUFFERED"] = "1"
    chosen, deadline = stages(arguments), time.monotonic() + 60 * arguments.minutes
    lines = []
    for index, stage in enumerate(chosen):
        rest = sum(other.share for other in chosen[index:])
        lines.append(stage.run(arguments.out, (deadline - time.monotonic()) * stage.share / rest))
        print(lines[-1], flush=True)
        (arguments.out / "summary.txt").write_text("\n".join([*lines, ""]), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
