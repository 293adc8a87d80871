"""What a calibration has chosen, and what it rests on: ``detector.json`` beside a run's models."""

from __future__ import annotations

from pydantic import Field

from open_seq2seq.components import Params, Text
from open_seq2seq.config.problems import checked
from open_seq2seq.config.stream_params import StreamParams

# with other values of these, probabilities are others, and so are the thresholds that suit them
_HEARING = ("method", "window_s", "hop_s", "smoothing")


class CorpusCounts(Params):
    """What the chosen settings did on one corpus of the calibration."""

    name: Text = Field(description="Of the corpus.")
    path: Text = Field(description="Of its folder or recording.")
    hours: float = Field(ge=0, description="Hours of sound.")
    said: int = Field(ge=0, description="Number of keywords that are said.")
    found: int = Field(ge=0, description="Number of them that were found.")
    false_accepts: int = Field(ge=0, description="Number of events that no keyword explains.")


class Calibration(Params):
    """Settings of a detector that were chosen on tracks, and the counts that they gave there."""

    checkpoint_step: int | None = Field(description="Step of the checkpoint it was made for.")
    false_accepts_per_hour: float = Field(gt=0, description="Rate that was wanted.")
    stream: StreamParams = Field(description="How a stream is listened to.")
    window_thresholds: dict[Text, float] = Field(
        description="Thresholds of single windows, for --mode=infer, at the same rate."
    )
    extrapolated: bool = Field(
        description="Whether the thresholds lie above all that the recordings hold."
    )
    corpora: list[CorpusCounts] = Field(description="What it was made on.")
    recall_interval: tuple[float, float] = Field(description="95 % interval of the recall.")
    rate_interval: tuple[float, float] = Field(
        description="95 % interval of the false accepts per hour."
    )

    @property
    def hours(self) -> float:
        """Hours of sound, all corpora together."""
        return sum(corpus.hours for corpus in self.corpora)

    def apply(self, given: StreamParams) -> StreamParams:
        """Return the calibrated settings, with what was given in their place.

        A threshold for all labels takes the place of the thresholds of single ones.

        Raises:
            UserError: what was given does not fit to the calibrated rest.
        """
        values = dict(self.stream)
        own = given.given()
        if "threshold" in own:
            values["thresholds"] = {}
        elif "thresholds" in own:
            own["thresholds"] = {**self.stream.thresholds, **own["thresholds"]}
        return checked(StreamParams, {**values, **own}, "with what was calibrated, detector.json")

    def misfits(self, given: StreamParams) -> list[str]:
        """Return what was given that the calibrated thresholds are not made for, as flags."""
        own = given.given()
        if "threshold" in own:
            return []
        return [
            f"{name}={own[name]:g}" if isinstance(own[name], float) else f"{name}={own[name]}"
            for name in _HEARING
            if name in own and own[name] != getattr(self.stream, name)
        ]
