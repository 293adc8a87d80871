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
    given = given.stream  # those of --mode=detect have more
    if calibration is None or set(StreamParams.model_fields) <= given.model_fields_set:
        return given
    settings = calibration.apply(given)
    if dict(settings) == dict(given):
        return settings
    used = [
        f"{name}={getattr(settings, name)}"
        for name in ("method", "smoothing", "min_gap_s")
        if name not in given.given()
    ]
    if settings.thresholds:
        used.append(f"thresholds for {calibration.false_accepts_per_hour:g} false accepts per hour")
    logger.info(
        f"as calibrated: {', '.join(used)}; chosen on {calibration.hours:.3g} h, detector.json"
    )
    if calibration.checkpoint_step != model.step:
        logger.warning(
            f"detector.json is for the checkpoint of step {calibration.checkpoint_step}, and this "
            f"is step {model.step}; calibrate again with --mode=detect --calibrate"
        )
    if misfits := calibration.misfits(given):
        logger.warning(
            f"the calibrated thresholds were not chosen for {', '.join(misfits)}; calibrate again "
            "with it"
        )
    return settings
