"""What the documentation tells people to type is what the package understands, and what it points to is there."""

from __future__ import annotations

import re
import shlex

import hydra
import pytest
from omegaconf import OmegaConf

import tiny
from gan_experiments.cli.arguments import expanded
from gan_experiments.cli.catalogue import Catalogue
from gan_experiments.components import register

ROOT = tiny.CONF.parent
README = (ROOT / "README.md").read_text()
PAGES = {
    str(path.relative_to(ROOT)): path.read_text()
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
}
TEXT = "\n".join(PAGES.values())
COMMANDS = sorted(
    {
        line.partition(" #")[0].strip()
        for line in TEXT.splitlines()
        if re.match(r"gan-train( -m)? [a-z+_]+[@.\w]*=", line) and "resume=" not in line
    }
    | {f"gan-train {cell}" for cell in re.findall(r"`((?:model|loss|experiment)=[^` <]+ [^`<]+)`", TEXT)}
)
NAMED = sorted(set(re.findall(r"`(model|loss|experiment|data|network|head|metrics|train)=(\w+)`", TEXT)))
CATALOGUE = Catalogue.of("train", [])
WORDS = 1500  # of the README, at most


def test_there_are_commands_to_check() -> None:
    assert len(COMMANDS) > 15
    assert len(NAMED) > 40


@pytest.mark.parametrize("command", COMMANDS)
def test_command_composes(command: str) -> None:
    _, *words = shlex.split(command, comments=True)
    overrides = [word for word in words if word != "-m"]
    if "-m" in words:
        overrides = [word.partition(",")[0] for word in overrides]
    register()
    with hydra.initialize_config_dir(str(tiny.CONF), version_base="1.3"):
        OmegaConf.to_object(hydra.compose("train", expanded(overrides, CATALOGUE)))


@pytest.mark.parametrize(("group", "option"), NAMED)
def test_option_is_there(group: str, option: str) -> None:
    assert (tiny.CONF / group / f"{option}.yaml").is_file()


@pytest.mark.parametrize("page", PAGES)
def test_a_table_has_as_many_cells_in_every_row(page: str) -> None:
    tables = re.findall(r"(?:^\|.*\n)+", PAGES[page], re.MULTILINE)
    for rows in (table.splitlines() for table in tables):
        cells = {len(re.findall(r"(?<!\\)\|", row)) for row in rows}
        assert len(cells) == 1, rows[0]


@pytest.mark.parametrize("marker", ["run command", "test command"])
def test_the_two_commands_stand_alone(marker: str) -> None:
    block = re.search(rf"<!-- {marker} -->\n```bash\n(.+)\n```", README)
    assert block, "one line of bash after the marker"
    assert block[1].startswith("python3 -m venv")


def test_the_readme_shows_a_picture_and_is_short() -> None:
    assert re.search(r"!\[[^]]+\]\([^)]+\.png\)", README)
    assert len(README.split()) <= WORDS


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_points_to_exists(page: str) -> None:
    for target in re.findall(r"\]\((?!http)([^)]+)\)", PAGES[page]):
        name, _, heading = target.partition("#")
        path = (ROOT / page).parent / name if name else ROOT / page
        assert path.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
            assert heading in [title.lower().replace(" ", "-") for title in headings], target


def test_every_page_is_found_from_the_readme() -> None:
    reached, left = {"README.md"}, ["README.md"]
    while left:
        page = left.pop()
        for target in re.findall(r"\]\((?!http)([^)#]+\.md)[^)]*\)", PAGES[page]):
            found = str(((ROOT / page).parent / target).resolve().relative_to(ROOT.resolve()))
            if found not in reached:
                reached.add(found)
                left.append(found)
    assert reached == set(PAGES)
    pictures = {path.name for path in (ROOT / "docs" / "images").iterdir()}
    assert pictures == {name for name in pictures if f"images/{name}" in TEXT}


@pytest.mark.parametrize("group", ["model", "data", "head", "penalty"])
def test_every_option_is_named(group: str) -> None:
    """A method that is not in the documentation is not found."""
    pages = {"model": "README.md", "data": "docs/usage.md"}.get(group, "docs/methods.md")
    options = {path.stem for path in (tiny.CONF / group).glob("[!_]*.yaml")}
    assert options <= set(re.findall(r"\w+", PAGES[pages]))
