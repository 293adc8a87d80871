"""Plan of a synthetic dataset: its words, speakers and repeats, before any sound is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from open_seq2seq.data.official_split import Split
from open_seq2seq.synthetic.espeak import Utterance
from open_seq2seq.synthetic.speakers import HELD_OUT_FRACTION, Speaker, make_speakers
from open_seq2seq.synthetic.streams import generator

MIN_CLIPS_PER_WORD = 3  # one for each split
MAX_REPEATS = 3  # clips of one word by one speaker
MIN_SPEAKERS = 8  # per split; fewer would leave most of its voices unused


class Clip(NamedTuple):
    """The ``n``-th time that ``speaker`` says ``word``.

    A clip with a ``group`` has other draws than the one of another group that is else the same.
    """

    word: str
    speaker: Speaker
    n: int
    is_phonemes: bool = False
    folder: str = ""  # of the file, if it is not the word
    group: str = ""

    @property
    def path(self) -> str:
        """Path of the file in the dataset, ``word/speaker_nohash_n.wav``."""
        return f"{self.folder or self.word}/{self.speaker.id}_nohash_{self.n}.wav"

    @property
    def names(self) -> tuple[str | int, ...]:
        """What the clip's random draws depend on."""
        names = (self.word, self.speaker.id, self.n)
        return (*names, self.group) if self.group else names


def plan_clips(words: Sequence[str], clips_per_word: int, seed: int) -> list[Clip]:
    """Return ``clips_per_word`` clips of every word, a tenth in val and another in test.

    Args:
        words: the words.
        clips_per_word: at least `MIN_CLIPS_PER_WORD`.
        seed: seed of the speakers and of their choice.
    """
    n_held_out = max(1, round(HELD_OUT_FRACTION * clips_per_word))
    quotas: dict[Split, int] = {
        "train": clips_per_word - 2 * n_held_out,
        "val": n_held_out,
        "test": n_held_out,
    }
    # as many speakers as clips of a word; with up to three repeats, about half of them say it
    speakers = make_speakers(
        {split: max(quota, MIN_SPEAKERS) for split, quota in quotas.items()}, seed
    )
    return [
        clip
        for word in words
        for split, quota in quotas.items()
        for clip in _draw_clips(word, speakers[split], quota, seed)
    ]


def _draw_clips(word: str, speakers: Sequence[Speaker], quota: int, seed: int) -> list[Clip]:
    """Return ``quota`` clips of ``word``, up to `MAX_REPEATS` by each of random ``speakers``."""
    rng = generator(seed, "cast", word, speakers[0].split)
    clips: list[Clip] = []
    for index in rng.permutation(len(speakers)):
        n_repeats = min(int(rng.integers(1, MAX_REPEATS + 1)), quota - len(clips))
        clips += [Clip(word, speakers[index], n) for n in range(n_repeats)]
    return clips


def utterance_of(clip: Clip, seed: int) -> Utterance:
    """Return the clip's word with the speaker's voice; rate and pitch vary from clip to clip."""
    rng = generator(seed, "utterance", *clip.names)
    speaker = clip.speaker
    return Utterance(
        text=clip.word,
        accent=speaker.accent,
        voice=speaker.voice,
        rate_wpm=round(speaker.rate_wpm * rng.uniform(0.93, 1.07)),
        pitch=speaker.pitch + int(rng.integers(-4, 5)),
        pitch_range=speaker.pitch_range,
        is_phonemes=clip.is_phonemes,
    )
