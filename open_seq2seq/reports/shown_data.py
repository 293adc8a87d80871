"""What there is to see of data: counts, histograms, odd clips, augmentation step by step."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from open_seq2seq.data.dataset import Dataset
from open_seq2seq.data.effects import effects_on, untouched
from open_seq2seq.data.epoch import Epoch
from open_seq2seq.data.measures import Measures, measure_files
from open_seq2seq.errors import UserError
from open_seq2seq.reports.odd_clips import OddClip, find_odd_clips

_N_BINS = 30
_AT_ONCE = 256  # files between two calls of on_progress
SPLIT_OF_SECTION = {"train": "train", "eval": "val", "test": "test"}


class Step(NamedTuple):
    """A clip with one effect, or with all of them."""

    name: str
    caption: str
    samples: np.ndarray  # float32, 1 is full scale
    image: np.ndarray  # float32 [frames, features], as the network sees it


class ShownClip(NamedTuple):
    """A training clip, first as it is, then changed."""

    label: str
    word: str
    path: str
    steps: list[Step]


class Histogram(NamedTuple):
    """How many clips of each split have which values."""

    title: str
    edges: list[float]
    counts: dict[str, list[int]]


class Survey(NamedTuple):
    """All clips of a run's splits."""

    labels: tuple[str, ...]
    n_rows: dict[str, list[int]]  # of each label, by split: rows of the manifests
    n_clips: dict[str, list[int]]  # the same of different clips: balancing names some several times
    histograms: list[Histogram]
    odd: list[OddClip]


def survey(
    datasets: Mapping[str, Dataset], on_progress: Callable[[int, int], None] = lambda done, of: None
) -> Survey:
    """Read all clips once.

    Args:
        datasets: by section of the config.
        on_progress: is told how many files of how many are read.
    """
    tables = [
        dataset.clips().assign(split=SPLIT_OF_SECTION[section])
        for section, dataset in datasets.items()
    ]
    rows = pd.concat(tables, ignore_index=True)
    first = next(iter(datasets.values()))
    measured = _measured(sorted(set(rows["path"])), first, on_progress)
    flawed = {path: flaw for data in datasets.values() for path, flaw in data.flawed.items()}
    unread = [(data, SPLIT_OF_SECTION[section]) for section, data in datasets.items()]
    skipped = [
        OddClip("unreadable", reason, split, "", path)
        for data, split in unread
        for path, reason in data.skipped.items()
    ]
    labels, splits = first.labels, list(dict.fromkeys(rows["split"]))

    def counts(table: pd.DataFrame) -> dict[str, list[int]]:
        found = table.groupby(["split", "label"]).size()
        return {split: [int(found.get((split, label), 0)) for label in labels] for split in splits}

    once = rows.drop_duplicates(["split", "path"])
    return Survey(
        labels,
        counts(rows),
        counts(rows.drop_duplicates(["split", "label", "path"])),
        _histograms(once, measured, splits),
        skipped + find_odd_clips(rows, measured, flawed),
    )


def _measured(
    paths: Sequence[str], dataset: Dataset, on_progress: Callable[[int, int], None]
) -> dict[str, Measures | str]:
    measured: dict[str, Measures | str] = {}
    for start in range(0, len(paths), _AT_ONCE):
        part = paths[start : start + _AT_ONCE]
        measured |= measure_files(part, dataset.params, dataset.params.sample_rate)
        on_progress(len(measured), len(paths))
    return measured


