"""All that is drawn for the slots of an epoch, at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from open_seq2seq.data.augment import Draws, draw, no_draws
from open_seq2seq.data.clip_params import ClipParams
from open_seq2seq.data.context import ContextDraws, draw_contexts
from open_seq2seq.data.mixture import Mixture
from open_seq2seq.data.mixup import draw_fractions
from open_seq2seq.data.running_speech import draw_positions
from open_seq2seq.data.spec_augment import draw_rectangles


class Epoch(NamedTuple):
    """Arrays with a value for each slot of an epoch."""

    rows: np.ndarray  # int64
    draws: Draws
    positions: np.ndarray  # float64, of running speech
    contexts: ContextDraws | None = None
    rectangles: np.ndarray | None = None
    fractions: np.ndarray | None = None  # of mixup


def draw_epoch(
    params: ClipParams,
    mixture: Mixture,
    *,
    training: bool,
    seed: int,
    epoch: int,
    epoch_of_images: int,
) -> Epoch:
    """Draw an epoch; slot i gets the same values whoever asks.

    Args:
        params: what is drawn, and between which bounds.
        mixture: which row each slot has.
        training: whether the sound of clips is changed at all.
        seed: of the run.
        epoch: each one covers and mixes images afresh.
        epoch_of_images: that the images are of; where they are kept, always the first one.
    """
    n_slots, of_images = mixture.n_slots, {"seed": seed, "epoch": epoch_of_images}
    draws = draws_of(params, n_slots, training=training, **of_images)
    drawn = Epoch(mixture.rows(seed, epoch_of_images), draws, draw_positions(n_slots, **of_images))
    if params.context_prob:
        contexts = draw_contexts(params, n_slots, sample_rate=params.sample_rate, **of_images)
        drawn = drawn._replace(contexts=contexts)
    if params.n_rectangles:
        rectangles = draw_rectangles(params, n_slots, params.image_shape, seed=seed, epoch=epoch)
        drawn = drawn._replace(rectangles=rectangles)
    if params.mixup_alpha:
        fractions = draw_fractions(params.mixup_alpha, n_slots, seed=seed, epoch=epoch)
        drawn = drawn._replace(fractions=fractions)
    return drawn


def draws_of(params: ClipParams, n_slots: int, *, training: bool, seed: int, epoch: int) -> Draws:
    """Return what is drawn for the sound of each slot, or what leaves it as it is."""
    if not training:
        return no_draws(params, n_slots, params)
    return draw(
        params,
        n_slots,
        sample_rate=params.sample_rate,
        seed=seed,
        epoch=epoch,
        acoustics=params,
    )
