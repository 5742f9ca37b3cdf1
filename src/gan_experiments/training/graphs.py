"""Iterations of training as CUDA graphs: recorded once, then replayed with one launch in place of hundreds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import torch
from torch import Tensor

from gan_experiments.errors import RunError
from gan_experiments.models import Step
from gan_experiments.types import Batch

log = logging.getLogger(__name__)

Kind = tuple[bool, ...]

WARM_UP = 3  # iterations before one is recorded: by then cuDNN's algorithms are chosen and the moments there


@dataclass
class Recording:
    """One iteration as a graph: the batches and the factors of the progress that it reads, the values that it logs."""

    graph: Any  # torch.cuda.CUDAGraph
    batches: list[Batch]
    factors: dict[str, Tensor]
    logged: dict[str, Tensor] = field(default_factory=dict)


class Graphs:
    """Runs `phases`, a whole iteration, as a CUDA graph wherever an equal iteration has been run before.

    Equal are iterations in which the same lazy terms are due (`Step.due`) and the same factors of the progress are 0
    (`Step.scheduled`). Whatever else changes is on the device: batches and factors are copied to where the graph reads
    them, `generators` go on as they would without. Results are those of the same kernels. `reason` says why a method
    is not recorded, "" while nothing speaks against it.
    """

    def __init__(
        self,
        phases: Callable[[Step], None],
        device: torch.device,
        generators: Sequence[torch.Generator],
        reason: str = "",
    ) -> None:
        self.phases = phases
        self.device = device
        self.generators = generators
        self.stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self.pool = torch.cuda.graph_pool_handle()
        self.recordings: dict[Kind, Recording] = {}
        self.seen: dict[Kind, int] = {}  # iterations of a kind so far
        self.draws: dict[Kind, int] = {}  # batches that each of a kind takes
        self.lazy: dict[tuple[int, int], None] = {}  # what makes the kinds, in order
        self.schedules: dict[str, Callable[[float], float]] = {}
        self.reason = ""
        if reason:
            self._give_up(reason)

    def run(self, step: Step) -> None:
        """The iteration `step`: eagerly the first times, then replayed."""
        current = torch.cuda.current_stream(self.device)
        self.stream.wait_stream(current)
        with torch.cuda.stream(self.stream):
            self._run(step)
        current.wait_stream(self.stream)

    def _run(self, step: Step) -> None:
        kind = self._kind(step)
        if self.reason or self.seen.get(kind, 0) < WARM_UP:
            self._eagerly(step, kind)
            return
        batches = [step.draw() for _ in range(self.draws[kind])]
        if kind not in self.recordings:
            self.recordings[kind] = self._record(step, batches)
        recording = self.recordings[kind]
        for target, batch in zip(recording.batches, batches, strict=True):
            refill(target, batch)
        for name, factor in recording.factors.items():
            factor.fill_(self.schedules[name](step.done))
        recording.graph.replay()
        step.logged.update(recording.logged)

    def _kind(self, step: Step) -> Kind:
        """What sets an iteration apart from others: the lazy terms that are due, the factors that are not 0."""
        due = (
            (step.index * repeats + repeat) % every == 0
            for every, repeats in self.lazy
            for repeat in range(repeats)
        )
        return *due, *(schedule(step.done) != 0 for schedule in self.schedules.values())

    def _give_up(self, reason: str) -> None:
        self.reason = reason
        log.info("gpu.graphs: iterations are not recorded, since %s", reason)

    def _eagerly(self, step: Step, kind: Kind) -> None:
        """Run it, and learn what it asks for: batches, lazy terms, the progress of the run."""
        draw, draws = step.draw, 0

        def counted() -> Batch:
            nonlocal draws
            draws += 1
            return draw()

        step.draw = counted
        self.phases(step)
        if step.progress_read and not self.reason:
            self._give_up("a term changes with the progress of the run")
        known = len(self.lazy), len(self.schedules)
        self.lazy.update(dict.fromkeys(step.lazy))
        self.schedules.update(step.schedules)
        if known == (len(self.lazy), len(self.schedules)):
            self.seen[kind] = self.seen.get(kind, 0) + 1
            self.draws[kind] = draws

    def _record(self, step: Step, batches: list[Batch]) -> Recording:
        """Record (not run) the iteration with copies of `batches` as its inputs."""
        factors = {
            name: torch.ones((), device=self.device)
            for name, schedule in self.schedules.items()
            if schedule(step.done) != 0
        }
        recording = Recording(torch.cuda.CUDAGraph(), [copied(batch) for batch in batches], factors)
        for generator in self.generators:
            recording.graph.register_generator_state(generator)
        waiting = iter(recording.batches)
        traced = Step(
            index=step.index,
            done=step.done,
            noise=step.noise,
            draw=lambda: next(waiting),
            batch_size=step.batch_size,
            factors=factors,
        )
        try:
            with torch.cuda.graph(recording.graph, pool=self.pool, stream=self.stream):
                self.phases(traced)
        except RuntimeError as error:
            raise RunError(
                f"this run's iterations cannot be recorded as a CUDA graph ({str(error).splitlines()[0]}): "
                "gpu.graphs=false runs without"
            ) from error
        recording.logged = traced.logged
        return recording


def copied(batch: Batch) -> Batch:
    """A batch of its own memory, in the same layout."""

    def clone(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else tensor.clone()

    return Batch(batch.images.clone(), clone(batch.labels), clone(batch.sources))


def refill(target: Batch, batch: Batch) -> None:
    """Copy `batch` to where a graph reads it."""
    for part in fields(target):
        value: Tensor | None = getattr(target, part.name)
        if value is not None:
            value.copy_(getattr(batch, part.name))
