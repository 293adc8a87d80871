"""Recordings of any number and length, read ahead and cut into the pieces that get a label."""

from __future__ import annotations

import collections
import functools
import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from open_seq2seq.data import flaws
from open_seq2seq.data.audio import AudioSource, BadAudioError, Header, Waveform, check_header
from open_seq2seq.data.audio_files import find_audio
from open_seq2seq.data.front_end import Extent, FrontEnd, is_long
from open_seq2seq.data.samples import first_sample
from open_seq2seq.data.waveforms import Reading, bad_audio_message
from open_seq2seq.errors import UserError
from open_seq2seq.inference.params import Windows
from open_seq2seq.system.cores import thread_pool
from open_seq2seq.system.paths import expand_home

STANDARD_INPUT = "-"
_FILES_OF_A_JOB = 16
_JOBS_AHEAD = 8
_LONG_S = 60.0  # what is longer is read in blocks, by one thread

T = TypeVar("T")
R = TypeVar("R")


class Recording(NamedTuple):
    """Sound that is to be labelled, wherever it is."""

    name: str
    source: AudioSource


class Piece(NamedTuple):
    """Part of a recording, or all of it."""

    name: str
    start_s: float  # of what the network hears of it
    end_s: float
    samples: np.ndarray  # int16 [samples] at the front end's rate


