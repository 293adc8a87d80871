"""What a user may ask of a detector that is made from phrases alone."""

from __future__ import annotations

from pydantic import Field

from open_seq2seq.components import Params, PathText, Text


class PhraseParams(Params):
    """Which recordings there are besides synthetic speech, and what is wanted."""

    negatives: PathText | None = Field(
        default=None,
        description="Folder of recordings in which nobody says a phrase, three at least; each is "
        "for training, for calibration or for testing. By default that is synthetic speech.",
    )
    recordings: PathText | None = Field(
        default=None,
        description="Folder of recordings of the phrase, one utterance each; of several phrases a "
        "folder each, named like the phrase. A part is kept for testing.",
    )
    speaker_pattern: Text | None = Field(
        default=None,
        description="Regular expression that is searched in the names of --recordings; its first "
        "group is the speaker. By default the speaker stands before _nohash_.",
    )
    false_accepts_per_hour: float = Field(
        default=0.5, gt=0, description="Wanted rate of false accepts, all phrases together."
    )
    seed: int = Field(default=0, ge=0, description="Seed of all draws.")
