"""Clips that a report plays: chosen, encoded, and drawn as waveform and log-mel."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import NamedTuple

import numpy as np
import pandas as pd
import soundfile

from open_seq2seq.data.audio import BadAudioError, read_wav
from open_seq2seq.data.augment import NO_AUGMENTATION, Draws, no_draws
from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.data.librosa_engine import LibrosaEngine
from open_seq2seq.reports.images import data_address, heat_image, waveform_polygon

# why a clip of a page has no sound
GONE = "Its file cannot be read any more."
FULL = "Its sound is not in this page, which is full."
PER_CELL = 20  # clips of a cell of the confusion matrix that are listed
PICTURED = 24  # clips misheard with most confidence that are drawn
_LONGEST_S = 3.0  # of a clip that is played
_COLUMNS = 160  # of a waveform


class Sound(NamedTuple):
    """A clip as a page plays and shows it; texts are empty for what is not there."""

    audio: str  # address of an MP3 that is part of the page
    waveform: str  # points of a polygon in a box of `_COLUMNS` by 2, around 0
    log_mel: str  # address of an image that is part of the page


def choose(clips: pd.DataFrame) -> list[int]:
    """Return the clips that a report lists, the most important ones first.

    These are the misheard ones, of each pair of labels in turn, the surest mistakes first, and for
    each label the three that were right with the least confidence.

    Args:
        clips: of an evaluation.

    Returns:
        their positions in the table.
    """
    table = clips.reset_index(drop=True)
    is_right = table["label"] == table["prediction"]
    wrong = table[~is_right].sort_values("probability", ascending=False, kind="stable")
    turn = wrong.groupby(["label", "prediction"], sort=False).cumcount()
    listed = turn[turn < PER_CELL]
    surest = list(wrong.index[:PICTURED])
    others = listed.sort_values(kind="stable").index
    right = table[is_right].sort_values("probability", kind="stable")
    unsure = right[right.groupby("label").cumcount() < 3].index
    return list(dict.fromkeys([*surest, *others, *unsure]))


def render(
    paths: Iterator[tuple[str, bool]], sample_rate: int, front_end: FrontEnd | None
) -> Iterator[Sound | None]:
    """Yield clips as they are played and shown; None for one whose file cannot be read.

    Args:
        paths: of the files, and whether each is drawn.
        sample_rate: in Hz.
        front_end: that the network hears with; None: it is not known.
    """
    draw = _drawing(front_end) if front_end is not None else lambda samples: ""
    for path, is_drawn in paths:
        try:
            samples = read_wav(path, sample_rate).samples[: round(_LONGEST_S * sample_rate)]
        except BadAudioError:
            yield None
            continue
        waveform, log_mel = (polygon(samples), draw(samples)) if is_drawn else ("", "")
        yield Sound(encoded(samples, sample_rate), waveform, log_mel)


def encoded(samples: np.ndarray, sample_rate: int) -> str:
    """Return an MP3, which every browser plays; where libsndfile writes none, a FLAC."""
    kind = "MP3" if _has_mp3() else "FLAC"
    file = BytesIO()
    soundfile.write(file, samples, sample_rate, format=kind)
    return data_address({"MP3": "audio/mpeg", "FLAC": "audio/flac"}[kind], file.getvalue())


@functools.cache
def _has_mp3() -> bool:
    return "MP3" in soundfile.available_formats()


def polygon(samples: np.ndarray) -> str:
    """Return a waveform, int16 [samples], as the points of a polygon; see `Sound`."""
    return waveform_polygon(samples, _COLUMNS)[0]


def _drawing(front_end: FrontEnd) -> Callable[[np.ndarray], str]:
    """Return a function that draws the log-mel energies of a clip, without what pads an image."""
    hop = front_end.hop_length
    n_frames = round(_LONGEST_S * front_end.sample_rate) // hop + 1
    engine = LibrosaEngine(
        front_end.model_copy(update={"audio_length": n_frames, "pad_side": "end"})
    )
    nothing = Draws(*(values[0] for values in no_draws(NO_AUGMENTATION, 1)))
    return lambda samples: heat_image(engine.features(samples, nothing)[: len(samples) // hop + 1])
