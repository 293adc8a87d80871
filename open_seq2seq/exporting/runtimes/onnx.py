"""Run an ONNX model on clips: onnx.py MODEL CLIPS.npy OUTPUTS.npy, and print its timings."""

import json
import sys
import time

import numpy as np
import onnxruntime

_N_TIMED = 200


def main() -> None:
    """Write the output for each clip; print milliseconds of single clips as JSON."""
    model, clips_file, outputs_file = sys.argv[1:]
    clips = np.load(clips_file)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    (wanted,) = session.get_inputs()
    if clips.dtype == np.int16 and wanted.type == "tensor(float)":
        clips = (clips / np.float32(32768)).astype(np.float32)
    outputs, times_ms = [], []
    for index in range(max(len(clips), _N_TIMED)):
        clip = clips[index % len(clips)][None]
        started = time.perf_counter()
        (output,) = session.run(None, {wanted.name: clip})
        times_ms.append(1000 * (time.perf_counter() - started))
        if index < len(clips):
            outputs.append(output[0])
    np.save(outputs_file, np.stack(outputs))
    print(json.dumps({"times_ms": times_ms}))


main()
