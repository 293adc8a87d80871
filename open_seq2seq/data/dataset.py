"""An opened dataset: rows in, batches of images out."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from open_seq2seq.components import part_of
from open_seq2seq.data import flaws
from open_seq2seq.data.acoustics import Acoustics
from open_seq2seq.data.augment import Augmentation, Draws, draw, no_draws
from open_seq2seq.data.cache import ArrayCache
from open_seq2seq.data.clip_params import ClipParams
from open_seq2seq.data.context import Context, ContextDraws, ContextMaker, draw_contexts, put
from open_seq2seq.data.dataset_versions import SILENCE
from open_seq2seq.data.front_end import Extent, FrontEnd
from open_seq2seq.data.librosa_engine import LibrosaEngine
from open_seq2seq.data.mixup import draw_fractions, mix
from open_seq2seq.data.noise import background_table, find_recordings
from open_seq2seq.data.prefetch import prefetch
from open_seq2seq.data.rooms import Rooms, find_responses
from open_seq2seq.data.sampler import Plan
from open_seq2seq.data.samples import reflect_after_end, shift_in_time
from open_seq2seq.data.snr import NoiseLevels
from open_seq2seq.data.spec_augment import cover, draw_rectangles
from open_seq2seq.data.spectral_engine import SpectralEngine, shared_engine
from open_seq2seq.data.waveforms import WaveformStore, file_stamp
from open_seq2seq.errors import UserError
from open_seq2seq.lazy import tf
from open_seq2seq.structs import Batch, Clips, Tensor
from open_seq2seq.system.cores import thread_pool

_STEPS_READ_AHEAD = 4
_STEPS_MADE_AHEAD = 1


class Dataset:
    """Rows of a manifest, ready to be read in any order.

    Attributes:
        params: of the data layer, as they are in effect.
        labels: names of the labels, in index order.
        training: whether long clips are sliced at random, rather than in the middle.
        seed: of everything random.
        paths: path of each row's clip.
        skipped: paths left out, and why.
        converted: paths of the clips that are converted, and what they are.
        flawed: paths of the clips that can be read and whose sound is not what it should be, and
            the flaw, of `flaws`. Clips of the label silence may be silent.
    """

    def __init__(
        self,
        table: pd.DataFrame,
        labels: tuple[str, ...],
        params: ClipParams,
        *,
        training: bool,
        seed: int,
    ) -> None:
        """Open a dataset.

        Args:
            table: one row per clip with columns ``label`` (int) and ``path``.
            labels: names of the labels.
            params: how rows become images, with the augmentation that is in effect.
            training: whether long clips are sliced at random, rather than in the middle.
            seed: of everything random.

        Raises:
            UserError: an audio file cannot be used, and the parameters do not say to skip it.
        """
        self.params, self.labels, self.training, self.seed = params, labels, training, seed
        self._recordings: tuple[str, ...] = ()
        if params.background_noise is not None:
            self._recordings = find_recordings(params.background_noise)
        self._responses: tuple[str, ...] = ()
        if params.room_responses is not None:
            self._responses = find_responses(params.room_responses)
        extent = Extent.of(params, params.time_stretch)
        # balanced manifests name a file more than once; it is read and kept once
        files, paths = _number(table["path"])
        self._store = WaveformStore(
            list(paths),
            params,
            sample_rate=params.sample_rate,
            n_samples=extent.n_samples,
            alignment=params.hop_length,
        )
        # in order: threads have found them in any
        self.skipped = {paths[index]: reason for index, reason in sorted(self._store.bad.items())}
        self.converted = {
            paths[index]: what for index, what in sorted(self._store.converted.items())
        }

        is_usable = ~np.isin(files, list(self._store.bad))
        self._files = files[is_usable]  # index of each row's file
        self._labels = table["label"].to_numpy(np.int32)[is_usable]
        self.paths = paths[self._files]
        self.flawed = self._find_flaws()
        # in eighths of a second: datasets whose longest clips are about as long share an engine
        eighth = max(1, params.sample_rate // 8)
        self._longest = -(-self._store.longest // eighth) * eighth
        self._context: ContextMaker | None = None
        if params.context_prob:
            self._context = ContextMaker(params.sample_rate, seed)
            self._longest = extent.n_samples
        self._n_samples = Extent.of(params, params.time_stretch, self._longest).n_samples
        self._rooms: Rooms | None = None
        if self._responses:
            self._rooms = Rooms(self._responses, params.sample_rate, self._n_samples)
        self._background: np.ndarray | None = None
        self._levels: NoiseLevels | None = None
        if self._recordings:
            noise = background_table(self._recordings, params.sample_rate, extent.block, params)
            if self._rooms is not None:
                noise = self._rooms.reverberate_noise(noise, params.room_prob, seed)
            if params.has_snr:
                self._levels = NoiseLevels(len(paths), params.sample_rate, noise)
            self._background = noise
        self._kept: _KeptImages | None = None
        if params.keeps_images:
            self._kept = self._open_images()
        self._pool = thread_pool("librosa", params.n_readers)
        if not len(self._files):
            raise UserError("the dataset is empty: none of its audio files can be used")

    def __len__(self) -> int:
        return len(self._files)

    @functools.cached_property
    def seconds(self) -> dict[str, float]:
        """Length of each usable clip, by path."""
        return {
            path: float(self._store.n_samples[file] / self.params.sample_rate)
            for path, file in zip(self.paths, self._files, strict=True)
        }

    @property
    def shape(self) -> tuple[int, int]:
        """(frames, features) of one image."""
        return self.params.image_shape

    @functools.cached_property
    def _engine(self) -> SpectralEngine | LibrosaEngine:
        """Made on first use: opening a dataset must not open a device."""
        params = self.params  # front end and augmentation at once
        if params.augmentation == "librosa":
            return LibrosaEngine(
                params, params, params, seed=self.seed, background=self._background
            )
        make: Callable[..., SpectralEngine] = shared_engine
        if self._background is not None:
            make = functools.partial(SpectralEngine, background=self._background)
        return make(
            part_of(params, FrontEnd),
            part_of(params, Augmentation),
            part_of(params, Acoustics),
            seed=self.seed,
            longest=self._longest,
        )

    def _find_flaws(self) -> dict[str, str]:
        names = np.array(self.labels)[self._labels]
        is_silence = dict(zip(self.paths, names == SILENCE, strict=True))
        return {
            self._store.paths[file]: flaw
            for file, flaw in sorted(self._store.flawed.items())
            if not (is_silence.get(self._store.paths[file]) and flaw in flaws.QUIET)
        }

    def batches(self, plan: Plan, epoch: int = 0) -> Iterator[tuple[Batch, ...]]:
        """Yield the batches of each step of the plan: ``iter_size`` of them.

        Two threads run ahead: one reads, and one gives the spectral engine, on the model's device,
        the work that the model leaves time for.
        """
        draws, contexts = self.draws(epoch), self._draw_contexts(epoch)
        rectangles, fractions = self._draw_rectangles(epoch), self._draw_fractions(epoch)
        steps = zip(plan.rows, plan.weights, strict=True)
        read = prefetch(
            (self._read_step(rows, weights, draws, contexts) for rows, weights in steps),
            _STEPS_READ_AHEAD,
        )
        made = (
            tuple(self._to_batch(part, rectangles, fractions) for part in step) for step in read
        )
        with (
            contextlib.closing(read),
            contextlib.closing(prefetch(made, _STEPS_MADE_AHEAD)) as ready,
        ):
            yield from ready

    def draws(self, epoch: int) -> Draws:
        """Return what is drawn for each row in an epoch."""
        if not self.training:
            return no_draws(self.params, len(self), self.params)
        return draw(
            self.params,
            len(self),
            sample_rate=self.params.sample_rate,
            seed=self.seed,
            epoch=self._drawn_epoch(epoch),
            acoustics=self.params,
        )

    def _drawn_epoch(self, epoch: int) -> int:
        """Return the epoch whose draws make an epoch's images."""
        if self._kept is not None or not self.training:
            return 0  # what is kept is the first one's, also where a restart makes it again
        return epoch

    def _draw_contexts(self, epoch: int) -> ContextDraws | None:
        if self._context is None:
            return None
        return draw_contexts(
            self.params,
            len(self),
            sample_rate=self.params.sample_rate,
            seed=self.seed,
            epoch=self._drawn_epoch(epoch),
        )

    def _draw_rectangles(self, epoch: int) -> np.ndarray | None:
        if not self.params.n_rectangles:
            return None
        return draw_rectangles(self.params, len(self), self.shape, seed=self.seed, epoch=epoch)

    def _draw_fractions(self, epoch: int) -> np.ndarray | None:
        if not self.params.mixup_alpha:
            return None
        return draw_fractions(self.params.mixup_alpha, len(self), seed=self.seed, epoch=epoch)

    def _read_step(
        self,
        rows: np.ndarray,
        weights: np.ndarray,
        draws: Draws,
        contexts: ContextDraws | None,
    ) -> list[_Part]:
        parts = zip(rows, weights, strict=True)
        return [self._read(*part, draws, contexts) for part in parts]

    def _read(
        self, rows: np.ndarray, weights: np.ndarray, draws: Draws, contexts: ContextDraws | None
    ) -> _Part:
        """Do the host's part of the work for one batch."""
        if self._kept is not None and self._kept.has(rows):
            lengths, images = self._kept.lengths.values[rows], self._kept.images.values[rows]
            return _Part(rows, weights, lengths, images=images)
        params, drawn = self.params, draws.take(rows)
        files = self._files[rows]
        waveforms, lengths = self._store.take(files, drawn.crop, self._n_samples)
        words: np.ndarray | None = None
        if self._levels is not None:
            is_whole = lengths == self._store.n_samples[files]
            words = self._levels.of_words(files, waveforms, lengths, is_whole)
        shift_in_time(waveforms, lengths, drawn.shift)
        if contexts is not None:
            drawn = self._place(waveforms, lengths, drawn, contexts.take(rows))
        if self._levels is not None and words is not None:
            drawn = self._levels.mix(drawn, words, lengths)
        if self._rooms is not None:
            waveforms = self._rooms.reverberate(waveforms, lengths, drawn.room)
        n_frames = params.frames_that_count(lengths, drawn.stretch)
        if isinstance(self._engine, LibrosaEngine):
            samples = [
                waveform[:length] for waveform, length in zip(waveforms, lengths, strict=True)
            ]
            each = [Draws(*values) for values in zip(*drawn, strict=True)]
            images = np.stack(list(self._pool.map(self._engine.features, samples, each)))
            return _Part(rows, weights, n_frames, images=images)
        if params.frame_padding == "reflect":
            reflect_after_end(waveforms, lengths, params.n_fft // 2)
        return _Part(rows, weights, n_frames, clips=Clips.of(waveforms, lengths, drawn))

    def _place(
        self, waveforms: np.ndarray, lengths: np.ndarray, drawn: Draws, contexts: ContextDraws
    ) -> Draws:
        """Put clips into their contexts, in place; return the draws, with images of the middle."""
        assert self._context is not None
        width = waveforms.shape[1]
        neighbours = np.concatenate([contexts.before, contexts.after])
        rows = np.unique(neighbours[np.tile(contexts.is_placed, 2) & (neighbours >= 0)])
        middle = np.full(len(rows), 0.5, np.float32)
        clips = zip(*self._store.take(self._files[rows], middle, width), strict=True)
        others = {row: clip[:n] for row, (clip, n) in zip(rows.tolist(), clips, strict=True)}
        for row in np.flatnonzero(contexts.is_placed):
            length = min(lengths[row], width)
            start = (width - length) // 2 + int(contexts.shift[row])
            clip = waveforms[row, :length].copy()
            sound = self._context.place(clip, start, width, contexts.noise_start[row])
            if (before := others.get(int(contexts.before[row]))) is not None:
                put(sound[: max(0, start)], before, start - contexts.gap_before[row] - len(before))
            if (after := others.get(int(contexts.after[row]))) is not None:
                end = max(0, start + length)
                put(sound[end:], after, int(contexts.gap_after[row]))
            waveforms[row], lengths[row] = sound, width
        return drawn._replace(crop=np.where(contexts.is_placed, np.float32(0.5), drawn.crop))

    def _to_batch(
        self, part: _Part, rectangles: np.ndarray | None, fractions: np.ndarray | None
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
            images = _covering()(images, tf.constant(rectangles[part.rows]), self._mask_value)
        labels = tf.constant(self._labels[part.rows])
        targets = tf.one_hot(labels, len(self.labels))
        batch = Batch(images, tf.constant(part.lengths), labels, targets, tf.constant(part.weights))
        if fractions is None:
            return batch
        return _mixing()(batch, tf.constant(fractions[part.rows]))

    @property
    def _mask_value(self) -> float:
        if self.params.mask_value is None:
            return self.params.fill_value
        return self.params.mask_value

    def _open_images(self) -> _KeptImages:
        folder = self.params.cache_dir
        key: Any = None
        if folder is not None:
            groups = (FrontEnd, Augmentation, Acoustics, Context)
            shaping = {"on_loud_audio", *(key for group in groups for key in group.model_fields)}
            files = [*self.paths, *self._recordings, *self._responses]
            key = [
                self.params.model_dump(mode="json", include=shaping),
                {"training": self.training, "seed": self.seed},
                [(path, file_stamp(path)) for path in files],
            ]
        n_rows = len(self._files)
        return _KeptImages(
            ArrayCache(n_rows, self.shape, np.float32, folder, ["images", key]),
            ArrayCache(n_rows, (), np.int32, folder, ["image_lengths", key]),
        )


def _number(paths: Iterable[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of each path, and the distinct paths in the order of their numbers.

    pandas before 3.0 takes all names that are not UTF-8 for the same one.
    """
    numbers: dict[str, int] = {}
    files = np.array([numbers.setdefault(path, len(numbers)) for path in paths], int)
    return files, np.array(list(numbers), dtype=object)


@functools.cache
def _covering() -> Callable[..., Tensor]:
    return tf.function(cover, autograph=False, jit_compile=True)


@functools.cache
def _mixing() -> Callable[..., Batch]:
    return tf.function(mix, autograph=False)


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