class Recordings:
    """Recordings as pieces, in order.

    Their headers are read at once, the rest ahead of whoever takes the pieces.

    Attributes:
        windows: that each is cut into, None for whole recordings.
        skipped: names of those left out, and why.
        converted: names of those that are converted, and what they are.
    """

    def __init__(
        self,
        recordings: list[Recording],
        reading: Reading,
        front_end: FrontEnd,
        windows: Windows | None,
        warn: Callable[[str], None],
    ) -> None:
        """Look at the headers.

        Args:
            recordings: in the order of the pieces.
            reading: how they are read, and what is done about bad ones.
            front_end: says the sample rate, and how much the network hears at a time.
            windows: that each is cut into; None: one piece of each, its middle if it is too long.
            warn: takes a line about a recording, from any thread.

        Raises:
            UserError: one cannot be used, and bad ones are not to be skipped.
        """
        self.skipped: dict[str, str] = {}
        self.converted: dict[str, str] = {}
        self._reading, self._front_end, self.windows = reading, front_end, windows
        self._warn = warn
        pool = thread_pool("reader", reading.n_readers)
        self._map = functools.partial(_map_ahead, pool) if len(recordings) > 1 else map
        looks = list(zip(recordings, self._map(self._look, recordings), strict=True))
        bad = {each.name: str(look) for each, look in looks if isinstance(look, BadAudioError)}
        self._leave_out(bad)
        self._usable = [(each, look) for each, look in looks if isinstance(look, Header)]
        self.converted = {
            each.name: look.converted_from for each, look in self._usable if look.converted_from
        }

    def __len__(self) -> int:
        """Return the number of pieces, as the headers say."""
        if self.windows is None:
            return len(self._usable)
        length, hop = self.windows
        return sum(1 + max(0, -(-(h.n_samples - length) // hop)) for _, h in self._usable)

    def __iter__(self) -> Iterator[Piece]:
        """Yield the pieces.

        Raises:
            UserError: a recording turns out to be unusable, and bad ones are not to be skipped.
        """
        for recording, waveform in self._map(self._read, self._usable):
            try:
                if isinstance(waveform, BadAudioError):
                    raise waveform
                yield from self._pieces(recording, waveform)
            except BadAudioError as error:
                self._leave_out({recording.name: str(error)})

    def _leave_out(self, bad: dict[str, str]) -> None:
        if bad and self._reading.on_bad_audio == "stop":
            raise UserError(bad_audio_message(bad))
        self.skipped |= bad

    def _look(self, recording: Recording) -> Header | BadAudioError:
        try:
            return check_header(recording.source, self._front_end.sample_rate, any_length=True)
        except BadAudioError as error:
            return error

    def _read(
        self, look: tuple[Recording, Header]
    ) -> tuple[Recording, Waveform | BadAudioError | None]:
        """Read a recording, unless it is long."""
        recording, header = look
        rate = self._front_end.sample_rate
        if header.n_samples > _LONG_S * rate:
            return recording, None
        try:
            return recording, self._reading.read(recording.source, rate)
        except BadAudioError as error:
            return recording, error

    def _blocks(self, recording: Recording, waveform: Waveform | None) -> Iterator[Waveform]:
        if waveform is not None:
            return iter([waveform])
        return self._reading.read_blocks(recording.source, self._front_end.sample_rate)

    def _pieces(self, recording: Recording, waveform: Waveform | None) -> Iterator[Piece]:
        """Cut a recording; one without a waveform is long, and is read in blocks."""
        name, rate, image_s = recording.name, self._front_end.sample_rate, self._front_end.image_s
        if self.windows is not None:
            starts: Iterable[int] = itertools.count(0, self.windows.hop)
            length = self.windows.length
        else:
            n_samples = sum(len(block.samples) for block in self._blocks(recording, waveform))
            length = Extent.of(self._front_end).n_samples
            starts = [first_sample(n_samples, 0.5, length, self._front_end.hop_length)]

        found = []  # flaws of the blocks

        def samples() -> Iterator[np.ndarray]:
            for block in self._blocks(recording, waveform):
                found.append(block.flaw)
                yield block.samples

        for start, window in cut(samples(), starts, length):
            # of a window that is longer than an image, the network hears the middle
            margin_s = max(0.0, len(window) / rate - image_s) / 2
            yield Piece(
                name, start / rate + margin_s, (start + len(window)) / rate - margin_s, window
            )
        if flaw := flaws.of_blocks(found):
            self._warn(f"{name}: {flaw}")
        if self.windows is None and is_long(n_samples / rate, self._front_end):
            start_s = (n_samples / rate - image_s) / 2
            self._warn(
                f"{name}: {n_samples / rate:.1f} s long, and the model hears {image_s:.1f} s at a "
                f"time: the label is that of its middle, from {start_s:.1f} to "
                f"{start_s + image_s:.1f} s; window_s=1 would label all of it, second by second"
            )


def cut(
    blocks: Iterable[np.ndarray], starts: Iterable[int], length: int
) -> Iterator[tuple[int, np.ndarray]]:
    """Cut samples that come in blocks into windows, until a window reaches their end.

    Args:
        blocks: one after the other, [samples].
        starts: of the windows, each no further than the end of the one before.
        length: samples of a window; the last one may have fewer.

    Yields:
        the start and the samples of each window.
    """
    following = iter(starts)
    start: int | None = next(following)
    first, held = 0, np.zeros(0, np.int16)  # position of what is held in memory
    for block in blocks:
        held = np.concatenate([held, block])
        # a window that ends with the block may be the last one
        while start is not None and start + length < first + len(held):
            yield start, held[start - first :][:length]
            start = next(following, None)
        n_done = len(held) if start is None else min(start - first, len(held))
        first, held = first + n_done, held[n_done:]
    if start is not None:
        yield start, held[start - first :]


def recordings_of(paths: Iterable[str]) -> list[Recording]:
    """Return the recordings that paths stand for.

    Args:
        paths: of audio files, of folders of them, and of manifests (``.csv``), whose labels are not
            looked at; ``-`` is a file on standard input.

    Raises:
        UserError: there is no such file, or no audio in a folder.
    """
    return [recording for path in paths for recording in _recordings_of(path)]


def _recordings_of(path: str) -> list[Recording]:
    if path == STANDARD_INPUT:
        return [Recording(path, _standard_input())]
    return [Recording(file, file) for file in _files_of(expand_home(path))]


def _files_of(path: str) -> list[str]:
    if os.path.isdir(path):
        try:
            files = find_audio(path)
        except OSError as error:
            raise UserError(
                f"{error.filename}: cannot read this folder ({error.strerror}); "
                "make it readable, or name the files"
            ) from None
        if not files:
            raise UserError(f"{path}: no audio files in this folder; name another, or files")
        return files
    if path.lower().endswith(".csv"):
        from open_seq2seq.data.manifests import read_manifests  # pandas takes half a second

        return list(read_manifests([Path(path)], None)["path"])
    if not os.path.isfile(path):
        raise UserError(f"{path}: no such audio file")
    return [path]


def _standard_input() -> Any:
    """Return what comes on standard input as a file, which libsndfile can seek in."""
    if sys.stdin is None or sys.stdin.isatty():
        raise UserError(
            "-: expected an audio file on standard input, through a pipe or with < clip.wav"
        )
    file = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as its recording)
    try:
        shutil.copyfileobj(sys.stdin.buffer, file)
    except OSError as error:
        raise UserError(
            f"-: cannot keep standard input in {tempfile.gettempdir()} ({error.strerror}); free "
            "space there, or name another folder with TMPDIR"
        ) from None
    return file


def _map_ahead(pool: Executor, function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Yield ``function`` of each item, in order, computed by a pool a little ahead.

    A few items are one job: threads that hand over single files wait for each other.
    """

    def work(part: list[T]) -> list[R]:
        return list(map(function, part))

    remaining = iter(items)
    jobs: collections.deque[Future[list[R]]] = collections.deque()
    try:
        while part := list(itertools.islice(remaining, _FILES_OF_A_JOB)):
            jobs.append(pool.submit(work, part))
            if len(jobs) > _JOBS_AHEAD:
                yield from jobs.popleft().result()
        while jobs:
            yield from jobs.popleft().result()
    finally:
        for job in jobs:
            job.cancel()
