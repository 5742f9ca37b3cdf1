"""One run from its settings to its last checkpoint."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from gan_experiments import __version__, parallel
from gan_experiments.config import Config
from gan_experiments.data import ImageSet
from gan_experiments.data.loader import Loader
from gan_experiments.errors import Interrupted, RunError, UserError
from gan_experiments.noise import Noise
from gan_experiments.training import checkpoint
from gan_experiments.training.checkpoints import Checkpoints, NoCheckpoints
from gan_experiments.training.engine import Engine
from gan_experiments.training.evaluation import Evaluations, objective, record
from gan_experiments.training.pictures import NoPictures, Pictures, pixels
from gan_experiments.training.recorder import NullRecorder, Recorder
from gan_experiments.training.restore import describe
from gan_experiments.training.sampler import Sampler
from gan_experiments.training.signals import catch_signals
from gan_experiments.training.views import view

log = logging.getLogger(__name__)

LATENTS = 1_000_003  # offset of the random stream that training draws from


class Run:
    """The parts of a run, built from its settings, and the loop over them."""

    def __init__(self, config: Config, folder: Path, record: dict[str, Any]) -> None:
        self.config = config
        self.folder = folder
        self.record = record
        self.device = config.gpu.resolve(parallel.rank())
        config.gpu.prepare(self.device)
        root = Path(config.paths.data)
        self.real = config.data.load("train", root)
        torch.manual_seed(config.seed)
        self.model = config.model
        self.layout = config.gpu.memory_format(config.network)
        self.networks = self._build()
        self.loader = Loader(
            self.real,
            config.train.batch_size,
            self.device,
            config.seed,
            config.data.flip,
            self.layout is torch.channels_last,
        )
        self.engine = Engine(
            self.model,
            self.networks,
            config.optim,
            config.gpu,
            self.device,
            self.loader.next,
            Noise(config.seed + LATENTS, self.device),
            config.train.batch_size // parallel.world_size(),
            config.train.length,
            config.train.ema,
        )
        self.sampler = Sampler(self.model, self.engine.sampled, config.gpu, self.device)
        self.seconds = 0.0  # of earlier attempts at this run
        self.best: dict[str, Any] = {}
        self.metrics: dict[str, float] = {}
        if config.resume is not None:
            self._resume(Path(config.resume))
        self.shown = self._shown(root)
        self.evaluations = Evaluations(config.metrics, config.data, self.model, root, self.device, self.real)
        self.began = time.monotonic()
        self.saved = self.engine.step if config.resume is not None else -1

    def _shown(self, root: Path) -> ImageSet:
        """What pictures show: training images; of a translator held-out ones, where there are any."""
        translates = "sources" in self.model.needs and "test" in self.config.data.splits()
        shown: ImageSet = self.config.data.load("test", root) if translates else self.real
        return shown

    def _build(self) -> dict[str, nn.Module]:
        networks: dict[str, nn.Module] = self.model.build(
            self.config.network, self.config.loss, self.config.data.shape
        )
        for name, network in networks.items():
            network.to(self.device, memory_format=self.layout)  # type: ignore[call-overload]
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
        if parallel.rank() == 0:
            log.info("resumed %s at step %d", path, self.engine.step)

    def train(self) -> dict[str, float]:
        """The loop; leaves summary.json whatever happens."""
        self._open()
        status = "failed"
        try:
            with catch_signals() as caught:
                self.recorder.say(f"writing to {self.folder}")
                if self.engine.step == 0:
                    self.pictures.start()
                while self.engine.progress < 1:
                    self.engine.iterate()
                    self._report(self.engine.step, finished=self.engine.progress == 1)
                    if self._must_stop(caught):
                        self.engine.drain()  # refuses to save weights that are not finite
                        self._save()
                        raise Interrupted(self._stop(caught), self.checkpoints.path(self.engine.step))
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
            self.recorder.summary(self._summary(status))
            self.recorder.close()

    def _open(self) -> None:
        """What is written and drawn: by the first rank, nothing by the others."""
        self.recorder, self.pictures = NullRecorder(), NoPictures()
        self.checkpoints = NoCheckpoints(self.folder / "checkpoints")
        if parallel.rank() == 0:
            self.recorder = Recorder(self.folder, self.engine.step, self.record)
            self.checkpoints = Checkpoints(self.checkpoints.folder, self.config.train.keep_checkpoints)
            self.pictures = self._pictures(self.recorder)

    def _pictures(self, recorder: NullRecorder) -> Pictures:
        return Pictures(
            recorder,
            view(self.config.data.shape, lambda count: pixels(self.real, count, self.device)),
            self.sampler,
            Sampler(self.model, self.networks, self.config.gpu, self.device),
            self.real,
            self.shown,
            self.config.seed,
        )

    def _report(self, step: int, finished: bool) -> None:
        """What is due after `step` updates: log, sample, evaluate, checkpoint, in this order."""
        train = self.config.train
        save = step % train.checkpoint_every == 0 or finished
        if step % train.log_every == 0 or save:
            total = train.length.last_step(step, self.engine.images_seen)
            self.recorder.progress(step, total, {**self.engine.drain(), **self._rates()}, train.batch_size)
        with self.recorder.pause():
            if step % train.sample_every == 0 or finished:
                self.pictures.draw(step)
            if step % train.evaluate_every == 0 or finished:
                self._evaluate(step)
            if save:
                self._save()

    def _rates(self) -> dict[str, float]:
        learning_rate, progress = self.config.optim.learning_rate, self.engine.progress
        return {f"lr/{phase.name}": learning_rate(phase.rate, progress) for phase in self.engine.phases}

    def _evaluate(self, step: int) -> None:
        """The figures of now; all ranks share the work, and the first keeps the record."""
        evaluation = self.evaluations(self.sampler)
        if not evaluation.values:
            return
        self.metrics = evaluation.values
        progress = {
            "step": step,
            "images_seen": self.engine.images_seen,
            "seconds": round(self._seconds(), 2),
        }
        ema = self.config.train.ema if self.engine.ema else 0
        self.recorder.evaluation({**progress, **record(evaluation, ema)})
        now, before = (
            objective(self.config.metrics, self.model, values) for values in (evaluation.values, self.best)
        )
        if now < before:
            self.best = {"step": step, **evaluation.values}

    def _save(self) -> None:
        """A checkpoint of now, unless there is one."""
        if self.saved == self.engine.step:
            return
        rng: dict[str, Tensor] = {"torch": torch.get_rng_state()}
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
        self.checkpoints.save(self.engine.step, state, best=self.best.get("step") == self.engine.step)
        self.saved = self.engine.step

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
