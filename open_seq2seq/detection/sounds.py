"""What a track is filled with: noise that is generated or recorded, and recorded speech."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import soxr

from open_seq2seq.data.audio import BadAudioError, check_header, read_blocks, unusable
from open_seq2seq.errors import UserError
from open_seq2seq.inference import recordings_of
from open_seq2seq.synthetic import noise

_PAUSE_S = (0.2, 0.6)  # between two recordings of speech
_JOIN_S = 0.05  # over which the end of a short recording fades into its beginning


class Sound(Protocol):
    """A sound without an end."""

    def take(self, n_samples: int, rng: np.random.Generator) -> np.ndarray:
        """Return its next samples, float32 [n_samples] at any level, not all of them 0."""
        ...


def find_recordings(flag: str, paths: Sequence[str]) -> list[str]:
    """Return the recordings that a flag names: files, and those of folders and manifests.

    Raises:
        UserError: there are none.
    """
    for path in paths:
        if not os.path.exists(path):
            raise UserError(f"{flag} {path}: no such folder or file; name one with recordings")
    try:
        return [str(recording.source) for recording in recordings_of(paths)]
    except UserError as error:
        raise UserError(f"{flag} {error}") from None


class GeneratedNoise:
    """Noise of the kinds of `synthetic.noise`, another one each time; none of it is speech."""

    _KINDS = tuple(kind for kind in noise.NOISE_KINDS if kind != "babble")

    def __init__(self, sample_rate: int) -> None:
        """Begin; `sample_rate` in Hz."""
        self._rate = sample_rate

    def take(self, n_samples: int, rng: np.random.Generator) -> np.ndarray:
        """Return new noise, as `Sound.take`."""
        # whole seconds: the Fourier transform of a length with large prime factors is slow
        seconds = -(-n_samples // self._rate)
        kind = str(rng.choice(self._KINDS))
        made = noise.make_noise(kind, rng, seconds * noise.SAMPLE_RATE, ())
        if self._rate != noise.SAMPLE_RATE:
            made = soxr.resample(made, noise.SAMPLE_RATE, self._rate)
        return np.resize(made, n_samples).astype(np.float32)


class _Recordings:
    """Recordings in a drawn order, all of them before one comes again; read in blocks."""

    def __init__(self, flag: str, paths: Sequence[str], sample_rate: int) -> None:
        """Find the recordings and look at their headers.

        Args:
            flag: that named them, for messages.
            paths: of folders, recordings or manifests.
            sample_rate: wanted rate in Hz.

        Raises:
            UserError: there are none, or one cannot be used.
        """
        self._paths = find_recordings(flag, paths)
        self._flag, self._given, self._rate = flag, paths[0], sample_rate
        for name in self._paths:
            try:
                check_header(name, sample_rate, any_length=True)
            except BadAudioError as error:
                raise unusable(name, error) from None
        self._order: list[int] = []
        self._n_in_vain = 0  # recordings in a row without a sound

    def _next_blocks(self, rng: np.random.Generator) -> Iterator[np.ndarray]:
        if self._n_in_vain > len(self._paths):
            raise UserError(
                f"{self._flag} {self._given}: nothing but digital silence; name other recordings"
            )
        self._n_in_vain += 1
        if not self._order:
            self._order = rng.permutation(len(self._paths)).tolist()
        path = self._paths[self._order.pop()]
        try:
            for block in read_blocks(path, self._rate):
                if block.samples.any():
                    self._n_in_vain = 0
                yield block.samples
        except BadAudioError as error:
            raise unusable(path, error) from None


class RecordedNoise(_Recordings):
    """Recorded noise: each stretch is of one recording, repeated if that is shorter."""

    _blocks: Iterator[np.ndarray] = iter(())
    _held: np.ndarray = np.zeros(0, np.int16)
    _is_new = False  # nothing of the recording was used yet

    def take(self, n_samples: int, rng: np.random.Generator) -> np.ndarray:
        """Return the next stretch, as `Sound.take`.

        Raises:
            UserError: a recording turns out to be unusable, or all are silent.
        """
        while True:
            while len(self._held) < n_samples:
                block = next(self._blocks, None)
                if block is None:
                    break
                self._held = np.concatenate([self._held, block])
            part, self._held = self._held[:n_samples], self._held[n_samples:]
            is_enough = len(part) == n_samples or self._is_new
            if is_enough and part.any():
                self._is_new = False
                return self._repeated(part.astype(np.float32), n_samples)
            if len(part) < n_samples:  # the recording is over, and its rest too short
                self._blocks, self._held = self._next_blocks(rng), np.zeros(0, np.int16)
                self._is_new = True

    def _repeated(self, part: np.ndarray, n_samples: int) -> np.ndarray:
        n_join = min(len(part) // 2, round(_JOIN_S * self._rate))
        if len(part) == n_samples or n_join == 0:
            return np.resize(part, n_samples)
        fade = np.linspace(0, 1, n_join, dtype=np.float32)
        turn = part[len(part) - n_join :] * (1 - fade) + part[:n_join] * fade
        once = np.concatenate([turn, part[n_join : len(part) - n_join]])
        repeated = np.resize(once, n_samples)
        repeated[:n_join] = part[:n_join]
        return repeated


class RecordedSpeech(_Recordings):
    """Recorded speech: one recording after the other, with short pauses."""

    _held: np.ndarray = np.zeros(0, np.int16)
    _blocks: Iterator[np.ndarray] = iter(())

    def take(self, n_samples: int, rng: np.random.Generator) -> np.ndarray:
        """Return the next speech, as `Sound.take`.

        Raises:
            UserError: a recording turns out to be unusable, or all are silent.
        """
        while True:
            while len(self._held) < n_samples:
                block = next(self._blocks, None)
                if block is None:
                    self._blocks = self._next_blocks(rng)
                    block = np.zeros(round(rng.uniform(*_PAUSE_S) * self._rate), np.int16)
                self._held = np.concatenate([self._held, block])
            part, self._held = self._held[:n_samples], self._held[n_samples:]
            if part.any():
                return part.astype(np.float32)


def babble(talkers: Sequence[Sound], n_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Return people who talk at once, each at the same level, float32 [n_samples]."""
    mixture = np.zeros(n_samples, np.float32)
    for talker in talkers:
        sound = talker.take(n_samples, rng)
        mixture += sound / np.sqrt(np.mean(np.square(sound), dtype=np.float64))
    return mixture
