"""Batches computed in parts (`train.accumulate`) against the same batches at once."""

from __future__ import annotations

import copy
import weakref
from pathlib import Path

import pytest
import torch

import tiny
from gan_experiments.errors import UserError
from gan_experiments.noise import Noise
from gan_experiments.training import launch
from gan_experiments.training.run import Run
from gan_experiments.types import Batch

# Without statistics of a batch, and with steps so small that roundings stay roundings.
PLAIN = ["network=mlp", "network.generator_norm=none", "optim=sgd", "optim.lr=1e-4"]
NO_NORM = "model.discriminator_norm=none"
CASES = {
    "shared fakes": ["model=gan"],
    "other fakes": ["model=gan", "model.reuse_fakes=false"],
    "several critic steps": ["model=wgan_gp"],
    "a larger batch of the generator": ["model=gan", "model.generator_batch=2"],
    "classes": ["model=acgan", NO_NORM],
    "SAN's direction": ["model=san", NO_NORM],
    "pairs and two penalties": ["model=r3gan"],
    "packs": ["model=gan", "model.packing=2"],
    "instance noise": ["model=gan", "model.instance_noise=0.1"],
    "what phases share": ["model=alphagan", NO_NORM],
    "a code discriminator": ["model=aae"],
    "reconstructed latents": ["model=veegan"],
    "one phase": ["model=vae"],
}


def built(folder: Path, *words: str) -> Run:
    config, record = tiny.compose(*words)
    return Run(config, folder, record)


def iterated(run: Run, times: int = 3) -> Run:
    for _ in range(times):
        run.engine.iterate()
    return run


def in_float64(run: Run) -> Run:
    """A translator's run: there and back through instance norm multiplies roundings by ten an update."""
    for network in [*run.networks.values(), *run.engine.ema.values()]:
        network.double()
    draw = run.loader.next
    run.engine._draw = lambda: doubled(draw())
    return run


def doubled(batch: Batch) -> Batch:
    assert batch.sources is not None
    return Batch(batch.images.double(), None, batch.sources.double())


def check_equal(ours: Run, expected: Run, rtol: float = 1e-5, atol: float = 1e-8) -> None:
    torch.testing.assert_close(tiny.weights(ours), tiny.weights(expected), rtol=rtol, atol=atol)
    assert ours.engine.images_seen == expected.engine.images_seen
    logged, at_once = ours.engine.drain(), expected.engine.drain()
    assert logged == pytest.approx(at_once, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("parts", [2, 4])
def test_the_gradients_of_parts_add_up_to_that_of_the_whole(tmp_path: Path, name: str, parts: int) -> None:
    words = [*PLAIN, *CASES[name]]
    whole = built(tmp_path, *words)
    before = tiny.weights(whole)
    check_equal(iterated(built(tmp_path, *words, f"train.accumulate={parts}")), iterated(whole))
    assert (tiny.weights(whole) - before).norm() > 1e-5


@pytest.mark.parametrize("model", tiny.TRANSLATORS)
def test_translators_learn_the_same_from_parts(tmp_path: Path, model: str) -> None:
    words = [*tiny.translation(tmp_path / "data", model)[:-1], "train.batch_size=4"]
    words += ["model.pool=3"] * (model == "cyclegan")
    whole, parts = built(tmp_path, *words), built(tmp_path, *words, "train.accumulate=4")
    check_equal(iterated(in_float64(parts)), iterated(in_float64(whole)), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("model", [*tiny.MODELS, *tiny.TRANSLATORS])
def test_every_model_trains_in_parts_or_is_refused(tmp_path: Path, model: str) -> None:
    words = [f"model={model}", "train.accumulate=2", "data.image_size=16"]
    if model in tiny.TRANSLATORS:
        words = [*tiny.translation(tmp_path / "data", model), "train.accumulate=2"]
    config, record = tiny.compose(*words)
    if config.model.takes_whole_batches():
        with pytest.raises(UserError, match=r"takes a batch as a whole.*train\.accumulate=1"):
            launch.check(config)
        return
    run = iterated(Run(config, tmp_path, record), times=1)
    assert torch.isfinite(tiny.weights(run)).all()
    assert run.engine.drain()


def test_whole_batches_are_what_losses_of_several_samples_take() -> None:
    whole = {model for model in tiny.MODELS if tiny.compose(f"model={model}")[0].model.takes_whole_batches()}
    assert whole == {
        "began",
        "distgan",
        "dragan",
        "ebgan_pt",
        "gngan",
        "mmdgan",
        "mmdgan_gp",
        "sliced",
        "swgan",
    }
    config, _ = tiny.compose("model=gan", "+penalty@model.penalties.lecam=lecam")
    assert config.model.takes_whole_batches()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["train.accumulate=3"], "a batch of 8 images cannot be divided into train.accumulate=3 parts"),
        (["train.accumulate=4", "gpu.devices=4"], "a batch of 2 images cannot be divided into train.accumulate=4"),
        (["train.accumulate=8", "model.packing=2"], "a batch of 1 images cannot be divided into packs"),
        (["train.accumulate=2", "gpu.graphs=true"], r"gpu\.graphs=true records whole batches"),
    ],
)  # fmt: skip
def test_parts_that_do_not_fit_are_refused(words: list[str], sentence: str) -> None:
    config, _ = tiny.compose("model=gan", *words)
    with pytest.raises(UserError, match=sentence):
        launch.check(config)


