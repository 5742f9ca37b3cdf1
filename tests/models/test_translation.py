"""What holds for all models that translate, and their pool of earlier fakes."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from model_helpers import parameters, reaches
from torch import Tensor
from translation_helpers import CPU, REAL_SHAPE, SMALL, a_batch, a_step, an_engine, images

from gan_experiments.data import Digits
from gan_experiments.errors import UserError
from gan_experiments.losses import NoLoss
from gan_experiments.models.adversary import Pool
from gan_experiments.noise import Noise
from gan_experiments.types import ImageShape

MODELS = ("pix2pix", "cyclegan", "cut", "fastcut")
EQUAL = ImageShape(3, 16, source=ImageShape(3, 16))
ORDER = {
    "pix2pix": [("discriminator", {"discriminator"}), ("generator", {"generator"})],
    "cyclegan": [
        ("generators", {"generator_a_to_b", "generator_b_to_a"}),
        ("discriminators", {"discriminator_a", "discriminator_b"}),
    ],
    "cut": [("discriminator", {"discriminator"}), ("generator", {"generator", "projector"})],
}
ORDER["fastcut"] = ORDER["cut"]


@pytest.mark.parametrize("model", MODELS)
def test_updates_in_the_order_of_the_paper_and_all_on_one_batch(compose: Any, model: str) -> None:
    engine = an_engine(compose, f"model={model}", shape=EQUAL)
    seen: list[tuple[str, set[str]]] = []
    update = engine._update

    def watch(phase: Any, step: Any) -> None:
        before = {name: parameters(network) for name, network in engine.networks.items()}
        update(phase, step)
        after = {name: parameters(network) for name, network in engine.networks.items()}
        seen.append((phase.name, {name for name in after if not torch.equal(before[name], after[name])}))

    engine._update = watch  # type: ignore[method-assign]
    engine.iterate()
    assert seen == ORDER[model]
    assert engine.images_seen == 2
    assert all(torch.isfinite(torch.tensor(list(engine.drain().values()))))


@pytest.mark.parametrize("size", [12, 64, 100])
@pytest.mark.parametrize("model", ["pix2pix", "cyclegan", "cut"])
def test_one_iteration_at_other_sizes(compose: Any, model: str, size: int) -> None:
    engine = an_engine(
        compose, f"model={model}", shape=ImageShape(3, size, source=ImageShape(3, size)), count=1
    )
    engine.iterate()
    assert all(torch.isfinite(torch.tensor(list(engine.drain().values()))))
    for name, network in engine.networks.items():
        assert any(p.grad is not None and bool(p.grad.any()) for p in network.parameters()), name


@pytest.mark.parametrize("model", MODELS)
def test_discriminators_take_their_own_learning_rate(compose: Any, model: str) -> None:
    config, _ = compose(*SMALL, f"model={model}")
    config.model.build(config.network, config.loss, EQUAL)
    rates = {phase.name: phase.rate for phase in config.model.phases()}
    assert all(
        rate == ("discriminator" if name.startswith("disc") else "generator") for name, rate in rates.items()
    )
    assert len(rates) == 2


@pytest.mark.parametrize("model", MODELS)
def test_the_papers_optimiser_and_schedule(compose: Any, model: str) -> None:
    config, _ = compose(f"model={model}", "train.batch_size=1")
    optim = config.optim
    assert (optim.beta1, optim.beta2) == (0.5, 0.999)
    rates = [optim.learning_rate("generator", progress) for progress in (0.0, 0.5, 0.75, 1.0)]
    assert rates == pytest.approx([2e-4, 2e-4, 1e-4, 0])
    assert config.train.ema == 0


@pytest.mark.parametrize(
    ("model", "direction"), [*((model, "a_to_b") for model in MODELS), ("cyclegan", "b_to_a")]
)
def test_a_model_says_its_directions_and_translates_in_each(compose: Any, model: str, direction: str) -> None:
    identity = ["model.identity=0"] if model == "cyclegan" else []
    config, _ = compose(*SMALL, f"model={model}", *identity)
    shape = EQUAL if "cut" in model else REAL_SHAPE
    networks = config.model.build(config.network, config.loss, shape)
    assert config.model.translations == (("a_to_b", "b_to_a") if model == "cyclegan" else ("a_to_b",))
    assert shape.source is not None
    source, target = (shape.source, shape) if direction == "a_to_b" else (shape, shape.source)
    inputs = config.model.inputs(images(0, 3, source), Noise(0, CPU))
    panels = config.model.panels(networks, inputs, direction)
    assert panels["source"] is inputs.images
    torch.testing.assert_close(panels["output"], config.model.sample(networks, inputs, direction))
    assert panels["output"].shape == (3, *target.dims)
    if model == "cyclegan":
        back = networks["generator_b_to_a" if direction == "a_to_b" else "generator_a_to_b"]
        torch.testing.assert_close(panels["reconstruction"], back(panels["output"]))
    assert list(panels) == ["source", "output", "reconstruction"][: 3 if model == "cyclegan" else 2]


def test_a_feed_walks_through_the_sources_with_noise_that_is_each_images_own(compose: Any) -> None:
    config, _ = compose(*SMALL, "model=pix2pix")
    config.model.build(config.network, config.loss, REAL_SHAPE)
    pixels = torch.randint(0, 256, (70, 1, 16, 16), dtype=torch.uint8).numpy()
    whole = config.model.feed(3, CPU, pixels).take(70)
    torch.testing.assert_close(whole.images, torch.from_numpy(pixels) / 127.5 - 1)
    assert whole.z.shape == (70, config.model.generator.noise_dims)
    feed = config.model.feed(3, CPU, pixels)
    feed.skip(60)
    assert torch.equal(feed.take(10).z, whole.z[60:])


@pytest.mark.parametrize("model", MODELS)
def test_losses_that_cannot_be_are_refused(compose: Any, model: str) -> None:
    config, _ = compose(f"model={model}")
    with pytest.raises(UserError, match="loss=none leaves this model without an objective"):
        config.model.check(NoLoss(), config.data)
    config, _ = compose(f"model={model}", "model.adversarial=0")
    config.model.check(NoLoss(), config.data)
    assert isinstance(config.data, Digits)


@pytest.mark.parametrize(("model", "terms"), [("pix2pix", "l1"), ("cyclegan", "cycle"), ("cut", "nce")])
def test_weights_below_0_and_nothing_to_learn_are_refused(compose: Any, model: str, terms: str) -> None:
    for name in ("adversarial", "discriminator_weight", terms):
        with pytest.raises(UserError, match=rf"model\.{name} must be 0 or more, not -1"):
            compose(f"model={model}", f"model.{name}=-1")
    with pytest.raises(UserError, match=rf"nothing to learn .* model\.adversarial, model\.{terms} are 0"):
        compose(f"model={model}", "model.adversarial=0", f"model.{terms}=0")


@pytest.mark.parametrize("model", MODELS)
def test_without_the_adversary_there_is_no_discriminator(compose: Any, model: str) -> None:
    engine = an_engine(compose, f"model={model}", "model.adversarial=0", shape=EQUAL)
    assert not [name for name in engine.networks if name.startswith("discriminator")]
    engine.iterate()
    figures = engine.drain()
    assert not [name for name in figures if "adversarial" in name or "score" in name]
    assert engine.images_seen == 2
    assert engine.model.scores(images(0, 2, EQUAL)) is None


@pytest.mark.parametrize(
    ("model", "loss"),
    [
        ("pix2pix", "hinge"),
        ("cyclegan", "wasserstein"),
        ("cyclegan", "relativistic"),
        ("cut", "relativistic"),
    ],
)
def test_other_losses_train(compose: Any, model: str, loss: str) -> None:
    engine = an_engine(compose, f"model={model}", f"loss={loss}", shape=EQUAL)
    engine.iterate()
    assert all(torch.isfinite(torch.tensor(list(engine.drain().values()))))


@pytest.mark.parametrize(
    ("model", "penalty"), [("pix2pix", "gp"), ("cyclegan", "dragan"), ("cut", "r1"), ("cyclegan", "clip")]
)
def test_penalties_act_on_every_discriminator(compose: Any, model: str, penalty: str) -> None:
    settings = (f"+penalty@model.penalties.{penalty}={penalty}", "model.discriminator_norm=none")
    engine = an_engine(compose, f"model={model}", *settings, shape=EQUAL)
    engine.iterate()
    figures = engine.drain()
    names = [name for name in engine.networks if name.startswith("discriminator")]
    if penalty == "clip":
        for name in names:
            assert parameters(engine.networks[name]).abs().max() <= 0.01
    else:
        assert len([name for name in figures if name.startswith("penalty/")]) == len(names)
    assert engine.model.differentiates_twice() == (penalty != "clip")


@pytest.mark.parametrize(
    ("model", "norm"),
    [("pix2pix", "batch"), ("cyclegan", "batch"), ("cyclegan", "spectral"), ("cut", "batch")],
)
def test_every_norm_trains(compose: Any, model: str, norm: str) -> None:
    norms = (f"model.discriminator_norm={norm}", f"network.generator_norm={norm}")
    engine = an_engine(compose, f"model={model}", *norms, shape=EQUAL)
    engine.iterate()
    assert all(torch.isfinite(torch.tensor(list(engine.drain().values()))))


@pytest.mark.parametrize(
    ("model", "family"), [("pix2pix", "cyclegan"), ("cyclegan", "unet"), ("cut", "unet")]
)
def test_the_other_family_of_networks_trains(compose: Any, model: str, family: str) -> None:
    engine = an_engine(compose, f"model={model}", f"network={family}", shape=EQUAL)
    engine.iterate()
    assert all(torch.isfinite(torch.tensor(list(engine.drain().values()))))


@pytest.mark.parametrize("model", MODELS)
def test_the_state_comes_back(compose: Any, model: str) -> None:
    """A second engine that takes a first one's state after four steps makes the same fifth step."""
    settings = (
        f"model={model}",
        "+penalty@model.penalties.lecam=lecam",
        *(["model.pool=3"] * (model == "cyclegan")),
    )
    one, two = (an_engine(compose, *settings, shape=EQUAL) for _ in range(2))
    for _ in range(4):
        one.iterate()
    two.load_state_dict(copy.deepcopy(one.state_dict()))
    for _ in range(4):
        two._draw()
    one.drain()
    for engine in (one, two):
        engine.iterate()
    assert one.drain() == two.drain()
    for name, network in one.networks.items():
        assert torch.equal(parameters(network), parameters(two.networks[name]))


