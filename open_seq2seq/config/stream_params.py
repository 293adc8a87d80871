"""How a stream is listened to, and what counts as a keyword in it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from open_seq2seq.components import Params, Text
from open_seq2seq.data.dataset_versions import SILENCE, UNKNOWN
from open_seq2seq.inference.params import check_thresholds, check_windows


class StreamParams(Params):
    """Windows of a stream, smoothing of their probabilities, and thresholds of events."""

    method: Literal["windows", "incremental"] = Field(
        default="windows",
        description="How the network hears: each window by itself, as a clip; or, for BC-ResNet "
        "and for TDNN with stride 1 and pooling, each frame once, without padding.",
    )
    window_s: float = Field(
        default=1.0, gt=0, description="Seconds of the window that the network hears at a time."
    )
    hop_s: float = Field(
        default=0.1, gt=0, description="Seconds from one window to the next, and so of the delay."
    )
    smoothing: int = Field(
        default=8,
        gt=0,
        description="Number of windows whose probabilities are averaged; no event comes before "
        "there are as many.",
    )
    threshold: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="Averaged probability from which on a label is an event.",
    )
    thresholds: dict[Text, float] = Field(
        default={}, description="Thresholds of single labels, such as {'yes': 0.8}."
    )
    min_gap_s: float = Field(
        default=1.0, ge=0, description="Seconds between two events of one label at least."
    )
    quiet_labels: list[Text] = Field(
        default=[UNKNOWN, SILENCE], description="Labels that are never an event."
    )

    @field_validator("thresholds")
    @classmethod
    def _are_probabilities(cls, thresholds: dict[str, float]) -> dict[str, float]:
        return check_thresholds(thresholds)

    @model_validator(mode="after")
    def _check_hop(self) -> StreamParams:
        check_windows(self.window_s, self.hop_s)
        return self

    def given(self) -> dict[str, Any]:
        """Return the parameters that were given, without those that have their defaults."""
        return {name: getattr(self, name) for name in sorted(self.model_fields_set)}

    @property
    def stream(self) -> StreamParams:
        """The parameters of the detector alone; the same of them count as given."""
        given = self.given()
        return StreamParams(
            **{name: given[name] for name in StreamParams.model_fields if name in given}
        )

    def thresholds_of(self, labels: tuple[str, ...]) -> list[float | None]:
        """Return the threshold of each label, None for those that are never an event.

        Raises:
            ValueError: `thresholds` names a label that there is not.
        """
        unknown = sorted(set(self.thresholds) - set(labels))
        if unknown:
            raise ValueError(
                f"thresholds: the model has no label {unknown[0]!r}; its labels are "
                f"{', '.join(labels)}"
            )
        return [
            None if label in self.quiet_labels else self.thresholds.get(label, self.threshold)
            for label in labels
        ]
