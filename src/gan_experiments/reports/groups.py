"""Runs that differ in nothing but the seed belong together; groups are named by what tells them apart."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gan_experiments import records
from gan_experiments.plain import plain
from gan_experiments.reports.text import cut, flatten
from gan_experiments.runs import RunFolder

SILENT = (
    "experiment",
    "hparams_search",
    "train",
    "gpu",
    "logger",
)  # groups whose choice shows in other settings
MAX_SETTINGS = 2000
LAUNCHING = ("gpu.graphs", "gpu.checkpointing")  # the results are those without them
NO_SETTING = ("seed", "resume", "sweep", *LAUNCHING)
PRECISION = "gpu.precision"
SINCE = {  # settings that runs of earlier versions lack, and what these did
    "network.spectral_scale": "1.0",
    "train.accumulate": "1",
}


@dataclass
class Group:
    """Runs of the same settings, one a seed; `label` holds the settings that other groups have otherwise."""

    runs: list[RunFolder]
    label: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        joined = " ".join(f"{plain(key)}={cut(value)}" for key, value in self.label.items())
        return joined or cut(self.runs[0].path.name or str(self.runs[0].path))

    @property
    def choices(self) -> dict[str, str]:
        return choices(self.runs[0])

    @property
    def settings(self) -> dict[str, str]:
        """Every setting but the seed, by its dotted name."""
        return settings(self.runs[0])

    def value(self, key: str) -> str:
        """What stands in a column of that setting: also where it tells other groups apart alone; else empty."""
        return self.label[key] if key in self.label else self.settings.get(key, "")


def grouped(runs: Iterable[RunFolder]) -> list[Group]:
    """Groups of runs, in the order of their first; of runs with the same seed too the last one counts.

    Runs whose settings cannot be read stand alone.
    """
    by_settings: dict[str, dict[str, RunFolder]] = defaultdict(dict)
    for run in runs:
        alone = "" if run.config or run.choices else str(run.path)
        by_settings[json.dumps([choices(run), settings(run), alone], sort_keys=True)][run.seed] = run
    groups = [Group(list(seeds.values())) for seeds in by_settings.values()]
    _label(groups)
    return groups


def choices(run: RunFolder) -> dict[str, str]:
    """The options that a run was composed of, the model before its companions."""
    options = {key: value for key, value in run.choices.items() if key.partition("/")[0] not in SILENT}
    return {"model": options["model"]} | options if "model" in options else options


def settings(run: RunFolder) -> dict[str, str]:
    flat = flatten(run.config)
    if flat.get(PRECISION) == "auto":  # another arithmetic on another machine
        flat[PRECISION] = str(records.mapping(run.summary.get("provenance")).get("precision", "auto"))
    groups = {key.partition(".")[0] for key in flat}
    flat = {key: value for key, value in SINCE.items() if key.partition(".")[0] in groups} | flat
    return {key: flat[key] for key in list(flat)[:MAX_SETTINGS] if key not in NO_SETTING}


def telling(dicts: Sequence[Mapping[str, str]]) -> list[str]:
    """The keys that tell these apart, in their order, without those that tell no more than the ones before."""
    chosen: list[str] = []
    apart = 1
    for key in dict.fromkeys(key for one in dicts for key in one):
        now = len({tuple(one.get(k) for k in (*chosen, key)) for one in dicts})
        if now > apart:
            chosen.append(key)
            apart = now
    return chosen


def _label(groups: list[Group]) -> None:
    """The options that tell groups apart; and the settings that do so among groups of the same options."""
    options = telling([group.choices for group in groups])
    alike: dict[str, list[Group]] = defaultdict(list)
    for group in groups:
        group.label = {key: group.choices.get(key, "-") for key in options}
        alike[json.dumps(group.label)].append(group)
    for kin in alike.values():
        keys = telling([group.settings for group in kin])
        for group in kin:
            group.label |= {key: group.settings.get(key, "-") for key in keys}
