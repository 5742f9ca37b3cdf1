"""One run from its settings to its last checkpoint."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from gan_experiments import __version__, parallel
from gan_experiments.config import Config
from gan_experiments.data import ImageSet
from gan_experiments.data.loader import Loader
from gan_experiments.errors import Interrupted, UserError
from gan_experiments.noise import Noise
from gan_experiments.training import checkpoint, warmstart
from gan_experiments.training.checkpoints import Checkpoints, NoCheckpoints
from gan_experiments.training.clock import Clock
from gan_experiments.training.compiling import compile_networks
from gan_experiments.training.engine import Engine
from gan_experiments.training.evaluation import Evaluations, objective, record
from gan_experiments.training.opening import opening
from gan_experiments.training.pictures import NoPictures, Pictures
from gan_experiments.training.provenance import provenance
from gan_experiments.training.recomputing import recompute
from gan_experiments.training.recorder import NullRecorder, Recorder
from gan_experiments.training.restore import describe, shape_of
from gan_experiments.training.rewind import EVALUATION, PICTURES
from gan_experiments.training.sampler import Sampler
from gan_experiments.training.signals import SignalReceived, Signals, agreed, catch_signals
from gan_experiments.training.standing import Standing

log = logging.getLogger(__name__)

LATENTS = 1_000_003  # offset of the random stream that training draws from


class Run:
    """The parts of a run, built from its settings, and the loop over them."""

    def __init__(self, config: Config, folder: Path, record: dict[str, Any]) -> None:
        self.config = config
        self.folder = folder
        self.device = config.gpu.resolve(parallel.local_rank())
        config.gpu.prepare(self.device)
        self.record = {**record, "provenance": provenance(config.gpu, self.device)}
        root = Path(config.paths.data)
        self.real = config.data.load("train", root)
        torch.manual_seed(config.seed)
        self.model = config.model
        self.layout = config.gpu.memory_format(config.network)
        self.shape = shape_of(config.data, self.real)
        self.networks = self._build()
        if (taken := warmstart.begin(config, self.networks)) is not None:
            self.record["provenance"]["init"] = taken
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
            Noise(config.seed + LATENTS, self.device, parts=config.train.accumulate),
            config.train.batch_size // parallel.world_size(),
            config.train.length,
            config.train.ema,
        )
        sampled = self.engine.sampled
        self.standing = Standing(self.model, sampled, config.gpu, self.device, config.seed)
        self.sampler = Sampler(
            self.model, self.standing.networks, config.gpu, self.device, panel_networks=sampled
        )
        self.settled = -1  # the step of the standing statistics
        self.clock = Clock()
        self.best: dict[str, Any] = {}
        self.metrics: dict[str, float] = {}
        self.due: tuple[str, ...] = ()  # of PICTURES and EVALUATION: what is yet to be made of this step
        self.caught = Signals()
        if config.resume is not None:
            self._resume(Path(config.resume))
        self.pictured = self._pictured(root)
        self.evaluations = Evaluations(config.metrics, config.data, self.model, root, self.device, self.real)
        start = self.engine.step if config.resume is not None else -1
        self.saved: tuple[int, tuple[str, ...]] = (start, self.due)

    def _pictured(self, root: Path) -> ImageSet:
        """What pictures show: training images; of a translator held-out ones, where there are any."""
        translates = "sources" in self.model.needs and "test" in self.config.data.splits()
        pictured: ImageSet = self.config.data.load("test", root) if translates else self.real
        return pictured

    def _build(self) -> dict[str, nn.Module]:
        networks: dict[str, nn.Module] = self.model.build(self.config.network, self.config.loss, self.shape)
        for network in networks.values():
            network.to(self.device, memory_format=self.layout)  # type: ignore[call-overload]
            network.train()
        if self.config.gpu.compile:
            compile_networks(networks, self.model)
        if self.config.gpu.checkpointing:
            recompute(networks, self.config.network.option)
        return networks

    def _resume(self, path: Path) -> None:
        with checkpoint.understanding(path):
            self._take(checkpoint.load(path), path)

    def _take(self, state: dict[str, Any], path: Path) -> None:
        try:
            same_kind = self.engine.load_state_dict(state["engine"])
            self.loader.load_state_dict(state["loader"])
            torch.set_rng_state(state["rng"]["torch"])
            if self.device.type == "cuda" and "cuda" in state["rng"]:
                torch.cuda.set_rng_state(state["rng"]["cuda"], self.device)
            self.clock.load_state_dict(state.get("clock", state))
            self.best, self.metrics = state["best"], state["metrics"]
            self.due = tuple(state.get("due", ()))
            self.best.get("step")
            if (init := state["record"].get("provenance", {}).get("init")) is not None:
                self.record["provenance"]["init"] = init
        except (RuntimeError, ValueError) as error:
            reason = (
                " ".join(str(error).split("\n\t")[:2]) or type(error).__name__
            )  # torch lists what is wrong
            raise UserError(
                f"{path} does not fit this run's networks or optimisers: {reason:.300}"
            ) from error
        steps = self.config.train.steps
        if self.config.train.images is None and self.engine.step > steps:
            raise UserError(
                f"{path} is of step {self.engine.step} already: train.steps={steps} is less, and going back is resume="
                "RUN/checkpoints/step_N.pt"
            )
        if parallel.rank() == 0:
            log.info("resumed %s at step %d", path, self.engine.step)
            if not same_kind:
                log.warning(
                    "the checkpoint is from another kind of device than %s: random numbers start anew from the seed "
                    "and the step, so from here on the bits differ from those of a run on one device",
                    self.device.type,
                )

    def train(self) -> dict[str, float]:
        """The loop; leaves summary.json whatever happens."""
        self._open()
        self.clock.begin()
        status = "failed"
        try:
            with catch_signals() as self.caught:
                self.recorder.say(opening(self.config, self.record, self.real, self.networks, self.folder))
                if self.engine.progress == 1 and not self.due:
                    length = self.config.train.length.setting
                    self.recorder.say(
                        f"nothing is left of this run ({length}): resume={self.folder} with more goes on"
                    )
                if self.engine.step == 0:
                    with self.clock.pause():
                        self.pictures.start()
                self._report()  # what an earlier attempt was stopped before
                while self.engine.progress < 1:
                    self.engine.iterate()
                    self.recorder.step(self.engine.step, self._last_step())
                    self._log_and_save(finished=self.engine.progress == 1)
                    self._report()
            self.recorder.film()
            status = "finished"
            return self.metrics
        except (Interrupted, KeyboardInterrupt):
            status = "interrupted"
            raise
        except RuntimeError:  # of a collective, whose other ranks have stopped already
            if not (self.caught and parallel.initialized()):
                raise
            status = "interrupted"
            raise Interrupted(self.caught[0], self.checkpoints.folder / "last.pt") from None
        finally:
            self.recorder.summary(self._summary(status))
            self.recorder.close()

    def _open(self) -> None:
        """What is written and drawn: by the first rank, nothing by the others."""
        self.recorder, self.pictures = NullRecorder(), NoPictures()
        self.checkpoints = NoCheckpoints(self.folder / "checkpoints")
        if parallel.rank() == 0:
            self.checkpoints = Checkpoints(self.checkpoints.folder, self.config.train.keep_checkpoints)
            resumed = None if self.config.resume is None else Path(self.config.resume)
            aside = self.checkpoints.begin(resumed, self.engine.step, self.due, self.best.get("step"))
            if aside is not None:
                log.info("what there was of later steps is now in %s", aside)
            self.recorder = Recorder(self.folder, self.engine.step, self.record, self.config.logger.values())
            self.pictures = Pictures.of(
                self.config, self.recorder, self.sampler, self.networks, self.real, self.pictured
            )

    def _log_and_save(self, finished: bool) -> None:
        """After an update: log and checkpoint if they are due, or if the run has been told to stop, which it then does.

        What takes long, evaluating above all, comes after the checkpoint, and is done later where the run stops here.
        """
        train, step = self.config.train, self.engine.step
        every = {PICTURES: train.sample_every, EVALUATION: train.evaluate_every}
        if not self.evaluations.comparisons:
            del every[EVALUATION]
        self.due = tuple(name for name, steps in every.items() if finished or step % steps == 0)
        save = finished or step % train.checkpoint_every == 0
        if save or step % train.log_every == 0:
            self.recorder.progress(
                step, self._last_step(), {**self.engine.drain(), **self._rates()}, train.batch_size
            )
        number = agreed(self.caught, step, self.device)
        with self.clock.pause(), self.recorder.pause():
            if self.due or save or number:
                self._settle()
            if number:
                self._stop(number)
            if PICTURES in self.due:
                self.pictures.draw(step)
                self.due = tuple(name for name in self.due if name != PICTURES)
            if save:
                self._save()

    def _report(self) -> None:
        """What is still due of this step: pictures, figures; then the checkpoint that says so, if there is one."""
        if not self.due:
            return
        with self.clock.pause(), self.recorder.pause("evaluating" if EVALUATION in self.due else ""):
            self._settle()
            if PICTURES in self.due:
                self.pictures.draw(self.engine.step)
            if EVALUATION in self.due:
                try:
                    self._evaluate(self.engine.step)
                except SignalReceived:
                    self._save()
                    raise Interrupted(self.caught[0], self.checkpoints.path(self.engine.step)) from None
            self.due = ()
            if self.saved[0] == self.engine.step:
                self._save()

    def _settle(self) -> None:
        """Bring what is sampled to the weights of now; all ranks come here together."""
        if self.settled != self.engine.step:
            self.standing.update()
            self.settled = self.engine.step

    def _stop(self, number: int) -> None:
        """Save, which all ranks wait for, and raise Interrupted."""
        self.engine.drain()  # refuses to save weights that are not finite
        self._save()
        if parallel.initialized():
            dist.barrier()
        raise Interrupted(number, self.checkpoints.path(self.engine.step))

    def _last_step(self) -> int | None:
        return self.config.train.length.last_step(self.engine.step, self.engine.images_seen)

    def _rates(self) -> dict[str, float]:
        learning_rate, progress = self.config.optim.learning_rate, self.engine.progress
        return {f"lr/{phase.name}": learning_rate(phase.rate, progress) for phase in self.engine.phases}

    def _evaluate(self, step: int) -> None:
        """The figures of now; all ranks share the work, and the first keeps the record.

        Raises SignalReceived on the first rank where a signal has come or comes, however long the work takes.
        """
        with self.caught.raising():
            evaluation = self.evaluations(self.sampler)
        if not evaluation.values:
            return
        self.metrics = evaluation.values
        progress = {
            "step": step,
            "images_seen": self.engine.images_seen,
            **self.clock.state_dict(),
        }
        ema = self.config.train.ema if self.engine.ema else 0
        self.recorder.evaluation({**progress, **record(evaluation, ema, self.config.data)})
        now, before = (
            objective(self.config.metrics, self.model, values) for values in (evaluation.values, self.best)
        )
        if now < before:
            self.best = {"step": step, **evaluation.values}

    def _save(self) -> None:
        """A checkpoint of now, unless there is one."""
        now = (self.engine.step, self.due)
        if self.saved == now:
            return
        rng: dict[str, Tensor] = {"torch": torch.get_rng_state()}
        if self.device.type == "cuda":
            rng["cuda"] = torch.cuda.get_rng_state(self.device)
        state = {
            "version": __version__,
            "record": self.record,
            "describe": describe(self.config, self.shape),
            "engine": self.engine.state_dict(),
            "loader": self.loader.state_dict(),
            "rng": rng,
            "clock": self.clock.state_dict(),
            "best": self.best,
            "metrics": self.metrics,
            "due": list(self.due),
            "standing": self.standing.state_dict(),
        }
        self.checkpoints.save(self.engine.step, state, best=self.best.get("step") == self.engine.step)
        self.saved = now

    def _summary(self, status: str) -> dict[str, Any]:
        return {
            "status": status,
            "step": self.engine.step,
            "images_seen": self.engine.images_seen,
            **self.clock.state_dict(),
            "metrics": self.metrics,
            "best": self.best,
            "folder": str(self.folder),
            "provenance": self.record["provenance"],
        }
