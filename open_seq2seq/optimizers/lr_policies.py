"""Learning-rate policies: the learning rate as a function of the step.

Each function takes ``global_step``, the number of steps before this one (skipped steps count), and
returns the learning rate of this step. The run fills in ``decay_steps`` (to the end of the run),
``steps_per_epoch`` and ``total_steps`` where the config leaves them out. ``warmup_steps`` is the
length of a linear warm-up from 0, as in OpenSeq2Seq. A decay begins after the warm-up, or at step
``begin_decay_at`` if that is later.
"""

from __future__ import annotations

import math
from bisect import bisect_right


def _warm(rate: float, global_step: int, warmup_steps: int) -> float:
    """Return ``rate`` after the warm-up, and less during it."""
    if global_step < warmup_steps:
        return rate * global_step / warmup_steps
    return rate


def _progress(global_step: int, begin_decay_at: int, decay_steps: int) -> float:
    """Return the fraction of the decay that is over, from 0 to 1."""
    if decay_steps <= 0:
        return 1.0
    return min(max(global_step - begin_decay_at, 0) / decay_steps, 1.0)


def fixed_lr(global_step: int, learning_rate: float, warmup_steps: int = 0) -> float:
    """Constant ``learning_rate``."""
    return _warm(learning_rate, global_step, warmup_steps)


def poly_decay(
    global_step: int,
    learning_rate: float,
    decay_steps: int,
    power: float = 1.0,
    begin_decay_at: int = 0,
    min_lr: float = 0.0,
    warmup_steps: int = 0,
) -> float:
    """Polynomial decay from ``learning_rate`` to ``min_lr``, as (1 - progress)^power."""
    left = 1.0 - _progress(global_step, max(begin_decay_at, warmup_steps), decay_steps)
    return _warm((learning_rate - min_lr) * left**power + min_lr, global_step, warmup_steps)


def cosine_decay(
    global_step: int,
    learning_rate: float,
    decay_steps: int,
    begin_decay_at: int = 0,
    min_lr: float = 0.0,
    warmup_steps: int = 0,
) -> float:
    """Cosine decay from ``learning_rate`` to ``min_lr``."""
    progress = _progress(global_step, max(begin_decay_at, warmup_steps), decay_steps)
    rate = min_lr + (learning_rate - min_lr) * 0.5 * (1.0 + math.cos(math.pi * progress))
    return _warm(rate, global_step, warmup_steps)


def exp_decay(
    global_step: int,
    learning_rate: float,
    decay_steps: int,
    decay_rate: float,
    use_staircase_decay: bool = False,
    begin_decay_at: int = 0,
    min_lr: float = 0.0,
    warmup_steps: int = 0,
) -> float:
    """Exponential decay: times ``decay_rate`` every ``decay_steps`` steps, down to ``min_lr``.

    With ``use_staircase_decay`` the rate changes only at multiples of ``decay_steps``.
    """
    exponent = max(global_step - max(begin_decay_at, warmup_steps), 0) / decay_steps
    if use_staircase_decay:
        exponent = math.floor(exponent)
    return _warm(max(learning_rate * decay_rate**exponent, min_lr), global_step, warmup_steps)


def inv_poly_decay(
    global_step: int,
    learning_rate: float,
    decay_steps: int,
    min_lr: float,
    power: float = 1.0,
    begin_decay_at: int = 0,
    warmup_steps: int = 0,
) -> float:
    """Inverse polynomial decay: ``learning_rate`` / (1 + scale * step)^power.

    The scale is chosen so that the rate is ``min_lr`` after ``decay_steps`` steps; then it falls
    further. A ``min_lr`` below 1e-8 counts as 1e-8.
    """
    floor = min(max(min_lr, 1e-8), learning_rate)
    scale = ((learning_rate / floor) ** (1.0 / power) - 1.0) / decay_steps
    step = max(global_step - max(begin_decay_at, warmup_steps), 0)
    return _warm(learning_rate / (1.0 + scale * step) ** power, global_step, warmup_steps)


def piecewise_constant(
    global_step: int,
    learning_rate: float,
    boundaries: list[int],
    decay_rates: list[float],
    steps_per_epoch: int | None = None,
    warmup_steps: int = 0,
) -> float:
    """Piecewise constant: ``learning_rate`` times the decay rate of the last boundary passed.

    The boundaries are epochs, counted from 0 and passed at an epoch's first step. With
    ``steps_per_epoch=None`` they are steps. Before the first boundary the rate is
    ``learning_rate``.
    """
    position: float = global_step
    if steps_per_epoch is not None:
        position = global_step / steps_per_epoch
    n_passed = bisect_right(boundaries, position)
    return _warm(learning_rate * [1.0, *decay_rates][n_passed], global_step, warmup_steps)


def transformer_policy(
    global_step: int,
    learning_rate: float,
    d_model: int,
    warmup_steps: int,
    max_lr: float | None = None,
    coefficient: float = 1.0,
) -> float:
    """Linear warm-up, then decay as 1 / sqrt(step), at most ``max_lr``.

    Vaswani et al., "Attention Is All You Need", 2017. The peak is ``learning_rate`` *
    ``coefficient`` / sqrt(``d_model`` * ``warmup_steps``).
    """
    step = global_step + 1
    rate = learning_rate * coefficient * d_model**-0.5 * min(step * warmup_steps**-1.5, step**-0.5)
    if max_lr is not None:
        rate = min(max_lr, rate)
    return rate


def warmup_hold_decay(
    global_step: int,
    learning_rate: float,
    total_steps: int,
    warmup_ratio: float = 0.05,
    hold_ratio: float = 0.45,
    power: float = 2.0,
    min_lr: float = 0.0,
) -> float:
    """Linear warm-up, constant rate, then polynomial decay to ``min_lr``; used by MatchboxNet.

    Warm-up and constant rate take the fractions ``warmup_ratio`` and ``hold_ratio`` of the run.
    """
    warmup_steps = int(warmup_ratio * total_steps)
    begin_decay_at = warmup_steps + int(hold_ratio * total_steps)
    if global_step < warmup_steps:
        return learning_rate * (global_step + 1) / (warmup_steps + 1)
    return poly_decay(
        global_step, learning_rate, total_steps - begin_decay_at, power, begin_decay_at, min_lr
    )


def warmup_cosine_decay(
    global_step: int,
    learning_rate: float,
    total_steps: int,
    steps_per_epoch: int,
    warmup_epochs: float = 5.0,
    min_lr: float = 0.0,
) -> float:
    """Linear warm-up from 0, then cosine decay to ``min_lr``; used by BC-ResNet.

    The warm-up takes ``warmup_epochs`` epochs, at most half of the run.
    """
    warmup_steps = min(round(warmup_epochs * steps_per_epoch), total_steps // 2)
    return cosine_decay(
        global_step, learning_rate, total_steps - warmup_steps, 0, min_lr, warmup_steps
    )


LR_POLICIES = {
    policy.__name__: policy
    for policy in (
        fixed_lr,
        poly_decay,
        cosine_decay,
        exp_decay,
        inv_poly_decay,
        piecewise_constant,
        transformer_policy,
        warmup_cosine_decay,
        warmup_hold_decay,
    )
}
