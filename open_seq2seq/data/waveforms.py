"""The waveforms of a dataset: looked at when it is opened, then kept, or read each time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

import numpy as np
from pydantic import Field

from open_seq2seq.components import Group, PathText
from open_seq2seq.data import flaws
from open_seq2seq.data.audio import (
    LOUDEST,
    AudioSource,
    BadAudioError,
    LoudAudioError,
    Waveform,
    glance,
    peak_of,
    read_blocks,
    read_wav,
)
from open_seq2seq.data.cache import ArrayCache
from open_seq2seq.data.samples import first_sample
from open_seq2seq.errors import UserError, counted
from open_seq2seq.system.cores import n_cores, thread_pool

_SHOWN = 5
# what a cache knows of each file besides its samples; the texts are ASCII
_KNOWN = np.dtype([("n_samples", np.int64), ("converted_from", "S64"), ("flaw", "S96")])


class Reading(Group):
    """How audio files are read, and what is cached."""

    cache_data: bool | Literal["waveforms", "images"] = Field(
        default=False,
        description="'waveforms': decode once, augment afresh each epoch; 'images' or True: keep "
        "the first epoch's images; False: read and compute each time.",
    )
    cache_dir: PathText | None = Field(
        default=None, description="Folder for the cache; by default it is kept in memory."
    )
    on_bad_audio: Literal["stop", "skip"] = Field(
        default="stop", description="What to do about unreadable clips: stop, or skip them."
    )
    on_loud_audio: Literal["refuse", "scale"] = Field(
        default="refuse",
        description="What to do about clips whose samples go far beyond full scale, as in a float "
        "file that holds 16-bit values: count them as unreadable, or scale each to full scale.",
    )
    num_readers: int = Field(
        default=0, ge=0, description="Number of threads that read audio; 0: one per core."
    )

    @property
    def keeps_waveforms(self) -> bool:
        return self.cache_data == "waveforms"

    @property
    def keeps_images(self) -> bool:
        return self.cache_data in (True, "images")

    @property
    def n_readers(self) -> int:
        return self.num_readers or n_cores()

    def read(self, source: AudioSource, sample_rate: int) -> Waveform:
        """Read a file as `audio.read_wav` does.

        Raises:
            BadAudioError: it cannot be used.
        """
        try:
            return read_wav(source, sample_rate)
        except LoudAudioError as error:
            self._check_loud(error)
            waveform = read_wav(source, sample_rate, gain=1.0 / error.peak)
            return waveform._replace(flaw=waveform.flaw or flaws.SCALED)

    def read_blocks(self, source: AudioSource, sample_rate: int) -> Iterator[Waveform]:
        """Read a file of any length as `audio.read_blocks` does.

        Raises:
            BadAudioError: it cannot be used.
        """
        gain = 1.0
        if self.on_loud_audio == "scale" and (peak := peak_of(source)) > LOUDEST:
            gain = 1.0 / peak
        try:
            yield from read_blocks(source, sample_rate, gain)
        except LoudAudioError as error:
            self._check_loud(error)

    def _check_loud(self, error: LoudAudioError) -> None:
        if self.on_loud_audio == "refuse":
            raise BadAudioError(
                f"{error}; --data_layer_params/on_loud_audio=scale would scale it"
            ) from None


class _Look(NamedTuple):
    """What opening a store finds out about one file."""

    n_samples: int
    converted_from: str  # as `Waveform.converted_from`
    flaw: str  # as `Waveform.flaw`


class WaveformStore:
    """Audio files by their index in a list of paths.

    Opening it looks at every file once.

    Attributes:
        paths: of the files.
        bad: index of each unreadable file, and the reason.
        converted: index of each file that is not 16-bit mono at the sample rate, and what it is.
        flawed: index of each file that can be read and whose sound is not what it should be, and
            the flaw, of `flaws`.
        n_samples: int64, samples of each file at the sample rate; 0 where it is bad.
    """

    def __init__(
        self,
        paths: list[str],
        reading: Reading,
        *,
        sample_rate: int,
        n_samples: int,
        alignment: int = 1,
    ) -> None:
        """Open a store.

        Args:
            paths: of the files.
            reading: how they are read and kept.
            sample_rate: in Hz.
            n_samples: kept of each clip; of longer ones a window of this length is cut.
            alignment: windows begin at multiples of it, in samples, so that frames fall where they
                would in the whole clip.

        Raises:
            UserError: a file cannot be used, and bad ones are not to be skipped.
        """
        self.paths = paths
        self.reading = reading
        self.bad: dict[int, str] = {}
        self.converted: dict[int, str] = {}
        self.flawed: dict[int, str] = {}
        self.n_samples: np.ndarray = np.zeros(len(paths), np.int64)
        self._sample_rate, self._n_kept, self._alignment = sample_rate, n_samples, alignment
        self._pool = thread_pool("reader", reading.n_readers)
        self._kept: ArrayCache | None = None
        if reading.keeps_waveforms:
            self._keep()
        elif reading.on_bad_audio == "skip":
            # whether a file must be left out has to be known before the epochs are planned
            self._for_each(np.arange(len(paths)), self._decode)
        else:
            # one bad file stops the run anyway: headers are enough of what is not converted
            self._for_each(np.arange(len(paths)), self._glance)
        if self.bad and reading.on_bad_audio == "stop":
            raise UserError(
                bad_audio_message(
                    {paths[index]: reason for index, reason in sorted(self.bad.items())}
                )
            )

    def take(
        self, indices: np.ndarray, crop: np.ndarray, width: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return waveforms int16 [n, width], zeros after their end, and their lengths int32 [n].

        Args:
            indices: of the files.
            crop: position of the window that is cut of a file longer than ``width``, in [0, 1).
            width: samples, no more than are kept of each clip.
        """
        if self._kept is None:
            waveforms: np.ndarray = np.zeros((len(indices), width), np.int16)
            lengths: np.ndarray = np.zeros(len(indices), np.int32)
            missing: np.ndarray = np.arange(len(indices))
        else:
            waveforms = self._kept.values[indices, :width]
            lengths = self._known.values["n_samples"][indices].astype(np.int32)
            missing = np.flatnonzero(lengths > width)

        rows: dict[tuple[int, float], list[int]] = {}  # the rows of each window, read once
        for row in missing:
            rows.setdefault((int(indices[row]), float(crop[row])), []).append(row)

        def fill(window: tuple[int, float]) -> None:
            samples = self._read(*window, width)
            waveforms[rows[window], : len(samples)] = samples
            lengths[rows[window]] = len(samples)

        list(self._pool.map(fill, rows))
        return waveforms, lengths

    @property
    def longest(self) -> int:
        """Samples of the longest file that is not bad."""
        return int(self.n_samples.max(initial=0))

    def _read(self, index: int, crop: float, width: int) -> np.ndarray:
        path = self.paths[index]
        try:
            samples = self.reading.read(path, self._sample_rate).samples
        except BadAudioError as error:
            raise UserError(bad_audio_message({path: str(error)})) from None
        start = first_sample(len(samples), crop, width, self._alignment)
        return samples[start : start + width]

    def _keep(self) -> None:
        n_files, n_samples, folder = len(self.paths), self._n_kept, self.reading.cache_dir
        key = None
        if folder is not None:
            files = ((path, file_stamp(path)) for path in self.paths)
            key = [self._sample_rate, self.reading.on_loud_audio, *files]
        self._kept = ArrayCache(n_files, (n_samples,), np.int16, folder, ["waveforms", key])
        self._known = ArrayCache(n_files, (), _KNOWN, folder, ["known", key, n_samples])
        indices = np.arange(n_files)
        is_kept = self._kept.has(indices) & self._known.has(indices)
        self._for_each(indices[~is_kept], self._decode)
        for index in np.flatnonzero(is_kept).tolist():
            n_samples, converted_from, flaw = self._known.values[index]
            self._note(index, _Look(int(n_samples), converted_from.decode(), flaw.decode()))

    def _decode(self, index: int) -> _Look:
        samples, converted_from, flaw = self.reading.read(self.paths[index], self._sample_rate)
        look = _Look(len(samples), converted_from, flaw)
        if self._kept is not None:
            row = np.zeros((1, self._n_kept), np.int16)
            row[0, : len(samples)] = samples[: self._n_kept]
            self._kept.put(np.array([index]), row)
            self._known.put(np.array([index]), np.array([look], _KNOWN))
        return look

    def _glance(self, index: int) -> _Look:
        """Decode only what a conversion could spoil, and the rest up to its first sound."""
        header, flaw = glance(self.paths[index], self._sample_rate)
        if header.converted_from:
            return self._decode(index)
        return _Look(header.n_samples, "", flaw)

    def _for_each(self, indices: np.ndarray, look_at: Callable[[int], _Look]) -> None:
        def look(index: int) -> None:
            try:
                self._note(index, look_at(index))
            except BadAudioError as error:
                self.bad[index] = str(error)

        list(self._pool.map(look, indices.tolist()))

    def _note(self, index: int, look: _Look) -> None:
        self.n_samples[index] = look.n_samples
        if look.converted_from:
            self.converted[index] = look.converted_from
        if look.flaw:
            self.flawed[index] = look.flaw


def file_stamp(path: str) -> tuple[int, int]:
    """Size and time of change: what tells a cache that a file is not the one it has seen."""
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns


def bad_audio_message(reasons: dict[str, str]) -> str:
    """Return one message for all bad files, with what to do."""
    shown = "".join(f"\n  {path}: {reason}" for path, reason in list(reasons.items())[:_SHOWN])
    more = ""
    if len(reasons) > _SHOWN:
        more = f"\n  and {len(reasons) - _SHOWN} more"
    return (
        f"{counted(len(reasons), 'audio file')} cannot be used:{shown}{more}\n"
        "Repair them, convert them to WAV or FLAC, or remove them; or continue without them: "
        "--data_layer_params/on_bad_audio=skip"
    )