def _histograms(
    clips: pd.DataFrame, measured: Mapping[str, Measures | str], splits: Sequence[str]
) -> list[Histogram]:
    of_splits = {
        split: [
            each
            for path in clips.loc[clips["split"] == split, "path"]
            if isinstance(each := measured[path], Measures)
        ]
        for split in splits
    }
    histograms = []
    for title, field, factor in (
        ("length, s", "seconds", 1.0),
        ("level of the word, dB of full scale", "level_db", 1.0),
        ("signal-to-noise ratio, dB (estimate)", "snr_db", 1.0),
        ("samples that are cut off, %", "clipped", 100.0),
    ):
        values = {
            split: np.array([factor * getattr(each, field) for each in measures])
            for split, measures in of_splits.items()
        }
        everything = np.concatenate(list(values.values()))
        if not len(everything):
            continue
        low, high = float(everything.min()), float(everything.max())
        edges = np.linspace(low, high if high > low else low + 1.0, _N_BINS + 1)
        histograms.append(
            Histogram(
                title,
                edges.tolist(),
                {split: np.histogram(own, edges)[0].tolist() for split, own in values.items()},
            )
        )
    return histograms


def choose_rows(dataset: Dataset, paths: Sequence[str], n_random: int, seed: int) -> list[int]:
    """Return the rows whose clips are shown.

    Args:
        dataset: of training.
        paths: of clips that are wanted; none: of random ones of the first epoch.
        n_random: how many random ones.
        seed: of the choice.

    Raises:
        UserError: a wanted clip is none of the dataset's.
    """
    if not paths:
        drawn = dataset.rows(0)[dataset.describe(0)["is_clip"].to_numpy()]
        order = np.random.default_rng(seed).permutation(drawn).tolist()
        return list(dict.fromkeys(order))[:n_random]
    clips = reversed(list(enumerate(dataset.paths)))
    rows = {str(Path(clip).resolve()): row for row, clip in clips}
    chosen = []
    for path in paths:
        row = rows.get(str(Path(path).resolve()))
        if row is None:
            raise UserError(
                f"{path}: no clip of the training data; name one of its manifest, or none for "
                "random ones"
            )
        chosen.append(row)
    return chosen


def show_clip(dataset: Dataset, row: int) -> ShownClip:
    """Return a training clip as it is, with each effect that training has on it, and with all.

    Args:
        dataset: of training.
        row: of the clip; what is drawn is that of its slot in the first epoch, or of the first
            slot where that epoch does not draw it.
    """
    places = np.flatnonzero(dataset.rows(0) == row)
    slot = int(places[0]) if len(places) else 0

    @functools.lru_cache(maxsize=1)  # the first one is asked for twice; of all, memory has no room
    def epochs(number: int) -> Epoch:
        drawn = dataset.drawn(number)
        rows = drawn.rows.copy()
        rows[slot] = row  # of several sources, another epoch has another clip there
        return drawn._replace(rows=rows, fractions=None)

    plain = untouched(dataset.params, len(dataset), dataset.seed, epochs(0))
    said = dataset.describe_rows(np.array([row])).iloc[0]
    steps = [_step(dataset, slot, "as it is", _fitting(dataset, said["path"]), plain)]
    if dataset.training and dataset.params.augment_data:
        steps += [
            _step(dataset, slot, each.name, f"{each.caption}, epoch {each.number + 1}", each.epoch)
            for each in effects_on(dataset.params, slot, len(dataset), dataset.seed, epochs)
        ]
    return ShownClip(said["label"], said["word"], said["path"], steps)


def _step(dataset: Dataset, slot: int, name: str, caption: str, drawn: Epoch) -> Step:
    image = dataset.images(np.array([slot]), drawn)[0]
    return Step(name, caption, dataset.render(slot, drawn), image)


def _fitting(dataset: Dataset, path: str) -> str:
    """Return how a clip comes to the length of an image."""
    params = dataset.params
    seconds = dataset.seconds.get(path)
    if seconds is None:
        return "a piece of running speech"
    n_frames = 1 + int(seconds * params.sample_rate) // params.hop_length
    wanted = params.audio_length
    if n_frames > wanted:
        return f"sliced, {wanted} of {n_frames} frames"
    if n_frames == wanted:
        return f"{wanted} frames"
    where = "on both sides" if params.pad_side == "both" else "at the end"
    return f"{n_frames} frames, padded to {wanted} {where}"