def test_no_part_at_all_is_refused() -> None:
    with pytest.raises(Exception, match=r"train\.accumulate must be at least 1, not 0"):
        tiny.compose("train.accumulate=0")


def test_two_ranks_in_parts_are_one_process_at_once(tmp_path: Path) -> None:
    words = [*PLAIN, "model=gan", "train.log_every=1"]
    runs = []
    for name, more in (("alone", []), ("ranks", ["gpu.devices=2", "train.accumulate=2"])):
        folder = tmp_path / name
        folder.mkdir()
        config, record = tiny.compose(*words, *more)
        launch.run(config, folder, record)
        saved = torch.load(folder / "checkpoints" / "last.pt", weights_only=False)
        runs.append(saved["engine"]["networks"])
    torch.testing.assert_close(*runs, rtol=1e-5, atol=1e-8)


def test_half_and_half_are_the_whole(tmp_path: Path) -> None:
    words = ["model=sngan", "network=dcgan", "train.accumulate=2", "model.discriminator_steps=2"]
    first, second = iterated(built(tmp_path, *words), times=2), built(tmp_path, *words)
    second.engine.load_state_dict(copy.deepcopy(first.engine.state_dict()))
    second.loader.load_state_dict(copy.deepcopy(first.loader.state_dict()))
    assert torch.equal(tiny.weights(iterated(first, times=2)), tiny.weights(iterated(second, times=2)))


class Kept:
    """What the backward pass needs, for as long as it does: numbers, and the most at a time."""

    def __init__(self) -> None:
        self.now = self.most = 0

    def pack(self, tensor: torch.Tensor) -> object:
        box = Box(tensor)
        self.now += tensor.numel()
        self.most = max(self.most, self.now)
        weakref.finalize(box, self.free, tensor.numel())
        return box

    def free(self, numbers: int) -> None:
        self.now -= numbers


class Box:
    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor


@pytest.mark.parametrize(("reuse", "share"), [("false", 0.3), ("true", 0.8)])
def test_no_more_is_kept_than_a_part_needs(tmp_path: Path, reuse: str, share: float) -> None:
    """With fakes that both networks share, what the generator keeps is kept for all parts."""
    words = ["model=dcgan", "network=dcgan", "train.batch_size=32", f"model.reuse_fakes={reuse}"]
    most = []
    for parts in (1, 4):
        run, kept = built(tmp_path, *words, f"train.accumulate={parts}"), Kept()
        with torch.autograd.graph.saved_tensors_hooks(kept.pack, lambda box: box.tensor):
            run.engine.iterate()
        assert kept.now == 0
        most.append(kept.most)
    assert most[1] < share * most[0]


def test_parts_are_rows_of_the_same_numbers() -> None:
    whole, parts = Noise(3, torch.device("cpu")), Noise(3, torch.device("cpu"), parts=3)
    normal, uniform = whole.normal(6, 2), whole.uniform(6)
    rows = [(parts.normal(2, 2), parts.uniform(2)) for _ in parts.each_part()]
    assert torch.equal(torch.cat([normal for normal, _ in rows]), normal)
    assert torch.equal(torch.cat([uniform for _, uniform in rows]), uniform)
    assert torch.equal(whole.state_dict(), parts.state_dict())
