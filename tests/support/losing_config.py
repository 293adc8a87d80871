"""tiny_config.py with worker failures, which environment variables set.

``LOSE`` is ``phase rank signal``: in the seventh step, or in the first evaluation or checkpoint,
the process of that rank sends itself the signal. It writes the time to the file ``LOST_AT``.

``ROW_LOG`` names a file with a line for each step: the data position, the rows without padding, and
the number of workers. Each return to an earlier commit adds a line with its data position.
"""

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

from open_seq2seq import distributed
from open_seq2seq.evaluation import Evaluator
from open_seq2seq.lazy import tf
from open_seq2seq.losses import CrossEntropyLoss
from open_seq2seq.storage import checkpoints
from open_seq2seq.system.files import append_line
from open_seq2seq.training.run_state import RunState
from open_seq2seq.training.trainer import Trainer
from tests.support import tiny_config

STEP = 7
_PHASE, _RANK, _SIGNAL = os.environ.get("LOSE", "never 0 SIGKILL").split()
_RANK_HERE = distributed.launched_rank()
_IS_VICTIM = int(_RANK) == _RANK_HERE
_n_forward = 0


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
    _verify, _save = checkpoints._verify, Trainer._save

    def verify(*args: Any) -> None:
        if _IS_VICTIM:
            _lose()
        time.sleep(1.5)
        _verify(*args)

    def save(self: Any, *args: Any) -> None:
        if _IS_VICTIM and _RANK_HERE:
            threading.Timer(0.5, _lose).start()
        _save(self, *args)

    checkpoints._verify = verify
    Trainer._save = save  # type: ignore[method-assign]

if "ROW_LOG" in os.environ:
    _batches, _share = Trainer._batches, RunState.share

    def _log(line: dict[str, Any]) -> None:
        append_line(Path(os.environ["ROW_LOG"]), json.dumps(line), to_disk=False)

    def batches(self: Any) -> Any:
        for step, rows in _batches(self):
            clips = [
                int(row)
                for of_batch, batch in zip(rows, step, strict=True)
                for row in of_batch[batch.weights.numpy() > 0]
            ]
            _log({"place": list(self.state.place), "rows": clips, "size": self.workers.size})
            yield step, rows

    def share(self: Any, workers: Any) -> None:
        if workers.is_chief:  # before any process takes its next step
            _log({"back_to": list(self.place)})
        _share(self, workers)

    Trainer._batches = batches  # type: ignore[method-assign]
    RunState.share = share  # type: ignore[method-assign]

base_model = tiny_config.base_model
base_params = {**tiny_config.base_params, "loss": LosingLoss, "batch_size_per_gpu": 8}
train_params = tiny_config.train_params
eval_params = tiny_config.eval_params
test_params = tiny_config.test_params
infer_params = tiny_config.infer_params
