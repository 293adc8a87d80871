"""Manifests of a dataset version: scan, split, draw unknown, cut noise, balance and write."""

from __future__ import annotations

import json
import logging
import re
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from rich.console import Console

from open_seq2seq.data.dataset_versions import CUSTOM_VERSION, SILENCE, UNKNOWN
from open_seq2seq.data.manifests import write_labels, write_manifest
from open_seq2seq.data.official_split import SPLITS
from open_seq2seq.errors import UserError, counted
from open_seq2seq.preprocessing.balance import balance_classes, draw_evenly, rows_beside_keywords
from open_seq2seq.preprocessing.dataset import keywords_of, scan_clips, select_words
from open_seq2seq.preprocessing.finished_files import put_in_place
from open_seq2seq.preprocessing.layout import negatives_files, noise_folder, silence_folder
from open_seq2seq.preprocessing.negative_manifests import (
    about_negatives,
    n_crossing_speakers,
    print_confusables,
    write_negatives,
)
from open_seq2seq.preprocessing.negative_params import SENTENCES, NegativeParams
from open_seq2seq.preprocessing.negatives import Plan, plan_negatives, without_held_out
from open_seq2seq.preprocessing.same_audio import warn_of_shared_audio
from open_seq2seq.preprocessing.sentence_recordings import (
    about_sentences,
    print_sentences,
    write_recordings,
)
from open_seq2seq.preprocessing.silence import (
    NoiseFile,
    find_noise,
    list_noise,
    write_noise,
    write_silence,
)
from open_seq2seq.preprocessing.speakers import warn_of_unknown_speakers
from open_seq2seq.preprocessing.splits import (
    AT_RANDOM,
    refuse_crossing_speakers,
    refuse_empty_splits,
    split_officially,
    split_randomly,
)
from open_seq2seq.preprocessing.summary import (
    count_rows,
    print_negatives,
    print_summary,
    totals,
    warn_of_few_rows,
)
from open_seq2seq.system.paths import NAME_ERRORS

logger = logging.getLogger(__name__)


class Settings(NamedTuple):
    """Settings of the preprocessing.

    ``speakers`` finds the speaker in a file name, see `speakers.speaker_in`; ``command`` is only
    recorded in the summary.
    """

    data_dir: Path
    output_dir: Path
    version: str
    labels: tuple[str, ...]
    split: str = "official"
    speakers: re.Pattern[str] | None = None
    seed: int = 0
    balance: bool = True
    command: str = ""
    negatives: NegativeParams = NegativeParams()


def prepare(settings: Settings, console: Console) -> None:
    """Write manifests, labels, silence clips, noise and summary, and print the counts.

    ``settings.output_dir`` changes only when everything is written. The same settings and clips
    produce the same bytes.

    Raises:
        UserError: the dataset lacks what the version needs, or the output cannot be written.
    """
    rng = np.random.default_rng(settings.seed)
    clips, split_rule, planned = _split_clips(settings, rng)
    n_beside = rows_beside_keywords(
        _keyword_rows(clips, settings.labels), len(keywords_of(settings.labels))
    )
    if UNKNOWN in settings.labels:
        clips = _draw_unknown(clips, settings.labels.index(UNKNOWN), n_beside, rng)
    warn_of_shared_audio(clips, settings.data_dir)
    has_silence = SILENCE in settings.labels
    noise = _noise(settings)
    try:
        settings.output_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            prefix=f".{settings.version}-", dir=settings.output_dir
        ) as folder:
            new, old = Path(folder) / "new", Path(folder) / "old"
            new.mkdir()
            old.mkdir()
            rows = clips.assign(path=_prefix(settings) + clips["path"])
            if has_silence:
                silence_dir = silence_folder(settings.version)
                written = write_silence(noise, n_beside, new / silence_dir, rng)
                label = settings.labels.index(SILENCE)
                rows = pd.concat(
                    [rows, _silence_rows(written, label, silence_dir)], ignore_index=True
                )
            if noise:
                write_noise(noise, new / noise_folder(settings.version))
            rows = _in_order(rows, settings.balance, rng)
            counts, total = count_rows(rows, settings.labels), totals(rows)
            for split in SPLITS:
                write_manifest(
                    new / f"{settings.version}-{split}.csv", rows[rows["split"] == split]
                )
            write_labels(new / f"{settings.version}-labels.txt", settings.labels)
            counts.to_csv(
                new / f"{settings.version}-summary.csv",
                index=False,
                lineterminator="\n",
                errors=NAME_ERRORS,
            )
            about = _about(settings, split_rule) | total
            if planned:
                negatives = write_negatives(
                    planned,
                    settings.version,
                    settings.data_dir,
                    _prefix(settings),
                    new,
                    n_beside["train"],
                    settings.seed,
                    console,
                )
                about["negatives"] = about_negatives(planned, negatives)
                if SENTENCES in settings.negatives.kinds:
                    said = write_recordings(
                        planned.unsaid,
                        planned.params,
                        settings.version,
                        new,
                        settings.seed,
                        console,
                    )
                    about["negatives"]["sentences"] = about_sentences(said, planned.params)
                    negatives = pd.concat([negatives, said], ignore_index=True)
                about["speakers_in_several_splits"] = n_crossing_speakers(rows, negatives)
            (new / f"{settings.version}-summary.json").write_text(
                json.dumps(about, indent=2) + "\n", encoding="utf-8"
            )
            # those of an earlier call may have other labels
            put_in_place(new, settings.output_dir, old, negatives_files(settings.version))
    except OSError as error:
        raise UserError(
            f"--output_dir {settings.output_dir}: cannot write there ({error.strerror or error}); "
            "earlier manifests are unchanged; free disk space, or choose a writable folder"
        ) from None
    warn_of_few_rows(total["rows"])
    print_summary(counts, total, f"{settings.version} ({split_rule})", console)
    if planned:
        print_confusables(planned, console)
        print_negatives(about["negatives"]["manifests"], settings.version, console)
        print_sentences(about["negatives"].get("sentences", {}), settings.version, console)
        console.print(
            f"speakers in more than one split, negatives as well: "
            f"{about['speakers_in_several_splits']}"
        )
    console.print(f"written to {settings.output_dir}", soft_wrap=True)


