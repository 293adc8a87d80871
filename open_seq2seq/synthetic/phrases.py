"""Clips of any phrases, said by synthetic voices that are in one split each.

    write_phrases(folder, [Phrase("hey lamp", {"train": 400, "val": 50, "test": 50})], clip_s=1.5)

Each clip has another voice, or as many clips as each voice must say have another rate and pitch;
accent, vocal tract, room, noise, microphone, level and the place in the clip vary as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from open_seq2seq.data.official_split import SPLITS, Split
from open_seq2seq.errors import UserError, shown
from open_seq2seq.synthetic.plan import MIN_SPEAKERS, Clip
from open_seq2seq.synthetic.production import write_sounds
from open_seq2seq.synthetic.pronunciation import check_phrases
from open_seq2seq.synthetic.speakers import HELD_OUT_FRACTION, RATE_WPM, Speaker, make_speakers
from open_seq2seq.synthetic.streams import generator
from open_seq2seq.system.cores import n_cores

N_VOICES = 200
SHORTEST_S, LONGEST_S = 0.5, 10.0


class Phrase(NamedTuple):
    """Words, or phonemes in ``[[ ]]``, and how often they are said for each split."""

    text: str
    n_clips: Mapping[Split, int]

    @property
    def is_phonemes(self) -> bool:
        return self.text.startswith("[[") and self.text.endswith("]]")


class SpokenClip(NamedTuple):
    """A clip that was written; ``path`` is relative to the folder, with slashes."""

    text: str
    split: Split
    speaker: str
    path: str


def write_phrases(
    folder: Path,
    phrases: Sequence[Phrase],
    *,
    seed: int = 0,
    group: str = "",
    n_voices: int = N_VOICES,
    clip_s: float = 1.0,
    rate_wpm: tuple[int, int] = RATE_WPM,
    n_jobs: int = 0,
    on_progress: Callable[[int], None] = lambda n_clips: None,
) -> list[SpokenClip]:
    """Write clips of every phrase, 16 kHz mono PCM16, and return what was written.

    The same arguments produce the same bytes, whatever ``n_jobs`` is. No voice is in two splits,
    with the same ``seed`` in several calls neither.

    Args:
        folder: a new folder; it is made, with a folder for each phrase.
        phrases: what is said; each text once.
        seed: seed of the voices and of all other draws, 0 or more.
        group: calls with another one have other recordings of the same phrase.
        n_voices: number of voices, four fifths of them for training.
        clip_s: length of a clip in seconds; a tenth of the clips is shorter.
        rate_wpm: words per minute of the slowest and of the quickest voice, 80 or more.
        n_jobs: number of recording processes; 0: one per core.
        on_progress: called with the number of clips that were written since the last call.

    Raises:
        UserError: an argument is invalid, a phrase cannot be said or takes longer than a clip, or
            espeak-ng is missing.
        OSError: a clip cannot be written.
    """
    check_lengths(clip_s, n_voices)
    texts: set[str] = set()
    for phrase in phrases:
        if phrase.text in texts:
            raise UserError(f"phrases: {shown(phrase.text)} appears twice; name each phrase once")
        texts.add(phrase.text)
    check_phrases((phrase.text for phrase in phrases if not phrase.is_phonemes), clip_s)
    speakers = make_speakers(voices_per_split(n_voices), seed, rate_wpm=rate_wpm)
    folder.mkdir(parents=True)
    clips = []
    for i, phrase in enumerate(phrases):
        name = f"{i:04d}-{_slug(phrase.text)}".rstrip("-")
        (folder / name).mkdir()
        for split in SPLITS:
            clips += _cast(phrase, split, speakers[split], name, seed, group)
    if clips:
        talkers = speakers["train"]
        write_sounds(
            folder, clips, seed, n_jobs or n_cores(), on_progress, clip_s=clip_s, talkers=talkers
        )
    said = {phrase.text.strip("[]"): phrase.text for phrase in phrases if phrase.is_phonemes}
    return [
        SpokenClip(
            said[clip.word] if clip.is_phonemes else clip.word,
            clip.speaker.split,
            clip.speaker.id,
            clip.path,
        )
        for clip in clips
    ]


def voices_per_split(n_voices: int) -> dict[Split, int]:
    """Return the number of voices of each split: a tenth each in val and test, the rest in train.

    Each has enough to use all families of voices that are its own.
    """
    n_held_out = max(MIN_SPEAKERS, round(HELD_OUT_FRACTION * n_voices))
    n_train = max(MIN_SPEAKERS, n_voices - 2 * n_held_out)
    return {"train": n_train, "val": n_held_out, "test": n_held_out}


def check_lengths(clip_s: float, n_voices: int) -> None:
    """Refuse a length of clips or a number of voices that cannot be.

    Raises:
        UserError: one of them is out of its range.
    """
    if not SHORTEST_S <= clip_s <= LONGEST_S:
        raise UserError(
            f"length of clips, clip_s, {clip_s:g}: expected {SHORTEST_S:g} to {LONGEST_S:g} "
            "seconds; 1 is that of Speech Commands' clips"
        )
    check_voices(n_voices)


def check_voices(n_voices: int) -> None:
    """Refuse a number of voices that cannot be.

    Raises:
        UserError: it is less than 1.
    """
    if n_voices < 1:
        raise UserError(f"n_voices: {n_voices}, expected 1 or more; {N_VOICES} is the default")


def _cast(
    phrase: Phrase, split: Split, speakers: Sequence[Speaker], folder: str, seed: int, group: str
) -> list[Clip]:
    """Return the clips of a phrase for one split: each voice says it before one says it again."""
    word = phrase.text
    if phrase.is_phonemes:
        word = word.strip("[]")
    order = generator(seed, "cast", group, phrase.text, split).permutation(len(speakers))
    return [
        Clip(
            word,
            speakers[order[k % len(order)]],
            k // len(order),
            phrase.is_phonemes,
            folder,
            group or "phrases",
        )
        for k in range(phrase.n_clips.get(split, 0))
    ]


def _slug(text: str) -> str:
    """Return what of ``text`` can be in the name of a folder on any disk."""
    kept = "".join(char if char.isascii() and char.isalnum() else "_" for char in text)
    return kept.strip("_")[:40]
