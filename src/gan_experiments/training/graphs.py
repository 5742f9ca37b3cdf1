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

WARM_UP = (
    3  # iterations before one is recorded: cuDNN has chosen its algorithms, the optimisers have their moments
)


@dataclass
class Recording:
    """One iteration as a graph, the batches that it reads and the values that it logs."""

    graph: Any  # torch.cuda.CUDAGraph
    batches: list[Batch]
    logged: dict[str, Tensor] = field(default_factory=dict)


class Graphs:
    """Runs `phases`, a whole iteration, as a CUDA graph wherever an equal iteration has been run before.

    Equal are iterations in which the same lazy terms are due (`Step.due`). What changes from one to the next must be
    on the device: batches are copied to where the graph reads them, `generators` go on as they would without. Results
    are those of the same kernels. `reason` says why a method is not recorded, "" while nothing speaks against it.
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
        self.recordings: dict[tuple[bool, ...], Recording] = {}
        self.seen: dict[tuple[bool, ...], int] = {}  # iterations of a kind so far
        self.draws: dict[tuple[bool, ...], int] = {}  # batches that each of a kind takes
        self.lazy: dict[tuple[int, int], None] = {}  # the terms that make the kinds, in order
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
        due = tuple(
            (step.index * repeats + repeat) % every == 0
            for every, repeats in self.lazy
            for repeat in range(repeats)
        )
        if self.reason or self.seen.get(due, 0) < WARM_UP:
            self._eagerly(step, due)
            return
        batches = [step.draw() for _ in range(self.draws[due])]
        if due not in self.recordings:
            self.recordings[due] = self._record(step, batches)
        recording = self.recordings[due]
        for target, batch in zip(recording.batches, batches, strict=True):
            refill(target, batch)
        recording.graph.replay()
        step.logged.update(recording.logged)

    def _give_up(self, reason: str) -> None:
        self.reason = reason
        log.info("gpu.graphs: iterations are not recorded, since %s", reason)

    def _eagerly(self, step: Step, due: tuple[bool, ...]) -> None:
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
        new = {term: None for term in step.lazy if term not in self.lazy}
        self.lazy.update(new)
        if not new:
            self.seen[due] = self.seen.get(due, 0) + 1
            self.draws[due] = draws

    def _record(self, step: Step, batches: list[Batch]) -> Recording:
        """Record (not run) the iteration with copies of `batches` as its inputs."""
        recording = Recording(torch.cuda.CUDAGraph(), [copied(batch) for batch in batches])
        for generator in self.generators:
            recording.graph.register_generator_state(generator)
        waiting = iter(recording.batches)
        traced = Step(
            index=step.index,
            _progress=step._progress,
            noise=step.noise,
            draw=lambda: next(waiting),
            batch_size=step.batch_size,
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
