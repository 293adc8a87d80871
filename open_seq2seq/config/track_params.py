"""What a user may ask of tracks: what is in them, how much of it, and how loud."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from open_seq2seq.components import Params, PathText, Text

OWN = "own"  # a background: each clip's own quiet level
REST = "unknown"  # a speech: the manifest's clips of that label
_OF_ALL = {"sample_rate", "seed"}
# what each way of making tracks takes; anything else would have no effect
_TAKEN = {
    "--join": _OF_ALL | {"join", "gap_s", "track_minutes"},
    f"--background={OWN}": _OF_ALL
    | {"manifest", "labels_file", "background", "hours", "track_minutes", "gap_s"},
    "--protocol=mlperf": _OF_ALL
    | {"manifest", "labels_file", "background", "speech", "protocol", "keyword"},
}


class TrackParams(Params):
    """Keywords at known times in noise, silence and other speech; or recordings, joined."""

    manifest: PathText | None = Field(
        default=None,
        description="Manifest of the clips that are said in the tracks, of validation or test; "
        "rows of the label silence are left out.",
    )
    labels_file: PathText | None = Field(
        default=None,
        description="File with one label per line; by default <version>-labels.txt beside the "
        "manifest.",
    )
    hours: float | None = Field(
        default=None,
        gt=0,
        le=1000,
        description="Hours in all; by default each clip is said once.",
    )
    track_minutes: float = Field(
        default=30.0, gt=0, description="Longest length of a track file, in minutes."
    )
    clips_per_hour: float = Field(
        default=240.0,
        gt=0,
        le=3600,
        description="Clips in an hour; labels are as frequent as in the manifest, and every clip "
        "is said before any is repeated.",
    )
    gap_s: list[float] = Field(
        default=[2.0, 4.0],
        description="Shortest and longest gap between two clips, in seconds; with --join, between "
        "two recordings.",
    )
    snr_db: list[float] = Field(
        default=[0.0, 20.0],
        description="Lowest and highest ratio of a word to the noise around it, in dB.",
    )
    noise_db: list[float] = Field(
        default=[-50.0, -30.0],
        description="Lowest and highest level of noise, as RMS in dB of full scale.",
    )
    speech_db: list[float] = Field(
        default=[-35.0, -20.0],
        description="Lowest and highest level of other speech, as RMS in dB of full scale.",
    )
    background: PathText | None = Field(
        default=None,
        description="Noise: a folder of recordings, a recording or a manifest; by default it is "
        "generated. 'own': nothing but each clip's own quiet level goes on before and after it.",
    )
    speech: PathText | None = Field(
        default=None,
        description="Other speech, without keywords: a folder of recordings, a recording or a "
        "manifest; 'unknown': the manifest's clips of that label, one after the other; by default "
        "there is none.",
    )
    speech_fraction: float = Field(
        default=0.25,
        ge=0,
        le=1,
        description="Fraction of the time that is other speech, if there is --speech.",
    )
    silence_fraction: float = Field(
        default=0.1, ge=0, le=1, description="Fraction of the time that is digital silence."
    )
    stretch_s: list[float] = Field(
        default=[20.0, 60.0],
        description="Shortest and longest stretch of one background, in seconds.",
    )
    protocol: Literal["mlperf"] | None = Field(
        default=None,
        description="'mlperf': 20 minutes with 50 times one keyword in the first half and much "
        "speech in the second one, after MLPerf Tiny's streaming wakeword.",
    )
    keyword: Text | None = Field(default=None, description="Label that the protocol is for.")
    join: PathText | None = Field(
        default=None,
        description="Folder of recordings without keywords that become long tracks, one recording "
        "after the other with silence between them; nothing else is made.",
    )
    sample_rate: int = Field(
        default=16000, ge=1000, le=192000, description="Sample rate of the tracks, in Hz."
    )
    seed: int = Field(
        default=0, ge=0, description="Seed of all draws; the same flags give the same bytes."
    )

    @field_validator("gap_s", "snr_db", "noise_db", "speech_db", "stretch_s")
    @classmethod
    def _is_range(cls, bounds: list[float]) -> list[float]:
        if len(bounds) != 2:
            raise ValueError(f"expected two numbers, the lowest and the highest one, got {bounds}")
        if bounds[0] > bounds[1]:
            low, high = bounds
            raise ValueError(
                f"expected the lowest number first, got {low:g},{high:g}; say {high:g},{low:g}"
            )
        return bounds

    @field_validator("noise_db", "speech_db")
    @classmethod
    def _is_level(cls, bounds: list[float]) -> list[float]:
        if bounds[1] > 0:
            raise ValueError(f"expected levels of 0 dB, full scale, or below, got {bounds[1]:g}")
        return bounds

    @field_validator("gap_s")
    @classmethod
    def _is_gap(cls, bounds: list[float]) -> list[float]:
        if bounds[0] < 0:
            raise ValueError(f"expected 0 or more seconds, got {bounds[0]:g}")
        return bounds

    @field_validator("stretch_s")
    @classmethod
    def _is_stretch(cls, bounds: list[float]) -> list[float]:
        if bounds[0] < 1 or bounds[1] > 600:
            raise ValueError(f"expected 1 to 600 seconds, got {bounds[0]:g},{bounds[1]:g}")
        return bounds

    @model_validator(mode="after")
    def _check_way(self) -> TrackParams:
        if self.join is None and self.manifest is None:
            raise ValueError(
                "name a manifest of clips with --manifest, or a folder of recordings with --join"
            )
        if (self.protocol is None) != (self.keyword is None):
            raise ValueError(
                "--protocol and --keyword go together: --protocol=mlperf --keyword=stop"
            )
        way = self.way
        ineffective = sorted(self.model_fields_set - _TAKEN.get(way, self.model_fields_set))
        if ineffective:
            raise ValueError(f"--{ineffective[0]} has no effect with {way}; leave one of them out")
        if self.protocol is not None and self.background == OWN:
            raise ValueError(f"--background={OWN} has no effect with {way}; leave one of them out")
        if self.speech_fraction + self.silence_fraction > 1:
            raise ValueError(
                f"speech_fraction {self.speech_fraction:g} and silence_fraction "
                f"{self.silence_fraction:g} are more than 1 together"
            )
        return self

    @property
    def way(self) -> str:
        """How the tracks are made: a key of what each way takes, or "" for the general one."""
        if self.join is not None:
            return "--join"
        if self.protocol is not None:
            return "--protocol=mlperf"
        return f"--background={OWN}" if self.background == OWN else ""
