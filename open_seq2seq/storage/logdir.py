"""A run's logdir: what may be in it when a run starts, and which of its checkpoints is used."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from open_seq2seq.errors import NON_FINITE_ADVICE, UserError, counted, listed
from open_seq2seq.storage import checkpoints, run_lock
from open_seq2seq.storage.checkpoints import Checkpoint, CorruptCheckpointError
from open_seq2seq.storage.progress import Progress
from open_seq2seq.storage.variables import non_finite

LAST = "checkpoints"
BEST = "best_models"
TO_AVERAGE = "to_average"
AVERAGED = "averaged_models"

logger = logging.getLogger(__name__)


def check_logdir(logdir: Path, *, continue_learning: bool, no_dir_check: bool) -> None:
    """Check a training run's logdir; nothing is written yet.

    Args:
        logdir: of the run; need not exist.
        continue_learning: there must be a checkpoint to continue from.
        no_dir_check: continue if there is a checkpoint, start if not, whatever is in the logdir.

    Raises:
        UserError: it holds something and the run is not to continue, it holds nothing to continue
            from, it cannot be written, or another run has it.
    """
    if logdir.exists() and not logdir.is_dir():
        raise UserError(f"logdir: {logdir} is a file; name a folder")
    for folder in (logdir, logdir / LAST, logdir / BEST):
        if folder.is_dir() and not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
            way = "name another with --logdir=DIR"
            if continue_learning:
                way = "copy the run to where you can write, and name the copy with --logdir=DIR"
            raise UserError(f"logdir: {folder} cannot be read and written by this user; {way}")
    # early: the run itself takes the lock only once it has read its data and built its model
    run_lock.check(logdir)
    if no_dir_check:
        return
    has_checkpoint = bool(checkpoints.list_checkpoints(logdir / LAST))
    if continue_learning and not has_checkpoint:
        raise UserError(
            f"logdir: {logdir} has no checkpoint to continue from; leave --continue_learning out, "
            "or, if a run ended here before its first one, start it again with --no_dir_check"
        )
    if not continue_learning and logdir.is_dir() and any(logdir.iterdir()):
        way = "use it anyway with --no_dir_check"
        if has_checkpoint:
            way = "continue that run with --continue_learning"
        raise UserError(f"logdir: {logdir} is not empty; {way}, or start another with --logdir=DIR")


def checkpoint_folder(logdir: Path, *, best: bool) -> Path:
    """Return the folder of the checkpoint to use: the best one if wanted and there, or the last."""
    if best and checkpoints.list_checkpoints(logdir / BEST):
        return logdir / BEST
    return logdir / LAST


def load_checkpoint(logdir: Path, *, best: bool) -> Checkpoint:
    """Load the checkpoint that eval and infer use: the newest, or the best if wanted.

    Raises:
        UserError: there is none, or its weights are not finite.
    """
    folder = checkpoint_folder(logdir, best=best)
    checkpoint = checkpoints.load_newest(folder, to_resume=False)
    if checkpoint is None:
        raise UserError(f"logdir: no checkpoint in {folder}; train first, with --mode=train_eval")
    check_finite(checkpoint, folder)
    return checkpoint


def check_finite(checkpoint: Checkpoint, folder: Path) -> None:
    """Refuse weights that are NaN or infinite: nothing can be computed with them.

    Args:
        checkpoint: that is to be used.
        folder: where it is, for the message.
    """
    names = non_finite(checkpoint.model)
    if names:
        raise UserError(
            f"{folder}: NaN or infinity in {len(names)} of "
            f"{counted(len(checkpoint.model), 'variable')} of the checkpoint of step "
            f"{checkpoint.step}:{listed(names, 5)}\n{NON_FINITE_ADVICE}"
        )


def best_progress(logdir: Path) -> Progress:
    """Return the progress of the best model of a run that continues, a new one if none can be used.

    Then the next evaluation is the best one again: without its model a score serves nobody.
    """
    try:
        best = checkpoints.load_newest(logdir / BEST, to_resume=False)
    except UserError as error:
        logger.warning("%s; the run continues, and keeps the best model from here on", error)
        return Progress()
    return Progress() if best is None else best.progress


def load_run(source: Path, *, best: bool = True) -> Checkpoint | None:
    """Return the best weights of a run, for use: of a logdir the best checkpoint, or else the last.

    Args:
        source: a logdir, a folder of checkpoints (the newest is taken), or one checkpoint.
        best: whether the best checkpoint of a logdir is preferred to its last.

    Returns:
        None where there is no checkpoint.

    Raises:
        UserError: all that there is, is corrupt, or its weights are not finite.
    """
    checkpoint = _load(source, best)
    if checkpoint is not None:
        check_finite(checkpoint, source)
    return checkpoint


def has_checkpoint(source: Path) -> bool:
    """Tell whether `load_run` finds something in ``source``, intact or not."""
    if (source / "state.json").is_file():
        return True
    return any(checkpoints.list_checkpoints(folder) for folder in _folders(source))


def _load(source: Path, best: bool) -> Checkpoint | None:
    if (source / "state.json").is_file():
        try:
            return checkpoints.load(source, to_resume=False)
        except CorruptCheckpointError as error:
            if not source.is_dir():
                raise UserError(
                    f"{source}: deleted while it was read; name its run's logdir instead"
                ) from None
            raise UserError(f"{source}: corrupt, {error}") from None
    folders = _folders(source)
    if not best:
        folders = (source / LAST, source / BEST, source)
    for folder in folders:
        checkpoint = checkpoints.load_newest(folder, to_resume=False)
        if checkpoint is not None:
            return checkpoint
    return None


def _folders(source: Path) -> tuple[Path, ...]:
    return source / BEST, source / LAST, source
