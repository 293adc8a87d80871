"""Who speaks in a clip, as far as the name of its file tells."""

from __future__ import annotations

import logging
import re
import unicodedata
from typing import TYPE_CHECKING

from open_seq2seq.data.official_split import speaker_of
from open_seq2seq.errors import UserError, named

if TYPE_CHECKING:
    import pandas as pd

logger = logging.getLogger(__name__)


def speaker_pattern(text: str) -> re.Pattern[str]:
    """Compile a regular expression whose first group is the speaker.

    Raises:
        UserError: it is none, or has no group.
    """
    example = r"expected one such as '^([a-z]+)_', whose first group is the speaker"
    try:
        pattern = re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise UserError(
            f"--speaker_pattern {text!r}: not a regular expression ({error}); {example}"
        ) from None
    if not pattern.groups:
        raise UserError(f"--speaker_pattern {text!r}: it has no group; {example}")
    return pattern


def speaker_in(path: str, pattern: re.Pattern[str] | None = None) -> str:
    """Return the speaker that a clip's file name tells, or ``path`` where it tells none.

    So a clip of which nobody knows who speaks is nobody else's: ``001.wav`` of two words need not
    be one person.

    Args:
        path: of the clip, ``<word>/<name>``.
        pattern: searched in the name; its first group is the speaker. None: the speaker is what
            stands before ``_nohash_``.
    """
    name = path.rpartition("/")[2]
    speaker: str | None = None
    if pattern is None:
        before = speaker_of(name)
        if before != name:
            speaker = before
    elif match := pattern.search(name):
        speaker = match[1]
    # the form of the letters depends on the disk that the names come from
    return unicodedata.normalize("NFC", speaker) if speaker else path


def tells_no_speaker(clips: pd.DataFrame) -> pd.Series:
    """Tell of each clip (columns ``speaker`` and ``path``) whether nobody knows who speaks."""
    return clips["speaker"] == clips["path"]


def warn_of_unknown_speakers(clips: pd.DataFrame, pattern: re.Pattern[str] | None) -> None:
    """Say how many file names tell no speaker, and what follows from it.

    Raises:
        UserError: ``pattern`` finds a speaker in no name at all.
    """
    paths = clips.loc[tells_no_speaker(clips), "path"]
    if paths.empty:
        return
    if pattern is None:
        reason, remedy = "no _nohash_", "say who speaks with --speaker_pattern=REGEX"
    else:
        reason, remedy = f"no match of {pattern.pattern!r}", "extend --speaker_pattern"
        if len(paths) == len(clips):
            raise UserError(
                f"--speaker_pattern {pattern.pattern!r}: matches none of the {len(clips):,} file "
                f"names: {named(paths)}; expected a regular expression that finds the speaker in "
                "the name of a file, ending and all"
            )
    logger.warning(
        "%s of %s file names tell no speaker (%s): %s. Each counts as a speaker of its own, so "
        "clips of one person can be in training and in test, and results too good; %s",
        f"{len(paths):,}",
        f"{len(clips):,}",
        reason,
        named(paths),
        remedy,
    )
