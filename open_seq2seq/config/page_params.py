"""What a user may ask of the page on which a model is tried."""

from __future__ import annotations

from pydantic import Field

from open_seq2seq.config.stream_params import StreamParams


class PageParams(StreamParams):
    """Where the page is, and how its model listens: as in a stream."""

    port: int = Field(
        default=7860,
        ge=0,
        le=65535,
        description="Port of the page, on 127.0.0.1 alone; 0: any that is free.",
    )
