"""Synthetic clips of the phrases and of what is none, with a manifest for each source and split."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from open_seq2seq.data.dataset_versions import CUSTOM_VERSION, UNKNOWN
from open_seq2seq.data.manifests import write_labels, write_manifest
from open_seq2seq.data.official_split import SPLITS, Split
from open_seq2seq.phrase.amounts import Amounts
from open_seq2seq.phrase.texts import Texts
from open_seq2seq.preprocessing.double_words import make_double_words
from open_seq2seq.synthetic.phrases import Phrase, SpokenClip, write_phrases

CLIPS = "clips"
LABELS_FILE = f"{CUSTOM_VERSION}-labels.txt"
PHRASE, CONFUSABLE, WORDS, DOUBLE = "phrase", "confusable", "words", "double"
# people say a command more slowly than speech goes: recordings of "stop" take 0.45 s (median),
# where voices of the default rates take 0.37 s
_RATE_WPM = (80, 176)
_DOUBLED_WORDS = 150  # others that are halved, so that pairs stay few


def labels_of(phrases: Sequence[str]) -> tuple[str, ...]:
    """Return the labels of a detector of phrases."""
    return (*phrases, UNKNOWN)


def manifest_name(source: str, split: Split) -> str:
    """Return the name of a manifest."""
    return f"{source}-{split}.csv"


def plan(phrases: Sequence[str], texts: Texts, amounts: Amounts) -> list[Phrase]:
    """Return what is said how often."""
    return [
        *(Phrase(text, amounts.of_phrase) for text in phrases),
        *(Phrase(text, amounts.of_confusable) for text in (*texts.confusables, *texts.swapped)),
        *(Phrase(text, amounts.of_word) for text in texts.words),
    ]


def write_clips(
    folder: Path,
    phrases: Sequence[str],
    texts: Texts,
    amounts: Amounts,
    *,
    clip_s: float,
    seed: int,
    on_progress: Callable[[int], None],
) -> dict[str, int]:
    """Write the clips, the labels file and the manifests.

    Args:
        folder: an existing folder.
        phrases: the labels.
        texts: what else is said.
        amounts: how often.
        clip_s: length of a clip, in seconds.
        seed: of voices and all other draws.
        on_progress: is told of clips that were written since the last call.

    Returns:
        the number of rows of each manifest.

    Raises:
        UserError: a phrase takes longer than a clip, or espeak-ng is missing.
        OSError: something cannot be written.
    """
    clips = write_phrases(
        folder / CLIPS,
        plan(phrases, texts, amounts),
        seed=seed,
        group="detector",
        n_voices=amounts.n_voices,
        clip_s=clip_s,
        rate_wpm=_RATE_WPM,
        on_progress=on_progress,
    )
    labels = labels_of(phrases)
    write_labels(folder / LABELS_FILE, labels)
    table = _table(clips, labels, texts)
    counts = {}
    for source in (PHRASE, CONFUSABLE, WORDS):
        for split in SPLITS:
            rows = table[(table["source"] == source) & (table["split"] == split)]
            if len(rows):
                counts[manifest_name(source, split)] = _write(folder, source, split, rows)
    doubled = _double_words(folder, table, phrases, amounts, seed)
    if len(doubled):
        doubled = doubled.assign(label=labels.index(UNKNOWN))
        counts[manifest_name(DOUBLE, "train")] = _write(folder, DOUBLE, "train", doubled)
    # what validation and test say; in validation exported files are compared with the checkpoint,
    # and of a few hundred clips three would be more than the one point that they may lose
    for split in SPLITS[1:]:
        rows = table[table["source"].isin((PHRASE, CONFUSABLE, WORDS)) & (table["split"] == split)]
        counts[manifest_name(CUSTOM_VERSION, split)] = _write(folder, CUSTOM_VERSION, split, rows)
    return counts


def _table(clips: Sequence[SpokenClip], labels: tuple[str, ...], texts: Texts) -> pd.DataFrame:
    """Return a row for each clip: label, word, speaker, path, split and source."""
    sources = dict.fromkeys(texts.words, WORDS) | dict.fromkeys(labels, PHRASE)
    index = {label: i for i, label in enumerate(labels)}
    return pd.DataFrame(
        {
            "label": [index.get(clip.text, index[UNKNOWN]) for clip in clips],
            "word": [clip.text for clip in clips],
            "speaker": [clip.speaker for clip in clips],
            "path": [f"{CLIPS}/{clip.path}" for clip in clips],
            "split": [clip.split for clip in clips],
            "source": [sources.get(clip.text, CONFUSABLE) for clip in clips],
        }
    )


def _write(folder: Path, source: str, split: Split, rows: pd.DataFrame) -> int:
    write_manifest(folder / manifest_name(source, split), rows)
    return len(rows)


def _double_words(
    folder: Path, table: pd.DataFrame, phrases: Sequence[str], amounts: Amounts, seed: int
) -> pd.DataFrame:
    """Write halves of a phrase, or of a word, with halves of other words of the same voice."""
    words = sorted(set(table.loc[table["source"] == WORDS, "word"]))[:_DOUBLED_WORDS]
    clips = table[(table["split"] == "train") & table["word"].isin([*phrases, *words])]
    made = make_double_words(clips, amounts.n_double, phrases, folder, folder / DOUBLE, seed)
    return made.assign(path=f"{DOUBLE}/" + made["path"])
