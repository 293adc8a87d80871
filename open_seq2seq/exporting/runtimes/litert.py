"""Run a LiteRT model on clips: litert.py MODEL CLIPS.npy OUTPUTS.npy, and print its timings."""

import json
import sys
import time

import numpy as np
from ai_edge_litert.interpreter import Interpreter

_N_TIMED = 200


def main() -> None:
    """Write the output for each clip; print milliseconds of single clips as JSON."""
    model, clips_file, outputs_file = sys.argv[1:]
    clips = np.load(clips_file)
    interpreter = Interpreter(model, num_threads=1)
    interpreter.allocate_tensors()
    (wanted,) = interpreter.get_input_details()
    (given,) = interpreter.get_output_details()
    outputs, times_ms = [], []
    for clip in clips:
        values = _as_input(clip[None], wanted)
        started = time.perf_counter()
        interpreter.set_tensor(wanted["index"], values)
        interpreter.invoke()
        output = interpreter.get_tensor(given["index"])
        times_ms.append(1000 * (time.perf_counter() - started))
        outputs.append(_as_float(output[0], given))
    while len(times_ms) < _N_TIMED:
        started = time.perf_counter()
        interpreter.invoke()
        times_ms.append(1000 * (time.perf_counter() - started))
    np.save(outputs_file, np.stack(outputs))
    print(json.dumps({"times_ms": times_ms}))


def _as_input(values: np.ndarray, wanted: dict) -> np.ndarray:
    """Return int16 waveforms or float features as the model's input."""
    scale, zero_point = wanted["quantization"]
    if scale:
        limits = np.iinfo(wanted["dtype"])
        steps = np.rint(values / scale) + zero_point
        return np.clip(steps, limits.min, limits.max).astype(wanted["dtype"])
    if values.dtype == np.int16 and wanted["dtype"] == np.float32:
        return (values / np.float32(32768)).astype(np.float32)
    return values.astype(wanted["dtype"])


def _as_float(values: np.ndarray, given: dict) -> np.ndarray:
    if np.issubdtype(values.dtype, np.floating):
        return values.astype(np.float32)
    scale, zero_point = given["quantization"]
    return ((values.astype(np.float32) - zero_point) * scale).astype(np.float32)


main()
