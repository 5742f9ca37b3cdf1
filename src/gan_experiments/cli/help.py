"""`--help`, from the text of the YAML files alone."""

from __future__ import annotations

from gan_experiments.cli.catalogue import Catalogue

USAGE = """\
usage: {program} [key=value ...]             one run
       {program} -m [key=v1,v2 ...]          a sweep: every combination of the values
       {program} --cfg job [key=value ...]   show the settings and stop

  {program} model=wgan_gp data=mnist seed=1
  {program} -m model=gan,wgan_gp,san seed=0,1,2 sweep=first
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
        parts += ["", _title(group, catalogue)]
        parts += _columns(list(options), list(options.values()))
    return "\n".join(parts)


def _title(group: str, catalogue: Catalogue) -> str:
    if group in catalogue.defaults:
        default = catalogue.defaults[group]
        return f"{group}={default.value}   {default.comment}".rstrip()
    return f"{group}   part of another option: +{group}@KEY.NAME=OPTION"


def _columns(names: list[str], comments: list[str]) -> list[str]:
    width = min(max(map(len, names), default=0), 34)
    return [f"  {name:{width}}  {comment}".rstrip() for name, comment in zip(names, comments, strict=True)]
