"""cli/draws.py: random settings, from a search's files and from the command line."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hypothesis import given
from hypothesis import strategies as st

from gan_experiments.cli.draws import drawn
from gan_experiments.errors import UserError

Command = Callable[..., Any]


@functools.cache
def parsed(line: str) -> Override:
    return OverridesParser.create().parse_override(line)


def draw(*lines: str, seed: int = 0, **given: str) -> dict[str, str]:
    overrides = drawn([parsed(line) for line in lines], {"seed": str(seed), **given})
    return dict(one.split("=") for one in overrides)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(0, 2**63))
def test_an_interval_holds_its_draws(start: float, length: float, seed: int) -> None:
    end = start + length
    value = float(draw(f"x=tag(random,interval({start},{end}))", seed=seed)["x"])
    slack = 1e-3 * max(abs(start), abs(end))  # four digits of a number
    assert start - slack <= value <= end + slack


def test_the_logarithm_is_even() -> None:
    values = [float(draw("x=tag(random,log,interval(1e-5,1e-1))", seed=seed)["x"]) for seed in range(2000)]
    exponents = sorted(math.log10(value) for value in values)
    assert -5 <= exponents[0] < -4.98
    assert -1.02 < exponents[-1] <= -1
    assert exponents[500] == pytest.approx(-4, abs=0.1)
    assert exponents[1500] == pytest.approx(-2, abs=0.1)


def test_a_choice_takes_each_value() -> None:
    taken = [draw("+x=tag(random,choice(none,batch,3))", seed=seed)["+x"] for seed in range(300)]
    assert {value: round(taken.count(value) / 300, 1) for value in set(taken)} == {
        "none": 0.3, "batch": 0.3, "3": 0.3
    }  # fmt: skip


def test_a_key_draws_its_own_and_the_last_range_counts() -> None:
    ranges = [f"{key}=tag(random,interval(0,1))" for key in ("a", "b")]
    both = draw(*ranges)
    assert both["a"] != both["b"]
    assert draw(*reversed(ranges)) == both
    assert draw(*ranges, "a=tag(random,choice(7))") == {"a": "7", "b": both["b"]}
    assert draw(*ranges, "c=adam", a="0.5") == {"b": both["b"], "c": "adam"}
    assert draw(*ranges, seed=1) != both


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("x=tag(random,interval(1,0))", "an interval\\(a, b\\) with a below b"),
        ("x=tag(random,interval(0,inf))", "an interval\\(a, b\\) with a below b"),
        ("x=tag(random,log,interval(0,1))", "only what is above 0 has a logarithm"),
        ("x=1,2", "a value, or tag\\(random, ...\\)"),
    ],
)
def test_what_is_no_range(line: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        draw(line)


def test_a_search_has_its_models_ranges(gan_train: Command, trainer: Any) -> None:
    words = ("-m", "hparams_search=random", "model=wgan,gan", "seed=0,1", "sweep=first")
    assert gan_train(*words, "optim.beta1=0.25").code == 0
    settings = [config for config, _, _ in trainer.calls]
    assert [config.seed for config in settings] == [0, 0, 1, 1]
    rates = [config.optim.lr for config in settings]
    assert rates[::2] == rates[1::2]
    assert len(set(rates)) == 2
    assert all(1e-5 <= rate <= 1e-2 for rate in rates)
    assert {config.optim.beta1 for config in settings} == {0.25}
    limits = [config.model.penalties["clip"].limit for config in settings[::2]]
    assert len({0.01, *limits}) == 3
    again = gan_train(*words, "optim.beta1=0.25")
    assert again.out.count("skipped") == 4
    assert len(trainer.calls) == 4


def test_a_job_of_a_search_goes_on_alone(gan_train: Command, trainer: Any, tmp_path: Path) -> None:
    assert gan_train("-m", "hparams_search=random_narrow", "model=began", "seed=3", "sweep=first").code == 0
    ((before, folder, _),) = trainer.calls
    checkpoints = folder / "checkpoints"
    checkpoints.mkdir(exist_ok=True)
    (checkpoints / "last.pt").touch()
    assert gan_train(f"resume='{folder}'").code == 0
    after = trainer.calls[-1][0]
    assert 0.6 <= before.model.gamma <= 0.9
    assert (after.model.gamma, after.optim, after.seed) == (before.model.gamma, before.optim, 3)


def test_ranges_on_the_command_line(gan_train: Command, trainer: Any) -> None:
    assert gan_train("-m", "optim.lr=tag(random,choice(1e-3,1e-4))", "seed=range(0,8)").code == 0
    assert {config.optim.lr for config, _, _ in trainer.calls} == {1e-3, 1e-4}
