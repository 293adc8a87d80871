"""Who speaks where: no voice in two splits, identities that the official rule agrees with."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import espeakng_loader
import pytest

from open_seq2seq.data.official_split import official_split
from open_seq2seq.synthetic.plan import plan_clips
from open_seq2seq.synthetic.speakers import HIGH_VOICES, LOW_VOICES, voices_by_split

FAMILIES = (*LOW_VOICES, *HIGH_VOICES)


def test_every_voice_exists_and_stands_in_one_family() -> None:
    voices = [voice for family in FAMILIES for voice in family]
    installed = {
        path.name for path in (Path(espeakng_loader.get_data_path()) / "voices" / "!v").iterdir()
    }
    assert len(set(voices)) == len(voices)
    assert set(voices) <= installed


@pytest.mark.parametrize("seed", range(5))
def test_families_are_dealt_out_once(seed: int) -> None:
    dealt = voices_by_split(seed)
    assert sorted(family for families in dealt.values() for family in families) == sorted(FAMILIES)
    # a tenth of 28 low and of 12 high voices: 3 + 1
    assert {split: len(families) for split, families in dealt.items()} == {
        "train": 32,
        "val": 4,
        "test": 4,
    }


def test_no_voice_is_shared_between_splits() -> None:
    clips = plan_clips(["yes", "no", "stop"], 60, seed=3)
    splits_of_family: dict[tuple[str, ...], set[str]] = {}
    for clip in clips:
        family = next(family for family in FAMILIES if clip.speaker.voice in family)
        splits_of_family.setdefault(family, set()).add(official_split(clip.speaker.id))
    assert len(splits_of_family) > 20
    assert all(len(splits) == 1 for splits in splits_of_family.values())


def test_a_tenth_of_every_word_is_held_out_twice() -> None:
    counts = Counter(
        (clip.word, official_split(clip.speaker.id))
        for clip in plan_clips(["yes", "no"], 60, seed=0)
    )
    assert counts == {
        (word, s): n for word in ("yes", "no") for s, n in (("train", 48), ("val", 6), ("test", 6))
    }


def test_speakers_say_several_words_and_count_their_repeats() -> None:
    clips = plan_clips(["yes", "no", "up"], 60, seed=0)
    assert len({clip.path for clip in clips}) == len(clips)
    words_of: dict[str, set[str]] = {}
    for clip in clips:
        words_of.setdefault(clip.speaker.id, set()).add(clip.word)
    assert max(map(len, words_of.values())) == 3
    paths = {clip.path for clip in clips}
    for clip in clips:
        assert all(clip._replace(n=n).path in paths for n in range(clip.n))


def test_smallest_plan_has_every_split() -> None:
    assert sorted(clip.speaker.split for clip in plan_clips(["yes"], 3, seed=0)) == [
        "test",
        "train",
        "val",
    ]