def test_the_discriminators_loss_has_no_gradient_in_the_generators(compose: Any) -> None:
    for model in MODELS:
        config, _ = compose(*SMALL, f"model={model}")
        networks = config.model.build(config.network, config.loss, EQUAL)
        step = a_step(a_batch(2, EQUAL))
        for phase in config.model.phases():
            loss = sum(phase.loss(step).values())
            assert isinstance(loss, Tensor)
            assert all(reaches(loss, networks[name]) for name in phase.updates)
            if phase.rate == "discriminator":
                assert not any(
                    reaches(loss, network) for name, network in networks.items() if name not in phase.updates
                )


def test_both_phases_see_the_same_fakes_of_one_pass(compose: Any) -> None:
    for model, passes in (("pix2pix", 1), ("cyclegan", 2), ("cut", 1)):
        config, _ = compose(*SMALL, f"model={model}")
        config.model.build(config.network, config.loss, EQUAL)
        counts = []
        for generator in config.model.translators():
            calls: list[int] = []
            generator.decode = lambda *given, decode=generator.decode, calls=calls: (
                calls.append(1),
                decode(*given),
            )[1]
            counts.append(calls)
        step = a_step(a_batch(2, EQUAL))
        for phase in config.model.phases():
            phase.loss(step)
        assert [len(calls) for calls in counts] == [passes] * len(counts)


