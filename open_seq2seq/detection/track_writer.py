"""Track files: WAV and list, written while they are made."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from open_seq2seq.data.wav_files import BYTES_OF_SAMPLE, as_bytes, open_wav
from open_seq2seq.detection.tracks import Spoken, list_path, write_list
from open_seq2seq.errors import UserError
from open_seq2seq.system.files import flush_file

_MOST_BYTES = 1 << 32  # a WAV file counts its bytes in 32 bits
_HEADER_BYTES = 44


class TrackWriter:
    """Takes the samples of a track and what is said in it; `close` completes the files."""

    def __init__(self, path: Path, sample_rate: int) -> None:
        """Begin a file, 16-bit mono; `sample_rate` in Hz."""
        self.path, self._rate = path, sample_rate
        self.n_samples = 0
        self.spoken: list[Spoken] = []
        self._file = open(path, "wb")  # noqa: SIM115 (`close` closes it)
        self._wav = open_wav(self._file, sample_rate)

    @property
    def seconds(self) -> float:
        """Length so far."""
        return self.n_samples / self._rate

    def write(self, samples: np.ndarray, spoken: Iterable[Spoken] = ()) -> None:
        """Take the next samples, int16 [samples], and what is said in them, in seconds of them."""
        at = self.seconds
        self.spoken += [each._replace(start=at + each.start, end=at + each.end) for each in spoken]
        self._wav.writeframesraw(as_bytes(samples))
        self.n_samples += len(samples)

    def close(self) -> None:
        """Complete the recording, and write its list beside it."""
        self._wav.close()  # writes the length into the header
        flush_file(self._file)
        self._file.close()
        write_list(list_path(self.path), self.spoken)

    def abandon(self) -> None:
        """Close the file as it is."""
        with contextlib.suppress(OSError):  # of a full disk
            self._wav.close()
        with contextlib.suppress(OSError):
            self._file.close()


@contextlib.contextmanager
def writing_track(path: Path, sample_rate: int) -> Iterator[TrackWriter]:
    """Yield the writer of a track, which is complete at the end; `sample_rate` in Hz."""
    writer = TrackWriter(path, sample_rate)
    try:
        yield writer
        writer.close()
    except BaseException:
        writer.abandon()
        raise


def check_length(n_samples: int, sample_rate: int) -> None:
    """Refuse a track that no WAV file holds.

    Raises:
        UserError: it has too many samples.
    """
    if _HEADER_BYTES + n_samples * BYTES_OF_SAMPLE >= _MOST_BYTES:
        longest = _MOST_BYTES / BYTES_OF_SAMPLE / sample_rate / 60
        raise UserError(
            f"--track_minutes: {n_samples / sample_rate / 60:,.0f} minutes at {sample_rate} Hz are "
            f"more than a WAV file holds; expected less than {longest:,.0f}"
        )


def check_space(folder: Path, n_samples: int) -> None:
    """Refuse what the disk does not hold, before an hour is spent on it.

    Raises:
        UserError: there is too little space.
    """
    n_bytes, free = n_samples * BYTES_OF_SAMPLE, shutil.disk_usage(folder).free
    if n_bytes > free:
        raise UserError(
            f"output_dir: the tracks need {n_bytes / 1e9:,.1f} GB, and the disk of {folder.parent} "
            f"has {free / 1e9:,.1f} GB left; name another folder, or fewer hours"
        )
