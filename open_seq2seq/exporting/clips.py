"""Clips for the calibration and the trial of exported files."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple

import numpy as np

from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.data.speech_commands import SpeechCommandsDataLayer
from open_seq2seq.errors import UserError
from open_seq2seq.exporting.front_end import first_frame
from open_seq2seq.inference import Recording, Recordings, recordings_of

logger = logging.getLogger(__name__)

_N_GENERATED = 64
_SEED = 0


class ClipSet(NamedTuple):
    """Clips of one length."""

    waveforms: np.ndarray  # int16 [clips, samples]
    labels: np.ndarray | None  # int [clips], -1 where unknown; None: none is known
    source: str  # in words, for the report


class _File(NamedTuple):
    path: str
    label: int


def generated(n_samples: int, sample_rate: int) -> ClipSet:
    """Return sound that needs no files: noise and sweeps, from loud to nearly silent."""
    random = np.random.default_rng(_SEED)
    times = np.arange(n_samples) / sample_rate
    clips = []
    for index in range(_N_GENERATED):
        level = 10.0 ** random.uniform(-4, -0.3)
        low, high = random.uniform(100, sample_rate / 2, 2)
        sweep = np.sin(2 * np.pi * (low + (high - low) * times / 2) * times)
        noise = random.standard_normal(n_samples)
        sound = level * (sweep if index % 2 else noise / 4)
        clips.append(np.rint(np.clip(sound, -1, 1) * 32767).astype(np.int16))
    return ClipSet(np.stack(clips), None, "generated noise and sweeps")


def from_paths(
    paths: list[str],
    labels: tuple[str, ...],
    layer: SpeechCommandsDataLayer,
    n_samples: int,
    most: int,
) -> ClipSet:
    """Return some of the clips in manifests and folders, the same ones each time.

    Args:
        paths: of manifests, whose labels are indices into ``labels``, and of folders, where a
            folder named like a label holds its clips.
        labels: of the model.
        layer: how files are read.
        n_samples: of each clip; shorter ones are padded with zeros, longer ones cut.
        most: how many clips.

    Raises:
        UserError: a file is missing or cannot be used.
    """
    files = [file for path in paths for file in _files(path, labels, layer)]
    random = np.random.default_rng(_SEED)
    chosen = sorted(random.permutation(len(files))[:most])
    return read([files[index] for index in chosen], layer, n_samples, ", ".join(paths))


def read(
    files: list[_File], layer: SpeechCommandsDataLayer, n_samples: int, source: str
) -> ClipSet:
    """Read clips; what cannot be read is left out with a warning."""
    by_index = [Recording(str(index), file.path) for index, file in enumerate(files)]
    reading = layer.model_copy(update={"on_bad_audio": "skip"})
    recordings = Recordings(by_index, reading, layer, None, lambda line: None)
    waveforms, numbers = [], []
    for piece in recordings:
        file = files[int(piece.name)]
        waveforms.append(fit(piece.samples, n_samples, layer))
        numbers.append(file.label)
    for name, reason in recordings.skipped.items():
        logger.warning(f"{files[int(name)].path}: left out, {reason}")
    if not waveforms:
        raise UserError(f"{source}: no clip of it can be read; name others with --export_files")
    known = np.array(numbers)
    return ClipSet(np.stack(waveforms), known if (known >= 0).any() else None, source)


def fit(samples: np.ndarray, n_samples: int, front_end: FrontEnd) -> np.ndarray:
    """Return a clip of ``n_samples`` whose frames lie in the image where those of the clip do.

    A shorter one is padded with zeros, a longer one cut.

    Args:
        samples: int16 [samples].
        n_samples: wanted.
        front_end: says where a clip lies in its image.
    """
    ours, its = (first_frame(n, front_end) for n in (n_samples, len(samples)))
    before = (ours - its) * front_end.hop_length
    fitted: np.ndarray = np.zeros(n_samples, np.int16)
    source = samples[max(0, -before) :]
    target = fitted[max(0, before) :]
    n = min(len(source), len(target))
    target[:n] = source[:n]
    return fitted


def _files(path: str, labels: tuple[str, ...], layer: SpeechCommandsDataLayer) -> list[_File]:
    if path.lower().endswith(".csv"):
        from open_seq2seq.data.manifests import read_manifests

        try:
            table = read_manifests([Path(path)], labels)
            return [_File(p, int(n)) for p, n in zip(table["path"], table["label"], strict=True)]
        except UserError as error:
            if "column 'label' is missing" not in str(error):
                raise
    index = {label: number for number, label in enumerate(labels)}
    return [
        _File(str(recording.source), index.get(Path(recording.name).parent.name, -1))
        for recording in recordings_of([path])
    ]
