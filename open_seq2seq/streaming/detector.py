"""A detector of keywords that takes sound in chunks of any size."""

from __future__ import annotations

from typing import Any

import numpy as np
import soxr

from open_seq2seq.config.problems import checked
from open_seq2seq.config.stream_params import StreamParams
from open_seq2seq.data.audio import as_int16
from open_seq2seq.errors import UserError, shown
from open_seq2seq.inference.params import Windows
from open_seq2seq.pretrained.model import PretrainedModel
from open_seq2seq.streaming.events import Event, EventDetector
from open_seq2seq.streaming.incremental import IncrementalScorer
from open_seq2seq.streaming.settings import settings_of
from open_seq2seq.streaming.windows import Scores, WindowScorer

_FULL_SCALE = 32768.0


class StreamingDetector:
    """Sound in, events out; they depend on the sound alone, not on how it was cut into chunks.

        detector = StreamingDetector(open_seq2seq.from_pretrained("result/demo"), threshold=0.8)
        for chunk in chunks:
            for event in detector.push(chunk):
                print(event.end, event.label)

    Attributes:
        sample_rate: of the model, in Hz.
        scores: of the windows that the last `push` completed.
    """

    def __init__(self, model: PretrainedModel, **params: Any) -> None:
        """Begin with nothing heard.

        Args:
            model: what tells the keywords apart.
            params: of `StreamParams`; what is not given is as the model was calibrated.

        Raises:
            UserError: a parameter is wrong, or the network does not hear a whole window.
        """
        self.params = settings_of(model, checked(StreamParams, params, "stream"))
        front_end = model.data_layer
        self.sample_rate: int = front_end.sample_rate
        windows = Windows.of(self.params.window_s, self.params.hop_s, front_end)
        try:
            thresholds = self.params.thresholds_of(model.labels)
        except ValueError as error:
            raise UserError(str(error)) from None
        self._scorer: WindowScorer | IncrementalScorer
        if self.params.method == "incremental":
            self._scorer = IncrementalScorer(model, windows)
        else:
            self._scorer = WindowScorer(windows, model.probabilities)
        self._events = EventDetector(
            model.labels,
            thresholds,
            smoothing=self.params.smoothing,
            min_gap_s=self.params.min_gap_s,
        )
        self.reset()

    @property
    def products_per_second(self) -> float | None:
        """Multiply-adds of the network a second; None where it hears windows."""
        if isinstance(self._scorer, IncrementalScorer):
            return self._scorer.products_per_second
        return None

    def reset(self) -> None:
        """Forget what was heard: the next chunk is the beginning of a stream."""
        self._scorer.reset()
        self._events.reset()
        self._rate: int | None = None
        self._resample: Any = None
        self._n_samples = 0  # taken, at their own rate
        self.scores: list[Scores] = []

    def push(self, samples: np.ndarray, sample_rate: int | None = None) -> list[Event]:
        """Take the next samples and return the events that they bring.

        Args:
            samples: int16, or floats of which 1 is full scale, [samples]; any number of them.
            sample_rate: in Hz; by default the model's. It is that of the whole stream.

        Raises:
            UserError: they are no such samples, or their rate has changed. What was heard before
                stays as it was.
        """
        rate = sample_rate or self.sample_rate
        checked = self._checked(samples, rate)
        if self._rate is None:
            self._rate = rate
            if rate != self.sample_rate:
                stream = soxr.ResampleStream(rate, self.sample_rate, 1, dtype="float32")
                self._resample = stream.resample_chunk
        self._n_samples += len(checked)
        if self._resample is not None:
            checked = self._resample(_as_float(checked))
        if checked.dtype != np.int16:
            checked = as_int16(checked)
        self.scores = list(self._scorer.push(checked))
        return [event for scores in self.scores for event in self._events_of(scores)]

    def _events_of(self, scores: Scores) -> list[Event]:
        start_s, end_s = scores.start / self.sample_rate, scores.end / self.sample_rate
        return self._events.push(start_s, end_s, scores.probabilities)

    def _checked(self, samples: Any, rate: int) -> np.ndarray:
        if not isinstance(samples, np.ndarray) or samples.ndim != 1:
            raise UserError(f"stream: expected an array [samples], got {shown(samples)}")
        if self._rate not in (None, rate):
            raise UserError(
                f"stream: the sample rate has changed from {self._rate} to {rate} Hz; call reset() "
                "before a stream of another rate"
            )
        if samples.dtype == np.int16:
            return samples
        if not np.issubdtype(samples.dtype, np.floating):
            raise UserError(f"stream: expected int16 or floats, got {samples.dtype}")
        is_bad = ~np.isfinite(samples)
        if is_bad.any():
            at_s = (self._n_samples + int(is_bad.argmax())) / rate
            raise UserError(
                f"stream: a sample is NaN or infinite, {at_s:.3f} s after its beginning; leave the "
                "chunk out, or replace such samples by 0"
            )
        return samples

    def state(self) -> dict[str, Any]:
        """Return what `restore` needs to go on from here, in a detector of the same parameters.

        Raises:
            UserError: the stream is resampled, and the filter's state cannot be saved.
        """
        if self._resample is not None:
            raise UserError(
                f"stream: its state cannot be saved while {self._rate} Hz are resampled to "
                f"{self.sample_rate} Hz; resample before, and push {self.sample_rate} Hz"
            )
        return {
            "rate": self._rate,
            "n_samples": self._n_samples,
            "scorer": self._scorer.state(),
            "events": self._events.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.reset()
        self._rate, self._n_samples = state["rate"], state["n_samples"]
        self._scorer.restore(state["scorer"])
        self._events.restore(state["events"])


def _as_float(samples: np.ndarray) -> np.ndarray:
    if samples.dtype == np.int16:
        return samples.astype(np.float32) / np.float32(_FULL_SCALE)
    return samples.astype(np.float32)
