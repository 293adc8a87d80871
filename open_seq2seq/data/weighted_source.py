"""One of several sources of training clips, with its share of an epoch."""

from __future__ import annotations

from pydantic import Field, model_validator

from open_seq2seq.components import Params, PathText, Text
from open_seq2seq.data.dataset_versions import UNKNOWN


class WeightedSource(Params):
    """Manifests, or running speech, that are a given share of every epoch."""

    dataset_files: list[PathText] = Field(
        default=[], description="Manifests of the source, which are read one after the other."
    )
    recordings: PathText | None = Field(
        default=None,
        description="Folder of recordings, or a manifest, instead of dataset_files: running "
        "speech, from which pieces are cut at random places, others in each epoch. There must be "
        "no keyword in it.",
    )
    label: Text = Field(
        default=UNKNOWN, description="Label of the pieces that are cut of recordings."
    )
    weight: float = Field(
        default=1.0,
        ge=0,
        description="Sampling weight: an epoch has as many rows of the source as its weight among "
        "all weights says; dataset_files beside sources have weight 1. 0: the source is not used.",
    )
    loss_weight: float = Field(
        default=1.0, ge=0, description="Factor of the loss of the rows of the source."
    )

    own_classes: bool = Field(
        default=True,
        description="Whether, with merge_unknown, the words of the source's unknown rows are "
        "classes of their own; False for many words with few clips each.",
    )

    @model_validator(mode="after")
    def _check_kind(self) -> WeightedSource:
        if bool(self.dataset_files) == (self.recordings is not None):
            raise ValueError("give either dataset_files or recordings")
        return self
