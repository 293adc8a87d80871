"""Accuracy of a model on clips between padding, and on the same clips in a stream.

    python benchmarks/streamed_accuracy.py LOGDIR --clips=MANIFEST_OR_FOLDER

Each clip stands in a track of three seconds, among quiet noise at its own level or between two
other clips of the list, and the probabilities of the window at its place are taken, one window
alone, without smoothing. "by 100 ms" is the window a tenth of a second earlier.
"""

from __future__ import annotations

import argparse
import math

import numpy as np

import open_seq2seq
from open_seq2seq.data.context import ContextMaker, put
from open_seq2seq.exporting.clips import from_paths
from open_seq2seq.pretrained import PretrainedModel
from open_seq2seq.streaming import StreamingDetector

TRACK_S, PLACE_S, HOP_S, GAP_S = 3.4, 1.2, 0.1, 0.1


class Track:
    """Where a clip stands so that a window of the stream begins with it."""

    def __init__(self, model: PretrainedModel, method: str) -> None:
        self.detector = StreamingDetector(model, method=method, hop_s=HOP_S, smoothing=1)
        self.n_samples = round(TRACK_S * self.detector.sample_rate)
        self.detector.push(np.zeros(self.n_samples, np.int16))
        starts = np.array([score.start for score in self.detector.scores])
        self.index = int(np.abs(starts - PLACE_S * self.detector.sample_rate).argmin())
        # frames of a stream have their middle half an FFT after their beginning
        late = model.data_layer.n_fft // 2 if method == "incremental" else 0
        self.place = int(starts[self.index]) + late

    def heard(self, track: np.ndarray, earlier: int) -> int:
        """Return the label of a window: the clip's, or one that many hops earlier."""
        self.detector.reset()
        self.detector.push(track)
        return int(self.detector.scores[self.index - earlier].probabilities.argmax())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("logdir")
    parser.add_argument("--clips", required=True)
    parser.add_argument("--most", type=int, default=2000)
    args = parser.parse_args()
    model = open_seq2seq.from_pretrained(args.logdir)
    layer = model.data_layer
    rate = layer.sample_rate
    clips = from_paths([args.clips], model.labels, layer, rate, args.most)
    labels = clips.labels
    offline = model.probabilities(list(clips.waveforms)).argmax(axis=1)
    report("between padding", offline, labels)
    context = ContextMaker(rate, seed=0)
    for method in ("windows", "incremental"):
        place = Track(model, method)
        for around in ("quiet noise", "other clips"):
            tracks = []
            for index, clip in enumerate(clips.waveforms):
                track = context.place(
                    clip, place.place, place.n_samples, index / len(clips.waveforms)
                )
                if around == "other clips":
                    other = clips.waveforms[(index + 1) % len(labels)]
                    gap = round(GAP_S * rate)
                    put(track, other, place.place - gap - len(other))
                    put(track, other, place.place + len(clip) + gap)
                tracks.append(track)
            for earlier in (0, 1):
                heard = np.array([place.heard(track, earlier) for track in tracks])
                report(f"{method}, {around}{', by 100 ms' if earlier else ''}", heard, labels)


def report(name: str, heard: np.ndarray, labels: np.ndarray) -> None:
    n = len(labels)
    accuracy = float((heard == labels).mean())
    half = 1.96 * math.sqrt(accuracy * (1 - accuracy) / n)
    print(f"{name:<40} {accuracy:7.2%} of {n:,} clips, +- {half:.2%}", flush=True)


if __name__ == "__main__":
    main()
