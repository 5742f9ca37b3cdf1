"""What a run leaves in its folder, and how it ends."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import tiny
from gan_experiments.errors import Interrupted
from gan_experiments.metrics.base import Evaluation
from gan_experiments.metrics.features import Extraction
from gan_experiments.training import checkpoint, run
from gan_experiments.training.run import Run

RUN = [
    "model=san",
    "network=mlp",
    "train.steps=4",
    "train.checkpoint_every=2",
    "train.evaluate_every=2",
    "train.sample_every=2",
]


@dataclass
class FakeMetrics:
    """Two figures that are best at the first evaluation; looks at what it is given."""

    best = "fd"
    seed = 0

    def __post_init__(self) -> None:
        self.seen: list[torch.Tensor] = []

    def check(self, paths_data: Path) -> None: ...

    needs_held_out = True

    def evaluator(self, real: Any, device: torch.device, held_out: Any, paths_data: Path) -> Any:
        assert (len(real), len(held_out)) == (1500, 297)

        def evaluate(sample: Any) -> Evaluation:
            self.seen.append(torch.cat([sample(3), sample(2)]))
            return Evaluation(
                {"fd": float(len(self.seen)), "recall": 0.5}, {"extractor": "fake"}, {"fd": 0.1}
            )

        return evaluate


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, FakeMetrics, dict[str, float]]:
    config, record = tiny.compose(*RUN)
    config.metrics = FakeMetrics()
    folder = tmp_path_factory.mktemp("run")
    return folder, config.metrics, run(config, folder, record)


def test_files(finished: Any) -> None:
    folder, _, metrics = finished
    assert metrics == {"fd": 2.0, "recall": 0.5}
    assert sorted(p.name for p in (folder / "checkpoints").iterdir()) == [
        "best.pt",
        "last.pt",
        "step_00000002.pt",
        "step_00000004.pt",
    ]
    assert sorted(p.name for p in (folder / "samples").iterdir()) == [
        "step_00000002.png",
        "step_00000004.png",
    ]
    grid = Image.open(folder / "samples" / "step_00000004.png")
    assert grid.size == (8 * 66 + 2, 8 * 66 + 2)
    with Image.open(folder / "train.gif") as film:
        assert (film.n_frames, film.size) == (2, (530, 550))


def test_summary_and_metrics(finished: Any) -> None:
    folder, _, _ = finished
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["status"] == "finished"
    assert (summary["step"], summary["images_seen"]) == (4, 32)
    assert summary["metrics"] == {"fd": 2.0, "recall": 0.5}
    assert summary["best"] == {"step": 2, "fd": 1.0, "recall": 0.5}
    assert summary["provenance"]["torch"] == torch.__version__
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [2, 4]
    assert rows[0]["protocol"]["extractor"] == "fake"
    assert rows[0]["protocol"]["split"] == "train"
    assert rows[0]["floor"] == {"fd": 0.1}


def test_best_and_last_checkpoints(finished: Any) -> None:
    folder, _, _ = finished
    assert checkpoint.load(folder / "checkpoints" / "best.pt")["engine"]["step"] == 2
    assert checkpoint.load(folder / "checkpoints" / "last.pt")["engine"]["step"] == 4


def test_evaluations_see_the_same_latents(finished: Any) -> None:
    _, metrics, _ = finished
    first, second = metrics.seen
    assert first.dtype is torch.float32
    assert first.shape == (5, 1, 32, 32)
    assert not torch.equal(first, second)  # the generator has moved on
    assert (first.float() - second.float()).abs().mean() < 0.1  # but not the latents: nearly the same images


def test_tensorboard(finished: Any) -> None:
    folder, _, _ = finished
    events = EventAccumulator(str(folder))
    events.Reload()
    tags = events.Tags()
    for tag in ("loss/discriminator", "loss/generator", "loss/discriminator/direction", "score/real", "lr/generator",
                "time/images_per_second", "eval/fd", "separability/violation", "separability/gap"):  # fmt: skip
        assert [event.step for event in events.Scalars(tag)] == [2, 4], tag
    assert {"real", "samples/fixed_latents", "separability"} <= set(tags["images"])
    assert {f"{name}/text_summary" for name in ("choices", "config", "provenance")} <= {*tags["tensors"]}
    page = (Path(__file__).parents[2] / "docs" / "tensorboard.md").read_text()
    described = [re.sub("[A-Z]+", r"[\\w/]+", tag) for tag in re.findall(r"`([a-z_]+(?:/[\w]+)*)`", page)]
    assert not [
        tag for tag in tags["scalars"] + tags["images"] if not any(re.fullmatch(d, tag) for d in described)
    ]
    plugins = events.summary_metadata
    assert "_hparams_/session_start_info" in plugins
    assert "_hparams_/session_end_info" in plugins
    assert "_hparams_/experiment" not in plugins  # with one, TensorBoard would hide the others' settings


def test_sigterm_saves_and_says_how_to_go_on(compose: Any, tmp_path: Path) -> None:
    config, record = compose("model=gan", "train.steps=100", "train.checkpoint_every=100")
    trained = Run(config, tmp_path, record)
    iterate = trained.engine.iterate

    def stop() -> None:
        iterate()
        if trained.engine.step == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    trained.engine.iterate = stop  # type: ignore[method-assign]
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Interrupted, match=r"SIGTERM.*step_00000003.pt"):
        trained.train()
    assert checkpoint.load(tmp_path / "checkpoints" / "last.pt")["engine"]["step"] == 3
    assert json.loads((tmp_path / "summary.json").read_text())["status"] == "interrupted"
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_evaluation_is_left_at_once_and_done_after_the_resume(compose: Any, tmp_path: Path) -> None:
    """The checkpoint is there before it begins."""
    config, record = compose(*RUN)
    config.metrics = FakeMetrics()
    whole = run(config, tmp_path / "whole", record)

    config, record = compose(*RUN)
    config.metrics = metrics = FakeMetrics()
    stopped = Run(config, tmp_path / "parts", record)

    def evaluate(sample: Any) -> Evaluation:
        assert (tmp_path / "parts" / "checkpoints" / "step_00000002.pt").is_file()
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError

    stopped.evaluations.comparisons[0].evaluator = evaluate  # type: ignore[assignment]
    with pytest.raises(Interrupted, match=r"SIGTERM.*step_00000002.pt"):
        stopped.train()
    assert not (tmp_path / "parts" / "metrics.jsonl").exists()
    config, record = compose(*RUN)
    config.metrics = metrics
    config.resume = str(tmp_path / "parts" / "checkpoints" / "last.pt")
    assert run(config, tmp_path / "parts", record) == whole
    rows = [
        [json.loads(line)["step"] for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()]
        for name in ("whole", "parts")
    ]
    assert rows == [[2, 4], [2, 4]]
    first, second = (
        checkpoint.load(tmp_path / name / "checkpoints" / "last.pt") for name in ("whole", "parts")
    )
    for key in ("best", "metrics", "due"):
        assert first[key] == second[key]


def test_features_of_real_images_are_left_at_once_and_nothing_of_them_stays(
    compose: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ["model=gan", "network=mlp", "metrics=lenet", "metrics.samples=20", "train.steps=2"]
    added = []

    def add(extraction: Extraction, images: torch.Tensor, *labels: torch.Tensor) -> None:
        added.append(len(images))
        real_add(extraction, images, *labels)
        if len(added) == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    real_add = Extraction.add
    monkeypatch.setattr(Extraction, "add", add)
    config, record = compose(*settings, f"paths.data={tmp_path}")
    with pytest.raises(Interrupted, match=r"SIGTERM.*step_00000002.pt"):
        run(config, tmp_path / "parts", record)
    monkeypatch.undo()
    assert added == [20, 500]  # the generated images, the first of 1500 real ones
    assert not list((tmp_path / ".cache").rglob("*.*"))
    config, record = compose(*settings, f"paths.data={tmp_path}")
    config.resume = str(tmp_path / "parts" / "checkpoints" / "last.pt")
    assert run(config, tmp_path / "parts", record)["fd_lenet"] > 0


@pytest.mark.parametrize(("keep", "kept"), [(0, [10]), (2, [6, 8, 10])])
def test_older_checkpoints_are_kept_besides_the_last(
    keep: int, kept: list[int], compose: Any, tmp_path: Path
) -> None:
    every = ["train.steps=10", "train.checkpoint_every=2", f"train.keep_checkpoints={keep}"]
    config, record = compose("model=gan", "network=mlp", "data.image_size=16", *every)
    run(config, tmp_path, record)
    files = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert files == ["last.pt", *(f"step_{step:08d}.pt" for step in kept)]


def test_a_run_can_be_as_long_as_it_takes_to_see_a_number_of_images(compose: Any, tmp_path: Path) -> None:
    # Five critic steps of eight images in each update, so that the 200 are reached within the sixth.
    length = ["train.images=201", "train.steps=2", "train.log_every=1", "train.sample_every=100"]
    linear = [
        "optim=adam",
        "optim.lr=0.1",
        "optim.schedule=linear",
        "optim.decay_start=0",
        "optim.final_factor=0",
    ]
    config, record = compose("model=wgan", "network=mlp", "data.image_size=16", *length, *linear)
    trained = Run(config, tmp_path, record)
    trained.train()
    assert (trained.engine.step, trained.engine.images_seen) == (6, 240)
    assert (tmp_path / "checkpoints" / "step_00000006.pt").is_file()
    assert json.loads((tmp_path / "summary.json").read_text())["images_seen"] == 240
    assert len(list((tmp_path / "samples").glob("step_00000006.png"))) == 1
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    rates = [event.value for event in events.Scalars("lr/generator")]
    assert rates == pytest.approx([0.1 * max(0.0, 1 - 40 * step / 201) for step in range(1, 7)])


def test_a_run_of_so_many_images_goes_on_where_it_stopped(compose: Any, tmp_path: Path) -> None:
    settings = ["model=gan", "network=mlp", "data.image_size=16", "optim.schedule=linear"]
    config, record = compose(*settings, "train.images=48")
    run(config, tmp_path / "whole", record)
    config, record = compose(*settings, "train.images=48")
    half = Run(config, tmp_path / "parts", record)
    half._open()
    for _ in range(3):
        half.engine.iterate()
    half._save()
    half.recorder.close()
    config, record = compose(*settings, "train.images=48")
    config.resume = str(tmp_path / "parts" / "checkpoints" / "last.pt")
    rest = Run(config, tmp_path / "parts", record)
    assert (rest.engine.step, rest.engine.progress) == (3, 0.5)
    rest.train()
    assert rest.engine.step == 6
    whole, parts = (
        checkpoint.load(tmp_path / name / "checkpoints" / "last.pt")["engine"]["networks"]["generator"]
        for name in ("whole", "parts")
    )
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_a_resumed_run_adds_to_its_records(
    compose: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    config, record = compose("model=gan", "train.steps=4")
    run(config, tmp_path, record)
    config, record = compose("model=gan", "train.steps=8")
    config.resume = str(tmp_path / "checkpoints" / "last.pt")
    run(config, tmp_path, record)
    assert "nothing is left" not in caplog.text
    run(config, tmp_path, record)
    assert f"nothing is left of this run (train.steps=8): resume={tmp_path} with more goes on" in caplog.text
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    # Sorted, since the names of two files of one second need not be in their order.
    assert sorted(event.step for event in events.Scalars("loss/generator")) == [2, 4, 6, 8]
    assert json.loads((tmp_path / "summary.json").read_text())["images_seen"] == 64


def test_every_epoch_of_data_counts(compose: Any, tmp_path: Path) -> None:
    config, record = compose("model=wgan", "train.steps=2")
    trained = Run(config, tmp_path, record)
    trained.train()
    assert trained.engine.images_seen == 2 * 5 * 8  # five critic steps of eight images each