def _split_clips(
    settings: Settings, rng: np.random.Generator
) -> tuple[pd.DataFrame, str, Plan | None]:
    """Return the version's clips with their labels and splits, the split rule, and negatives."""
    clips = scan_clips(settings.data_dir, settings.speakers)
    if settings.split == "official":
        split, rule = split_officially(clips, settings.data_dir)
    else:
        split, rule = split_randomly(clips, rng), AT_RANDOM
    scanned = clips.assign(split=split)
    clips = select_words(scanned, settings.version, settings.labels)
    warn_of_unknown_speakers(clips, settings.speakers)
    if settings.split == "official":
        refuse_crossing_speakers(clips if not settings.negatives.are_wanted else scanned)
    planned = None
    if settings.negatives.are_wanted:
        planned = plan_negatives(scanned, settings.labels, settings.version, settings.negatives)
        clips = without_held_out(planned.held_out, clips)
    refuse_empty_splits(clips, settings.labels, keywords_of(settings.labels), rule)
    return clips, rule, planned


def _noise(settings: Settings) -> list[NoiseFile]:
    if SILENCE not in settings.labels:
        return list_noise(settings.data_dir)
    if settings.version == CUSTOM_VERSION:
        return find_noise(settings.data_dir)
    return find_noise(
        settings.data_dir, "choose a version without silence (--dataset_version v1-30 or v2)"
    )


def _keyword_rows(clips: pd.DataFrame, labels: tuple[str, ...]) -> pd.DataFrame:
    return clips[clips["word"].isin(keywords_of(labels))]


def _draw_unknown(
    clips: pd.DataFrame, unknown: int, n_rows: dict[str, int], rng: np.random.Generator
) -> pd.DataFrame:
    """Draw ``n_rows`` of the rows with label ``unknown`` in each split, and keep all other rows."""
    drawn = []
    for split in SPLITS:
        rows = clips[(clips["label"] == unknown) & (clips["split"] == split)]
        n_wanted = n_rows[split]
        if len(rows) < n_wanted:
            logger.warning(
                "split %r: only %d of %s for label unknown",
                split,
                len(rows),
                counted(n_wanted, "clip"),
            )
        drawn.append(draw_evenly(rows, n_wanted, rng))
    return pd.concat([clips[clips["label"] != unknown], *drawn], ignore_index=True)


def _silence_rows(written: dict[str, list[str]], label: int, folder: str) -> pd.DataFrame:
    rows = [
        (label, SILENCE, "", f"{folder}/{path}", split)
        for split in SPLITS
        for path in written[split]
    ]
    return pd.DataFrame(rows, columns=["label", "word", "speaker", "path", "split"])


def _in_order(rows: pd.DataFrame, balance: bool, rng: np.random.Generator) -> pd.DataFrame:
    """Sort the rows by label and path and, with ``balance``, duplicate training rows."""
    rows = rows.sort_values(["label", "path"], ignore_index=True)
    in_train = rows["split"] == "train"
    train = rows[in_train]
    if balance:
        train = balance_classes(train, rng)
    return pd.concat([train, rows[~in_train]], ignore_index=True)


def _prefix(settings: Settings) -> str:
    """Return the prefix of a clip's path in the manifests.

    It is relative if the dataset is inside the output folder, so that both can be moved.
    """
    data_dir, output_dir = settings.data_dir.resolve(), settings.output_dir.resolve()
    if data_dir == output_dir:
        return ""
    if data_dir.is_relative_to(output_dir):
        return f"{data_dir.relative_to(output_dir).as_posix()}/"
    return f"{data_dir.as_posix()}/"


def _about(settings: Settings, split_rule: str) -> dict[str, Any]:
    return {
        "command": settings.command,
        "dataset_version": settings.version,
        "labels": settings.labels,
        "data_dir": str(settings.data_dir),
        "split": settings.split,
        "split_rule": split_rule,
        "seed": settings.seed,
        "balanced": settings.balance,
    }
