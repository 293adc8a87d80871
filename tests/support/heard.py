"""What a network says of tracks, made by hand."""

from pathlib import Path

import numpy as np

from open_seq2seq.detection.heard import Heard, HeardCorpus, HeardTrack
from open_seq2seq.detection.tracks import Spoken, Track

HOP_S = 0.1


def heard_track(probabilities, spoken=(), name="t.wav", window_s=1.0):
    """A track of windows each tenth of a second; `probabilities` is [windows, labels]."""
    probabilities = np.asarray(probabilities, np.float32)
    start_s = np.arange(len(probabilities)) * HOP_S
    words = tuple(Spoken(*each) for each in spoken)
    seconds = len(probabilities) * HOP_S + window_s - HOP_S
    return HeardTrack(Track(Path(name), words), seconds, start_s, start_s + window_s, probabilities)


def heard_of(labels, **corpora):
    """Corpora of such tracks, by their names."""
    each = tuple(HeardCorpus(name, name, tuple(tracks)) for name, tracks in corpora.items())
    return Heard(tuple(labels), each, 0.0)
