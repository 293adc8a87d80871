"""How a model listens: what was given, then what was calibrated, then the defaults."""

from __future__ import annotations

import logging

from open_seq2seq.config.stream_params import StreamParams
from open_seq2seq.pretrained.model import PretrainedModel

logger = logging.getLogger(__name__)


def settings_of(model: PretrainedModel, given: StreamParams) -> StreamParams:
    """Return how a model listens, and say so where it was calibrated.

    Args:
        model: may have a calibration.
        given: what was given of it has its say first.
    """
    calibration = model.calibration
    if calibration is None or set(StreamParams.model_fields) <= given.model_fields_set:
        return given.stream
    settings = calibration.apply(given)
    if dict(settings) == dict(given.stream):
        return settings
    logger.info(
        f"calibrated: smoothing={settings.smoothing}, min_gap_s={settings.min_gap_s:g} and "
        f"thresholds for {calibration.false_accepts_per_hour:g} false accepts per hour, chosen on "
        f"{calibration.hours:.2f} hours"
    )
    if calibration.checkpoint_step != model.step:
        logger.warning(
            f"calibrated: for the checkpoint of step {calibration.checkpoint_step}, and this is "
            f"step {model.step}; calibrate again with --mode=detect --calibrate"
        )
    if misfits := calibration.misfits(given):
        logger.warning(
            f"calibrated: the thresholds were not chosen for {', '.join(misfits)}; calibrate again "
            "with it"
        )
    return settings
