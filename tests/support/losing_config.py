"""tiny_config.py with worker failures, which environment variables set.

``LOSE`` is ``phase rank signal``: in the seventh step or the first evaluation or checkpoint, the
process of that rank sends itself the signal, and writes the time into the file ``LOST_AT``.
``LATE`` is ``rank seconds``: a process that is started with that rank comes so much later.
``SLOW_ALONE`` is how many seconds longer a step takes while there is one process alone.
``ROW_LOG`` names a file that gets a line for each step, with its data position and real rows, and
for each start, with the data position to go back to.
"""

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from open_seq2seq import distributed
from open_seq2seq.distributed import Workers
from open_seq2seq.evaluation import Evaluator
from open_seq2seq.lazy import tf
from open_seq2seq.losses import CrossEntropyLoss
from open_seq2seq.storage import checkpoints
from open_seq2seq.storage.progress import Progress
from open_seq2seq.system.files import append_line
from open_seq2seq.training import hooks
from tests.support import tiny_config

STEP = 7
SAVED_STEP = 9  # the last of the first epoch: 144 rows in steps of 2 x 8
_PHASE, _RANK, _SIGNAL = os.environ.get("LOSE", "never 0 SIGKILL").split()
_RANK_HERE = distributed.launched_rank()
_IS_VICTIM = int(_RANK) == _RANK_HERE
_n_forward = 0

_LATE_RANK, _LATE_S = os.environ.get("LATE", "0 0").split()
if int(_LATE_RANK) == _RANK_HERE:
    time.sleep(float(_LATE_S))


def _lose() -> None:
    lost_at = Path(os.environ["LOST_AT"])
    if not lost_at.exists():
        lost_at.write_text(str(time.time()))
        os.kill(os.getpid(), getattr(signal, _SIGNAL))


def _in_forward(logits: Any) -> Any:
    """Count the steps; in step `STEP` the victim fails here, or alone in the all-reduce."""
    global _n_forward
    _n_forward += 1
    if _n_forward == STEP and _PHASE == "forward" and _IS_VICTIM:
        _lose()
    if _n_forward == STEP and _PHASE == "allreduce":
        if _IS_VICTIM:
            threading.Timer(1.0, _lose).start()  # by then it waits for the others
        else:
            time.sleep(2.0)
    return logits


class LosingLoss(CrossEntropyLoss):
    """Cross-entropy with a worker failure in the forward pass."""

    def __call__(self, logits: Any, batch: Any, *, training: bool = False) -> Any:
        if training and _PHASE in ("forward", "allreduce"):
            same = tf.numpy_function(_in_forward, [logits], logits.dtype, stateful=True)
            same.set_shape(logits.shape)
            logits = logits + tf.stop_gradient(0.0 * same)
        return super().__call__(logits, batch, training=training)


if _PHASE == "evaluation":
    _evaluate = Evaluator.evaluate

    def evaluate(self: Any, dataset: Any, batch_size: int, should_stop: Any = lambda: False) -> Any:
        n_batches = 0

        def lose_in_second_batch() -> bool:
            nonlocal n_batches
            n_batches += 1
            if n_batches == 2 and _IS_VICTIM:
                _lose()
            return should_stop()

        return _evaluate(self, dataset, batch_size, lose_in_second_batch)

    Evaluator.evaluate = evaluate  # type: ignore[method-assign]

if _PHASE == "saving":
    # rank 0 is slow to verify what it has written; meanwhile it, or another one, is lost
    _load = checkpoints.load

    def load(path: Path) -> checkpoints.Checkpoint:
        if path.name.endswith(".partial"):
            if _IS_VICTIM:
                _lose()
            time.sleep(1.5)
        return _load(path)

    def lose_while_rank_0_saves(step: hooks.StepRecord) -> None:
        if step.step == SAVED_STEP and _IS_VICTIM and _RANK_HERE:
            threading.Timer(0.5, _lose).start()

    checkpoints.load = load
    hooks.after_step.append(lose_while_rank_0_saves)


def _log(line: dict[str, Any]) -> None:
    append_line(Path(os.environ["ROW_LOG"]), json.dumps(line), to_disk=False)


def _log_start(progress: Progress, workers: Workers) -> None:
    if workers.is_chief:  # before any process takes its next step
        _log({"back_to": list(progress.position)})


def _log_step(step: hooks.StepRecord) -> None:
    weights = np.stack([batch.weights.numpy() for batch in step.batches])
    rows = step.rows[weights > 0].tolist()
    _log({"position": list(step.position), "rows": rows, "size": step.workers.size})


if "ROW_LOG" in os.environ:
    hooks.before_start.append(_log_start)
    hooks.after_step.append(_log_step)


def _slow_down(step: hooks.StepRecord) -> None:
    if step.workers.size == 1:
        time.sleep(float(os.environ["SLOW_ALONE"]))


if "SLOW_ALONE" in os.environ:
    hooks.after_step.append(_slow_down)

base_model = tiny_config.base_model
base_params = {**tiny_config.base_params, "loss": LosingLoss, "batch_size_per_gpu": 8}
train_params = tiny_config.train_params
eval_params = tiny_config.eval_params
test_params = tiny_config.test_params
infer_params = tiny_config.infer_params
