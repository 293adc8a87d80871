"""A network as an ONNX file."""

from __future__ import annotations

import logging
import warnings
from typing import Any

from open_seq2seq.exporting.graph import ExportGraph

_OPSET = 17
_LARGE = 100_000_000  # weights; of 207 million the converter was killed with 24 GB

logger = logging.getLogger(__name__)


def convert(graph: ExportGraph, samples: str, description: str) -> bytes:
    """Return the file: any number of clips in, probabilities out, with a text in its metadata.

    ONNX has no FFT that its runtime takes from this converter: the spectrum is a matrix product.

    Args:
        graph: what is converted.
        samples: float32 or int16.
        description: the text.
    """
    import onnx
    import tf2onnx

    from open_seq2seq.lazy import tf

    if graph.n_weights > _LARGE:
        logger.warning(
            f"onnx: a network of {graph.n_weights:,} weights takes more than 24 GB of memory to "
            "convert; saved_model and tflite take a few"
        )
    function, signature = graph.function(batch_size=None, samples=samples, spectrum="dft")
    named = tf.function(lambda inputs: tf.identity(function(inputs), "probabilities"))
    for name in ("tf2onnx", "tf2onnx.tfonnx", "tf2onnx.tf_loader"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model: Any
        model, _ = tf2onnx.convert.from_function(named, signature, opset=_OPSET)
    onnx.helper.set_model_props(model, {"open_seq2seq": description})
    onnx.checker.check_model(model)
    return model.SerializeToString()
