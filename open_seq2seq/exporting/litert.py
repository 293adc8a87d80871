"""A network as a LiteRT (TensorFlow Lite) file, in floats or in small integers.

The front end stays in floats: its spectra span ten decades, of which 8 bits keep two. The converter
is told so by the names of all operations before the network's first.
"""

from __future__ import annotations

import contextlib
import csv
import math
import os
import shutil
import sys
import tempfile
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from open_seq2seq.exporting.flatbuffer import operator_codes, read_tree, write_tree
from open_seq2seq.exporting.graph import ExportGraph
from open_seq2seq.lazy import tf

_NETWORK = "image2label"  # in the names of the network's operations
_KEY = b"open_seq2seq"  # of the metadata
_N_DEBUGGED = 20  # clips
_N_SHOWN = 5  # layers


class LiteRTConverter:
    """Makes the files of one graph; what several of them need is made once."""

    def __init__(self, graph: ExportGraph) -> None:
        self._graph = graph
        self._saved: dict[str, Path] = {}  # by the type of the samples
        self._in_floats: dict[str, bytes] = {}
        self._debuggers: dict[str, Any] = {}

    def convert(self, number: str, samples: str, calibration: np.ndarray | None) -> bytes:
        """Return a file.

        Args:
            number: float32, float16, int8 or int16x8.
            samples: float32 or int16.
            calibration: inputs of training clips, [clips, ...], where the network is in integers.
        """
        if calibration is not None:
            return self._convert_to_integers(number, samples, calibration)
        if number == "float32":
            return self._float32(samples)
        with quiet():
            converter = self._converter(samples)
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.target_spec.supported_types = [tf.float16]
            return converter.convert()

    def worst_layers(self, samples: str, calibration: np.ndarray) -> list[str]:
        """Return the layers that lose most in int8, each as a line, the worst first.

        Args:
            samples: float32 or int16.
            calibration: inputs of clips, [clips, ...].
        """
        with quiet():
            debugger = self._debugger(samples, calibration)
            debugger.run()
            with tempfile.TemporaryFile("w+") as file:
                debugger.layer_statistics_dump(file)
                file.seek(0)
                rows = list(csv.DictReader(file))
        errors = {row["tensor_name"]: _error_in_steps(row) for row in rows}
        worst = sorted(errors, key=lambda name: -errors[name])[:_N_SHOWN]
        return [f"{name.split(';')[0]}: {errors[name]:.1f}" for name in worst]

    def _convert_to_integers(self, number: str, samples: str, calibration: np.ndarray) -> bytes:
        with quiet():
            if self._graph.takes_waveforms:
                return self._debugger(samples, calibration).get_nondebug_quantized_model()
            converter, sets = self._converter(samples), tf.lite.OpsSet
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = _dataset(calibration)
            converter.target_spec.supported_ops = [sets.TFLITE_BUILTINS_INT8]
            converter.inference_input_type = converter.inference_output_type = tf.int8
            if number == "int16x8":
                converter.target_spec.supported_ops = [
                    sets.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
                ]
                converter.inference_input_type = converter.inference_output_type = tf.int16
            return converter.convert()

    def _converter(self, samples: str) -> Any:
        if samples not in self._saved:
            folder = tempfile.mkdtemp()
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            self._graph.save(Path(folder), batch_size=1, samples=samples)
            self._saved[samples] = Path(folder)
        return tf.lite.TFLiteConverter.from_saved_model(str(self._saved[samples]))

    def _float32(self, samples: str) -> bytes:
        if samples not in self._in_floats:
            with quiet():
                self._in_floats[samples] = self._converter(samples).convert()
        return self._in_floats[samples]

    def _debugger(self, samples: str, calibration: np.ndarray) -> Any:
        """Return what quantizes the network and leaves the front end in floats."""
        if samples not in self._debuggers:
            converter = self._converter(samples)
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
            converter.representative_dataset = _dataset(calibration)
            options = tf.lite.experimental.QuantizationDebugOptions(
                denylisted_nodes=_before_the_network(self._float32(samples))
            )
            self._debuggers[samples] = tf.lite.experimental.QuantizationDebugger(
                converter=converter,
                debug_dataset=_dataset(calibration[:_N_DEBUGGED]),
                debug_options=options,
            )
        return self._debuggers[samples]


def describe(model: bytes, description: str) -> bytes:
    """Return a file with a text in its metadata, under `open_seq2seq`."""
    from ai_edge_litert import schema_py_generated as schema

    tree = read_tree(model)
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(description.encode(), np.uint8)
    tree.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = _KEY, len(tree.buffers) - 1
    tree.metadata = [*(tree.metadata or []), entry]
    return write_tree(tree)


def description_of(model: bytes) -> str | None:
    """Return the text that `describe` has put into a file, None if there is none."""
    tree = read_tree(model)
    for entry in tree.metadata or []:
        if entry.name == _KEY:
            return bytes(tree.buffers[entry.buffer].data).decode()
    return None


def lost_weights(model: bytes) -> bool:
    """Tell whether a file has variables that nothing fills: it would give NaN without a word."""
    from ai_edge_litert import schema_py_generated as schema

    operators = set(operator_codes(read_tree(model)))
    builtin = schema.BuiltinOperator
    return builtin.VAR_HANDLE in operators and builtin.CALL_ONCE not in operators


def _dataset(calibration: np.ndarray) -> Callable[[], Iterator[list[np.ndarray]]]:
    return lambda: ([clip[None]] for clip in calibration)


def _error_in_steps(row: dict[str, str]) -> float:
    """Return the root of the mean squared error of a layer's outputs over their scale."""
    return math.sqrt(float(row["mean_squared_error"])) / float(row["scale"])


def _before_the_network(model: bytes) -> list[str]:
    """Return the names of the outputs of all operations before the network's first."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=model)
    names = {tensor["index"]: tensor["name"] for tensor in interpreter.get_tensor_details()}
    kept = []
    for operation in interpreter._get_ops_details():
        name = names[operation["outputs"][0]]
        if _NETWORK in name:
            break
        kept.append(name)
    return kept


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the converter's own lines from the terminal; its libraries write to the descriptors."""
    with contextlib.ExitStack() as stack:
        nowhere = stack.enter_context(open(os.devnull, "w"))
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        saved = [(number, os.dup(number)) for number in (1, 2)]
        try:
            for number, _ in saved:
                os.dup2(nowhere.fileno(), number)
            yield
        finally:
            for number, copy in saved:
                os.dup2(copy, number)
                os.close(copy)
