"""How espeak-ng pronounces a phrase in each accent, and whether its voices can say it at all."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Iterable
from typing import NamedTuple

from open_seq2seq.errors import UserError, shown
from open_seq2seq.synthetic.espeak import ESPEAK_RATE, Espeak, Utterance
from open_seq2seq.synthetic.phoneme_distance import Token, as_token, distance, phonemes_of
from open_seq2seq.synthetic.recording import SPEECH_FRACTION
from open_seq2seq.synthetic.speakers import ACCENTS

REFERENCE_ACCENT = "en-us"
_REFERENCE_VOICE = "m3"
_FAST_WPM = 260  # speech that must be faster is no longer natural
_SAID_MARKS = " '’-_.,!?"


class Pronunciation(NamedTuple):
    """A phrase and its phonemes."""

    text: str
    words: tuple[tuple[Token, ...], ...]  # in the reference accent, with stress, word by word
    by_accent: frozenset[tuple[str, ...]]  # in every accent, without stress

    @property
    def phonemes(self) -> tuple[str, ...]:
        """The phonemes in the reference accent, without stress."""
        return phonemes_of([token.name for word in self.words for token in word])

    def distance_to(self, other: Pronunciation) -> float:
        """Return the distance in the reference accent."""
        return distance(self.phonemes, other.phonemes)

    def nearest_to(self, other: Pronunciation) -> float:
        """Return the smallest distance of any of the accents' pronunciations."""
        return min(distance(one, two) for one in self.by_accent for two in other.by_accent)


@functools.cache
def _espeak() -> Espeak:
    return Espeak()


@functools.cache
def pronounce(text: str) -> Pronunciation:
    """Return how the voices pronounce ``text``.

    Raises:
        UserError: it has no letters, or what they cannot say.
    """
    _check_letters(text)
    spoken = text.replace("_", " ")
    tokens = {accent: _espeak().phonemes(spoken, accent) for accent in ACCENTS}
    if any("(" in token for words in tokens.values() for word in words for token in word):
        raise UserError(f"phrase {shown(text)}: espeak-ng would say it in another language")
    reference = tokens[REFERENCE_ACCENT]
    words = tuple(tuple(map(as_token, word)) for word in reference)
    by_accent = {
        phonemes_of([as_token(token).name for word in words for token in word])
        for words in tokens.values()
    }
    if not all(by_accent):
        raise UserError(
            f"phrase {shown(text)}: espeak-ng has no phonemes for it; write it as it is spoken"
        )
    return Pronunciation(text, words, frozenset(by_accent))


def can_say(text: str) -> bool:
    """Tell whether `pronounce` has phonemes for ``text``.

    Raises:
        UserError: espeak-ng is missing.
    """
    _espeak()
    try:
        pronounce(text)
    except UserError:
        return False
    return True


@functools.lru_cache(maxsize=1 << 14)
def sounds_in(text: str, accent: str) -> tuple[tuple[str, ...], ...]:
    """Return the phonemes of each word of English ``text`` in an accent, without stress."""
    words = _espeak().phonemes(text, accent)
    return tuple(phonemes_of([as_token(token).name for token in word]) for word in words)


def symbols_in(text: str, language: str) -> list[list[str]]:
    """Return the phonemes of each word in another language, in IPA, with stress.

    A language that is switched to is in parentheses, "(en)".
    """
    return _espeak().phonemes(text, language, ipa=True)


def check_phrases(texts: Iterable[str], clip_s: float) -> None:
    """Refuse phrases that the voices cannot say, or not within a clip.

    Args:
        texts: the phrases.
        clip_s: length of a clip in seconds.

    Raises:
        UserError: what is wrong with the first of them.
    """
    for text in texts:
        n_seconds = seconds_said(text)
        if n_seconds > SPEECH_FRACTION * clip_s:
            raise UserError(
                f"phrase {shown(text)}: said quickly it takes {n_seconds:.1f} s, too long for a "
                f"clip of {clip_s:g} s; choose a shorter phrase, or clips of "
                f"{n_seconds / SPEECH_FRACTION:.1f} s or more"
            )


def seconds_said(text: str) -> float:
    """Return how long ``text`` takes if it is said quickly.

    Raises:
        UserError: the voices cannot say it.
    """
    pronounce(text)
    utterance = Utterance(
        text.replace("_", " "), REFERENCE_ACCENT, _REFERENCE_VOICE, _FAST_WPM, 50, 50
    )
    n_seconds = len(_espeak().say(utterance)) / ESPEAK_RATE
    if n_seconds == 0:
        raise UserError(f"phrase {shown(text)}: espeak-ng says nothing; write it in words")
    return n_seconds


def _check_letters(text: str) -> None:
    letters = [char for char in text if unicodedata.category(char).startswith("L")]
    if not letters:
        raise UserError(f"phrase {shown(text)}: no letters, expected words such as 'hey lamp'")
    for char in text:
        category = unicodedata.category(char)
        is_latin = category.startswith("L") and unicodedata.name(char, "").startswith("LATIN")
        if not (is_latin or category in ("Nd", "Mn") or char in _SAID_MARKS):
            raise UserError(
                f"phrase {shown(text)}: the English voices cannot say {char!r}; expected Latin "
                "letters, so write the phrase as an English reader would say it"
            )
