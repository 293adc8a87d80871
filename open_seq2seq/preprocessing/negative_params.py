"""Which negatives to make, and their parameters."""

from __future__ import annotations

from typing import NamedTuple

from open_seq2seq.errors import UserError

WORDS, DOUBLE, SYNTHETIC, CONFUSABLE = "words", "double", "synthetic", "confusable"
SENTENCES = "sentences"  # recordings, where the others are clips
KINDS = (WORDS, DOUBLE, SYNTHETIC, CONFUSABLE, SENTENCES)
N_CLIPS = 10
N_VOICES = 200
SENTENCE_MINUTES = 60.0


class NegativeParams(NamedTuple):
    """Parameters of the negatives.

    ``n_double`` None is twice the clips of a keyword; ``vocabulary`` None is the shipped list.
    """

    kinds: tuple[str, ...] = ()
    held_out_words: tuple[str, ...] = ()
    n_double: int | None = None
    vocabulary: tuple[str, ...] | None = None
    n_clips: int = N_CLIPS  # of each word
    n_voices: int = N_VOICES
    clip_s: float = 1.0
    sentence_minutes: float = SENTENCE_MINUTES  # of training

    @property
    def are_wanted(self) -> bool:
        return bool(self.kinds or self.held_out_words)


def read_kinds(text: str) -> tuple[str, ...]:
    """Read the kinds of ``--negatives``, in the order of `KINDS`.

    Raises:
        UserError: one is none of them.
    """
    kinds = {kind.strip() for kind in text.split(",")}
    wrong = sorted(kinds - set(KINDS))
    if wrong:
        raise UserError(
            f"--negatives {text}: {wrong[0]!r} is no kind, expected one or more of "
            f"{','.join(KINDS)}, with a comma between them"
        )
    return tuple(kind for kind in KINDS if kind in kinds)
