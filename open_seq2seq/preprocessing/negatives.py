"""Further clips for the label unknown: which words, and their manifests beside the version's."""

from __future__ import annotations

import functools
import logging
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from rich.console import Console
from rich.progress import Progress

from open_seq2seq.data.dataset_versions import CUSTOM_VERSION, SILENCE, UNKNOWN
from open_seq2seq.data.manifests import write_manifest
from open_seq2seq.errors import UserError, named
from open_seq2seq.preprocessing.dataset import keywords_of
from open_seq2seq.preprocessing.double_words import draw_pairs, write_double_words
from open_seq2seq.preprocessing.held_out import HeldOut
from open_seq2seq.preprocessing.layout import negatives_folder
from open_seq2seq.preprocessing.negative_params import (
    CONFUSABLE,
    DOUBLE,
    SYNTHETIC,
    WORDS,
    NegativeParams,
)
from open_seq2seq.preprocessing.spoken_negatives import (
    HELD_OUT,
    check_keywords,
    choose_confusables,
    choose_vocabulary,
    describe,
    plan_phrases,
    write_list,
    write_spoken,
)
from open_seq2seq.synthetic.confusables import Confusable, says_keyword
from open_seq2seq.synthetic.streams import generator

_SPARE_PAIRS = 4  # for each double word, as many pairs have a half that cannot be used

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

    @property
    def keywords(self) -> tuple[str, ...]:
        return keywords_of(self.labels)


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
        check_keywords(keywords, params.clip_s)
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
            if not each.is_homophone
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
    return Plan(params, labels, clips, others, frozenset(held_words), texts, found)


def write_negatives(
    plan: Plan,
    version: str,
    data_dir: Path,
    prefix: str,
    folder: Path,
    n_keyword_clips: int,
    seed: int,
    console: Console,
) -> pd.DataFrame:
    """Write clips and manifests of all kinds into ``folder``.

    Args:
        plan: what to write.
        version: the version; names begin with it.
        data_dir: the dataset.
        prefix: of the paths of its clips in manifests.
        folder: where to write.
        n_keyword_clips: training clips of a keyword, of which double words are twice as many.
        seed: seed of everything that is drawn.
        console: for the progress.

    Returns:
        all rows, with columns ``kind``, ``label``, ``word``, ``speaker``, ``path`` and ``split``.

    Raises:
        UserError: no double word can be made.
        OSError: a file cannot be written.
    """
    tables = {}
    params = plan.params
    real = plan.others.assign(path=prefix + plan.others["path"])
    if WORDS not in params.kinds:
        real = real[real["split"] == HELD_OUT]
    tables[WORDS] = real
    if DOUBLE in params.kinds:
        n_double = params.n_double or 2 * n_keyword_clips
        tables[DOUBLE] = _write_double(
            plan, n_double, data_dir, folder / negatives_folder(version, DOUBLE), seed
        )
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        for kind, texts in plan.texts.items():
            task = progress.add_task(f"{kind} clips", total=n_spoken(plan, kind))
            tables[kind] = write_spoken(
                kind,
                texts,
                plan.keywords,
                params,
                folder / negatives_folder(version, kind),
                seed,
                functools.partial(progress.advance, task),
            )
    if plan.confusables:
        write_list(folder / f"{version}-confusables.csv", plan.confusables, plan.texts[CONFUSABLE])
    rows = []
    for kind, table in tables.items():
        if kind != WORDS:
            table = table.assign(path=f"{negatives_folder(version, kind)}/" + table["path"])
        index = {word: i for i, word in enumerate(plan.labels) if word in plan.keywords}
        label = table["word"].map(index).fillna(plan.labels.index(UNKNOWN)).astype(int)
        table = table.assign(kind=kind, label=label).sort_values(["label", "path"])
        for split, part in table.groupby("split", sort=False):
            write_manifest(folder / f"{version}-{kind}-{split}.csv", part)
        rows.append(table[["kind", "label", "word", "speaker", "path", "split"]])
    return pd.concat(rows, ignore_index=True)


def n_spoken(planned: Plan, kind: str) -> int:
    """Return the number of synthetic clips of a kind."""
    phrases = plan_phrases(planned.texts[kind], planned.keywords, planned.params)
    return sum(sum(phrase.n_clips.values()) for phrase in phrases)


def about_negatives(plan: Plan, rows: pd.DataFrame) -> dict[str, Any]:
    """Return what the summary says of the negatives: the counts of each manifest, and settings."""
    counts: dict[str, dict[str, dict[str, int]]] = {}
    for (kind, split), part in rows.groupby(["kind", "split"], sort=False):
        is_keyword = part["word"].isin(plan.keywords)
        counts.setdefault(str(kind), {})[str(split)] = {
            "rows": len(part),
            "rows_of_keywords": int(is_keyword.sum()),
            "words": int(part.loc[~is_keyword & (part["word"] != ""), "word"].nunique()),
            "speakers": int(part["speaker"].nunique()),
        }
    return {
        "kinds": plan.params.kinds,
        "held_out_words": plan.params.held_out_words,
        "held_out_with_them": sorted(plan.held_out - set(plan.params.held_out_words)),
        "manifests": counts,
    }


def print_confusables(plan: Plan, console: Console) -> None:
    """Print the nearest confusables of each keyword."""
    for keyword in plan.keywords if plan.confusables else ():
        console.print(
            describe(plan.confusables, keyword), soft_wrap=True, markup=False, highlight=False
        )


def _use(text: str, is_held_out: bool, for_test: set[str]) -> str:
    if is_held_out:
        return HELD_OUT
    return "test" if text in for_test else ""


def _other_words(clips: pd.DataFrame, keywords: tuple[str, ...]) -> pd.DataFrame:
    """Return the clips of words that are neither keywords nor sound like one."""
    others = clips[~clips["word"].isin((*keywords, SILENCE)) & (clips["n_bytes"] > 0)]
    same = {word: says_keyword(word, keywords) for word in sorted(set(others["word"]))}
    homophones = [f"{word} ({keyword})" for word, keyword in same.items() if keyword]
    if homophones:
        logger.warning(
            "words that sound like a keyword are left out of the negatives: %s; leave their "
            "folders out of the dataset, as %s has them too",
            named(homophones, 10),
            repr(UNKNOWN),
        )
    return others[~others["word"].map(same).astype(bool)]


def _write_double(
    plan: Plan, n_wanted: int, data_dir: Path, folder: Path, seed: int
) -> pd.DataFrame:
    clips = plan.clips
    usable = clips[
        (clips["split"] == "train")
        & ~clips["word"].isin((*plan.held_out, SILENCE))
        & (clips["n_bytes"] > 0)
    ]
    rng = generator(seed, "double words")
    pairs = draw_pairs(usable, plan.keywords, _SPARE_PAIRS * n_wanted, rng)
    rows = write_double_words(pairs, n_wanted, plan.keywords, data_dir, folder, seed)
    if rows.empty:
        raise UserError(
            "--negatives double: no speaker of the training clips says two words of which one "
            "can be made; say who speaks with --speaker_pattern=REGEX, or leave 'double' out"
        )
    return rows.assign(split="train")


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
