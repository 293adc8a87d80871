"""The waveforms of a dataset: checked when it is opened, then kept, or read each time."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Literal

import numpy as np
from pydantic import Field

from open_seq2seq.components import Group
from open_seq2seq.data.audio import BadAudioError, Header, check_header, read_wav
from open_seq2seq.data.cache import ArrayCache
from open_seq2seq.errors import UserError, counted
from open_seq2seq.system.cores import n_cores, thread_pool

_SHOWN = 5


class Reading(Group):
    """How audio files are read, and what is cached."""

    cache_data: bool | Literal["waveforms", "images"] = Field(
        default=False,
        description="'waveforms': decode once, augment afresh each epoch; 'images' or True: keep "
        "the first epoch's images; False: read and compute each time.",
    )
    cache_dir: str | None = Field(
        default=None, description="Folder for the cache; by default it is kept in memory."
    )
    on_bad_audio: Literal["stop", "skip"] = Field(
        default="stop", description="What to do about unreadable clips: stop, or skip them."
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


class WaveformStore:
    """Audio files by their index in a list of paths.

    Opening it looks at every file once.

    Attributes:
        paths: of the files.
        bad: index of each unreadable file, and the reason.
        converted: index of each file that is not 16-bit mono at the sample rate, and what it is.
        longest: samples of the longest file that is not bad.
    """

    def __init__(
        self,
        paths: list[str],
        reading: Reading,
        *,
        sample_rate: int,
        n_samples: int,
        alignment: int = 1,
        contents: Mapping[str, bytes] | None = None,
    ) -> None:
        """Open a store.

        Args:
            paths: of the files.
            reading: how they are read and kept.
            sample_rate: in Hz.
            n_samples: kept of each clip; of longer ones a window of this length is cut.
            alignment: windows begin at multiples of it, in samples, so that frames fall where they
                would in the whole clip.
            contents: audio files in memory, by path; the others are on the disk.

        Raises:
            UserError: a file cannot be used, and bad ones are not to be skipped.
        """
        self.paths = paths
        self.reading = reading
        self.bad: dict[int, str] = {}
        self.converted: dict[int, str] = {}
        self.longest = 0
        self._contents = contents or {}
        self._sample_rate, self._n_samples, self._alignment = sample_rate, n_samples, alignment
        self._pool = thread_pool("reader", reading.n_readers)
        self._kept: ArrayCache | None = None
        if reading.keeps_waveforms:
            self._keep()
        elif reading.on_bad_audio == "skip":
            # whether a file must be left out has to be known before the epochs are planned
            self._for_each(np.arange(len(paths)), self._decode)
        else:
            # one bad file stops the run anyway: headers are enough to begin with
            self._for_each(np.arange(len(paths)), self._check_header)
        if self.bad and reading.on_bad_audio == "stop":
            raise UserError(
                bad_audio_message({paths[index]: reason for index, reason in self.bad.items()})
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
            waveforms = np.zeros((len(indices), width), np.int16)
            lengths = np.zeros(len(indices), np.int32)
            missing: np.ndarray = np.arange(len(indices))
        else:
            waveforms, lengths = self._kept.values[indices, :width], self._lengths.values[indices]
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

    def _read(self, index: int, crop: float, width: int) -> np.ndarray:
        path = self.paths[index]
        try:
            samples = read_wav(self._source(index), self._sample_rate).samples
        except BadAudioError as error:
            raise UserError(bad_audio_message({path: str(error)})) from None
        step, last = self._alignment, max(0, len(samples) - width)
        start = min(round(crop * last / step), last // step) * step
        return samples[start : start + width]

    def _keep(self) -> None:
        n_files, n_samples, folder = len(self.paths), self._n_samples, self.reading.cache_dir
        key = None
        if folder is not None:
            key = [self._sample_rate, *((path, file_stamp(path)) for path in self.paths)]
        self._kept = ArrayCache(n_files, (n_samples,), np.int16, folder, ["waveforms", key])
        self._lengths = ArrayCache(n_files, (), np.int32, folder, ["lengths", key, n_samples])
        indices = np.arange(n_files)
        is_kept = self._kept.has(indices) & self._lengths.has(indices)
        self._for_each(indices[~is_kept], self._decode)
        self.longest = int(self._lengths.values[self._lengths.has(indices)].max(initial=0))

    def _decode(self, index: int) -> Header:
        waveform = read_wav(self._source(index), self._sample_rate)
        if self._kept is not None:
            samples = waveform.samples[: self._n_samples]
            self._lengths.put(np.array([index]), np.array([len(waveform.samples)], np.int32))
            row = np.zeros((1, self._n_samples), np.int16)
            row[0, : len(samples)] = samples
            self._kept.put(np.array([index]), row)
        return Header(len(waveform.samples), waveform.converted_from)

    def _check_header(self, index: int) -> Header:
        return check_header(self._source(index), self._sample_rate)

    def _source(self, index: int) -> str | BytesIO:
        path = self.paths[index]
        if path in self._contents:
            return BytesIO(self._contents[path])
        return path

    def _for_each(self, indices: np.ndarray, check: Callable[[int], Header]) -> None:
        def look(index: int) -> int:
            try:
                header = check(index)
            except BadAudioError as error:
                self.bad[index] = str(error)
                return 0
            if header.converted_from:
                self.converted[index] = header.converted_from
            return header.n_samples

        self.longest = max(self._pool.map(look, indices.tolist()), default=0)


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
        "Repair or remove them, or continue without them: --data_layer_params/on_bad_audio=skip"
    )
