"""The real side of every figure: features, Gaussian and neighbours of the real images, made once."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from tqdm import tqdm

from gan_experiments import parallel
from gan_experiments.errors import RunError
from gan_experiments.metrics import kernel
from gan_experiments.metrics.base import Images
from gan_experiments.metrics.features import Extraction, Extractor, Features
from gan_experiments.metrics.frechet import Gaussian, Moments
from gan_experiments.metrics.neighbours import Cloud, Manifold
from gan_experiments.metrics.store import Store
from gan_experiments.terminal import draws_bars


def draw(count: int, limit: int | None, seed: int) -> Tensor:
    """Which of `count` rows are used: all, or `limit` of them without replacement, ascending."""
    if limit is None or limit >= count:
        return torch.arange(count)
    generator = torch.Generator().manual_seed(seed)
    return torch.randperm(count, generator=generator)[:limit].sort().values


def drawn(features: Tensor, limit: int, seed: int) -> Tensor:
    """The rows of `features` that `draw` names; itself, not a copy, where these are all."""
    return features if limit >= len(features) else features[draw(len(features), limit, seed)]


class Reference:
    """Statistics of at most `limit` images at hand over one extractor, kept in `store`."""

    def __init__(
        self,
        images: Images,
        extractor: Extractor,
        limit: int | None,
        seed: int,
        batch_size: int,
        store: Store,
    ) -> None:
        self.images, self.extractor, self.store = images, extractor, store
        self.seed, self.batch_size = seed, batch_size
        self.rows = draw(len(images), limit, seed)

    @cached_property
    def _key(self) -> dict[str, Any]:
        drawn = {"count": len(self.rows), "of": len(self.images)}
        if len(self.rows) < len(self.images):
            drawn["seed"] = self.seed
        return {"images": self.images.digest, "rows": drawn, "extractor": self.extractor.protocol}

    def prepare(self) -> None:
        """Let all ranks of a run, which call this together, share the making of the first one's features."""
        if parallel.world_size() == 1:
            return
        key = {"what": "features", **self._key}
        if not parallel.broadcast(lambda: key in self.store):
            features = self._extract()
            if parallel.rank() == 0:
                self.store.get(key, lambda: features)

    def _extract(self) -> dict[str, Any]:
        """The features, on the first rank."""
        extraction = Extraction(self.extractor)
        pieces = torch.split(self.rows, self.batch_size)
        hidden = parallel.rank() > 0 or not draws_bars()
        with tqdm(total=len(self.rows), unit="image", desc="features", leave=False, disable=hidden) as bar:
            for index in parallel.share(len(pieces)):
                for images in self.images.pieces(pieces[index].numpy()):
                    extraction.add(torch.from_numpy(images))
                bar.update(len(pieces[index]))
        features = extraction.features()
        broken = parallel.broadcast(lambda: features.non_finite if features is not None else 0)
        if broken:
            raise RunError(f"the features of {broken} of {len(self.rows)} images are not finite")
        return (
            {} if features is None else {"pooled": features.pooled.numpy(), "logits": features.logits.numpy()}
        )

    @cached_property
    def features(self) -> Features:
        """Of all the images; several ranks call `prepare` before, and only the first asks for them."""
        arrays = self.store.get({"what": "features", **self._key}, self._extract)
        pooled, logits = (torch.from_numpy(arrays[name]) for name in ("pooled", "logits"))
        labels = self.images.labels
        return Features(
            pooled, logits, None if labels is None else torch.from_numpy(labels[self.rows.numpy()])
        )

    @cached_property
    def gaussian(self) -> Gaussian:
        def make() -> dict[str, Any]:
            moments = Moments.of(self.features.pooled)
            return {"mean": moments.mean.numpy(), "scatter": moments.scatter.numpy()}

        arrays = self.store.get({"what": "moments", **self._key}, make)
        mean, scatter = (torch.from_numpy(arrays[name]) for name in ("mean", "scatter"))
        return Gaussian.of(Moments(len(self.features), mean, scatter), self.features.pooled)

    def manifold(self, count: int) -> Manifold:
        """Neighbours among `count` of the features, on the extractor's device."""
        features = drawn(self.features.pooled, count, self.seed).to(self.extractor.device)

        def make() -> dict[str, Any]:
            manifold = Manifold.of(features)
            return {"third": manifold.third.cpu().numpy(), "fifth": manifold.fifth.cpu().numpy()}

        arrays = self.store.get(
            {"what": "radii", "neighbours": len(features), "seed": self.seed, **self._key}, make
        )
        third, fifth = (torch.from_numpy(arrays[name]).to(features.device) for name in ("third", "fifth"))
        return Manifold(Cloud(features, features.mean(0)), third, fifth)

    def kernel_similarity(self, generated: int, size: int) -> Tensor:
        """`kernel.real_similarity` beside this number of generated images."""

        def make() -> dict[str, Any]:
            return {"similarity": kernel.real_similarity(self.features.pooled, generated, size).numpy()}

        key = {"what": "kernel", "generated": generated, "size": size, **self._key}
        return torch.from_numpy(self.store.get(key, make)["similarity"])

    @cached_property
    def classifies(self) -> bool:
        """Whether the extractor is a classifier of these very classes: right on nine of ten real images."""
        labels, logits = self.features.labels, self.features.logits
        if labels is None or not logits.shape[1]:
            return False
        return float((logits.argmax(1) == labels).double().mean()) >= 0.9

    def sample(self, limit: int, keep: int) -> Features:
        """The features of `limit` of the images, at most, with `keep` first images: as if they were generated."""
        features = self.features[draw(len(self.features), limit, self.seed)]
        rows = self.rows[:keep].numpy()
        pieces = [torch.from_numpy(images) for images in self.images.pieces(rows)]
        if len({piece.shape[1:] for piece in pieces}) == 1:
            features.first = torch.cat(pieces)
            labels = self.images.labels
            features.first_labels = None if labels is None else torch.from_numpy(labels[rows])
        return features
