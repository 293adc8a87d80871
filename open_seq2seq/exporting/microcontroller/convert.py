"""A network for a stream as a LiteRT file in 8-bit integers."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from open_seq2seq.exporting.flatbuffer import read_tree, write_tree
from open_seq2seq.exporting.graph import save_function
from open_seq2seq.exporting.litert import quiet
from open_seq2seq.lazy import tf
from open_seq2seq.structs import KerasModel


def convert(layer: KerasModel, tracks: np.ndarray, n_frames: int, *, output: str) -> bytes:
    """Return the file.

    Args:
        layer: `StreamLayer`.
        tracks: scaled features for calibration, float32 [tracks, frames, features].
        n_frames: that the layer takes at a time; divides the tracks' frames.
        output: int8 or uint8.
    """
    n_features = tracks.shape[-1]
    calls = tracks.reshape(-1, 1, n_frames, n_features)

    def consecutive_calls() -> Iterator[list[np.ndarray]]:
        return ([call] for call in calls)

    signature = [tf.TensorSpec((1, n_frames, n_features), tf.float32, "features")]
    with tempfile.TemporaryDirectory() as folder, quiet():
        layer(np.zeros(calls.shape[1:], np.float32))  # makes the variables
        serve = tf.function(
            lambda x: {"probabilities": layer(x)}, input_signature=signature, autograph=False
        )
        save_function(Path(folder), serve, layer.variables)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = consecutive_calls
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.int8
        converter.inference_output_type = getattr(tf, output)
        # else the past is kept in floats, in four times the memory
        converter._experimental_variable_quantization = True
        return _without_names(converter.convert())


def _without_names(model: bytes) -> bytes:
    """Leave out what no microcontroller reads: names of tensors, signatures and metadata."""
    tree = read_tree(model)
    for subgraph in tree.subgraphs:
        for tensor in subgraph.tensors:
            tensor.name = None
    tree.metadata = tree.signatureDefs = None
    return write_tree(tree)
