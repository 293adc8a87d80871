"""The clips that are said in tracks: rows of a manifest, in an order in which none is left out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from open_seq2seq.config.track_params import TrackParams
from open_seq2seq.data.audio import BadAudioError, check_header, read_wav, unusable
from open_seq2seq.data.dataset_versions import SILENCE, UNKNOWN
from open_seq2seq.data.source import Source
from open_seq2seq.data.word_extent import word_extent
from open_seq2seq.errors import UserError, counted

_TAKE_AWAY = "take its row out of the manifest"

logger = logging.getLogger(__name__)


class Clip(NamedTuple):
    """A row of a manifest."""

    path: str
    label: str
    word: str
    n_samples: int  # at the tracks' rate, as its header says


class Sample(NamedTuple):
    """A clip as it is heard."""

    samples: np.ndarray  # int16 [samples]
    start: int  # first sample of the word
    end: int  # one after its last
    rms: float  # of the word; 0 if it is silent


def read_clips(params: TrackParams) -> tuple[tuple[str, ...], list[Clip]]:
    """Return the labels of a manifest, and its clips, each once, without those of silence.

    Raises:
        UserError: the manifest, its labels file or a clip cannot be used, or it has no words.
    """
    assert params.manifest is not None
    if not Path(params.manifest).is_file():
        raise UserError(
            f"--manifest {params.manifest}: no such file; expected a manifest such as those that "
            "open-seq2seq-prepare writes"
        )
    source = Source(dataset_files=[params.manifest], labels_file=params.labels_file)
    labels = source.read_labels()
    rows = source.read_rows(labels).drop_duplicates(["label", "path"])
    is_word = rows["label"].map(lambda index: labels[index] != SILENCE).to_numpy(bool)
    if n_silent := int((~is_word).sum()):
        logger.info(
            "%s of the label %s left out: tracks have silence and noise of their own",
            counted(n_silent, "clip"),
            SILENCE,
        )
    clips = []
    for label, word, path in rows.loc[is_word, ["label", "word", "path"]].itertuples(index=False):
        try:
            n_samples = check_header(path, params.sample_rate).n_samples
        except BadAudioError as error:
            raise unusable(path, error, _TAKE_AWAY) from None
        name = labels[label]
        clips.append(Clip(path, name, word if name == UNKNOWN else word or name, n_samples))
    if all(clip.label == UNKNOWN for clip in clips):
        raise UserError(
            f"--manifest {params.manifest}: no clip of a keyword in it; expected clips of "
            f"{', '.join(label for label in labels if label not in (UNKNOWN, SILENCE))}"
        )
    return labels, clips


def in_turn(clips: Sequence[Clip], n_clips: int, rng: np.random.Generator) -> list[Clip]:
    """Return so many clips in a drawn order: all of them before one comes again."""
    order: list[int] = []
    while len(order) < n_clips:
        order += rng.permutation(len(clips)).tolist()
    return [clips[index] for index in order[:n_clips]]


def read_clip(clip: Clip, sample_rate: int) -> Sample:
    """Read a clip and look where its word is.

    Raises:
        UserError: it cannot be used.
    """
    try:
        samples = read_wav(clip.path, sample_rate).samples
    except BadAudioError as error:
        raise unusable(clip.path, error, _TAKE_AWAY) from None
    if len(samples) > clip.n_samples:
        raise UserError(
            f"{clip.path}: its header promises {clip.n_samples} samples at {sample_rate} Hz, and "
            f"it has {len(samples)}; write it again, or {_TAKE_AWAY}"
        )
    start, end = word_extent(samples, sample_rate)
    word = samples[start:end].astype(np.float64)
    return Sample(samples, start, end, float(np.sqrt(np.mean(np.square(word)))))
