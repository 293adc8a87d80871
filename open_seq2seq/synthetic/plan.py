"""Who says which word how often: the clips of a synthetic data set, before any sound is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from open_seq2seq.data.official_split import Split
from open_seq2seq.synthetic.espeak import Utterance
from open_seq2seq.synthetic.speakers import HELD_OUT_SHARE, Speaker, make_speakers
from open_seq2seq.synthetic.streams import generator

MIN_CLIPS_PER_WORD = 3  # one for each split
MAX_REPEATS = 3  # how often a speaker says one word
_MIN_SPEAKERS = 8  # of a split; fewer would hardly use its voices


class Clip(NamedTuple):
    """The ``n``-th time that ``speaker`` says ``word``."""

    word: str
    speaker: Speaker
    n: int

    @property
    def path(self) -> str:
        """The file's path in the data set, ``word/speaker_nohash_n.wav``."""
        return f"{self.word}/{self.speaker.id}_nohash_{self.n}.wav"


def plan_clips(words: Sequence[str], clips_per_word: int, seed: int) -> list[Clip]:
    """Return ``clips_per_word`` clips (at least `MIN_CLIPS_PER_WORD`) of every word, a tenth each
    in val and test.
    """
    n_held_out = max(1, round(HELD_OUT_SHARE * clips_per_word))
    quotas: dict[Split, int] = {
        "train": clips_per_word - 2 * n_held_out,
        "val": n_held_out,
        "test": n_held_out,
    }
    # As many speakers as clips of a word: with up to three repeats, each word is said by about half
    # of them.
    speakers = make_speakers(
        {split: max(quota, _MIN_SPEAKERS) for split, quota in quotas.items()}, seed
    )
    return [
        clip
        for word in words
        for split, quota in quotas.items()
        for clip in _cast(word, speakers[split], quota, seed)
    ]


def _cast(word: str, speakers: Sequence[Speaker], quota: int, seed: int) -> list[Clip]:
    """Let random ``speakers`` of one split say ``word`` up to `MAX_REPEATS` times each until
    ``quota`` is reached.
    """
    rng = generator(seed, "cast", word, speakers[0].split)
    clips: list[Clip] = []
    for index in rng.permutation(len(speakers)):
        n_repeats = min(int(rng.integers(1, MAX_REPEATS + 1)), quota - len(clips))
        clips += [Clip(word, speakers[index], n) for n in range(n_repeats)]
    return clips


def utterance_of(clip: Clip, seed: int) -> Utterance:
    """Return how the clip's word is said: in the speaker's manner, a little different each time."""
    rng = generator(seed, "utterance", clip.word, clip.speaker.id, clip.n)
    speaker = clip.speaker
    return Utterance(
        text=clip.word,
        accent=speaker.accent,
        voice=speaker.voice,
        rate_wpm=round(speaker.rate_wpm * rng.uniform(0.93, 1.07)),
        pitch=speaker.pitch + int(rng.integers(-4, 5)),
        pitch_range=speaker.pitch_range,
    )
