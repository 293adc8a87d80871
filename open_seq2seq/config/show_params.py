"""What a user may ask of ``--mode=show_data``."""

from __future__ import annotations

from pydantic import Field

from open_seq2seq.components import Params, PathText


class ShowParams(Params):
    """Which clips are shown, and where the pictures go."""

    show_dir: PathText = Field(
        default="shown_data", description="New or empty folder of the page and the pictures."
    )
    num_shown: int = Field(
        default=4,
        gt=0,
        le=100,
        description="Training clips that are drawn at random, where none are named.",
    )
