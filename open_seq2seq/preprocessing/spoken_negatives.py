"""Synthetic negatives: words of a vocabulary, and those that sound nearly like a keyword."""

from __future__ import annotations

import csv
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from open_seq2seq.data.dataset_versions import UNKNOWN
from open_seq2seq.data.official_split import SPLITS, Split
from open_seq2seq.errors import UserError, counted, named, shown
from open_seq2seq.preprocessing.held_out import HeldOut
from open_seq2seq.preprocessing.negative_params import NegativeParams
from open_seq2seq.synthetic.confusables import Confusable, confusables_of, says_keyword
from open_seq2seq.synthetic.phrases import Phrase, check_lengths, write_phrases
from open_seq2seq.synthetic.pronunciation import can_say, check_phrases
from open_seq2seq.synthetic.vocabulary import common_words
from open_seq2seq.system.paths import NAME_ERRORS

HELD_OUT = "heldout-test"

logger = logging.getLogger(__name__)


def choose_vocabulary(
    params: NegativeParams, labels: Sequence[str], keywords: Sequence[str], held_out: HeldOut
) -> tuple[str, ...]:
    """Return the words of the vocabulary that are negatives, those held out included.

    Left out are the keywords, what sounds like one, and names of other labels.

    Raises:
        UserError: nothing is left, or the voices cannot say a word.
    """
    given = params.vocabulary
    if given is None:
        given = common_words()
    else:
        try:
            check_phrases(given, params.clip_s)
        except UserError as error:
            raise UserError(f"--vocabulary: {error}") from None
    reserved = {label.casefold() for label in labels} - {UNKNOWN}
    left_out = [
        word for word in given if word.casefold() in reserved or says_keyword(word, keywords)
    ]
    words = [word for word in given if word not in set(left_out)]
    if not words:
        raise UserError(
            f"--vocabulary: {counted(len(left_out), 'word')}, all of which are keywords or sound "
            f"like one ({named(left_out)}); name other words"
        )
    if left_out and params.vocabulary is not None:
        logger.info("vocabulary: keywords, or sound like one: %s", named(left_out, 10))
    words += [word for word in held_out.words if word not in words and can_say(word)]
    return tuple(words)


def choose_confusables(
    params: NegativeParams, labels: Sequence[str], keywords: Sequence[str], others: Sequence[str]
) -> list[Confusable]:
    """Return what sounds like a keyword, homophones included.

    Args:
        params: of the negatives.
        labels: none of them can be a negative.
        keywords: the words to be confused with.
        others: other words of the dataset.
    """
    vocabulary = dict.fromkeys((*(params.vocabulary or ()), *common_words(), *others))
    reserved = {label.casefold() for label in labels} - {UNKNOWN}
    words = [word for word in vocabulary if word.casefold() not in reserved]
    return confusables_of(keywords, words)


def write_spoken(
    kind: str,
    texts: Mapping[str, str],
    keywords: Sequence[str],
    params: NegativeParams,
    folder: Path,
    seed: int,
    on_progress: Callable[[int], None],
) -> pd.DataFrame:
    """Write clips of ``texts`` and of the keywords, which the same voices say.

    The keywords together have as many clips as the texts together, so that a synthetic voice tells
    nothing.

    Args:
        kind: synthetic or confusable.
        texts: what is said, and for what: "" for all splits, "test" for validation and test alone,
            or `HELD_OUT`.
        keywords: the keywords.
        params: of the negatives.
        folder: where to make the folder of the clips.
        seed: of the voices and of the recordings.
        on_progress: called with the number of clips that were written since the last call.

    Returns:
        a table with columns ``word``, ``speaker``, ``path`` (relative to ``folder``) and ``split``,
        which is a split or `HELD_OUT`.
    """
    phrases = plan_phrases(texts, keywords, params)
    clips = write_phrases(
        folder,
        phrases,
        seed=seed,
        group=kind,
        n_voices=params.n_voices,
        clip_s=params.clip_s,
        on_progress=on_progress,
    )
    rows = [
        (
            clip.text,
            clip.speaker,
            clip.path,
            HELD_OUT if texts.get(clip.text) == HELD_OUT else clip.split,
        )
        for clip in clips
    ]
    return pd.DataFrame(rows, columns=["word", "speaker", "path", "split"])


def plan_phrases(
    texts: Mapping[str, str], keywords: Sequence[str], params: NegativeParams
) -> list[Phrase]:
    """Return the phrases with their numbers of clips; the arguments are those of `write_spoken`."""
    n_held_out = max(1, round(params.n_clips / 10))
    n_each: dict[Split, int] = {
        "train": max(1, params.n_clips - 2 * n_held_out),
        "val": n_held_out,
        "test": n_held_out,
    }
    chosen: dict[str, dict[Split, int]] = {
        "": n_each,
        "test": n_each | {"train": 0},
        HELD_OUT: {"test": params.n_clips},
    }
    phrases = [Phrase(text, chosen[use]) for text, use in texts.items()]
    known = [phrase for phrase in phrases if texts[phrase.text] != HELD_OUT]
    of_keyword = {
        split: math.ceil(sum(phrase.n_clips[split] for phrase in known) / len(keywords))
        for split in SPLITS
    }
    return [*(Phrase(keyword, of_keyword) for keyword in keywords), *phrases]


def write_list(path: Path, found: Sequence[Confusable], uses: Mapping[str, str]) -> None:
    """Write the confusables with their distances as CSV, homophones as well.

    Raises:
        OSError: the file cannot be written.
    """
    with open(path, "w", newline="", encoding="utf-8", errors=NAME_ERRORS) as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["keyword", "text", "kind", "distance", "phonemes", "used_in"])
        for each in found:
            used_in = "none" if each.says_keyword else (uses[each.text] or "train")
            phonemes = " ".join(each.phonemes)
            rows.writerow(
                [each.keyword, each.text, each.kind, f"{each.distance:.3f}", phonemes, used_in]
            )


def check_spoken(keywords: Sequence[str], params: NegativeParams) -> None:
    """Refuse lengths that cannot be, and keywords that the voices cannot say within a clip.

    Raises:
        UserError: what is wrong.
    """
    check_lengths(params.clip_s, params.n_voices)
    try:
        check_phrases(keywords, params.clip_s)
    except UserError as error:
        raise UserError(
            f"keywords: {error}; or leave 'synthetic' and 'confusable' out of --negatives"
        ) from None


def describe(found: Sequence[Confusable], keyword: str) -> str:
    """Return the confusables of a keyword in a line, nearest first."""
    own = [each for each in found if each.keyword == keyword and not each.says_keyword]
    words = [f"{each.text} {each.distance:.2g}" for each in own if not each.is_pseudo_word]
    n_pseudo = len(own) - len(words)
    return f"sound like {shown(keyword)}: {named(words, 12)}, {counted(n_pseudo, 'pseudo-word')}"
