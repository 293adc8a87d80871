"""Which event found which word: the rule by which misses and false accepts are counted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from open_seq2seq.detection.tracks import Track


class Words(NamedTuple):
    """The words of one label in some tracks, in the order of tracks and starts."""

    track: np.ndarray  # int64 [words]
    start: np.ndarray  # float64 [words], seconds
    end: np.ndarray

    @classmethod
    def of(cls, tracks: Iterable[Track], label: str) -> Words:
        """Return the words of a label."""
        rows = [
            (index, each.start, each.end)
            for index, track in enumerate(tracks)
            for each in track.spoken
            if each.label == label
        ]
        columns = zip(*rows, strict=True) if rows else ((), (), ())
        track, start, end = (np.array(column, np.float64) for column in columns)
        return cls(track.astype(np.int64), start, end)

    @property
    def n(self) -> int:
        """Number of words."""
        return len(self.start)


class Matches(NamedTuple):
    """What the events of one label are."""

    word: np.ndarray  # int64 [events], index of the word that an event found; -1: none
    is_repeat: np.ndarray  # bool [events], whether it is one more event of a word found before

    @property
    def n_found(self) -> int:
        """Number of words that were found."""
        return int((self.word >= 0).sum())

    @property
    def n_false_accepts(self) -> int:
        """Number of events that found nothing, repeats included."""
        return len(self.word) - self.n_found


def match(
    words: Words,
    tracks: Sequence[int] | np.ndarray,
    ends_s: Sequence[float] | np.ndarray,
    tolerance_s: float,
) -> Matches:
    """Give each event the earliest word of its label that it can be of and no other has found.

    An event is of a word if the end of its window is not before the word's start, and not after
    the word's end by more than the tolerance.

    Args:
        words: of the events' label.
        tracks: index of the track of each event, ascending.
        ends_s: end of the window of each event, ascending in a track.
        tolerance_s: seconds.
    """
    word_track, word_start = words.track.tolist(), words.start.tolist()
    latest = (words.end + tolerance_s).tolist()
    is_found = [False] * len(word_track)
    found, repeats = [], []
    first = 0  # word that is not over
    for track, end_s in zip(np.asarray(tracks).tolist(), np.asarray(ends_s).tolist(), strict=True):
        while first < len(word_track) and (
            word_track[first] < track or (word_track[first] == track and latest[first] < end_s)
        ):
            first += 1
        at, is_repeat = -1, False
        index = first
        while index < len(word_track) and (
            word_track[index] == track and word_start[index] <= end_s
        ):
            if end_s <= latest[index]:
                if not is_found[index]:
                    at = index
                    is_found[index] = True
                    break
                is_repeat = True
            index += 1
        found.append(at)
        repeats.append(is_repeat and at < 0)
    return Matches(np.array(found, np.int64), np.array(repeats, bool))
