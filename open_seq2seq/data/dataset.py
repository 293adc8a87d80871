"""An opened dataset: rows in, batches of log-mel images out."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from open_seq2seq.data.augment import Augmentation, Draws, FrontEndParams, draw, no_draws
from open_seq2seq.data.cache import ArrayCache
from open_seq2seq.data.librosa_engine import LibrosaEngine
from open_seq2seq.data.prefetch import prefetch
from open_seq2seq.data.sampler import Plan
from open_seq2seq.data.spectral_engine import SpectralEngine
from open_seq2seq.data.waveforms import StoreOptions, WaveformStore, file_stamp
from open_seq2seq.errors import UserError
from open_seq2seq.lazy import tf
from open_seq2seq.structs import Batch, Clips

_STEPS_AHEAD = 4


class DatasetOptions(NamedTuple):
    """How the rows of a dataset become images."""

    front_end: FrontEndParams
    store: StoreOptions
    engine: str = "spectral"  # or "librosa"
    random_crop: bool = False  # slice long clips at random, rather than in the middle
    keep_images: bool = False  # the images of the first epoch serve all epochs
    image_dir: str | None = None  # keep them in files there


class Dataset:
    """Rows of a manifest, ready to be read in any order.

    Attributes:
        labels: names of the labels, in index order.
        paths: path of each row's clip.
        skipped: paths left out, and why.
        converted: paths of the clips that are converted, and what they are.
    """

    def __init__(self, table: pd.DataFrame, labels: tuple[str, ...], options: DatasetOptions) -> None:
        """Open a dataset.

        Args:
            table: one row per clip with columns ``label`` (int) and ``path``.
            labels: names of the labels.
            options: how rows become images.

        Raises:
            UserError: an audio file cannot be used, and the options do not say to skip it.
        """
        self.labels = labels
        self.options = options
        # balanced manifests name a file more than once; it is read and kept once
        files, paths = pd.factorize(table["path"])
        self._store = WaveformStore(list(paths), options.store)
        self.skipped = {paths[file]: reason for file, reason in self._store.bad.items()}
        self.converted = {paths[file]: what for file, what in self._store.converted.items()}

        kept = ~np.isin(files, list(self._store.bad))
        self._files = files[kept]
        self._labels = table["label"].to_numpy(np.int32)[kept]
        self.paths = paths[self._files]
        self._images = self._open_images() if options.keep_images else None
        self._pool = ThreadPoolExecutor(options.store.n_readers, thread_name_prefix="librosa")
        if not len(self._files):
            raise UserError("the dataset is empty: none of its audio files can be used")

    def __len__(self) -> int:
        return len(self._files)

    @property
    def shape(self) -> tuple[int, int]:
        """(frames, features) of one image."""
        return self.options.front_end.audio_length, self.options.front_end.n_mels

    @functools.cached_property
    def _engine(self) -> SpectralEngine | LibrosaEngine:
        """Made on first use: opening a dataset must not open a device."""
        engine = LibrosaEngine if self.options.engine == "librosa" else SpectralEngine
        return engine(self.options.front_end)

    def batches(self, plan: Plan, epoch: int = 0, first_step: int = 0) -> Iterator[tuple[Batch, ...]]:
        """Yield the batches of each step: ``iter_size`` of them, from ``first_step`` of the plan on.

        Reading runs ahead in a thread; the spectral engine runs where it is called, on the model's device.
        """
        draws = self._draw(epoch)
        steps = zip(plan.rows[first_step:], plan.weights[first_step:], strict=True)
        for step in prefetch((self._read_step(rows, weights, draws) for rows, weights in steps), _STEPS_AHEAD):
            yield tuple(self._to_batch(part) for part in step)

    def _draw(self, epoch: int) -> Draws:
        front_end = self.options.front_end
        if self._images is not None:
            epoch = 0  # what is kept is the first epoch's, also where a restart has to make it again
        augments = front_end.augmentation != Augmentation()
        if augments or self.options.random_crop:
            draws = draw(front_end.augmentation, len(self), front_end.seed, epoch)
            return draws if self.options.random_crop else draws._replace(crop=np.full(len(self), 0.5, np.float32))
        return no_draws(front_end.augmentation, len(self))

    def _read_step(self, rows: np.ndarray, weights: np.ndarray, draws: Draws) -> list[_Part]:
        return [self._read(*part, draws) for part in zip(rows, weights, strict=True)]

    def _read(self, rows: np.ndarray, weights: np.ndarray, draws: Draws) -> _Part:
        """The host's share of the work for one batch."""
        if self._images is not None and self._images.filled[rows].all():
            return _Part(rows, weights, images=self._images.values[rows])
        drawn = draws.take(rows)
        waveforms, lengths = self._store.take(self._files[rows], drawn.crop)
        if isinstance(self._engine, LibrosaEngine):
            samples = [waveform[:length] for waveform, length in zip(waveforms, lengths, strict=True)]
            each = [Draws(*values) for values in zip(*drawn, strict=True)]
            return _Part(rows, weights, images=np.stack(list(self._pool.map(self._engine.features, samples, each))))
        return _Part(rows, weights, clips=Clips(waveforms, lengths, *drawn))

    def _to_batch(self, part: _Part) -> Batch:
        images = part.images
        if images is None:
            assert isinstance(self._engine, SpectralEngine) and part.clips is not None
            images = self._engine.features(Clips(*map(tf.convert_to_tensor, part.clips)))
        if self._images is not None and not self._images.filled[part.rows].all():
            self._images.put(part.rows, np.asarray(images))
        return Batch(tf.convert_to_tensor(images), tf.constant(self._labels[part.rows]), tf.constant(part.weights))

    def _open_images(self) -> ArrayCache:
        options = self.options
        key: Any = None
        if options.image_dir is not None:
            shaping = options._replace(store=options.store._replace(n_readers=0, cache_dir=None), image_dir=None)
            key = [repr(shaping), [(path, file_stamp(path)) for path in self.paths]]
        return ArrayCache(len(self._files), self.shape, np.float32, options.image_dir, ["images", key])


class _Part(NamedTuple):
    """One batch on its way: the rows, and their waveforms or their images."""

    rows: np.ndarray
    weights: np.ndarray
    clips: Clips | None = None
    images: np.ndarray | None = None
