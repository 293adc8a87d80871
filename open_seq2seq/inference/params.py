"""What a user may ask of inference, beside the model and the recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pydantic import Field, field_validator, model_validator

from open_seq2seq.components import Params, Text
from open_seq2seq.errors import UserError

if TYPE_CHECKING:
    from open_seq2seq.data.front_end import FrontEnd

_DEFAULT_WINDOW_S = 1.0  # the length of the clips that most models are trained on


def check_windows(window_s: float, hop_s: float) -> None:
    """Refuse a hop that leaves sound out.

    Raises:
        ValueError: it is longer than the window.
    """
    if hop_s > window_s:
        raise ValueError(
            f"hop_s {hop_s:g} is longer than window_s {window_s:g}: what lies between two windows "
            "would not be heard"
        )


def check_thresholds(thresholds: dict[str, float]) -> dict[str, float]:
    """Return thresholds by label.

    Raises:
        ValueError: one is no probability that an event could have.
    """
    for label, threshold in thresholds.items():
        if not 0 < threshold <= 1:
            raise ValueError(f"expected above 0 and up to 1 for {label!r}, got {threshold}")
    return thresholds


class InferenceParams(Params):
    """How recordings are cut, and what is told of each piece."""

    window_s: float | None = Field(
        default=None,
        gt=0,
        description="Seconds of each window that a recording is cut into; None: one label for the "
        "whole recording, or 1 s if hop_s is given.",
    )
    hop_s: float | None = Field(
        default=None,
        gt=0,
        description="Seconds from the start of a window to that of the next one; by default half "
        "of window_s.",
    )
    top_k: int = Field(
        default=1, gt=0, description="Number of labels that are told of each piece, best first."
    )
    min_probability: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Probability that the best label must have; below it the label is empty.",
    )

    thresholds: dict[Text, float] = Field(
        default={},
        description="Probabilities that single labels must have to be the best label, such as "
        "{'yes': 0.8}; below it the label is empty.",
    )
    calibrated_thresholds: bool = Field(
        default=False,
        description="Whether the thresholds of single windows of detector.json, which "
        "--mode=detect calibrates, are asked of all labels that thresholds does not name.",
    )

    @field_validator("thresholds")
    @classmethod
    def _are_probabilities(cls, thresholds: dict[str, float]) -> dict[str, float]:
        return check_thresholds(thresholds)

    @model_validator(mode="after")
    def _check_hop(self) -> InferenceParams:
        if self.hop_s is not None:
            check_windows(self.window_s or _DEFAULT_WINDOW_S, self.hop_s)
        return self

    def windows(self, front_end: FrontEnd) -> Windows | None:
        """Return the windows in samples, None for whole recordings.

        Raises:
            UserError: the model cannot hear all of a window.
        """
        if self.window_s is None and self.hop_s is None:
            return None
        window_s = self.window_s or _DEFAULT_WINDOW_S
        hop_s = self.hop_s or window_s / 2
        return Windows.of(window_s, hop_s, front_end)


class Windows(NamedTuple):
    """Overlapping windows of a recording, in samples."""

    length: int
    hop: int

    @classmethod
    def of(cls, window_s: float, hop_s: float, front_end: FrontEnd) -> Windows:
        """Return windows of a front end's samples.

        Raises:
            UserError: the model cannot hear all of a window.
        """
        # a clip of exactly an image's length has one frame more than the image
        longest_s = front_end.image_s + front_end.hop_length / front_end.sample_rate
        if window_s > longest_s:
            raise UserError(
                f"window_s: {window_s:g} is longer than what the model hears at a time, "
                f"{front_end.image_s:g} s; give no more than that"
            )
        return cls(*(max(1, round(s * front_end.sample_rate)) for s in (window_s, hop_s)))
