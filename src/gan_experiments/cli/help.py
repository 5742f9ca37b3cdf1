"""`--help`, from the text of the YAML files alone."""

from __future__ import annotations

import textwrap

from gan_experiments.cli.catalogue import PLACES, Catalogue

USAGE = """\
usage: {program} [key=value ...]             one run
       {program} -m [key=v1,v2 ...]          a sweep: every combination of the values
       {program} --cfg job [key=value ...]   show the settings and stop

  {program} model=wgan_gp data=mnist seed=1
  {program} -m model=gan,wgan_gp,san seed=0,1,2 sweep=first
  {program} -m experiment=mnist model=gan,wgan_gp,san seed=0,1,2
  {program} resume=outputs/RUN train.steps=40000

  -cd FOLDER          your own configs, before these ($GAN_CONF does the same)
  --version, --info, --hydra-help
  eval "$({program} -sc install=bash)"   completion with the Tab key (also zsh, fish)
"""


def text(catalogue: Catalogue) -> str:
    """The usage, every key and every option of every group with its one line."""
    parts = [USAGE.format(program=catalogue.program), "Settings (key=default)"]
    names = [f"{setting.name}={setting.value}" for setting in catalogue.keys]
    parts += _columns(names, [setting.comment for setting in catalogue.keys])
    for group, options in catalogue.groups.items():
        if "/" not in group:
            parts += ["", _title(group, catalogue), *_columns(list(options), list(options.values()))]
            parts += _recipes(group, catalogue)
    return "\n".join(parts)


def _title(group: str, catalogue: Catalogue) -> str:
    if group in catalogue.defaults:
        default = catalogue.defaults[group]
        return f"{group}={default.value}   {default.comment}".rstrip()
    return f"{group}   part of another option: {PLACES.get(group, '+' + group + '@KEY={}').format('NAME')}"


def _recipes(group: str, catalogue: Catalogue) -> list[str]:
    """Which methods an experiment has more to say of."""
    own = {name: options for name, options in catalogue.groups.items() if name.startswith(f"{group}/")}
    lines = [
        f"{name.partition('/')[2]} has its own settings for model={', '.join(own[name])}" for name in own
    ]
    return [
        part
        for line in lines
        for part in textwrap.wrap(line, 110, initial_indent="  ", subsequent_indent="    ")
    ]


def _columns(names: list[str], comments: list[str]) -> list[str]:
    width = min(max(map(len, names), default=0), 34)
    return [f"  {name:{width}}  {comment}".rstrip() for name, comment in zip(names, comments, strict=True)]
