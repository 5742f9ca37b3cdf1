from __future__ import annotations

import os

import numpy as np
import pytest
import torch
from metrics_helpers import ImageSet, random_images, sampler

from faults import FullDisk
from gan_experiments.metrics import LeNet
from gan_experiments.metrics.store import Store

CPU = torch.device("cpu")


def count(calls: list[int]):
    def make():
        calls.append(1)
        return {"a": np.arange(3.0), "b": np.ones((2, 2), np.float32)}

    return make


def test_made_once_and_found_again(tmp_path):
    calls: list[int] = []
    for _ in range(2):
        arrays = Store(tmp_path).get({"images": "x", "count": 3}, count(calls))
        np.testing.assert_array_equal(arrays["a"], [0, 1, 2])
        assert arrays["b"].dtype == np.float32
    assert len(calls) == 1
    Store(tmp_path).get({"images": "x", "count": 4}, count(calls))
    Store(None).get({"images": "x", "count": 3}, count(calls))
    assert len(calls) == 3


def test_mapped_arrays_do_not_reach_the_file(tmp_path):
    calls: list[int] = []
    for _ in range(3):
        Store(tmp_path).get({"k": 1}, count(calls))["a"][:] = 7
    np.testing.assert_array_equal(Store(tmp_path).get({"k": 1}, count(calls))["a"], [0, 1, 2])


@pytest.mark.parametrize("name", ["a.npy", "b.npy", "key.json", "sums.json"])
def test_no_flipped_bit_is_read(tmp_path, name):
    Store(tmp_path).get({"k": 1}, count([]))
    (file,) = tmp_path.glob(f"*/{name}")
    whole = file.read_bytes()
    for position in range(0, len(whole), max(1, len(whole) // 20)):
        for bit in (0, 7):
            flipped = bytearray(whole)
            flipped[position] ^= 1 << bit
            file.write_bytes(flipped)
            assert {"k": 1} not in Store(tmp_path), (position, bit)
    file.write_bytes(whole)
    assert {"k": 1} in Store(tmp_path)


def test_arrays_that_are_missing_or_foreign_make_the_entry_unreadable(tmp_path):
    Store(tmp_path).get({"k": 1}, count([]))
    (file,) = tmp_path.glob("*/a.npy")
    np.save(file.with_name("c.npy"), np.zeros(3))
    assert {"k": 1} not in Store(tmp_path)
    file.with_name("c.npy").unlink()
    assert {"k": 1} in Store(tmp_path)
    file.unlink()
    assert {"k": 1} not in Store(tmp_path)
    os.mkfifo(file)
    assert {"k": 1} not in Store(tmp_path)


def test_what_killed_writers_left_goes(tmp_path):
    Store(tmp_path).get({"k": 1}, count([]))
    (entry,) = tmp_path.iterdir()
    entry.rename(entry.with_name(f"{entry.name}.12345.part"))
    Store(tmp_path).get({"k": 1}, count([]))
    assert list(tmp_path.iterdir()) == [entry]


def test_a_full_disk_is_told_and_done_without(tmp_path, monkeypatch, caplog):
    calls: list[int] = []
    FullDisk(tmp_path, 1, monkeypatch)
    np.testing.assert_array_equal(Store(tmp_path).get({"k": 1}, count(calls))["a"], [0, 1, 2])
    monkeypatch.undo()
    assert "the disk is full" in caplog.text
    assert len(calls) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("damage", ["a.npy", "key.json"])
def test_a_damaged_entry_is_made_again(tmp_path, damage):
    calls: list[int] = []
    Store(tmp_path).get({"k": 1}, count(calls))
    (file,) = tmp_path.glob(f"*/{damage}")
    file.write_bytes(file.read_bytes()[:5])
    arrays = Store(tmp_path).get({"k": 1}, count(calls))
    np.testing.assert_array_equal(arrays["a"], [0, 1, 2])
    assert len(calls) == 2


def test_pickles_are_not_opened(tmp_path):
    calls: list[int] = []
    Store(tmp_path).get({"k": 1}, count(calls))
    (file,) = tmp_path.glob("*/a.npy")
    np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.testing.assert_array_equal(Store(tmp_path).get({"k": 1}, count(calls))["a"], [0, 1, 2])


def test_a_folder_that_cannot_be_written_to_is_done_without(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    calls: list[int] = []
    np.testing.assert_array_equal(Store(tmp_path / "file").get({"k": 1}, count(calls))["a"], [0, 1, 2])


def evaluate(training, tmp_path, **settings):
    component = LeNet(**({"samples": 40, "real": None, "batch_size": 16, "seed": 0} | settings))
    evaluator = component.evaluator(ImageSet(training), CPU, paths_data=tmp_path)
    return evaluator(sampler(random_images(40, 1, seed=1))).values


def test_never_stale(tmp_path):
    """The reference library's trap: statistics of other images under the same name."""
    first, second = random_images(60, 1, seed=2), random_images(60, 1, seed=3)
    alone = [evaluate(images, None) for images in (first, second)]
    assert alone[0] != alone[1]
    for _ in range(2):
        assert [evaluate(images, tmp_path) for images in (first, second)] == alone
    assert evaluate(first, tmp_path, real=50) == evaluate(first, None, real=50)
    assert evaluate(first, tmp_path, real=50, seed=1) == evaluate(first, None, real=50, seed=1)
    assert len(list(tmp_path.rglob("key.json"))) == 16  # features, moments, radii and kernels of four sets


def test_found_again_without_the_network(tmp_path, monkeypatch):
    training = random_images(60, 1, seed=2)
    component = LeNet(samples=40, real=None, batch_size=16, seed=0)
    evaluate(training, tmp_path)
    evaluator = component.evaluator(ImageSet(training), CPU, paths_data=tmp_path)
    monkeypatch.setattr(evaluator.real.extractor.network, "forward", None)
    assert len(evaluator.real.features) == 60
    assert evaluator.real.manifold(40).third.shape == (40,)
