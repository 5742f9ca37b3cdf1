"""One run from its settings to its last checkpoint."""

from __future__ import annotations

import logging
import math
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from gan_experiments import __version__, parallel
from gan_experiments.config import Config
from gan_experiments.data.loader import Loader
from gan_experiments.data.transforms import to_float
from gan_experiments.errors import Interrupted, RunError, UserError
from gan_experiments.noise import Noise
from gan_experiments.training import checkpoint, evaluate, separability
from gan_experiments.training.engine import Engine
from gan_experiments.training.recorder import Recorder
from gan_experiments.training.restore import describe
from gan_experiments.training.signals import catch_signals
from gan_experiments.training.views import view

log = logging.getLogger(__name__)

SCORED = 2000  # real and generated images of the separability figure
CHUNK = 250  # of them at a time
STREAMS = {"latents": 1_000_003, "grid": 2_000_003, "scored": 3_000_017}  # offsets of the random streams


class Run:
    """The parts of a run, built from its settings, and the loop over them."""

    def __init__(self, config: Config, folder: Path, record: dict[str, Any]) -> None:
        self.config = config
        self.folder = folder
        self.record = record
        self.chief = parallel.rank() == 0
        self.device = config.gpu.resolve(parallel.rank())
        config.gpu.prepare(self.device)
        self.real = config.data.load("train", Path(config.paths.data))
        torch.manual_seed(config.seed)
        self.model = config.model
        self.networks = self._build()
        self.loader = Loader(
            self.real,
            config.train.batch_size,
            self.device,
            config.seed,
            config.data.flip,
            config.gpu.channels_last,
        )
        self.engine = Engine(
            self.model,
            self.networks,
            config.optim,
            config.gpu,
            self.device,
            self.loader.next,
            Noise(config.seed + STREAMS["latents"], self.device),
            config.train.batch_size // parallel.world_size(),
            config.train.steps,
            config.train.ema,
        )
        self.view = view(config.data.shape, self._real)
        self.seconds = 0.0  # of earlier attempts at this run
        self.best: dict[str, Any] = {}
        self.metrics: dict[str, float] = {}
        if config.resume is not None:
            self._resume(Path(config.resume))
        root = Path(config.paths.data)
        self.evaluator = evaluate.evaluator(config.metrics, config.data, self.real, root, self.device)
        self.began = time.monotonic()
        self.saved = self.engine.step if config.resume is not None else -1

    def _build(self) -> dict[str, nn.Module]:
        networks: dict[str, nn.Module] = self.model.build(
            self.config.network, self.config.loss, self.config.data.shape
        )
        for name, network in networks.items():
            network.to(self.device, memory_format=self.config.gpu.memory_format)  # type: ignore[call-overload]
            network.train()
            # What is differentiated through its input gradient cannot be compiled: AOTAutograd has no double
            # backward. Only averaged networks (the generator) are free of it then.
            if self.config.gpu.compile and (
                name in self.model.averaged() or not self.model.differentiates_twice()
            ):
                network.compile()
        return networks

    def _resume(self, path: Path) -> None:
        state = checkpoint.load(path)
        try:
            self.engine.load_state_dict(state["engine"])
            self.loader.load_state_dict(state["loader"])
        except (RuntimeError, KeyError, ValueError) as error:
            raise UserError(
                f"{path} does not fit this run's networks or optimisers: {str(error).splitlines()[0]}"
            ) from error
        torch.set_rng_state(state["rng"]["torch"])
        if "cuda" in state["rng"] and self.device.type == "cuda":
            torch.cuda.set_rng_state(state["rng"]["cuda"], self.device)
        self.seconds, self.best, self.metrics = state["seconds"], state["best"], state["metrics"]
        if self.chief:
            log.info("resumed %s at step %d", path, self.engine.step)

    def train(self) -> dict[str, float]:
        """The loop; leaves summary.json whatever happens."""
        train = self.config.train
        self.recorder = (
            Recorder(self.folder, train.steps, self.engine.step, self.record) if self.chief else None
        )
        status = "failed"
        try:
            with catch_signals() as caught:
                self._start()
                while self.engine.step < train.steps:
                    self.engine.iterate()
                    self._after(self.engine.step)
                    if self._must_stop(caught):
                        self.engine.drain()  # refuses to save weights that are not finite
                        raise Interrupted(self._stop(caught), self._checkpoint())
            status = "finished"
            return self.metrics
        except Interrupted:
            status = "interrupted"
            raise
        except RunError as error:
            last = self.folder / "checkpoints" / "last.pt"
            kept = f"the last good checkpoint is {last}" if last.exists() else "no checkpoint was written yet"
            raise RunError(f"{error}; {kept}") from error
        finally:
            if self.recorder is not None:
                self.recorder.summary(self._summary(status))
                self.recorder.close()

    def _start(self) -> None:
        if self.recorder is None:
            return
        self.recorder.say(f"writing to {self.folder}")
        if self.engine.step == 0:
            self.recorder.picture("real", 0, self.view.picture(self._real(self.view.shown)))

    def _real(self, count: int) -> Tensor:
        """The first real images as training sees them, without moving the loader."""
        return to_float(torch.from_numpy(self.real.images[:count].copy()).to(self.device))

    def _after(self, step: int) -> None:
        """What is due after `step` updates: log, sample, evaluate, checkpoint, in this order."""
        train, last = self.config.train, step == self.config.train.steps
        save = step % train.checkpoint_every == 0 or last
        if step % train.log_every == 0 or save:
            scalars = self.engine.drain()
            if self.recorder is not None:
                rates = {
                    f"lr/{phase.name}": self.config.optim.learning_rate(phase.name, step / train.steps)
                    for phase in self.engine.phases
                }
                self.recorder.progress(step, {**scalars, **rates}, train.batch_size)
        with self.recorder.pause() if self.recorder is not None else nullcontext():
            if step % train.sample_every == 0 or last:
                self._sample(step)
            if step % train.evaluate_every == 0 or last:
                self._evaluate(step)
            if save:
                self._checkpoint()

    def _latents(self, stream: str, samples: int) -> Tensor:
        noise = Noise(self.config.seed + STREAMS[stream], self.device, split=False)
        latents: Tensor = self.model.latents(noise, samples)
        return latents

    def _sample(self, step: int) -> None:
        """The grid from fixed latents, and how separable the discriminator's scores are."""
        if self.recorder is None:
            return
        latents = self.model.shown(self._latents("grid", self.view.shown))
        samples = self.engine.generate(latents)
        picture = self.view.picture(samples, self.engine.scores)
        self.recorder.picture("samples/fixed_latents", step, picture, file="step")
        real = self._real(self.view.shown)
        decoded = self.engine.reconstruct(real)
        if decoded is not None:
            pairs = self.view.reconstructions(real, decoded)
            self.recorder.picture("samples/reconstructions", step, pairs, file="reconstructions")
        count = min(SCORED, len(self.real))
        true = self._scores(self._real(count))
        if true is None:
            return
        fakes = [
            self.engine.generate(part, averaged=False)
            for part in torch.split(self._latents("scored", count), CHUNK)
        ]
        fake = self._scores(torch.cat(fakes))
        assert fake is not None
        violation, gap = separability.separability(true, fake)
        self.recorder.scalars(step, {"separability/violation": violation, "separability/gap": gap})
        self.recorder.figure("separability", step, separability.figure(true, fake, step))

    def _scores(self, images: Tensor) -> Tensor | None:
        parts = [self.engine.scores(part) for part in torch.split(images, CHUNK)]
        return torch.cat([part for part in parts if part is not None]) if parts[0] is not None else None

    def _evaluate(self, step: int) -> None:
        """The figures of now; all ranks share the work, and the first keeps the record."""
        samples = evaluate.Samples(self.model, self.engine.generate, self.config.metrics, self.device)
        evaluation = self.evaluator(samples)
        if self.recorder is None or not evaluation.values:
            return
        self.metrics = evaluation.values
        self.recorder.evaluation(
            {
                "step": step,
                "images_seen": self.engine.images_seen,
                "seconds": round(self._seconds(), 2),
                **evaluate.record(evaluation, self.config.train.ema if self.engine.ema else 0),
            }
        )
        key = self.config.metrics.best
        value = evaluation.values.get(key, math.inf) if key is not None else math.inf
        if value < self.best.get(key, math.inf):
            self.best = {"step": step, **evaluation.values}

    def _checkpoint(self) -> Path:
        """Write step_N.pt, make it last.pt, and best.pt when this step's evaluation was the best so far."""
        folder, step = self.folder / "checkpoints", self.engine.step
        path = folder / f"step_{step:08d}.pt"
        if self.recorder is None or self.saved == step:
            return path
        rng = {"torch": torch.get_rng_state()}
        if self.device.type == "cuda":
            rng["cuda"] = torch.cuda.get_rng_state(self.device)
        state = {
            "version": __version__,
            "record": self.record,
            "describe": describe(self.config),
            "engine": self.engine.state_dict(),
            "loader": self.loader.state_dict(),
            "rng": rng,
            "seconds": self._seconds(),
            "best": self.best,
            "metrics": self.metrics,
        }
        checkpoint.save(path, state)
        checkpoint.publish(path, best=self.best.get("step") == step)
        for old in sorted(folder.glob("step_*.pt"))[: -max(self.config.train.keep_checkpoints, 1)]:
            old.unlink()
        self.saved = step
        return path

    def _seconds(self) -> float:
        return self.seconds + time.monotonic() - self.began

    def _summary(self, status: str) -> dict[str, Any]:
        return {
            "status": status,
            "step": self.engine.step,
            "images_seen": self.engine.images_seen,
            "seconds": round(self._seconds(), 2),
            "metrics": self.metrics,
            "best": self.best,
            "folder": str(self.folder),
        }

    def _must_stop(self, caught: list[int]) -> bool:
        """Whether any rank was told to stop; ranks ask each other only now and then, and agree on the step."""
        if parallel.world_size() == 1:
            return bool(caught)
        return self.engine.step % 10 == 0 and self._stop(caught) > 0

    def _stop(self, caught: list[int]) -> int:
        number = torch.tensor(caught[0] if caught else 0, device=self.device)
        if parallel.initialized():
            dist.all_reduce(number, op=dist.ReduceOp.MAX)
        return int(number)
