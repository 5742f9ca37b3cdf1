"""Random settings: what `key: tag(random, interval(a, b))` and `tag(random, choice(a, b))` mean in a sweep.

A grid multiplies its values; these are drawn once for every job, by its seed: the same seed draws the same value of a
key in every model and whenever the sweep is repeated.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping

from hydra.core.override_parser.types import IntervalSweep, Override, Sweep

from gan_experiments.errors import UserError

TAG = "random"
DIGITS = 4  # of a drawn number: it is part of a folder's name


def is_drawn(override: Override) -> bool:
    """Whether an override says `tag(random, ...)`."""
    value = override.value()
    return isinstance(value, Sweep) and TAG in value.tags


def drawn(search: Iterable[Override], given: Mapping[str, str]) -> list[str]:
    """`key=value` for all that a search says of keys that are not `given` already, as the seed is; the last counts.

    Raises UserError for what is neither random nor a single value.
    """
    wanted = {one.key_or_group: one for one in search if one.key_or_group not in given}
    seed = given.get("seed", "0")
    return [
        f"{one.get_key_element()}={_value(one, random.Random(f'{key} {seed}'))}"
        for key, one in wanted.items()
    ]


def _value(override: Override, source: random.Random) -> str:
    """One of a choice's values, or from an interval evenly, with the tag `log` in its logarithm."""
    sweep = override.value()
    if not override.is_sweep_override():
        return override.get_value_element_as_str()
    if not is_drawn(override):
        raise UserError(
            f"{override.input_line}: what a search has for one model is a value, or tag(random, ...)"
        )
    if not isinstance(sweep, IntervalSweep):
        return source.choice(list(override.sweep_string_iterator()))
    start, end = sweep.start or 0.0, sweep.end or 0.0
    if not -math.inf < start < end < math.inf:
        raise UserError(f"{override.input_line}: random values are of an interval(a, b) with a below b")
    if "log" not in sweep.tags:
        return f"{source.uniform(start, end):.{DIGITS}g}"
    if start <= 0:
        raise UserError(f"{override.input_line}: only what is above 0 has a logarithm")
    return f"{math.exp(source.uniform(math.log(start), math.log(end))):.{DIGITS}g}"
