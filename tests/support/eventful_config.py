"""A config with all the state that a resumed run must restore.

It has BatchNorm, dropout, every augmentation, steps of two batches, a loss scale that overflows and
grows again, EMA of the weights, the best model, and early stopping. No evaluation improves by 100,
so the run stops after the 13th, at step 39 of 48.

If the environment variable STEP_LOG names a file, each step appends a line to it: its number, its
rows, a digest of its batches, and its loss, learning rate and loss scale to the last bit.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from open_seq2seq.components import Encoder, LayerOptions
from open_seq2seq.layers import batch_norm
from open_seq2seq.lazy import keras
from open_seq2seq.structs import EncoderOutputs
from open_seq2seq.system.files import append_line
from open_seq2seq.training import hooks
from tests.support import tiny_config


class NoisyPeakEncoder(Encoder):
    """BatchNorm of each mel band, max pooling over all frames, and a hidden layer with dropout."""

    def build(self, features: Any, lengths: Any, options: LayerOptions) -> EncoderOutputs:
        n_frames, n_features = features.shape[1:]
        x = keras.layers.Reshape((n_frames, 1, n_features))(features)
        norm = batch_norm.BatchNorm(
            momentum=0.9, epsilon=1e-3, dtype="float32", name="encoder.norm"
        )
        x = keras.layers.GlobalMaxPooling2D()(norm(x))
        x = keras.layers.Dense(32, "relu", name="encoder.dense")(x)
        return EncoderOutputs(keras.layers.Dropout(0.2)(x), lengths)


base_model = tiny_config.base_model
base_params = {
    **tiny_config.base_params,
    "num_epochs": 6,
    "batch_size_per_gpu": 10,
    "iter_size": 2,  # 144 rows are 8 steps of 20; the last one has 4 clips and 16 padding rows
    "encoder": NoisyPeakEncoder,
    "loss_scaling": "Backoff",
    # gradient norms overflow above 2^64
    "loss_scaling_params": {"scale_max": 2.0**68, "step_window": 3},
    "ema_decay": 0.9,
    "early_stopping_params": {"metric": "loss", "min_delta": 100.0, "patience": 12},
    "eval_steps": 3,
    "save_checkpoint_steps": 2,
    "num_checkpoints": 3,
    "save_summaries_steps": 5,
    "restore_best_checkpoint": True,
    "data_layer_params": {
        "num_readers": 1,
        "cache_data": "waveforms",
        "n_fft": 512,
        "hop_length": 250,
        "audio_length": 64,
        "num_audio_features": 32,
    },
}
train_params = {
    "data_layer_params": {
        **tiny_config.train_params["data_layer_params"],
        "augment_prob": 0.9,
        "time_shift_ms": 50.0,
        "background_noise": "{dataset_location}/{dataset_version}-noise",
        "time_masks": 1,
        "freq_masks": 1,
        "cutouts": 2,
        "mixup_alpha": 0.3,
    }
}
eval_params = tiny_config.eval_params
test_params = tiny_config.test_params
infer_params = tiny_config.infer_params


def _record_step(step: hooks.StepRecord) -> None:
    numbers = {
        "loss": step.metrics.loss,
        "learning_rate": step.learning_rate,
        "loss_scale": step.metrics.loss_scale,
    }
    weights = np.stack([batch.weights.numpy() for batch in step.batches])
    seen = b"".join(np.asarray(values).tobytes() for batch in step.batches for values in batch)
    line = {
        "step": step.step,
        "rank": step.workers.rank,
        "epoch": step.position.epoch,
        "rows": step.rows[weights > 0].tolist(),
        "batches": hashlib.sha256(seen).hexdigest(),
        **{name: float(value).hex() for name, value in numbers.items()},
    }
    append_line(Path(os.environ["STEP_LOG"]), json.dumps(line), to_disk=False)


if "STEP_LOG" in os.environ:
    hooks.after_step.append(_record_step)
