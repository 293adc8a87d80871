"""Further clips for the label unknown: which words, and their manifests beside the version's."""

from __future__ import annotations

import logging
from typing import NamedTuple

import pandas as pd

from open_seq2seq.data.dataset_versions import CUSTOM_VERSION, SILENCE, UNKNOWN
from open_seq2seq.errors import UserError, named
from open_seq2seq.preprocessing.dataset import keywords_of
from open_seq2seq.preprocessing.held_out import HeldOut
from open_seq2seq.preprocessing.negative_params import (
    CONFUSABLE,
    SENTENCES,
    SYNTHETIC,
    WORDS,
    NegativeParams,
)
from open_seq2seq.preprocessing.sentence_recordings import check_sentences
from open_seq2seq.preprocessing.spoken_negatives import (
    HELD_OUT,
    check_spoken,
    choose_confusables,
    choose_vocabulary,
)
from open_seq2seq.synthetic.confusables import Confusable, says_keyword

logger = logging.getLogger(__name__)

Texts = dict[str, str]  # what is said -> for which splits, see `write_spoken`


class Plan(NamedTuple):
    """What is to be written."""

    params: NegativeParams
    labels: tuple[str, ...]
    clips: pd.DataFrame  # of all words of the dataset
    others: pd.DataFrame  # of those that are negatives, with split `HELD_OUT` where held out
    held_out: frozenset[str]  # words of the dataset
    texts: dict[str, Texts]  # by kind
    confusables: list[Confusable]
    for_test: frozenset[str]  # words of the dataset that no training speaker says

    @property
    def keywords(self) -> tuple[str, ...]:
        return keywords_of(self.labels)

    @property
    def unsaid(self) -> tuple[str, ...]:
        """What no sentence says, beside the words held out."""
        return (*self.keywords, *sorted(self.for_test))


def plan_negatives(
    clips: pd.DataFrame, labels: tuple[str, ...], version: str, params: NegativeParams
) -> Plan:
    """Choose the words of each kind of negative, before anything is written.

    Args:
        clips: all clips of the dataset, with columns ``word``, ``speaker``, ``path``, ``n_bytes``
            and ``split``.
        labels: the names of the labels in index order.
        version: the version that the labels are of.
        params: what to make.

    Raises:
        UserError: there is no label unknown, or nothing to make of what is asked for.
    """
    _refuse_without_unknown(labels, version, params)
    keywords = keywords_of(labels)
    if {SYNTHETIC, CONFUSABLE} & set(params.kinds):
        check_spoken(keywords, params)
    others = _other_words(clips, keywords)
    words = sorted(set(others["word"]))
    held_out = HeldOut(params.held_out_words, labels)
    held_words = held_out.among(words)
    _refuse_unknown_words(params, words)
    # a word of validation or test speakers alone is a test of words that were never heard
    trained = set(others.loc[others["split"] == "train", "word"])
    for_test = set(words) - trained
    texts: dict[str, Texts] = {}
    found: list[Confusable] = []
    if SYNTHETIC in params.kinds:
        vocabulary = choose_vocabulary(params, labels, keywords, held_out)
        texts[SYNTHETIC] = {word: _use(word, held_out.has(word), for_test) for word in vocabulary}
    if CONFUSABLE in params.kinds:
        found = choose_confusables(params, labels, keywords, words)
        texts[CONFUSABLE] = {
            each.text: _use(each.text, held_out.has_confusable(each), for_test)
            for each in found
            if not each.says_keyword
        }
    for kind, uses in texts.items():
        if "" not in uses.values():
            raise UserError(
                f"--negatives {kind}: no word is left for training: {len(uses)} are held out; "
                "hold out fewer words, or give a larger --vocabulary"
            )
    if WORDS in params.kinds and not trained - held_words:
        raise UserError(
            "--negatives words: the dataset has no training clips of other words; add folders of "
            "other words, or leave 'words' out"
        )
    if held_words:
        logger.info("held out, with what sounds like it: %s", named(sorted(held_words), 20))
    is_held = others["word"].isin(held_words)
    others = others.assign(
        split=others["split"].mask(is_held & (others["split"] == "test"), HELD_OUT)
    )
    others = others[~is_held | (others["split"] == HELD_OUT)]
    plan = Plan(
        params, labels, clips, others, frozenset(held_words), texts, found, frozenset(for_test)
    )
    if SENTENCES in params.kinds:
        check_sentences(plan.unsaid, params)
    return plan


def without_held_out(held_out: frozenset[str], clips: pd.DataFrame) -> pd.DataFrame:
    """Return the clips of the words that are not held out of the label unknown.

    Raises:
        UserError: the label would have no word.
    """
    kept = clips[~clips["word"].isin(held_out)]
    if kept["label"].nunique() < clips["label"].nunique():
        raise UserError(
            f"--held_out_words: with what sounds like them they are all words of the label "
            f"{UNKNOWN!r} ({named(sorted(held_out), 10)}); hold out fewer"
        )
    return kept


def _use(text: str, is_held_out: bool, for_test: set[str]) -> str:
    if is_held_out:
        return HELD_OUT
    return "test" if text in for_test else ""


def _other_words(clips: pd.DataFrame, keywords: tuple[str, ...]) -> pd.DataFrame:
    """Return the clips of words that are neither keywords nor sound like one."""
    others = clips[~clips["word"].isin((*keywords, SILENCE)) & (clips["n_bytes"] > 0)]
    words = sorted(set(others["word"]))
    homophones = {word: same for word in words if (same := says_keyword(word, keywords))}
    if homophones:
        logger.warning(
            "words that sound like a keyword are left out of the negatives: %s; leave their "
            "folders out of the dataset, as %s has them too",
            named([f"{word} ({same})" for word, same in homophones.items()], 10),
            repr(UNKNOWN),
        )
    return others[~others["word"].isin(homophones)]


def _refuse_without_unknown(labels: tuple[str, ...], version: str, params: NegativeParams) -> None:
    if UNKNOWN in labels:
        return
    flag = f"--negatives {','.join(params.kinds)}"
    if not params.kinds:
        flag = f"--held_out_words {','.join(params.held_out_words)}"
    remedy = "leave --no_unknown out"
    if version != CUSTOM_VERSION:
        remedy = "choose --dataset_version v1-12 or v2-12, or name keywords with --keywords=A,B,C"
    raise UserError(f"{flag}: its clips have the label {UNKNOWN!r}, which there is not; {remedy}")


def _refuse_unknown_words(params: NegativeParams, words: list[str]) -> None:
    """Refuse words to hold out of which there would be no clip."""
    if SYNTHETIC in params.kinds:
        return
    missing = [word for word in params.held_out_words if word not in words]
    if missing:
        raise UserError(
            f"--held_out_words: no clips of {named(missing)}; words with clips are "
            f"{named(words, 50)}; --negatives=synthetic says others"
        )
