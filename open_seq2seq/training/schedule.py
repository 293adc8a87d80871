"""How long a run is, and the learning rate of each step."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

from open_seq2seq.config.run_params import RunParams
from open_seq2seq.data.sampler import Sampler
from open_seq2seq.errors import UserError


class Schedule(NamedTuple):
    """Lengths in steps."""

    steps_per_epoch: int
    total: int

    @classmethod
    def of(cls, params: RunParams, sampler: Sampler) -> Schedule:
        """Return the lengths of a run over the data that ``sampler`` shares."""
        per_epoch = sampler.steps_per_epoch
        return cls(per_epoch, params.max_steps or (params.num_epochs or 0) * per_epoch)

    def learning_rate(self, policy: Any) -> Callable[[int], float]:
        """Return the learning rate of each step.

        The lengths that a policy takes and the config leaves out are filled in: a decay ends with
        the run.
        """
        given = policy.keywords
        before_decay = max(given.get("begin_decay_at", 0), given.get("warmup_steps", 0))
        lengths = {
            "decay_steps": self.total - before_decay,
            "steps_per_epoch": self.steps_per_epoch,
            "total_steps": self.total,
        }
        accepted = inspect.signature(policy.func).parameters
        bound = {
            name: value for name, value in lengths.items() if name in accepted and name not in given
        }

        def learning_rate(step: int) -> float:
            return float(policy(step, **bound))

        for step in (0, self.total - 1):  # what fails at one end would stop the run in the middle
            try:
                learning_rate(step)
            except Exception as error:
                raise UserError(
                    f"lr_policy_params: {policy.func.__name__} fails at step {step}: {error}"
                ) from None
        return learning_rate
