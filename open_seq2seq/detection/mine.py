"""Mining: false accepts of a model as clips and a manifest to train on."""

from __future__ import annotations

import contextlib
import csv
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from open_seq2seq.config.mine_params import MineParams
from open_seq2seq.data.audio import BadAudioError, check_header, unusable
from open_seq2seq.data.manifests import write_labels, write_manifest
from open_seq2seq.data.wav_files import write_wav
from open_seq2seq.detection.listening import Accept, Heard, listen
from open_seq2seq.detection.mined_clips import choose, clip_span, cut_clips
from open_seq2seq.detection.tracks import open_track
from open_seq2seq.errors import UserError, counted, named
from open_seq2seq.inference import recordings_of
from open_seq2seq.pretrained.model import PretrainedModel
from open_seq2seq.streaming import StreamingDetector
from open_seq2seq.system.new_folder import new_folder
from open_seq2seq.system.paths import NAME_ERRORS

NAME = "mined"  # of the labels file and, as a version, of the manifest
MANIFEST, LABELS_FILE, PLACES = f"{NAME}-train.csv", f"{NAME}-labels.txt", f"{NAME}-places.csv"
_COLUMNS = ("path", "score", "heard", "recording", "start", "end")

logger = logging.getLogger(__name__)


class Mined(NamedTuple):
    """What mining has found."""

    hours: float  # that were heard
    events: Counter[str]  # of each label
    clips: tuple[Accept, ...]  # those that were kept, highest score first
    sample_rate: int  # Hz, of their places


class _NothingHeard(Exception):
    """There is nothing to write; the new folder goes."""


def mine(
    model: PretrainedModel,
    paths: Sequence[str],
    params: MineParams,
    output_dir: Path,
    advance: Callable[[float, float], None],
) -> Mined:
    """Write the false accepts of a model as clips, with a manifest, a labels file and their places.

    Args:
        model: what hears.
        paths: of recordings, folders or manifests, in which nobody says a keyword.
        params: how it hears, and what is kept.
        output_dir: a folder that does not exist or is empty; it is not made if nothing was heard.
        advance: is told of seconds that were heard since the last call, and of all.

    Raises:
        UserError: a recording cannot be used, the model lacks the label, or the folder cannot be
            written.
    """
    if params.label not in model.labels:
        raise UserError(
            f"--label {params.label}: the model has no such label; its labels are "
            f"{', '.join(model.labels)}. False accepts need a label that is no keyword: train with "
            "one, or name it"
        )
    detector = StreamingDetector(model, **params.stream_values())
    quiet = detector.params.quiet_labels
    if params.label not in quiet:
        raise UserError(
            f"--label {params.label}: a keyword of the model, as which no false accept should be "
            f"trained; name one of --quiet_labels, {named(quiet)}"
        )
    rate = detector.sample_rate
    names = list(dict.fromkeys(str(recording.source) for recording in recordings_of(paths)))
    seconds = _seconds(names, rate)
    labels = list(model.labels)
    heard: list[Heard] = []
    chosen: list[Accept] = []
    # before hours are heard it is known that the folder can be written
    with contextlib.suppress(_NothingHeard), new_folder(output_dir) as folder:
        for name in names:
            each = listen(detector, labels, name, lambda s: advance(s, seconds))
            heard.append(_without_listed(each, params, quiet, rate))
        chosen += choose(heard, params.most)
        if not chosen:
            raise _NothingHeard
        _write(folder, chosen, heard, params, model.labels, rate)
    events = Counter(accept.label for each in heard for accept in each.accepts)
    hours = sum(each.n_samples for each in heard) / rate / 3600
    return Mined(hours, events, tuple(chosen), rate)


def _without_listed(
    heard: Heard, params: MineParams, quiet_labels: Sequence[str], sample_rate: int
) -> Heard:
    """Return what was heard without clips in which a keyword is said, as the recording's list says.

    Raises:
        UserError: the list beside the recording cannot be used.
    """
    said = [
        (each.start * sample_rate, each.end * sample_rate)
        for each in open_track(Path(heard.path)).spoken
        if each.label not in quiet_labels
    ]
    false, n_true = [], 0
    for accept in heard.accepts:
        start, end = clip_span(accept, heard.n_samples, params, sample_rate)
        if any(first < end and start < last for first, last in said):
            n_true += 1
        else:
            false.append(accept)
    if n_true:
        logger.info(
            "%s: %s left out, where its list says a keyword", heard.path, counted(n_true, "event")
        )
    return heard._replace(accepts=tuple(false))


def _seconds(names: Sequence[str], sample_rate: int) -> float:
    n_samples = 0
    for name in names:
        try:
            n_samples += check_header(name, sample_rate, any_length=True).n_samples
        except BadAudioError as error:
            raise unusable(name, error) from None
    return n_samples / sample_rate


def _write(
    folder: Path,
    chosen: Sequence[Accept],
    heard: Sequence[Heard],
    params: MineParams,
    labels: tuple[str, ...],
    sample_rate: int,
) -> None:
    (folder / "clips").mkdir()
    clips = [f"clips/{index:05}.wav" for index in range(len(chosen))]
    spans = {}
    for index, start, samples in cut_clips(chosen, heard, params, sample_rate):
        write_wav(folder / clips[index], samples, sample_rate)
        spans[index] = start / sample_rate, (start + len(samples)) / sample_rate
    write_labels(folder / LABELS_FILE, labels)
    speakers = _speakers([each.path for each in heard])
    table = pd.DataFrame({"path": clips}).assign(
        label=labels.index(params.label),
        word=params.label,
        speaker=[speakers[accept.path] for accept in chosen],
    )
    write_manifest(folder / MANIFEST, table)
    with open(folder / PLACES, "w", newline="", encoding="utf-8", errors=NAME_ERRORS) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for index, accept in enumerate(chosen):
            times = (f"{time:.4f}" for time in spans[index])
            score = f"{accept.score:.6f}"
            writer.writerow([clips[index], score, accept.label, accept.path, *times])


def _speakers(paths: Sequence[str]) -> dict[str, str]:
    """Return a speaker for each recording: its name, or its path if another one has that name."""
    names = Counter(Path(path).stem for path in paths)
    return {path: Path(path).stem if names[Path(path).stem] == 1 else path for path in paths}
