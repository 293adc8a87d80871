"""Run a SavedModel on clips: saved_model.py MODEL CLIPS.npy OUTPUTS.npy, and print its timings."""

import json
import os
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

_N_TIMED = 200


def main() -> None:
    """Write the output for each clip; print milliseconds of single clips as JSON."""
    model, clips_file, outputs_file = sys.argv[1:]
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    clips = np.load(clips_file)
    serve = tf.saved_model.load(model).signatures["serving_default"]
    ((name, wanted),) = serve.structured_input_signature[1].items()
    if clips.dtype == np.int16 and wanted.dtype == tf.float32:
        clips = (clips / np.float32(32768)).astype(np.float32)
    outputs, times_ms = [], []
    for index in range(max(len(clips), _N_TIMED)):
        clip = tf.constant(clips[index % len(clips)][None])
        started = time.perf_counter()
        (output,) = serve(**{name: clip}).values()
        output = output.numpy()
        times_ms.append(1000 * (time.perf_counter() - started))
        if index < len(clips):
            outputs.append(output[0])
    np.save(outputs_file, np.stack(outputs))
    print(json.dumps({"times_ms": times_ms}))


main()
