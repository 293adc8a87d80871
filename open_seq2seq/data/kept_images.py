"""The first epoch's images, which later epochs see again."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from open_seq2seq.data.acoustics import Acoustics
from open_seq2seq.data.augment import Augmentation
from open_seq2seq.data.cache import ArrayCache
from open_seq2seq.data.clip_params import ClipParams
from open_seq2seq.data.context import Context
from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.data.mixture import Mixture
from open_seq2seq.data.waveforms import file_stamp


class KeptImages(NamedTuple):
    """Images of slots, and how many frames of each count."""

    images: ArrayCache
    lengths: ArrayCache

    @classmethod
    def open(
        cls, params: ClipParams, mixture: Mixture, files: list[str], *, training: bool, seed: int
    ) -> KeptImages:
        """Open a cache, in memory or in the parameters' ``cache_dir``.

        Args:
            params: how images are made.
            mixture: of the dataset.
            files: that images depend on.
            training: whether long clips are sliced at random.
            seed: of everything random.
        """
        folder, key = params.cache_dir, None
        if folder is not None:
            key = _key(params, mixture, files, {"training": training, "seed": seed})
        n_slots = mixture.n_slots
        return cls(
            ArrayCache(n_slots, params.image_shape, np.float32, folder, ["images", key]),
            ArrayCache(n_slots, (), np.int32, folder, ["image_lengths", key]),
        )

    def has(self, slots: np.ndarray) -> bool:
        return bool((self.images.has(slots) & self.lengths.has(slots)).all())

    def put(self, slots: np.ndarray, lengths: np.ndarray, images: np.ndarray) -> None:
        self.lengths.put(slots, lengths)
        self.images.put(slots, images)


def _key(params: ClipParams, mixture: Mixture, files: list[str], drawing: dict[str, Any]) -> Any:
    groups = (FrontEnd, Augmentation, Acoustics, Context)
    shaping = {"on_loud_audio", *(key for group in groups for key in group.model_fields)}
    shares = [mixture] if len(mixture.sizes) > 1 else []
    return [
        params.model_dump(mode="json", include=shaping),
        drawing,
        *shares,
        [(path, file_stamp(path)) for path in files],
    ]
