"""One iteration of training, for every method: phases in order, and all that must happen around each."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from gan_experiments import parallel
from gan_experiments.config import Length
from gan_experiments.errors import RunError
from gan_experiments.models import Model, Phase, Step
from gan_experiments.noise import Noise
from gan_experiments.training.device import Gpu
from gan_experiments.training.graphs import Graphs
from gan_experiments.training.optim import Optim
from gan_experiments.types import Batch


class Engine:
    """Owns the networks' updates: autocast, backward, averaging over ranks, optimisers, EMA.

    networks: as `Model.build` names them, already on `device`; what needs no gradient stays as it is. draw: gives this
    rank's next batch. length: of the whole run, in updates and perhaps in images. ema: decay of the moving averages, 0
    for none. `noise` says in how many parts a batch is computed.
    Nothing here waits for the device but `drain`.
    """

    def __init__(
        self,
        model: Model,
        networks: dict[str, nn.Module],
        optim: Optim,
        gpu: Gpu,
        device: torch.device,
        draw: Callable[[], Batch],
        noise: Noise,
        batch_size: int,
        length: Length,
        ema: float,
    ) -> None:
        self.model = model
        self.networks = networks
        self.optim = optim
        self.gpu = gpu
        self.device = device
        self.noise = noise
        self.batch_size = batch_size
        self.length = length
        self.decay = ema
        self.step = 0
        self.images_seen = 0
        self._draw = draw
        self.phases = model.phases()
        # Lists, since walking the modules at every step costs a tenth of a small network's time.
        trained = {
            name: [p for p in network.parameters() if p.requires_grad] for name, network in networks.items()
        }
        self.parameters = {
            phase.name: [p for name in phase.updates for p in trained[name]] for phase in self.phases
        }
        # What no later phase of an iteration updates needs no graph of its own there: a tenth of a critic's time.
        self._done = {
            phase.name: [
                p
                for name in phase.updates
                if not any(name in later.updates for later in self.phases[index + 1 :])
                for p in trained[name]
            ]
            for index, phase in enumerate(self.phases)
        }
        self.graphs = self._graphs()
        recorded = self.graphs is not None
        self.optimizers = {
            name: optim.build(parameters, recorded) for name, parameters in self.parameters.items()
        }
        self.ema: dict[str, nn.Module] = {}
        if ema > 0:
            self.ema = {name: copy.deepcopy(networks[name]).eval() for name in model.averaged()}
            for average in self.ema.values():
                average.requires_grad_(False)
        self._averages: dict[str, tuple[list[Tensor], list[Tensor]]] = {
            name: ([*average.parameters()], [*networks[name].parameters()])
            for name, average in self.ema.items()
        }
        self._now = torch.zeros((), dtype=torch.long, device=device)
        self._sums: dict[str, Tensor] = {}
        self._counts: dict[str, int] = {}
        self._not_finite = {phase.name: torch.full((), -1, device=device) for phase in self.phases}

    @property
    def progress(self) -> float:
        """The share of the run that is done, in [0, 1]."""
        return self.length.progress(self.step, self.images_seen)

    def iterate(self) -> None:
        """All phases of the method once: one generator update."""
        rows = self.batch_size // self.noise.parts
        step = Step(self.step, self.progress, self.noise, self._count_and_draw, rows)
        self._now.fill_(self.step)
        for phase in self.phases:
            self._set_rate(phase)
        if self.graphs is None:
            self._run(step)
        else:
            self.graphs.run(step)
        self._average()
        self._record(step.logged)
        self.step += 1

    def _graphs(self) -> Graphs | None:
        """What records and replays iterations, where that is wanted."""
        if not self.gpu.records(self.device):
            return None
        return Graphs(self._run, self.device, [self.noise.generator], self.model.unrecorded)

    def _set_rate(self, phase: Phase) -> None:
        rate = self.optim.learning_rate(phase.rate, self.progress)
        for group in self.optimizers[phase.name].param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate

    def _run(self, step: Step) -> None:
        """The phases' updates; nothing in here depends on the host's numbers, so that it can be recorded."""
        for weights in self._done.values():
            for weight in weights:
                weight.requires_grad_(True)
        for phase in self.phases:
            for step.repeat in range(phase.repeat):
                if not phase.same_batch:
                    step.next_batch()
                self._update(phase, step)
            for weight in self._done[phase.name]:
                weight.requires_grad_(False)

    def _update(self, phase: Phase, step: Step) -> None:
        parameters, optimizer = self.parameters[phase.name], self.optimizers[phase.name]
        optimizer.zero_grad()
        for _ in self.noise.each_part():
            with self.gpu.autocast(self.device):
                losses = phase.loss(step)
            total = torch.stack([term.float() for term in losses.values()]).sum()
            # Only these gradients: what the others would get is neither computed nor kept.
            (total / self.noise.parts).backward(inputs=parameters)  # type: ignore[no-untyped-call]
            self._check(phase.name, total.detach())
            step.log(f"loss/{phase.name}", total)
            if len(losses) > 1:
                for name, term in losses.items():
                    step.log(f"loss/{phase.name}/{name}", term)
        average_gradients(parameters)
        optimizer.step()
        if phase.after is not None:
            phase.after()

    def _count_and_draw(self) -> Batch:
        self.images_seen += self.batch_size * parallel.world_size()
        return self._draw()

    @torch.no_grad()
    def _average(self) -> None:
        """EMA of weights, with the usual ramp-up so that the first steps do not linger; buffers are copied."""
        decay = min(self.decay, (1 + self.step) / (10 + self.step))
        for name, average in self.ema.items():
            torch._foreach_lerp_(*self._averages[name], 1 - decay)
            for target, buffer in zip(average.buffers(), self.networks[name].buffers(), strict=True):
                target.copy_(buffer)

    def _check(self, phase: str, total: Tensor) -> None:
        first = self._not_finite[phase]
        bad = (~torch.isfinite(total)) & (first < 0)
        first.copy_(torch.where(bad, self._now, first))

    def _record(self, values: dict[str, Tensor]) -> None:
        for name, value in values.items():
            self._sums[name] = self._sums[name] + value if name in self._sums else value.clone()
            self._counts[name] = self._counts.get(name, 0) + 1

    def drain(self) -> dict[str, float]:
        """Mean of every logged scalar since the last call, over ranks; waits for the device.

        Raises RunError, naming phase and step, when a loss was not finite.
        """
        names = sorted(self._sums)
        means = torch.stack(
            [self._sums[n].float() / self._counts[n] for n in names] or [torch.zeros((), device=self.device)]
        )
        first = torch.stack([self._not_finite[phase.name] for phase in self.phases])
        # A sum over ranks of non-finite means is itself not finite, so every rank stops at the same step.
        means = parallel.all_sum(means) / parallel.world_size()
        if parallel.initialized():
            dist.all_reduce(first, op=dist.ReduceOp.MAX)
        for phase, index in zip(self.phases, first.tolist(), strict=True):
            if index >= 0:
                raise RunError(f"the loss of phase '{phase.name}' was not finite at step {index}")
        self._sums, self._counts = {}, {}
        return dict(zip(names, means.tolist(), strict=False))

    @property
    def sampled(self) -> dict[str, nn.Module]:
        """The networks that samples come from: averaged where there is an average."""
        return {**self.networks, **self.ema}

    def state_dict(self) -> dict[str, Any]:
        """Everything that the next iteration depends on, besides the loader."""
        return {
            "step": self.step,
            "images_seen": self.images_seen,
            "networks": {name: network.state_dict() for name, network in self.networks.items()},
            "ema": {name: network.state_dict() for name, network in self.ema.items()},
            "optimizers": {name: optimizer.state_dict() for name, optimizer in self.optimizers.items()},
            "noise": self.noise.state_dict(),
            "model": self.model.state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> bool:
        """Take back what `state_dict` gave; False where the random numbers could not go on (another kind of device)."""
        self.step = state["step"]
        self.images_seen = state["images_seen"]
        for name, network in self.networks.items():
            network.load_state_dict(state["networks"][name])
        for name, network in self.ema.items():
            # A run that starts averaging when it is resumed starts from the weights themselves.
            network.load_state_dict(state["ema"].get(name, state["networks"][name]))
        for name, optimizer in self.optimizers.items():
            check_kind(name, optimizer, state["optimizers"][name])
            optimizer.load_state_dict(state["optimizers"][name])
            check_moments(name, optimizer, self.optim, recorded=self.graphs is not None)
            lay_out(optimizer)
        self.model.load_state(state["model"])
        return self.noise.load_state_dict(state["noise"], self.step)


def check_kind(phase: str, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Raise ValueError where `state` is that of another kind of optimiser: torch would fail at the next update."""
    numbers = {key for key, value in optimizer.defaults.items() if type(value) in (int, float, tuple)}
    if missing := sorted(numbers - set(state["param_groups"][0])):
        raise ValueError(f"the optimiser of phase '{phase}' was another one, without {', '.join(missing)}")