def constant(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float32).view(-1, 1, 1, 1)


def test_a_pool_of_no_size_gives_back_what_it_is_given() -> None:
    new = images(0)
    assert Pool(0).exchange(new, Noise(0, CPU)) is new


def test_a_pool_fills_first_and_then_exchanges_half_of_the_fakes() -> None:
    pool, noise = Pool(50), Noise(0, CPU)
    for start in range(0, 50, 5):
        new = constant(*range(start, start + 5))
        assert torch.equal(pool.exchange(new, noise), new)
    assert pool.count == 50
    held, exchanged, places = set(range(50)), 0, set()
    for value in range(50, 1050):
        seen = int(pool.exchange(constant(value), noise))
        if seen != value:  # it was kept until now, and the new one is kept in its place
            assert seen in held
            places.add(seen % 50)
            held = held - {seen} | {value}
            exchanged += 1
        assert pool.images is not None
        assert {int(kept) for kept in pool.images.flatten()} == held
    assert abs(exchanged / 1000 - 0.5) < 0.05
    assert len(places) == 50


def test_what_a_pool_gives_is_a_constant_and_stays_what_it_was() -> None:
    pool, noise = Pool(1), Noise(0, CPU)
    seen = pool.exchange(constant(1.0).requires_grad_(), noise)
    for value in range(2, 40):
        later = pool.exchange(constant(value).requires_grad_(), noise)
        assert not later.requires_grad
    assert seen.item() == 1


def test_a_pools_state_comes_back() -> None:
    pool, noise = Pool(4), Noise(0, CPU)
    for value in range(7):
        pool.exchange(constant(value), noise)
    state = copy.deepcopy({"pool": pool.state(), "noise": noise.state_dict()})
    expected = [pool.exchange(constant(value), noise).item() for value in range(7, 30)]
    other, again = Pool(4), Noise(5, CPU)
    other.load_state(state["pool"])
    again.load_state_dict(state["noise"])
    assert [other.exchange(constant(value), again).item() for value in range(7, 30)] == expected
