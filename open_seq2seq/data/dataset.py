"""An opened dataset: slots of an epoch in, batches of images out."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from open_seq2seq.components import part_of
from open_seq2seq.data import flaws
from open_seq2seq.data.acoustics import Acoustics
from open_seq2seq.data.augment import Augmentation, Draws
from open_seq2seq.data.clip_params import ClipParams
from open_seq2seq.data.contents import Contents
from open_seq2seq.data.context import ContextDraws
from open_seq2seq.data.dataset_versions import SILENCE, UNKNOWN, merged_classes
from open_seq2seq.data.epoch import Epoch, draw_epoch, draws_of
from open_seq2seq.data.front_end import Extent, FrontEnd
from open_seq2seq.data.kept_images import KeptImages
from open_seq2seq.data.librosa_engine import LibrosaEngine
from open_seq2seq.data.mixup import mix
from open_seq2seq.data.prefetch import prefetch
from open_seq2seq.data.rows import NO_FILE, Rows, number
from open_seq2seq.data.running_speech import RunningSpeech
from open_seq2seq.data.sampler import Plan
from open_seq2seq.data.samples import reflect_after_end
from open_seq2seq.data.sounds import Sounds, Surroundings
from open_seq2seq.data.spec_augment import cover
from open_seq2seq.data.spectral_engine import SpectralEngine, shared_engine
from open_seq2seq.data.waveforms import WaveformStore
from open_seq2seq.lazy import tf
from open_seq2seq.structs import Batch, Clips, MergedClasses, Tensor
from open_seq2seq.system.cores import thread_pool

_STEPS_READ_AHEAD = 4
_STEPS_MADE_AHEAD = 1


class Dataset:
    """Rows of one or several sources, ready to be read in any order.

    An epoch has slots, and each slot a row. Of one source slot i has row i; of several ones, their
    shares say which. All that is random is drawn for slots.

    Attributes:
        params: of the data layer, as they are in effect.
        labels: names of the labels, in index order.
        classes: further classes of the targets, words of the label unknown; mostly none.
        training: whether long clips are sliced at random, rather than in the middle.
        seed: of everything random.
        paths: path of each row's clip; of running speech, the name of its source.
        parts: the sources.
        mixture: how many slots each source has.
        speech: running speech, by the index of its source.
        skipped: paths left out, and why.
        converted: paths of the clips that are converted, and what they are.
        flawed: paths of the clips that can be read and whose sound is not what it should be, and
            the flaw, of `flaws`. Clips of the label silence may be silent.
    """

    def __init__(
        self,
        contents: Contents,
        labels: tuple[str, ...],
        params: ClipParams,
        *,
        training: bool,
        seed: int,
        classes: tuple[str, ...] = (),
    ) -> None:
        """Open a dataset.

        Args:
            contents: the rows, and the sources that they belong to.
            labels: names of the labels.
            params: how rows become images, with the augmentation that is in effect.
            training: whether long clips are sliced at random, rather than in the middle.
            seed: of everything random.
            classes: words of the label unknown that are classes of their own.

        Raises:
            UserError: an audio file cannot be used, and the parameters do not say to skip it.
        """
        self.params, self.labels, self.training, self.seed = params, labels, training, seed
        self.classes, self.parts = classes, contents.parts
        surroundings = Surroundings.find(params)  # before all clips are read
        # balanced manifests name a file more than once; it is read and kept once
        numbers, paths = number(contents.table["path"][~contents.is_speech])
        self._store = store = WaveformStore(
            list(paths),
            params,
            sample_rate=params.sample_rate,
            n_samples=Extent.of(params, params.time_stretch).n_samples,
            alignment=params.hop_length,
        )
        # in order: threads have found them in any
        self.skipped = {paths[index]: reason for index, reason in sorted(store.bad.items())}
        self.converted = {paths[index]: what for index, what in sorted(store.converted.items())}
        self._rows = Rows.of(contents, labels, classes, numbers, store.bad)
        self.paths = self._rows.paths
        self.mixture = contents.mixture(self._rows.parts)
        self.speech = {
            index: RunningSpeech(part.recordings, params.sample_rate, part.name)
            for index, part in enumerate(contents.parts)
            if part.recordings
        }
        self.flawed = self._find_flaws()
        self._sounds = Sounds(params, store, self._rows, self.speech, surroundings, labels, seed)
        self._kept: KeptImages | None = None
        if params.keeps_images:
            files = [*self.paths[self._rows.is_clip], *self._sounds.files]
            self._kept = KeptImages.open(params, self.mixture, files, training=training, seed=seed)
        self._pool = thread_pool("librosa", params.n_readers)

    def __len__(self) -> int:
        """Return the number of slots of an epoch."""
        return self.mixture.n_slots

    def rows(self, epoch: int) -> np.ndarray:
        """Return the row in each slot of an epoch, int64 [slots]."""
        return self.mixture.rows(self.seed, self._drawn_epoch(epoch))

    def describe(self, epoch: int) -> pd.DataFrame:
        """Return label, word, speaker and path of the row in each slot of an epoch.

        Column is_clip is false of running speech, whose path is the name of its source.
        """
        return self.describe_rows(self.rows(epoch))

    def clips(self) -> pd.DataFrame:
        """Return label, word, speaker and path of every row that is a clip."""
        return self.describe_rows(np.flatnonzero(self._rows.is_clip))

    def describe_rows(self, rows: np.ndarray) -> pd.DataFrame:
        """Return the same of some rows."""
        return pd.DataFrame(
            {
                "label": np.array(self.labels, object)[self._rows.labels[rows]],
                "word": self._rows.words[rows],
                "speaker": self._rows.speakers[rows],
                "path": self.paths[rows],
                "is_clip": self._rows.is_clip[rows],
            }
        )

    @property
    def merged(self) -> MergedClasses | None:
        """The further classes as the network has them."""
        return merged_classes(self.labels, self.classes)

    @functools.cached_property
    def seconds(self) -> dict[str, float]:
        """Length of each usable clip, by path."""
        return {
            path: float(self._store.n_samples[file] / self.params.sample_rate)
            for path, file in zip(self.paths, self._rows.files, strict=True)
            if file != NO_FILE
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
            return self._renderer
        make: Callable[..., SpectralEngine] = shared_engine
        if self._sounds.background is not None:
            make = functools.partial(SpectralEngine, background=self._sounds.background)
        return make(
            part_of(params, FrontEnd),
            part_of(params, Augmentation),
            part_of(params, Acoustics),
            seed=self.seed,
            longest=self._sounds.longest,
        )

    @functools.cached_property
    def _renderer(self) -> LibrosaEngine:
        params = self.params
        return LibrosaEngine(
            params, params, params, seed=self.seed, background=self._sounds.background
        )

    def _find_flaws(self) -> dict[str, str]:
        names = np.array(self.labels)[self._rows.labels]
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
        drawn = self.drawn(epoch)
        steps = zip(plan.rows, plan.weights, strict=True)
        read = prefetch(
            ([self._read(*part, drawn) for part in zip(*step, strict=True)] for step in steps),
            _STEPS_READ_AHEAD,
        )
        made = (tuple(self._to_batch(part, drawn) for part in step) for step in read)
        with (
            contextlib.closing(read),
            contextlib.closing(prefetch(made, _STEPS_MADE_AHEAD)) as ready,
        ):
            yield from ready

    def drawn(self, epoch: int) -> Epoch:
        """Return all that is drawn for the slots of an epoch."""
        return draw_epoch(
            self.params,
            self.mixture,
            training=self.training,
            seed=self.seed,
            epoch=epoch,
            epoch_of_images=self._drawn_epoch(epoch),
        )

    def images(self, slots: np.ndarray, drawn: Epoch) -> np.ndarray:
        """Return what the network sees of some slots, float32 [slots, frames, features].

        Args:
            slots: int [slots].
            drawn: what is drawn for them, as `drawn` returns it or changed.
        """
        nothing: np.ndarray = np.zeros(0, np.int32)
        part = _Part(slots, nothing, nothing, nothing, nothing)
        images = self._image(self._sound(part, drawn, self._sounds.contexts(slots, drawn)))
        return np.asarray(self._covered(images, slots, drawn))

    def render(self, slot: int, drawn: Epoch) -> np.ndarray:
        """Return the sound of a slot with its augmentation, float32 [samples], 1 is full scale.

        It is librosa's, whichever engine makes the images: the spectral one has no waveform.
        """
        slots = np.array([slot])
        waveforms, lengths, draws = self._sounds.of(
            slots, drawn, self._sounds.contexts(slots, drawn)
        )
        only = Draws(*(values[0] for values in draws))
        return self._renderer.waveform(waveforms[0, : lengths[0]], only)

    def draws(self, epoch: int) -> Draws:
        """Return what is drawn for the sound of each slot of an epoch."""
        return draws_of(
            self.params,
            len(self),
            training=self.training,
            seed=self.seed,
            epoch=self._drawn_epoch(epoch),
        )

    def _drawn_epoch(self, epoch: int) -> int:
        """Return the epoch whose draws make an epoch's images."""
        if self._kept is not None or not self.training:
            return 0  # what is kept is the first one's, also where a restart makes it again
        return epoch

    def _read(self, slots: np.ndarray, weights: np.ndarray, epoch: Epoch) -> _Part:
        """Do the host's part of the work for one batch."""
        rows = epoch.rows[slots]
        labels, classes = self._rows.labels[rows], self._rows.classes[rows]
        if self.training:
            weights = weights * self._rows.loss_weights[rows]
        contexts = self._sounds.contexts(slots, epoch)
        if contexts is not None and contexts.is_cut.any():
            unknown = self.labels.index(UNKNOWN)
            labels, classes = (
                np.where(contexts.is_cut, unknown, each) for each in (labels, classes)
            )
        part = _Part(slots, weights, labels, classes, np.zeros(0, np.int32))
        if self._kept is not None and self._kept.has(slots):
            lengths, images = self._kept.lengths.values[slots], self._kept.images.values[slots]
            return part._replace(lengths=lengths, images=images)
        return self._sound(part, epoch, contexts)

    def _sound(self, part: _Part, epoch: Epoch, contexts: ContextDraws | None) -> _Part:
        """Return a batch with its sound, or with its images where the host makes them."""
        params = self.params
        waveforms, lengths, drawn = self._sounds.of(part.slots, epoch, contexts)
        part = part._replace(lengths=params.frames_that_count(lengths, drawn.stretch))
        if isinstance(self._engine, LibrosaEngine):
            samples = [
                waveform[:length] for waveform, length in zip(waveforms, lengths, strict=True)
            ]
            each = [Draws(*values) for values in zip(*drawn, strict=True)]
            images = np.stack(list(self._pool.map(self._engine.features, samples, each)))
            return part._replace(images=images)
        if params.frame_padding == "reflect":
            reflect_after_end(waveforms, lengths, params.n_fft // 2)
        return part._replace(clips=Clips.of(waveforms, lengths, drawn))

    def _to_batch(self, part: _Part, epoch: Epoch) -> Batch:
        images = self._image(part)
        if self._kept is not None and not self._kept.has(part.slots):
            self._kept.put(part.slots, part.lengths, np.asarray(images))
        images = self._covered(images, part.slots, epoch)
        labels = tf.constant(part.labels)
        targets = tf.one_hot(part.classes, len(self.labels) + len(self.classes))
        batch = Batch(images, tf.constant(part.lengths), labels, targets, tf.constant(part.weights))
        if epoch.fractions is None:
            return batch
        return _mixing()(batch, tf.constant(epoch.fractions[part.slots]))

    def _image(self, part: _Part) -> Tensor | np.ndarray:
        """Return the images of a batch, float32 [batch, frames, features]."""
        if part.images is not None:
            return part.images
        assert isinstance(self._engine, SpectralEngine) and part.clips is not None
        return self._engine.features(Clips(*map(tf.convert_to_tensor, part.clips)))

    def _covered(self, images: Tensor | np.ndarray, slots: np.ndarray, epoch: Epoch) -> Tensor:
        """Return images with what is masked."""
        images = tf.convert_to_tensor(images)
        if epoch.rectangles is None:
            return images
        value = self.params.mask_value
        if value is None:
            value = self.params.fill_value
        return _covering()(images, tf.constant(epoch.rectangles[slots]), value)


@functools.cache
def _covering() -> Callable[..., Tensor]:
    return tf.function(cover, autograph=False, jit_compile=True)


@functools.cache
def _mixing() -> Callable[..., Batch]:
    return tf.function(mix, autograph=False)


class _Part(NamedTuple):
    """One batch on its way: the slots, and their waveforms or their images."""

    slots: np.ndarray
    weights: np.ndarray
    labels: np.ndarray
    classes: np.ndarray
    lengths: np.ndarray  # frames that count
    clips: Clips | None = None
    images: np.ndarray | None = None
