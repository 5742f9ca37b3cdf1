"""`gan-export`: a folder for others, whole or not there."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from PIL import Image

import tiny
from faults import FullDisk
from gan_experiments.cli import export


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from gan_experiments.training import run

    folder = tmp_path_factory.mktemp("trained")
    config, record = tiny.compose("model=san", "network=mlp", "data.image_size=8", "train.ema=0.5")
    record["choices"] = {"model": "san", "data": "digits"}
    run(config, folder, record)
    row = {
        "step": 4,
        "metrics": {"fd_lenet": 12.345678, "fd_se_lenet": 0.5, "recall_lenet": 0.25},
        "floor": {"fd_lenet": 8.0},
        "protocol": {"extractor": "lenet", "weights": "0123456789abcdef" * 4, "generated": 100},
    }
    earlier = {**row, "step": 2, "metrics": {"fd_lenet": 99.0}}
    (folder / "metrics.jsonl").write_text(f"{json.dumps(earlier)}\n{json.dumps(row)}\n")
    return folder


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Any:
    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gan-export", *map(str, arguments)])
        capsys.readouterr()
        return export.main(), *capsys.readouterr()

    return call


def test_a_folder_has_the_program_samples_and_a_card(trained: Path, tmp_path: Path, call: Any) -> None:
    folder = tmp_path / "new" / "shared"
    code, out, err = call(trained, folder, "--formats", "torch", "--license", "mit")
    assert (code, err) == (0, "")
    assert out.splitlines() == [str(folder / name) for name in ("README.md", "model.pt2", "samples.png")]
    assert [path.name for path in folder.parent.iterdir()] == ["shared"]
    assert Image.open(folder / "samples.png").size == (530, 530)
    _, head, text = (folder / "README.md").read_text().split("---\n", 2)
    assert yaml.safe_load(head) == {
        "license": "mit",
        "library_name": "gan-experiments",
        "pipeline_tag": "unconditional-image-generation",
        "tags": ["gan", "san"],
    }
    for line in (
        "# san on digits",
        "![64 samples, none picked out](samples.png)",
        "Trained for 4 updates of the generator on 32 real",
        "images of `digits`, grey images of 8 x 8 pixels in 10 classes. The weights are a moving average (decay ",
        "- `z`: latents, float32 (n, 100), from N(0, 1)",
        'images = torch.export.load("model.pt2").module()(z=z)',
        "| `fd_lenet` | 12.35 | 0.5 | 8 |",
        "| `recall_lenet` | 0.25 |  |  |",
        "Protocol: extractor lenet, weights 0123456789ab, generated 100.",
        "gan-train model=san network=mlp data.image_size=8 train.ema=0.5",
        "The weights are published under mit. They were learnt from `digits`: scikit-learn's 1,797 handwritten",
    ):
        assert f"\n{line}" in text
    assert "99" not in text
    assert "fd_se" not in text
    assert "load(" not in text.replace("torch.export.load(", "")  # no safetensors, so not with this package


def test_everything_at_once(trained: Path, tmp_path: Path, call: Any) -> None:
    wanted = [name for names in export.FORMATS.values() for name in names]
    missing = [name for name in wanted if importlib.util.find_spec(name) is None]
    code, _, err = call(trained, tmp_path / "all")
    if missing:
        assert code == 2
        assert (
            f'needs {", ".join(missing)}: pip install "gan-experiments[export]" (--formats torch needs nothing more)'
            in err
        )
        assert not (tmp_path / "all").exists()
        pytest.skip(f"not installed: {', '.join(missing)}")
    assert (code, err) == (0, "")
    names = ["README.md", "config.json", "model.onnx", "model.pt2", "model.safetensors", "samples.png"]
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == names
    card = (tmp_path / "all" / "README.md").read_text()
    assert "No licence was chosen for these weights" in card
    assert 'model = gan_experiments.load(".")\nimages = model.sample(16)\n' in card


def test_what_fails_leaves_nothing(
    trained: Path, tmp_path: Path, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gan_experiments.errors import RunError
    from gan_experiments.sharing import formats

    def broken(model: Any, folder: Path) -> list[str]:
        (folder / "model.pt2").write_text("half")
        raise RunError("model.pt2 gives other images than the model")

    monkeypatch.setitem(formats.WRITERS, "torch", broken)
    code, _, err = call(trained, tmp_path / "shared", "--formats", "torch")
    assert (code, err) == (1, "gan-export: error: model.pt2 gives other images than the model\n")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["RUN", "FULL"], "is there already: name a new folder"),
        (
            ["RUN", "new", "--formats", "onxn"],
            "there is no 'onxn', only safetensors, onnx, torch\n  Did you mean 'onnx'?",
        ),
        (["nowhere", "new", "--formats", "torch"], "there is no run or checkpoint nowhere"),
        (["RUN"], "the following arguments are required: folder"),
    ],
)
def test_mistakes(arguments: list[str], message: str, trained: Path, tmp_path: Path, call: Any) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").write_text("")
    places = {"RUN": trained, "FULL": tmp_path / "full"}
    code, out, err = call(*[places.get(word, word) for word in arguments])
    assert (code, out) == (2, "")
    assert err.startswith("gan-export: error: ")
    assert message in err


def test_a_strangers_settings_are_read_as_carefully_as_a_checkpoint(tmp_path: Path) -> None:
    from gan_experiments import load
    from gan_experiments.errors import UserError

    (tmp_path / "model.safetensors").write_text("junk")
    needed = "needs safetensors" if importlib.util.find_spec("safetensors") is None else "is not a checkpoint"
    for text in ("", "[" * 100_000, "{}", '{"format": 1}'):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(UserError, match=needed):
            load(tmp_path)


def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    trained: Path, tmp_path: Path, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    FullDisk(tmp_path, 0, monkeypatch)
    code, _, err = call(trained, tmp_path / "shared", "--formats", "torch")
    assert code == 1
    assert err == (
        f"gan-export: error: {tmp_path / 'shared'} could not be written: the disk is full "
        "(No space left on device)\n"
    )
    assert not list(tmp_path.iterdir())
