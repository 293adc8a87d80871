"""Learning rates as plain functions of the step.

Each takes ``global_step``, the number of steps before this one (skipped ones count), and returns
the learning rate of this step. ``decay_steps``, ``steps_per_epoch`` and ``total_steps`` are filled
in by the run where the config leaves them out. With ``warmup_steps`` the rate first climbs in a
straight line from 0, as in OpenSeq2Seq, and a decay begins after that.
"""

from __future__ import annotations

import math
from bisect import bisect_right


def _warm(rate: float, global_step: int, warmup_steps: int) -> float:
    return rate * global_step / warmup_steps if global_step < warmup_steps else rate


def _progress(global_step: int, begin_decay_at: int, decay_steps: int) -> float:
    """Share of the decay that is over, from 0 to 1."""
    if decay_steps <= 0:
        return 1.0
    return min(max(global_step - begin_decay_at, 0) / decay_steps, 1.0)


def fixed_lr(global_step: int, learning_rate: float, warmup_steps: int = 0) -> float:
    """Always ``learning_rate``."""
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
    """From ``learning_rate`` to ``min_lr`` as (1 - progress)^power; decay_steps by default: to the
    end of the run.
    """
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
    """From ``learning_rate`` to ``min_lr`` along half a cosine."""
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
    """``learning_rate`` times ``decay_rate`` per ``decay_steps``, in steps or smoothly, not below
    ``min_lr``.
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
    """``learning_rate`` / (1 + scale * step)^power, with the scale that makes it ``min_lr`` after
    ``decay_steps``.

    It goes on falling after that. ``min_lr`` is taken as 1e-8 at the least.
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
    """``learning_rate`` until the first boundary, then times the decay rate of the boundary last
    passed.

    Boundaries are epochs, and begin with the first step of that epoch; with
    ``steps_per_epoch=None`` they are steps.
    """
    place = global_step if steps_per_epoch is None else global_step / steps_per_epoch
    passed = bisect_right(boundaries, place)
    return _warm(learning_rate * [1.0, *decay_rates][passed], global_step, warmup_steps)


def transformer_policy(
    global_step: int,
    learning_rate: float,
    d_model: int,
    warmup_steps: int,
    max_lr: float | None = None,
    coefficient: float = 1.0,
) -> float:
    """Vaswani et al., "Attention Is All You Need", 2017: up in a straight line, then down as 1 /
    sqrt(step).
    """
    step = global_step + 1
    rate = learning_rate * coefficient * d_model**-0.5 * min(step * warmup_steps**-1.5, step**-0.5)
    return rate if max_lr is None else min(max_lr, rate)


def warmup_hold_decay(
    global_step: int,
    learning_rate: float,
    total_steps: int,
    warmup_ratio: float = 0.05,
    hold_ratio: float = 0.45,
    power: float = 2.0,
    min_lr: float = 0.0,
) -> float:
    """Up for a share of the run, level for another, then to ``min_lr`` as (1 - progress)^power:
    MatchboxNet's.
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
    """Up from 0 for some epochs, at most half the run, then to ``min_lr`` along half a cosine:
    BC-ResNet's.
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
