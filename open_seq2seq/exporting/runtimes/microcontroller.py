"""Run a microcontroller's model: microcontroller.py MODEL TRACKS.npy OUTPUTS.npy, print timings.

One track after the other is a stream; the output after the last frames of each is written.
By TensorFlow Lite Micro's interpreter, which also tells the tensor arena's size, or by LiteRT where
that is not installed.
"""

import json
import os
import sys
import time

import numpy as np

_ALIGNMENT = 16


class Micro:
    """TensorFlow Lite Micro's interpreter."""

    def __init__(self, model: str) -> None:
        """Open the file."""
        from tflite_micro import runtime

        self._runtime = runtime
        with open(model, "rb") as file:
            self._content = file.read()
        self._interpreter = runtime.Interpreter.from_bytes(self._content)
        self.wanted = _quantization(self._interpreter.get_input_details(0))
        self.given = _quantization(self._interpreter.get_output_details(0))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Return the output for some frames."""
        self._interpreter.set_input(values, 0)
        self._interpreter.invoke()
        return self._interpreter.get_output(0)

    def arena_bytes(self) -> int:
        """Return the size of the smallest tensor arena in which the model runs."""
        low, high = 0, len(self._content)
        while not self._fits(high):
            low, high = high, 2 * high
        while high - low > _ALIGNMENT:
            middle = (low + high) // 2
            low, high = (low, middle) if self._fits(middle) else (middle, high)
        return -(-high // _ALIGNMENT) * _ALIGNMENT

    def _fits(self, n_bytes: int) -> bool:
        # in a process of its own: in some arenas that are too small, the interpreter crashes
        process = os.fork()
        if process:
            return os.waitpid(process, 0)[1] == 0
        status = 1
        try:
            self._runtime.Interpreter.from_bytes(self._content, arena_size=n_bytes).invoke()
            status = 0
        finally:
            os._exit(status)


class LiteRT:
    """LiteRT's interpreter."""

    def __init__(self, model: str) -> None:
        """Open the file."""
        from ai_edge_litert.interpreter import Interpreter

        self._interpreter = Interpreter(model, num_threads=1)
        self._interpreter.allocate_tensors()
        (self._input,) = self._interpreter.get_input_details()
        (self._output,) = self._interpreter.get_output_details()
        self.wanted = (*self._input["quantization"], self._input["shape"])
        self.given = (*self._output["quantization"], self._output["shape"])

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Return the output for some frames."""
        self._interpreter.set_tensor(self._input["index"], values)
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self._output["index"])

    def arena_bytes(self) -> None:
        """Return nothing: its memory is not that of a microcontroller."""
        return None


def _quantization(details: dict) -> tuple:
    parameters = details["quantization_parameters"]
    return parameters["scales"][0], parameters["zero_points"][0], details["shape"]


def main() -> None:
    """Write the outputs; print milliseconds of single calls as JSON."""
    model, tracks_file, outputs_file = sys.argv[1:]
    run: Micro | LiteRT
    try:
        run = Micro(model)
    except ImportError:
        run = LiteRT(model)
    scale, zero_point, (_, n_frames, _) = run.wanted
    outputs, times_ms = [], []
    for track in np.load(tracks_file):
        steps = np.clip(np.rint(track / scale) + zero_point, -128, 127).astype(np.int8)
        for start in range(0, len(steps), n_frames):
            started = time.perf_counter()
            output = run(steps[None, start : start + n_frames])
            times_ms.append(1000 * (time.perf_counter() - started))
        scale_out, zero_out, _ = run.given
        outputs.append((output[0].astype(np.float32) - zero_out) * scale_out)
    np.save(outputs_file, np.stack(outputs).astype(np.float32))
    print(json.dumps({"times_ms": times_ms, "arena_bytes": run.arena_bytes()}))


main()
