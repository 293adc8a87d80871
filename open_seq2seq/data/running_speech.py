"""Long recordings as one endless sound that is cut anywhere; only what is cut is read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
import soxr

from open_seq2seq.data.audio import LOUDEST, BadAudioError, as_int16, check_header, open_audio
from open_seq2seq.data.audio_files import find_audio
from open_seq2seq.data.manifests import read_manifests
from open_seq2seq.errors import UserError, counted

_STREAM = 0x737065656368  # sets the positions apart from other draws
_MARGIN_S = 0.05  # around what is resampled, so that the filter sees its neighbours
_FULL_SCALE = 32768.0


def find_speech(key: str, path: str) -> tuple[str, ...]:
    """Return the recordings in a folder and in folders in it, or of a manifest.

    Args:
        key: of the parameter that names it, for messages.
        path: of the folder or manifest.

    Raises:
        UserError: there are none.
    """
    if os.path.isfile(path):
        return tuple(read_manifests([Path(path)], None)["path"])
    try:
        recordings = find_audio(path)
    except OSError as error:
        raise UserError(
            f"{key}: cannot read {path} ({error.strerror or error}); name a folder of recordings"
        ) from None
    if not recordings:
        raise UserError(f"{key}: no audio files in {path}; name a folder of recordings")
    return tuple(recordings)


class RunningSpeech:
    """Recordings one after the other. Opening them reads their headers only.

    A piece may begin in one recording and end in another.

    Attributes:
        name: of the source.
        paths: of the recordings.
    """

    def __init__(self, paths: Sequence[str], sample_rate: int, name: str) -> None:
        """Look at the recordings.

        Args:
            paths: of the files, of any rate and number of channels.
            sample_rate: of what is cut, in Hz.
            name: of the source, for messages.

        Raises:
            UserError: one cannot be read, or there is none.
        """
        self.name = name
        self._rate, self.paths = sample_rate, tuple(paths)
        bad = {}
        lengths = []
        for path in self.paths:
            try:
                lengths.append(check_header(path, sample_rate, any_length=True).n_samples)
            except BadAudioError as error:
                bad[path] = str(error)
        if bad:
            path, reason = next(iter(bad.items()))
            raise UserError(
                f"{name}: {counted(len(bad), 'recording')} cannot be used, the first is {path}: "
                f"{reason}; fix or delete it"
            )
        if not lengths:
            raise UserError(f"{name}: no recordings in it; name a folder of long recordings")
        self._ends = np.cumsum(lengths)

    @property
    def n_samples(self) -> int:
        """Samples of all recordings together, at the sample rate."""
        return int(self._ends[-1])

    @property
    def n_recordings(self) -> int:
        return len(self.paths)

    def cut(self, position: float, n_samples: int) -> np.ndarray:
        """Return a piece, int16 [n_samples].

        The recordings go round: after the last one comes the first.

        Args:
            position: where it begins, as a fraction of all recordings, in [0, 1).
            n_samples: of the piece.

        Raises:
            UserError: a recording cannot be read there.
        """
        start = int(position * self.n_samples)
        piece: np.ndarray = np.zeros(n_samples, np.int16)
        done = 0
        while done < n_samples:
            file = int(np.searchsorted(self._ends, start, side="right"))
            first = int(self._ends[file - 1]) if file else 0
            n = min(n_samples - done, int(self._ends[file]) - start)
            piece[done : done + n] = self._read(self.paths[file], start - first, n)
            done, start = done + n, (start + n) % self.n_samples
        return piece

    def _read(self, path: str, start: int, n_samples: int) -> np.ndarray:
        try:
            return _read(path, start, n_samples, self._rate)
        except (soundfile.SoundFileError, OSError, ValueError, BadAudioError) as error:
            raise UserError(f"{self.name}: {path}: {error}; fix or delete it") from None


def draw_positions(n_slots: int, *, seed: int, epoch: int) -> np.ndarray:
    """Draw where the piece of each slot of an epoch begins, float64 [n_slots] in [0, 1)."""
    return np.random.default_rng([seed, epoch, _STREAM]).random(n_slots)


def _read(path: str, start: int, n_samples: int, sample_rate: int) -> np.ndarray:
    """Return samples of a file as `audio.read_wav` gives them, zeros where it ends early."""
    with open_audio(path) as audio:
        if audio.samplerate == sample_rate and audio.channels == 1 and audio.subtype == "PCM_16":
            audio.seek(start)
            return _padded(audio.read(n_samples, dtype="int16"), n_samples)
        ratio = audio.samplerate / sample_rate
        margin = round(_MARGIN_S * audio.samplerate)
        first = max(0, int(start * ratio) - margin)
        audio.seek(min(first, audio.frames))
        n_read = int(n_samples * ratio) + 2 * margin + 1
        mono = audio.read(n_read, dtype="float32", always_2d=True).mean(axis=1)
    if not np.isfinite(mono).all():
        raise BadAudioError("it holds samples that are NaN or infinite")
    if float(np.abs(mono).max(initial=0)) > LOUDEST:
        raise BadAudioError("its samples go far beyond full scale; scale it to 1")
    if audio.samplerate != sample_rate:
        mono = soxr.resample(mono, audio.samplerate, sample_rate)
    skipped = start - round(first / ratio)
    return _padded(as_int16(mono[skipped:]), n_samples)


def _padded(samples: np.ndarray, n_samples: int) -> np.ndarray:
    return np.pad(samples[:n_samples], (0, max(0, n_samples - len(samples))))