def check_moments(phase: str, optimizer: torch.optim.Optimizer, optim: Optim, recorded: bool = False) -> None:
    """Raise ValueError where what was loaded is not what `optim` keeps: a fused step writes wherever it is told to.

    Its options become those of `optim`.
    """
    probe = nn.Parameter(torch.zeros(1, device=optimizer.param_groups[0]["params"][0].device))
    probe.grad = torch.zeros_like(probe)
    fresh = optim.build([probe], recorded)
    fresh.step()
    kept = {key: value for key, value in fresh.state[probe].items() if isinstance(value, Tensor)}
    for group in optimizer.param_groups:
        group.update(fresh.defaults)
        for parameter in group["params"]:
            moments = optimizer.state.get(parameter, {})
            for key, like in kept.items() if moments else ():
                value, shape = moments.get(key), parameter.shape if like.ndim else ()
                if not isinstance(value, Tensor) or value.is_sparse or value.dtype != parameter.dtype:
                    raise ValueError(f"'{key}' of the optimiser of phase '{phase}' is missing or damaged")
                if value.shape != shape:
                    raise ValueError(f"'{key}' of the optimiser of phase '{phase}' has another shape")
                moments[key] = value.to(like.device)  # counts of steps: recorded runs have them on the device


def lay_out(optimizer: torch.optim.Optimizer) -> None:
    """Give an optimiser's moments the memory format of their parameters, which a fused step takes for granted."""
    for parameter, moments in optimizer.state.items():
        for name, value in moments.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                moments[name] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def average_gradients(parameters: Iterable[nn.Parameter]) -> None:
    """Replace each gradient by its mean over ranks, in one flat all-reduce; alone, nothing to do."""
    if parallel.world_size() == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    flat /= parallel.world_size()
    offsets = itertools.accumulate((g.numel() for g in gradients), initial=0)
    for gradient, offset in zip(gradients, offsets, strict=False):
        gradient.copy_(flat[offset : offset + gradient.numel()].view_as(gradient))
