"""Probabilities of a stream in which each frame and each layer's output is computed once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from open_seq2seq.components import part_of
from open_seq2seq.data.features import count_frames
from open_seq2seq.data.front_end import FrontEnd
from open_seq2seq.errors import UserError
from open_seq2seq.inference.params import Windows
from open_seq2seq.pretrained.model import PretrainedModel
from open_seq2seq.streaming.front_end import StreamFrontEnd
from open_seq2seq.streaming.network import StreamNetwork
from open_seq2seq.streaming.windows import Scores


class IncrementalScorer:
    """Pools the network's outputs over the frames of the last window, once every hop.

    They are those of the same network over the whole signal, without padding.

    Attributes:
        products_per_second: multiply-adds of the network; the front end is not counted.
        delay_s: seconds after the end of a window that have to be heard for its probabilities.
    """

    def __init__(self, model: PretrainedModel, windows: Windows, hops_at_once: int = 1) -> None:
        """Take the network apart.

        Args:
            model: a TDNN of stride 1 with a decoder that pools over the frames, or a BC-ResNet.
            windows: their length and hop in samples, rounded to frames.
            hops_at_once: hops that are waited for and then computed together, which takes less
                time; the last bits of the probabilities depend on it.

        Raises:
            UserError: the network cannot be computed so.
        """
        front_end = model.data_layer
        try:
            self._network = StreamNetwork(model)
        except ValueError as error:
            raise UserError(
                f"method: incremental hears each frame once: {error}. By method windows it can"
            ) from None
        self._hop = front_end.hop_length
        self._n_fft = front_end.n_fft
        most = self._network.pooled_frames or front_end.audio_length
        self._n_pooled = min(count_frames(windows.length, self._hop), most)
        self._n_frames = max(1, round(windows.hop / self._hop))
        n_frames = hops_at_once * self._n_frames
        self._front_end = StreamFrontEnd(part_of(front_end, FrontEnd), n_frames)
        self.delay_s = self._network.look_ahead * self._hop / front_end.sample_rate
        self.products_per_second = self._network.n_products * front_end.sample_rate / self._hop
        self.reset()

    def reset(self) -> None:
        """Forget all samples."""
        self._front_end.reset()
        self._network.reset()
        self._n_samples = self._n_heard = 0  # frames; Python's integers have no end
        self._hidden: np.ndarray = np.zeros((self._n_pooled, len(self._network.kernel)), np.float32)

    def push(self, samples: np.ndarray) -> Iterator[Scores]:
        """Take int16 samples and yield the windows that they complete."""
        network, n_pooled = self._network, self._n_pooled
        self._n_samples += len(samples)
        for frames in self._front_end.push(samples):
            hidden = np.concatenate([self._hidden, network(frames)])
            pooled = np.lib.stride_tricks.sliding_window_view(hidden, n_pooled, axis=0)
            for row in network.probabilities(pooled[self._n_frames :: self._n_frames]):
                self._n_heard += self._n_frames
                if self._n_heard >= network.field - 1 + n_pooled:
                    last = self._n_heard - 1 - network.look_ahead  # frame of the newest output
                    first = last - n_pooled + 1
                    yield Scores(first * self._hop, last * self._hop + self._n_fft, row)
            self._hidden = hidden[-n_pooled:]

    def finish(self) -> Iterator[Scores]:
        """Yield the windows that wait for further hops to be computed together; then `reset`."""
        n_samples = self._n_samples
        delay = self._network.look_ahead * self._hop
        for scores in self.push(np.zeros(self._front_end.n_samples, np.int16)):
            if scores.end + delay <= n_samples:
                yield scores

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs to go on from here."""
        return {
            "front_end": self._front_end.state(),
            "network": self._network.state(),
            "n_heard": self._n_heard,
            "hidden": self._hidden.copy(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self._front_end.restore(state["front_end"])
        self._network.restore(state["network"])
        self._n_heard, self._hidden = int(state["n_heard"]), state["hidden"].copy()
