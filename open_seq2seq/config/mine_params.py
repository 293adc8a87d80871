"""What a user may ask of mining: how a detector listens, and what is kept of it."""

from __future__ import annotations

from pydantic import Field

from open_seq2seq.components import Text
from open_seq2seq.config.stream_params import StreamParams
from open_seq2seq.data.dataset_versions import UNKNOWN


class MineParams(StreamParams):
    """False accepts of a detector as clips to train on."""

    most: int = Field(
        default=1000, gt=0, description="Clips that are kept at most, those of highest score first."
    )
    margin_s: float = Field(
        default=0.1,
        ge=0,
        description="Seconds that a clip has before and after the window that was heard.",
    )
    clip_s: float = Field(
        default=1.0, gt=0, description="Seconds that a clip has at least, as those of training."
    )
    label: Text = Field(
        default=UNKNOWN, description="Label of the model that the clips get in the manifest."
    )

    def stream_values(self) -> dict[str, object]:
        """Return what was said of the detector; what was not is left to it."""
        said = self.model_fields_set & set(StreamParams.model_fields)
        return {name: getattr(self, name) for name in sorted(said)}
