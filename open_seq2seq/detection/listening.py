"""What a detector takes for keywords in a recording, each with its highest score and its window."""

from __future__ import annotations

import collections
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from open_seq2seq.data.audio import BadAudioError, Waveform, read_blocks
from open_seq2seq.streaming import StreamingDetector
from open_seq2seq.streaming.windows import Scores

_CHUNK_S = 10.0  # between two reports of progress

logger = logging.getLogger(__name__)


class Accept(NamedTuple):
    """What a detector took for a keyword."""

    path: str  # of the recording
    label: str  # that was heard
    score: float
    start: int  # samples of the recording: the window that says the label most clearly
    end: int


class Heard(NamedTuple):
    """A recording that was listened to."""

    path: str
    n_samples: int
    accepts: tuple[Accept, ...]  # in the order of time


def listen(
    detector: StreamingDetector,
    labels: Sequence[str],
    path: str,
    advance: Callable[[float], None],
) -> Heard:
    """Return what a detector takes for keywords in a recording.

    If the recording turns out to be unusable, what was heard before is kept, with a warning.

    Args:
        detector: begins anew.
        labels: of its model.
        path: of the recording.
        advance: is told of seconds that were heard.
    """
    detector.reset()
    rate = detector.sample_rate
    follower = _Follower(detector, labels)
    n_samples = 0
    try:
        for chunk in _chunks(read_blocks(path, rate), round(_CHUNK_S * rate)):
            events = collections.deque(detector.push(chunk))
            n_samples += len(chunk)
            for scores in detector.scores:
                begun = []
                while events and events[0].end == scores.end / rate:
                    begun.append(labels.index(events.popleft().label))
                follower.push(scores, begun)
            advance(len(chunk) / rate)
    except BadAudioError as error:
        logger.warning("%s: heard up to %.1f s (%s)", path, n_samples / rate, error)
    accepts = (
        Accept(path, labels[label], score, window.start, window.end)
        for label, score, window in follower.finish()
    )
    return Heard(path, n_samples, tuple(accepts))


class _Follower:
    """Follows each event until its label falls below the threshold, for its highest score."""

    def __init__(self, detector: StreamingDetector, labels: Sequence[str]) -> None:
        self._thresholds = detector.params.thresholds_of(tuple(labels))
        self._latest: collections.deque[Scores] = collections.deque(
            maxlen=detector.params.smoothing
        )
        self._open: dict[int, tuple[float, Scores]] = {}  # by label
        self._done: list[tuple[int, float, Scores]] = []

    def push(self, scores: Scores, begun: Sequence[int]) -> None:
        """Take the next window, and the labels of which an event begins with it."""
        self._latest.append(scores)
        probabilities = np.stack([each.probabilities for each in self._latest])
        averages: np.ndarray = probabilities.mean(axis=0, dtype=np.float64)
        for label in [*begun, *self._open]:
            average = float(averages[label])
            threshold = self._thresholds[label]
            if label in self._open and (threshold is None or average < threshold):
                self._close(label)
            elif label not in self._open or average > self._open[label][0]:
                self._open[label] = average, _clearest(self._latest, label)

    def finish(self) -> list[tuple[int, float, Scores]]:
        """Return label, highest average and clearest window of each event, in order of time."""
        for label in list(self._open):
            self._close(label)
        return sorted(self._done, key=lambda each: each[2].start)

    def _close(self, label: int) -> None:
        self._done.append((label, *self._open.pop(label)))


def _clearest(latest: Iterable[Scores], label: int) -> Scores:
    """Return the window with the highest probability of a label; of several, the middle one."""
    windows = list(latest)
    probabilities = [float(window.probabilities[label]) for window in windows]
    best = [index for index, p in enumerate(probabilities) if p == max(probabilities)]
    return windows[best[len(best) // 2]]


def _chunks(blocks: Iterable[Waveform], length: int) -> Iterator[np.ndarray]:
    for block in blocks:
        for start in range(0, len(block.samples), length):
            yield block.samples[start : start + length]
