"""Words that are kept out of training, with all that sounds like them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from open_seq2seq.errors import UserError, shown
from open_seq2seq.synthetic.confusables import Confusable, limit_for, says_keyword, sounds_like
from open_seq2seq.synthetic.phoneme_distance import distance
from open_seq2seq.synthetic.pronunciation import can_say, pronounce


class HeldOut:
    """The words held out: those that a user names, and those near them.

    Args:
        words: what the user names.
        labels: none of them may be a label.

    Raises:
        UserError: a word is a label.
    """

    def __init__(self, words: Sequence[str], labels: Sequence[str]) -> None:
        spelled = {label.casefold(): label for label in labels}
        for word in words:
            if word.casefold() in spelled:
                raise UserError(
                    f"--held_out_words: {shown(word)} is a label; hold out words that are none"
                )
        self.words = tuple(words)
        self._said = [pronounce(word) for word in words if can_say(word)]

    def has(self, text: str) -> bool:
        """Tell whether ``text`` is, says or sounds like one of the words."""
        if not self.words:
            return False
        if not can_say(text):
            return text.casefold() in (word.casefold() for word in self.words)
        if says_keyword(text, self.words):
            return True
        return any(sounds_like(word, pronounce(text)) for word in self._said)

    def among(self, texts: Iterable[str]) -> set[str]:
        """Return those of ``texts`` that are held out."""
        return {text for text in texts if self.has(text)}

    def has_confusable(self, found: Confusable) -> bool:
        """Tell the same of a confusable, which can be a pseudo-word."""
        if not found.is_pseudo_word:
            return self.has(found.text)
        return any(
            distance(accent, found.phonemes) <= limit_for(word) + 1e-6
            for word in self._said
            for accent in word.by_accent
        )
