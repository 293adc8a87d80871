"""Whether phrases can become a detector, and how long its window has to be."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence

from open_seq2seq.data.dataset_versions import SILENCE, UNKNOWN
from open_seq2seq.data.words import as_word, is_storable
from open_seq2seq.errors import UserError, shown
from open_seq2seq.synthetic.confusables import says_keyword
from open_seq2seq.synthetic.pronunciation import pronounce, seconds_said

_LONGEST_S = 1.5  # of a phrase that is said quickly
_SHORTEST_WINDOW_S, _STEP_S = 1.0, 0.1
_SLOWLY = 2.6  # a phrase that is said slowly, at 100 words per minute, takes so many times as long
_FEW_PHONEMES = 5

logger = logging.getLogger(__name__)


def check_phrases(phrases: Sequence[str]) -> tuple[str, ...]:
    """Return the phrases as labels.

    Raises:
        UserError: one of them cannot be a phrase, or two of them sound alike.
    """
    labels = tuple(" ".join(as_word(phrase).split()) for phrase in phrases)
    for label in labels:
        if label in (UNKNOWN, SILENCE):
            raise UserError(f"phrase {shown(label)}: a label of that name is added by itself")
        if not is_storable(label):
            raise UserError(f"phrase {shown(label)}: expected letters, such as 'hey lamp'")
        _check_length(label)
    for index, label in enumerate(labels):
        others = labels[:index]
        if label in others:
            raise UserError(f"phrase {shown(label)}: it is named twice; name it once")
        for other in others:
            if says_keyword(label, [other]) or says_keyword(other, [label]):
                raise UserError(
                    f"phrases {shown(other)} and {shown(label)}: who says one says the other, or "
                    "they sound alike; a detector cannot tell them apart. Choose another one"
                )
    return labels


def _check_length(label: str) -> None:
    seconds = seconds_said(label)
    if seconds > _LONGEST_S:
        raise UserError(
            f"phrase {shown(label)}: said quickly it takes {seconds:.1f} s, expected "
            f"{_LONGEST_S:g} s at most; choose a phrase of two to five words"
        )
    n_phonemes = len(pronounce(label).phonemes)
    if n_phonemes < _FEW_PHONEMES:
        logger.warning(
            "phrase %s: only %d phonemes, so that many other words and parts of words sound like "
            "it; a phrase of two words, such as 'hey lamp', is mistaken less often",
            shown(label),
            n_phonemes,
        )


def window_seconds(phrases: Sequence[str]) -> float:
    """Return how long a window must be to hold every phrase, said slowly."""
    longest = max(seconds_said(phrase) for phrase in phrases)
    n_steps = math.ceil(_SLOWLY * longest / _STEP_S - 1e-9)
    return max(_SHORTEST_WINDOW_S, round(n_steps * _STEP_S, 1))
