"""Look for clips whose audio is in two splits: what was learnt by heart would be tested."""

from __future__ import annotations

import hashlib
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd

from open_seq2seq.data.audio import BadAudioError, read_wav
from open_seq2seq.errors import named
from open_seq2seq.preprocessing.silence import SAMPLE_RATE
from open_seq2seq.system.cores import n_cores

_MANY_CLIPS = 20_000  # half a minute on a slow disk

logger = logging.getLogger(__name__)


def warn_of_shared_audio(clips: pd.DataFrame, data_dir: Path) -> None:
    """Name the clips whose audio another split has too, whatever their names and formats.

    Clips that cannot be read are named too.

    Args:
        clips: a table with columns ``path`` (relative to ``data_dir``) and ``split``.
        data_dir: the dataset.
    """
    if len(clips) > _MANY_CLIPS:
        logger.info("comparing the audio of %s clips", f"{len(clips):,}")
    with ThreadPoolExecutor(n_cores()) as readers:
        digests = list(readers.map(_digest, (str(data_dir / path) for path in clips["path"])))
    table = clips[["path", "split"]].assign(digest=digests)
    unreadable = table.loc[table["digest"] == "", "path"]
    if len(unreadable):
        logger.warning(
            "%d clips cannot be read as audio: %s; training stops at them, or skips them with "
            "on_bad_audio='skip'; replace or delete them",
            len(unreadable),
            named(unreadable),
        )
    by_audio = table[table["digest"] != ""].groupby("digest")
    shared = table[by_audio["split"].transform("nunique").reindex(table.index, fill_value=0) > 1]
    if shared.empty:
        return
    examples = [
        " = ".join(
            f"{path} ({split})" for path, split in zip(same["path"], same["split"], strict=True)
        )
        for _, same in shared.drop_duplicates(["digest", "split"]).groupby("digest", sort=False)
    ]
    logger.warning(
        "%d clips have the same audio as a clip of another split, so results will be too good: "
        "%s; keep one of each",
        len(shared),
        named(examples),
    )


def _digest(path: str) -> str:
    """Return a hash of the waveform as a network gets it, or "" if there is none."""
    try:
        samples = read_wav(path, SAMPLE_RATE).samples
    except BadAudioError:
        return ""
    return hashlib.blake2b(samples.tobytes(), digest_size=16).hexdigest()
