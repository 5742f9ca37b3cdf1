"""What the README tells people to type is what the package understands."""

from __future__ import annotations

import re
import shlex

import hydra
import pytest
from omegaconf import OmegaConf

import tiny
from gan_experiments.components import register

README = (tiny.CONF.parent / "README.md").read_text()
COMMANDS = sorted(
    {
        line.partition(" #")[0].strip()
        for line in README.splitlines()
        if re.match(r"(\$ )?gan-train( -m)? [a-z+_]+[@.\w]*=", line) and "resume=" not in line
    }
    | {f"gan-train {cell}" for cell in re.findall(r"`((?:model|loss)=[^`]*)`", README)}
)


def test_there_are_commands_to_check() -> None:
    assert len(COMMANDS) > 10


@pytest.mark.parametrize("command", [c for c in COMMANDS if "sann" not in c])
def test_command_composes(command: str) -> None:
    words = [word for word in shlex.split(command)[1:] if word not in ("-m", "$", "gan-train")]
    overrides = [f"{key}={value.split(',')[0]}" for key, _, value in (word.partition("=") for word in words)]
    register()
    with hydra.initialize_config_dir(str(tiny.CONF), version_base="1.3"):
        OmegaConf.to_object(hydra.compose("train", overrides))


@pytest.mark.parametrize("marker", ["run command", "test command"])
def test_the_two_commands_stand_alone(marker: str) -> None:
    block = re.search(rf"<!-- {marker} -->\n```bash\n(.+)\n```", README)
    assert block, "one line of bash after the marker"
    assert block[1].startswith("python3 -m venv")


def test_pictures_exist() -> None:
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", README)
    assert pictures
    for picture in pictures:
        assert (tiny.CONF.parent / picture).is_file(), picture
