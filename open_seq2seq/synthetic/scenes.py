"""Plans of running speech: scenes, in which a few voices say sentences one after the other."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from open_seq2seq.errors import UserError
from open_seq2seq.synthetic.espeak import Utterance
from open_seq2seq.synthetic.grammar import Grammar, allowed_grammar, draw_sentence, grammar
from open_seq2seq.synthetic.languages import draw_foreign, languages
from open_seq2seq.synthetic.speakers import Speaker
from open_seq2seq.synthetic.streams import generator
from open_seq2seq.synthetic.unwanted import Unwanted

ENGLISH = "en"
ENGLISH_PROBABILITY = 0.6  # of what a voice says before the next one speaks
_N_TURNS, _N_SENTENCES = (1, 4), (1, 5)  # of a scene and of a turn; the second one is excluded
_RATE = (0.95, 1.35)  # of a voice's, which is that of single words
_FASTEST_WPM = 240
_TRIES = 300  # so many sentences in a row that are not allowed: there is hardly one that is

_FOREIGN_TRIES = 10  # of which each word was tried before


class Sentence(NamedTuple):
    """What is said, and how."""

    utterance: Utterance
    language: str  # ENGLISH for all its accents

    @property
    def text(self) -> str:
        return self.utterance.text


class Turn(NamedTuple):
    """Sentences of one voice from one place."""

    speaker: Speaker
    sentences: tuple[Sentence, ...]


class Writer:
    """Draws sentences that say none of the keywords.

    Args:
        unwanted: what no sentence says.

    Raises:
        UserError: hardly a sentence is left.
    """

    def __init__(self, unwanted: Unwanted) -> None:
        self._unwanted = unwanted
        self._grammar: Grammar = allowed_grammar(grammar(), unwanted.allows_everywhere)
        self.english("en-us", generator(0, "a sentence"))  # raises where there is none

    def scene(self, speakers: Sequence[Speaker], seed: int, *names: str | int) -> tuple[Turn, ...]:
        """Return the turns of a scene; the draws depend on ``seed`` and ``names``."""
        rng = generator(seed, "scene", *names)
        return tuple(self._turn(speakers, rng) for _ in range(rng.integers(*_N_TURNS)))

    def english(self, accent: str, rng: np.random.Generator) -> str:
        """Return an English sentence.

        Raises:
            UserError: none is found.
        """
        for _ in range(_TRIES):
            text = _try_sentence(self._grammar, rng)
            if text and self._unwanted.allows_english(text, accent):
                return text
        raise UserError(
            "sentences: hardly an English sentence is left without the keywords, the words held "
            "out and what sounds like them; name fewer of them"
        )

    def _turn(self, speakers: Sequence[Speaker], rng: np.random.Generator) -> Turn:
        speaker = speakers[int(rng.integers(len(speakers)))]
        language = ENGLISH
        if rng.random() >= ENGLISH_PROBABILITY:
            others = languages()
            language = others[int(rng.integers(len(others)))].name
        n = int(rng.integers(*_N_SENTENCES))
        return Turn(speaker, tuple(self._sentence(speaker, language, rng) for _ in range(n)))

    def _sentence(self, speaker: Speaker, language: str, rng: np.random.Generator) -> Sentence:
        text = ""
        if language != ENGLISH:
            text = self._foreign(language, rng)
        if not text:
            language, text = ENGLISH, self.english(speaker.accent, rng)
        rate_wpm = min(_FASTEST_WPM, round(speaker.rate_wpm * rng.uniform(*_RATE)))
        accent = speaker.accent if language == ENGLISH else language
        pitch = speaker.pitch + int(rng.integers(-4, 5))
        utterance = Utterance(text, accent, speaker.voice, rate_wpm, pitch, speaker.pitch_range)
        return Sentence(utterance, language)

    def _foreign(self, name: str, rng: np.random.Generator) -> str:
        """Return a sentence in another language, or nothing where all have a keyword."""
        language = next(each for each in languages() if each.name == name)
        is_allowed = functools.partial(self._unwanted.allows_foreign, language=name)
        for _ in range(_FOREIGN_TRIES):
            text = draw_foreign(language, rng, is_allowed)
            if is_allowed(text):
                return text
        return ""


def _try_sentence(rules: Grammar, rng: np.random.Generator) -> str:
    try:
        return draw_sentence(rules, rng)
    except ValueError:
        return ""
