"""How much of everything is made, and how long is trained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from open_seq2seq.data.official_split import Split


class Amounts(NamedTuple):
    """Numbers of clips, minutes of sound, and steps."""

    n_voices: int  # of all splits together
    of_phrase: Mapping[Split, int]  # clips of each phrase
    of_confusable: Mapping[Split, int]  # clips of each word that sounds like a phrase
    of_word: Mapping[Split, int]  # clips of each other word
    n_words: int  # other words
    n_swapped: int  # phrases with one word changed for any other
    n_double: int  # double words
    speech_minutes: Mapping[Split, float]
    track_minutes: Mapping[Split, float]
    n_rooms: int
    rows_per_epoch: int
    n_epochs: int
    n_evaluations: int  # in training, on validation tracks


FULL = Amounts(
    n_voices=400,
    of_phrase={"train": 2400, "val": 200, "test": 240},
    of_confusable={"train": 16, "val": 1, "test": 1},
    of_word={"train": 3, "val": 1, "test": 0},
    n_words=960,
    n_swapped=60,
    n_double=1500,
    # less than two hours show no rate of 0.5 per hour, and the threshold is put far above it
    speech_minutes={"train": 40, "val": 240, "test": 120},
    track_minutes={"val": 40, "test": 50},
    n_rooms=100,
    rows_per_epoch=8192,
    n_epochs=50,
    n_evaluations=5,
)
QUICK = Amounts(
    n_voices=40,
    of_phrase={"train": 160, "val": 12, "test": 12},
    of_confusable={"train": 2, "val": 1, "test": 1},
    of_word={"train": 1, "val": 1, "test": 0},
    n_words=60,
    n_swapped=10,
    n_double=60,
    speech_minutes={"train": 3, "val": 6, "test": 6},
    track_minutes={"val": 3, "test": 3},
    n_rooms=10,
    rows_per_epoch=1024,
    n_epochs=24,
    n_evaluations=1,
)
