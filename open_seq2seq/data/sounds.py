"""The sound of slots, as the front end gets it: read, shifted, in context and in rooms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from open_seq2seq.data.augment import Draws
from open_seq2seq.data.babble import babble_table, find_talkers
from open_seq2seq.data.clip_params import ClipParams
from open_seq2seq.data.context import ContextDraws
from open_seq2seq.data.epoch import Epoch
from open_seq2seq.data.front_end import Extent
from open_seq2seq.data.noise import background_table, find_recordings
from open_seq2seq.data.placing import Placer, slots_beside
from open_seq2seq.data.rooms import Rooms, find_responses
from open_seq2seq.data.rows import Rows
from open_seq2seq.data.running_speech import RunningSpeech
from open_seq2seq.data.samples import shift_in_time
from open_seq2seq.data.snr import NoiseLevels
from open_seq2seq.data.waveforms import WaveformStore


class Surroundings(NamedTuple):
    """Files of what clips are heard in."""

    noise: tuple[str, ...] = ()
    talkers: tuple[str, ...] = ()
    responses: tuple[str, ...] = ()  # of rooms

    @classmethod
    def find(cls, params: ClipParams) -> Surroundings:
        """Look for the files that the parameters name.

        Raises:
            UserError: a folder has none.
        """
        found = cls()
        if params.background_noise is not None:
            found = found._replace(noise=find_recordings(params.background_noise))
        if params.background_speech is not None:
            found = found._replace(talkers=find_talkers(params.background_speech))
        if params.room_responses is not None:
            found = found._replace(responses=find_responses(params.room_responses))
        return found


class Sound(NamedTuple):
    """A batch of slots."""

    waveforms: np.ndarray  # int16 [batch, samples], zeros after a clip's end
    lengths: np.ndarray  # int32 [batch], samples
    drawn: Draws  # what is left for the front end


class Sounds:
    """Makes the sound of slots, on the host.

    Attributes:
        background: recorded noise, which the front end adds; None for none.
        longest: samples of the longest sound, about: datasets whose longest clips are about as long
            share an engine.
        files: that the sound depends on, besides the clips.
    """

    def __init__(
        self,
        params: ClipParams,
        store: WaveformStore,
        rows: Rows,
        speech: Mapping[int, RunningSpeech],
        surroundings: Surroundings,
        labels: tuple[str, ...],
        seed: int,
    ) -> None:
        """Read recorded noise and responses of rooms.

        Args:
            params: what is done to clips.
            store: of the files.
            rows: of the dataset.
            speech: running speech, by the index of its source.
            surroundings: recorded noise and rooms.
            labels: names of the labels.
            seed: of the noise.

        Raises:
            UserError: noise or a response cannot be used.
        """
        self._params, self._store, self._rows, self._speech = params, store, rows, speech
        self._is_keyword = rows.is_keyword(labels)
        rate, extent = params.sample_rate, Extent.of(params, params.time_stretch)
        eighth = max(1, rate // 8)
        self.longest = -(-store.longest // eighth) * eighth
        self._placer: Placer | None = None
        if params.context_prob:
            self._placer = Placer(params, rate, seed)
            self.longest = extent.n_samples
        self._n_samples = Extent.of(params, params.time_stretch, self.longest).n_samples
        recordings, talkers, responses = surroundings
        spoken = (path for each in speech.values() for path in each.paths)
        self.files = (*recordings, *talkers, *responses, *spoken)
        self._rooms = Rooms(responses, rate, self._n_samples) if responses else None
        self.background: np.ndarray | None = None
        self._levels: NoiseLevels | None = None
        if recordings or talkers:
            tables = []
            if recordings:
                tables.append(background_table(recordings, rate, extent.block, params))
            if talkers:
                tables.append(babble_table(talkers, rate, extent.block, seed))
            noise = np.concatenate(tables)
            if self._rooms is not None:
                noise = self._rooms.reverberate_noise(noise, params.room_prob, seed)
            if params.has_snr:
                self._levels = NoiseLevels(len(store.paths), rate, noise)
            self.background = noise

    def contexts(self, slots: np.ndarray, epoch: Epoch) -> ContextDraws | None:
        """Return what was drawn for the contexts of some slots; None where there are none.

        Running speech needs no context. Only keywords are cut.
        """
        if epoch.contexts is None:
            return None
        contexts, rows = epoch.contexts.take(slots), epoch.rows[slots]
        is_placed = contexts.is_placed & self._rows.is_clip[rows]
        return contexts._replace(
            is_placed=is_placed, is_cut=contexts.is_cut & is_placed & self._is_keyword[rows]
        )

    def of(self, slots: np.ndarray, epoch: Epoch, contexts: ContextDraws | None) -> Sound:
        """Return the sound of some slots of an epoch.

        Args:
            slots: int [batch].
            epoch: what was drawn.
            contexts: as `contexts` returns them.
        """
        drawn = epoch.draws.take(slots)
        waveforms, lengths = self._read(slots, epoch, drawn.crop)
        words = self._words(epoch.rows[slots], waveforms, lengths)
        shift_in_time(waveforms, lengths, drawn.shift)
        if contexts is not None and self._placer is not None:
            neighbours = self._neighbours(contexts, epoch)
            self._placer.place(waveforms, lengths, contexts, drawn.stretch, neighbours)
            middle = np.where(contexts.is_placed, np.float32(0.5), drawn.crop)
            drawn = drawn._replace(crop=middle)
        if self._levels is not None and words is not None:
            drawn = self._levels.mix(drawn, words, lengths)
        if self._rooms is not None:
            waveforms = self._rooms.reverberate(waveforms, lengths, drawn.room)
        return Sound(waveforms, lengths, drawn)

    def _read(
        self, slots: np.ndarray, epoch: Epoch, crop: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the sound of some slots as it is in files, int16 [n, samples], and its lengths.

        Running speech is as long as the longest clip, or as the image where clips are in context.
        """
        rows = epoch.rows[slots]
        files, is_clip = self._rows.files[rows], self._rows.is_clip[rows]
        if is_clip.all():
            return self._store.take(files, crop, self._n_samples)
        waveforms: np.ndarray = np.zeros((len(slots), self._n_samples), np.int16)
        lengths = np.full(len(slots), min(self.longest, self._n_samples), np.int32)
        waveforms[is_clip], lengths[is_clip] = self._store.take(
            files[is_clip], crop[is_clip], self._n_samples
        )
        for index in np.flatnonzero(~is_clip):
            speech, n = self._speech[self._rows.parts[rows[index]]], lengths[index]
            waveforms[index, :n] = speech.cut(epoch.positions[slots[index]], n)
        return waveforms, lengths

    def _words(
        self, rows: np.ndarray, waveforms: np.ndarray, lengths: np.ndarray
    ) -> np.ndarray | None:
        """Return the levels of the words, where noise is mixed in at a ratio to them."""
        if self._levels is None:
            return None
        files = self._rows.files[rows]
        is_whole = self._rows.is_clip[rows] & (lengths == self._store.n_samples[files])
        return self._levels.of_words(files, waveforms, lengths, is_whole)

    def _neighbours(self, contexts: ContextDraws, epoch: Epoch) -> dict[int, np.ndarray]:
        """Return the sound of the slots that stand beside clips, int16 [samples] each."""
        slots = slots_beside(contexts)
        middle = np.full(len(slots), 0.5, np.float32)
        sounds = zip(*self._read(slots, epoch, middle), strict=True)
        return {slot: sound[:n] for slot, (sound, n) in zip(slots.tolist(), sounds, strict=True)}
