"""The splits and the official split rule of Speech Commands: the speaker alone decides.

The rule is that of the dataset's README and of `which_set` in TensorFlow's speech_commands
example: every clip of a speaker lands in the same split, and adding clips moves none of the old
ones.
"""

from __future__ import annotations

import hashlib
import re
from typing import Literal, get_args

from open_seq2seq.system.paths import NAME_ERRORS

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
PUBLISHED_LISTS = {"val": "validation_list.txt", "test": "testing_list.txt"}

MAX_NUM_WAVS_PER_CLASS = 2**27 - 1  # about 134 million, the example's constant
VALIDATION_PERCENTAGE = 10.0
TESTING_PERCENTAGE = 10.0


def speaker_of(file_name: str) -> str:
    """Return the speaker part of a clip's base name, ``0a7c2a8d_nohash_0.wav`` -> ``0a7c2a8d``.

    A name without ``_nohash_`` is returned whole, extension and all, as the published rule hashes
    it.
    """
    return re.sub(r"_nohash_.*$", "", file_name)


def official_split(speaker: str) -> Split:
    """Return the split that the official rule gives to ``speaker``, as `speaker_of` returns it.

    Four fifths of the speakers are for training.
    """
    digest = int(hashlib.sha1(speaker.encode("utf-8", NAME_ERRORS)).hexdigest(), 16)
    percentage = (digest % (MAX_NUM_WAVS_PER_CLASS + 1)) * (100.0 / MAX_NUM_WAVS_PER_CLASS)
    if percentage < VALIDATION_PERCENTAGE:
        return "val"
    if percentage < VALIDATION_PERCENTAGE + TESTING_PERCENTAGE:
        return "test"
    return "train"
