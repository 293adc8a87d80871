"""How false accepts and recall are measured, and how thresholds are chosen."""

from __future__ import annotations

from pydantic import Field, field_validator

from open_seq2seq.components import PathText, Text
from open_seq2seq.config.stream_params import StreamParams


class DetectParams(StreamParams):
    """What is measured on tracks, how a model listens to them, and the rate that is wanted."""

    detect_dir: PathText | None = Field(
        default=None,
        description="Folder of events.csv, det.json, det.png and summary.json; by default "
        "detection in the logdir.",
    )
    micro_dir: PathText | None = Field(
        default=None,
        description="Folder that export_format=tflite_micro has made of the model: its file is "
        "what listens, in place of the checkpoint; hop_s is the time from call to call.",
    )
    match_tolerance_s: float | None = Field(
        default=None,
        ge=0,
        description="Seconds after the end of a word in which an event still is of that word; by "
        "default window_s + (smoothing - 1) * hop_s, as long as an average holds some of it.",
    )
    false_accepts_per_hour: float = Field(
        default=0.5,
        gt=0,
        description="Wanted rate of false accepts, all labels together: what calibrate aims at, "
        "and what is checked against the hours at hand.",
    )
    calibrate: list[Text] = Field(
        default=[],
        description="Corpora on which thresholds, smoothing and gap are chosen, such as "
        "tracks/val,prompts=FOLDER; the result is saved in the logdir as detector.json.",
    )
    calibrate_smoothings: list[int] = Field(
        default=[1, 2, 3, 5, 8, 12, 16],
        min_length=1,
        description="Numbers of averaged windows that calibrate tries.",
    )
    calibrate_min_gaps: list[float] = Field(
        default=[0.5, 1.0, 2.0],
        min_length=1,
        description="Seconds between two events of one label that calibrate tries.",
    )

    @field_validator("calibrate_smoothings")
    @classmethod
    def _are_counts(cls, values: list[int]) -> list[int]:
        if min(values) < 1:
            raise ValueError(f"expected 1 or more windows, got {min(values)}")
        return values

    @field_validator("calibrate_min_gaps")
    @classmethod
    def _are_times(cls, values: list[float]) -> list[float]:
        if min(values) < 0:
            raise ValueError(f"expected 0 or more seconds, got {min(values)}")
        return values
