"""What a network says of tracks: the probabilities of all windows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from open_seq2seq.detection.tracks import Track


class HeardTrack(NamedTuple):
    """What the network says of a track."""

    track: Track
    seconds: float  # of sound
    start_s: np.ndarray  # float64 [windows]
    end_s: np.ndarray  # float64 [windows]
    probabilities: np.ndarray  # float32 [windows, labels]


class HeardCorpus(NamedTuple):
    """What the network says of the tracks of a corpus."""

    name: str
    path: str
    tracks: tuple[HeardTrack, ...]

    @property
    def hours(self) -> float:
        """Hours of sound."""
        return sum(track.seconds for track in self.tracks) / 3600


class Heard(NamedTuple):
    """What the network says of some corpora."""

    labels: tuple[str, ...]
    corpora: tuple[HeardCorpus, ...]
    delay_s: float  # that probabilities come after the end of their window

    @property
    def tracks(self) -> tuple[HeardTrack, ...]:
        """The tracks of all corpora, in their order."""
        return tuple(track for corpus in self.corpora for track in corpus.tracks)

    @property
    def hours(self) -> float:
        """Hours of sound."""
        return sum(corpus.hours for corpus in self.corpora)
