"""``--mode=try``: a local page on which a trained model is tried."""

from __future__ import annotations

import contextlib
import logging

import numpy as np

from open_seq2seq import distributed
from open_seq2seq.config import Config
from open_seq2seq.config.stream_params import StreamParams
from open_seq2seq.config.trained_run import TrainedRun
from open_seq2seq.errors import NON_FINITE_ADVICE, UserError
from open_seq2seq.modes import RunOptions
from open_seq2seq.modes.opening import open_model
from open_seq2seq.page import Page
from open_seq2seq.pretrained.model import PretrainedModel
from open_seq2seq.storage.reporting import Reporter
from open_seq2seq.streaming import StreamingDetector
from open_seq2seq.streaming.settings import settings_of

logger = logging.getLogger(__name__)


def try_model(run: Config | TrainedRun, options: RunOptions, reporter: Reporter) -> int:
    """Serve the page until it is ended, and return the exit status."""
    if distributed.launched_rank() != 0:
        return 0
    params = options.page
    with contextlib.closing(Page(params.port)) as page:
        logdir = run.logdir if isinstance(run, TrainedRun) else run.params.logdir
        model = open_model(run)
        settings = settings_of(model, params.stream)
        _check(model, settings, logdir)
        page.serve(model, settings, logdir, _tell)
    return 0


def _check(model: PretrainedModel, params: StreamParams, logdir: str) -> None:
    """Try the model once: what is wrong is told now, and what is compiled is compiled.

    Raises:
        UserError: the parameters do not suit it, or its probabilities are not finite.
    """
    detector = StreamingDetector(model, **dict(params))
    silence = np.zeros(round(params.window_s * detector.sample_rate), np.int16)
    if not np.isfinite(model.probabilities([silence])).all():
        raise UserError(f"{logdir}: its probabilities are not finite. {NON_FINITE_ADVICE}")


def _tell(address: str) -> None:
    logger.info(f"The page is at {address} and on this machine alone; Ctrl-C ends it")
