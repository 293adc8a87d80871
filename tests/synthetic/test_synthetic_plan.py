"""The plan of a synthetic dataset: no voice in two splits, and splits by the official rule."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import espeakng_loader
import pytest

from open_seq2seq.data.official_split import official_split
from open_seq2seq.synthetic.plan import plan_clips
from open_seq2seq.synthetic.speakers import HIGH_VOICES, LOW_VOICES, voices_by_split

FAMILIES = (*LOW_VOICES, *HIGH_VOICES)


def test_every_voice_exists_and_is_in_one_family() -> None:
    voices = [voice for family in FAMILIES for voice in family]
    installed = {
        path.name for path in (Path(espeakng_loader.get_data_path()) / "voices" / "!v").iterdir()
    }
    assert len(set(voices)) == len(voices)
    assert set(voices) <= installed


@pytest.mark.parametrize("seed", range(5))
def test_every_family_is_in_one_split(seed: int) -> None:
    by_split = voices_by_split(seed)
    assert sorted([*by_split["train"], *by_split["val"], *by_split["test"]]) == sorted(FAMILIES)
    # a tenth of 28 low and of 12 high voices: 3 + 1
    n_families = {split: len(families) for split, families in by_split.items()}
    assert n_families == {"train": 32, "val": 4, "test": 4}


def test_no_voice_is_shared_between_splits() -> None:
    clips = plan_clips(["yes", "no", "stop"], 60, seed=3)
    splits_of_family: dict[tuple[str, ...], set[str]] = {}
    for clip in clips:
        family = next(family for family in FAMILIES if clip.speaker.voice in family)
        splits_of_family.setdefault(family, set()).add(official_split(clip.speaker.id))
    assert len(splits_of_family) > 20
    assert all(len(splits) == 1 for splits in splits_of_family.values())


def test_a_tenth_of_every_word_is_in_val_and_another_in_test() -> None:
    clips = plan_clips(["yes", "no"], 60, seed=0)
    for word in ("yes", "no"):
        counts = Counter(official_split(c.speaker.id) for c in clips if c.word == word)
        assert counts == {"train": 48, "val": 6, "test": 6}


def test_speakers_say_several_words_and_their_repeats_are_numbered() -> None:
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
    splits = [clip.speaker.split for clip in plan_clips(["yes"], 3, seed=0)]
    assert sorted(splits) == ["test", "train", "val"]
