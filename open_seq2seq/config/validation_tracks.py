"""Long recordings on which a run counts false accepts at each evaluation."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from open_seq2seq.components import Params, Text
from open_seq2seq.config.detect_params import DetectParams
from open_seq2seq.inference.params import check_windows


class ValidationTracks(Params):
    """At each evaluation the model listens to tracks as in ``--mode=detect``.

    Thresholds are set for a wanted rate of false accepts, and the recall at that rate is the metric
    ``false_accepts``: false accepts come first, recall second.
    """

    tracks: list[Text] = Field(
        min_length=1,
        description="Corpora of tracks, as in --mode=detect: paths, or name=path; with keywords "
        "and without.",
    )
    false_accepts_per_hour: float = Field(
        default=1.0, gt=0, description="Wanted rate of false accepts, all labels together."
    )
    method: Literal["windows", "incremental"] = Field(
        default="windows", description="Method of listening, as in --mode=stream."
    )
    window_s: float = Field(
        default=1.0, gt=0, description="Seconds of the window that the network hears at a time."
    )
    hop_s: float = Field(default=0.1, gt=0, description="Seconds from one window to the next.")

    @model_validator(mode="after")
    def _check_hop(self) -> ValidationTracks:
        check_windows(self.window_s, self.hop_s)
        return self

    @property
    def detect_params(self) -> DetectParams:
        """The same in the words of ``--mode=detect``."""
        return DetectParams(
            method=self.method,
            window_s=self.window_s,
            hop_s=self.hop_s,
            false_accepts_per_hour=self.false_accepts_per_hour,
        )
