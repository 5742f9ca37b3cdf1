import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gan_experiments import parallel
from gan_experiments.data import ImageSet, Loader, loader
from gan_experiments.errors import UserError
from gan_experiments.types import Batch

counts, sizes, seeds = st.integers(1, 40), st.integers(1, 50), st.integers(0, 2**31)


def numbered(count: int, sources: int = 0) -> ImageSet:
    """Images of which pixel 0 is the number of the image and pixel 1 is 200; the labels are the numbers."""
    images, more = (np.full((n, 1, 1, 2), 200, np.uint8) for n in (count, sources))
    images[:, 0, 0, 0], more[:, 0, 0, 0] = np.arange(count), np.arange(sources)
    return ImageSet(images, np.arange(count), more if sources else None)


def numbers(images: torch.Tensor) -> list[int]:
    """The numbers that `numbered` gave to these images, mirrored or not."""
    return ((images + 1) * 127.5).round().int().amin(dim=(1, 2, 3)).tolist()


def take(batches: Loader, count: int) -> list[Batch]:
    return [next(batches) for _ in range(count)]


@contextmanager
def rank(number: int, of: int) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parallel, "rank", lambda: number)
        patch.setattr(parallel, "world_size", lambda: of)
        yield


@pytest.fixture(params=["resident", "streamed"])
def residence(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways to the device; on a CPU every set is resident unless there is said to be no room."""
    if request.param == "streamed":
        monkeypatch.setattr(loader, "_room", lambda device: 0)


@given(count=counts, size=sizes, seed=seeds, flip=st.booleans())
@settings(max_examples=60, deadline=None)
def test_every_image_once_per_epoch_in_full_batches(count: int, size: int, seed: int, flip: bool) -> None:
    batches = Loader(numbered(count), size, "cpu", seed, flip)
    drawn = take(batches, 3 * count // size + 1)
    assert all(batch.images.shape == (size, 1, 1, 2) for batch in drawn)
    order = [number for batch in drawn for number in numbers(batch.images)]
    assert order == [label for batch in drawn for label in batch.labels.tolist()]
    for epoch in range(3):
        assert sorted(order[epoch * count : (epoch + 1) * count]) == list(range(count))


@pytest.mark.usefixtures("residence")
@pytest.mark.parametrize("before", [0, 1, 4, 9])
@pytest.mark.parametrize("size", [3, 8, 25])
def test_resuming_gives_the_same_batches(before: int, size: int) -> None:
    data = numbered(20, sources=7)
    straight = Loader(data, size, "cpu", 1, True)
    take(straight, before)
    file = io.BytesIO()
    torch.save(straight.state_dict(), file)
    file.seek(0)
    expected = take(straight, 12)
    resumed = Loader(data, size, "cpu", 999, True)
    take(resumed, 2)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    for ours, theirs in zip(take(resumed, 12), expected, strict=True):
        assert torch.equal(ours.images, theirs.images)
        assert torch.equal(ours.labels, theirs.labels)
        assert torch.equal(ours.sources, theirs.sources)


@given(count=counts, seed=seeds, world=st.integers(1, 4), share=st.integers(1, 10))
@settings(max_examples=40, deadline=None)
def test_ranks_share_out_the_batch_of_one(count: int, seed: int, world: int, share: int) -> None:
    whole = take(Loader(numbered(count), world * share, "cpu", seed, True), 5)
    parts = []
    for number in range(world):
        with rank(number, world):
            parts.append(take(Loader(numbered(count), world * share, "cpu", seed, True), 5))
    for batch, *of_ranks in zip(whole, *parts, strict=True):
        assert torch.equal(torch.cat([part.images for part in of_ranks]), batch.images)
        assert torch.equal(torch.cat([part.labels for part in of_ranks]), batch.labels)


def test_streamed_batches_equal_resident_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    resident = Loader(numbered(20, sources=7), 8, "cpu", 3, True)
    with monkeypatch.context() as patch:
        patch.setattr(loader, "_room", lambda device: 0)
        streamed = Loader(numbered(20, sources=7), 8, "cpu", 3, True)
    for ours, theirs in zip(take(streamed, 20), take(resident, 20), strict=True):
        assert torch.equal(ours.images, theirs.images)
        assert torch.equal(ours.labels, theirs.labels)
        assert torch.equal(ours.sources, theirs.sources)


def test_the_seed_decides() -> None:
    first, same, different = (take(Loader(numbered(20), 20, "cpu", seed, False), 1)[0] for seed in (0, 0, 1))
    assert torch.equal(first.images, same.images)
    assert not torch.equal(first.images, different.images)


def test_values_are_normalised_exactly() -> None:
    every = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    (batch,) = take(Loader(ImageSet(every), 1, "cpu", 0, False), 1)
    expected = torch.arange(256).reshape(1, 1, 16, 16) / 127.5 - 1
    assert batch.images.dtype == torch.float32
    assert torch.equal(batch.images, expected)
    assert (batch.images.min(), batch.images.max()) == (-1, 1)
    assert batch.labels is batch.sources is None


def test_flip_mirrors_whole_images_half_of_the_time() -> None:
    images = np.broadcast_to(np.array([0, 10, 255], np.uint8), (1000, 3, 2, 3)).copy()
    pixels = take(Loader(ImageSet(images), 1000, "cpu", 0, True), 1)[0].images
    mirrored = pixels[:, 0, 0, 0] == 1
    plain = torch.from_numpy(images) / 127.5 - 1
    assert torch.equal(pixels[mirrored], plain[mirrored].flip(-1))
    assert torch.equal(pixels[~mirrored], plain[~mirrored])
    assert 430 < mirrored.sum() < 570  # 4.5 standard deviations
    unflipped = take(Loader(ImageSet(images), 1000, "cpu", 0, False), 1)[0].images
    assert torch.equal(unflipped, plain)


def test_an_image_is_not_mirrored_the_same_way_in_every_epoch() -> None:
    batches = Loader(numbered(64), 64, "cpu", 0, True)
    coins = []
    for batch in take(batches, 2):
        coins.append(dict(zip(batch.labels.tolist(), (batch.images[:, 0, 0, 1] < 0.5).tolist(), strict=True)))
    assert coins[0] != coins[1]


def test_domains_are_drawn_independently() -> None:
    batches = Loader(numbered(30, sources=30), 30, "cpu", 0, False)
    (batch,) = take(batches, 1)
    assert batch.sources.shape == batch.images.shape
    assert sorted(numbers(batch.sources)) == list(range(30))
    assert numbers(batch.sources) != numbers(batch.images)
    lengths = Loader(numbered(4, sources=9), 18, "cpu", 0, False)
    other = numbers(take(lengths, 1)[0].sources)
    assert sorted(other) == sorted([*range(9)] * 2)


@pytest.mark.usefixtures("residence")
def test_channels_last_changes_the_layout_and_not_the_values() -> None:
    images = ImageSet(np.random.default_rng(0).integers(0, 256, (20, 3, 4, 4), dtype=np.uint8))
    plain, last = (
        take(Loader(images, 8, "cpu", 0, True, channels_last=cl), 1)[0].images for cl in (False, True)
    )
    assert plain.is_contiguous()
    assert last.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(plain, last)


def placed(count: int, size: int, seed: int = 0) -> np.ndarray:
    """Images whose pixels say which image, row and column they are, in three channels."""
    number, row, column = np.meshgrid(np.arange(count), np.arange(size), np.arange(size), indexing="ij")
    return np.stack([number + seed, row, column], 1).astype(np.uint8)


def corners(images: torch.Tensor) -> list[tuple[int, ...]]:
    """(image, top, left, mirrored) of crops of `placed` images; fails where they are no crops."""
    pixels = ((images + 1) * 127.5).round().int()
    size = torch.arange(pixels.shape[-1])
    mirrored = pixels[:, 2, 0, 0] > pixels[:, 2, 0, 1]
    pixels = torch.where(mirrored[:, None, None, None], pixels.flip(-1), pixels)
    number, top, left = pixels[:, :, 0, 0].unbind(1)
    for one, first in zip(pixels, pixels[:, :, 0, 0], strict=True):
        assert (one[0] == first[0]).all()
        assert (one[1] == first[1] + size[:, None]).all()
        assert (one[2] == first[2] + size).all()
    return list(zip(number.tolist(), top.tolist(), left.tolist(), mirrored.tolist(), strict=True))


@pytest.mark.usefixtures("residence")
def test_crops_are_uniform_over_the_places() -> None:
    batches = Loader(ImageSet(placed(30, 7), np.arange(30), crop=5), 30, "cpu", 0, True)
    seen = []
    for _ in range(60):
        batch = next(batches)
        assert batch.images.shape == (30, 3, 5, 5)
        crops = corners(batch.images)
        assert [number for number, *_ in crops] == batch.labels.tolist()
        assert sorted(batch.labels.tolist()) == list(range(30))
        seen += crops
    counts = np.unique(np.array(seen)[:, 1:], axis=0, return_counts=True)[1]
    assert len(counts) == 3 * 3 * 2
    assert 55 < counts.min() <= counts.max() < 145  # 100 each, 4.6 standard deviations


def test_pairs_share_rows_crops_and_coins_and_other_domains_do_not() -> None:
    images, sources = placed(20, 9), placed(20, 9, seed=100)
    pairs = Loader(ImageSet(images, sources=sources, paired=True, crop=6), 8, "cpu", 0, True)
    apart = Loader(ImageSet(images, sources=sources, crop=6), 8, "cpu", 0, True)
    for of_pair, alone in zip(take(pairs, 10), take(apart, 10), strict=True):
        targets = corners(of_pair.images)
        assert [(number + 100, *rest) for number, *rest in targets] == corners(of_pair.sources)
        assert corners(alone.images) == targets
        others = corners(alone.sources)
        assert all([crop[part] for crop in others] != [crop[part] for crop in targets] for part in (1, 2, 3))
        assert [number - 100 for number, *_ in others] != [number for number, *_ in targets]


@pytest.mark.usefixtures("residence")
@pytest.mark.parametrize("paired", [False, True])
@pytest.mark.parametrize("before", [0, 2, 7])
def test_crops_go_on_after_a_resume(paired: bool, before: int) -> None:
    data = ImageSet(placed(10, 9), sources=placed(10 if paired else 7, 9), paired=paired, crop=6)
    straight = Loader(data, 4, "cpu", 1, True)
    take(straight, before)
    file = io.BytesIO()
    torch.save(straight.state_dict(), file)
    file.seek(0)
    resumed = Loader(data, 4, "cpu", 5, True)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    for ours, theirs in zip(take(resumed, 8), take(straight, 8), strict=True):
        assert torch.equal(ours.images, theirs.images)
        assert torch.equal(ours.sources, theirs.sources)


@given(seed=seeds, world=st.integers(1, 4), share=st.integers(1, 4), paired=st.booleans())
@settings(max_examples=20, deadline=None)
def test_ranks_share_out_the_crops_of_one(seed: int, world: int, share: int, paired: bool) -> None:
    data = ImageSet(placed(10, 9), sources=placed(10 if paired else 7, 9), paired=paired, crop=6)
    whole = take(Loader(data, world * share, "cpu", seed, True), 4)
    parts = []
    for number in range(world):
        with rank(number, world):
            parts.append(take(Loader(data, world * share, "cpu", seed, True), 4))
    for batch, *of_ranks in zip(whole, *parts, strict=True):
        assert torch.equal(torch.cat([part.images for part in of_ranks]), batch.images)
        assert torch.equal(torch.cat([part.sources for part in of_ranks]), batch.sources)


def test_the_stream_of_a_set_without_crops_is_that_of_earlier_versions() -> None:
    batches = Loader(numbered(10), 5, "cpu", 3, True)
    seen = [
        (label, first < second)
        for batch in take(batches, 3)
        for label, first, second in zip(
            batch.labels.tolist(), batch.images[:, 0, 0, 0], batch.images[:, 0, 0, 1], strict=True
        )
    ]
    generator = torch.Generator().manual_seed(3)
    expected = []
    for _ in range(2):
        order, coins = torch.randperm(10, generator=generator), torch.rand(10, generator=generator) < 0.5
        expected += zip(order.tolist(), (~coins[: len(order)]).tolist(), strict=True)
    assert [label for label, _ in seen] == [label for label, _ in expected[:15]]
    assert [plain for _, plain in seen] == [plain for _, plain in expected[:15]]


def test_pairs_of_unequal_numbers_are_refused() -> None:
    data = ImageSet(placed(10, 9), sources=placed(9, 9), paired=True)
    with pytest.raises(UserError, match="pairs must have equal numbers and sizes"):
        Loader(data, 2, "cpu", 0, False)


def test_a_mapped_file_is_neither_copied_nor_changed(tmp_path: Path) -> None:
    data = numbered(20).images
    np.save(tmp_path / "a.npy", data)
    before = (tmp_path / "a.npy").read_bytes()
    mapped = np.load(tmp_path / "a.npy", mmap_mode="c")
    batches = Loader(ImageSet(mapped), 8, "cpu", 0, True)
    assert batches.streams[0].pixels[0].data_ptr() == mapped.ctypes.data
    take(batches, 5)
    assert (tmp_path / "a.npy").read_bytes() == before


def test_a_batch_that_ranks_cannot_share_is_refused() -> None:
    with rank(0, 2), pytest.raises(UserError, match=r"train\.batch_size=5 cannot be divided among 2 devices"):
        Loader(numbered(8), 5, "cpu", 0, False)


def test_the_position_in_other_data_is_refused() -> None:
    state = Loader(numbered(20), 8, "cpu", 0, False).state_dict()
    with pytest.raises(UserError, match="not that of the run to be resumed: 19 images instead of 20"):
        Loader(numbered(19), 8, "cpu", 0, False).load_state_dict(state)


def test_other_images_of_the_same_number_are_refused_before_anything_changes() -> None:
    data = numbered(20)
    state = Loader(data, 8, "cpu", 0, False).state_dict()
    for changed in (ImageSet(data.images + 1, data.labels), ImageSet(data.images, data.labels[::-1].copy())):
        batches = Loader(changed, 8, "cpu", 1, False)
        with pytest.raises(UserError, match="not that of the run to be resumed: as many images, but others"):
            batches.load_state_dict(state)
        untouched = Loader(changed, 8, "cpu", 1, False)
        assert torch.equal(next(batches).labels, next(untouched).labels)
    del state["digest"]  # as earlier versions wrote it
    Loader(changed, 8, "cpu", 1, False).load_state_dict(state)


def test_no_images_are_refused() -> None:
    with pytest.raises(UserError, match="there is no image to train on"):
        Loader(ImageSet(np.zeros((0, 1, 2, 2), np.uint8)), 2, "cpu", 0, False)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.usefixtures("residence")
def test_a_gpu_gets_the_same_batches() -> None:
    cpu, gpu = (Loader(numbered(20, sources=7), 8, device, 3, True) for device in ("cpu", "cuda"))
    for ours, theirs in zip(take(gpu, 20), take(cpu, 20), strict=True):
        assert ours.images.is_cuda
        torch.testing.assert_close(ours.images.cpu(), theirs.images, rtol=0, atol=1e-6)  # fused there
        assert torch.equal(ours.labels.cpu(), theirs.labels)
        torch.testing.assert_close(ours.sources.cpu(), theirs.sources, rtol=0, atol=1e-6)
