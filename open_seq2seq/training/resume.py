"""The checkpoint that a run resumes from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from open_seq2seq.components import Decoder
from open_seq2seq.data.dataset import Dataset
from open_seq2seq.errors import UserError
from open_seq2seq.storage import checkpoints
from open_seq2seq.storage.checkpoints import Checkpoint
from open_seq2seq.storage.compatibility import (
    check_classes,
    check_front_end,
    check_labels,
    check_outputs,
)
from open_seq2seq.storage.logdir import LAST, check_finite


def find_checkpoint(
    logdir: Path, data: Dataset, decoder: Decoder, changed: Sequence[str]
) -> Checkpoint | None:
    """Return the newest intact checkpoint of a run, None for a new run.

    Args:
        logdir: of the run.
        data: that it is going to train on.
        decoder: of its network.
        changed: keys of the front end whose values may differ from the checkpoint's.

    Raises:
        UserError: there are checkpoints, but none that can be used with this data.
    """
    checkpoint = checkpoints.load_newest(logdir / LAST)
    if checkpoint is None:
        return None
    if checkpoint.info.imported_from:
        raise UserError(
            f"logdir: {logdir} holds imported weights without an optimizer's state; start "
            f"another run with --load_model={logdir} --logdir=DIR"
        )
    check_labels(checkpoint.info, data.labels, f"logdir: {logdir}")
    check_classes(checkpoint.info, data.classes, f"logdir: {logdir}")
    check_outputs(checkpoint.info, decoder, f"logdir: {logdir}")
    check_front_end(checkpoint.info, data.params, f"logdir: {logdir}", changed)
    check_finite(checkpoint, logdir / LAST)
    return checkpoint
