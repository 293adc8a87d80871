"""Cut the dataset's background noise into silence clips, and into noise for augmentation."""

from __future__ import annotations

import logging
import wave
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from open_seq2seq.data.audio import (
    BadAudioError,
    LoudAudioError,
    Waveform,
    check_header,
    read_float,
)
from open_seq2seq.data.official_split import SPLITS
from open_seq2seq.errors import UserError, counted
from open_seq2seq.preprocessing.dataset import AUDIO_SUFFIXES, listed

NOISE_FOLDER = "_background_noise_"
SAMPLE_RATE = 16000
CLIP_SAMPLES = SAMPLE_RATE  # one second, as the clips of the dataset

# Each split has its own segment of every noise file, so that no noise is in training and in test.
_SEGMENT_TENTHS = {"train": (0, 8), "val": (8, 9), "test": (9, 10)}

logger = logging.getLogger(__name__)


class NoiseFile(NamedTuple):
    """A noise file and its length in samples at 16 kHz."""

    path: Path
    n_samples: int

    def segment(self, split: str) -> tuple[int, int]:
        """Return the first sample and the end of the segment for ``split``."""
        first, end = _SEGMENT_TENTHS[split]
        return self.n_samples * first // 10, self.n_samples * end // 10

    def serves(self, split: str) -> bool:
        """Tell whether the segment for ``split`` is long enough for a clip."""
        first, end = self.segment(split)
        return end - first >= CLIP_SAMPLES


def list_noise(data_dir: Path) -> list[NoiseFile]:
    """List the noise files in ``data_dir/_background_noise_``; none if there is no such folder.

    Files that cannot be read are skipped with a warning.
    """
    folder = data_dir / NOISE_FOLDER
    if not folder.is_dir():
        return []
    paths = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in AUDIO_SUFFIXES and path.name[0] != "."
    ]
    return [file for file in map(_open, paths) if file]


def find_noise(data_dir: Path) -> list[NoiseFile]:
    """List the noise files for silence, as `list_noise` does.

    Raises:
        UserError: the folder is missing, or a split has no file that is long enough.
    """
    folder = data_dir / NOISE_FOLDER
    remedy = (
        f"silence needs noise: put recordings (.wav or .flac) of at least 10 s into {folder}, "
        "as the published archive does, or choose a version without silence "
        "(--dataset_version v1-30 or v2)"
    )
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; {remedy}")
    files = list_noise(data_dir)
    for split in SPLITS:
        if not any(file.serves(split) for file in files):
            lengths = listed(
                f"{file.path.name} {file.n_samples / SAMPLE_RATE:.1f} s" for file in files
            )
            raise UserError(
                f"{folder}: no noise file has a segment of 1 s for {split!r} "
                f"({lengths or 'no readable files'}); {remedy}"
            )
    short = [file.path.name for file in files if not all(map(file.serves, SPLITS))]
    if short:
        logger.warning("noise files under 10 s, too short for some splits: %s", listed(short))
    return files


def write_silence(
    files: list[NoiseFile], n_clips: dict[str, int], folder: Path, rng: np.random.Generator
) -> dict[str, list[str]]:
    """Write clips of one second, 16 kHz mono PCM16, to ``folder/<split>/``.

    The clips of a split come from the noise files in turn. Each has a random start in the split's
    segment, and a random gain in [0, 1).

    Args:
        files: the noise files, from `find_noise`.
        n_clips: number of clips of each split.
        folder: the folder to make.
        rng: draws starts and gains.

    Returns:
        the paths written for each split, relative to ``folder``.

    Raises:
        UserError: a noise file is corrupt.
        OSError: a clip cannot be written.
    """
    for split in SPLITS:
        (folder / split).mkdir(parents=True)
    written: dict[str, list[str]] = {split: [] for split in SPLITS}
    for file in files:  # each is read once, and only one at a time is in memory
        noise = _read_noise(file).samples
        for split in SPLITS:
            serving = [other for other in files if other.serves(split)]
            if file not in serving:
                continue
            first, end = file.segment(split)
            for i in range(serving.index(file), n_clips[split], len(serving)):
                start = rng.integers(first, end - CLIP_SAMPLES, endpoint=True)
                clip = noise[start : start + CLIP_SAMPLES] * rng.uniform(0, 1)
                name = f"{split}/silence_{i:06d}.wav"
                _write_wav(folder / name, clip)
                written[split].append(name)
    return {split: sorted(names) for split, names in written.items()}


def write_noise(files: list[NoiseFile], folder: Path) -> None:
    """Write the training segment of each file to ``folder``, as noise for augmentation.

    The files are 16 kHz mono PCM16.

    Raises:
        UserError: a noise file is corrupt.
        OSError: a file cannot be written.
    """
    folder.mkdir(parents=True)
    for file in files:
        first, end = file.segment("train")
        noise = _read_noise(file)
        if noise.flaw:
            logger.warning("%s: %s", file.path, noise.flaw)
        _write_wav(folder / f"{file.path.stem}.wav", noise.samples[first:end])


def _open(path: Path) -> NoiseFile | None:
    try:
        check_header(str(path), SAMPLE_RATE)  # refuses pipes and impossible rates and lengths
        header = soundfile.info(path)
    except (BadAudioError, soundfile.SoundFileError) as error:
        logger.warning("%s: skipped, cannot be read as audio (%s)", path, error)
        return None
    if (header.samplerate, header.channels) != (SAMPLE_RATE, 1):
        logger.warning(
            "%s: %d Hz, %s, converted to 16 kHz mono",
            path,
            header.samplerate,
            counted(header.channels, "channel"),
        )
    return NoiseFile(path, header.frames * SAMPLE_RATE // header.samplerate)


def _read_noise(file: NoiseFile) -> Waveform:
    """Return the noise, float32 in [-1, 1], mono at 16 kHz."""
    try:
        noise = read_float(str(file.path), SAMPLE_RATE)
    except LoudAudioError as error:
        raise UserError(f"{file.path}: {error}; write it again in [-1, 1], or delete it") from None
    except BadAudioError as error:
        raise UserError(
            f"{file.path}: the noise file is corrupt ({error}); replace or delete it"
        ) from None
    if len(noise.samples) < file.n_samples:
        raise UserError(
            f"{file.path}: the noise file is corrupt, expected {file.n_samples} samples at "
            f"16 kHz, got {len(noise.samples)}; replace or delete it"
        )
    return noise


def _write_wav(path: Path, samples: np.ndarray) -> None:
    """Write mono PCM16; `soundfile` would not report a full disk."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(np.rint(samples * 32768).clip(-32768, 32767).astype("<i2").tobytes())
