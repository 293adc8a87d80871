"""Cut the dataset's background noise into silence clips, and into noise for augmentation."""

from __future__ import annotations

import logging
import unicodedata
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from open_seq2seq.data.audio import (
    BadAudioError,
    LoudAudioError,
    Waveform,
    check_header,
    open_audio,
    read_float,
    reason_of,
)
from open_seq2seq.data.audio_files import list_recordings
from open_seq2seq.data.official_split import SPLITS
from open_seq2seq.data.wav_files import write_wav
from open_seq2seq.errors import UserError, counted, named
from open_seq2seq.preprocessing.layout import NOISE_FOLDER
from open_seq2seq.preprocessing.splits import split_sizes

SAMPLE_RATE = 16000
CLIP_SAMPLES = SAMPLE_RATE  # one second, as the clips of the dataset

# Each split has its own segment of every noise file, so that no noise is in training and in test.
_SEGMENT_TENTHS = {"train": (0, 8), "val": (8, 9), "test": (9, 10)}

logger = logging.getLogger(__name__)


class NoiseFile(NamedTuple):
    """A noise file, its length in samples at 16 kHz, and the split that has it as a whole."""

    path: Path
    n_samples: int
    whole_for: str | None = None  # None: each split has a segment

    def segment(self, split: str) -> tuple[int, int]:
        """Return the first sample and the end of the segment for ``split``."""
        first, end = _SEGMENT_TENTHS[split]
        if self.whole_for is not None:
            first, end = (0, 10) if self.whole_for == split else (0, 0)
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
    try:
        paths = [Path(path) for path in list_recordings(folder)]
    except OSError as error:
        raise UserError(f"{folder}: cannot read the folder ({error.strerror})") from None
    return [file for file in map(_open, paths) if file]


def find_noise(
    data_dir: Path, otherwise: str = "leave the label out with --no_silence"
) -> list[NoiseFile]:
    """List the noise files for silence, as `list_noise` does.

    If none is long enough for segments, each split gets whole files.

    Args:
        data_dir: the dataset.
        otherwise: what a user can do who has no noise, for the message.

    Raises:
        UserError: the folder is missing, or a split would have no noise.
    """
    folder = data_dir / NOISE_FOLDER
    remedy = (
        f"silence needs noise: put a recording of 10 s or more into {folder}, or three of 1 s or "
        f"more, or {otherwise}"
    )
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; {remedy}")
    files = list_noise(data_dir)
    if not all(any(file.serves(split) for file in files) for split in SPLITS):
        files = _share_out(files)
    for split in SPLITS:
        if not any(file.serves(split) for file in files):
            lengths = named(
                f"{file.path.name} {file.n_samples / SAMPLE_RATE:.1f} s" for file in files
            )
            raise UserError(
                f"{folder}: no noise file has a segment of 1 s for {split!r} "
                f"({lengths or 'no readable files'}); {remedy}"
            )
    short = [
        file.path.name
        for file in files
        if file.whole_for is None and not all(map(file.serves, SPLITS))
    ]
    if short:
        logger.warning("noise files under 10 s, too short for some splits: %s", named(short))
    return files


def _share_out(files: list[NoiseFile]) -> list[NoiseFile]:
    """Give each split whole files, 80, 10 and 10 % of them, if there are three of 1 s or more."""
    too_short = [file for file in files if file.n_samples < CLIP_SAMPLES]
    long_enough = [file for file in files if file.n_samples >= CLIP_SAMPLES]
    if len(long_enough) < len(SPLITS):
        return files
    takers = np.repeat(SPLITS, split_sizes(len(long_enough)))
    shared = [
        file._replace(whole_for=str(split)) for file, split in zip(long_enough, takers, strict=True)
    ]
    for split in SPLITS:
        own = [file for file in shared if file.whole_for == split]
        logger.info(
            "noise: no file has 10 s, so %s has whole files, %.1f s in %d: %s",
            split,
            sum(file.n_samples for file in own) / SAMPLE_RATE,
            len(own),
            named(file.path.name for file in own),
        )
    if too_short:
        logger.warning(
            "noise files under 1 s, too short for silence, are for augmentation alone: %s",
            named(file.path.name for file in too_short),
        )
    return shared + [file._replace(whole_for="train") for file in too_short]


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
                _write_clip(folder / name, clip)
                written[split].append(name)
    return {split: sorted(names) for split, names in written.items()}


def write_noise(files: list[NoiseFile], folder: Path) -> None:
    """Write the training segment of each file to ``folder``, as noise for augmentation.

    The files are 16 kHz mono PCM16, each with the name of its source. Where two sources would have
    one name, on whatever disk, a number tells them apart.

    Raises:
        UserError: a noise file is corrupt.
        OSError: a file cannot be written.
    """
    folder.mkdir(parents=True)
    taken: set[str] = set()
    for file in files:
        first, end = file.segment("train")
        if end > first:
            name = _new_name(file.path.stem, taken)
            noise = _read_noise(file)
            if noise.flaw:
                logger.warning("%s: %s", file.path, noise.flaw)
            _write_clip(folder / f"{name}.wav", noise.samples[first:end])


def _new_name(stem: str, taken: set[str]) -> str:
    """Return ``stem``, or with a number what no disk takes for one of ``taken``; and add it."""
    name, n = stem, 1
    while (key := unicodedata.normalize("NFC", name).casefold()) in taken:
        n += 1
        name = f"{stem}-{n}"
    taken.add(key)
    return name


def _open(path: Path) -> NoiseFile | None:
    try:
        check_header(str(path), SAMPLE_RATE)  # refuses pipes and impossible rates and lengths
        with open_audio(path) as audio:
            rate, n_channels, n_frames = audio.samplerate, audio.channels, audio.frames
    except (BadAudioError, soundfile.SoundFileError) as error:
        logger.warning("%s: skipped, cannot be read as audio (%s)", path, reason_of(error))
        return None
    if (rate, n_channels) != (SAMPLE_RATE, 1):
        channels = counted(n_channels, "channel")
        logger.warning("%s: %d Hz, %s, converted to 16 kHz mono", path, rate, channels)
    return NoiseFile(path, n_frames * SAMPLE_RATE // rate)


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


def _write_clip(path: Path, samples: np.ndarray) -> None:
    """Write floats, of which 1 is full scale."""
    steps = np.rint(samples * 32768).clip(-32768, 32767)
    write_wav(path, steps.astype(np.int16), SAMPLE_RATE)
