"""Write the clips and the manifests of the negatives, and say what there is."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from open_seq2seq.data.dataset_versions import SILENCE, UNKNOWN
from open_seq2seq.data.manifests import write_manifest
from open_seq2seq.data.official_split import SPLITS
from open_seq2seq.errors import UserError
from open_seq2seq.preprocessing.double_words import make_double_words
from open_seq2seq.preprocessing.layout import negatives_folder
from open_seq2seq.preprocessing.negative_params import (
    CONFUSABLE,
    DOUBLE,
    SENTENCES,
    WORDS,
)
from open_seq2seq.preprocessing.negatives import Plan
from open_seq2seq.preprocessing.splits import crossing_speakers
from open_seq2seq.preprocessing.spoken_negatives import (
    HELD_OUT,
    describe,
    plan_phrases,
    write_list,
    write_spoken,
)
from open_seq2seq.system.terminal import progress_bar


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
    """Write clips and manifests of all kinds into ``folder``, but not the sentences.

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
    with progress_bar(console) as progress:
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
        for split in (*SPLITS, HELD_OUT):
            part = table[table["split"] == split]
            if len(part):
                write_manifest(folder / f"{version}-{kind}-{split}.csv", part)
                rows.append(part[["kind", "label", "word", "speaker", "path", "split"]])
    if not rows:
        if SENTENCES in params.kinds:
            return pd.DataFrame(columns=["kind", "label", "word", "speaker", "path", "split"])
        raise UserError(
            "--held_out_words: the words held out have no clips of test speakers; hold out words "
            "that have, or add --negatives=synthetic, which says them"
        )
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


def _write_double(
    plan: Plan, n_wanted: int, data_dir: Path, folder: Path, seed: int
) -> pd.DataFrame:
    clips = plan.clips
    usable = clips[
        (clips["split"] == "train")
        & ~clips["word"].isin((*plan.held_out, SILENCE))
        & (clips["n_bytes"] > 0)
    ]
    rows = make_double_words(usable, n_wanted, plan.keywords, data_dir, folder, seed)
    if rows.empty:
        raise UserError(
            "--negatives double: no speaker of the training clips says two words of which one "
            "can be made; say who speaks with --speaker_pattern=REGEX, or leave 'double' out"
        )
    return rows.assign(split="train")


def n_crossing_speakers(rows: pd.DataFrame, negatives: pd.DataFrame) -> int:
    """Return the number of speakers in several splits, those of the negatives included."""
    table = pd.concat([rows, negatives], ignore_index=True)
    table = table.assign(split=table["split"].replace(HELD_OUT, "test"))
    return len(crossing_speakers(table[table["speaker"] != ""]))
