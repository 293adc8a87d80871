"""An opened dataset: slots of an epoch in, batches of images out."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from open_seq2seq.components import part_of
from open_seq2seq.data import flaws
from open_seq2seq.data.acoustics import Acoustics
from open_seq2seq.data.augment import Augmentation, Draws, draw, no_draws
from open_seq2seq.data.cache import ArrayCache
from open_seq2seq.data.clip_params import ClipParams
from open_seq2seq.data.contents import Contents
from open_seq2seq.data.context import Context, ContextDraws, draw_contexts
from open_seq2seq.data.dataset_versions import SILENCE, UNKNOWN, merged_classes
from open_seq2seq.data.front_end import Extent, FrontEnd
from open_seq2seq.data.librosa_engine import LibrosaEngine
from open_seq2seq.data.mixup import draw_fractions, mix
from open_seq2seq.data.noise import background_table, find_recordings
from open_seq2seq.data.placing import Placer, slots_beside
from open_seq2seq.data.prefetch import prefetch
from open_seq2seq.data.rooms import Rooms, find_responses
from open_seq2seq.data.running_speech import RunningSpeech, draw_positions
from open_seq2seq.data.sampler import Plan
from open_seq2seq.data.samples import reflect_after_end, shift_in_time
from open_seq2seq.data.snr import NoiseLevels
from open_seq2seq.data.spec_augment import cover, draw_rectangles
from open_seq2seq.data.spectral_engine import SpectralEngine, shared_engine
from open_seq2seq.data.unknown_words import class_indices
from open_seq2seq.data.waveforms import WaveformStore, file_stamp
from open_seq2seq.errors import UserError
from open_seq2seq.lazy import tf
from open_seq2seq.structs import Batch, Clips, MergedClasses, Tensor
from open_seq2seq.system.cores import thread_pool

_STEPS_READ_AHEAD = 4
_STEPS_MADE_AHEAD = 1
_NO_FILE = -1  # of running speech, in place of a file's index


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
        self.classes = classes
        self._recordings: tuple[str, ...] = ()
        if params.background_noise is not None:
            self._recordings = find_recordings(params.background_noise)
        self._responses: tuple[str, ...] = ()
        if params.room_responses is not None:
            self._responses = find_responses(params.room_responses)
        extent = Extent.of(params, params.time_stretch)
        table, is_clip = contents.table, ~contents.is_speech
        # balanced manifests name a file more than once; it is read and kept once
        numbers, paths = _number(table["path"][is_clip])
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

        files = np.full(len(table), _NO_FILE)
        files[is_clip] = numbers
        is_usable = ~np.isin(files, list(self._store.bad))
        if not is_usable.any():
            raise UserError("the dataset is empty: none of its audio files can be used")
        self._files = files[is_usable]  # index of each row's file
        self.parts = contents.parts
        self._part = table["part"].to_numpy()[is_usable]  # index of each row's source
        self._labels = table["label"].to_numpy(np.int32)[is_usable]
        self._classes = class_indices(table, labels, classes)[is_usable]
        self.paths = table["path"].to_numpy(object)[is_usable]
        loss_weights = np.array([part.loss_weight for part in contents.parts], np.float32)
        self._loss_weights = loss_weights[self._part]
        self.mixture = contents.mixture(self._part)
        self.speech = {
            index: RunningSpeech(part.recordings, params.sample_rate, part.name)
            for index, part in enumerate(contents.parts)
            if part.recordings
        }
        self.flawed = self._find_flaws()
        # in eighths of a second: datasets whose longest clips are about as long share an engine
        eighth = max(1, params.sample_rate // 8)
        self._longest = -(-self._store.longest // eighth) * eighth
        self._placer: Placer | None = None
        if params.context_prob:
            self._placer = Placer(params, params.sample_rate, seed)
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

    def __len__(self) -> int:
        """Return the number of slots of an epoch."""
        return self.mixture.n_slots

    def rows(self, epoch: int) -> np.ndarray:
        """Return the row in each slot of an epoch, int64 [slots]."""
        return self.mixture.rows(self.seed, self._drawn_epoch(epoch))

    @property
    def merged(self) -> MergedClasses | None:
        """The further classes as the network has them."""
        return merged_classes(self.labels, self.classes)

    @functools.cached_property
    def seconds(self) -> dict[str, float]:
        """Length of each usable clip, by path."""
        return {
            path: float(self._store.n_samples[file] / self.params.sample_rate)
            for path, file in zip(self.paths, self._files, strict=True)
            if file != _NO_FILE
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
        drawn = self._draw_epoch(epoch)
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

    def draws(self, epoch: int) -> Draws:
        """Return what is drawn for each slot of an epoch."""
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

    def _draw_epoch(self, epoch: int) -> _Epoch:
        p, n_slots, drawn_epoch = self.params, len(self), self._drawn_epoch(epoch)
        drawn = _Epoch(self.rows(epoch), self.draws(epoch))
        if self._placer is not None:
            contexts = draw_contexts(
                p, n_slots, sample_rate=p.sample_rate, seed=self.seed, epoch=drawn_epoch
            )
            drawn = drawn._replace(contexts=contexts)
        if self.speech:
            positions = draw_positions(n_slots, seed=self.seed, epoch=drawn_epoch)
            drawn = drawn._replace(positions=positions)
        if p.n_rectangles:
            rectangles = draw_rectangles(p, n_slots, self.shape, seed=self.seed, epoch=epoch)
            drawn = drawn._replace(rectangles=rectangles)
        if p.mixup_alpha:
            fractions = draw_fractions(p.mixup_alpha, n_slots, seed=self.seed, epoch=epoch)
            drawn = drawn._replace(fractions=fractions)
        return drawn

    def _read(self, slots: np.ndarray, weights: np.ndarray, epoch: _Epoch) -> _Part:
        """Do the host's part of the work for one batch."""
        rows = epoch.rows[slots]
        labels, classes = self._labels[rows], self._classes[rows]
        if self.training:
            weights = weights * self._loss_weights[rows]
        contexts = None
        if epoch.contexts is not None:
            contexts = self._contexts(epoch.contexts.take(slots), rows)
            is_cut = contexts.is_placed & contexts.is_cut
            labels, classes = (np.where(is_cut, self._unknown, each) for each in (labels, classes))
        part = _Part(slots, weights, labels, classes, np.zeros(0, np.int32))
        if self._kept is not None and self._kept.has(slots):
            lengths, images = self._kept.lengths.values[slots], self._kept.images.values[slots]
            return part._replace(lengths=lengths, images=images)
        params, drawn = self.params, epoch.draws.take(slots)
        waveforms, lengths = self._take(slots, epoch, drawn.crop)
        words: np.ndarray | None = None
        if self._levels is not None:
            files = self._files[rows]
            is_whole = (files != _NO_FILE) & (lengths == self._store.n_samples[files])
            words = self._levels.of_words(files, waveforms, lengths, is_whole)
        shift_in_time(waveforms, lengths, drawn.shift)
        if contexts is not None:
            assert self._placer is not None
            self._placer.place(waveforms, lengths, contexts, self._neighbours(contexts, epoch))
            middle = np.where(contexts.is_placed, np.float32(0.5), drawn.crop)
            drawn = drawn._replace(crop=middle)
        if self._levels is not None and words is not None:
            drawn = self._levels.mix(drawn, words, lengths)
        if self._rooms is not None:
            waveforms = self._rooms.reverberate(waveforms, lengths, drawn.room)
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

    def _take(
        self, slots: np.ndarray, epoch: _Epoch, crop: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the sound of some slots, int16 [n, samples], and their lengths int32 [n].

        Running speech is as long as the longest clip, or as the image where clips are in context.
        """
        rows = epoch.rows[slots]
        is_clip = self._files[rows] != _NO_FILE
        if is_clip.all():
            return self._store.take(self._files[rows], crop, self._n_samples)
        waveforms: np.ndarray = np.zeros((len(slots), self._n_samples), np.int16)
        lengths = np.full(len(slots), min(self._longest, self._n_samples), np.int32)
        waveforms[is_clip], lengths[is_clip] = self._store.take(
            self._files[rows[is_clip]], crop[is_clip], self._n_samples
        )
        assert epoch.positions is not None
        for index in np.flatnonzero(~is_clip):
            speech, n = self.speech[self._part[rows[index]]], lengths[index]
            waveforms[index, :n] = speech.cut(epoch.positions[slots[index]], n)
        return waveforms, lengths

    def _contexts(self, contexts: ContextDraws, rows: np.ndarray) -> ContextDraws:
        """Take running speech, which needs no context, out of it; and from cutting, other words."""
        others = [name in (UNKNOWN, SILENCE) for name in self.labels]
        return contexts._replace(
            is_placed=contexts.is_placed & (self._files[rows] != _NO_FILE),
            is_cut=contexts.is_cut & ~np.array(others)[self._labels[rows]],
        )

    def _neighbours(self, contexts: ContextDraws, epoch: _Epoch) -> dict[int, np.ndarray]:
        """Return the sound of the slots that stand beside clips, int16 [samples] each."""
        slots = slots_beside(contexts)
        middle = np.full(len(slots), 0.5, np.float32)
        sounds = zip(*self._take(slots, epoch, middle), strict=True)
        return {slot: sound[:n] for slot, (sound, n) in zip(slots.tolist(), sounds, strict=True)}

    @functools.cached_property
    def _unknown(self) -> int:
        """Index of the label of words that are cut; never used where no word is."""
        return self.labels.index(UNKNOWN) if UNKNOWN in self.labels else 0

    def _to_batch(self, part: _Part, epoch: _Epoch) -> Batch:
        images = part.images
        if images is None:
            assert isinstance(self._engine, SpectralEngine) and part.clips is not None
            images = self._engine.features(Clips(*map(tf.convert_to_tensor, part.clips)))
        if self._kept is not None and not self._kept.has(part.slots):
            self._kept.lengths.put(part.slots, part.lengths)
            self._kept.images.put(part.slots, np.asarray(images))
        images = tf.convert_to_tensor(images)
        if epoch.rectangles is not None:
            rectangles = tf.constant(epoch.rectangles[part.slots])
            images = _covering()(images, rectangles, self._mask_value)
        labels = tf.constant(part.labels)
        targets = tf.one_hot(part.classes, len(self.labels) + len(self.classes))
        batch = Batch(images, tf.constant(part.lengths), labels, targets, tf.constant(part.weights))
        if epoch.fractions is None:
            return batch
        return _mixing()(batch, tf.constant(epoch.fractions[part.slots]))

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
            spoken = [path for speech in self.speech.values() for path in speech.paths]
            files = [
                *self.paths[self._files != _NO_FILE],
                *self._recordings,
                *self._responses,
                *spoken,
            ]
            key = [
                self.params.model_dump(mode="json", include=shaping),
                {"training": self.training, "seed": self.seed},
                *([self.mixture] if len(self.mixture.sizes) > 1 else []),
                [(path, file_stamp(path)) for path in files],
            ]
        n_slots = len(self)
        return _KeptImages(
            ArrayCache(n_slots, self.shape, np.float32, folder, ["images", key]),
            ArrayCache(n_slots, (), np.int32, folder, ["image_lengths", key]),
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

    def has(self, slots: np.ndarray) -> bool:
        return bool((self.images.has(slots) & self.lengths.has(slots)).all())


class _Epoch(NamedTuple):
    """What was drawn for the slots of an epoch."""

    rows: np.ndarray
    draws: Draws
    contexts: ContextDraws | None = None
    positions: np.ndarray | None = None  # of running speech
    rectangles: np.ndarray | None = None
    fractions: np.ndarray | None = None  # of mixup


class _Part(NamedTuple):
    """One batch on its way: the slots, and their waveforms or their images."""

    slots: np.ndarray
    weights: np.ndarray
    labels: np.ndarray
    classes: np.ndarray
    lengths: np.ndarray  # frames that count
    clips: Clips | None = None
    images: np.ndarray | None = None
