"""The waveforms of a dataset: checked when it is opened, kept in memory or a file, or read each
time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, NamedTuple

import numpy as np

from open_seq2seq.data.audio import BadAudioError, Header, check_header, read_wav
from open_seq2seq.data.cache import ArrayCache
from open_seq2seq.errors import UserError

_SHOWN = 5


class StoreOptions(NamedTuple):
    """How the files of a dataset are read and kept."""

    sample_rate: int  # Hz
    n_samples: int  # kept of each clip; of longer ones a window of this length is cut
    alignment: int = 1  # windows begin at multiples of it, so that frames fall where they would in the whole clip
    keep: bool = False  # decode every file once, when the dataset is opened
    cache_dir: str | None = None  # keep them in files there
    on_bad_audio: Literal["stop", "skip"] = "stop"
    n_readers: int = 1  # threads


class WaveformStore:
    """Files by number.

    Opening it looks at every file once. ``bad`` then maps the unreadable ones to the reason, and
    ``converted`` those that are not 16-bit mono at the sample rate to what they are. ``longest`` is
    the number of samples of the longest file that is not bad.
    """

    def __init__(self, paths: list[str], options: StoreOptions) -> None:
        self.paths = paths
        self.options = options
        self.bad: dict[int, str] = {}
        self.converted: dict[int, str] = {}
        self.longest = 0
        self._pool = ThreadPoolExecutor(options.n_readers, thread_name_prefix="reader")
        self._kept: ArrayCache | None = None
        if options.keep:
            self._keep()
        else:
            # whether a file must be left out has to be known before the epochs are planned; where
            # one bad file stops the run anyway, headers are enough to begin with
            check = self._decode if options.on_bad_audio == "skip" else self._check_header
            self._for_each(np.arange(len(paths)), check)
        if self.bad and options.on_bad_audio == "stop":
            raise UserError(
                bad_audio_message({paths[file]: reason for file, reason in self.bad.items()})
            )

    def take(
        self, files: np.ndarray, crop: np.ndarray, width: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return waveforms int16 [n, width], zeros after their end, and their lengths int32 [n].

        Args:
            files: numbers of the files.
            crop: place of the window that is cut of a file longer than ``width``, in [0, 1).
            width: samples, no more than the options keep of each clip.
        """
        if self._kept is None:
            waveforms = np.zeros((len(files), width), np.int16)
            lengths = np.zeros(len(files), np.int32)
            missing: np.ndarray = np.arange(len(files))
        else:
            waveforms, lengths = self._kept.values[files, :width], self._lengths.values[files]
            missing = np.flatnonzero(lengths > width)

        def fill(place: int) -> None:
            samples = self._read(int(files[place]), float(crop[place]), width)
            waveforms[place, : len(samples)] = samples
            lengths[place] = len(samples)

        list(self._pool.map(fill, missing))
        return waveforms, lengths

    def _read(self, file: int, crop: float, width: int) -> np.ndarray:
        path = self.paths[file]
        try:
            samples = read_wav(path, self.options.sample_rate).samples
        except BadAudioError as error:
            raise UserError(bad_audio_message({path: str(error)})) from None
        step, last = self.options.alignment, max(0, len(samples) - width)
        start = min(round(crop * last / step), last // step) * step
        return samples[start : start + width]

    def _keep(self) -> None:
        n_files, options = len(self.paths), self.options
        key = None
        if options.cache_dir is not None:
            key = [options.sample_rate, *((path, file_stamp(path)) for path in self.paths)]
        self._kept = ArrayCache(
            n_files, (options.n_samples,), np.int16, options.cache_dir, ["waveforms", key]
        )
        self._lengths = ArrayCache(
            n_files, (), np.int32, options.cache_dir, ["lengths", key, options.n_samples]
        )
        files = np.arange(n_files)
        self._for_each(files[~(self._kept.has(files) & self._lengths.has(files))], self._decode)
        self.longest = int(self._lengths.values[self._lengths.has(files)].max(initial=0))

    def _decode(self, file: int) -> Header:
        waveform = read_wav(self.paths[file], self.options.sample_rate)
        if self._kept is not None:
            samples = waveform.samples[: self.options.n_samples]
            self._lengths.put(np.array([file]), np.array([len(waveform.samples)], np.int32))
            row = np.zeros((1, self.options.n_samples), np.int16)
            row[0, : len(samples)] = samples
            self._kept.put(np.array([file]), row)
        return Header(len(waveform.samples), waveform.converted_from)

    def _check_header(self, file: int) -> Header:
        return check_header(self.paths[file], self.options.sample_rate)

    def _for_each(self, files: np.ndarray, check: Callable[[int], Header]) -> None:
        def look(file: int) -> int:
            try:
                header = check(file)
            except BadAudioError as error:
                self.bad[file] = str(error)
                return 0
            if header.converted_from:
                self.converted[file] = header.converted_from
            return header.n_samples

        self.longest = max(self._pool.map(look, files.tolist()), default=0)


def file_stamp(path: str) -> tuple[int, int]:
    """Size and time of change: what tells a cache that a file is not the one it has seen."""
    status = os.stat(path)
    return status.st_size, status.st_mtime_ns


def bad_audio_message(reasons: dict[str, str]) -> str:
    """One message for all bad files, with what to do."""
    shown = "".join(f"\n  {path}: {reason}" for path, reason in list(reasons.items())[:_SHOWN])
    more = f"\n  and {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else ""
    return (
        f"{len(reasons)} audio file{'s' * (len(reasons) > 1)} cannot be used:{shown}{more}\n"
        "Repair or remove them, or go on without them: --data_layer_params/on_bad_audio=skip"
    )
