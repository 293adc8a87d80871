"""The split rule against the lists that Google published with Speech Commands v0.02."""

from __future__ import annotations

import pytest

from open_seq2seq.data.official_split import official_split, speaker_of

PUBLISHED = {  # from validation_list.txt and testing_list.txt; training clips are in neither
    "val": [
        "0e17f595_nohash_0.wav",
        "16db1582_nohash_0.wav",
        "dca2797e_nohash_0.wav",
        "bdee441c_nohash_3.wav",
    ],
    "test": [
        "2005ca25_nohash_0.wav",
        "893705bb_nohash_1.wav",
        "1528225c_nohash_0.wav",
        "24ad3ebe_nohash_2.wav",
    ],
    "train": [
        "004ae714_nohash_1.wav",
        "ea1f888c_nohash_0.wav",
        "96a48d28_nohash_3.wav",
        "70a00e98_nohash_0.wav",
    ],
}


@pytest.mark.parametrize(
    ("split", "name"), [(split, name) for split, names in PUBLISHED.items() for name in names]
)
def test_published_clips_have_their_published_split(split: str, name: str) -> None:
    assert official_split(speaker_of(name)) == split


def test_the_speaker_is_the_part_before_nohash() -> None:
    assert speaker_of("0e17f595_nohash_12.wav") == "0e17f595"
    assert speaker_of("mine.wav") == "mine.wav"
