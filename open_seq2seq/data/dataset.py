"""An opened dataset: rows in, batches of images out."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from open_seq2seq.data.augment import (
    Augmentation,
    Draws,
    FrontEndParams,
    background_table,
    draw,
    no_draws,
)
from open_seq2seq.data.cache import ArrayCache
from open_seq2seq.data.features import n_frames as count_frames
from open_seq2seq.data.librosa_engine import LibrosaEngine
from open_seq2seq.data.mixup import draw_shares, mix
from open_seq2seq.data.prefetch import prefetch
from open_seq2seq.data.sampler import Plan
from open_seq2seq.data.samples import reflect_after_end, shift_in_time
from open_seq2seq.data.spec_augment import SpecAugment, cover, draw_rectangles
from open_seq2seq.data.spectral_engine import SpectralEngine
from open_seq2seq.data.waveforms import StoreOptions, WaveformStore, file_stamp
from open_seq2seq.errors import UserError
from open_seq2seq.lazy import tf
from open_seq2seq.structs import Batch, Clips

_STEPS_READ_AHEAD = 4
_STEPS_MADE_AHEAD = 1


class DatasetOptions(NamedTuple):
    """How the rows of a dataset become images."""

    front_end: FrontEndParams
    store: StoreOptions
    engine: str = "spectral"  # or "librosa"
    spec_augment: SpecAugment = SpecAugment()
    mixup_alpha: float = 0.0  # 0: clips are not mixed
    background_files: tuple[str, ...] = ()  # recordings of noise
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

    def __init__(
        self, table: pd.DataFrame, labels: tuple[str, ...], options: DatasetOptions
    ) -> None:
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
        self._front_end = options.front_end._replace(longest=self._store.longest)
        front_end, background = options.front_end, options.background_files
        self._background = (
            background_table(background, front_end.sample_rate, front_end.block)
            if background
            else None
        )
        self._kept = self._open_images() if options.keep_images else None
        self._pool = ThreadPoolExecutor(options.store.n_readers, thread_name_prefix="librosa")
        if not len(self._files):
            raise UserError("the dataset is empty: none of its audio files can be used")

    def __len__(self) -> int:
        return len(self._files)

    @property
    def shape(self) -> tuple[int, int]:
        """(frames, features) of one image."""
        return self.options.front_end.audio_length, self.options.front_end.n_features

    @functools.cached_property
    def _engine(self) -> SpectralEngine | LibrosaEngine:
        """Made on first use: opening a dataset must not open a device."""
        engine = LibrosaEngine if self.options.engine == "librosa" else SpectralEngine
        return engine(self._front_end, self._background)

    @functools.cached_property
    def _cover(self) -> Any:
        return tf.function(cover, autograph=False, jit_compile=True)

    @functools.cached_property
    def _mix(self) -> Any:
        return tf.function(mix, autograph=False)

    def batches(self, plan: Plan, epoch: int = 0) -> Iterator[tuple[Batch, ...]]:
        """Yield the batches of each step of the plan: ``iter_size`` of them.

        Two threads run ahead: one reads, and one gives the spectral engine, on the model's device,
        the work that the model leaves time for.
        """
        draws, rectangles, shares = (
            self._draw(epoch),
            self._draw_rectangles(epoch),
            self._draw_shares(epoch),
        )
        steps = zip(plan.rows, plan.weights, strict=True)
        read = prefetch(
            (self._read_step(rows, weights, draws) for rows, weights in steps), _STEPS_READ_AHEAD
        )
        made = (tuple(self._to_batch(part, rectangles, shares) for part in step) for step in read)
        with (
            contextlib.closing(read),
            contextlib.closing(prefetch(made, _STEPS_MADE_AHEAD)) as ready,
        ):
            yield from ready

    def _draw(self, epoch: int) -> Draws:
        front_end = self.options.front_end
        if self._kept is not None:
            epoch = (
                0  # what is kept is the first epoch's, also where a restart has to make it again
            )
        augments = front_end.augmentation != Augmentation()
        if augments or self.options.random_crop:
            draws = draw(front_end.augmentation, len(self), front_end.seed, epoch)
            return (
                draws
                if self.options.random_crop
                else draws._replace(crop=np.full(len(self), 0.5, np.float32))
            )
        return no_draws(front_end.augmentation, len(self))

    def _draw_rectangles(self, epoch: int) -> np.ndarray | None:
        params = self.options.spec_augment
        if not params.n_rectangles:
            return None
        return draw_rectangles(params, len(self), self.shape, self.options.front_end.seed, epoch)

    def _draw_shares(self, epoch: int) -> np.ndarray | None:
        alpha = self.options.mixup_alpha
        return draw_shares(alpha, len(self), self.options.front_end.seed, epoch) if alpha else None

    def _read_step(self, rows: np.ndarray, weights: np.ndarray, draws: Draws) -> list[_Part]:
        return [self._read(*part, draws) for part in zip(rows, weights, strict=True)]

    def _read(self, rows: np.ndarray, weights: np.ndarray, draws: Draws) -> _Part:
        """The host's share of the work for one batch."""
        if self._kept is not None and self._kept.has(rows):
            return _Part(
                rows,
                weights,
                self._kept.lengths.values[rows],
                images=self._kept.images.values[rows],
            )
        front_end, drawn = self._front_end, draws.take(rows)
        waveforms, lengths = self._store.take(self._files[rows], drawn.crop, front_end.n_samples)
        shift_in_time(waveforms, lengths, drawn.shift)
        n_frames = self._count_frames(lengths, drawn.stretch)
        if isinstance(self._engine, LibrosaEngine):
            samples = [
                waveform[:length] for waveform, length in zip(waveforms, lengths, strict=True)
            ]
            each = [Draws(*values) for values in zip(*drawn, strict=True)]
            images = np.stack(list(self._pool.map(self._engine.features, samples, each)))
            return _Part(rows, weights, n_frames, images=images)
        if front_end.reflect:
            reflect_after_end(waveforms, lengths, front_end.n_fft // 2)
        return _Part(rows, weights, n_frames, clips=Clips.of(waveforms, lengths, drawn))

    def _count_frames(self, lengths: np.ndarray, stretch: np.ndarray) -> np.ndarray:
        """Frames of each image that count, int32; with a clip in the middle of its image that is
        all of them.
        """
        front_end = self.options.front_end
        if not front_end.pad_at_end:
            return np.full(len(lengths), front_end.audio_length, np.int32)
        n_frames = count_frames(
            np.round(lengths.astype(np.float32) / stretch), front_end.hop_length
        )
        return np.minimum(n_frames, front_end.audio_length).astype(np.int32)

    def _to_batch(
        self, part: _Part, rectangles: np.ndarray | None, shares: np.ndarray | None
    ) -> Batch:
        images = part.images
        if images is None:
            assert isinstance(self._engine, SpectralEngine) and part.clips is not None
            images = self._engine.features(Clips(*map(tf.convert_to_tensor, part.clips)))
        if self._kept is not None and not self._kept.has(part.rows):
            self._kept.lengths.put(part.rows, part.lengths)
            self._kept.images.put(part.rows, np.asarray(images))
        images = tf.convert_to_tensor(images)
        if rectangles is not None:
            images = self._cover(
                images, tf.constant(rectangles[part.rows]), self.options.spec_augment.mask_value
            )
        labels = tf.constant(self._labels[part.rows])
        targets = tf.one_hot(labels, len(self.labels))
        batch = Batch(images, tf.constant(part.lengths), labels, targets, tf.constant(part.weights))
        return batch if shares is None else self._mix(batch, tf.constant(shares[part.rows]))

    def _open_images(self) -> _KeptImages:
        options = self.options
        key: Any = None
        if options.image_dir is not None:
            store = options.store._replace(n_readers=0, cache_dir=None)
            shaping = options._replace(
                store=store, image_dir=None, spec_augment=SpecAugment(), mixup_alpha=0.0
            )
            files = [*self.paths, *options.background_files]
            key = [repr(shaping), [(path, file_stamp(path)) for path in files]]
        n_rows, folder = len(self._files), options.image_dir
        return _KeptImages(
            ArrayCache(n_rows, self.shape, np.float32, folder, ["images", key]),
            ArrayCache(n_rows, (), np.int32, folder, ["image_lengths", key]),
        )


class _KeptImages(NamedTuple):
    """The first epoch's images and how many frames of each count."""

    images: ArrayCache
    lengths: ArrayCache

    def has(self, rows: np.ndarray) -> bool:
        return bool((self.images.has(rows) & self.lengths.has(rows)).all())


class _Part(NamedTuple):
    """One batch on its way: the rows, and their waveforms or their images."""

    rows: np.ndarray
    weights: np.ndarray
    lengths: np.ndarray  # frames that count
    clips: Clips | None = None
    images: np.ndarray | None = None
